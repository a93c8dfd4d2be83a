"""What only a card can show: recorded forwards, compiled blocks and half precision on real kernels."""

from dataclasses import replace

import pytest
import torch

from engine.memory import allocator
from engine.models.zimage import load
from engine.models.zimage.denoiser import WARM_CAPTIONS
from engine.models.zimage.pipeline import ZImagePipeline
from engine.models.zimage.speed import Speed
from engine.types import EngineSettings
from tests.engine.zimage.conftest import Task, drawn, sampled

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA"),
    pytest.mark.timeout(600),
]
EAGER = replace(Speed.of("cuda"), compiled=False)


@pytest.fixture(scope="module")
def card() -> ZImagePipeline:
    return load.load(EngineSettings(device="cuda", dtype="float32", guides_always=True))


def _with(card: ZImagePipeline, speed: Speed) -> ZImagePipeline:
    return ZImagePipeline(card.components, guided_share=1.0, speed=speed)


def test_recorded_forwards_draw_the_same_picture_to_the_last_bit(card: ZImagePipeline, task: Task) -> None:
    wish = task(steps=8, guidance_scale=1.8, negative_prompt="a big green cat in the snow, " * 5)
    recorded = _with(card, replace(EAGER, cuda_graphs=True))
    expected = sampled(_with(card, EAGER), wish).latents
    for _ in range(2):
        assert torch.equal(sampled(recorded, wish).latents, expected)


def test_warmed_blocks_compute_the_same_compiled(card: ZImagePipeline, task: Task) -> None:
    fast = _with(card, Speed.of("cuda"))
    assert fast.denoiser.speed.compiled
    assert fast.denoiser.warm([(128, 128)]) == 1 + len(WARM_CAPTIONS)
    found, expected = (sampled(each, task()).latents for each in (fast, _with(card, EAGER)))
    torch.testing.assert_close(found, expected, atol=1e-2, rtol=0)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_half_precision_draws_the_float32_picture_up_to_rounding(
    card: ZImagePipeline, task: Task, dtype: str
) -> None:
    half = load.load(EngineSettings(device="cuda", dtype=dtype, guides_always=True))
    found, expected = (sampled(each, task()).latents for each in (half, card))
    assert (found - expected).std() / expected.std() < (0.2 if dtype == "bfloat16" else 0.05)
    report = drawn(half, task()).report
    assert (report["dtype"], report["guards"]) == (dtype, [])


def test_a_picture_takes_no_more_than_its_plan_expects(card: ZImagePipeline, task: Task) -> None:
    device = card.components.device
    before = allocator.read(device).allocated
    torch.cuda.reset_peak_memory_stats(device)
    drawn(card, task(width=256, height=256))
    plan = load.planned(
        EngineSettings(device="cuda", dtype="float32"), load.find(EngineSettings(model="embedded"))
    )
    assert torch.cuda.max_memory_allocated(device) - before <= plan.transient(256, 256)
