"""What a prompt's complexity makes of steps and sigmas, and what reusing the middle blocks costs."""

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from engine.models.zimage.forward import Prediction
from engine.models.zimage.load import load
from engine.models.zimage.pipeline import ZImagePipeline
from engine.models.zimage.speed import Speed
from engine.pictures import codec, metadata
from engine.sampling.complexity import complexity
from engine.sampling.dynamic_schedule import bent
from engine.sampling.flow import Schedule
from engine.sampling.reuse import Reuse, ReuseName
from engine.sampling.steps import SamplingOptions, automatic_steps, steps_for
from engine.types import EngineError, EngineSettings
from tests.engine.zimage.conftest import Task, begin, drawn, sampled

LADDER = [
    "a cat",
    "a red cat",
    "a red sailboat on the sea at sunset",
    "a fox asleep in autumn leaves, soft rim light, close-up wildlife photograph",
    "two children and an old fisherman mending a net beside a blue boat, behind them a harbour at dusk, "
    'a wooden sign that reads "FRESH FISH", wet stones in the foreground, gulls above the masts, warm light',
]
STATIC = Schedule(shift=3.0).sigmas(8, 4096)


def test_each_prompt_of_the_ladder_asks_for_more_than_the_one_before() -> None:
    scores = [complexity(prompt) for prompt in LADDER]
    assert scores == sorted(scores)
    assert len(set(scores)) == len(scores)
    assert scores[0] < 0.01
    assert scores[-1] > 0.8


def test_chinese_asks_for_about_as_much_as_its_english() -> None:
    assert complexity("一只猫") < 0.05
    assert complexity("雨夜的上海小巷，霓虹灯招牌写着“茶馆”，石板路上有倒影，电影感") > 0.4


@given(st.text(max_size=300))
def test_the_complexity_of_any_text_lies_between_0_and_1(text: str) -> None:
    assert 0 <= complexity(text) <= 1


def test_a_plain_prompt_sheds_70_per_cent_of_the_noise_in_two_steps() -> None:
    assert bent(STATIC, complexity("a cat"))[2] == pytest.approx(0.3, abs=0.01)


def test_a_complex_prompt_converges_later_than_the_static_schedule() -> None:
    assert all(late > static for late, static in zip(bent(STATIC, 1.0)[1:-1], STATIC[1:-1], strict=True))


@given(st.floats(0, 1), st.integers(1, 50))
def test_bent_sigmas_fall_from_1_to_0(score: float, steps: int) -> None:
    sigmas = bent(Schedule(shift=3.0).sigmas(steps, 4096), score)
    assert (sigmas[0], sigmas[-1], len(sigmas)) == (pytest.approx(1), 0, steps + 1)
    assert sigmas == sorted(sigmas, reverse=True)


def test_automatic_steps_go_from_4_to_8_and_never_beyond_what_was_asked() -> None:
    assert [automatic_steps(score) for score in (0, 0.25, 0.5, 0.75, 1)] == [4, 5, 6, 7, 8]
    assert [steps_for(prompt, 8, fast=True) for prompt in LADDER] == [4, 4, 5, 5, 7]
    assert steps_for(LADDER[-1], 5, fast=True) == 5


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (("bent",), "experiment 'bent' is not known; use dynamic-schedule, reuse-balanced, reuse-fast"),
        (("reuse-fast", "reuse-balanced"), "exclude each other"),
    ],
)
def test_experiments_that_cannot_be_made_are_refused(names: tuple[str, ...], message: str) -> None:
    with pytest.raises(EngineError, match=message):
        SamplingOptions.of(names)


def test_the_setting_chooses_the_experiments_of_a_loaded_model() -> None:
    names = ("dynamic-schedule", "reuse-balanced", "detail")
    pipeline = load(EngineSettings(device="cpu", dtype="float32", experimental=names))
    assert pipeline.options == SamplingOptions(is_dynamic=True, reuse="balanced")
    assert pipeline.components.upscaling.detail == 0.5
    assert Speed.of("cuda", cuda_graphs=True).cuda_graphs
    assert not Speed.of("cuda").cuda_graphs
    assert not Speed.of("cpu", cuda_graphs=True).cuda_graphs


