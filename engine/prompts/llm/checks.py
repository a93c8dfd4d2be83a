"""What must hold of a prompt that a language model wrote, checked by code against the wish it is for.

Pure functions. Knows quotes, numbers, the bilingual lexicon and how language models talk. Knows no model. A
Chinese prompt is judged by what it says in English.
"""

import re
from collections.abc import Iterable, Sequence
from functools import cache

from engine.prompts.complete.optimize import optimize
from engine.prompts.data import HAN, phrases
from engine.prompts.text.clean import QUOTED, is_chinese, quoted
from engine.prompts.text.sanitize import LIMIT
from engine.prompts.translate.lexicon import Entry, bilingual_lexicon, plural

SUBJECTS = frozenset(
    {"people", "person", "animal", "plant", "food", "machine", "object", "clothing", "building"}
)
WORDS = 260
"""The longest prompt in English words; about 350 tokens, so that the encoder's 512 hold it."""
LEAKED_WORDS = 7
COUNTED_WORDS = 4
"""A number counts the first noun among so many words after it."""
NOT_COUNTED = frozenset({"both", "pair", "pairs"})
"""They tell the usual number of something, as in "both hands", and so add none."""
_BETWEEN = "of in on at to by for with and or from into over under near behind beside between around"
BETWEEN = frozenset(_BETWEEN.split())
THINKING = re.compile(r"</?think|<\|", re.IGNORECASE)
LIST = re.compile(r"\n|^\s*(?:[-*•#>]|\d+[.)])\s|\*\*|```|__")
REFUSAL = re.compile(
    r"\b(?:i(?:'|’)?m sorry|i am sorry|sorry, |i can(?:no|'|’)t|i (?:am|(?:'|’)m) (?:unable|not able)|"
    r"as an ai|language model|against my|not appropriate)\b"
    r"|抱歉|对不起|我无法|我不能|作为(?:一个)?(?:AI|人工智能)",
    re.IGNORECASE,
)
CHATTER = re.compile(
    r"^(?:sure|certainly|of course|okay|ok|absolutely|great|here(?:'|’)?s|here is|here are|"
    r"this is (?:a|the) prompt|(?:the )?(?:final |rewritten |enhanced |image )*prompt|output|"
    r"answer|assistant)\b[^.]{0,40}[:!,]"
    r"|\b(?:let me know|feel free|i hope|hope this|would you like|in this prompt|the user|your wish)\b"
    r"|^(?:好的|当然|以下|这是|提示词)|希望(?:这|你)|如果你",
    re.IGNORECASE,
)
NUMBER_WORDS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
    "seventeen eighteen nineteen twenty"
)
VALUES = {word: value for value, word in enumerate(NUMBER_WORDS.split())} | {
    "thirty": 30, "forty": 40, "fifty": 50, "sixty": 60, "seventy": 70, "eighty": 80, "ninety": 90,
    "hundred": 100, "thousand": 1000, "dozen": 12, "pair": 2, "pairs": 2, "couple": 2, "twin": 2, "twins": 2,
    "both": 2, "trio": 3,
}  # fmt: skip


def problems(
    wish: str, prompt: str, plain: str, denied: Iterable[str] = (), *, chinese: bool = False, secret: str = ""
) -> tuple[str, ...]:
    """Return codes of what is wrong with `prompt` as a rewriting of `wish`; nothing where it may be used.

    `plain` is the wish in English by rules and `denied` what it refuses: they tell subjects, numbers and what
    may not be spoken of. `chinese` asks for a Chinese prompt; `plain` and `denied` are in English even then.
    `secret` are the model's instructions, of which no seven words in a row may come back. Codes: empty, long,
    thinking, list, refusal, chatter, language, vague, quotes, numbers, subject, refused, leak.
    """
    bare = QUOTED.sub(" ", prompt)
    said = optimize(bare).text if chinese else bare
    wanted = numbers(QUOTED.sub(" ", plain))
    found = {
        "empty": not re.search(r"\w", bare) and not quoted(prompt),
        "long": len(prompt) > LIMIT or len(prompt.split()) > WORDS,
        "thinking": bool(THINKING.search(prompt)),
        "list": bool(LIST.search(prompt.strip())),
        "refusal": bool(REFUSAL.search(bare)),
        "chatter": bool(CHATTER.search(bare.strip())),
        "language": is_chinese(prompt) != chinese if chinese else bool(HAN.search(bare)),
        "vague": bool(_vague().search(bare)),
        "quotes": not _keeps_quotes(wish, prompt),
        "numbers": bool(wanted - numbers(said) or counts(said) - wanted),
        "subject": not names_subjects(plain, said),
        "refused": any(_names(said.casefold(), (thing,)) for thing in denied),
        "leak": leaks(prompt, wish, secret),
    }
    return tuple(code for code, holds in found.items() if holds)


