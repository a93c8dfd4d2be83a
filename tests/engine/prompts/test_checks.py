"""The checks on what a language model wrote: what passes, and the code of what does not."""

import pytest

from engine.prompts import optimize
from engine.prompts.llm import meaning
from engine.prompts.llm.checks import is_talk, leaks, numbers, problems
from engine.prompts.llm.instructions import instructions
from lab.evaluate.wishes.records import rewritings
from lab.evaluate.wishes.rewritings import accepted

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
    ("a cat", "Sure! A cat on a chair.", "talk"),
    ("a cat", "Here is the prompt: a cat on a chair.", "talk"),
    ("a cat", "A cat on a chair. Let me know if you want more.", "talk"),
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
    ("a cake without candles", "A cake with many candles on a table.", "refused"),
    ("poster titled THE LAST TEAPOT", "A poster with a red teapot on it.", "quotes"),
    ("a chess player at a table", "A chess player at a table, a cat beside the board.", "added"),
    ("a black cat on a white chair", "A white cat sits on a black chair.", "colours"),
    ("a girl in a red dress and a boy", "A girl in a blue dress and a boy.", "colours"),
    ("夜晚的街道", "A street at noon, short shadows.", "time"),
    ("a street", "A street, wet street, wet street, wet street.", "repetition"),
    ("a fox in the forest", "A fox stands among the trees, its fur lit by the", "cut"),
    ("a fox", "Please show a fox in the snow.", "talk"),
]


def found(wish: str, prompt: str, chinese: bool = False) -> tuple[str, ...]:
    denied = [term for term in optimize(wish).negative.split(", ") if term]
    codes = problems(wish, prompt, denied, chinese=chinese, secret=instructions(chinese))
    return (*codes, *(("talk",) if is_talk(wish, prompt) else ()))


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
    ("text", "things"),
    [
        ("three cats and 12 red dogs", [("cats", 3, ""), ("dogs", 12, "red")]),
        ("两只黑狗和三把红色的椅子", [("狗", 2, "black"), ("椅子", 3, "red")]),
        ("both hands on a chair, 4 o'clock", [("hands", 1, ""), ("chair", 1, "")]),
        ("a chair, no dogs", [("chair", 1, "")]),
        ('a chair with "a dog"', [("chair", 1, "")]),
        ("a horse in Paris", [("horse", 1, ""), ("Paris", 1, "")]),
    ],
)
def test_what_a_text_speaks_of_has_its_number_and_colour(
    text: str, things: list[tuple[str, int, str]]
) -> None:
    found = [(each.text, each.count, "".join(each.colours)) for each in meaning.read(text).mentions]
    assert found == things


@pytest.mark.parametrize("split", ["dev", "held_out"])
def test_of_two_lists_the_checks_take_the_good_and_refuse_the_bad(split: str) -> None:
    # Shares only: the held-out half is not to be read.
    for grade, wanted in (("good", True), ("bad", False)):
        right = [accepted(item) is wanted for item in rewritings(grade, split)]
        share = sum(right) / len(right)
        assert share >= 0.97, grade


def test_instructions_may_not_come_back_unless_the_wish_has_them() -> None:
    told = instructions(False)
    line = "Keep every thing, number, colour, name and style of the wish"
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
