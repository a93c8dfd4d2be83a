"""Pieces of an English sentence: articles, plurals, compounds, and the order of who, what and where."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from engine.prompts.data import words
from engine.prompts.translate.lexicon import Entry, plural

BEINGS = frozenset({"people", "animal", "person"})
EXISTING = words("existing") | {
    "drifting out", "pouring down", "slanting in", "lying face down", "standing upright", "driving along",
    "sitting side by side", "walking side by side",
}  # fmt: skip
COVERED = frozenset({"covered with", "overgrown with"})
SEVERAL = COVERED | {"full of", "made of"}
CARRYING = COVERED | {"reading", "printed with", "filled with", "full of"}
ENCLOSING = frozenset({"building", "interior", "nature", "place"})
PREPOSITIONS = {
    "in": dict.fromkeys(words("open"), "on")
    | dict.fromkeys(("riverside", "lakeside", "roadside"), "by")
    | dict.fromkeys(("seaside", "doorway", "gate"), "at"),
    "on": dict.fromkeys(("sky", "air"), "in"),
}
"""What English says of a place, by its head noun, where Chinese says only 在 or 上."""
VOWEL_SOUND = ("a", "e", "i", "o", "u", "A", "E", "I", "O", "hour", "honest")
NO_VOWEL_SOUND = ("uni", "use", "one-", "eu", "uku", "ut")


@dataclass(frozen=True, slots=True)
class Unit:
    """A piece of a clause: a `thing`, a `place` (preposition and thing), a `doing`, a `count` and so on."""

    kind: str
    text: str
    before: str = ""
    after: str = ""
    count: str = ""
    entry: Entry | None = None

    @property
    def english(self) -> str:
        """The unit with its count or article, its modifiers and its attributes."""
        if self.kind != "thing":
            return self.text
        words = f"{self.before} {self.text.removeprefix('the ')}" if self.before else self.text
        if self.before and self.text.startswith("the "):
            words = f"the {words}"
        return " ".join(part for part in (counted(self.count, words, self.entry), self.after) if part)


def counted(count: str, words: str, entry: Entry | None) -> str:
    """`words` with its count or article."""
    if entry is not None and entry.kind in {"saying", "several"}:
        return words
    mass = entry is not None and entry.mass
    if count and count != "one":
        words = words.removeprefix("the ")
        if not mass or (entry is not None and entry.kind in {"person", "place"}):
            return f"{count} {plural(words)}"
        return f"{count} {words}" if words.endswith(("s", "people")) else f"{count} pieces of {words}"
    is_name = entry is not None and entry.kind in {"person", "place"}
    if mass or is_name or words.startswith(("the ", "a ", "an ")) or re.match(r"[A-Z].*'s ", words):
        return words
    return f"{article(words)} {words}"


def article(words: str) -> str:
    """`a` or `an`, whichever goes before `words`."""
    return "an" if words.startswith(VOWEL_SOUND) and not words.startswith(NO_VOWEL_SOUND) else "a"


def several(first: str, joint: str, second: str) -> Unit:
    """Two things as one."""
    text = f"{first}{joint}{second}"
    return Unit("thing", text, entry=Entry("several", text, mass=True))


def listed(first: Unit, second: Unit) -> Unit:
    """A list of things with one more: a cat, a dog and a bird."""
    head, joint, tail = first.english.rpartition(" and ")
    is_list = first.entry is not None and first.entry.kind == "several" and joint
    return several(f"{head}, {tail}" if is_list else first.english, " and ", second.english)


def compound(first: Unit, second: Unit) -> Unit:
    """Two nouns in a row: the first describes the second, or is a part of its body: 短发女孩."""
    one, two = first.entry, second.entry
    if one is None or two is None or {"saying", "several"} & {one.kind, two.kind}:
        return several(first.english, ", ", second.english)
    if two.kind in BEINGS and first.text.rpartition(" ")[2] in words("parts"):
        return replace(second, after=f"with {first.english} {second.after}".strip())
    if one.kind == two.kind == "clothing" or one.english == two.english:
        return several(first.english, ", ", second.english)
    is_singular = one.mass and bool(one.others) and one.english.startswith(one.others[0][:4])
    describing = one.others[0] if is_singular else first.text
    text = f"{describing.removeprefix('the ')} {second.text.removeprefix('the ')}"
    return replace(first, text=text, entry=replace(two, english=text))


def owned(thing: Unit) -> Unit:
    """A thing as an attribute of the one after it: `mother's`, `of a city`, `with a red roof`."""
    if thing.entry and thing.entry.kind in {"latin", "place"} and not thing.after:
        return Unit("modifier", thing.text.removeprefix("the "))
    kind = thing.entry.kind if thing.entry else ""
    if kind in BEINGS and thing.text.rpartition(" ")[2] in words("parts"):
        return Unit("attribute", f"with {thing.english}")
    if kind in BEINGS and not (thing.after or thing.before or thing.count):
        return Unit("modifier", f"{thing.text}'s")
    is_place = kind in ENCLOSING and not thing.before[:1].islower() and not thing.count
    if is_place and thing.text.rpartition(" ")[2] in PREPOSITIONS["in"]:
        return Unit("attribute", placed("in", thing))
    if thing.text.endswith(" shape"):
        return Unit("modifier", f"{thing.text.removesuffix(' shape')}-shaped")
    if thing.before or thing.count not in {"", "one"}:
        return Unit("attribute", f"with {thing.english}")
    return Unit("attribute", f"of {thing.english}", entry=thing.entry)


def placed(preposition: str, thing: Unit) -> str:
    """Where something is: a preposition, corrected to the noun's own, and the thing."""
    if preposition in {"between", "among"}:
        thing = many(thing)
    own = PREPOSITIONS.get(preposition, {}).get(thing.text.rpartition(" ")[2], preposition)
    return f"{own} {thing.english.removeprefix('of ')}"


