"""Facts about the numbers that compare pictures."""

import numpy as np
from PIL import Image, ImageFilter

from lab.judge.measures import detail, outline, variety
from lab.render.scene import Scene
from lab.render.scenes import render_array

HOUSE = render_array(Scene("house", "red", "meadow", "noon", seed=1))


def blurred(picture: np.ndarray, radius: float) -> np.ndarray:
    return np.asarray(Image.fromarray(picture).filter(ImageFilter.GaussianBlur(radius)))


def test_a_picture_agrees_with_itself() -> None:
    """A picture has its own outline and its own detail."""
    assert outline(HOUSE, HOUSE) == 1.0
    assert detail(HOUSE, HOUSE) == 1.0


def test_a_blurred_picture_has_less_detail() -> None:
    """The more blurred a picture, the less detail beside the sharp one."""
    assert detail(blurred(HOUSE, 2), HOUSE) < detail(blurred(HOUSE, 1), HOUSE) < 1.0


def test_a_shifted_picture_has_another_outline() -> None:
    """Edges moved by a pixel still agree; moved by a tenth of the picture they hardly do."""
    assert outline(np.roll(HOUSE, 1, 1), HOUSE) > 0.95
    assert outline(np.roll(HOUSE, 13, 1), HOUSE) < 0.8


def test_variety_grows_with_what_changes() -> None:
    """Equal pictures have no variety; another place differs more than another seed."""
    seeds = [render_array(Scene("house", "red", "meadow", "noon", seed=seed)) for seed in range(3)]
    places = [render_array(Scene("house", "red", place, "noon")) for place in ("sea", "desert", "city")]
    assert variety([HOUSE, HOUSE]) == 0.0
    assert 0.0 < variety(seeds) < variety(places)
