"""One clause of a Chinese sentence, read word by word into pieces of English."""

from dataclasses import dataclass, field, replace

from engine.prompts.data import HAN, words
from engine.prompts.translate.english import counted, many, sentence
from engine.prompts.translate.lexicon import MODIFIERS, NOUNS, Entry, Token, bilingual_lexicon
from engine.prompts.translate.phrase import STANDING_BEFORE, Phrase

THINGS = NOUNS | {"frame"}
ASIDES = frozenset({"time", "style", "camera"})
UNITS = {"metre": "metres", "kilometre": "kilometres", "square metre": "square metres"}


@dataclass
class Clause:
    """What was read so far: `parts` before an unknown word, the `phrase` behind the last one.

    `asides` are its time, style and camera, `left_out` its unknown words.
    """

    parts: list[str] = field(default_factory=list)
    phrase: Phrase = field(default_factory=Phrase)
    asides: list[Entry] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)

    def read(self, token: Token, following: Token | None) -> None:
        """Take the next word in."""
        if token.text == "的":
            self.phrase.attribute()
        elif token.text == "们":
            self.phrase.make_plural()
        elif token.is_quote:
            self.phrase.add("quote", token.text)
        elif not token.entries:
            self._unknown(token.text, following)
        elif entry := self._meaning(token, following):
            if entry.kind == "place" and following is not None and _is_plain_thing(following):
                self.phrase.add("modifier", entry.english.removeprefix("the "))
            else:
                self._known(token.text, entry)

    def end(self, where: str) -> None:
        """Say last where all of it is: "in the distance"; nothing follows."""
        self.phrase.settle()
        if where in {"everywhere", "all around"}:
            self.phrase.units = [*self.phrase.units[:-1], *map(many, self.phrase.units[-1:])]
        if where:
            self.phrase.add("place", where)

    def english(self) -> str:
        """The clause in English; its times and styles after the rest."""
        self._close()
        times = [entry.english for entry in self.asides if entry.kind == "time"]
        rest = [entry.english for entry in self.asides if entry.kind != "time"]
        main = " ".join(part for part in (", ".join(self.parts), *dict.fromkeys(times)) if part)
        return ", ".join(part for part in (main, *dict.fromkeys(rest)) if part)

    def _close(self) -> None:
        """Say what was read since the last unknown word, without a count of nothing."""
        self.phrase.settle()
        counts = [unit for unit in self.phrase.units if unit.kind == "count"]
        self.left_out += [unit.entry.english if unit.entry else unit.text for unit in counts]
        units = [unit for unit in self.phrase.units if unit not in counts]
        if self.left_out:
            units = [unit for unit in units if unit.kind in {"thing", "place", "quote", "attribute"}]
        text = sentence(units)
        if text := text.removeprefix("of ").removeprefix("with ") if self.left_out else text:
            self.parts.append(text)
        self.phrase = Phrase()

    def _known(self, chinese: str, entry: Entry) -> None:
        if entry.kind in ASIDES:
            self.asides.append(entry)
        elif entry.kind in MODIFIERS:
            self.phrase.add("modifier", entry.english, entry)
        elif entry.kind == "number":
            self.phrase.add("count", entry.english, Entry("number", chinese))
        elif entry.kind == "measure":
            self._measure(entry.english)
        elif entry.kind == "locative":
            self.phrase.locate(entry.english)
        elif entry.kind == "where":
            self.phrase.add("place", entry.english)
        elif entry.kind == "preposition":
            self.phrase.settle()
            self.phrase.add("preposition", entry.english)
        elif entry.kind == "and":
            self.phrase.add("and", "and")
        elif entry.kind == "doing":
            self.phrase.do(entry, chinese not in words("one_way"))
        else:
            self.phrase.name(entry)

    def _meaning(self, token: Token, following: Token | None) -> Entry | None:
        """The meaning that fits what stands before and after."""
        kinds = {entry.kind: entry for entry in reversed(token.entries)}
        last = self.phrase.last
        if len(kinds) > 1:
            kinds.pop("where", None)
        measure = kinds.pop("measure", None)
        if measure and self._is_counting():
            is_unit = measure.english in UNITS or measure.english in {"year-old", "o'clock"}
            if is_unit or (following is not None and following.text != "的"):
                return measure
        locative = kinds.pop("locative", None)
        if locative:
            self.phrase.settle_material()
            last = self.phrase.last
        if locative and (
            last == "thing" or (last == "attribute" and self.phrase.units[-1].text.startswith("of "))
        ):
            return locative
        thing = next((kinds[kind] for kind in kinds if kind in THINGS), None)
        if {"camera", "doing"} <= kinds.keys():
            return kinds["doing" if following is not None and following.of(THINGS) else "camera"]
        if "time" in kinds and thing:
            return thing if last == "attribute" and following is None else kinds["time"]
        is_named = last in STANDING_BEFORE and (following is None or not following.is_quote)
        if following is not None and following.text == "的" and MODIFIERS & kinds.keys():
            kinds.pop("skip", None)
        if "skip" in kinds and not (is_named or (following is not None and following.is_a("locative"))):
            return None
        kinds.pop("skip", None)
        return next((entry for entry in token.entries if entry.kind in kinds and entry.kind != "vague"), None)

    def _is_counting(self) -> bool:
        """Whether a count stands before, perhaps with one modifier: 一小把."""
        kinds = [unit.kind for unit in self.phrase.units[-2:]]
        return kinds[-1:] == ["count"] or kinds == ["count", "modifier"]

    def _unknown(self, text: str, following: Token | None) -> None:
        if HAN.search(text):
            self.left_out.append(text)
            if text[-1] != "的" and (following is None or following.text != "的"):
                self._close()
        elif (
            text[0].isdigit()
            and following is not None
            and (following.is_a("measure") or following.of(THINGS))
        ):
            self.phrase.add("count", text)
        elif text.casefold() == "and":
            self.phrase.add("and", "and")
        elif text.casefold() in words("prepositions"):
            self.phrase.settle()
            self.phrase.add("preposition", text)
        elif text.casefold() in words("doings"):
            self.phrase.do(Entry("doing", text), is_whole=True)
        elif text.casefold() in words("plain"):
            self.phrase.add("word", text)
        elif text[0].isalnum():
            self._latin(text)

    def _latin(self, text: str) -> None:
        known = bilingual_lexicon().thing(text.casefold())
        last = self.phrase.units[-1] if self.phrase.units else None
        if last is not None and last.kind == "thing" and last.entry and last.entry.kind == "latin":
            self.phrase.units[-1] = replace(last, text=f"{last.text} {text}")
        else:
            is_counted = any(unit.kind == "count" for unit in self.phrase.units[-2:])
            is_served = self.phrase.last == "container" and known is not None and known.kind == "food"
            is_mass = known is None or known.mass or is_served
            self.phrase.name(Entry("latin", text, mass=not is_counted and is_mass))

    def _measure(self, english: str) -> None:
        if not english:
            return
        at = len(self.phrase.units) - 1
        while self.phrase.units[at].kind != "count":
            at -= 1
        count, *between = self.phrase.units[at:]
        del self.phrase.units[at:]
        if english == "o'clock":
            self.asides.append(Entry("time", f"at {count.text} o'clock"))
        elif english == "year-old":
            self.phrase.add("modifier", f"{count.text}-year-old")
        elif english in UNITS:
            self.phrase.add("word", f"{count.text} {UNITS[english]}")
        else:
            words = " ".join([*(unit.text for unit in between), english])
            self.phrase.add("container", counted(count.text, words, Entry("measure", english)))


def _is_plain_thing(token: Token) -> bool:
    """Whether a name of a place describes what follows it: 兰州拉面."""
    return token.of(THINGS - {"place", "person", "saying"}) is not None and not token.is_a("time", "locative")