def many(thing: Unit) -> Unit:
    """A thing in the plural where it has no count and can have one."""
    if thing.kind != "thing" or thing.count or thing.entry is None or thing.entry.mass:
        return thing
    return replace(thing, text=plural(thing.text), entry=replace(thing.entry, mass=True))


def is_participle(doing: str) -> bool:
    """Whether a doing is something that was done: "stuck", "made of"."""
    first = doing.partition(" ")[0]
    return not first.endswith("ing") and first not in {"", "with", "illuminated", "shrouded"}


def sentence(units: Sequence[Unit]) -> str:
    """Units in English order: who, what is done to what, then where; one doing after the other."""
    segments = [_Segment()]
    for unit in units:
        if unit.kind == "doing":
            segment = segments[-1]
            if segment.doing:
                segments.append(_Segment(places=segment.passed_on()))
            segments[-1].begin(unit.text)
        elif unit.kind == "quote" and segments[-1].doing == "writing":
            segments[-1].doing = "reading"
            segments[-1].take(unit)
        else:
            segments[-1].take(unit)
    return ", ".join(text for segment in segments if (text := segment.english()))


@dataclass
class _Segment:
    """One doing with its subject, objects and places."""

    doing: str = ""
    subjects: list[Unit] = field(default_factory=list)
    objects: list[Unit] = field(default_factory=list)
    places: list[str] = field(default_factory=list)
    latest: list[str] = field(default_factory=list)

    def begin(self, doing: str) -> None:
        self.doing = doing
        self.subjects, self.objects = self.objects, []
        self.places += self.latest
        self.latest = []

    def take(self, unit: Unit) -> None:
        if unit.kind == "place":
            (self.latest if self.objects or not self.doing else self.places).append(unit.text)
        elif unit.kind not in {"preposition", "and"}:
            self.objects.append(unit)

    def passed_on(self) -> list[str]:
        """Places said after the object: they belong to the next doing."""
        moved, self.latest = self.latest, []
        return moved

    def english(self) -> str:
        places = [*self.places, *self.latest]
        things = self.objects
        if "everywhere" in places:
            things = [many(unit) for unit in things]
            places = ["everywhere", *(place for place in places if place != "everywhere")]
        objects = [self._text(unit) for unit in things]
        subjects = [unit.english for unit in self.subjects]
        if self.doing in EXISTING and objects and self.subjects and self._encloses(self.subjects[-1]):
            places = [placed("in", self.subjects[len(subjects) - 1]), *places]
            subjects.pop()
        is_there = self.doing in EXISTING and (places or is_participle(self.doing))
        if is_there and objects and not subjects:
            return " ".join([*objects, self._fitting(self.objects[-1:]), *places])
        if self.doing in CARRYING and places and not subjects:
            carrier = places.pop(0).removeprefix("on ").removeprefix("in ")
            return " ".join([carrier, self.doing, *objects, *places])
        if places and self.doing.rpartition(" ")[2] in {"over", "spanning"}:
            places[0] = places[0].removeprefix("on ").removeprefix("over ")
        who, what = ", ".join(subjects), ", ".join(objects).replace(", with the words", " with the words")
        return " ".join(part for part in (who, self._fitting(self.subjects[-1:]), what, *places) if part)

    def _fitting(self, subjects: Sequence[Unit]) -> str:
        """The doing as its subject does it: a car is parked, a boat moored, a bird perched."""
        subject = subjects[0] if subjects else None
        if self.doing != "parked" or subject is None or subject.entry is None:
            return self.doing
        if subject.entry.kind == "animal":
            return "perched"
        return "moored" if subject.text.endswith(("boat", "ship", "yacht", "canoe", "raft")) else "parked"

    def _text(self, unit: Unit) -> str:
        if unit.kind != "quote":
            return many(unit).english if self.doing in SEVERAL else unit.english
        return unit.text if self.doing in {"reading", "printed with"} else f"with the words {unit.text}"

    def _encloses(self, unit: Unit) -> bool:
        return unit.entry is not None and unit.entry.kind in ENCLOSING
