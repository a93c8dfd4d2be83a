"""The first word of a message: which command it is and what is left for it.

Knows the commands' names; what else they are called stands in the files of the languages. Does nothing.
"""

import re
from dataclasses import dataclass
from typing import Literal

from bot.locales.texts import phrases, typed
from bot.requests import edits, flag_syntax, upscale_options
from bot.types import Refused

SHOWN_NAME = 40


@dataclass(frozen=True, slots=True)
class Entry:
    """A row: the name, what it takes, and whether it is for `admins` only.

    `prompt` is free text, `job` a job number or a word for all, `number` perhaps one, `numbers` a job
    number and perhaps a picture's, `picture` these and perhaps how to upscale it, `view` these and whence to
    see it, `change` perhaps these and free text, `code` one word of letters and digits, `name` a user as the
    configuration names them and more about them, `nothing` is nothing.
    """

    name: str
    takes: Literal[
        "prompt", "job", "number", "numbers", "picture", "view", "change", "code", "name", "nothing"
    ]
    admins: bool = False

    @property
    def words(self) -> tuple[str, ...]:
        """What one may type for it, in any language."""
        return typed(f"command-{self.name}.words")


COMMANDS: tuple[Entry, ...] = (
    Entry("imagine", "prompt"),
    Entry("optimize", "prompt"),
    Entry("upscale", "picture"),
    Entry("edit", "change"),
    Entry("zoom", "view"),
    Entry("pan", "view"),
    Entry("reroll", "nothing"),
    Entry("queue", "nothing"),
    Entry("cancel", "job"),
    Entry("history", "number"),
    Entry("show", "numbers"),
    Entry("info", "numbers"),
    Entry("quota", "nothing"),
    Entry("loras", "nothing"),
    Entry("settings", "nothing"),
    Entry("link", "code"),
    Entry("forget", "nothing"),
    Entry("help", "nothing"),
    Entry("pause", "nothing", admins=True),
    Entry("resume", "nothing", admins=True),
    Entry("drain", "nothing", admins=True),
    Entry("stats", "nothing", admins=True),
    Entry("ban", "name", admins=True),
    Entry("unban", "name", admins=True),
)


@dataclass(frozen=True, slots=True)
class Command:
    """A command by its `name` in `COMMANDS`; `rest` is the text behind it, stripped."""

    name: str
    rest: str


_BY_WORD = {word: entry for entry in COMMANDS for word in entry.words}
_BARE = sorted((word for word in _BY_WORD if not word.isascii()), key=len, reverse=True)
"""The words that need no slash; the longer ones first, as some begin with others."""
_SLASH = re.compile(r"/(?P<word>[^\s@:,]*)(?:@\w*)?")
_NUMBER = re.compile("(?:[0-9]{1,4})?")
_NUMBERS = re.compile(r"(?:#?[0-9]+(?:\s+[0-9]+)?)?")
_JOB = re.compile("|".join(("(?:#?[0-9]+)?", *typed("typed-all"))))
_CODE = re.compile("|".join(("[0-9A-Za-z-]*", *typed("typed-separate"))))
_NAME = re.compile(r"(?:#[0-9]+|[a-z]+:[a-z-]+:\S+)(?:\s.*)?", re.DOTALL)
_AFTER_WORD = re.compile(r"$|[\s:,.!~。]")
_CLOSING = " .!?~。、"


def parse(text: str) -> Command:
    """Return the command a message is; words without one are a prompt.

    Raises `Refused`: unknown-command, prompt-too-long. A greeting and a question for help get help.

    A Chinese or Japanese command word counts without a slash too, where it stands alone and what follows is
    what it takes: "放大 17" upscales, and "放大四倍" as it is written, too; "放大镜下的蚂蚁" is a prompt.
    """
    text = flag_syntax.repair(text).strip()
    # Quotes are not blanked here: the word is read before any quote can matter, and positions are the same.
    plain = flag_syntax.normalize(text)
    if plain.startswith("/"):
        return _slash(text, plain)
    if plain.casefold().strip(_CLOSING) in phrases("typed-help"):
        return Command("help", "")
    for word in _BARE:
        entry = _BY_WORD[word]
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
        glued = next((known for known in _BARE if word.startswith(known)), None)
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
        case "job":
            return _JOB.fullmatch(plain) is not None
        case "number":
            return _NUMBER.fullmatch(plain) is not None
        case "numbers":
            return _NUMBERS.fullmatch(plain) is not None
        case "picture":
            return _NUMBERS.fullmatch(upscale_options.without_options(plain).strip()) is not None
        case "view":
            return edits.is_view("zoom" if entry.name == "zoom" else "pan", plain)
        case "change":
            return bool(plain[:1].isdecimal() or plain[:1] == "#")
        case "code":
            return _CODE.fullmatch(plain) is not None
        case "name":
            return _NAME.fullmatch(plain) is not None
        case "nothing":
            return not plain


def _rest(entry: Entry, rest: str) -> str:
    return (
        rest if entry.takes in ("prompt", "name", "change") else flag_syntax.normalize(rest).strip(_CLOSING)
    )
