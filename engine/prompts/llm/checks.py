"""What must hold of a prompt that a language model wrote, checked by code against the prompt it is for.

Pure functions. Knows how language models talk; `meaning` knows what texts speak of. Knows no model.
"""

import re
from collections.abc import Iterable
from functools import cache

from engine.prompts.data import HAN, phrases
from engine.prompts.llm import meaning
from engine.prompts.llm.meaning import CAPITALS, VALUES, Reading
from engine.prompts.text.clean import QUOTED, is_chinese, quoted
from engine.prompts.text.sanitize import LIMIT

WORDS = 260
"""The longest prompt in English words; about 350 tokens, so that the encoder's 512 hold it."""
LEAKED_WORDS = 7
LEAKED_CHARACTERS = 9
THINKING = re.compile(r"</?think|<\|", re.IGNORECASE)
LIST = re.compile(r"\n|^\s*(?:[-*•#>]|\d+[.)])\s|\*\*|```|__")
REFUSAL = re.compile(
    r"\b(?:i(?:'|’)?m sorry|i am sorry|sorry, |i can(?:no|'|’)t|i (?:am|(?:'|’)m) (?:unable|not able)|"
    r"as an ai|language model|against my|not appropriate)\b"
    r"|抱歉|对不起|我无法|我不能|作为(?:一个)?(?:AI|人工智能)",
    re.IGNORECASE,
)
_LABELS = (
    "prompt|wish|request|description|answer|output|title|english|chinese|caption|translation|result|response|"
    "rewriting|rewritten|version|image|picture|photo|scene|example|note|assistant|user|subject|style|final|text|"
    "keywords?|tags?|details?|setting|composition|concept|idea|topic|theme|task|input|question|reply|"
    "instructions?|summary|name"
)
_BEFORE_LABELS = (
    "the|your|my|an?|final|new|revised|rewritten|improved|enhanced|refined|better|image|scene|text|picture|art|"
    "ai|english|chinese|user|output|positive|detailed|full|short|text-to-image|optimi[sz]ed|translated|generated"
)
_CHINESE_LABELS = (
    "提示词|提示|描述|画面|翻译|标题|回答|回复|输出|愿望|要求|改写|英文|中文|结果|场景|主题|关键词|示例|最终"
)
CHATTER = re.compile(
    rf"^(?:(?:{_BEFORE_LABELS}) )*(?:{_LABELS})\W{{0,2}}(?:[:：]| [-–—] )|^.{{0,4}}(?:{_CHINESE_LABELS})[:：]"
    r"|^(?:sure|certainly|of course|okay|ok|absolutely|great|yes|here(?:'|’)?s|here (?:is|are)|this is|"
    r"answer|assistant)\b[^.]{0,40}[:!,.]"
    r"|^(?:please|kindly|imagine|envision|visuali[sz]e|suppose|consider|conjure|dream of|what if|"
    r"picture this|think of|close your eyes|let(?:'|’)?s|let us|let me|"
    r"(?:draw|create|generate|make|write|paint|render|depict|show|describe|design|visuali[sz]e|craft|"
    r"transform|turn|use)\s(?:an?|the|your|this|me|us|it)\b)"
    r"|\b(?:please|kindly|envision|imagine|let me know|feel free|hope this|would you like|in this prompt|"
    r"the user)\b"
    r"|^(?:好的|当然|没问题|以下|这是|请|让我们|设想|试想|假设|闭上眼)|想象(?:一下|自己|你|着?，)|^想象"
    r"|希望(?:这|你)|如果你|为你|提示词[:：]",
    re.IGNORECASE,
)
_ABOUT = (
    r"text-to-image|prompts?|rewrit\w*|wish(?:es|ed)?|instructions?|excludes|paragraphs?|quotation marks|"
    r"quality tags|plainly|concretely|metaphors?|(?:the|every) (?:subject|composition|depth)"
)
ABOUT = re.compile(rf"\b(?:{_ABOUT})\b", re.IGNORECASE)
"""What a text has that speaks of itself, or of how it was ordered."""
_SPEAKERS = r"i|i(?:'|’)(?:m|d|ll|ve)|me|my|we|us|our|you|your|you(?:'|’)(?:re|ll|d)"
SPEAKING = re.compile(rf"\b(?:{_SPEAKERS})\b|[我你您]", re.IGNORECASE)
"""Words of somebody who speaks; a prompt has those that it had before."""
SHOWN = re.compile(rf"\bcharacters?\W{{1,2}}{HAN.pattern}{{1,4}}")
"""Characters that are to be seen in the picture."""
REPEATED = re.compile(
    r"(\b\w+(?:[ ,.]+\w+){0,5})(?:[ ,.]+(?:and )?\1\b){2}|(\w{2,})(?:[，。、,]?\2){2}", re.IGNORECASE
)
FRESH = 0.6
"""The share of its runs of three words (characters) that a text of some length has not had before."""
ENDED = re.compile(r"""[.!?…。！？)）\]"”'’」』》]\s*\Z""")
SHORT = 8
"""So many words make a prompt without a full stop that is no text broken off."""


