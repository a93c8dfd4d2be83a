"""Facts about reading prompts for the picture book: counts, relations, scenery, own colours."""

from pathlib import Path
from random import Random

import pytest

from engine.embedded import WEIGHTS
from engine.models.profiles import locate, profile
from engine.prompts import enhance, optimize, ruled, world_of
from engine.types import EngineSettings, Optimize
from lab.render.book.scene import sample_book
from lab.render.captions import caption
from lab.render.vocabulary_file import vocabulary_of, write
from lab.render.world import BOOK

WORLD = world_of(vocabulary_of(BOOK), WEIGHTS)


def test_every_canonical_prompt_of_the_book_is_read_as_itself() -> None:
    rng = Random(0)
    prompts = [sample_book(rng, rng.random() < 0.5).prompt for _ in range(400)]
    assert [optimize(prompt, WORLD).text for prompt in prompts] == prompts


def test_free_wordings_are_read_as_the_canonical_prompt() -> None:
    rng = Random(0)
    scenes = [sample_book(rng) for _ in range(400)]
    read = [optimize(caption(scene, rng, complete=True), WORLD).text.split(", ")[0] for scene in scenes]
    right = sum(text == scene.prompt.split(", ")[0] for text, scene in zip(read, scenes, strict=True))
    assert right >= 394


SOUP = (
    "a two 三 两只 red 红色的 cats 猫 狗 伞 dog under behind 前面 后面 下 在 的 and 和 , 。 左边 城堡 "
    "mountain 雪花 in rain 下雨 穿着 dress 月亮 晚上 noodles rice five 许多 corgi 妈妈 不要 panda "
    "space 桌上 水彩 弹吉他 骑马 ( 🐱"
)


def test_what_came_of_any_words_is_read_as_itself_with_additions_and_without() -> None:
    rng = Random(1)
    for wish in (" ".join(rng.choices(SOUP.split(), k=rng.randint(1, 9))) for _ in range(600)):
        text = optimize(wish, WORLD).text
        assert optimize(text, WORLD).text == text
        if text != wish:
            full = enhance(text, WORLD).text
            assert optimize(full, WORLD).text == full


@pytest.mark.parametrize(
    ("wish", "prompt"),
    [
        ("a bowl of ramen", "some noodles"),
        ("2 cats", "two cats"),
        ("a pair of owls", "two owls"),
        ("三朵玫瑰", "three roses"),
        ("街上的两只狗", "two dogs in a street"),
        ("a house behind a tree", "a tree in front of a house"),
        ("a bird above a house", "a house under a bird"),
        ("一只狐狸在伞下", "a fox under an umbrella"),
        ("红伞下的一只狐狸", "a fox under a red umbrella"),
        ("房子前面有一只猫", "a cat in front of a house"),
        ("猫在房子后面", "a house in front of a cat"),
        ("a girl on a mountain", "a girl in the mountains"),
        (
            "a princess and a dragon in front of a castle",
            "a princess on the left and a dragon on the right by a castle",
        ),
        ("a cat in falling snowflakes", "a cat in falling snow"),
        ("太空里的猫", "a cat in space"),
        ("水下的章鱼", "an octopus under water"),
        ("a penguin on ice", "a penguin in the snow"),
        ("黑猫", "a black cat"),
        ("弹吉他的女孩", "a guitar on the left and a girl on the right"),
        ("猫骑自行车", "a cat on the left and a bicycle on the right"),
        ("ドラゴン", "a dragon"),
        ("dragón rojo", "a red dragon"),
        ("a tree under a cat", "a tree on the left and a cat on the right"),
    ],
)
def test_what_people_say_becomes_the_canonical_prompt(wish: str, prompt: str) -> None:
    assert optimize(wish, WORLD).text == prompt


@pytest.mark.parametrize(
    ("wish", "prompt", "note"),
    [
        ("five apples", "three apples", "world:count"),
        ("many balloons", "three balloons", "world:count"),
        ("两个面包", "some bread", "world:count"),
        ("three cats and a dog", "a cat on the left and a dog on the right", "world:count"),
        ("a blue panda", "a panda", "left-out=blue"),
        ("an octopus under water in the rain", "an octopus under water", "left-out=in the rain"),
        ("a girl in a red dress", "a girl", "left-out=dress"),
        ("戴帽子的猫", "a cat", "left-out=帽子"),
        ("a corgi", "a dog", "nearest=corgi → dog"),
        ("玉兔在月球上", "a rabbit in space", "nearest=玉兔 → 兔子"),
        ("a squirrel", "a chipmunk", "nearest=squirrel → chipmunk"),
        ("a nurse", "a doctor", "nearest=nurse → doctor"),
        ("妈妈和宝宝", "a woman on the left and a baby on the right", "nearest=妈妈 → 女人"),
        ("一轮明月", "a moon", "nearest=一轮明月 → 月亮"),
        ("一艘飞艇", "a hot air balloon", "nearest=飞艇 → 热气球"),
        ("a blorb", "a blorb", "outside-world"),
    ],
)
def test_what_the_book_cannot_draw_is_told(wish: str, prompt: str, note: str) -> None:
    rewritten = optimize(wish, WORLD)
    assert rewritten.text == prompt
    assert note in rewritten.notes


def test_a_folder_with_a_vocabulary_is_asked_in_its_own_words(tmp_path: Path) -> None:
    write(BOOK, tmp_path)
    settings, described = EngineSettings(model=str(tmp_path)), profile(str(tmp_path))
    optimizer = ruled(settings, described, locate(str(tmp_path)))
    assert optimizer is not None
    assert optimizer.prepare(Optimize("三只猫头鹰")).used == "three owls"


def test_a_place_and_a_time_that_suit_are_added() -> None:
    assert enhance("an astronaut", WORLD).text.startswith("an astronaut in space at night")
    assert " on a kitchen table " in enhance("a pizza", WORLD).text
    assert " at night" in enhance("a ghost", WORLD).text
