"""The same latents as diffusers' own pipelines, in float32: largest difference 1e-3."""

from copy import deepcopy
from io import BytesIO

import pytest
import torch
from diffusers import AutoencoderKL, FlowMatchEulerDiscreteScheduler, ZImageImg2ImgPipeline
from diffusers import ZImagePipeline as StockPipeline
from PIL import Image

from engine.embedded import WEIGHTS
from engine.models.zimage.pipeline import ZImagePipeline
from engine.models.zimage.vae import Vae
from engine.types import Generate
from tests.engine.zimage.conftest import Task, sampled

TOLERANCE = {"atol": 1e-3, "rtol": 0.0}


def stock(kind: type, pipeline: ZImagePipeline) -> object:
    parts = pipeline.components
    made = kind(
        scheduler=FlowMatchEulerDiscreteScheduler.from_config(parts.scheduler),
        vae=parts.vae,
        text_encoder=parts.text_encoder,
        tokenizer=parts.tokenizer,
        transformer=parts.transformer,
    )
    made.set_progress_bar_config(disable=True)
    return made


def stock_latents(kind: type, pipeline: ZImagePipeline, task: Generate, **more: object) -> torch.Tensor:
    result = stock(kind, pipeline)(
        prompt=task.prompt,
        negative_prompt=task.negative_prompt,
        width=task.width,
        height=task.height,
        num_inference_steps=task.steps,
        guidance_scale=task.guidance_scale - 1,
        generator=torch.Generator().manual_seed(task.seed),
        output_type="latent",
        **more,
    )
    return result.images[0]


@pytest.mark.parametrize(("width", "height"), [(128, 128), (144, 112)])
def test_without_guidance_the_latents_are_the_stock_pipelines(
    pipeline: ZImagePipeline, task: Task, width: int, height: int
) -> None:
    wish = task(width=width, height=height, steps=8, guidance_scale=1.0)
    ours = sampled(pipeline, wish).latents
    torch.testing.assert_close(ours, stock_latents(StockPipeline, pipeline, wish), **TOLERANCE)


@pytest.mark.parametrize(("width", "height"), [(128, 128), (144, 112)])
def test_with_guidance_on_every_step_the_latents_are_the_stock_pipelines(
    every_step: ZImagePipeline, task: Task, width: int, height: int
) -> None:
    against = "a big green cat in the snow at night, under a starry sky, in moonlight, " * 3
    wish = task(width=width, height=height, steps=8, guidance_scale=2.5, negative_prompt=against)
    ours = sampled(every_step, wish).latents
    torch.testing.assert_close(ours, stock_latents(StockPipeline, every_step, wish), **TOLERANCE)


def test_guidance_on_the_first_quarter_is_the_stock_pipelines_truncation(
    pipeline: ZImagePipeline, task: Task
) -> None:
    wish = task(steps=8, guidance_scale=1.8, negative_prompt="night")
    expected = stock_latents(StockPipeline, pipeline, wish, cfg_truncation=0.07)
    quarter = ZImagePipeline(pipeline.components, guided_share=0.25)
    torch.testing.assert_close(sampled(quarter, wish).latents, expected, **TOLERANCE)


@pytest.mark.parametrize("strength", [1.0, 0.6, 0.3])
def test_image_to_image_latents_are_the_stock_pipelines(
    pipeline: ZImagePipeline, task: Task, strength: float
) -> None:
    image = Image.linear_gradient("L").resize((112, 144)).convert("RGB")
    buffer = BytesIO()
    image.save(buffer, "PNG")
    wish = task(width=112, height=144, guidance_scale=1.0, init_image=buffer.getvalue(), strength=strength)
    expected = stock_latents(ZImageImg2ImgPipeline, pipeline, wish, image=image, strength=strength)
    torch.testing.assert_close(sampled(pipeline, wish).latents, expected, **TOLERANCE)


@pytest.mark.parametrize("is_lean", [False, True])
@torch.inference_mode()
def test_the_vae_gives_the_stock_pixels_with_its_own_decoder_and_the_lean_one(is_lean: bool) -> None:
    stock = AutoencoderKL.from_pretrained(WEIGHTS / "vae", dtype=torch.float32).eval()
    latents = torch.randn((16, 18, 14), generator=torch.Generator().manual_seed(1))
    scaled = latents[None] / stock.config.scaling_factor + stock.config.shift_factor
    expected = stock.decode(scaled).sample[0]
    torch.testing.assert_close(Vae(deepcopy(stock), is_lean).decode(latents), expected, **TOLERANCE)
