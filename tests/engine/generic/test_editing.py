"""Models that change a picture as words say, by the real classes at a tiny size."""

from dataclasses import replace
from pathlib import Path

import diffusers
import numpy as np
import pytest
import torch
from PIL import Image

from engine.models.diffusers.pipeline import GenericPipeline
from engine.models.profiles import EDITORS
from engine.models.registry import load
from engine.pictures import codec, metadata
from engine.types import EngineError, EngineSettings, ModelProfile
from tests.engine.generic.conftest import TASK, begin, drawn, pixels
from tests.engine.generic.editors import MAKE, write
from tests.engine.generic.test_generic import upload

EDIT = replace(TASK, prompt="make it night", guidance_scale=1.0, init_image=upload(64), edit=True)
pytestmark = pytest.mark.filterwarnings("ignore:.*torch_dtype.*")


@pytest.fixture(scope="module", params=MAKE)
def editor(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> GenericPipeline:
    torch.manual_seed(0)
    torch.set_num_threads(1)
    edits = MAKE[request.param](tmp_path_factory.mktemp("editor") / "words")
    text = getattr(diffusers, EDITORS[request.param]).from_pipe(edits)
    for pipe in (edits, text):
        pipe.set_progress_bar_config(disable=True)
    return GenericPipeline(text, edits, ModelProfile("tiny", 64, 128, edits=True), torch.device("cpu"))


@pytest.fixture(scope="module")
def klein(tmp_path_factory: pytest.TempPathFactory) -> GenericPipeline:
    folder = write("Flux2KleinPipeline", tmp_path_factory.mktemp("klein"))
    found = load(EngineSettings(model=str(folder), device="cpu", optimizer="rules"))
    assert isinstance(found, GenericPipeline)
    return found


def test_a_picture_is_changed_in_all_its_steps_and_words_alone_draw_as_well(editor: GenericPipeline) -> None:
    assert begin(editor, EDIT).steps == 3
    changed = drawn(editor, EDIT)
    assert (changed.width, changed.height, pixels(changed).shape) == (64, 64, (64, 64, 3))
    assert changed.report["steps"] == 3
    found = metadata.read(changed.png)
    assert found is not None
    assert (found.edit, found.strength, found.prompt) == (True, None, "make it night")
    alone = drawn(editor, replace(TASK, guidance_scale=1.0, steps=2))
    assert alone.report["steps"] == 2


def test_the_picture_and_the_instruction_both_decide(klein: GenericPipeline) -> None:
    assert klein.profile.edits
    first = pixels(drawn(klein, EDIT))
    assert np.array_equal(first, pixels(drawn(klein, EDIT)))
    other = codec.png(Image.effect_noise((64, 64), 90).convert("RGB"))
    assert not np.array_equal(first, pixels(drawn(klein, replace(EDIT, init_image=other))))
    assert not np.array_equal(first, pixels(drawn(klein, replace(EDIT, prompt="take the hat off"))))


def test_an_instruction_is_not_made_a_description(klein: GenericPipeline) -> None:
    work = klein.prompt(replace(EDIT, prompt="Make  it night\u200b", optimize=True, enhance=True))
    with pytest.raises(StopIteration) as done:
        next(work)
    assert done.value.value.used == "Make it night"
    assert done.value.value.notes == ("cleaned",)


def test_an_instruction_without_a_picture_or_for_a_model_that_edits_none_is_refused(
    klein: GenericPipeline, unet: GenericPipeline
) -> None:
    with pytest.raises(EngineError, match="an instruction needs a picture"):
        begin(klein, replace(EDIT, init_image=None))
    with pytest.raises(EngineError, match="changes no picture by instruction"):
        begin(unet, EDIT)


def test_a_cancelled_edit_of_a_pipeline_that_calls_nothing_back_ends_at_its_step(tmp_path: Path) -> None:
    edits = MAKE["LongCatImageEditPipeline"](tmp_path / "words")
    edits.set_progress_bar_config(disable=True)
    editor = GenericPipeline(edits, edits, ModelProfile("tiny", 64, 128, edits=True), torch.device("cpu"))
    drawing = begin(editor, EDIT)
    editor.step([drawing])
    assert drawing.run is not None
    assert not drawing.run.ended
    drawing.run.cancel()
    assert drawing.run.ended
    assert drawing.run.result is None
