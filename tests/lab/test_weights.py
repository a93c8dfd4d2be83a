"""Facts about the weights that ship with the package."""

import json
import re

import numpy as np
import pytest
import torch
from diffusers import ZImagePipeline
from safetensors.torch import load_file

from engine.embedded import WEIGHTS
from engine.embedded.vocabulary import FILE
from engine.models.zimage.load import load
from engine.types import EngineSettings
from lab.evaluate.costs import costs
from lab.judge.adherence import Manner, draw
from lab.render.vocabulary_file import vocabulary_of
from lab.render.world import SMALL_WORLD


@pytest.fixture(scope="module")
def pipeline() -> ZImagePipeline:
    pipeline = ZImagePipeline.from_pretrained(WEIGHTS, dtype=torch.float32)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def test_the_weights_stay_small() -> None:
    """The weights take at most 24 MB."""
    assert sum(file.stat().st_size for file in WEIGHTS.rglob("*") if file.is_file()) <= 24_000_000


def test_the_stock_pipeline_draws_with_the_weights(pipeline: ZImagePipeline) -> None:
    """The stock pipeline loads the weights and draws a picture that is not flat."""
    generator = torch.Generator().manual_seed(1)
    picture = pipeline(
        "a red sailboat on the sea at sunset",
        height=128,
        width=128,
        num_inference_steps=4,
        guidance_scale=0.0,
        generator=generator,
    ).images[0]
    assert picture.size == (128, 128)
    assert np.asarray(picture).std() > 20


def test_every_weight_is_finite_in_half_precision(pipeline: ZImagePipeline) -> None:
    """No weight overflowed when it was rounded to float16."""
    parts = (pipeline.transformer, pipeline.text_encoder, pipeline.vae)
    assert all(torch.isfinite(p).all() for part in parts for p in part.parameters())


@torch.inference_mode()
def test_a_long_caption_and_a_larger_picture_fit(pipeline: ZImagePipeline) -> None:
    """A caption of 512 tokens and a picture of 256 pixels stay within the position tables."""
    pipeline(
        "sea " * 600, height=256, width=256, num_inference_steps=1, guidance_scale=0.0, output_type="latent"
    )


def test_the_preview_map_turns_latents_into_colours() -> None:
    """The preview map takes sixteen latent channels to three colours."""
    parts = load_file(WEIGHTS / "preview.safetensors")
    assert parts["weight"].shape == (3, 16)
    assert parts["bias"].shape == (3,)
    assert parts["weight"].abs().max() > 0


def test_evaluation_draws_through_the_bots_pipeline() -> None:
    """Evaluation draws each prompt at the size and in the steps it is told, the same for the same seed."""
    pipeline, manner = load(EngineSettings()), Manner(64, 64, steps=2)
    first, second, again = draw(pipeline, ["a red cat", "a blue house", "a red cat"], [1, 2, 1], manner)
    assert first.shape == (64, 64, 3)
    assert np.abs(first.astype(int) - again).max() <= 1
    assert not np.array_equal(first, second)


@pytest.mark.slow
async def test_what_the_model_costs_is_measured_in_a_child() -> None:
    """Load, pictures and memory are told, each measured."""
    lines = [line async for line in costs(EngineSettings(), side=64, pictures=1)]
    assert [bool(re.search(r"\d", line)) for line in lines] == [True] * 4


def test_the_vocabulary_beside_the_weights_is_what_they_were_taught() -> None:
    """What the reader of prompts is told is what training drew and worded."""
    assert json.loads((WEIGHTS / FILE).read_text()) == json.loads(json.dumps(vocabulary_of(SMALL_WORLD)))
