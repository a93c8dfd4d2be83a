"""The first word of a message: which command it is and what is left for it.

Knows the commands' names in English and Chinese; does nothing.
"""

import re
from dataclasses import dataclass
from typing import Literal

from bot.requests import flag_syntax, upscale_options
from bot.types import Refused

SHOWN_NAME = 40


@dataclass(frozen=True, slots=True)
class Entry:
    """A row: the name, other words for it, what it takes, and whether it is for `admins` only.

    `prompt` is free text, `numbers` a job number and perhaps a picture's, `picture` these and perhaps how to
    enlarge it, `code` one word of letters and digits, `name` a person as the configuration names them and
    what is said of them, `nothing` is nothing.
    """

    name: str
    aliases: tuple[str, ...]
    takes: Literal["prompt", "numbers", "picture", "code", "name", "nothing"]
    admins: bool = False


COMMANDS: tuple[Entry, ...] = (
    Entry("imagine", ("画图", "绘画", "约稿"), "prompt"),
    Entry("optimize", ("优化", "润色"), "prompt"),
    Entry("upscale", ("放大",), "picture"),
    Entry("reroll", ("再来一张",), "nothing"),
    Entry("queue", ("队列",), "nothing"),
    Entry("cancel", ("取消",), "numbers"),
    Entry("history", ("历史",), "nothing"),
    Entry("show", ("查看",), "numbers"),
    Entry("info", ("参数",), "numbers"),
    Entry("quota", ("额度",), "nothing"),
    Entry("settings", ("设置",), "nothing"),
    Entry("link", ("绑定",), "code"),
    Entry("forget", ("忘记我",), "nothing"),
    Entry("help", ("帮助", "start"), "nothing"),
    Entry("pause", ("暂停",), "nothing", admins=True),
    Entry("resume", ("恢复", "继续"), "nothing", admins=True),
    Entry("drain", ("停止接单", "收工"), "nothing", admins=True),
    Entry("stats", ("统计",), "nothing", admins=True),
    Entry("ban", ("封禁",), "name", admins=True),
    Entry("unban", ("解封",), "name", admins=True),
)


@dataclass(frozen=True, slots=True)
class Command:
    """A command by its `name` in `COMMANDS`; `rest` is the text behind it, stripped."""

    name: str
    rest: str


_BY_WORD = {word: entry for entry in COMMANDS for word in (entry.name, *entry.aliases)}
_CHINESE = {word: entry for word, entry in _BY_WORD.items() if not word.isascii()}
_SLASH = re.compile(r"/(?P<word>[^\s@:,]*)(?:@\w*)?")
_NUMBERS = re.compile(r"(?:#?[0-9]+(?:\s+[0-9]+)?)?")
_CODE = re.compile(r"[0-9A-Za-z-]*|关闭|解除")
_NAME = re.compile(r"(?:#[0-9]+|[a-z]+:[a-z-]+:\S+)(?:\s.*)?", re.DOTALL)
_AFTER_WORD = re.compile(r"$|[\s:,.!~。]")
_CLOSING = " .!?~。、"


def parse(text: str) -> Command:
    """Return the command a message is; words without one are a prompt.

    Raises `Refused`: unknown-command, prompt-too-long.

    A Chinese command word counts without a slash too, where it stands alone and what follows is what it
    takes: "放大 17" enlarges, and "放大四倍" as it is written, too; "放大镜下的蚂蚁" is a prompt.
    """
    text = flag_syntax.sound(text).strip()
    # Quotes are not blanked here: the word is read before any quote can matter, and positions are the same.
    plain = flag_syntax.normalize(text)
    if plain.startswith("/"):
        return _slash(text, plain)
    for word, entry in _CHINESE.items():
        if plain.startswith(word) and (entry.takes == "picture" or _AFTER_WORD.match(plain, len(word))):
            rest = text[len(word) :].lstrip(" \t\n:：,，")
            if _fits(entry, rest):
                return Command(entry.name, _rest(entry, rest))
    return Command("imagine", text)


def _slash(text: str, plain: str) -> Command:
    match = _SLASH.match(plain)
    assert match is not None
    word, end = match["word"].casefold(), match.end()
    if word not in _BY_WORD:
        glued = next((known for known in _CHINESE if word.startswith(known)), None)
        if glued is None:
            raise Refused("unknown-command", command=f"/{word}"[:SHOWN_NAME])
        word, end = glued, 1 + len(glued)
    entry = _BY_WORD[word]
    return Command(entry.name, _rest(entry, text[end:].lstrip(" \t\n:：,，")))


def _fits(entry: Entry, rest: str) -> bool:
    plain = flag_syntax.normalize(rest).strip(_CLOSING)
    match entry.takes:
        case "prompt":
            return True
        case "numbers":
            return _NUMBERS.fullmatch(plain) is not None
        case "picture":
            return _NUMBERS.fullmatch(upscale_options.without_way(plain).strip()) is not None
        case "code":
            return _CODE.fullmatch(plain) is not None
        case "name":
            return _NAME.fullmatch(plain) is not None
        case "nothing":
            return not plain


def _rest(entry: Entry, rest: str) -> str:
    return rest if entry.takes in ("prompt", "name") else flag_syntax.normalize(rest).strip(_CLOSING)