def test_a_fast_picture_takes_the_steps_its_prompt_needs_and_its_file_tells_them(
    pipeline: ZImagePipeline, task: Task
) -> None:
    picture, plain = drawn(pipeline, task("a cat", steps=8, fast=True)), drawn(pipeline, task("a cat"))
    parameters = metadata.read(picture.png)
    assert parameters is not None
    assert (parameters.steps, parameters.fast) == (4, True)
    assert (picture.report["steps"], picture.report["scheduled_steps"]) == (4, 4)
    assert codec.read(picture.png).tobytes() == codec.read(plain.png).tobytes()
    assert begin(pipeline, task("a cat", steps=3, fast=True)).steps == 3


def test_a_fast_picture_over_another_tells_the_steps_of_the_whole_schedule(
    pipeline: ZImagePipeline, task: Task
) -> None:
    source = drawn(pipeline, task("a cat")).png
    picture = drawn(pipeline, task("a cat", steps=8, fast=True, init_image=source, strength=0.5))
    parameters = metadata.read(picture.png)
    assert parameters is not None
    assert (parameters.steps, parameters.strength) == (4, 0.5)
    assert (picture.report["steps"], picture.report["scheduled_steps"]) == (2, 4)


@pytest.mark.parametrize(("reuse", "skipped"), [(None, set()), ("balanced", {3, 7}), ("fast", {3, 5, 7})])
def test_reuse_skips_the_middle_blocks_of_every_fourth_or_second_step(
    pipeline: ZImagePipeline, task: Task, reuse: ReuseName | None, skipped: set[int]
) -> None:
    assert Reuse.of(reuse, 8).steps == skipped
    own = ZImagePipeline(pipeline.components, options=SamplingOptions(reuse=reuse))
    layers = own.components.transformer.layers
    calls = {0: 0, 2: 0}
    hooks = [
        layers[index].register_forward_hook(lambda *_, index=index: calls.update({index: calls[index] + 1}))
        for index in calls
    ]
    try:
        drawing = sampled(own, task(steps=8, guidance_scale=1.0))
        assert calls == {0: 8, 2: 8 - len(skipped)}
        exact = sampled(pipeline, task(steps=8, guidance_scale=1.0))
    finally:
        for hook in hooks:
            hook.remove()
    assert torch.equal(drawing.latents, exact.latents) == (reuse is None)


def test_drawings_that_reuse_do_not_share_a_forward_with_those_that_do_not(
    pipeline: ZImagePipeline, task: Task
) -> None:
    own = ZImagePipeline(pipeline.components, options=SamplingOptions(reuse="fast"))
    early, late = begin(own, task(steps=8)), begin(own, task(steps=8))
    for _ in range(3):
        own.step([late])
    assert late.reuses
    assert early.batch_key != late.batch_key


def test_the_report_tells_the_sigmas_and_steps_that_were_used(pipeline: ZImagePipeline, task: Task) -> None:
    own = ZImagePipeline(pipeline.components, options=SamplingOptions(is_dynamic=True))
    report = drawn(own, task("a cat", steps=8, fast=True)).report
    assert report["steps"] == 4
    assert report["sigmas"][2] == pytest.approx(0.3, abs=0.01)


def test_a_step_that_reuses_hands_on_what_it_added_so_that_fast_reuse_fades(
    pipeline: ZImagePipeline, task: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = ZImagePipeline(pipeline.components, options=SamplingOptions(reuse="fast"))
    predict, made = own.denoiser.predict, list[tuple[torch.Tensor | None, torch.Tensor | None]]()

    def watched(*given: Any) -> Prediction:
        prediction = predict(*given)
        made.append((given[3], prediction.residual))
        return prediction

    monkeypatch.setattr(own.denoiser, "predict", watched)
    sampled(own, task(steps=8, guidance_scale=1.0))
    added = [residual for residual, _ in made if residual is not None]
    computed = made[1][1]
    assert computed is not None
    torch.testing.assert_close(added, [0.9**times * computed for times in (1, 2, 3)])
