"""Triton's kernels, run by its interpreter without a card, compute what torch's group norm and SiLU do."""

import importlib
import os
import subprocess
import sys
from importlib.util import find_spec
from types import ModuleType, SimpleNamespace

import pytest
import torch
from diffusers import AutoencoderKL
from torch import Tensor, nn
from torch.nn import functional

from engine.embedded import WEIGHTS
from engine.memory import decoding, strips
from engine.memory.decoding import ActivatedNorm
from engine.memory.plan import Decode
from engine.models.zimage import lean_decoder

NAME = "engine.memory.norm_kernels"
LAST = torch.channels_last


@pytest.fixture
def kernels(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The kernels, where Triton came into this process as an interpreter."""
    if os.environ.get("TRITON_INTERPRET") != "1":
        pytest.skip("run by the test that starts the interpreter")
    module = importlib.import_module(NAME)
    monkeypatch.setattr(decoding, "_kernels_for", lambda values: module)
    return module


@pytest.mark.slow
@pytest.mark.skipif(
    find_spec("triton") is None or os.environ.get("TRITON_INTERPRET") == "1", reason="needs Triton"
)
def test_the_kernels_pass_the_tests_below_in_tritons_interpreter() -> None:
    # It decides how to run while it is imported, which torch does in this process.
    call = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", __file__]
    ended = subprocess.run(call, env=os.environ | {"TRITON_INTERPRET": "1"}, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stdout
    assert "12 passed" in ended.stdout


def norm(channels: int = 48) -> nn.GroupNorm:
    torch.manual_seed(0)
    made = nn.GroupNorm(8, channels).requires_grad_(False)
    made.weight.normal_()
    made.bias.normal_()
    return made


@pytest.mark.parametrize("size", [(17, 13), (1, 1), (64, 40)])
def test_norm_and_activation_are_torchs_for_any_size_far_from_zero(
    kernels: ModuleType, size: tuple[int, int]
) -> None:
    values = (3 * torch.randn(2, 48, *size) + 50).contiguous(memory_format=LAST)
    found = ActivatedNorm(norm())(values)
    wide = norm().double()
    expected = functional.silu(wide(values.double()))
    torch.testing.assert_close(found.double(), expected, atol=1e-4, rtol=1e-4)
    assert found.is_contiguous(memory_format=LAST)


def test_rows_are_normed_by_what_all_strips_have(kernels: ModuleType) -> None:
    values = torch.randn(2, 48, 17, 13).contiguous(memory_format=LAST)
    factor, offset = decoding.scaling(norm(), [values[:, :, :7], values[:, :, 7:]])
    found = decoding.activated(values[:, :, 3:9], factor, offset)
    expected = functional.silu(norm()(values))[:, :, 3:9]
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("way", ["whole", "strips"])
@torch.inference_mode()
def test_a_decoder_with_the_kernels_decodes_the_stock_picture(kernels: ModuleType, way: Decode) -> None:
    vae = AutoencoderKL.from_pretrained(WEIGHTS / "vae", dtype=torch.float32).eval().to(memory_format=LAST)
    latents = torch.randn(1, 16, 6, 9).contiguous(memory_format=LAST)
    expected = vae.decode(latents).sample
    lean_decoder.apply(vae.decoder)
    strips.apply(vae, way)
    torch.testing.assert_close(vae.decode(latents).sample, expected, atol=1e-3, rtol=0.0)


def test_the_kernels_are_tried_before_they_are_used(kernels: ModuleType) -> None:
    assert kernels.difference(torch.device("cpu")) < decoding.LARGEST_DIFFERENCE


def failing(device: torch.device) -> float:
    raise RuntimeError("no ptxas here\nand more")


@pytest.mark.parametrize(
    ("difference", "is_used", "remark"),
    [
        (lambda device: 1e-6, True, ""),
        (lambda device: 0.1, False, "off by 0.1"),
        (failing, False, "no ptxas here"),
    ],
)
def test_kernels_that_fail_or_err_are_not_used(
    difference: object, is_used: bool, remark: str,
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    module = SimpleNamespace(difference=difference)
    monkeypatch.setattr(decoding, "find_spec", lambda name: name)
    monkeypatch.setattr("engine.memory.norm_kernels", module, raising=False)
    monkeypatch.setitem(sys.modules, NAME, module)  # type: ignore[arg-type]
    decoding._kernels.cache_clear()
    assert (decoding._kernels(torch.device("cuda", 0)) is module) == is_used
    decoding._kernels.cache_clear()
    assert remark in caplog.text


def test_without_triton_torchs_own_operations_are_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoding, "find_spec", lambda name: None)
    decoding._kernels.cache_clear()
    assert decoding._kernels(torch.device("cuda", 0)) is None
    decoding._kernels.cache_clear()


def test_a_norm_keeps_its_weights_and_their_names() -> None:
    usual = norm()
    made = ActivatedNorm(usual)
    assert dict(made.named_parameters()) == dict(usual.named_parameters())
    values: Tensor = torch.randn(1, 48, 3, 3)
    torch.testing.assert_close(made(values), functional.silu(usual(values)))
