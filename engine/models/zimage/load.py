"""A model in `ZImagePipeline` layout, or in other programs' single files → a `ZImagePipeline` on a device.

Reads safetensors and GGUF only. Heavy modules are imported inside the functions, so that nothing is loaded
before it is needed.
"""

import logging
import os
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import torch

from engine import guards
from engine.embedded.vocabulary import world_in
from engine.files import hub, quantized, shards
from engine.files.parts import PARTS, ModelFiles, PartName
from engine.memory import loader, placement, sizes
from engine.memory.placement import Placement
from engine.memory.plan import Plan, PlanRequest
from engine.memory.planner import choose_largest
from engine.memory.probe import probe
from engine.memory.residency import FreeMemory, free_memory
from engine.memory.weights import PackedLinear
from engine.models import presets, sources
from engine.models.profiles import profile
from engine.models.zimage.block import side_by_side
from engine.models.zimage.components import Components
from engine.models.zimage.lora import Loras, lora_folder
from engine.models.zimage.pipeline import ZImagePipeline
from engine.models.zimage.preview import PreviewMap, load_preview
from engine.models.zimage.speed import Speed
from engine.prompts import Target, Writer
from engine.prompts.llm import choose
from engine.sampling.steps import SamplingOptions
from engine.types import EngineError, EngineSettings
from engine.upscale import detail
from engine.upscale.plan import UpscalePlan

FOLDERS = ("tokenizer", "text_encoder", "transformer", "vae", "scheduler")
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}

log = logging.getLogger(__name__)
T = TypeVar("T")


def load(settings: EngineSettings) -> ZImagePipeline:
    """Load the model `settings` names, downloading it on first use.

    Raises `EngineError("model_missing")` when it cannot be had, `EngineError("bad_input")` for an impossible
    device, dtype, form of weights or experiment, `EngineError("out_of_memory")` when no plan fits;
    all say what to do.
    """
    device, options = use_device(settings.device), SamplingOptions.of(settings.experimental)
    lora_folder(settings.loras)
    settings = presets.expanded(settings, lambda: probe(settings.device))
    torch.set_num_threads(settings.threads or threads())
    files = find(settings)
    plan = planned(settings, files)
    log.info("plan for %s: %s (%s)", settings.model, plan.describe(), plan.why)
    with guards.oom_as(f"{settings.model} does not fit on {device}; free memory there or use the cpu"):
        components = read(files, settings, device, plan)
        return _pipeline(settings, components, plan, options)


def _pipeline(
    settings: EngineSettings, components: Components, plan: Plan, options: SamplingOptions
) -> ZImagePipeline:
    """Build the pipeline around a model that was read, ready for its first picture."""
    device = components.device
    log.info("loaded %s on %s in %s", components.profile.name, device, plan.dtype)
    writer = _writer(settings, components, plan)
    share = detail.SHARE if "detail" in settings.experimental else 0.0
    upscaling = UpscalePlan.of(device, settings.upscalers, share)
    language = settings.prompt_language
    translates = (
        components.world is None and not Target(language, "zh" in components.profile.reads).keeps_chinese
    )
    translator = choose.translator(settings.optimizer, settings.threads) if translates else None
    components = replace(components, prompt_language=language, translator=translator)
    pipeline = ZImagePipeline(
        replace(components, writer=writer, upscaling=upscaling),
        speed=Speed.of(device.type, "cuda-graphs" in settings.experimental),
        options=options,
        loras=Loras(lora_folder(settings.loras), components.transformer),
    )
    pipeline.warm()
    return pipeline


def _writer(settings: EngineSettings, components: Components, plan: Plan) -> Writer | None:
    """Return the language model that writes prompts; a small world's prompts are written by rules."""
    if components.world is not None:
        return None
    encoder, tokenizer, device = components.text_encoder, components.tokenizer, components.device

    def free() -> FreeMemory:
        transient = plan.transient(plan.request.width, plan.request.height)
        return free_memory(probe(settings.device), transient, plan.form("text_encoder").dtype)

    return choose.choose(settings.optimizer, encoder, tokenizer, device, plan, free, settings.threads)


def planned(settings: EngineSettings, files: ModelFiles) -> Plan:
    """Return how a model is to be laid out on the device there is now."""
    choose_device(settings.device)
    side = profile(settings.model, base=settings.base).drawn_side
    request = PlanRequest(side, side, settings.dtype, settings.weights)
    return choose_largest(probe(settings.device), sizes.read(files), request)


