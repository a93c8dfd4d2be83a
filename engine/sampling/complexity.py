"""How much a prompt asks for, in [0, 1], judged by its words alone, English or Chinese."""

import math
import re

_WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*|\d+")
_HAN = re.compile(r"[㐀-鿿]")
_QUOTED = re.compile(r"[\"“][^\"“”]+[\"”]|[「『《][^」』》]+[」』》]")
_PHRASE = re.compile(r"[,;.，；。、]|\band\b|\bwith\b|和|与|以及")
_RELATIONS = """
above across against along among around at before behind below beneath beside between beyond facing holding in
inside into near on onto over riding through toward towards under underneath wearing while
上 下 里 旁 后 前 中 之间 对面 拿着 骑着 穿着
"""
_COUNTS = "two three four five six seven eight nine ten several many each both 两 三 四 五 六 七 八 九 十"
_ATTRIBUTES = """
red orange yellow green blue purple pink brown black white grey gray golden silver big small large tiny tall
old young wooden metal glass stone bright dark soft wet dry striped
红 橙 黄 绿 蓝 紫 粉 黑 白 灰 金 银 大 小 高 老 旧 木 石
"""
_KNOWN = {
    "relations": frozenset(_RELATIONS.split()),
    "counts": frozenset(_COUNTS.split()),
    "attributes": frozenset(_ATTRIBUTES.split()),
}
_WEIGHTS = {
    "words": 0.012,
    "phrases": 0.05,
    "relations": 0.10,
    "attributes": 0.05,
    "counts": 0.12,
    "quoted": 0.35,
}
_LEAST = 0.10
"""What the shortest prompt, one thing and no more, weighs; it counts as no complexity at all."""


def complexity(prompt: str) -> float:
    """Return how much `prompt` asks for: 0 for one thing such as "a cat", towards 1 for a composed scene.

    Length, phrases, relations, attributes, counts and text to be drawn each add to it, less and less.
    """
    latin = [word.lower() for word in _WORD.findall(_HAN.sub(" ", prompt))]
    han = "".join(_HAN.findall(prompt))
    found = {
        "words": len(latin) + len(han) / 1.6,
        "phrases": len([part for part in _PHRASE.split(prompt) if part.strip()]),
        "quoted": len(_QUOTED.findall(prompt)),
    }
    for name, known in _KNOWN.items():
        found[name] = sum(word in known for word in latin) + sum(han.count(word) for word in known)
    weight = sum(_WEIGHTS[name] * count for name, count in found.items())
    return 1 - math.exp(-max(weight - _LEAST, 0.0))
