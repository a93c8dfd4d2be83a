"""Chinese words without a translation, spelled in pinyin; personal names as names are written in English.

Knows surnames and what places end in. The readings come from pypinyin, which is loaded at the first name.
"""

SURNAMES = frozenset(
    "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧程曹袁邓许傅沈曾彭吕苏卢蒋蔡贾丁魏薛叶阎余潘杜戴夏钟汪田任姜"
    "范方石姚谭廖邹熊金陆郝孔白崔康毛邱秦江史顾侯邵孟龙万段雷钱汤尹黎易常武乔贺赖龚文庞樊兰殷施陶洪翟安颜倪严牛温芦季俞章鲁葛伍"
    "韦申尤毕聂丛焦向柳邢岳齐梅莫庄辛管祝左涂谷祁耿牟卜路詹关苗凌费纪靳盛童欧甄项曲成游阳裴席卫查屈鲍位覃霍翁隋植甘景薄单包"
)
PLACES = {
    "山": "Mountain", "河": "River", "江": "River", "湖": "Lake", "海": "Sea", "岛": "Island",
    "寺": "Temple", "庙": "Temple", "塔": "Pagoda", "桥": "Bridge", "楼": "Tower", "城": "City",
    "镇": "Town", "村": "Village", "街": "Street", "路": "Road", "巷": "Lane", "园": "Garden",
    "宫": "Palace", "殿": "Hall", "峰": "Peak", "谷": "Valley", "洞": "Cave", "关": "Pass",
    "省": "Province", "市": "City", "县": "County", "国": "Kingdom", "港": "Harbour", "峡": "Gorge",
    "门": "Gate", "亭": "Pavilion", "阁": "Pavilion", "族": "people",
}  # fmt: skip


def spelled(word: str) -> str:
    """An unknown Chinese word in pinyin: `王小明` → `Wang Xiaoming`, `雁荡山` → `Yandang Mountain`."""
    if len(word) > 2 and word[-1] in PLACES:
        return f"{_pinyin(word[:-1]).capitalize()} {PLACES[word[-1]]}"
    if is_name(word):
        return f"{_pinyin(word[0]).capitalize()} {_pinyin(word[1:]).capitalize()}"
    return _pinyin(word).capitalize() if len(word) > 1 else _pinyin(word)


def is_name(word: str) -> bool:
    """Whether an unknown word looks like a surname and a given name."""
    return 2 <= len(word) <= 3 and word[0] in SURNAMES


def _pinyin(word: str) -> str:
    from pypinyin import lazy_pinyin

    return "".join(part for part in lazy_pinyin(word, errors="ignore", v_to_u=True))
