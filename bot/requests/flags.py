"""Flags inside a prompt: "a cat --ar 16:9 --seed 7 --no text" to parameters and back.

Knows no platform and no model: sizes and a user's limits are checked elsewhere.
"""

import re
from collections.abc import Container
from contextlib import suppress
from dataclasses import replace

from bot.requests import flag_syntax, lora_syntax, permutations
from bot.requests.flag_syntax import PROMPT_LIMIT
from bot.requests.flag_table import BY_NAME, FLAGS, MOST_REQUESTS, REST, Flag
from bot.types import Params, Refused
from engine.pictures import metadata

FAST = "--fast"

# Where a value ends: not in front of more letters, and not in the middle of a longer number.
_END = r"(?![0-9A-Za-z_]|[-.:/*][0-9])"
_WORD = re.compile(r"\S+")
_SPACES = re.compile(r"[ \t]+")
_ALONE = re.compile(r"\s*(?:$|[-—]{2}|—\S|[,，、;；.。])")
_GENERATION_DATA = re.compile(r"(?m)^Steps: [0-9]+, (?=.*\b(?:Sampler|Seed|Size|CFG scale): )")
_EQUALS = re.compile(r"\s*(?P<sign>[=:]?)\s*")


def parse(text: str, defaults: Params) -> Params:
    """Return the parameters `text` asks for, and everything else from `defaults`.

    Raises `Refused`: unknown-flag, flag-needs-value, bad-value, empty-prompt, prompt-too-long,
    too-many-loras.
    """
    text = flag_syntax.repair(text)
    if _GENERATION_DATA.search(text):
        return _checked(_from_data(text, defaults))
    text, tagged = lora_syntax.take_tags(text)
    plain, written = flag_syntax.normalize(text), flag_syntax.unquoted(text)
    marks = _marks(plain)
    ends = [*(mark.start for mark in marks), len(text)]
    prompt, params, names = text[: ends[0]], replace(defaults, ignored=()), set[str]()
    if tagged:
        params, names = replace(params, loras=tagged), {"lora"}
    for mark, end in zip(marks, ends[1:], strict=True):
        if mark.name not in BY_NAME:
            raise Refused("unknown-flag", flag=flag_syntax.shorten(f"--{mark.name}"))
        flag = BY_NAME[mark.name]
        shape = written if flag.shape == lora_syntax.SHAPE else plain
        value, place = _value(flag, mark, text[:end], shape[:end])
        params = _with(params, flag, mark.name, value, flag.names[0] in names)
        names.add(flag.names[0])
        prompt = flag_syntax.joined(prompt, text[place:end])
    params = steps_over_fast(params, names)
    prompt, ratio = flag_syntax.take_ratio(_checked(replace(params, prompt=prompt.strip())).prompt)
    if ratio and names.isdisjoint({"ar", "size"}):
        params = assign(params, "ar", ratio)
    return _checked(replace(params, prompt=prompt.strip(flag_syntax.SEPARATORS + " \t\r\n\u3000")))


def parse_all(text: str, defaults: Params) -> list[Params]:
    """Return what each request of a text asks for: every choice of its braces, `--repeat` times.

    Raises `Refused` as `parse` does, and too-many-requests.
    """
    found = []
    for choice in permutations.expand(flag_syntax.repair(text), MOST_REQUESTS):
        params = parse(choice, defaults)
        found += [replace(params, repeat=1)] * params.repeat
    if len(found) > MOST_REQUESTS:
        raise Refused("too-many-requests", count=len(found), limit=MOST_REQUESTS)
    return found


def assign(params: Params, name: str, value: str) -> Params:
    """Return `params` as if the flag `name` (no dashes) had this value.

    Raises `Refused`: bad-value, prompt-too-long.
    """
    flag = BY_NAME[name]
    if flag.shape == REST and len(value) > PROMPT_LIMIT:
        raise Refused("prompt-too-long", length=len(value), limit=PROMPT_LIMIT)
    try:
        if len(value) > PROMPT_LIMIT or not re.fullmatch(flag.shape, value, re.DOTALL):
            raise ValueError(value)
        return replace(params, **flag.read(value))
    except ValueError:
        raise flag_syntax.bad_value(f"--{name}", value, flag.allowed) from None


def steps_over_fast(params: Params, names: Container[str]) -> Params:
    """Return `params` where `steps` among the flags `names` wins over `fast`, which is then ignored."""
    if not (params.fast and "steps" in names):
        return params
    return replace(params, fast=False, ignored=(*params.ignored, FAST))


