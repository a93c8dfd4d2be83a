"""Matrices in fewer bits: how far each form is from what it was made of."""

import pytest
import torch
from torch.nn import functional

from engine.memory.eight_bit import rotated
from engine.memory.plan import Weights
from engine.memory.weights import FAST, Packed, PackedLinear, pack, products, unpack


def matrix() -> torch.Tensor:
    return torch.randn(96, 128, generator=torch.Generator().manual_seed(0)) * 0.02


def test_bfloat16_weights_come_back_exactly() -> None:
    weight = matrix().bfloat16()
    packed, scale = pack(weight.float(), "bfloat16")
    assert torch.equal(unpack(packed, scale, "bfloat16", torch.float32), weight.float())


@pytest.mark.parametrize(
    ("form", "error"),
    [("int8", 0.01), ("float8", 0.03), ("4bit", 0.11), ("int8-fast", 0.015), ("float8-fast", 0.045)],
)
def test_a_product_with_fewer_bits_is_as_near_as_the_format_allows(form: Weights, error: float) -> None:
    weight, values = matrix(), torch.randn(32, 128)
    expected = functional.linear(values, weight)
    found = PackedLinear(weight, None, form)(values)
    assert (found - expected).std() / expected.std() < error


@pytest.mark.parametrize(
    ("form", "per_weight"),
    [("bfloat16", 2), ("4bit", 0.5625), *((form, 1.04) for form in ("int8", "float8", *FAST))],
)
def test_a_packed_layer_takes_the_bytes_the_plan_counts(form: Weights, per_weight: float) -> None:
    layer = PackedLinear(matrix(), None, form)
    held = sum(buffer.numel() * buffer.element_size() for buffer in layer.buffers())
    assert held <= per_weight * matrix().numel()


def test_the_bias_and_the_dtype_of_the_input_are_kept() -> None:
    weight, bias = matrix(), torch.randn(96)
    values = torch.randn(4, 128)
    assert torch.equal(PackedLinear(weight, bias, "plain")(values), functional.linear(values, weight, bias))
    for form in ("int8", *FAST):
        half = PackedLinear(weight, bias.bfloat16(), form)(values.bfloat16())  # type: ignore[arg-type]
        assert half.dtype == torch.bfloat16
        assert (half - PackedLinear(weight, None, form)(values.bfloat16()) - bias).abs().max() < 0.04


def test_a_width_that_is_no_multiple_of_a_group_is_kept_in_eight_bits() -> None:
    assert PackedLinear(matrix()[:, :100], None, "4bit").form == "int8"


def test_a_row_of_zeros_stays_zero() -> None:
    weight = matrix()
    weight[3] = 0
    for form in ("int8", "float8", "4bit", *FAST):
        assert not PackedLinear(weight, None, form).kept.unpacked(torch.float32)[3].any()  # type: ignore[arg-type]


@pytest.mark.parametrize("form", ["int8", "float8", *FAST])
def test_small_weights_unpacked_to_float16_are_those_unpacked_to_float32(form: Weights) -> None:
    layer = PackedLinear(matrix() * 1e-3, None, form)
    exact = layer.kept.unpacked(torch.float32)
    assert (layer.kept.unpacked(torch.float16).float() - exact).abs().max() < 2**-11 * exact.abs().max()


@pytest.mark.parametrize(("columns", "group"), [(768, 256), (384, 128), (96, 32), (40, 8), (12, 4)])
def test_a_rotation_goes_by_the_largest_power_of_two_up_to_256_and_undoes_itself(
    columns: int, group: int
) -> None:
    values = torch.randn(5, columns)
    turned = rotated(values)
    torch.testing.assert_close(rotated(turned), values)
    torch.testing.assert_close(turned.norm(dim=1), values.norm(dim=1))
    alone = torch.zeros(columns)
    alone[1] = 1.0
    assert rotated(alone).abs().tolist() == pytest.approx([group**-0.5] * group + [0.0] * (columns - group))


def test_a_feature_far_above_the_others_costs_a_product_in_int8_little_because_it_is_rotated() -> None:
    weight, values = matrix(), torch.randn(32, 128)
    values[:, 7] *= 60
    expected = functional.linear(values, weight)
    kept = Packed.of(weight, "int8-fast")
    (found,) = products(values, [kept])
    scale = values.abs().amax(dim=1, keepdim=True) / 127
    unrotated = functional.linear((values / scale).round() * scale, weight)
    assert (found - expected).std() < 0.3 * (unrotated - expected).std()


@pytest.mark.parametrize("form", FAST)
def test_products_of_one_input_are_those_of_each_matrix_alone_for_any_number_of_rows(form: Weights) -> None:
    matrices = [Packed.of(matrix() * factor, form) for factor in (1, 3)]
    for shape in ((1, 128), (2, 20, 128)):
        values = torch.randn(shape)
        alone = [PackedLinear(kept, None)(values) for kept in matrices]
        assert all(map(torch.equal, products(values, matrices), alone))
        assert alone[0].shape == (*shape[:-1], 96)


@pytest.mark.parametrize(
    ("form", "shape", "kept"),
    [("int8-fast", (96, 100), "int8"), ("int8-fast", (90, 128), "int8"), ("float8-fast", (96, 72), "float8")],
)
def test_a_matrix_whose_sides_no_kernel_takes_is_kept_in_as_many_bits_and_unpacked(
    form: Weights, shape: tuple[int, int], kept: Weights
) -> None:
    assert PackedLinear(torch.randn(shape), None, form).form == kept


def test_tokens_that_are_not_finite_stay_so_in_eight_bits() -> None:
    values = torch.randn(20, 128)
    values[3, 5], values[4, 5] = torch.inf, torch.nan
    for form in FAST:
        broken = ~torch.isfinite(products(values, [Packed.of(matrix(), form)])[0]).all(dim=1)
        assert broken.nonzero().flatten().tolist() == [3, 4]
