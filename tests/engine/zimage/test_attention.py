"""Which kernels are preferred where, and that the choice changes nothing but the kernel."""

from contextlib import AbstractContextManager

import pytest
import torch
from torch.nn.attention import SDPBackend

from engine.models.zimage import attention
from engine.models.zimage.pipeline import ZImagePipeline
from engine.models.zimage.speed import Speed
from tests.engine.zimage.conftest import Task, sampled


@pytest.mark.parametrize(
    ("capability", "first"),
    [
        ((12, 0), SDPBackend.CUDNN_ATTENTION),
        ((9, 0), SDPBackend.CUDNN_ATTENTION),
        ((8, 6), SDPBackend.FLASH_ATTENTION),
        ((7, 5), SDPBackend.EFFICIENT_ATTENTION),
    ],
)
def test_a_cards_best_kernel_comes_first_and_one_that_can_everything_last(
    capability: tuple[int, int], first: SDPBackend
) -> None:
    order = attention.by_capability(capability)
    assert (order[0], order[-1]) == (first, SDPBackend.MATH)


def test_a_kernel_that_makes_plans_is_for_warmed_shapes(
    pipeline: ZImagePipeline, task: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[attention.Order | None] = []
    preferred = attention.preferred

    def watched(kernels: attention.Order | None) -> AbstractContextManager[None]:
        seen.append(kernels)
        return preferred(kernels)

    monkeypatch.setattr(attention, "chosen", lambda transformer: attention.HOPPER)
    monkeypatch.setattr(torch, "compile", lambda run, **_: run)
    made = ZImagePipeline(pipeline.components, speed=Speed(compiled=True, real_rope=True))
    made.denoiser.warm([(128, 128)])
    monkeypatch.setattr(attention, "preferred", watched)
    for side in (128, 256):
        seen.clear()
        sampled(made, task(steps=1, guidance_scale=1.0, width=side, height=side))
        first = [kernels[0] for kernels in seen if kernels is not None]
        planned = SDPBackend.CUDNN_ATTENTION if side == 128 else SDPBackend.FLASH_ATTENTION
        assert first == [SDPBackend.FLASH_ATTENTION, planned]  # the caption, the step


def test_without_cuda_the_choice_is_torchs(pipeline: ZImagePipeline) -> None:
    assert attention.chosen(pipeline.components.transformer) is None


def test_kernels_that_cannot_or_err_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    example = torch.randn(1, 3, 40, 16, generator=torch.Generator().manual_seed(1))
    here = attention.working(attention.HOPPER, example)
    assert here == (SDPBackend.FLASH_ATTENTION, SDPBackend.MATH)  # what a CPU has of them
    real = attention._attended

    def erring(kernels: attention.Order, given: torch.Tensor) -> torch.Tensor | None:
        found = real(kernels, given)
        return found * 1.1 if found is not None and kernels[0] is SDPBackend.FLASH_ATTENTION else found

    monkeypatch.setattr(attention, "_attended", erring)
    assert attention.working(attention.HOPPER, example) == (SDPBackend.MATH,)


@pytest.mark.parametrize("order", [attention.HOPPER, attention.AMPERE, (SDPBackend.MATH,)])
def test_the_order_of_kernels_does_not_change_the_picture(
    pipeline: ZImagePipeline, task: Task, order: attention.Order
) -> None:
    made = ZImagePipeline(pipeline.components, speed=Speed())
    made.denoiser._kernels = order
    wish = task(steps=2)
    torch.testing.assert_close(
        sampled(made, wish).latents, sampled(pipeline, wish).latents, atol=1e-3, rtol=0
    )
