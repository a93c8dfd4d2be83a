"""Facts about rendered pictures."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lab.render.scene import Scene, Thing
from lab.render.scenes import render, render_array
from lab.render.vocabulary import PLACES, STYLES, SUBJECTS, WEATHERS
from lab.render.world import SMALL_WORLD
from lab.train.dataset import PictureSet

BALLOON = Scene("balloon", "red", "desert", "dawn", seed=5)


def test_a_scene_always_renders_to_the_same_picture() -> None:
    """A scene renders to the same picture each time; another seed moves things."""
    assert np.array_equal(render_array(BALLOON), render_array(BALLOON))
    assert not np.array_equal(render_array(BALLOON), render_array(replace(BALLOON, seed=6)))


@pytest.mark.parametrize("subject", SUBJECTS)
def test_a_scene_renders_at_any_size(subject: str) -> None:
    """Every subject renders at 64 and at 256 pixels, and the two agree when reduced."""
    scene = Scene(subject, "blue", "meadow", "noon", seed=1)
    small = np.asarray(render(scene, 64), dtype=float)
    large = np.asarray(render(scene, 256).reduce(4), dtype=float)
    assert np.abs(small - large).mean() < 8


@pytest.mark.parametrize("place", PLACES)
def test_every_place_renders_in_every_shape(place: str) -> None:
    """Every place renders wide and tall."""
    scene = Scene("cat", "white", place, "sunset", seed=2)
    assert render(scene, 320, 208).size == (320, 208)
    assert render(scene, 192, 336).size == (192, 336)


def test_weather_and_style_show() -> None:
    """Each weather and each style changes the picture of a scene clearly."""
    plain = render_array(BALLOON).astype(float)
    others = [replace(BALLOON, weather=weather) for weather in WEATHERS[1:]]
    others += [replace(BALLOON, style=style) for style in STYLES[1:]]
    for scene in others:
        assert np.abs(render_array(scene) - plain).mean() > 6, scene


def test_two_subjects_stand_on_their_sides() -> None:
    """Of a red house on the left and a purple car on the right, each colour stays on its side."""
    car = Thing("car", "purple")
    picture = render_array(Scene("house", "red", "snowfield", "noon", position="left", companion=car)).astype(
        float
    )
    red, green, blue = (picture[..., i] for i in range(3))
    reddish = (red - np.maximum(green, blue)) > 90
    violet = (np.minimum(red, blue) - green) > 40
    assert reddish[:, :64].sum() > 10 * reddish[:, 64:].sum()
    assert violet[:, 64:].sum() > 10 * violet[:, :64].sum()


def test_a_far_subject_is_smaller_than_a_near_one() -> None:
    """The nearer the subject, the more of the picture has its colour."""
    areas = []
    for distance in ("far", "middle", "near"):
        scene = Scene("mushroom", "green", "desert", "noon", seed=3, distance=distance)
        picture = render_array(scene).astype(int)
        areas.append((picture[..., 1] - np.maximum(picture[..., 0], picture[..., 2]) > 40).sum())
    assert areas[0] < areas[1] / 2
    assert areas[1] < areas[2] / 1.5


def test_a_longer_plan_draws_only_what_a_shorter_one_has_not(tmp_path: Path) -> None:
    """Pictures that are on disk are taken as they are; a plan of more scenes adds the rest."""
    drawn = []

    def picture(scene: Scene, width: int, height: int) -> np.ndarray:
        drawn.append(scene)
        return render_array(scene, width, height)

    few = PictureSet("few", 32, 24, 1.0, seed=1, world=replace(SMALL_WORLD, picture=picture))
    first = np.array(few.pictures(5, tmp_path))
    more = few.pictures(7, tmp_path)
    assert drawn == few.scenes(7)
    assert np.array_equal(more[:5], first)
    assert np.array_equal(few.pictures(5, tmp_path), first)
    assert len(drawn) == 7
