"""A model directory or hub id in any diffusers layout → a `GenericPipeline` on a device.

A model that does not fit the card waits in main memory part by part, by diffusers' own offloading.
"""

import logging
import math
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any

import torch

from engine import guards
from engine.files import hub, quantized, shards
from engine.files.shards import Part
from engine.memory.plan import KEPT_FREE
from engine.memory.planner import compute_dtype
from engine.memory.probe import Facts, probe
from engine.memory.residency import free_memory
from engine.models.diffusers.pipeline import GenericPipeline
from engine.models.profiles import EDITORS, profile
from engine.models.zimage.load import DTYPES, threads, use_device
from engine.prompts import Target
from engine.prompts.llm import choose
from engine.types import EngineError, EngineSettings
from engine.upscale.plan import UpscalePlan

LIBRARIES = ("diffusers", "transformers")
CHECKER = "safety_checker"
SINGLE = "model.safetensors"
LONGEST_REASON = 200
WORKING_SHARE = 0.25
"""The memory a picture takes besides the weights, as a share of them; at least `WORKING_LEAST`."""
WORKING_LEAST = 2 * 1024**3

log = logging.getLogger(__name__)


def load(settings: EngineSettings, folder: Path) -> GenericPipeline:
    """Load the model in `folder`; raises `EngineError` when it cannot be read or is of no known kind."""
    from diffusers import AutoPipelineForImage2Image
    from diffusers.utils import logging as diffusers_logging
    from transformers.utils import logging as transformers_logging

    diffusers_logging.disable_progress_bar()
    transformers_logging.disable_progress_bar()
    device = use_device(settings.device)
    precision = safe_dtype(probe(settings.device), settings.dtype)
    dtype = DTYPES[precision]
    torch.set_num_threads(settings.threads or threads())
    needed = _needed(folder, dtype)
    with guards.oom_as(f"{settings.model} does not fit on {device}; free memory there or use the cpu"):
        kind = str(shards.json_object(folder / hub.INDEX)["_class_name"])
        pipe = _stock_pipe(folder, dtype, kind)
        offload = _Offload(pipe, device)
        if device.type == "cuda" and needed > probe(settings.device).free - KEPT_FREE:
            offload()
        else:
            pipe.to(device)
            needed = max(WORKING_LEAST, WORKING_SHARE * needed)
    image_pipe = None
    if kind in EDITORS:
        pipe, image_pipe = getattr(import_module("diffusers"), EDITORS[kind]).from_pipe(pipe), pipe
    else:
        with suppress(ValueError):  # diffusers has no image-to-image pipeline of this kind
            image_pipe = AutoPipelineForImage2Image.from_pipe(pipe)
    for each in filter(None, (pipe, image_pipe)):
        each.set_progress_bar_config(disable=True)
    log.info("loaded %s with %s on %s in %s", settings.model, type(pipe).__name__, device, dtype)
    upscaling = UpscalePlan.of(device, settings.upscalers)
    writer = choose.choose_apart(
        settings.optimizer,
        device,
        lambda: free_memory(probe(settings.device), int(needed), precision),
        settings.threads,
    )
    known, language = profile(settings.model), settings.prompt_language
    translates = not Target(language, "zh" in known.reads).keeps_chinese
    translator = choose.translator(settings.optimizer, settings.threads) if translates else None
    return GenericPipeline(pipe, image_pipe, known, device, offload, upscaling, writer, language, translator)


def _stock_pipe(folder: Path, dtype: torch.dtype, kind: str) -> Any:
    """Read the pipeline `kind`, or the one for text; its models first, so that what they lack is known."""
    from diffusers import AutoPipelineForText2Image

    check(folder)
    index = shards.json_object(folder / hub.INDEX)
    try:
        models = {name: _model(folder / name, *kind, dtype) for name, kind in _models(folder).items()}
        own = getattr(import_module("diffusers"), kind) if kind in EDITORS else AutoPipelineForText2Image
        return own.from_pretrained(
            folder,
            dtype=dtype,
            use_safetensors=True,
            local_files_only=True,
            **models,
            # The safety checker is not downloaded: the bot has its own.
            **({CHECKER: None, "requires_safety_checker": False} if CHECKER in index else {}),
        )
    except ImportError as error:
        lacking = " ".join(str(error).split())[:LONGEST_REASON]
        raise EngineError("model_missing", f"{kind} needs more than is installed: {lacking}") from error
    except shards.UNREADABLE as error:
        if guards.out_of_memory(error) or guards.device_failed(error):
            raise
        raise EngineError(
            "model_missing", f"{folder} cannot be read ({shards.reason(error)}); fetch the model again"
        ) from error


def check(folder: Path) -> list[str]:
    """Check every file of the model in `folder`; return remarks on them.

    Raises `EngineError("model_missing")` for what would not be read, or not as it is meant.
    """
    parts = _parts(folder)
    for part in parts:
        quantized.refuse(part, shards.json_object(part.folder / "config.json"))
        if part.index is not None and (
            single := {SINGLE, *part.tensors}.intersection((*part.unread, *part.unlisted))
        ):
            # Which of the two is read is for the libraries to say, and they don't agree.
            raise shards.missing(
                f"{part.folder} holds {shards.some(single)} twice, beside what {part.index.name} names"
            )
    return [remark for part in parts for remark in part.remarks]


def _parts(folder: Path) -> list[Part]:
    return [shards.read(folder / name) for name in _models(folder)]


def _models(folder: Path) -> dict[str, tuple[str, str]]:
    """Return name → library and class of the parts with weights, from the model's index."""
    found = {}
    for name, value in shards.json_object(folder / hub.INDEX).items():
        is_part = isinstance(value, list) and len(value) == 2 and value[0] in LIBRARIES
        if not is_part or name == CHECKER:
            continue
        if not (folder / name).is_dir():
            raise shards.missing(f"{folder} lacks {name}, which its {hub.INDEX} names")
        for config in (folder / name).glob("[!.]*config.json"):
            shards.json_object(config)
        if (folder / name / "config.json").exists():
            found[name] = (value[0], value[1])
    return found


def _model(place: Path, library: str, name: str, dtype: torch.dtype) -> Any:
    """Read one model; raises for tensors it lacks, which its library would leave at random."""
    part = shards.read(place)
    model, value = getattr(import_module(library), name).from_pretrained(
        place,
        dtype=dtype,
        use_safetensors=True,
        local_files_only=True,
        variant=part.variant or None,
        output_loading_info=True,
    )
    for remark in [*part.remarks, *quantized.loaded(place, len(part.tensors), value)]:
        log.warning("%s", remark)
    return model


def safe_dtype(facts: Facts, name: str) -> str:
    """Return what to compute in; float16 only where asked for: other models have no safe form of it."""
    chosen = compute_dtype(facts, name)
    return "float32" if name == "auto" and chosen == "float16" else chosen


def fetch(model: str) -> Path:
    """Return the folder of a directory or of a hub id, which is downloaded once."""
    return hub.folder(model) or hub.download(model)


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
    tensors = [entry.shape for part in _parts(folder) for entry in part.tensors.values()]
    count = sum(map(math.prod, tensors))
    weights = count * torch.empty((), dtype=dtype).element_size()
    return weights + max(WORKING_LEAST, WORKING_SHARE * weights)
