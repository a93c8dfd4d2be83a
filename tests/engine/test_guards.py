import torch
from torch import nn

from engine import guards


def test_a_finite_embedding_passes_and_one_nan_is_named() -> None:
    caption = torch.randn(7, 4)
    assert guards.embedding(caption) is None
    caption[3, 2] = float("nan")
    assert guards.embedding(caption) == "caption embedding is not finite"


def test_only_the_broken_picture_of_a_batch_is_reported() -> None:
    batch = torch.randn(3, 16, 4, 4)
    batch[1, 0, 0, 0] = float("inf")
    assert guards.latents(batch) == [None, "latents are not finite", None]


def test_final_latents_out_of_range_or_not_a_number_fail() -> None:
    assert guards.final_latents(torch.randn(16, 4, 4)) is None
    assert guards.final_latents(torch.full((16, 4, 4), 1e4)) is not None
    assert guards.final_latents(torch.full((16, 4, 4), float("nan"))) is not None


def test_black_flat_and_nan_pictures_fail_and_a_faint_one_passes() -> None:
    assert guards.pixels(torch.full((3, 16, 16), -1.0)) is not None
    assert guards.pixels(torch.full((3, 16, 16), -9.0)) is not None
    assert guards.pixels(torch.full((3, 16, 16), float("nan"))) is not None
    assert guards.pixels(torch.full((3, 16, 16), 0.2)) is not None
    assert guards.pixels(torch.linspace(0, 0.1, 256).expand(3, 256).view(3, 16, 16)) is None


def test_modules_are_wide_inside_the_block_and_unchanged_after_it_even_after_an_error() -> None:
    module = nn.BatchNorm1d(4)
    module.weight.data = torch.randn(4).bfloat16()
    before, buffer = module.weight.clone(), module.running_mean
    try:
        with guards.in_float32(module):
            assert module.weight.dtype == torch.float32
            raise KeyError
    except KeyError:
        pass
    assert torch.equal(module.weight, before)
    assert module.weight.dtype == torch.bfloat16
    assert module.running_mean is buffer
