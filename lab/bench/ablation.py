"""The engine without its speed-ups: the slower ways of the stock pipeline, put in their place one by one."""

from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack, contextmanager
from copy import deepcopy
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor

from engine.models.zimage.components import Components
from engine.models.zimage.pipeline import ZImagePipeline
from engine.models.zimage.speed import Speed
from engine.models.zimage.vae import Vae

IN_TRANSFORMER = ("fused_weights", "native_norm", "real_rope", "once_per_schedule", "addcmul", "attention")
"""The transformer's speed-ups; their results differ from the stock pipeline's by rounding.

One product for query, key and value and one for w1 and w3; torch's own RMSNorm; rotary embedding without
complex numbers; time embedding and modulation of all steps at once; gate and residual in one operation;
attention kernels in the order `attention.py` prefers.
"""
IN_VAE = ("channels_last", "lean_decoder")
"""The same of the VAE: its memory layout, and a decoder with fewer products."""


def plain_norm(values: Tensor, eps: float) -> Tensor:
    """RMSNorm in the stock pipeline's single operations, the variance in float32."""
    variance = values.float().pow(2).mean(-1, keepdim=True)
    return (values * torch.rsqrt(variance + eps)).to(values.dtype)


TWINS: dict[str, tuple[str, Callable[..., Any]]] = {
    "fused_weights": ("engine.models.zimage.block._plain", lambda layers: False),
    "native_norm": ("engine.models.zimage.block.norm", plain_norm),
    "once_per_schedule": (
        "engine.models.zimage.denoiser.Denoiser.modulation",
        lambda self, sigmas, step: self._modulations([sigmas[step]])[0],
    ),
    "addcmul": ("torch.addcmul", lambda base, factor, value: base + factor * value),
    "attention": ("engine.models.zimage.attention.chosen", lambda transformer: None),
}


@contextmanager
def only(kept: Collection[str]) -> Iterator[None]:
    """Have pipelines that are built and run inside the block keep these speed-ups alone."""
    with ExitStack() as stack:
        for target, twin in (twin for name, twin in TWINS.items() if name not in kept):
            stack.enter_context(patch(target, twin))
        yield


def pipeline_with(
    components: Components, kept: Collection[str], guided_share: float = 0.25
) -> ZImagePipeline:
    """Return a pipeline for runs inside `only(kept)`."""
    speed = Speed(real_rope="real_rope" in kept, lean_decoder=False)
    with only(kept):
        return ZImagePipeline(components, guided_share, speed)


def vae_with(model: Any, kept: Collection[str]) -> Vae:
    """Return our VAE around a copy of `model` with these of `IN_VAE`."""
    vae = Vae(deepcopy(model), "lean_decoder" in kept)
    if "channels_last" not in kept:
        vae.model.to(memory_format=torch.contiguous_format)
        vae.memory_format = torch.contiguous_format
    return vae
