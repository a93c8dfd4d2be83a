"""Detail comes after the checks, where enhancement is on and the style wants it; it never costs a picture."""

from dataclasses import replace
from io import BytesIO

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from engine.guards import NO_MEMORY
from engine.models.zimage.pipeline import ZImagePipeline
from engine.types import EngineError
from engine.upscale import detail
from tests.engine.zimage.conftest import Task, drawn


@pytest.fixture(scope="module")
def detailed(pipeline: ZImagePipeline) -> ZImagePipeline:
    """The embedded model where the operator asks for detail."""
    plan = replace(pipeline.components.upscaling, detail=0.6)
    return ZImagePipeline(replace(pipeline.components, upscaling=plan))


def levels(png: bytes) -> NDArray[np.uint8]:
    return np.asarray(Image.open(BytesIO(png)))


def test_an_enhanced_picture_is_the_plain_one_gone_over(detailed: ZImagePipeline, task: Task) -> None:
    plain, refined = drawn(detailed, task()), drawn(detailed, task(enhance=True))
    expected = detail.refine(levels(plain.png), 0.6, detailed.components.upscaling)
    assert np.array_equal(levels(refined.png), expected)
    assert not np.array_equal(levels(refined.png), levels(plain.png))
    assert refined.report["seconds"]["detail"] > 0
    assert "detail" not in plain.report["seconds"]


def test_a_watercolour_is_left_as_it_was_drawn(detailed: ZImagePipeline, task: Task) -> None:
    prompt = "a red sailboat on the sea at sunset, watercolour"
    assert "detail" not in drawn(detailed, task(prompt, enhance=True)).report["seconds"]


def test_nothing_is_added_until_the_operator_asks_for_it(pipeline: ZImagePipeline, task: Task) -> None:
    assert "detail" not in drawn(pipeline, task(enhance=True)).report["seconds"]


@pytest.mark.parametrize(
    ("error", "reason"),
    [(EngineError("out_of_memory", "not even a small tile fits"), "not even a small tile fits"),
     (RuntimeError(NO_MEMORY[0]), "memory ran out")],
)  # fmt: skip
def test_without_room_for_detail_the_picture_comes_as_it_was_drawn(
    detailed: ZImagePipeline, task: Task, monkeypatch: pytest.MonkeyPatch, error: Exception, reason: str
) -> None:
    def no_room(*_: object) -> None:
        raise error

    plain = drawn(detailed, task())
    monkeypatch.setattr(detail, "refine", no_room)
    refined = drawn(detailed, task(enhance=True))
    assert np.array_equal(levels(refined.png), levels(plain.png))
    assert refined.report["guards"] == [f"no detail added: {reason}"]
