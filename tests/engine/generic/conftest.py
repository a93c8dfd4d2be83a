"""A Stable Diffusion model small enough to be made anew, saved as the hub would ship it."""

import json
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import AutoencoderKL, EulerDiscreteScheduler, StableDiffusionPipeline, UNet2DConditionModel
from PIL import Image
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from engine.embedded import WEIGHTS
from engine.models.diffusers.drawing import Drawing
from engine.models.diffusers.load import load as load_generic
from engine.models.diffusers.pipeline import GenericPipeline
from engine.models.registry import load
from engine.types import EngineSettings, Generate, Picture, PromptReady

TASK = Generate("a red cat", width=64, height=64, steps=3, guidance_scale=2.0, seed=7)
WORDS = ("a", "red", "cat", "on", "the", "sea")


@pytest.fixture(scope="session")
def stable_diffusion(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A UNet model of 64×64 pixels with its text encoder, VAE and an Euler scheduler."""
    folder = tmp_path_factory.mktemp("sd") / "tiny-sd"
    torch.manual_seed(0)
    torch.set_num_threads(1)
    pipe = StableDiffusionPipeline(
        vae=AutoencoderKL(
            down_block_types=("DownEncoderBlock2D",) * 2,
            up_block_types=("UpDecoderBlock2D",) * 2,
            block_out_channels=(8, 16),
            latent_channels=4,
            norm_num_groups=4,
            sample_size=64,
        ),
        text_encoder=CLIPTextModel(
            CLIPTextConfig(
                vocab_size=64,
                hidden_size=16,
                intermediate_size=32,
                num_hidden_layers=1,
                num_attention_heads=2,
                max_position_embeddings=16,
                bos_token_id=0,
                eos_token_id=1,
            )
        ),
        tokenizer=_tokenizer(tmp_path_factory.mktemp("words")),
        unet=UNet2DConditionModel(
            sample_size=32,
            in_channels=4,
            out_channels=4,
            down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
            up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
            block_out_channels=(16, 32),
            layers_per_block=1,
            cross_attention_dim=16,
            attention_head_dim=8,
            norm_num_groups=4,
        ),
        scheduler=EulerDiscreteScheduler(steps_offset=1, prediction_type="v_prediction"),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipe.save_pretrained(folder)
    return folder


def _tokenizer(folder: Path) -> CLIPTokenizer:
    letters = sorted(set("".join(WORDS)))
    names = ["<|startoftext|>", "<|endoftext|>", *letters, *(f"{letter}</w>" for letter in letters)]
    (folder / "vocab.json").write_text(json.dumps({name: number for number, name in enumerate(names)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    return CLIPTokenizer(str(folder / "vocab.json"), str(folder / "merges.txt"), model_max_length=16)


@pytest.fixture(scope="module")
def unet(stable_diffusion: Path) -> GenericPipeline:
    found = load(EngineSettings(model=str(stable_diffusion), device="cpu"))
    assert isinstance(found, GenericPipeline)
    return found


@pytest.fixture(scope="session")
def dit() -> GenericPipeline:
    """The embedded model, a diffusion transformer, drawn by its stock pipeline."""
    return load_generic(EngineSettings(model=str(WEIGHTS), device="cpu", dtype="float32"), WEIGHTS)


def begin(pipeline: GenericPipeline, task: Generate) -> Drawing:
    return pipeline.start(task, PromptReady(task.prompt, task.prompt, task.negative_prompt))


def drawn(pipeline: GenericPipeline, task: Generate) -> Picture:
    drawing = begin(pipeline, task)
    while drawing.step < drawing.steps:
        pipeline.step([drawing])
    return pipeline.finish(drawing)()


def pixels(picture: Picture) -> np.ndarray[tuple[int, ...], np.dtype[np.int16]]:
    return np.asarray(Image.open(BytesIO(picture.png))).astype(np.int16)
