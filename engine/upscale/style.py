"""The style of a picture, read from its prompt; a picture without a prompt has no known style."""

import re
from typing import Literal

Style = Literal["photograph", "flat", "watercolour", "ink", "pixel art", "other"]

# In this order: a "flat watercolour" is a watercolour, a "photograph of an ink drawing" an ink drawing.
_WORDS: dict[Style, tuple[str, ...]] = {
    "pixel art": ("pixel[- ]?art", "8[- ]?bit", "像素"),
    "watercolour": ("water[- ]?colou?rs?", "gouache", "ink wash", "水彩", "水墨", "国画", "水粉"),
    "ink": (
        "(?:ink|line|pen|pencil|charcoal) (?:line )?(?:drawing|sketch|art|illustration)",
        "pen and ink",
        "line[- ]?art",
        "woodcut|linocut|engraving",
        "sketch",
        "线稿|线描|素描|版画|钢笔画",
    ),
    "flat": (
        "flat (?:illustration|colou?rs?|design|style|shading|art|vector)",
        "vector (?:art|illustration|graphics?)",
        r"cel[- ]shad\w+",
        "cartoon|anime|comic|paper[- ]?cut|logo|icon|poster",
        "扁平|矢量|卡通|动漫|漫画|剪纸|海报",
    ),
    "photograph": (
        r"photo(?:s|graph\w*|realis\w+)?",
        "film still",
        "35 ?mm",
        "dslr",
        "bokeh",
        "照片|摄影|写实|实拍",
    ),
}
_PATTERNS = {
    style: re.compile(rf"(?<![a-z])(?:{'|'.join(words)})(?![a-z])", re.IGNORECASE)
    for style, words in _WORDS.items()
}


def of(prompt: str) -> Style:
    """Return the style a prompt names, `other` where it names none."""
    return next((style for style, pattern in _PATTERNS.items() if pattern.search(prompt)), "other")
