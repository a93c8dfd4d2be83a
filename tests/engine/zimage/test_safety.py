"""Numbers that go wrong and memory that runs out, brought about on purpose."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from engine.memory.strips import StripDecoder
from engine.models.zimage.drawing import Drawing
from engine.models.zimage.load import load
from engine.models.zimage.pipeline import ZImagePipeline
from engine.pictures import metadata
from engine.sampling.task_limits import OTHER_SEED
from engine.types import EngineError, EngineSettings, Generate
from tests.engine.zimage.conftest import Task, begin, drawn, sampled

STEP_TOLERANCE = 1e-3
"""Largest difference of float32 latents between a picture with a step done again and its undisturbed twin."""
NAN = float("nan")


@contextmanager
def spoiled(module: nn.Module, when: Callable[[int, Tensor], bool], value: float = NAN) -> Iterator[None]:
    """Put one `value` into the output of those calls of `module`, counted from 0, for which `when` holds."""
    calls: list[int] = []

    def spoil(_: nn.Module, __: object, output: Tensor) -> Tensor | None:
        calls.append(len(calls))
        if not when(calls[-1], output):
            return None
        output = output.clone()
        output[(0,) * output.ndim] = value
        return output

    hook = module.register_forward_hook(spoil)
    try:
        yield
    finally:
        hook.remove()


@pytest.fixture(scope="module")
def half() -> ZImagePipeline:
    return load(EngineSettings(device="cpu", dtype="bfloat16"))


@pytest.mark.parametrize("value", [NAN, float("inf"), float("-inf")])
@pytest.mark.parametrize("step", [0, 2])
def test_a_step_that_breaks_once_is_done_again_and_the_picture_is_its_twin(
    pipeline: ZImagePipeline, task: Task, value: float, step: int
) -> None:
    wish = task(guidance_scale=1.0)
    twin = sampled(pipeline, wish)
    with spoiled(pipeline.components.transformer.layers[2], lambda call, _: call == step, value):
        drawing = sampled(pipeline, wish)
    torch.testing.assert_close(drawing.latents, twin.latents, atol=STEP_TOLERANCE, rtol=0.0)
    assert drawing.actions == [
        f"block 2 of step {step + 1} is not finite; the step was done again in float32"
    ]


def test_a_step_that_keeps_breaking_goes_on_from_the_one_before(pipeline: ZImagePipeline, task: Task) -> None:
    wish = task(guidance_scale=1.0, steps=8)
    with spoiled(pipeline.components.transformer.layers[0], lambda call, _: call in (3, 4)):
        drawing = sampled(pipeline, wish)
    assert drawing.actions == ["block 0 of step 4 is not finite; the step went on from the one before"]
    assert drawing.broken is None
    assert drawn(pipeline, wish).report["guards"] == []


def test_too_many_lost_steps_or_the_first_one_break_the_picture(pipeline: ZImagePipeline, task: Task) -> None:
    layer = pipeline.components.transformer.layers[0]
    with spoiled(layer, lambda call, _: call > 1):
        late = sampled(pipeline, task(guidance_scale=1.0, steps=8))
    with spoiled(layer, lambda call, _: call < 2):
        early = sampled(pipeline, task(guidance_scale=1.0, steps=8))
    assert (late.skipped, late.broken) == (3, "block 0 of step 6 is not finite")
    assert (early.skipped, early.broken) == (0, "block 0 of step 1 is not finite")


def test_a_broken_neighbour_leaves_the_others_in_the_batch_alone(
    pipeline: ZImagePipeline, task: Task
) -> None:
    bad, good = begin(pipeline, task(steps=1, seed=8)), begin(pipeline, task(steps=1))
    with spoiled(pipeline.components.transformer.layers[1], lambda call, output: call == 0):
        pipeline.step([bad, good])
    assert [bool(drawing.actions) for drawing in (bad, good)] == [True, False]
    alone = sampled(pipeline, task(steps=1))
    torch.testing.assert_close(good.latents, alone.latents, atol=STEP_TOLERANCE, rtol=0.0)


def test_a_lost_picture_is_drawn_again_from_another_seed_and_says_so(
    pipeline: ZImagePipeline, task: Task
) -> None:
    drawing = begin(pipeline, task())
    drawing.broken = "block 0 of step 1 is not finite"
    picture = pipeline.finish(drawing)()
    calls = metadata.read(picture.png)
    assert calls is not None
    assert picture.seed == calls.seed == 7 ^ OTHER_SEED
    assert picture.report["guards"][-1].endswith(f"drawn again in float32 from seed {picture.seed}")


def test_weights_that_are_broken_for_good_end_in_a_numerics_error(
    pipeline: ZImagePipeline, task: Task
) -> None:
    with spoiled(pipeline.components.transformer.layers[-1], lambda call, _: True):
        drawing = sampled(pipeline, task())
        with pytest.raises(EngineError, match="block 7 of step 1 is not finite") as caught:
            pipeline.finish(drawing)
    assert caught.value.code == "numerics"
    assert drawn(pipeline, task()).report["guards"] == []


def test_a_picture_that_stays_flat_is_refused(
    pipeline: ZImagePipeline, task: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawing = sampled(pipeline, task())
    monkeypatch.setattr(pipeline.vae, "decode", lambda latents: torch.full((3, 128, 128), -1.0))
    with pytest.raises(EngineError, match="flat"):
        pipeline.finish(drawing)


def test_what_fails_in_bfloat16_is_done_again_in_float32(half: ZImagePipeline, task: Task) -> None:
    wish = task(width=64, height=64, steps=2, guidance_scale=1.0)
    before = drawn(half, wish)
    narrow = half.components.transformer.layers[-1]
    with spoiled(narrow, lambda _, output: output.dtype == torch.bfloat16):
        saved = drawn(half, wish)
    assert [action.partition(";")[2] for action in saved.report["guards"]] == [
        " the step was done again in float32"
    ] * 2
    after = drawn(half, wish)
    assert after.report["guards"] == []
    assert after.png == before.png != saved.png
    assert half.components.transformer.dtype == torch.bfloat16


def test_an_encoder_that_fails_in_bfloat16_encodes_again_in_float32(half: ZImagePipeline, task: Task) -> None:
    narrow = half.components.text_encoder.layers[0]
    with spoiled(narrow, lambda _, output: output.dtype == torch.bfloat16):
        drawing = begin(half, task("a blue house in the desert", steps=1))
    assert drawing.broken is None
    assert drawing.actions == ["caption embedding is not finite; encoded again in float32"]


def test_a_vae_that_overflows_in_bfloat16_decodes_again_in_float32(half: ZImagePipeline, task: Task) -> None:
    drawing = sampled(half, task(width=64, height=64, steps=2))
    with spoiled(half.components.vae.decoder, lambda _, output: output.dtype == torch.bfloat16):
        picture = half.finish(drawing)()
    assert picture.report["guards"] == [
        "pixels are flat or not finite (spread nan); decoded again in float32"
    ]


def scarce(real: Callable[..., Any], failures: int) -> Callable[..., Any]:
    """`real`, out of memory the first `failures` times it is called."""
    left = [None] * failures

    def call(*args: Any) -> Any:
        if left:
            left.pop()
            raise torch.OutOfMemoryError("on request")
        return real(*args)

    return call


@pytest.mark.parametrize("stage", ["caption", "predict"])
def test_out_of_memory_takes_the_next_plan_and_the_picture_is_the_same(
    pipeline: ZImagePipeline, task: Task, stage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    plans = ["stream"]
    roomy = ZImagePipeline(replace(pipeline.components, tighten=lambda: bool(plans and plans.pop())))
    twin = sampled(pipeline, task())
    monkeypatch.setattr(roomy.denoiser, stage, scarce(getattr(roomy.denoiser, stage), 2))
    assert torch.equal(sampled(roomy, task()).latents, twin.latents)
    assert plans == []


def test_room_is_asked_for_until_the_plan_is_tight_enough_and_weights_are_let_go_of_in_between(
    pipeline: ZImagePipeline, task: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[object] = []
    answers = [True, True, False]

    def make_room(width: int, height: int) -> bool:
        calls.append((width, height))
        return answers.pop(0)

    own = ZImagePipeline(replace(pipeline.components, make_room=make_room))
    monkeypatch.setattr(own.denoiser, "refresh", lambda: calls.append("refreshed"))
    begin(own, task(width=64))
    assert calls == [(64, 128), "refreshed", (64, 128), "refreshed", (64, 128)]


@pytest.mark.parametrize("stage", ["caption", "predict"])
def test_out_of_memory_without_a_smaller_plan_is_a_refusal_and_the_next_picture_is_drawn(
    pipeline: ZImagePipeline, task: Task, stage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    last = ZImagePipeline(replace(pipeline.components, tighten=None))
    with monkeypatch.context() as patch:
        patch.setattr(last.denoiser, stage, scarce(getattr(last.denoiser, stage), 2))
        with pytest.raises(EngineError, match="128×128 picture does not fit") as caught:
            sampled(last, task())
    assert caught.value.code == "out_of_memory"
    assert drawn(last, task()).report["guards"] == []


def test_out_of_memory_in_a_batch_shrinks_the_capacity_and_changes_no_drawing(
    pipeline: ZImagePipeline, task: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = ZImagePipeline(pipeline.components)
    drawings: list[Drawing] = [begin(own, task(seed=seed)) for seed in (1, 2)]
    monkeypatch.setattr(own.denoiser, "predict", scarce(own.denoiser.predict, 1))
    with pytest.raises(EngineError):
        own.step(drawings)
    assert [drawing.step for drawing in drawings] == [0, 0]
    assert own.capacity == drawings[0].tokens


def test_out_of_memory_while_decoding_takes_the_next_plan_and_the_picture_is_the_same(
    task: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = load(EngineSettings(device="cpu", dtype="float32"))
    drawing = sampled(own, task(width=256, height=128, steps=2))
    whole = own.vae.decode(drawing.latents)
    with monkeypatch.context() as patch:
        patch.setattr(own.vae, "decode", scarce(own.vae.decode, 2))
        picture = own.finish(drawing)()
    assert isinstance(own.components.vae.decoder, StripDecoder)
    assert picture.report["plan"]["decode"] == "strips"
    torch.testing.assert_close(own.vae.decode(drawing.latents), whole, atol=1e-3, rtol=0.0)


def lost(pipeline: ZImagePipeline, wish: Generate) -> Drawing:
    drawing = begin(pipeline, wish)
    drawing.broken = "block 0 of step 1 is not finite"
    return drawing


@pytest.mark.parametrize("stage", ["caption", "predict"])
def test_out_of_memory_while_a_lost_picture_is_drawn_again_takes_the_next_plan(
    pipeline: ZImagePipeline, task: Task, stage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    plans = ["stream"]
    roomy = ZImagePipeline(replace(pipeline.components, tighten=lambda: bool(plans and plans.pop())))
    twin = roomy.finish(lost(roomy, task()))()
    drawing = lost(roomy, task())
    monkeypatch.setattr(roomy.denoiser, stage, scarce(getattr(roomy.denoiser, stage), 2))
    assert roomy.finish(drawing)().png == twin.png
    assert plans == []


def test_a_lost_picture_that_never_has_room_again_is_refused(
    pipeline: ZImagePipeline, task: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    last = ZImagePipeline(replace(pipeline.components, tighten=None))
    drawing = lost(last, task())
    monkeypatch.setattr(last.denoiser, "predict", scarce(last.denoiser.predict, 9))
    with pytest.raises(EngineError, match="does not fit") as caught:
        last.finish(drawing)
    assert caught.value.code == "out_of_memory"


def test_out_of_memory_while_decoding_in_float32_goes_on_in_float32_with_the_next_plan(
    task: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = load(EngineSettings(device="cpu", dtype="bfloat16"))
    drawing = sampled(own, task(width=64, height=64, steps=1))
    decoder, decode = own.components.vae.decoder, own.vae.decode
    wide = scarce(decode, 2)

    def narrow_breaks(latents: Tensor) -> Tensor:
        is_wide = own.vae._dtype == torch.float32
        return wide(latents) if is_wide else torch.full((3, 64, 64), NAN)

    monkeypatch.setattr(own.vae, "decode", narrow_breaks)
    assert own.finish(drawing)().report["plan"]["decode"] == "strips"
    assert own.components.vae.decoder is not decoder
