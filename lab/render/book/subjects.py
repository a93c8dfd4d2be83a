"""The list of subjects: what each is called, which drawings show it, where it stands and how tall it is."""

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path

from engine.prompts.translate.lexicon import plural as of_noun

ENTRY = re.compile(r"([a-z-]+)(?:=([a-z-]+))?(?:@(f|n|hand))?(\*?)")
SYNONYMS: dict[str, tuple[str, ...]] = {
    "bee": ("honeybee",), "bicycle": ("bike",), "boy": ("little boy",), "car": ("automobile",),
    "cat": ("cat", "kitten"), "coffee": ("cup of coffee",), "dog": ("dog", "puppy"),
    "football": ("soccer ball",), "french-fries": ("chips",),
    "gift": ("present",), "girl": ("little girl",), "hamburger": ("burger",),
    "house": ("house", "cottage"), "mushroom": ("mushroom", "toadstool"),
    "noodles": ("bowl of noodles", "ramen"), "old-man": ("grandpa",), "old-woman": ("grandma",),
    "phone": ("mobile phone",), "policeman": ("police officer",),
    "rabbit": ("rabbit", "bunny"), "rice": ("bowl of rice",), "sailboat": ("sailing boat", "boat"),
    "skyscraper": ("office building",), "sofa": ("couch",), "spaceship": ("flying saucer", "ufo"),
    "superhero": ("hero",), "tea": ("cup of tea",), "television": ("tv",), "tyrannosaurus": ("t-rex",),
}  # fmt: skip
"""Other words that captions use beside a subject's own."""
SAME = (
    "blueberries cherries chips dice fireworks fries grapes headphones noodles pancakes scissors sunglasses"
)
"""Names of what there may be several of as of one."""
UNCOUNTED = frozenset({"rice", "bread", "corn", "popcorn", "honey", "ice", "fire", "milk", "sushi", "coral"})
"""Subjects of which there is always one."""


@dataclass(frozen=True)
class Subject:
    """One subject: its drawing and whose, where it stands, how tall as a share of the picture's side."""

    name: str
    kind: str
    drawing: str
    sources: str
    stance: str
    height: float
    is_coloured: bool

    @property
    def is_hand(self) -> bool:
        """Whether `lab.render.draw` draws it."""
        return not self.sources

    @property
    def words(self) -> tuple[str, ...]:
        """What captions call it, its own name most often."""
        own = self.name.replace("-", " ")
        return (own, own, *SYNONYMS.get(self.name, ()))


def plural(words: str) -> str:
    """The plural of a subject's words: `bowl of rice` → `bowls of rice`."""
    if words == "spaghetti":
        return "plates of spaghetti"
    return words if words.rpartition(" ")[2] in SAME.split() and " of " not in words else of_noun(words)


def _read() -> dict[str, Subject]:
    table = tomllib.loads((Path(__file__).parent / "subjects.toml").read_text("utf-8"))
    found: dict[str, Subject] = {}
    for stance, sizes in table.items():
        for groups in sizes.values():
            for kind, names in groups.items():
                if kind == "height":
                    continue
                for entry in names.split():
                    match = ENTRY.fullmatch(entry)
                    if match is None or match[1] in found:
                        raise ValueError(f"subjects.toml: {entry}")
                    sources = {"hand": "", None: "fn"}.get(match[3], match[3])
                    drawing = match[2] or match[1]
                    found[match[1]] = Subject(
                        match[1], kind, drawing, sources, stance, groups["height"], bool(match[4])
                    )
    return found


SUBJECTS: dict[str, Subject] = _read()