def problems(
    prompt: str, written: str, denied: Iterable[str] = (), *, chinese: bool = False, secret: str = ""
) -> tuple[str, ...]:
    """Return codes of what is wrong with `written` as a rewriting of `prompt`; nothing where it may be used.

    Talk is looked for by `is_talk`, in what was written before it was cleaned.
    `denied` is what the prompt refuses, in English. `chinese` asks for a Chinese text. `secret` are the
    model's instructions, of which no seven words in a row may come back. Codes: empty, long, thinking, list,
    refusal, repetition, cut, language, vague, quotes, numbers, refused, leak, and those of `differences`.
    """
    bare = QUOTED.sub(" ", written)
    wished, read = meaning.read(prompt), meaning.read(written)
    found = {
        "empty": not re.search(r"\w", bare) and not quoted(written),
        "long": len(written) > LIMIT or len(written.split()) > WORDS,
        "thinking": bool(THINKING.search(written)),
        "list": bool(LIST.search(written.strip())),
        "refusal": bool(REFUSAL.search(bare)),
        "repetition": is_repetitive(bare),
        "cut": is_cut(written, chinese),
        "language": is_chinese(written) != chinese if chinese else bool(HAN.search(SHOWN.sub("", bare))),
        "vague": bool(_vague().search(bare)),
        "quotes": not _keeps_quotes(prompt, written),
        "numbers": _differ_in_numbers(wished, read),
        "refused": any(meaning.speaks_of(read, thing) for thing in denied),
        "leak": leaks(written, prompt, secret),
    }
    codes = {code for code, holds in found.items() if holds} | meaning.differences(wished, read)
    return tuple(sorted(codes))


def is_talk(prompt: str, written: str) -> bool:
    """Whether somebody speaks in a text to whoever asked for it: labels, requests, offers."""
    bare = QUOTED.sub(" ", written)
    about = {match.casefold() for match in ABOUT.findall(bare)} - set(
        re.findall(r"[\w-]+", prompt.casefold())
    )
    return bool(CHATTER.search(bare.strip()) or about or _speaking(bare) - _speaking(prompt))


def numbers(text: str) -> set[int]:
    """The numbers of two and more in a text, in digits or words; "a pair" is two."""
    words = re.findall(r"\d+|[a-z]+", text.casefold())
    return {value for word in words if (value := int(word) if word.isdigit() else VALUES.get(word, 0)) > 1}


def is_repetitive(text: str) -> bool:
    """Whether a text says the same over and over."""
    words = HAN.findall(text) if is_chinese(text) else re.findall(r"\w+", text.casefold())
    runs = [tuple(words[at : at + 3]) for at in range(len(words) - 2)]
    return is_stuck(text) or (len(runs) > 2 * SHORT and len(set(runs)) < FRESH * len(runs))


def is_stuck(text: str) -> bool:
    """Whether the same words come three times on end, after which nothing else will."""
    return REPEATED.search(text) is not None


def is_cut(text: str, chinese: bool) -> bool:
    """Whether a text breaks off in the middle of a sentence."""
    length = len(text) if chinese else len(text.split())
    return not ENDED.search(text) and (length > SHORT or text.rpartition(" ")[2].casefold() in meaning.ENDS)


def leaks(prompt: str, wish: str, secret: str) -> bool:
    """Whether a run of words of the instructions that the wish does not have itself is in a prompt."""
    repeated = _runs(prompt)
    return bool(repeated & _runs(secret) - _runs(wish))


def _speaking(text: str) -> set[str]:
    return {"you" if word.casefold()[0] in "y你您" else "i" for word in SPEAKING.findall(text)}


def _differ_in_numbers(wished: Reading, written: Reading) -> bool:
    """Whether a number of things is lost, or one is counted that was not."""
    wanted = {each.count for each in wished.mentions if each.count > 1}
    wanted |= {int(digits) for digits in re.findall(r"(\d+) ?mm\b", wished.text)}
    given = {each.count for each in written.mentions if each.count > 1 and each.kind != meaning.UNKNOWN}
    lost = wanted - {each.count for each in written.mentions} - numbers(written.text)
    pairs = {VALUES[name] for each in wished.mentions for name in each.called() if name in VALUES}
    pairs |= {2} if re.search("[对双俩两]", wished.text) else set()
    return bool(lost or given - wanted - pairs - numbers(wished.text))


def _keeps_quotes(wish: str, prompt: str) -> bool:
    """Every quoted text is in the prompt in quotes, character for character, and none is new.

    A text in capitals is there in any letters.
    """
    written = [span[1:-1] for span in quoted(prompt)]
    wanted = [span[1:-1] for span in quoted(wish)]
    shouted = [run for run in CAPITALS.findall(wish) if " " in run]
    if any(run.casefold() not in prompt.casefold() for run in shouted):
        return False
    return all(span in written for span in wanted) and all(
        span.casefold() in wish.casefold() for span in written
    )


def _runs(text: str) -> set[tuple[str, ...]]:
    words = re.findall(r"\w+", HAN.sub(" ", text.casefold()))
    characters = HAN.findall(text)
    return {
        tuple(units[at : at + size])
        for units, size in ((words, LEAKED_WORDS), (characters, LEAKED_CHARACTERS))
        for at in range(len(units) - size + 1)
    }


@cache
def _vague() -> re.Pattern[str]:
    strip = phrases()["strip"]
    return re.compile(rf"\b(?:{strip['vague_en']}|{strip['tags']})\b|{strip['vague_zh']}", re.IGNORECASE)
