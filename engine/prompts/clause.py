"""One clause of a Chinese sentence, read word by word into pieces that can be said in English.

Knows that attributes come before 的, places before 里 and 上, and counts before measure words. Knows nothing
of sentences, refusals or quotation marks, which come as one masked word.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from engine.prompts import names
from engine.prompts.english import (
    BEINGS,
    ENCLOSING,
    EXISTING,
    Unit,
    compound,
    counted,
    listed,
    many,
    owned,
    placed,
    said,
)
from engine.prompts.visual import MODIFIERS, NOUNS, Entry, Token, plural, visual

THINGS = NOUNS | {"frame"}
ASIDES = frozenset({"time", "style", "camera"})
STANDING_BEFORE = frozenset({"modifier", "attribute", "count", "container"})
GIVING_WAY = frozenset({"in", "from", "to", "toward", "along", "through"})
ONE_WAY = frozenset("进出过上下来去到回入开起")
"""Doings of one character that after another doing only say which way."""
UNITS = {"metre": "metres", "kilometre": "kilometres", "square metre": "square metres"}
_LATIN_PREPOSITIONS = "with of on in at by from to for over under near"
_LATIN_DOINGS = "holding making wearing riding eating drinking playing reading watching carrying"
_PLAIN_LATIN = "the a an my x vs or up down off as is your his her their"
LATIN_PREPOSITIONS = frozenset(_LATIN_PREPOSITIONS.split())
LATIN_DOINGS = frozenset(_LATIN_DOINGS.split())
PLAIN_LATIN = frozenset(_PLAIN_LATIN.split())


@dataclass
class Clause:
    """What was read so far; `asides` are its time, style and camera."""

    units: list[Unit] = field(default_factory=list)
    asides: list[Entry] = field(default_factory=list)

    def read(self, token: Token, following: Token | None) -> None:
        """Take the next word in."""
        if token.text == "的":
            self._attribute()
        elif token.text == "们":
            self._make_plural()
        elif token.is_quote:
            self.units.append(Unit("quote", token.text))
        elif not token.entries:
            self._unknown(token.text, following)
        elif entry := self._meaning(token, following):
            if entry.kind == "place" and following is not None and _is_plain_thing(following):
                self.units.append(Unit("modifier", entry.english.removeprefix("the ")))
            else:
                self._known(token.text, entry)

    def end(self, where: str) -> None:
        """Say last where all of it is: "in the distance"; nothing follows."""
        self._settle()
        if where in {"everywhere", "all around"}:
            self.units = [*self.units[:-1], *map(many, self.units[-1:])]
        if where:
            self.units.append(Unit("place", where))

    def english(self) -> str:
        """The clause in English; its times and styles after the rest."""
        self._settle()
        times = [entry.english for entry in self.asides if entry.kind == "time"]
        rest = [entry.english for entry in self.asides if entry.kind != "time"]
        main = " ".join(part for part in (said(self.units), *dict.fromkeys(times)) if part)
        return ", ".join(part for part in (main, *dict.fromkeys(rest)) if part)

    def reordered(self) -> str:
        """The clause with its times and styles first."""
        self._settle()
        first = dict.fromkeys(entry.english for entry in self.asides)
        return ", ".join(part for part in (*first, said(self.units)) if part)

    def _known(self, chinese: str, entry: Entry) -> None:
        if entry.kind in ASIDES:
            self.asides.append(entry)
        elif entry.kind in MODIFIERS:
            self.units.append(Unit("modifier", entry.english, entry=entry))
        elif entry.kind == "number":
            self.units.append(Unit("count", entry.english))
        elif entry.kind == "measure":
            self._measure(entry.english)
        elif entry.kind == "locative":
            self._place(entry.english)
        elif entry.kind == "where":
            if self.units and self.units[-1].kind == "preposition":
                self.units.pop()
            self.units.append(Unit("place", entry.english))
        elif entry.kind == "preposition":
            self._settle()
            self.units.append(Unit("preposition", entry.english))
        elif entry.kind == "and":
            self.units.append(Unit("and", "and"))
        elif entry.kind == "doing":
            self._do(entry, chinese not in ONE_WAY)
        else:
            self._name(entry)

    def _meaning(self, token: Token, following: Token | None) -> Entry | None:
        """The meaning that fits what stands before and after."""
        kinds = {entry.kind: entry for entry in reversed(token.entries)}
        last = self.units[-1].kind if self.units else ""
        if len(kinds) > 1:
            kinds.pop("where", None)
        measure = kinds.pop("measure", None)
        if measure and self._is_counting():
            is_unit = measure.english in UNITS or measure.english in {"year-old", "o'clock"}
            if is_unit or (following is not None and following.text != "的"):
                return measure
        locative = kinds.pop("locative", None)
        if locative and last == "modifier":
            self._settle_material()
            last = self.units[-1].kind
        if locative and (last == "thing" or (last == "attribute" and self.units[-1].text.startswith("of "))):
            return locative
        thing = next((kinds[kind] for kind in kinds if kind in THINGS), None)
        if {"camera", "doing"} <= kinds.keys():
            return kinds["doing" if following is not None and following.of(THINGS) else "camera"]
        if "time" in kinds and thing:
            return thing if last == "attribute" and following is None else kinds["time"]
        if following is not None and following.text in {"着", "了", "在"} and "doing" in kinds:
            return kinds["doing"]
        is_named = last in STANDING_BEFORE and (following is None or not following.is_quote)
        if "skip" in kinds and not (is_named or (following is not None and following.is_a("locative"))):
            return None
        kinds.pop("skip", None)
        if {"quality", "doing"} <= kinds.keys() and last == "thing":
            return kinds["doing"] if following is not None else kinds["quality"]
        if last == "count" and thing:
            return thing
        return next((entry for entry in token.entries if entry.kind in kinds and entry.kind != "vague"), None)

    def _is_counting(self) -> bool:
        """Whether a count stands before, perhaps with one modifier: 一小把."""
        kinds = [unit.kind for unit in self.units[-2:]]
        return kinds[-1:] == ["count"] or kinds == ["count", "modifier"]

    def _unknown(self, text: str, following: Token | None) -> None:
        if "\u3400" <= text[0] <= "\u9fff":
            if len(text) > 1 or (following is not None and following.of(THINGS)):
                kind = "person" if names.is_name(text) else "place" if len(text) > 1 else "unknown"
                self._name(Entry(kind, names.spelled(text), mass=True))
        elif (
            text[0].isdigit()
            and following is not None
            and (following.is_a("measure") or following.of(THINGS))
        ):
            self.units.append(Unit("count", text))
        elif text.casefold() == "and":
            self.units.append(Unit("and", "and"))
        elif text.casefold() in LATIN_PREPOSITIONS:
            self._settle()
            self.units.append(Unit("preposition", text))
        elif text.casefold() in LATIN_DOINGS:
            self._do(Entry("doing", text), is_whole=True)
        elif text.casefold() in PLAIN_LATIN:
            self.units.append(Unit("word", text))
        elif text[0].isalnum():
            self._latin(text)

    def _latin(self, text: str) -> None:
        known = visual().thing(text.casefold())
        last = self.units[-1] if self.units else None
        if last is not None and last.kind == "thing" and last.entry and last.entry.kind == "latin":
            self.units[-1] = replace(last, text=f"{last.text} {text}")
        else:
            is_counted = any(unit.kind == "count" for unit in self.units[-2:])
            self._name(Entry("latin", text, mass=not is_counted and (known is None or known.mass)))

    def _measure(self, english: str) -> None:
        if not english:
            return
        at = len(self.units) - 1
        while self.units[at].kind != "count":
            at -= 1
        count, *between = self.units[at:]
        del self.units[at:]
        if english == "o'clock":
            self.asides.append(Entry("time", f"at {count.text} o'clock"))
        elif english == "year-old":
            self.units.append(Unit("modifier", f"{count.text}-year-old"))
        elif english in UNITS:
            self.units.append(Unit("word", f"{count.text} {UNITS[english]}"))
        else:
            words = " ".join([*(unit.text for unit in between), english])
            self.units.append(Unit("container", counted(count.text, words, Entry("measure", english))))

    def _name(self, entry: Entry) -> None:
        """A thing with the count, container, modifiers and attributes that stand right before it."""
        thing = Unit("thing", entry.english, entry=entry)
        while self.units and self.units[-1].kind in STANDING_BEFORE:
            unit = self.units.pop()
            if unit.kind == "modifier":
                thing = replace(thing, before=f"{unit.text} {thing.before}".strip())
            elif unit.kind == "attribute":
                thing = replace(thing, after=f"{thing.after} {unit.text}".strip())
                if unit.before and entry.kind in ENCLOSING:
                    self.units.append(Unit("preposition", unit.before))
            elif unit.kind == "count":
                thing = replace(thing, count=thing.count or unit.text)
            else:
                thing = _contained(unit.text, thing, entry)
        self._join(thing)

    def _join(self, thing: Unit) -> None:
        """Put a thing after "and" together with the one before, and a bare noun to the noun before it."""
        kinds = [unit.kind for unit in self.units[-2:]]
        if kinds == ["thing", "and"]:
            first = self.units[-2]
            del self.units[-2:]
            self.units.append(listed(first, thing))
        elif kinds == ["preposition", "thing"] and thing.before:
            self.units[-1] = replace(thing, after=f"of {self.units[-1].english} {thing.after}".strip())
        elif kinds[-1:] == ["thing"] and not thing.before and not thing.count and not thing.after:
            self.units[-1] = compound(self.units[-1], thing)
        else:
            self.units.append(thing)

    def _place(self, preposition: str) -> None:
        thing = self.units.pop()
        last = self.units[-1] if self.units else None
        if last is not None and last.kind == "preposition" and last.text in GIVING_WAY:
            self.units.pop()
            preposition = preposition if last.text == "in" else last.text
        self.units.append(Unit("place", placed(preposition, thing)))

    def _do(self, entry: Entry, is_whole: bool) -> None:
        """Take a doing in; one that is not `is_whole` only says which way after another: 走进."""
        self._settle()
        self._settle_material()
        if [unit.kind for unit in self.units[-2:]] == ["thing", "modifier"]:
            manner = self.units.pop().text
            self.units[-1] = replace(self.units[-1], before=f"{manner} {self.units[-1].before}".strip())
        if is_whole or not self.units or self.units[-1].kind != "doing":
            self.units.append(Unit("doing", entry.english, entry=entry))

    def _make_plural(self) -> None:
        last = self.units[-1] if self.units else None
        if (
            last is not None
            and last.kind == "thing"
            and last.entry
            and not last.entry.mass
            and not last.count
        ):
            self.units[-1] = replace(last, text=plural(last.text), entry=replace(last.entry, mass=True))

    def _settle(self) -> None:
        """Make a place of a preposition and the thing after it."""
        if len(self.units) > 1 and self.units[-1].kind == "thing" and self.units[-2].kind == "preposition":
            thing = self.units.pop()
            is_being_done = thing.after and thing.entry is not None and thing.entry.kind in BEINGS
            if is_being_done and len(self.units) == 1 and self.units[-1].text == "in":
                self.units[-1] = thing
            else:
                self.units[-1] = Unit("place", placed(self.units[-1].text, thing))

    def _settle_material(self) -> None:
        """Make a thing of a material that nothing follows: `of clear glass`."""
        if self.units and self.units[-1].entry is not None and self.units[-1].entry.kind == "material":
            self._name(replace(self.units.pop().entry or Entry("object", ""), kind="object", mass=True))
            self._settle()

    def _attribute(self) -> None:
        """Turn what stands before 的 into an attribute of the thing to come.

        A lone place with 在 before it is where that thing is, too, if that encloses anything: 在海边的沙滩.
        """
        is_lone = [unit.kind for unit in self.units[-2:]] == ["preposition", "thing"]
        preposition = self.units[-2].text if is_lone else ""
        owner = self.units[-1].entry if is_lone else None
        if owner is not None and owner.kind in BEINGS:
            self.units[-1] = Unit("attribute", f"of {self.units[-1].english}")
            return
        self._settle()
        if not self.units or self.units[-1].kind in STANDING_BEFORE | {"and"}:
            return
        start = _reach(self.units)
        told = self.units[start:]
        del self.units[start:]
        if len(told) == 1 and told[0].kind == "thing":
            self.units.append(owned(told[0]))
            return
        has_subject = told[0].kind == "thing" and any(unit.kind == "doing" for unit in told)
        text = f"{'with ' if has_subject else ''}{said(told)}"
        is_in = len(told) == 1 and told[0].kind == "place" and preposition == "in"
        self.units.append(Unit("attribute", text, before=preposition if is_in else ""))


def _is_plain_thing(token: Token) -> bool:
    """Whether a name of a place describes what follows it: 兰州拉面."""
    return token.of(THINGS - {"place", "person", "saying"}) is not None and not token.is_a("time", "locative")


def _contained(container: str, thing: Unit, entry: Entry) -> Unit:
    """`a bowl of` and a thing; what there is much of stays singular."""
    is_liquid = entry.kind == "food" and container.rpartition(" ")[2].removesuffix("s") in {
        "cup",
        "pot",
        "bottle",
    }
    is_one = entry.mass or is_liquid or entry.kind in {"saying", "place"}
    words = thing.text if is_one else plural(thing.text)
    if entry.kind == "light":
        container = container.replace("bunches", "beams").replace("bunch", "beam")
    inner = " ".join(part for part in (thing.before, words, thing.after) if part)
    if thing.count:
        inner = thing.english
    return Unit("thing", f"{container} of {inner}", entry=replace(entry, kind="several", mass=True))


def _reach(units: Sequence[Unit]) -> int:
    """Where the attribute that ends with the last unit begins."""
    start = len(units) - 1
    while start > 0 and units[start - 1].kind in {"doing", "place", "thing", "quote", "preposition", "word"}:
        if units[start].kind == "doing" and units[start - 1].text == "in":
            return start
        start -= 1
    told = units[start:]
    if [unit.kind for unit in told] == ["place", "doing", "thing"] and told[1].text in EXISTING:
        return len(units) - 1
    if len(told) > 2 and [unit.kind for unit in told[-3:]] == ["thing", "doing", "doing"]:
        return len(units) - 1
    doing = next((at for at, unit in enumerate(told) if unit.kind == "doing"), len(told))
    has_subject = any(unit.kind == "thing" for unit in told[:doing])
    if has_subject and units[-1].kind != "doing" and len(told) > 1:
        return len(units) - 1
    return start
