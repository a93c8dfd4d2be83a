"""What was left open is decided, and what a button asks for follows from the job it stands under."""

from dataclasses import replace

import pytest

from bot.requests import tasks
from bot.requests.flag_table import ASPECTS
from bot.requests.upscale_options import UpscaleOptions
from bot.types import Address, Job, JobPicture, Params, Refused, Request, User
from engine.types import SEEDS, Generate, ModelProfile, Optimize, Upscale, Variation

SMALL = ModelProfile("small", base_size=128, max_size=256)
LARGE = ModelProfile("large", base_size=1024, max_size=2048)
ANN = User("web", "1", "Ann")
HERE = Address("web", "here")
THERE = Address("web", "there")


def asked(kind: str = "imagine", image: str | None = None, **said: object) -> Request:
    wish = Params(**{"prompt": "a boat", **said})  # type: ignore[arg-type]
    return Request(ANN, HERE, "e1", kind, wish, image=image)  # type: ignore[arg-type]


def made(request: Request, count: int = 1, used: str = "a fine boat") -> Job:
    pictures = tuple(JobPicture(index, f"7-{index}.png", 128, 128, 40 + index, 1.0) for index in range(count))
    return Job(7, request, "delivered", 0.0, 128, 128, 40, 512, used_prompt=used, pictures=pictures)


def dice() -> int:
    return 99


@pytest.mark.parametrize("profile", [SMALL, LARGE])
@pytest.mark.parametrize("aspect", ASPECTS)
def test_every_aspect_keeps_the_native_area_on_the_grid(profile: ModelProfile, aspect: str) -> None:
    width, height = tasks.aspect_size(profile, aspect)
    across, down = (int(part) for part in aspect.split(":"))
    assert width % 16 == height % 16 == 0
    assert max(width, height) <= profile.max_size
    assert width * height == pytest.approx(profile.base_size**2, rel=0.13)
    assert width / height == pytest.approx(across / down, rel=0.16)


@pytest.mark.parametrize(
    ("aspect", "size"),
    [
        ("16:9", (512, 288)),
        ("9:16", (288, 512)),
        ("21:9", (512, 224)),
        ("3:2", (512, 336)),
        ("1:1", (512, 512)),
    ],
)
def test_a_ratio_that_is_too_long_for_the_model_keeps_its_shape_and_gets_smaller(
    aspect: str, size: tuple[int, int]
) -> None:
    assert tasks.aspect_size(ModelProfile("square", base_size=512, max_size=512), aspect) == size


def test_the_shape_of_an_attached_picture_is_kept_where_it_is_too_long() -> None:
    square = ModelProfile("square", base_size=512, max_size=512)
    resolved = tasks.resolve(asked(), square, (1600, 900), dice)
    assert (resolved.width, resolved.height) == (512, 288)


@pytest.mark.parametrize(
    ("said", "source", "size"),
    [
        ({}, None, (128, 128)),
        ({"aspect": "16:9"}, None, (176, 96)),
        ({"width": 100, "height": 250}, None, (96, 256)),
        ({"width": 200}, None, (192, 192)),
        ({}, (3000, 2000), (160, 112)),
        ({"aspect": "1:1"}, (3000, 2000), (128, 128)),
        ({}, (9000, 10), (256, 64)),
    ],
)
def test_the_size_is_what_was_said_or_the_inputs_aspect_or_the_native_square(
    said: dict[str, object], source: tuple[int, int] | None, size: tuple[int, int]
) -> None:
    resolved = tasks.resolve(asked(**said), SMALL, source, dice)
    assert (resolved.width, resolved.height) == size


@pytest.mark.parametrize("said", [{"width": 300}, {"width": 128, "height": 20}])
def test_a_size_the_model_cannot_draw_is_refused_with_what_is_allowed(said: dict[str, object]) -> None:
    with pytest.raises(Refused) as caught:
        tasks.resolve(asked(**said), SMALL, None, dice)
    assert (caught.value.code, caught.value.values["allowed"]) == ("bad-value", "64–256")


def test_a_seed_is_drawn_only_when_none_was_said() -> None:
    assert tasks.resolve(asked(seed=0), SMALL, None, dice).seed == 0
    assert tasks.resolve(asked(), SMALL, None, dice).seed == 99
    assert 0 <= tasks.random_seed() < SEEDS


def test_cost_is_tokens_times_steps_times_pictures() -> None:
    assert tasks.resolve(asked(steps=10, count=3), SMALL, None, dice).cost == 64 * 10 * 3
    assert tasks.resolve(asked("optimize", count=3), SMALL, None, dice).cost == 64
    assert tasks.resolve(asked("upscale", "in.png"), SMALL, (128, 64), dice).cost == 16 * 8
    assert tasks.picture_cost(LARGE, 8) == 4096 * 8


