"""The checks on what a language model wrote: what passes, and the code of what does not."""

import pytest

from engine.prompts import optimize
from engine.prompts.llm.checks import counts, leaks, numbers, problems
from engine.prompts.llm.instructions import instructions

GOOD = [
    (
        "画一只猫在窗台上晒太阳",
        "A cat stretched out on a wooden windowsill, low sunlight on its fur, seen at eye level.",
    ),
    ("a kitten in a box", "A small kitten sits in a cardboard box, side light, soft shadow beneath."),
    ("三只红色的狐狸", "Three red foxes stand in a row on wet grass under an overcast sky."),
    ("a pair of boots", "Two worn leather boots on a stone step, morning light from the left."),
    (
        "写着“新年快乐”的灯笼",
        'A red paper lantern with "新年快乐" painted on it in gold, hanging in the dark.',
    ),
    ("a sign 'Open Late'", 'A neon sign reading "Open Late" over a door, wet street below.'),
    ("a beach, no people", "A wide empty beach at low tide, pale light, footless sand."),
    ("an old man", "An old man, both hands on a cane, 85mm lens, f/1.8, light from 2 sides."),
    ("a house", "A two-storey house with a pair of chimneys, the upper third of the frame sky."),
    ("a zorblax", "A zorblax on a plain ground, even light."),
]
BAD = [
    ("a cat", "", "empty"),
    ("a cat", "A cat. " * 400, "long"),
    ("a cat", "<think>a cat?</think> A cat on a chair.", "thinking"),
    ("a cat", "- A cat on a chair\n- a dog", "list"),
    ("a cat", "I'm sorry, I can't draw a cat.", "refusal"),
    ("一只猫", "抱歉，我无法画猫。", "refusal"),
    ("a cat", "Sure! A cat on a chair.", "chatter"),
    ("a cat", "Here is the prompt: a cat on a chair.", "chatter"),
    ("a cat", "A cat on a chair. Let me know if you want more.", "chatter"),
    ("一只猫", "一只猫坐在椅子上。", "language"),
    ("a cat", "A beautiful cat on a chair.", "vague"),
    ("a cat", "A cat on a chair, masterpiece, 8k", "vague"),
    ('a sign "OPEN"', "A sign over a door that says it is open.", "quotes"),
    ('a sign "OPEN"', 'A sign reading "OPENED" over a door.', "quotes"),
    ("a sign", 'A sign reading "WELCOME".', "quotes"),
    ("写着「新年快乐」的灯笼", 'A lantern reading "Happy New Year".', "quotes"),
    ("three cats", "Cats on a chair.", "numbers"),
    ("三只猫", "Two cats on a chair.", "numbers"),
    ("a photo of a cat, 35mm", "A photograph of a cat, 50mm lens.", "numbers"),
    ("three cats", "Three cats and 5 dogs on a chair.", "numbers"),
    ("a cat", "A cat beside four small wooden boxes.", "numbers"),
    ("cats", "Cats under 2 lamps.", "numbers"),
    ('three cats beside a sign "3"', 'Cats beside a sign reading "3".', "numbers"),
    ("一只猫", "A dog on a chair.", "subject"),
    ("a knight and a dragon at a castle", "A knight in the rain.", "subject"),
    ("a street, no cars", "A street with parked cars in the rain.", "refused"),
    ("湖边，不要船", "A lakeside with a small boat at dawn.", "refused"),
]


def found(wish: str, prompt: str, chinese: bool = False) -> tuple[str, ...]:
    ruled = optimize(wish)
    denied = [term for term in ruled.negative.split(", ") if term]
    return problems(wish, prompt, ruled.text, denied, chinese=chinese, secret=instructions(chinese))


@pytest.mark.parametrize(("wish", "prompt"), GOOD)
def test_a_faithful_prompt_passes(wish: str, prompt: str) -> None:
    assert found(wish, prompt) == ()


@pytest.mark.parametrize(("wish", "prompt", "code"), BAD)
def test_an_unfaithful_or_talkative_prompt_is_told_by_code(wish: str, prompt: str, code: str) -> None:
    assert code in found(wish, prompt)


@pytest.mark.parametrize(
    ("wish", "prompt"),
    [
        ("一只猫", "一只橘猫趴在木窗台上，午后的斜光落在毛上。"),
        ("三只红色的狐狸", "三只红色的狐狸并排站在湿草地上，四周是薄雾，两侧有松树。"),
        ("写着“茶馆”的招牌", "木招牌上写着“茶馆”，挂在门口，傍晚的侧光。"),
        ("海边的灯塔，不要人", "一座白色灯塔矗立在海边的悬崖上，低角度仰视，傍晚的侧光照在砖墙上。"),
    ],
)
def test_a_chinese_prompt_passes_where_chinese_is_asked_for(wish: str, prompt: str) -> None:
    assert found(wish, prompt, chinese=True) == ()


@pytest.mark.parametrize(
    ("wish", "prompt", "code"),
    [
        ("一只猫", "A cat on a chair.", "language"),
        ("狐狸，不要狗", "一只狗站在雪地里。", "subject"),
        ("狐狸，不要狗", "一只狐狸和一只狗站在雪地里。", "refused"),
        ("三只狐狸", "狐狸站在雪地里。", "numbers"),
        ("三只狐狸", "三只狐狸和五只兔子站在雪地里。", "numbers"),
        ("写着“茶馆”的招牌", "木招牌挂在门口。", "quotes"),
        ("一只猫", "一只美丽的猫趴在窗台上。", "vague"),
    ],
)
def test_an_unfaithful_chinese_prompt_is_told_by_code(wish: str, prompt: str, code: str) -> None:
    assert code in found(wish, prompt, chinese=True)


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("three cats and 12 dogs", {3, 12}),
        ("two large worn leather boots", {2}),
        ("five rows of light", set()),
        ("85mm lens, 4 o'clock", set()),
        ("both hands, a pair of shoes", set()),
    ],
)
def test_only_numbers_that_count_things_are_counted(text: str, values: set[int]) -> None:
    assert counts(text) == values


def test_instructions_may_not_come_back_unless_the_wish_has_them() -> None:
    told = instructions(False)
    line = "Keep the subject, its number, what it does, every name"
    assert leaks(f"A cat. {line}", "a cat", told)
    assert not leaks(f"A cat. {line}", f"a sign: {line}", told)


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("three cats and 12 dogs", {3, 12}),
        ("a pair of boots", {2}),
        ("one cat", set()),
        ("f/1.4, 85mm", {4, 85}),
    ],
)
def test_numbers_are_read_in_digits_and_words(text: str, values: set[int]) -> None:
    assert numbers(text) == values
