"""A model directory or hub id in `ZImagePipeline` layout → a `ZImagePipeline` on a device.

Knows folders, downloads, devices and precisions. Reads safetensors only. Heavy modules are imported from
where they are defined, inside the functions, so that nothing is loaded before it is needed.
"""

import json
import logging
import os
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors import SafetensorError

from engine import guards
from engine.memory import filling, placement, sizes
from engine.memory.choosing import choose_largest
from engine.memory.lodging import Vacancy, vacancy
from engine.memory.placement import Placement
from engine.memory.plan import Plan, Wish
from engine.memory.probe import probe
from engine.memory.weights import PackedLinear
from engine.profiles import EMBEDDED, EMBEDDED_WEIGHTS, profile
from engine.prompts import chat, embedded_world
from engine.prompts.rewriting import Writer
from engine.pulse import PULSE
from engine.types import EngineError, EngineSettings
from engine.upscale.plan import Plan as Upscaling
from engine.zimage.components import Components
from engine.zimage.method import Method
from engine.zimage.pipeline import ZImagePipeline
from engine.zimage.preview import load_preview
from engine.zimage.speed import Speed

PARTS = ("tokenizer", "text_encoder", "transformer", "vae", "scheduler")
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
DOWNLOADED = [
    "model_index.json",
    "profile.json",
    "preview.safetensors",
    "scheduler/*.json",
    "tokenizer/*",
    *(f"{part}/{pattern}" for part in PARTS[1:4] for pattern in ("*.json", "*.safetensors")),
]

log = logging.getLogger(__name__)
T = TypeVar("T")


def load(settings: EngineSettings) -> ZImagePipeline:
    """Load the model `settings` names, downloading it on first use.

    Raises `EngineError("model_missing")` when it cannot be had, `EngineError("bad_input")` for an impossible
    device, dtype, form of weights or method of sampling, `EngineError("out_of_memory")` when no plan fits;
    all say what to do.
    """
    device, method = choose_device(settings.device), Method.of(settings.schedule, settings.reuse)
    torch.set_num_threads(settings.threads or threads())
    folder = find(settings.model)
    plan = planned(settings, folder)
    log.info("plan for %s: %s (%s)", settings.model, plan.describe(), plan.why)
    with guards.refusing(f"{settings.model} does not fit on {device}; free memory there or use the cpu"):
        components = read(folder, settings.model, device, plan)
        return _pipeline(settings, components, plan, method)


def _pipeline(settings: EngineSettings, components: Components, plan: Plan, method: Method) -> ZImagePipeline:
    """Build the pipeline around a model that was read, ready for its first picture."""
    device = components.device
    log.info("loaded %s on %s in %s", components.profile.name, device, plan.dtype)
    writer = _writer(settings, components, plan)
    upscaling = Upscaling.of(device, settings.upscalers, settings.detail)
    keep_language = settings.keep_language
    pipeline = ZImagePipeline(
        replace(components, writer=writer, upscaling=upscaling, keep_language=keep_language),
        speed=Speed.of(device.type, settings.cuda_graphs),
        method=method,
    )
    pipeline.warm()
    return pipeline


def _writer(settings: EngineSettings, components: Components, plan: Plan) -> Writer | None:
    """Return the language model that writes prompts; a small world's prompts are written by rules."""
    if components.world is not None:
        return None
    encoder, tokenizer, device = components.text_encoder, components.tokenizer, components.device

    def free() -> Vacancy:
        transient = plan.transient(plan.wish.width, plan.wish.height)
        return vacancy(probe(settings.device), transient, plan.form("text_encoder").dtype)

    return chat.choose(settings.optimizer, encoder, tokenizer, device, plan, free)


def planned(settings: EngineSettings, folder: Path) -> Plan:
    """Return how the model in `folder` is to be laid out on the device there is now."""
    choose_device(settings.device)
    side = profile(settings.model).base_size
    wish = Wish(side, side, settings.dtype, settings.weights)
    return choose_largest(probe(settings.device), sizes.read(folder), wish)


