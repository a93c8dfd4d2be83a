# syntax=docker/dockerfile:1
# TORCH_INDEX is where torch comes from: empty is the package index's build, for NVIDIA cards; pytorch.org, "Get
# started", names the one for processors alone, which is a tenth of the size.
ARG PYTHON=3.12

FROM python:${PYTHON}-slim-bookworm AS build
ARG TORCH_INDEX=""
ARG EXTRAS="writer,cluster"
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv /app
WORKDIR /src
COPY constraints.txt ./
RUN /app/bin/pip install --constraint constraints.txt ${TORCH_INDEX:+--index-url "$TORCH_INDEX"} torch
COPY pyproject.toml README.md LICENSE ./
COPY bot bot
COPY engine engine
COPY adapters adapters
RUN /app/bin/pip install --constraint constraints.txt ".[${EXTRAS}]"

FROM python:${PYTHON}-slim-bookworm
RUN useradd --uid 1000 --create-home bot \
    && install --directory --owner bot --mode 700 /data \
    && install --directory --owner bot /models
COPY --from=build /app /app
ENV PATH="/app/bin:$PATH" PYTHONUNBUFFERED=1 HF_HOME=/models ZIMAGE_BOT_DATA_DIR=/data
USER 1000
WORKDIR /data
VOLUME ["/data", "/models"]
EXPOSE 7860
HEALTHCHECK --interval=30s --timeout=5s --start-period=120s CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:7860/healthz', timeout=4)"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["python", "-m", "bot"]
CMD ["run"]
