"""The optimizer without a language model: what each switch of a task does."""

from engine.prompts import Optimizer, Target, embedded_world
from engine.types import Generate, Optimize, PromptReady
from tests.engine.prompts.rules import prepare

WISH = "请画一条老街，不要汽车"


def test_by_rules_a_task_gets_what_prepare_makes() -> None:
    made = prepare(WISH, negative="fog")
    ready = Optimizer().prepare(Generate(WISH, negative_prompt="fog"))
    assert ready == PromptReady(WISH, made.text, made.negative, made.notes)
    assert made.text.startswith("an old street, ")
    assert made.negative.startswith("fog, car, ")


def test_without_switches_a_prompt_stays_as_it_was_written() -> None:
    task = Generate(WISH, negative_prompt="fog", optimize=False, enhance=False)
    assert Optimizer().prepare(task) == PromptReady(WISH, WISH, "fog")


def test_what_was_written_first_is_kept_as_the_original() -> None:
    assert Optimizer().prepare(Generate("an old street", original=WISH)).original == WISH


def test_without_guidance_what_is_refused_is_told_positively() -> None:
    ready = Optimizer().prepare(Generate(WISH, guidance_scale=1.0))
    assert ready.used.endswith(", free of traffic")
    assert (ready.negative_used, ready.notes[-1]) == ("", "negative:folded")


def test_optimizing_alone_shows_anchors_and_only_the_own_refusals() -> None:
    ready = Optimizer().prepare(Optimize(WISH))
    assert ready.used.startswith("an old street, ")
    assert ready.notes[-1] == f"enhanced={ready.used.removeprefix('an old street, ')}"
    assert ready.negative_used == "car"
    assert Optimizer(embedded_world()).prepare(Optimize("海上的红船")).used == "a red sailboat on the sea"


def test_optimizing_alone_joins_typed_refusals_with_those_of_the_wish() -> None:
    assert Optimizer().prepare(Optimize(WISH, negative_prompt="text, car")).negative_used == "text, car"
    world = Optimizer(embedded_world()).prepare(Optimize("海上的红船，不要猫", negative_prompt="dawn"))
    assert world.negative_used == "dawn, cat"


def test_optimizing_alone_adds_nothing_where_that_is_not_asked_for() -> None:
    ready = Optimizer().prepare(Optimize(WISH, enhance=False))
    assert (ready.used, ready.notes) == ("an old street", ("optimized", "optimizer:rules"))


def test_where_the_persons_language_is_kept_each_wish_keeps_its_own() -> None:
    kept = Optimizer(target=Target("own"))
    assert kept.prepare(Generate("请帮我画一只狐狸")).used.startswith("一只狐狸，")
    assert kept.prepare(Generate("please draw a 狐狸 in a box", enhance=False)).used == "a fox in a box"
    assert Optimizer().prepare(Generate("请帮我画一只狐狸")).used.startswith("a fox, ")
