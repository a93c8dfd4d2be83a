"""Other models through the same port: a UNet one and a diffusion transformer, step by step as in one call."""

import gc
import json
import threading
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import StableDiffusionPipeline
from PIL import Image

from engine.embedded import WEIGHTS
from engine.guards import NO_MEMORY
from engine.memory.plan import GIB
from engine.memory.probe import Facts
from engine.models.diffusers.load import safe_dtype
from engine.models.diffusers.pipeline import GenericPipeline
from engine.models.registry import kind, load
from engine.pictures import metadata
from engine.types import (
    EngineError,
    EngineSettings,
    Optimize,
    Upscale,
    Variation,
)
from tests.engine.generic.conftest import TASK, begin, drawn, pixels

# diffusers' Euler scheduler hands tensors to numpy the old way.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


@pytest.mark.parametrize(
    ("bfloat16", "wish", "expected"),
    [(True, "auto", "bfloat16"), (False, "auto", "float32"), (False, "float16", "float16")],
)
def test_float16_is_computed_in_only_where_it_was_asked_for(bfloat16: bool, wish: str, expected: str) -> None:
    facts = Facts("cuda", "a card", 8 * GIB, 8 * GIB, bfloat16, host_free=GIB, host_total=GIB)
    assert safe_dtype(facts, wish) == expected


def test_memory_that_runs_out_while_loading_is_told_as_that_and_not_as_a_file_to_fetch_again(
    stable_diffusion: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*given: object, **named: object) -> None:
        raise RuntimeError(f"[enforce fail] {NO_MEMORY[0]}")

    monkeypatch.setattr("diffusers.AutoPipelineForText2Image.from_pretrained", full)
    with pytest.raises(EngineError, match="does not fit on cpu") as caught:
        load(EngineSettings(model=str(stable_diffusion), device="cpu"))
    assert caught.value.code == "out_of_memory"


def test_an_unknown_precision_is_refused_with_those_that_are_known(stable_diffusion: Path) -> None:
    with pytest.raises(EngineError, match="'half' is not known; use auto, float32, bfloat16, float16"):
        load(EngineSettings(model=str(stable_diffusion), device="cpu", dtype="half"))


def upload(side: int = 80) -> bytes:
    buffer = BytesIO()
    Image.linear_gradient("L").resize((side, side)).convert("RGB").save(buffer, "PNG")
    return buffer.getvalue()


def test_a_picture_drawn_in_steps_is_the_one_the_stock_pipeline_draws_in_one_call(
    unet: GenericPipeline, stable_diffusion: Path
) -> None:
    stock = StableDiffusionPipeline.from_pretrained(stable_diffusion, safety_checker=None)
    stock.set_progress_bar_config(disable=True)
    source = torch.Generator("cpu").manual_seed(7)
    arguments = {"width": 64, "height": 64, "num_inference_steps": 3, "guidance_scale": 2.0}
    expected = stock("a red cat", negative_prompt="sea", generator=source, **arguments).images[0]
    found = drawn(unet, replace(TASK, negative_prompt="sea"))
    assert np.abs(pixels(found) - np.asarray(expected).astype(np.int16)).max() <= 1
    assert found.report["steps"] == 3
    assert found.report["guards"] == []


def test_pictures_drawn_in_turns_do_not_disturb_each_other(unet: GenericPipeline) -> None:
    tasks = [TASK, replace(TASK, seed=8, steps=2, guidance_scale=1.0)]
    alone = [pixels(drawn(unet, task)) for task in tasks]
    drawings = [begin(unet, task) for task in tasks]
    assert drawings[0].batch_key != drawings[1].batch_key
    while unfinished := [drawing for drawing in drawings if drawing.step < drawing.steps]:
        for drawing in unfinished:
            unet.step([drawing])
    for drawing, expected in zip(drawings, alone, strict=True):
        assert np.array_equal(pixels(unet.finish(drawing)()), expected)


@pytest.mark.parametrize(("steps", "strength", "done"), [(4, 0.5, 2), (2, 0.2, 1), (3, 1.0, 3)])
def test_image_to_image_does_its_share_of_the_steps_and_at_least_one(
    unet: GenericPipeline, steps: int, strength: float, done: int
) -> None:
    task = replace(TASK, init_image=upload(), strength=strength, steps=steps)
    assert begin(unet, task).steps == done
    picture = drawn(unet, task)
    assert picture.report["steps"] == done
    assert not np.array_equal(pixels(picture), pixels(drawn(unet, replace(task, init_image=None))))


def test_a_variation_draws_a_relative_of_the_picture(unet: GenericPipeline) -> None:
    base = pixels(drawn(unet, TASK))
    near = pixels(drawn(unet, replace(TASK, variation=Variation(3, latent_noise=0.1))))
    far = pixels(drawn(unet, replace(TASK, variation=Variation(3, latent_noise=0.9))))
    assert 0 < np.abs(near - base).mean() < np.abs(far - base).mean()