def choose_device(name: str) -> torch.device:
    """`auto` prefers CUDA, then Apple's MPS, then the CPU."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    kind = name.partition(":")[0]
    there = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if not there.get(kind, False):
        raise EngineError("bad_input", f"device {name!r} is not here; use auto, cpu, cuda or mps")
    return torch.device(name)


def threads() -> int:
    """Return the CPU threads to compute with: all but one, and no more than torch thinks useful."""
    return max(1, min(torch.get_num_threads(), (os.cpu_count() or 1) - 1))


def find(model: str) -> Path:
    """Return the folder of `embedded`, a directory or a hub id; a hub id is downloaded once."""
    folder = EMBEDDED_WEIGHTS if model == EMBEDDED else Path(model).expanduser()
    if model != EMBEDDED and not folder.is_dir():
        folder = _download(model)
    missing = [part for part in PARTS if not (folder / part).is_dir()]
    if missing:
        raise EngineError(
            "model_missing",
            f"{folder} lacks {', '.join(missing)}; give the folder of a model in ZImagePipeline layout",
        )
    return folder


def read(folder: Path, model: str, device: torch.device, plan: Plan) -> Components:
    """Read every component of `folder` as `plan` says, each tensor straight to its place."""
    from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
    from diffusers.models.transformers.transformer_z_image import ZImageTransformer2DModel
    from transformers import AutoTokenizer
    from transformers.models.qwen3.configuration_qwen3 import Qwen3Config
    from transformers.models.qwen3.modeling_qwen3 import Qwen3Model

    def filled(part: str, build: Callable[[Path], Any]) -> Any:
        module = _readable(folder / part, lambda place: filling.empty(lambda: build(place)))
        where = partial(placement.place_for, plan, device, part)
        form, dtype = partial(placement.form_for, plan, part), DTYPES[plan.form(part).dtype]
        _readable(folder / part, lambda place: filling.fill(module, place, dtype, device, where, form))
        for owner in module.modules():
            for name, buffer in owner.named_buffers(recurse=False):
                if not isinstance(owner, PackedLinear):
                    setattr(owner, name, buffer.to(device))
        return module.eval().requires_grad_(False)

    def transformer(place: Path) -> Any:
        return ZImageTransformer2DModel.from_config(ZImageTransformer2DModel.load_config(place))

    encoder = filled("text_encoder", lambda place: Qwen3Model(Qwen3Config.from_pretrained(place)))
    placement.table_for(encoder, device)
    denoiser = filled("transformer", transformer)
    dtype = DTYPES[plan.dtype]
    vae = _readable(folder / "vae", partial(AutoencoderKL.from_pretrained, dtype=dtype, use_safetensors=True))
    vae = vae.to(device).eval().requires_grad_(False)
    placed = Placement(plan, device, denoiser, encoder, vae)
    return Components(
        profile=profile(model),
        device=device,
        dtype=dtype,
        tokenizer=_readable(folder / "tokenizer", AutoTokenizer.from_pretrained),
        text_encoder=encoder,
        transformer=denoiser,
        vae=vae,
        scheduler=_readable(folder / "scheduler" / "scheduler_config.json", _json),
        preview=load_preview(folder),
        world=embedded_world() if model == EMBEDDED else None,
        tighten=placed.tighter,
        make_room=placed.make_room,
        layout=placed.told,
    )


def _json(path: Path) -> dict[str, Any]:
    return dict(json.loads(path.read_bytes()))


def _readable(path: Path, read: Callable[[Path], T]) -> T:
    try:
        return read(path)
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        if guards.out_of_memory(error) or guards.device_failed(error):
            raise
        reason = str(error).partition("\n")[0]
        raise EngineError(
            "model_missing", f"{path} cannot be read ({reason}); fetch the model again"
        ) from error


def _download(model: str) -> Path:
    from huggingface_hub import errors, snapshot_download

    # The base error of whichever HTTP client the hub's own client uses.
    network_error: type[Exception] = errors.HTTPError  # type: ignore[attr-defined]
    try:
        return Path(snapshot_download(model, allow_patterns=DOWNLOADED, tqdm_class=PULSE.bar()))
    except (errors.HFValidationError, errors.RepositoryNotFoundError) as error:
        raise EngineError(
            "model_missing",
            f"model {model!r} is neither a directory nor on the hub; use embedded, a directory or a hub id "
            "such as Tongyi-MAI/Z-Image-Turbo (private ones need HF_TOKEN)",
        ) from error
    except (network_error, OSError) as error:
        raise EngineError(
            "model_missing",
            f"model {model!r} is not on this machine and could not be downloaded; check the network and the "
            "disk, or set the model to embedded or to a directory that holds it",
        ) from error
