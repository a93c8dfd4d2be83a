"""Matrices in fewer bits: how far each form is from what it was made of."""

import pytest
import torch
from torch.nn import functional

from engine.memory.plan import Weights
from engine.memory.weights import PackedLinear, pack, unpack


def matrix() -> torch.Tensor:
    return torch.randn(96, 128, generator=torch.Generator().manual_seed(0)) * 0.02


def test_bfloat16_weights_come_back_exactly() -> None:
    weight = matrix().bfloat16()
    packed, scale = pack(weight.float(), "bfloat16")
    assert torch.equal(unpack(packed, scale, "bfloat16", torch.float32), weight.float())


@pytest.mark.parametrize(("form", "error"), [("int8", 0.01), ("float8", 0.03), ("4bit", 0.11)])
def test_a_product_with_fewer_bits_is_as_near_as_the_format_allows(form: Weights, error: float) -> None:
    weight, values = matrix(), torch.randn(32, 128)
    expected = functional.linear(values, weight)
    found = PackedLinear(weight, None, form)(values)
    assert (found - expected).std() / expected.std() < error


@pytest.mark.parametrize(
    ("form", "per_weight"), [("bfloat16", 2), ("int8", 1.04), ("float8", 1.04), ("4bit", 0.5625)]
)
def test_a_packed_layer_takes_the_bytes_the_plan_counts(form: Weights, per_weight: float) -> None:
    layer = PackedLinear(matrix(), None, form)
    held = sum(buffer.numel() * buffer.element_size() for buffer in layer.buffers())
    assert held <= per_weight * matrix().numel()


def test_the_bias_and_the_dtype_of_the_input_are_kept() -> None:
    weight, bias = matrix(), torch.randn(96)
    values = torch.randn(4, 128)
    assert torch.equal(PackedLinear(weight, bias, "plain")(values), functional.linear(values, weight, bias))
    half = PackedLinear(weight, None, "int8")(values.bfloat16())
    assert half.dtype == torch.bfloat16


def test_a_width_that_is_no_multiple_of_a_group_is_kept_in_eight_bits() -> None:
    assert PackedLinear(matrix()[:, :100], None, "4bit").form == "int8"


def test_a_row_of_zeros_stays_zero() -> None:
    weight = matrix()
    weight[3] = 0
    for form in ("int8", "float8", "4bit"):
        assert not PackedLinear(weight, None, form).kept.unpacked(torch.float32)[3].any()  # type: ignore[arg-type]


@pytest.mark.parametrize("form", ["int8", "float8"])
def test_small_weights_unpacked_to_float16_are_those_unpacked_to_float32(form: Weights) -> None:
    layer = PackedLinear(matrix() * 1e-3, None, form)
    exact = layer.kept.unpacked(torch.float32)
    assert (layer.kept.unpacked(torch.float16).float() - exact).abs().max() < 2**-11 * exact.abs().max()