def test_a_dropped_drawing_ends_its_thread(unet: GenericPipeline) -> None:
    drawing = begin(unet, TASK)
    unet.step([drawing])
    names = [thread.name for thread in threading.enumerate()]
    assert "pipeline" in names
    del drawing
    gc.collect()
    assert "pipeline" not in [thread.name for thread in threading.enumerate()]


def test_memory_that_runs_out_in_a_step_costs_that_step_only(unet: GenericPipeline) -> None:
    expected = pixels(drawn(unet, TASK))
    failures = iter([False, True])

    def fail(module: object, given: object) -> None:
        if next(failures, False):
            raise torch.OutOfMemoryError("no memory on request")

    hook = unet.pipe.unet.register_forward_pre_hook(fail)
    assert np.array_equal(pixels(drawn(unet, TASK)), expected)
    hook.remove()


def test_memory_that_is_never_enough_ends_in_a_refusal_and_tiles(unet: GenericPipeline) -> None:
    def fail(module: object, given: object) -> None:
        raise torch.OutOfMemoryError("no memory on request")

    hook = unet.pipe.unet.register_forward_pre_hook(fail)
    with pytest.raises(EngineError, match="64×64 picture does not fit") as caught:
        drawn(unet, TASK)
    hook.remove()
    assert caught.value.code == "out_of_memory"
    assert unet.pipe.vae.use_tiling
    assert drawn(unet, TASK).png


def test_what_this_backend_cannot_do_is_refused_before_a_step(unet: GenericPipeline) -> None:
    with pytest.raises(EngineError, match="LoRA files work with Z-Image models only"):
        begin(unet, replace(TASK, loras=(("ink", 1.0),)))
    with pytest.raises(EngineError, match="multiple of 16"):
        begin(unet, replace(TASK, width=100))
    with pytest.raises(EngineError, match="draws no part of a picture anew"):
        begin(unet, replace(TASK, init_image=upload(), mask="part"))


def test_redrawing_is_refused_with_what_to_use_instead(unet: GenericPipeline) -> None:
    with pytest.raises(EngineError, match="cannot redraw it; use the method sr") as caught:
        next(unet.upscale(Upscale(drawn(unet, TASK).png, 2, "redraw")))
    assert caught.value.code == "bad_input"


def test_a_prompt_is_optimized_as_for_any_model(unet: GenericPipeline) -> None:
    assert "sailboat" in unet.optimizer.prepare(Optimize("夕阳下海上的一艘红色帆船")).used
    assert unet.optimizer.prepare(replace(TASK, optimize=False, enhance=False)).used == "a red cat"


def test_the_language_of_prompts_reaches_the_pipeline(stable_diffusion: Path) -> None:
    keeping = load(EngineSettings(model=str(stable_diffusion), device="cpu", prompt_language="own"))
    assert keeping.optimizer.prepare(Optimize("请画一只狐狸", enhance=False)).used == "一只狐狸"


def test_a_diffusion_transformer_is_drawn_with_as_well(dit: GenericPipeline) -> None:
    task = replace(TASK, prompt="a red sailboat on the sea at sunset", steps=2)
    first, second = drawn(dit, task), drawn(dit, task)
    assert np.array_equal(pixels(first), pixels(second))
    assert pixels(first).std() > 10


def test_the_backend_is_chosen_by_what_the_model_says_it_is(stable_diffusion: Path, tmp_path: Path) -> None:
    assert kind("embedded") == kind(str(WEIGHTS)) == "ZImagePipeline"
    assert kind(str(stable_diffusion)) == "StableDiffusionPipeline"
    assert kind(str(tmp_path)) == ""
    (tmp_path / "model_index.json").write_text(json.dumps({"_class_name": "WhisperPipeline"}))
    with pytest.raises(EngineError, match="cannot be read") as caught:
        load(EngineSettings(model=str(tmp_path), device="cpu"))
    assert caught.value.code == "model_missing"
    (tmp_path / "model_index.json").write_text("{")
    with pytest.raises(EngineError, match="is not JSON"):
        kind(str(tmp_path))


def test_a_fast_picture_takes_the_steps_its_prompt_needs(unet: GenericPipeline) -> None:
    picture = drawn(unet, replace(TASK, prompt="a cat", steps=8, fast=True))
    parameters = metadata.read(picture.png)
    assert parameters is not None
    assert (
        parameters.steps,
        parameters.fast,
        picture.report["steps"],
        picture.report["scheduled_steps"],
    ) == (
        4,
        True,
        4,
        4,
    )


def test_settings_of_the_z_image_backend_are_told_to_have_no_effect(
    stable_diffusion: Path, caplog: pytest.LogCaptureFixture
) -> None:
    load(EngineSettings(model=str(stable_diffusion), device="cpu", experimental=("reuse-fast",)))
    assert "model.experimental works with Z-Image models only" in caplog.text


def test_a_folder_for_loras_that_is_not_there_is_named() -> None:
    with pytest.raises(EngineError, match=r"model\.loras = '/no/such' is no folder"):
        load(EngineSettings(device="cpu", loras="/no/such"))
