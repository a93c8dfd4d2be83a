"""The pieces of one Chinese clause, put together as English wants them while they are read."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from engine.prompts.data import words
from engine.prompts.translate.english import (
    BEINGS,
    ENCLOSING,
    EXISTING,
    Unit,
    compound,
    is_participle,
    listed,
    owned,
    placed,
    sentence,
)
from engine.prompts.translate.lexicon import Entry, plural

STANDING_BEFORE = frozenset({"modifier", "attribute", "count", "container"})
LOOSE = frozenset({"object", "food", "clothing", "machine", "plant", "saying"})
GIVING_WAY = frozenset({"in", "from", "to", "toward", "along", "through"})


@dataclass
class Phrase:
    """The units read so far, in the order in which they are said."""

    units: list[Unit] = field(default_factory=list)

    @property
    def last(self) -> str:
        """The kind of the last unit, "" where there is none."""
        return self.units[-1].kind if self.units else ""

    def add(self, kind: str, text: str, entry: Entry | None = None) -> None:
        """Put a unit last as it is."""
        self.units.append(Unit(kind, text, entry=entry))

    def name(self, entry: Entry) -> None:
        """A thing with the count, container, modifiers and attributes that stand right before it."""
        thing = Unit("thing", entry.english, entry=entry)
        while self.units and self.units[-1].kind in STANDING_BEFORE:
            unit = self.units.pop()
            if unit.kind == "modifier" and not thing.before.startswith(unit.text):
                thing = replace(thing, before=f"{unit.text} {thing.before}".strip())
            elif unit.kind == "attribute" and _is_certain(unit, entry):
                thing = replace(thing, after=f"{thing.after} {unit.text}".strip())
                if unit.before and entry.kind in ENCLOSING:
                    self.units.append(Unit("preposition", unit.before))
            elif unit.kind == "count":
                thing = replace(thing, count=thing.count or unit.text)
            elif unit.kind == "container":
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

    def locate(self, preposition: str) -> None:
        """Make a place of the last thing: 里 and 上 after it."""
        thing = self.units.pop()
        last = self.units[-1] if self.units else None
        if last is not None and last.kind == "preposition" and last.text in GIVING_WAY:
            self.units.pop()
            preposition = preposition if last.text == "in" else last.text
        self.units.append(Unit("place", placed(preposition, thing)))

    def do(self, entry: Entry, is_whole: bool) -> None:
        """Take a doing in; one that is not `is_whole` only says which way after another: 走进."""
        self.settle_material()
        self.settle()
        if [unit.kind for unit in self.units[-2:]] == ["thing", "modifier"]:
            manner = self.units.pop().text
            self.units[-1] = replace(self.units[-1], before=f"{manner} {self.units[-1].before}".strip())
        if is_whole or self.last != "doing":
            self.add("doing", entry.english, entry)

    def make_plural(self) -> None:
        """Make the last thing plural, if it can be counted and is not."""
        last = self.units[-1] if self.units else None
        if (
            last is not None
            and last.kind == "thing"
            and last.entry
            and not last.entry.mass
            and not last.count
        ):
            self.units[-1] = replace(last, text=plural(last.text), entry=replace(last.entry, mass=True))

    def settle(self) -> None:
        """Make a place of a preposition and the thing after it."""
        if len(self.units) > 1 and self.units[-1].kind == "thing" and self.units[-2].kind == "preposition":
            thing = self.units.pop()
            is_being_done = thing.after and thing.entry is not None and thing.entry.kind in BEINGS
            if is_being_done and len(self.units) == 1 and self.units[-1].text == "in":
                self.units[-1] = thing
            else:
                self.units[-1] = Unit("place", placed(self.units[-1].text, thing))

    def settle_material(self) -> None:
        """Make a thing of a material that nothing follows: `of clear glass`."""
        if self.units and self.units[-1].entry is not None and self.units[-1].entry.kind == "material":
            self.name(replace(self.units.pop().entry or Entry("object", ""), kind="object", mass=True))

    def attribute(self) -> None:
        """Turn what stands before 的 into an attribute of the thing to come.

        A lone place with 在 before it is where that thing is, too, if that encloses anything: 在海边的沙滩.
        """
        is_lone = [unit.kind for unit in self.units[-2:]] == ["preposition", "thing"]
        preposition = self.units[-2].text if is_lone else ""
        owner = self.units[-1].entry if is_lone else None
        if owner is not None and owner.kind in BEINGS and preposition != "like":
            self.units[-1] = Unit("attribute", f"of {self.units[-1].english}")
            return
        self.settle()
        if not self.units or self.units[-1].kind in STANDING_BEFORE | {"and"}:
            return
        start = _reach(self.units)
        tail = self.units[start:]
        del self.units[start:]
        if len(tail) == 1 and tail[0].kind == "thing":
            self.units.append(owned(tail[0]))
            return
        if tail[0].kind != "thing":
            is_in = len(tail) == 1 and tail[0].kind == "place" and preposition == "in"
            is_there = len(tail) > 1 and tail[0].text in EXISTING and is_participle(tail[0].text)
            text = f"with {sentence(tail)}" if is_there else sentence(tail)
            self.units.append(Unit("attribute", text, before=preposition if is_in else ""))


def _is_certain(attribute: Unit, entry: Entry) -> bool:
    """Whether a thing is of another, not made of it, like it or called so, which Chinese does not tell."""
    is_loose = attribute.entry is not None and attribute.entry.kind in LOOSE
    return not is_loose or entry.kind == "frame" or entry.english in words("carriers")


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
    tail = units[start:]
    if [unit.kind for unit in tail] == ["place", "doing", "thing"] and tail[1].text in EXISTING:
        return len(units) - 1
    doing = next((at for at, unit in enumerate(tail) if unit.kind == "doing"), len(tail))
    has_subject = any(unit.kind == "thing" for unit in tail[:doing])
    if has_subject and units[-1].kind != "doing" and len(tail) > 1:
        return len(units) - 1
    return start
