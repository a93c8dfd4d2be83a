"""Half precision through the loader: for devices without bfloat16, whose range the stock forward leaves."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from engine.embedded import WEIGHTS
from engine.files.parts import ModelFiles
from engine.memory.plan import Plan
from engine.memory.weights import PackedLinear
from engine.models.zimage import load
from engine.models.zimage.pipeline import ZImagePipeline
from engine.types import EngineSettings
from lab.bench.black_check import GROWTH, is_stock_finite
from tests.engine.zimage.conftest import Task, drawn, sampled

CPU = torch.device("cpu")
HALF = EngineSettings(device="cpu", dtype="float16")


@pytest.fixture(scope="module")
def half() -> ZImagePipeline:
    return load.load(HALF)


@pytest.fixture
def grown(half: ZImagePipeline) -> Iterator[ZImagePipeline]:
    """The same model with value paths that outgrow half precision, as the real one's do."""
    _scale(half, GROWTH)
    yield half
    _scale(half, 1 / GROWTH)


def _scale(pipeline: ZImagePipeline, by: float) -> None:
    model = pipeline.components.transformer
    for block in (*model.context_refiner, *model.noise_refiner, *model.layers):
        block.feed_forward.w3.weight.data *= by


def _off(found: Tensor, expected: Tensor) -> float:
    return float((found - expected).std() / expected.std())


def _planned(**changes: object) -> Plan:
    return replace(load.planned(HALF, ModelFiles(WEIGHTS)), **changes)  # type: ignore[arg-type]


def test_the_transformer_is_loaded_in_float16_and_the_encoder_computes_in_float32(
    half: ZImagePipeline,
) -> None:
    parts = half.components
    assert {parameter.dtype for parameter in parts.transformer.parameters()} == {torch.float16}
    assert parts.vae.dtype == torch.float16
    first = parts.text_encoder.layers[0].mlp.up_proj
    assert isinstance(first, PackedLinear)
    assert first.packed.dtype == torch.bfloat16
    with torch.inference_mode():
        assert half.text.encode("a cat").dtype == torch.float32


def test_a_picture_in_float16_is_the_float32_one_up_to_rounding(
    half: ZImagePipeline, pipeline: ZImagePipeline, task: Task
) -> None:
    wish = task(guidance_scale=1.8, negative_prompt="night")
    assert _off(sampled(half, wish).latents, sampled(pipeline, wish).latents) < 0.05
    picture = drawn(half, wish)
    assert (picture.report["dtype"], picture.report["guards"]) == ("float16", [])


def test_weights_that_overflow_the_stock_forward_draw_the_same_picture_without_a_guards_help(
    grown: ZImagePipeline, pipeline: ZImagePipeline, task: Task
) -> None:
    assert not is_stock_finite(grown.components)
    assert _off(sampled(grown, task()).latents, sampled(pipeline, task()).latents) < 0.05
    assert drawn(grown, task()).report["guards"] == []


@pytest.mark.parametrize("weights", ["plain", "int8"])
def test_streamed_blocks_stay_within_float16_as_well(
    pipeline: ZImagePipeline, task: Task, weights: str
) -> None:
    plan = _planned(kind="cuda", resident_blocks=2, text_encoder="streamed", weights=weights)
    small = ZImagePipeline(load.read(ModelFiles(WEIGHTS), EngineSettings(), CPU, plan))
    for block in small.components.transformer.layers:
        layer = block.feed_forward.w3
        if isinstance(layer, PackedLinear):
            assert layer.scale is not None
            layer.scale.mul_(GROWTH)
        else:
            layer.weight.data *= GROWTH
    drawing = sampled(small, task())
    assert drawing.actions == []
    assert _off(drawing.latents, sampled(pipeline, task()).latents) < (0.05 if weights == "plain" else 0.1)


@torch.inference_mode()
def test_an_embedding_beyond_float16_is_refined_as_in_float32(
    half: ZImagePipeline, pipeline: ZImagePipeline
) -> None:
    embedding = torch.randn((20, 224), generator=torch.Generator().manual_seed(1)) * 1e6
    found, expected = (each.denoiser.caption(embedding) for each in (half, pipeline))
    assert found.dtype == torch.float16
    assert _off(found.float(), expected) < 0.02


def test_a_step_that_breaks_in_float16_is_done_again_in_float32(half: ZImagePipeline, task: Task) -> None:
    wish = task(steps=2, guidance_scale=1.0)
    layer = half.components.transformer.layers[1]

    def spoil(_: object, __: object, output: Tensor) -> Tensor:
        return output * float("nan") if output.dtype == torch.float16 else output

    hook = layer.register_forward_hook(spoil)
    try:
        drawing = sampled(half, wish)
    finally:
        hook.remove()
    assert len(drawing.actions) == 2
    assert "block 1 of step 1 is not finite; the step was done again in float32" in drawing.actions
    assert drawn(half, wish).report["guards"] == []
