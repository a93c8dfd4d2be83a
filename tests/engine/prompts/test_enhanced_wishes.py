"""What enhancement adds to the list of wishes: nothing to the precise, and nothing that speaks against one.

The contradictions are written down here by themselves, not read from what the rules know. Of the unseen half
only totals are printed.
"""

import re
from collections import Counter
from dataclasses import dataclass
from functools import cache

import pytest

from engine.prompts import Rewritten, enhance
from engine.prompts.text.clean import QUOTED
from tests.engine.prompts.rules import prepare
from tests.engine.prompts.test_wishes import wishes

CONTRADICTIONS = {
    "drawn": (
        (
            r"pixel|8-bit|lego|voxel|tattoo|line art|blueprint|stencil|sticker|claymation|embroider\w*"
            r"|mosaic|tapestry|calligraphy|silhouette|doodle|watercolou?r|cartoon|anime|manga|comic"
            r"|sketch|drawing|illustration|painting|mural|origami|paper[- ]cut\w*|woodcut|low[- ]poly"
            r"|chibi|engraving|knitted|crayon|stained glass"
        ),
        r"skin|lens|out of focus|photo\w*|visible grain|lively eyes|clear eyes|fine texture of skin",
    ),
    "night": (
        r"night|midnight|moon\w*|stars?|starry|aurora|fireworks",
        r"daylight|morning|noon|sun\w*|evening|natural light\w*",
    ),
    "day": (
        r"noon|midday|sunny|daylight|morning|sunrise|dawn",
        r"night|dark|evening",
    ),
    "deep": (
        r"underwater|deep sea|seabed|space|cave|galaxy|planet|nebula|moon surface|coral",
        r"daylight|natural light\w*|leaves|clear air",
    ),
    "bare": (
        (
            r"desert|dunes?|snow\w*|ice\w*|glacier|sea|ocean|waves?|beach|space|nebula|galaxy|planet"
            r"|volcano|lava|sky|clouds?|lightning|rainbow|aurora|moon|star\w*|lake|river|waterfall"
        ),
        r"leaves",
    ),
    "eyes": (
        (
            r"sleep\w*|asleep|napping|closed eyes|eyes closed|blindfold\w*|sunglasses|from behind"
            r"|back view|faceless|mask\w*|helmet|silhouette|blind|skeleton|skull|astronaut|backs?"
        ),
        r"clear eyes|lively eyes",
    ),
    "coat": (
        (
            r"fish\w*|koi|carp|shark|whale|dolphin|snake|frog|toad|turtle|tortoise|lizard|crocodile"
            r"|dragon\w*|dinosaur|bird\w*|parrot|owl|eagle|crane|swan|goose|geese|duck\w*|penguin"
            r"|peacock|chicken|rooster|sparrow|magpie|butterfl\w*|bees?|ants?|spider|beetle"
            r"|dragonfl\w*|octopus|jellyfish|crab|snail|phoenix|elephant|rhino\w*|hippo\w*"
        ),
        r"coat|fur",
    ),
    "many": (
        (
            r"two|three|four|five|six|seven|eight|nine|ten|twelve|dozen|hundred|many|group|herd|flock"
            r"|pair|couple|several|a row of"
        ),
        r"the animal filling|the main thing",
    ),
    "busy": (
        (
            r"crowd\w*|busy|bustling|messy|market|cluttered|chaos|festival|traffic|pile of|full of"
            r"|flood of"
        ),
        r"uncluttered|simple background|plain background",
    ),
    "rot": (
        r"rotten|mou?ldy|burnt|withered|wilted|dead|dried",
        r"fresh|inviting",
    ),
    "dull": (
        r"blurr\w*|soft focus|dreamy|hazy|out of focus|fog\w*|mist\w*|smok\w*|dust\w*",
        r"crisp|sharp|clear air|clear foreground",
    ),
    "rust": (
        r"rust\w*|broken|wreck\w*|ruin\w*|abandoned|shabby|crumbling",
        r"clean|precise",
    ),
    "mono": (
        r"black[- ]and[- ]white|monochrome|greyscale|grayscale",
        r"warm|colour|golden",
    ),
    "white": (
        r"(?:white|plain|black|transparent|blank|solid) background",
        r"background|foreground",
    ),
    "weather": (
        r"rain\w*|storm\w*|overcast|cloudy|fog\w*|mist\w*|snowstorm|blizzard",
        r"clear bright|long shadows|short shadows|clear air",
    ),
    "place": (
        (
            r"(?:on|in|at|under|by|beside|inside|among|along|through|over|near|behind|above) (?:the"
            r"|an?|its|his|her) "
        ),
        r"plain background",
    ),
}
"""Words of a wish, and words of an addition that would contradict them."""


@dataclass(frozen=True)
class Enhanced:
    """A wish in English, what was added to it, and what it refuses."""

    said: str
    added: str
    refused: str


@cache
def optimized(half: str) -> list[Rewritten]:
    """Every wish of a half in English."""
    return [prepare(wish["wish"], enhanced=False) for wish in wishes(half)]


def enhanced(half: str) -> list[Enhanced]:
    """Every wish of a half; its own words come first and unchanged."""
    found = []
    for ready in optimized(half):
        text = enhance(ready.text, None, ready.negative).text
        stem = ready.text.rstrip(" .,;。，；")
        if not text.startswith(stem):
            pytest.fail("the wish's own words were changed", pytrace=False)
        found.append(Enhanced(QUOTED.sub(" ", ready.text).casefold(), text[len(stem) :], ready.negative))
    return found


def says(text: str, words: str) -> bool:
    return re.search(rf"\b(?:{words})\b", text) is not None


@pytest.mark.parametrize("half", ["seen", "unseen"])
def test_nothing_that_is_added_speaks_against_the_wish(half: str) -> None:
    against = Counter(
        name
        for wish in enhanced(half)
        for name, (said, added) in CONTRADICTIONS.items()
        if says(wish.said, said) and says(wish.added, added)
    )
    if against:
        pytest.fail(str(dict(against)), pytrace=False)


@pytest.mark.parametrize("half", ["seen", "unseen"])
def test_nothing_that_was_refused_is_added(half: str) -> None:
    for wish in enhanced(half):
        terms = [term for term in wish.refused.split(", ") if term]
        if any(says(wish.added, re.escape(term)) for term in terms):
            pytest.fail("an addition names what was refused", pytrace=False)


@pytest.mark.parametrize("half", ["seen", "unseen"])
@pytest.mark.parametrize("said", ["wide shot, soft light, rough texture", "a " + "quiet and orderly " * 14])
def test_a_precise_wish_stays_as_it_is(half: str, said: str) -> None:
    precise = [f"{ready.text}, {said.strip()}" for ready in optimized(half)]
    if changed := sum(enhance(text).text != text for text in precise):
        pytest.fail(f"{changed} of {len(precise)} changed", pytrace=False)


def test_enhancing_twice_adds_nothing_more() -> None:
    for ready in optimized("seen"):
        once = enhance(ready.text, None, ready.negative).text
        assert enhance(once, None, ready.negative).text == once
