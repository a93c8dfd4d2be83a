"""A model directory or hub id in any diffusers layout → a `GenericPipeline` on a device.

Knows downloads and diffusers' AutoPipeline; lets a model that does not fit the card wait in main memory part
by part, by diffusers' own means.
"""

import json
import logging
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError

from engine import guards
from engine.generic.pipeline import GenericPipeline
from engine.memory.choosing import compute_dtype
from engine.memory.lodging import vacancy
from engine.memory.plan import KEPT_FREE
from engine.memory.probe import Facts, probe
from engine.memory.sizes import header
from engine.profiles import profile
from engine.prompts.chat import choose_apart
from engine.pulse import PULSE
from engine.types import EngineError, EngineSettings
from engine.upscale.plan import Plan
from engine.zimage.load import DTYPES, choose_device, threads

DOWNLOADED = ["model_index.json", "profile.json", "*/*.json", "*/*.txt", "*/*.model", "*/*.safetensors"]
LEFT_OUT = ["*.fp16.*", "*.non_ema*", "safety_checker/*", "*onnx*"]
WORKING_SHARE = 0.25
"""What a picture takes beside the weights, as a share of them; at least `WORKING_LEAST`."""
WORKING_LEAST = 2 * 1024**3

log = logging.getLogger(__name__)


def load(settings: EngineSettings, folder: Path) -> GenericPipeline:
    """Load the model in `folder`; raises `EngineError` when it cannot be read or is of no known kind."""
    from diffusers import AutoPipelineForImage2Image
    from diffusers.utils import logging as diffusers_logging
    from transformers.utils import logging as transformers_logging

    diffusers_logging.disable_progress_bar()
    transformers_logging.disable_progress_bar()
    device = choose_device(settings.device)
    precision = safe_dtype(probe(settings.device), settings.dtype)
    dtype = DTYPES[precision]
    torch.set_num_threads(settings.threads or threads())
    needed = _needed(folder, dtype)
    with guards.refusing(f"{settings.model} does not fit on {device}; free memory there or use the cpu"):
        pipe = _text_pipe(folder, dtype)
        offload = _Offload(pipe, device)
        if device.type == "cuda" and needed > probe(settings.device).free - KEPT_FREE:
            offload()
        else:
            pipe.to(device)
            needed = max(WORKING_LEAST, WORKING_SHARE * needed)
    image_pipe = _image_pipe(AutoPipelineForImage2Image, pipe)
    for each in filter(None, (pipe, image_pipe)):
        each.set_progress_bar_config(disable=True)
    log.info("loaded %s with %s on %s in %s", settings.model, type(pipe).__name__, device, dtype)
    upscaling = Plan.of(device, settings.upscalers)
    writer = choose_apart(
        settings.optimizer,
        device,
        lambda: vacancy(probe(settings.device), int(needed), precision),
    )
    told = profile(settings.model)
    return GenericPipeline(pipe, image_pipe, told, device, offload, upscaling, writer, settings.keep_language)


def _text_pipe(folder: Path, dtype: torch.dtype) -> Any:
    """Read the pipeline that draws from words."""
    from diffusers import AutoPipelineForText2Image

    try:
        return AutoPipelineForText2Image.from_pretrained(
            folder, dtype=dtype, use_safetensors=True, local_files_only=True, **_without_checker(folder)
        )
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        if guards.out_of_memory(error) or guards.device_failed(error):
            raise
        reason = str(error).partition("\n")[0]
        raise EngineError(
            "model_missing", f"{folder} cannot be read ({reason}); fetch the model again"
        ) from error


def safe_dtype(facts: Facts, wish: str) -> str:
    """Return what to compute in; float16 only where asked for: other models have no safe form of it."""
    chosen = compute_dtype(facts, wish)
    return "float32" if wish == "auto" and chosen == "float16" else chosen


def fetch(model: str) -> Path:
    """Return the folder of a directory or of a hub id, which is downloaded once."""
    from huggingface_hub import errors, snapshot_download

    if Path(model).expanduser().is_dir():
        return Path(model).expanduser()
    network_error: type[Exception] = errors.HTTPError  # type: ignore[attr-defined]
    try:
        return Path(
            snapshot_download(
                model, allow_patterns=DOWNLOADED, ignore_patterns=LEFT_OUT, tqdm_class=PULSE.bar()
            )
        )
    except (network_error, OSError) as error:
        raise EngineError(
            "model_missing", f"model {model!r} could not be downloaded; check the network and the disk"
        ) from error


class _Offload:
    """Lets each part come to the card only while it computes; says whether that is new."""

    def __init__(self, pipe: Any, device: torch.device) -> None:
        self._pipe = pipe
        self._device = device
        self._done = False

    def __call__(self) -> bool:
        if self._done or self._device.type != "cuda":
            return False
        self._done = True
        self._pipe.to("cpu")
        self._pipe.enable_model_cpu_offload(device=self._device)
        return True


def _needed(folder: Path, dtype: torch.dtype) -> float:
    """Return the bytes the whole model takes on the card, with what it works in."""
    count = sum(
        torch.Size(entry["shape"]).numel()
        for file in folder.glob("*/*.safetensors")
        if not any(file.match(pattern) for pattern in LEFT_OUT)
        for entry in header(file).values()
    )
    weights = count * torch.empty((), dtype=dtype).element_size()
    return weights + max(WORKING_LEAST, WORKING_SHARE * weights)


def _image_pipe(factory: Any, pipe: Any) -> Any | None:
    """Return the image-to-image pipeline with the same models, None where diffusers has none of this kind."""
    try:
        return factory.from_pipe(pipe)
    except ValueError:
        return None


def _without_checker(folder: Path) -> dict[str, Any]:
    """The bot moderates by itself; a checker that was left out of the download is not asked for."""
    index = json.loads((folder / "model_index.json").read_bytes())
    return {"safety_checker": None, "requires_safety_checker": False} if "safety_checker" in index else {}
