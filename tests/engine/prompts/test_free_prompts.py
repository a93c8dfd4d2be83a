"""Prompts for a model that draws anything: what goes, and what stays as the person wrote it."""

import pytest

from engine.prompts import optimize

UNCHANGED = [
    "a photo of a woman reading in a train, 35mm",
    "一只猫坐在电脑前",
    "三只红色的猫",
    "two cats and three dogs",
    "红船和蓝天",
    "a man in a cool tone suit",
    "做梦的女孩",
    "画中的女孩看着窗外",
    "来自外星的猫",
    "一张床上的猫",
    "可以吃的蘑菇屋",
    "墙上的画",
    "Show horse jumping a fence",
    "Paint splashes on a wall",
    "the girl is very beautiful and smiling",
    "Nice, France, the promenade",
    "No Man's Sky spaceship",
    "no longer young, a sailor",
    "a man who has no hair",
    "没有边际的大海",
    "灰猫",
    "But first, coffee",
    "a fox , and a hare,",
    "不要停",
    'a poster saying "draw me a nice cat, no dogs"',
    "海报上写着“不要好看的猫，请帮我画”",
]
CLEANED = [
    ("draw me a dragon over a castle please", "a dragon over a castle"),
    ("Could you please paint me a castle?", "a castle?"),
    ("I want a picture of a fox in the woods", "a fox in the woods"),
    ("I'd like to see a really beautiful old house", "an old house"),
    ("please, generate an amazing eagle", "an eagle"),
    ("请帮我画一只在电脑前的猫", "一只在电脑前的猫"),
    ("画一张龙的图片", "龙"),
    ("能不能给我画一个很漂亮的城堡，谢谢", "一个城堡"),
    ("帮我画一幅画：一条龙在云里", "一条龙在云里"),
    ("请画：一座塔", "一座塔"),
    ("A beautiful, serene lake", "A serene lake"),
    ("draw a picture of a tower", "a tower"),
    ("我想要一条龙在云里", "一条龙在云里"),
    ("masterpiece, best quality, a fox, 8k", "a fox"),
    ('draw me a shop sign with "Nice   Café"', 'a shop sign with "Nice Café"'),
    ("请画一块写着“好看的猫”的牌子", "一块写着“好看的猫”的牌子"),
]
REFUSED = [
    ("a beach at noon, no people", "a beach at noon", "people"),
    ("a house without trees and snow in the mountains", "a house in the mountains", "trees, snow"),
    ("a street without cars or people, rain", "a street, rain", "cars, people"),
    ("a man without a hat in the park", "a man in the park", "hat"),
    ("a forest without snow but with a lake", "a forest with a lake", "snow"),
    ("一座森林，不要人", "一座森林", "人"),
    ("古城街道，不要出现汽车和文字，雨天", "古城街道，雨天", "汽车, 文字"),
    ("no people", "no people", ""),
    ('a wall without "graffiti"', 'a wall without "graffiti"', ""),
]
TRANSLATED = [
    ("夕阳下海上的一艘红色帆船", "a red sailboat on the sea at sunset"),
    ("画一只在雪地里的黑猫", "a black cat in the snow"),
    ("一只橘色的小猫在街上", "an orange kitten on the street"),
    ("星空下的白色蘑菇", "a white mushroom under a starry sky"),
    ("船", "a boat"),
    ("中午的紫色热气球", "a purple hot-air balloon at noon"),
]


@pytest.mark.parametrize("prompt", UNCHANGED)
def test_a_precise_prompt_stays_verbatim(prompt: str) -> None:
    rewritten = optimize(prompt)
    assert (rewritten.text, rewritten.notes, rewritten.negative) == (prompt, (), "")


@pytest.mark.parametrize(("wish", "prompt"), CLEANED)
def test_request_phrases_and_vague_words_go(wish: str, prompt: str) -> None:
    assert optimize(wish).text == prompt


@pytest.mark.parametrize(("wish", "prompt", "negative"), REFUSED)
def test_a_refused_thing_goes_to_the_negative_prompt(wish: str, prompt: str, negative: str) -> None:
    rewritten = optimize(wish)
    assert (rewritten.text, rewritten.negative) == (prompt, negative)


@pytest.mark.parametrize(("wish", "prompt"), TRANSLATED)
def test_a_chinese_wish_of_known_words_becomes_english(wish: str, prompt: str) -> None:
    assert optimize(wish).text == prompt