def numbers(text: str) -> set[int]:
    """The numbers of two and more in a text, in digits or words; "a pair" is two."""
    words = re.findall(r"\d+|[a-z]+", text.casefold())
    return {value for word in words if (value := int(word) if word.isdigit() else VALUES.get(word, 0)) > 1}


def counts(text: str) -> set[int]:
    """The numbers of two and more that count things which can be subjects: "five small dogs", not "35mm"."""
    found = set[int]()
    for clause in re.split(r"[^\w\s'’./-]|[.](?!\d)", text.casefold()):
        words = clause.split()
        for at, word in enumerate(words):
            value = int(word) if word.isdecimal() else VALUES.get(word, 0)
            if value > 1 and word not in NOT_COUNTED and _begins_with_thing(words[at + 1 :]):
                found.add(value)
    return found


def names_subjects(plain: str, prompt: str) -> bool:
    """Whether the first subject of the plain English wish and two thirds of its others are in a prompt."""
    text = prompt.casefold()
    things = [thing for thing in bilingual_lexicon().things(QUOTED.sub(" ", plain)) if thing.kind in SUBJECTS]
    present = [_names(text, _calls(thing)) for thing in dict.fromkeys(things)]
    return not present or (present[0] and sum(present) * 3 >= len(present) * 2)


def leaks(prompt: str, wish: str, secret: str) -> bool:
    """Whether a run of words of the instructions that the wish does not have itself is in a prompt."""
    told = _runs(prompt)
    return bool(told & _runs(secret) - _runs(wish))


def _keeps_quotes(wish: str, prompt: str) -> bool:
    """Every quoted text is in the prompt in quotes, character for character, and none is new."""
    said = [span[1:-1] for span in quoted(prompt)]
    asked = [span[1:-1] for span in quoted(wish)]
    return all(span in said for span in asked) and all(span.casefold() in wish.casefold() for span in said)


def _begins_with_thing(words: Sequence[str]) -> bool:
    near: list[str] = []
    for word in words[:COUNTED_WORDS]:
        if word in BETWEEN:
            break
        near.append(word)
    return any(thing.kind in SUBJECTS for thing in bilingual_lexicon().things(" ".join(near)))


def _calls(thing: Entry) -> Sequence[str]:
    names = [thing.english.removeprefix("the ").casefold(), *(other.casefold() for other in thing.others)]
    return [*names, *(name.rpartition(" ")[2] for name in names)]


def _names(text: str, names: Iterable[str]) -> bool:
    forms = [form for name in names for form in (name.casefold(), plural(name.casefold()))]
    return any(re.search(rf"(?<!\w){re.escape(form)}(?!\w)", text) for form in forms if form)


def _runs(text: str) -> set[tuple[str, ...]]:
    words = re.findall(r"\w+", text.casefold())
    return {tuple(words[at : at + LEAKED_WORDS]) for at in range(len(words) - LEAKED_WORDS + 1)}


@cache
def _vague() -> re.Pattern[str]:
    strip = phrases()["strip"]
    return re.compile(rf"\b(?:{strip['vague_en']}|{strip['tags']})\b|{strip['vague_zh']}", re.IGNORECASE)
