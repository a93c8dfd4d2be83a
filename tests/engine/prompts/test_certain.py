"""Chinese that is not understood for certain stays Chinese for a model that reads it, and is named."""

import pytest

from engine.prompts import Target, optimize
from tests.engine.prompts.rules import prepare

READER = Target("auto", reads_chinese=True)
DOUBTFUL = [
    ("一尊雕像的形象", "形象"),
    ("守门员飞身扑救", "守门员、飞身、扑救"),
    ("大波浪的女孩", "大波浪"),
    ("赛博机娘，霓虹", "赛博机娘"),
    ("原神里的雷电将军", "原神、雷电将军"),
    ("路飞在船上大笑", "路飞、大笑"),
    ("火列鸟站在水里", "火列鸟站"),
    ("海边的情侣照", "情侣照"),
    ("三头龙", "三头龙"),
    ("墙上挂着一幅画", "画"),
    ("一个没有指针的钟", "没有指针的"),
    ("妈妈做的蛋糕", "做的"),
    ("秋天的童话", "秋天的童话"),
    ("青蛙坐井", "坐井"),
    ("银杏叶落满地", "地"),
    ("加班狗", "加班狗"),
    ("一个如鱼得水的男孩", "如鱼得水"),
    ("孤独", "孤独"),
    ("蚂蚁上树", "蚂蚁上树"),
    ("白切鸡", "白切鸡"),
    ("跳一跳", "一、跳"),
    ("九层塔", "九层塔"),
    ("二奶", "二奶"),
    ("神奇宝贝", "神奇宝贝"),
    ("烤房", "烤房"),
    ("奶凶的小狮子", "奶凶"),
    ("花了妆的女孩", "花、了妆"),
    ("路边开着野花", "开着"),
    ("镜子里的自己", "自己"),
    ("猫被狗追着跑", "猫、追、跑"),
    ("一个女孩在给猫洗澡", "给猫洗澡"),
    ("跟手掌一样大的小象", "跟手掌一样大的"),
    ("红色和蓝色的气球", "红色和蓝色"),
    ("吸血鬼新娘", "吸血鬼、新娘"),
    ("一只小狗再草地上奔跑", "再草地、奔跑"),
    ("香蕉的船", "香蕉"),
    ("守株待兔的农夫", "守株待兔"),
]
PARTS = [
    ("松鼠桂鱼", "松鼠桂鱼"),
    ("一只松鼠桂鱼", "一只松鼠桂鱼"),
    ("两只小猫吆喝", "two kittens"),
    ("元气森林气泡水", "元气森林气泡水"),
    ("天津麻花", "天津麻花"),
    ("五菱宏光", "五菱宏光"),
    ("比房子还大的猫", "a cat"),
    ("带着帽子的老人在钓于", "an old man"),
    ("一个戴着老花镜的修表匠", "a watchmaker"),
    ("西安大唐不夜城", "西安大唐不夜城"),
    ("月上柳梢头", "月上柳梢头"),
    ("下头男和辣妹", "下头男和辣妹"),
    ("皮卡丘放十万伏特", "Pikachu"),
    ("藤椒鸡腿", "藤椒鸡腿"),
    ("老婆饼", "老婆饼"),
    ("夫妻肺片", "夫妻肺片"),
    ("叫小美的女孩在图书馆", "a girl in a library"),
]
"""What a model that reads no Chinese gets: nothing where a known word may be part of an unknown one."""
CERTAIN = [
    ("跟着妈妈的小鸭子", "a duckling following a mother"),
    ("猫在追自己的尾巴", "a cat chasing a tail"),
    ("老虎趴在石头上", "a tiger lying face down on stone"),
    ("像狮子一样的云", "a cloud like a lion"),
    ("红红的苹果", "a red apple"),
    ("最后的晚餐", "a last dinner"),
    ("三月的樱花", "a cherry blossom in March"),
    ("机器人小男孩在修自行车", "a robot little boy repairing a bicycle"),
    ("在咖啡馆看手机的女孩", "a girl looking at the phone in a cafe"),
    ("穿女仆装的少女", "a girl wearing a maid outfit"),
    ("雨中的故宫", "the Forbidden City in rain"),
    ("成都街头的大熊猫", "a panda on a Chengdu street"),
    ("一辆红色的法拉利", "a red Ferrari"),
    ("小野猪", "a small wild boar"),
    ("长头发的女孩", "a girl with long hair"),
    ("红色屋顶的房子", "a house with a red roof"),
    ("海边的日落", "a sunset at the seaside"),
    ("短发女生在唱歌", "a girl with short hair singing"),
    ("蛋糕的照片", "a photograph of a cake"),
    ("电线上停着一只鸟", "a bird perched on power lines"),
]


@pytest.mark.parametrize(("prompt", "words"), DOUBTFUL)
def test_a_doubtful_prompt_stays_as_it_is_and_its_words_are_named(prompt: str, words: str) -> None:
    rewritten = optimize(prompt, target=READER)
    assert (rewritten.text, rewritten.notes[-1]) == (prompt, f"kept={words}")


@pytest.mark.parametrize(("prompt", "english"), CERTAIN)
def test_a_certain_prompt_is_said_in_english(prompt: str, english: str) -> None:
    assert optimize(prompt, target=READER).text == english


def test_for_a_model_that_reads_no_chinese_doubtful_words_are_left_out_and_named() -> None:
    rewritten = optimize("原神里的城堡，星空")
    assert rewritten.text == "a castle, a starry sky"
    assert rewritten.notes[-1] == "left-out=原神"


@pytest.mark.parametrize(("prompt", "english"), PARTS)
def test_a_part_of_an_unknown_word_is_not_translated(prompt: str, english: str) -> None:
    assert optimize(prompt).text == english


@pytest.mark.parametrize("prompt", ["可愛い女の子がアイスを食べている", "富士山と桜"])
@pytest.mark.parametrize("target", [READER, Target()])
def test_japanese_is_not_read_as_chinese(prompt: str, target: Target) -> None:
    assert optimize(prompt, target=target).text == prompt


def test_nothing_is_added_where_words_are_left_out() -> None:
    assert prepare("秋天的枫叶铺满小路").text == "a maple leaf in autumn"


def test_a_translator_is_asked_for_what_is_doubtful_only() -> None:
    target = Target(translator=lambda text: "a castle in Genshin Impact")
    assert optimize("原神里的城堡", target=target).text == "a castle in Genshin Impact"
    assert optimize("一座城堡", target=target).text == "a castle"


def test_a_prompt_in_both_languages_stays_as_it_is_for_a_model_that_reads_both() -> None:
    assert optimize("赛博朋克 girl，雨夜，Tokyo街头", target=READER).text == "赛博朋克 girl，雨夜，Tokyo街头"
