"""The plan's estimates against the tensors that are really alive, at full size and without any numbers."""

import weakref
from dataclasses import replace
from typing import Any

import pytest
import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from diffusers.models.transformers.transformer_z_image import ZImageTransformer2DModel
from torch import Tensor, nn
from torch.nn import functional
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from engine.memory import strips
from engine.memory.plan import Decode, Plan, PlanRequest
from engine.memory.planner import choose
from engine.memory.sizes import Z_IMAGE
from engine.models.zimage.denoiser import Denoiser
from engine.models.zimage.speed import Speed
from tests.engine.memory.test_plan import card

META = torch.device("meta")


class Alive(TorchDispatchMode):
    """Counts the bytes of every tensor made inside the block while it lives; `peak` is the most at once."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.peak = self._now = 0
        self._known = {parameter.untyped_storage()._cdata: 0 for parameter in model.parameters()}

    def __torch_dispatch__(self, call: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = call(*args, **(kwargs or {}))
        for tensor in tree_leaves(result):
            if isinstance(tensor, Tensor) and tensor.untyped_storage()._cdata not in self._known:
                storage = tensor.untyped_storage()
                self._known[storage._cdata] = storage.nbytes()
                self._now += storage.nbytes()
                weakref.finalize(storage, self._gone, storage._cdata)
        self.peak = max(self.peak, self._now)
        return result

    def _gone(self, key: int) -> None:
        self._now -= self._known.pop(key, 0)


@pytest.fixture(autouse=True)
def _fused_attention(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without numbers torch attends by the matrix of all pairs, which no device of a plan does."""
    monkeypatch.setattr(functional, "scaled_dot_product_attention", lambda query, *_, **__: query.clone())


@pytest.fixture
def plan() -> Plan:
    return choose(card(80), Z_IMAGE, PlanRequest())


def vae() -> AutoencoderKL:
    """Z-Image's VAE."""
    with META:
        return AutoencoderKL(
            down_block_types=("DownEncoderBlock2D",) * 4,
            up_block_types=("UpDecoderBlock2D",) * 4,
            block_out_channels=(128, 256, 512, 512),
            layers_per_block=2,
            latent_channels=16,
            sample_size=1024,
            use_quant_conv=False,
            use_post_quant_conv=False,
        ).bfloat16()


@pytest.mark.parametrize("decode", ["whole", "strips"])
def test_decoding_takes_what_the_plan_says_and_little_less(plan: Plan, decode: Decode) -> None:
    model = vae().requires_grad_(False)
    strips.apply(model, decode)
    with torch.no_grad(), Alive(model) as alive:
        model.decode(torch.empty(1, 16, 128, 128, device=META, dtype=torch.bfloat16))
    expected = replace(plan, decode=decode).transient(1024, 1024)
    assert 0.7 * expected < alive.peak < expected


@pytest.mark.parametrize("side", [1024, 2048])
def test_a_forward_takes_what_the_plan_says_and_little_less(plan: Plan, side: int) -> None:
    with META:
        model = ZImageTransformer2DModel(n_layers=2, n_refiner_layers=1).bfloat16().requires_grad_(False)
    lengths = zip((1024, 512, 512), (16, 24, 24), strict=True)
    model.rope_embedder.freqs_cis = [
        torch.empty(*shape, dtype=torch.complex64, device=META) for shape in lengths
    ]
    denoiser = Denoiser(model, Speed(real_rope=True))
    latents = torch.empty(1, 16, side // 8, side // 8, device=META)
    caption = torch.empty(1, 128, 3840, device=META, dtype=torch.bfloat16)
    with torch.no_grad(), Alive(model) as alive:
        denoiser.predict(latents, [denoiser.modulation([1.0, 0.0], 0)], caption)
    expected = (side // 16) ** 2 * Z_IMAGE.token_values * 2
    assert 0.7 * expected < alive.peak < expected
