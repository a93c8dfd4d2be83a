"""The words of the picture-book world beside its subjects: those that ship, and six more places."""

from lab.render import vocabulary as small

PLACES: tuple[str, ...] = (*small.PLACES, "castle", "kitchen", "room", "space", "street", "underwater")
PLACE_PHRASES: dict[str, str] = small.PLACE_PHRASES | {
    "castle": "by a castle",
    "kitchen": "on a kitchen table",
    "room": "in a room",
    "space": "in space",
    "street": "in a street",
    "underwater": "under water",
}
PLACE_WORDS: dict[str, tuple[str, ...]] = small.PLACE_WORDS | {
    "castle": ("by a castle", "in front of a castle", "near a castle", "below the castle"),
    "kitchen": ("on a kitchen table", "on a table", "on the table", "in the kitchen", "in a kitchen"),
    "room": ("in a room", "in the living room", "in a bedroom", "at home", "by the window", "on a rug"),
    "space": ("in space", "in outer space", "among the stars", "on the moon", "in the galaxy"),
    "street": ("in a street", "on the street", "at the market", "in front of a shop", "in a village street"),
    "underwater": (
        "under water",
        "under the sea",
        "underwater",
        "at the bottom of the sea",
        "in the deep sea",
    ),
}
STANDING: dict[str, tuple[str, ...]] = {
    "castle": ("stands by a castle", "is near a castle", "rests below the castle"),
    "kitchen": ("is on a kitchen table", "stands on the table", "rests in the kitchen"),
    "room": ("is in a room", "stands at home", "rests on a rug"),
    "space": ("floats in space", "is on the moon", "drifts among the stars"),
    "street": ("stands in a street", "is at the market", "rests in front of a shop"),
    "underwater": ("is under water", "floats under the sea", "rests at the bottom of the sea"),
}
NUMBERS: tuple[str, ...] = ("", "a", "two", "three")
RELATIONS: dict[str, str] = {"front": "in front of", "under": "under"}
SEALED = frozenset({"kitchen", "room", "space", "underwater"})
"""Places without weather."""