def choose_device(name: str) -> torch.device:
    """`auto` prefers CUDA, then Apple's MPS, then the CPU."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    kind = name.partition(":")[0]
    there = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if not there.get(kind, False):
        raise EngineError("bad_input", f"device {name!r} is not here; use auto, cpu, cuda or mps")
    # Torch's calls for one device take no CUDA device without its number.
    return torch.device(kind, 0) if name == "cuda" else torch.device(name)


def use_device(name: str) -> torch.device:
    """Choose a device; calls to CUDA that name none then mean it, in this thread."""
    device = choose_device(name)
    if device.type == "cuda":
        torch.cuda.set_device(device)
    return device


def threads() -> int:
    """Return the CPU threads to compute with: all but one, and no more than torch thinks useful."""
    return max(1, min(torch.get_num_threads(), (os.cpu_count() or 1) - 1))


def find(settings: EngineSettings) -> ModelFiles:
    """Return the files of the model that the settings name; what is on the hub is downloaded once."""
    files = sources.find(settings)
    _whole(files)
    return files


def _whole(files: ModelFiles) -> None:
    folder = files.base
    missing = [part for part in FOLDERS if not (folder / part).is_dir()]
    if missing:
        others = [file.name for file in sorted(folder.glob("[!.]*")) if file.suffix in hub.SINGLE]
        held = f" and holds {shards.some(others)}, a single file of another program" if others else ""
        raise EngineError(
            "model_missing",
            f"{folder} lacks {', '.join(missing)}{held}; give the folder of a model in ZImagePipeline layout",
        )


def check(files: ModelFiles) -> list[str]:
    """Read everything but the weights' values as `read` does; return remarks on the files.

    Raises `EngineError("model_missing")` for what would not be read.
    """
    _whole(files)
    remarks = [
        remark for part in PARTS for remark in loader.match(outline(files, part), files.read(part)).remarks
    ]
    _small(files.base)
    return remarks


def read(files: ModelFiles, settings: EngineSettings, device: torch.device, plan: Plan) -> Components:
    """Read every component of a model as `plan` says, each tensor straight to its place."""

    def filled(part: PartName) -> Any:
        module, where = outline(files, part), partial(placement.place_for, plan, device, part)
        form, dtype = partial(placement.form_for, plan, part), DTYPES[plan.form(part).dtype]
        joined = side_by_side(module) if part == "transformer" else ()
        _readable(
            files.place(part),
            lambda place: loader.fill(module, files.read(part), dtype, device, where, form, joined),
        )
        for owner in module.modules():
            for name, buffer in owner.named_buffers(recurse=False):
                if not isinstance(owner, PackedLinear):
                    setattr(owner, name, buffer.to(device))
        return module.eval().requires_grad_(False)

    encoder = filled("text_encoder")
    placement.table_for(encoder, device)
    denoiser, vae = filled("transformer"), filled("vae")
    placed = Placement(plan, device, denoiser, encoder, vae)
    tokenizer, scheduler, preview = _small(files.base)
    described = profile(settings.model, base=settings.base)
    return Components(
        profile=replace(described, spares_guidance=described.spares_guidance and not settings.guides_always),
        device=device,
        dtype=DTYPES[plan.dtype],
        tokenizer=tokenizer,
        text_encoder=encoder,
        transformer=denoiser,
        vae=vae,
        scheduler=scheduler,
        preview=preview,
        world=world_in(files.base),
        tighten=placed.tighter,
        make_room=placed.make_room,
        layout=placed.report,
    )


def _text_encoder(place: Path) -> Any:
    from transformers.models.qwen3.configuration_qwen3 import Qwen3Config
    from transformers.models.qwen3.modeling_qwen3 import Qwen3Model

    return Qwen3Model(Qwen3Config.from_pretrained(place))


def _transformer(place: Path) -> Any:
    from diffusers.models.transformers.transformer_z_image import ZImageTransformer2DModel

    return ZImageTransformer2DModel.from_config(ZImageTransformer2DModel.load_config(place))


def _vae(place: Path) -> Any:
    from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL

    return AutoencoderKL.from_config(AutoencoderKL.load_config(place))


BUILT: dict[PartName, Callable[[Path], Any]] = {
    "text_encoder": _text_encoder,
    "transformer": _transformer,
    "vae": _vae,
}


def outline(files: ModelFiles, part: PartName) -> Any:
    """Build a part from its config.json, without values."""
    quantized.refuse_configured(files.place(part), files.config_values(part))
    return _readable(files.config(part), lambda place: loader.empty(lambda: BUILT[part](place)))


def _small(folder: Path) -> tuple[Any, dict[str, Any], PreviewMap | None]:
    """Read tokenizer, scheduler and preview."""
    from transformers import AutoTokenizer

    tokenizer = _readable(folder / "tokenizer", AutoTokenizer.from_pretrained)
    scheduler = shards.json_object(folder / "scheduler" / "scheduler_config.json")
    return tokenizer, scheduler, _readable(folder, load_preview)


def _readable(path: Path, read: Callable[[Path], T]) -> T:
    try:
        return read(path)
    except shards.UNREADABLE as error:
        if guards.out_of_memory(error) or guards.device_failed(error):
            raise
        raise EngineError(
            "model_missing", f"{path} cannot be read ({shards.reason(error)}); fetch the model again"
        ) from error
