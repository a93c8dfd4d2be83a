"""Every word of the small world that training teaches, and the phrases that name it."""

SUBJECTS: tuple[str, ...] = (
    "sailboat", "balloon", "house", "tree", "cat", "rocket", "mushroom", "fish",
    "lighthouse", "bicycle", "bird", "cactus", "car", "windmill", "flower", "bridge",
)  # fmt: skip
COLOURS: tuple[str, ...] = (
    "red", "orange", "yellow", "green", "blue", "purple", "pink", "white", "black", "brown", "grey",
    "turquoise",
)  # fmt: skip
PLACES: tuple[str, ...] = (
    "sea", "mountains", "meadow", "desert", "city", "snowfield", "lake", "forest", "island", "garden",
)  # fmt: skip
TIMES: tuple[str, ...] = ("dawn", "noon", "sunset", "night")
WEATHERS: tuple[str, ...] = ("clear", "rain", "snow", "fog")
STYLES: tuple[str, ...] = ("flat", "watercolour", "ink")
POSITIONS: tuple[str, ...] = ("left", "middle", "right")
DISTANCES: tuple[str, ...] = ("near", "middle", "far")

PLACE_PHRASES: dict[str, str] = {
    "sea": "on the sea",
    "mountains": "in the mountains",
    "meadow": "in a meadow",
    "desert": "in the desert",
    "city": "in the city",
    "snowfield": "in the snow",
    "lake": "by a lake",
    "forest": "in the forest",
    "island": "on an island",
    "garden": "in a garden",
}
TIME_PHRASES: dict[str, str] = {
    "dawn": "at dawn",
    "noon": "at noon",
    "sunset": "at sunset",
    "night": "at night",
}
WEATHER_PHRASES: dict[str, str] = {
    "clear": "",
    "rain": "in the rain",
    "snow": "in falling snow",
    "fog": "in the fog",
}
STYLE_PHRASES: dict[str, str] = {"flat": "", "watercolour": "watercolour", "ink": "ink drawing"}
POSITION_PHRASES: dict[str, str] = {"left": "on the left", "middle": "", "right": "on the right"}
DISTANCE_PHRASES: dict[str, str] = {"near": "close up", "middle": "", "far": "far away"}

SUBJECT_WORDS: dict[str, tuple[str, ...]] = {
    "sailboat": ("sailboat", "sailboat", "sailing boat", "boat"),
    "balloon": ("balloon", "hot-air balloon", "hot air balloon", "air balloon"),
    "house": ("house", "house", "cottage", "home"),
    "tree": ("tree",),
    "cat": ("cat", "cat", "kitten"),
    "rocket": ("rocket", "rocket", "spaceship"),
    "mushroom": ("mushroom", "mushroom", "toadstool"),
    "fish": ("fish",),
    "lighthouse": ("lighthouse",),
    "bicycle": ("bicycle", "bicycle", "bike"),
    "bird": ("bird", "bird", "little bird", "songbird"),
    "cactus": ("cactus",),
    "car": ("car", "car", "motor car", "automobile"),
    "windmill": ("windmill", "windmill", "mill"),
    "flower": ("flower", "flower", "blossom"),
    "bridge": ("bridge", "bridge", "stone bridge"),
}
PLACE_WORDS: dict[str, tuple[str, ...]] = {
    "sea": (
        "on the sea", "on the sea", "on the ocean", "at sea", "by the sea", "on the water", "over the sea",
    ),
    "mountains": (
        "in the mountains", "in the mountains", "in the hills", "among the mountains", "near the hills",
    ),
    "meadow": (
        "in a meadow", "in a meadow", "in a field", "on the grass", "in the meadow", "in a green meadow",
    ),
    "desert": ("in the desert", "in the desert", "in the dunes", "among the dunes", "in a sandy desert"),
    "city": ("in the city", "in the city", "in a town", "in the town", "in a city"),
    "snowfield": ("in the snow", "in the snow", "in a snowfield", "on the snow", "in a snowy field"),
    "lake": ("by a lake", "by a lake", "by the lake", "on a lake", "at the lake", "on a quiet lake"),
    "forest": ("in the forest", "in the forest", "in the woods", "among the trees", "in a forest"),
    "island": ("on an island", "on an island", "on a small island", "on the beach", "under the palms"),
    "garden": ("in a garden", "in a garden", "in the garden", "among the flower beds", "by the garden path"),
}  # fmt: skip
TIME_WORDS: dict[str, tuple[str, ...]] = {
    "dawn": ("at dawn", "at dawn", "at sunrise", "in the morning", "in the early morning"),
    "noon": ("at noon", "at noon", "at midday", "during the day", "by day"),
    "sunset": ("at sunset", "at sunset", "at dusk", "in the evening"),
    "night": ("at night", "at night", "at midnight", "by night"),
}
WEATHER_WORDS: dict[str, tuple[str, ...]] = {
    "clear": ("in clear weather", "on a clear day", "in fine weather"),
    "rain": (
        "in the rain",
        "in the rain",
        "on a rainy day",
        "in rainy weather",
        "while it rains",
        "in a shower",
    ),
    "snow": ("in falling snow", "in falling snow", "in a snowfall", "while it snows", "as snowflakes fall"),
    "fog": ("in the fog", "in the fog", "in the mist", "in foggy weather", "on a misty day", "in thick fog"),
}
STYLE_WORDS: dict[str, tuple[str, ...]] = {
    "flat": ("flat illustration", "flat colours", "flat style", "vector art"),
    "watercolour": (
        "watercolour", "watercolour", "watercolor", "watercolour painting",
        "watercolour wash", "in watercolour",
    ),
    "ink": ("ink drawing", "ink drawing", "pen and ink", "ink line drawing", "ink sketch", "line art"),
}  # fmt: skip
LIGHT_PHRASES: dict[str, tuple[str, ...]] = {
    "dawn": ("in soft morning light", "in pale dawn light", "under a pale pink sky"),
    "noon": ("in bright daylight", "under a clear blue sky", "in the midday sun"),
    "sunset": ("in warm evening light", "under an orange sky", "in golden light"),
    "night": ("under a starry sky", "in moonlight", "under the stars"),
}
POSITION_WORDS: dict[str, tuple[str, ...]] = {
    "left": ("on the left", "on the left", "to the left", "on the left side"),
    "middle": ("in the middle", "in the centre"),
    "right": ("on the right", "on the right", "to the right", "on the right side"),
}
DISTANCE_WORDS: dict[str, tuple[str, ...]] = {
    "near": ("close up", "very near", "in the foreground", "up close"),
    "middle": ("",),
    "far": ("far away", "in the distance", "far off", "in the background"),
}