def test_an_upscale_needs_a_picture_and_not_too_large_a_one() -> None:
    with pytest.raises(Refused, match="needs-image"):
        tasks.resolve(asked("upscale"), SMALL, None, dice)
    with pytest.raises(Refused, match="too-large"):
        tasks.resolve(asked("upscale", "in.png"), SMALL, (9000, 9000), dice)


@pytest.mark.parametrize(("steps", "most"), [(6, 6), (16, 8)])
def test_a_fast_picture_costs_the_most_it_may_take(steps: int, most: int) -> None:
    wish = asked(steps=steps, fast=True, count=2)
    assert tasks.resolve(wish, SMALL, None, dice).cost == 64 * most * 2
    [drawn, _] = tasks.tasks(made(wish), None)
    assert isinstance(drawn, Generate)
    assert (drawn.fast, drawn.steps) == (True, steps)


def test_the_pictures_of_a_job_count_up_its_seed() -> None:
    wish = asked(count=4, negative_prompt="fog", steps=12, strength=0.4)
    drawn = tasks.tasks(made(wish), b"input")
    assert [task.seed for task in drawn if isinstance(task, Generate)] == [40, 41, 42, 43]
    assert drawn[0] == Generate(
        "a boat", "fog", 128, 128, 12, 1.8, 40, init_image=b"input", strength=0.4, locale="en"
    )


def test_optimize_and_upscale_make_one_task() -> None:
    assert tasks.tasks(made(asked("optimize", count=4)), None) == [Optimize("a boat", locale="en")]
    assert tasks.tasks(made(asked("upscale")), b"png") == [Upscale(b"png", 2)]


def test_a_wish_that_is_only_rewritten_keeps_what_shall_not_be_there_and_gets_no_additions_unasked() -> None:
    made_raw = made(asked("optimize", negative_prompt="text", optimize=False, enhance=False))
    [task] = tasks.tasks(made_raw, None)
    assert task == Optimize("a boat", enhance=False, negative_prompt="text", locale="en")


def test_a_redraw_is_an_upscale_by_that_method_that_costs_its_steps_and_takes_its_room() -> None:
    job = made(asked("upscale", "in.png", method="redraw"))
    assert tasks.tasks(job, b"png") == [Upscale(b"png", 2, "redraw")]
    assert tasks.resolve(job.request, SMALL, (128, 64), dice).cost == 16 * 8 * 3
    assert tasks.room(job) == 4 * tasks.room(made(asked("upscale", "in.png")))


def test_what_is_made_of_a_redrawn_picture_is_not_redrawn_unless_it_is_said() -> None:
    job = made(asked("upscale", method="redraw"))
    assert tasks.upscale(job, 0, ANN, THERE, "e2").params.method == "auto"
    assert tasks.upscale(job, 0, ANN, THERE, "e2", UpscaleOptions(2, "redraw")).params.method == "redraw"


def test_the_factor_decides_size_cost_and_limit_and_leaves_the_room_of_what_is_enlarged() -> None:
    fourfold = asked("upscale", "in.png", factor=4, method="sr")
    resolved = tasks.resolve(fourfold, SMALL, (128, 128), dice)
    assert (resolved.width, resolved.height, resolved.cost) == (512, 512, 32 * 32)
    job = replace(made(fourfold), width=512, height=512)
    assert tasks.tasks(job, b"png") == [Upscale(b"png", 4, "sr")]
    assert tasks.room(job) == 8 * 8
    assert tasks.resolve(asked("upscale", "in.png"), SMALL, (2000, 2000), dice).width == 4000
    with pytest.raises(Refused, match="too-large"):
        tasks.resolve(fourfold, SMALL, (2000, 2000), dice)
    assert tasks.resolve(fourfold, SMALL, (2048, 100), dice).width == 8192
    with pytest.raises(Refused, match="too-long"):
        tasks.resolve(fourfold, SMALL, (100, 2049), dice)


def test_the_seeds_of_a_job_begin_anew_after_the_last_one_of_64_bits() -> None:
    job = replace(made(asked(count=2)), seed=2**64 - 1)
    assert [tasks.picture_seed(job, index) for index in (0, 1)] == [2**64 - 1, 0]


def test_a_wish_is_read_in_the_language_of_whoever_wrote_it() -> None:
    job = made(replace(asked(), user=replace(ANN, locale="es")))
    pressed = replace(job, request=tasks.again(job, replace(ANN, locale="fr"), THERE, "e2", dice))
    task = tasks.task(pressed, 0, None)
    assert isinstance(task, Generate)
    assert task.locale == "es"


def test_a_reroll_keeps_everything_but_the_seed_and_adds_noise_to_the_prompt() -> None:
    job = made(asked(count=2, seed=40, aspect="3:2", steps=9, image="in.png"))
    request = tasks.again(job, ANN, THERE, "e2", dice)
    assert request.params == replace(job.request.params, seed=None, locale=job.request.user.locale)
    assert request.variation == Variation(99, prompt_noise=tasks.REROLL_PROMPT_NOISE)
    assert (request.parent, request.address, request.event_id, request.image) == (7, THERE, "e2", "in.png")