def names_in(text: str) -> set[str]:
    """Return the first names of the flags in a text."""
    marks = _marks(flag_syntax.normalize(text))
    return {BY_NAME[mark.name].names[0] for mark in marks if mark.name in BY_NAME}


def value(params: Params, name: str) -> str:
    """Return what the flag `name` (no dashes) needs for these parameters, or an empty text."""
    return BY_NAME[name].write(params) or ""


def render(params: Params, defaults: Params | None = None) -> str:
    """Return the line that `parse` reads back, with the same defaults, as equal parameters.

    With `fast`, steps are only an upper bound and are left to the defaults: written out, they would win.
    """
    base = defaults or Params("")
    words = [params.prompt, *(flag for flag in params.ignored if flag.startswith("--"))]
    for flag in FLAGS:
        value = flag.write(params)
        differs = value != flag.write(base)
        if flag.names[0] == "steps":
            differs = not params.fast and (differs or FAST in params.ignored)
        if value is not None and differs:
            words.append(f"--{flag.names[0]} {value}".rstrip())
            base = replace(base, **flag.read(value))
    return " ".join(words)


def _value(flag: Flag, mark: flag_syntax.Mark, text: str, plain: str) -> tuple[str | None, int]:
    """Return the value behind a mark, None where it is left out, and where the prompt goes on.

    A value of the wrong shape is returned as it is, to be refused by what reads it.
    """
    gap = _EQUALS.match(plain, mark.end)
    assert gap is not None
    if flag.shape == REST:
        return " ".join(text[gap.end() :].split()).strip(flag_syntax.SEPARATORS + " ") or None, len(text)
    if found := re.compile(f"(?:{flag.shape}){_END}").match(plain, gap.end()):
        return found[0] or None, found.end() if found[0] else mark.end
    if flag.bare is not None and not gap["sign"]:
        return None, mark.end
    wrong = _WORD.match(text, gap.end())
    return (wrong[0], wrong.end()) if wrong else (None, len(text))


def _with(params: Params, flag: Flag, name: str, value: str | None, repeated: bool) -> Params:
    if flag.ignored:
        return replace(params, ignored=(*params.ignored, f"--{name} {value or ''}".rstrip()))
    if value is None:
        if flag.bare is None:
            raise Refused("flag-needs-value", flag=f"--{name}")
        value = flag.bare
    changed = assign(params, name, value)
    if flag.add is not None and repeated:
        field, joined = flag.add
        return replace(changed, **{field: joined(getattr(params, field), getattr(changed, field))})
    return changed


def _marks(plain: str) -> list[flag_syntax.Mark]:
    """Return the flags in a plain text."""

    def fits(name: str, at: int) -> bool:
        flag, gap = BY_NAME[name], _EQUALS.match(plain, at)
        assert gap is not None
        if flag.shape == REST:
            return True
        is_value = flag.shape and re.compile(f"(?:{flag.shape}){_END}").match(plain, gap.end())
        return bool(is_value) or (flag.bare is not None and bool(_ALONE.match(plain, at)))

    return flag_syntax.find_flags(plain, BY_NAME, fits)


def _from_data(text: str, defaults: Params) -> Params:
    """Read pasted generation data; what cannot be drawn here keeps its default."""
    found = metadata.from_text(text)
    changes: dict[str, str] = {
        "seed": str(found.seed),
        "steps": str(found.steps),
        "cfg": str(found.guidance_scale),
    }
    if found.width and found.height:
        changes["size"] = f"{found.width}x{found.height}"
    params = replace(
        defaults,
        prompt=_SPACES.sub(" ", found.prompt),
        negative_prompt=found.negative_prompt,
        loras=found.loras,
        ignored=(),
        pasted=True,
    )
    for name, value in changes.items():
        with suppress(Refused):
            params = assign(params, name, value)
    return params


def _checked(params: Params) -> Params:
    if not flag_syntax.is_visible(params.prompt):
        raise Refused("empty-prompt")
    if link := flag_syntax.LINK.match(params.prompt):
        raise Refused("link-not-fetched", link=flag_syntax.shorten(link[0]))
    length = max(len(params.prompt), len(params.negative_prompt))
    if length > PROMPT_LIMIT:
        raise Refused("prompt-too-long", length=length, limit=PROMPT_LIMIT)
    if len(params.loras) > lora_syntax.MOST:
        raise Refused("too-many-loras", count=len(params.loras), limit=lora_syntax.MOST)
    return params
