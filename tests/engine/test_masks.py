"""Pictures that are transparent where they are to be drawn anew."""

import numpy as np
import pytest
from PIL import Image

from engine.pictures import codec, masks
from engine.types import EngineError
from tests.engine.test_pixels import encoded

NOISE = Image.effect_noise((192, 96), 60).convert("RGB")


def test_the_colours_under_a_mask_stay() -> None:
    mask = Image.linear_gradient("L").resize(NOISE.size)
    image, found = masks.split(masks.joined(NOISE, mask))
    assert (np.asarray(image) == np.asarray(NOISE)).all()
    assert (np.asarray(found) == np.asarray(mask)).all()


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L"])
def test_a_picture_that_is_nowhere_transparent_has_nothing_to_draw_anew(mode: str) -> None:
    with pytest.raises(EngineError, match="nowhere transparent"):
        masks.split(encoded(NOISE.convert(mode)))


@pytest.mark.parametrize(("zoom", "box"), [(1.5, (32, 16, 160, 80)), (2.0, (48, 24, 144, 72))])
def test_zoomed_out_the_whole_picture_stands_in_the_middle_of_one_of_its_size(
    zoom: float, box: tuple[int, int, int, int]
) -> None:
    image, mask = masks.split(masks.moved(codec.png(NOISE), zoom))
    assert image.size == NOISE.size
    smaller = NOISE.resize((box[2] - box[0], box[3] - box[1]), Image.Resampling.LANCZOS)
    assert (np.asarray(image.crop(box)) == np.asarray(smaller)).all()
    outside = np.asarray(mask).copy()
    outside[box[1] : box[3], box[0] : box[2]] = masks.HIDDEN
    assert (outside == masks.HIDDEN).all()
    assert mask.getpixel((96, 48)) == 0


@pytest.mark.parametrize(
    ("right", "down", "kept", "new"),
    [
        (-0.25, 0.0, (48, 0, 192, 96), (0, 0, 48, 96)),
        (0.25, 0.0, (0, 0, 144, 96), (144, 0, 192, 96)),
        (0.0, -0.25, (0, 24, 192, 96), (0, 0, 192, 24)),
        (0.0, 0.25, (0, 0, 192, 72), (0, 72, 192, 96)),
    ],
)
def test_moved_by_a_quarter_three_quarters_stay_and_a_quarter_is_new(
    right: float, down: float, kept: tuple[int, int, int, int], new: tuple[int, int, int, int]
) -> None:
    image, mask = masks.split(masks.moved(codec.png(NOISE), right=right, down=down))
    left, top = round(right * 192), round(down * 96)
    there = NOISE.crop((kept[0] + left, kept[1] + top, kept[2] + left, kept[3] + top))
    assert (np.asarray(image.crop(kept)) == np.asarray(there)).all()
    assert (np.asarray(mask.crop(new)) == masks.HIDDEN).all()
    assert (np.asarray(mask.crop(kept)) < masks.HIDDEN).any()