@pytest.mark.parametrize(
    ("said", "wording"), [({"reword": True}, 99), ({}, 0), ({"reword": True, "optimize": False}, 0)]
)
def test_a_reroll_words_a_rewritten_wish_afresh_where_that_is_configured(
    said: dict[str, bool], wording: int
) -> None:
    first = made(asked(count=2, **said))
    again = made(tasks.again(first, ANN, THERE, "e2", dice))
    drawn = [*tasks.tasks(first, None), *tasks.tasks(again, None)]
    assert [task.wording for task in drawn if isinstance(task, Generate)] == [0, 0, wording, wording]


def test_what_is_not_drawn_is_tried_again_as_it_was() -> None:
    wording = tasks.again(made(replace(asked("optimize"), index=3)), ANN, THERE, "e2", dice)
    assert (wording.index, wording.parent) == (3, 7)
    enlarged = tasks.upscale(made(asked(count=2)), 1, ANN, THERE, "e2", UpscaleOptions(4, "sr"))
    assert tasks.again(replace(made(enlarged), id=8), ANN, THERE, "e2", dice) == enlarged


def test_a_relative_keeps_the_wording_it_comes_from() -> None:
    job = made(tasks.vary(made(asked(reword=True)), 0, ANN, THERE, "e2", dice))
    assert [task.wording for task in tasks.tasks(job, None) if isinstance(task, Generate)] == [0]


def test_a_reroll_of_a_reroll_is_another_reroll() -> None:
    first = tasks.again(made(asked()), ANN, THERE, "e2", dice)
    again = tasks.again(replace(made(first), id=8), ANN, THERE, "e3", lambda: 5)
    assert again.variation == Variation(5, prompt_noise=tasks.REROLL_PROMPT_NOISE)
    assert again.parent == 8


def test_the_pictures_of_a_reroll_differ_in_seed_and_in_noise() -> None:
    request = tasks.again(made(asked(count=2)), ANN, THERE, "e2", dice)
    drawn = [task for task in tasks.tasks(made(request), None) if isinstance(task, Generate)]
    assert [(task.seed, task.variation and task.variation.seed) for task in drawn] == [(40, 99), (41, 100)]


def test_a_relative_of_a_rerolled_picture_is_varied_by_both() -> None:
    rerolled = made(tasks.again(made(asked(count=2), count=2), ANN, THERE, "e2", dice), count=2)
    request = tasks.vary(rerolled, 1, ANN, THERE, "e3", lambda: 5)
    assert request.variation is not None
    assert [layer.seed for layer in request.variation.layers()] == [100, 5]


def test_drawing_an_optimized_prompt_keeps_what_the_wish_refused() -> None:
    job = replace(made(asked("optimize")), used_prompt="a house in the mountains", negative_used="snow")
    assert tasks.chosen(job, "use", ANN, THERE, "e2").params.negative_prompt == "snow"


def test_vary_keeps_the_pictures_seed_and_used_prompt_and_carries_the_persons_words() -> None:
    request = tasks.vary(made(asked(count=4), count=4), 2, ANN, THERE, "e2", dice)
    wish = request.params
    assert (wish.seed, wish.prompt, request.original) == (42, "a fine boat", "a boat")
    assert not wish.optimize
    assert not wish.enhance
    job = replace(made(request), seed=42)
    drawn = [task for task in tasks.tasks(job, None) if isinstance(task, Generate)]
    assert {task.seed for task in drawn} == {42}
    assert [task.variation and task.variation.seed for task in drawn] == [99, 100, 101, 102]
    assert drawn[0].variation == Variation(99, tasks.VARY_PROMPT_NOISE, tasks.VARY_LATENT_NOISE)
    assert drawn[0].original == "a boat"


def test_upscale_names_the_parent_and_the_picture() -> None:
    request = tasks.upscale(made(asked(count=4, image="in.png"), count=4), 3, ANN, THERE, "e2")
    assert (request.kind, request.parent, request.index, request.image) == ("upscale", 7, 3, None)
    assert request.params.seed == 43
    assert tasks.count(request) == 1


def test_a_picture_is_drawn_as_it_was_written_from_the_same_seed() -> None:
    own = tasks.chosen(made(asked(), used="a boat, soft light"), "original", ANN, THERE, "e2").params
    assert (own.prompt, own.seed, own.optimize, own.enhance) == ("a boat", 40, False, False)


def test_use_draws_the_optimized_words_and_original_the_persons_own() -> None:
    job = made(asked("optimize"), count=0)
    use = tasks.chosen(job, "use", ANN, THERE, "e2")
    own = tasks.chosen(job, "original", ANN, THERE, "e3")
    assert (use.kind, use.params.prompt, use.original) == ("imagine", "a fine boat", "a boat")
    assert (own.kind, own.params.prompt, own.original) == ("imagine", "a boat", "")
    assert not use.params.optimize
    assert not own.params.optimize
