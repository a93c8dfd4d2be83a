"""Z-Image-Turbo's full architecture with random weights: the same arithmetic without the download.

A model that is laid out as on a smaller card has no text encoder: its captions are random embeddings.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from engine.embedded import WEIGHTS
from engine.memory import loader, sizes
from engine.memory.loader import Form, Place
from engine.memory.placement import Placement, form_for, place_for
from engine.memory.plan import GIB, PlanRequest
from engine.memory.planner import choose
from engine.memory.probe import Facts
from engine.memory.sizes import Z_IMAGE, Stack
from engine.memory.weights import PackedLinear
from engine.models.profiles import profile
from engine.models.zimage.block import side_by_side
from engine.models.zimage.components import Components
from engine.models.zimage.load import DTYPES

CAPTION_TOKENS = 100
QWEN3_4B = {
    "hidden_size": 2560, "intermediate_size": 9728, "num_hidden_layers": 36, "num_attention_heads": 32,
    "num_key_value_heads": 8, "head_dim": 128, "vocab_size": 151936,
}  # fmt: skip
SCHEDULER = {"shift": 3.0, "use_dynamic_shifting": False}
AXES = [1536, 512, 512]
DRIVER = GIB // 2
"""What a card's driver is taken to use of it."""
SPREAD = 0.02
"""Standard deviation of random matrices."""


@dataclass(frozen=True, slots=True)
class Architecture:
    """Configurations of the parts; `planned` is the text encoder that a smaller card has to have room for."""

    transformer: Mapping[str, Any] = field(default_factory=lambda: {"axes_lens": AXES})
    vae: Mapping[str, Any] = field(default_factory=lambda: _vae())
    text_encoder: Mapping[str, Any] = field(default_factory=lambda: QWEN3_4B)
    planned: Stack = Z_IMAGE.text_encoder


def full_size(
    device: torch.device, dtype: torch.dtype, what: Architecture | None = None
) -> tuple[Components, torch.Tensor]:
    """Return a model of 6.2 B parameters and a caption embedding for it; needs 21 GB in bfloat16.

    Its text encoder has random weights as well, and reads the small model's tokens.
    """
    from diffusers import AutoencoderKL, ZImageTransformer2DModel
    from transformers import AutoTokenizer, Qwen3Config, Qwen3Model

    what = what or Architecture()
    transformer = loader.empty(lambda: ZImageTransformer2DModel.from_config(dict(what.transformer)))
    vae = loader.empty(lambda: AutoencoderKL.from_config(dict(what.vae)))
    _fill(transformer, device, dtype, joined=side_by_side(transformer))
    encoder = loader.empty(lambda: Qwen3Model(Qwen3Config(**what.text_encoder)))
    _fill(vae, device, dtype)
    _fill(encoder, device, dtype)
    tokenizer = AutoTokenizer.from_pretrained(WEIGHTS / "tokenizer")
    components = _components(device, dtype, transformer, vae)
    return replace(components, text_encoder=encoder, tokenizer=tokenizer), _embedding(device, dtype, what)


def under(facts: Facts, limit: float) -> Facts:
    """Return the facts of the same card with `limit` GiB, of which its driver takes some."""
    total = int(limit * GIB)
    return replace(facts, total=total, free=min(facts.free, total - DRIVER))


def laid_out(
    facts: Facts, request: PlanRequest, device: torch.device, what: Architecture | None = None
) -> tuple[Components, torch.Tensor]:
    """Return a model of random weights as it is laid out on a device with `facts`, and a caption embedding.

    The plan is the one with the text encoder; what that would hold on the device is left out of the peak that
    the components' layout expects.
    """
    from diffusers import AutoencoderKL, ZImageTransformer2DModel

    what = what or Architecture()
    transformer = loader.empty(lambda: ZImageTransformer2DModel.from_config(dict(what.transformer)))
    vae = loader.empty(lambda: AutoencoderKL.from_config(dict(what.vae)))
    measured = replace(sizes.of(_shapes(transformer), {}, _shapes(vae)), text_encoder=what.planned)
    plan = choose(facts, measured, request)
    dtype, part = DTYPES[plan.dtype], "transformer"
    place, form = partial(place_for, plan, device, part), partial(form_for, plan, part)
    _fill(transformer, device, dtype, place, form, side_by_side(transformer))
    _fill(vae, device, dtype)
    components = _components(device, dtype, transformer, vae)
    placed = Placement(plan, device, transformer, components.text_encoder, vae)
    layout = partial(_report, placed)
    components = replace(components, tighten=placed.tighter, make_room=placed.make_room, layout=layout)
    return components, _embedding(device, dtype, what)


def _embedding(device: torch.device, dtype: torch.dtype, what: Architecture) -> Tensor:
    shape = (CAPTION_TOKENS, what.text_encoder["hidden_size"])
    return torch.randn(shape, device=device, dtype=dtype)


def _fill(
    module: Any,
    device: torch.device,
    dtype: torch.dtype,
    place: Place | None = None,
    form: Form = lambda name, shape: "plain",
    joined: Iterable[Sequence[str]] = (),
) -> None:
    """Give a model random weights, laid out as a real one's; without `place` all are on `device`."""
    loader.put(module, _random(module, device), dtype, device, place or (lambda name: device), form, joined)
    for owner in module.modules():
        for name, buffer in owner.named_buffers(recurse=False):
            if not isinstance(owner, PackedLinear):
                setattr(owner, name, buffer.to(device))
    module.eval().requires_grad_(False)


def _components(device: torch.device, dtype: torch.dtype, transformer: Any, vae: Any) -> Components:
    none: Any = None
    return Components(profile("full-size"), device, dtype, none, _NoEncoder(), transformer, vae, SCHEDULER)


class _NoEncoder(nn.Module):
    """Stands where a pipeline and a plan have the text encoder: no layer and one token."""

    def __init__(self) -> None:
        super().__init__()
        self.embed_tokens = nn.Embedding(1, 1)
        self.layers = nn.ModuleList()


def _report(placed: Placement, width: int, height: int) -> dict[str, str | int]:
    """Return the layout without the text encoder, which is planned for and not there."""
    report, plan = placed.report(width, height), placed.plan
    is_planned = plan.text_encoder == "resident"
    absent = int(plan.form("text_encoder").whole(plan.sizes.text_encoder)) if is_planned else 0
    return report | {"plan": plan.describe(), "peak": int(report["peak"]) - absent}


def _shapes(module: nn.Module) -> dict[str, tuple[int, ...]]:
    return {name: tuple(parameter.shape) for name, parameter in module.named_parameters()}


def _random(module: nn.Module, device: torch.device) -> Iterator[tuple[str, Tensor]]:
    """Yield a value for every parameter: matrices of small numbers, norms of ones, biases of zeros."""
    for name, shape in _shapes(module).items():
        if len(shape) > 1:
            yield name, SPREAD * torch.randn(shape, device=device)
        else:
            yield name, torch.full(shape, 0.0 if name.endswith("bias") else 1.0, device=device)


def _vae() -> dict[str, Any]:
    return {
        "block_out_channels": (128, 256, 512, 512),
        "down_block_types": ("DownEncoderBlock2D",) * 4,
        "up_block_types": ("UpDecoderBlock2D",) * 4,
        "layers_per_block": 2,
        "latent_channels": 16,
        "scaling_factor": 0.3611,
        "shift_factor": 0.1159,
        "use_quant_conv": False,
        "use_post_quant_conv": False,
    }
