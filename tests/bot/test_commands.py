"""Facts about the first word of a message."""

import pytest

from bot.requests.commands import COMMANDS, Command, parse
from bot.types import Refused


@pytest.mark.parametrize(
    ("text", "name", "rest"),
    [
        ("a cat", "imagine", "a cat"),
        ("/imagine a cat", "imagine", "a cat"),
        ("/imagine@some_bot a cat", "imagine", "a cat"),
        ("/IMAGINE\na cat", "imagine", "a cat"),
        ("／imagine：一只猫", "imagine", "一只猫"),
        ("/imagine", "imagine", ""),
        ('/imagine "--ar" sign', "imagine", '"--ar" sign'),
        ("画图 一只猫", "imagine", "一只猫"),
        ("约稿：一只猫", "imagine", "一只猫"),
        ("/绘画一只猫", "imagine", "一只猫"),
        ("画一只猫", "imagine", "画一只猫"),
        ("润色 一只猫", "optimize", "一只猫"),
        ("畫圖 一隻貓", "imagine", "一隻貓"),
        ("描画 夕焼けの海", "imagine", "夕焼けの海"),
        ("描画した海", "imagine", "描画した海"),
        ("拡大 17 2 描き直し", "upscale", "17 2 描き直し"),
        ("拡大4倍", "upscale", "4倍"),
        ("拡大鏡で見た蟻", "imagine", "拡大鏡で見た蟻"),
        ("もう一枚！", "reroll", ""),
        ("連携 解除", "link", "解除"),
        ("/一時停止", "pause", ""),
        ("/佇列", "queue", ""),
        ("放大", "upscale", ""),
        ("放大 17 2", "upscale", "17 2"),
        ("放大 17 重绘", "upscale", "17 重绘"),
        ("放大 重绘", "upscale", "重绘"),
        ("放大 四倍 17 重绘", "upscale", "四倍 17 重绘"),
        ("放大 17 4×", "upscale", "17 4x"),
        ("/放大四倍", "upscale", "四倍"),
        ("放大四倍", "upscale", "四倍"),
        ("放大17", "upscale", "17"),
        ("放大四倍的猫", "imagine", "放大四倍的猫"),
        ("放大 四倍镜", "imagine", "放大 四倍镜"),
        ("/upscale 17 2 redraw", "upscale", "17 2 redraw"),
        ("放大 重绘一只猫", "imagine", "放大 重绘一只猫"),
        ("放大镜下的蚂蚁", "imagine", "放大镜下的蚂蚁"),
        ("再来一张！", "reroll", ""),
        ("队列", "queue", ""),
        ("取消 #3", "cancel", "#3"),
        ("历史", "history", ""),
        ("历史 古城", "imagine", "历史 古城"),
        ("额度", "quota", ""),
        ("帮助", "help", ""),
        ("设置", "settings", ""),
        ("设置一个场景", "imagine", "设置一个场景"),
        ("忘记我", "forget", ""),
        ("忘记我吧，少年", "imagine", "忘记我吧，少年"),
        ("绑定 ABCD2345", "link", "ABCD2345"),
        ("绑定 解除", "link", "解除"),
        ("绑定 在一起的手", "imagine", "绑定 在一起的手"),
        ("/link abcd-2345", "link", "abcd-2345"),
        ("封禁 #17 3 \u201c刷屏\u201d", "ban", "#17 3 \u201c刷屏\u201d"),
        ("封禁 discord:user:7", "ban", "discord:user:7"),
        ("封禁 的城门", "imagine", "封禁 的城门"),
        ('/ban telegram:user:7 3 "no" means no', "ban", 'telegram:user:7 3 "no" means no'),
        ("/unban #3", "unban", "#3"),
        ("/start", "help", ""),
        ("/cancel ３", "cancel", "3"),
        ("history of a cat", "imagine", "history of a cat"),
    ],
)
def test_a_message_is_a_command_and_the_text_behind_it(text: str, name: str, rest: str) -> None:
    assert parse(text) == Command(name, rest)


@pytest.mark.parametrize("text", ["/x", "/", "/imagines a cat"])
def test_an_unknown_slash_command_is_refused_by_name(text: str) -> None:
    with pytest.raises(Refused) as refused:
        parse(text)
    assert (refused.value.code, refused.value.values) == ("unknown-command", {"command": text.split()[0]})


@pytest.mark.parametrize("text", ["“" * 480_000, "/ban " + "x" * 8000, "放大" + "一" * 8000])
def test_a_message_longer_than_any_ask_is_refused_with_the_limit(text: str) -> None:
    with pytest.raises(Refused) as refused:
        parse(text)
    assert (refused.value.code, refused.value.values) == (
        "prompt-too-long",
        {"length": len(text), "limit": 2000},
    )


def test_every_name_and_alias_with_a_slash_is_its_command() -> None:
    for entry in COMMANDS:
        assert {parse(f"/{word}").name for word in (entry.name, *entry.words)} == {entry.name}
