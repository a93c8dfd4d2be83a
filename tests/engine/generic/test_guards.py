"""Numbers that go wrong inside a diffusers pipeline's call: in a UNet, in a transformer, in the VAE."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from engine.models.diffusers.pipeline import GenericPipeline
from engine.types import EngineError
from tests.engine.generic.conftest import TASK, drawn, pixels

# diffusers' Euler scheduler hands tensors to numpy the old way.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

Model = tuple[GenericPipeline, nn.Module, str]


@pytest.fixture(params=["unet", "transformer"])
def model(request: pytest.FixtureRequest) -> Model:
    """A pipeline, one of its denoiser's blocks, and that block's name."""
    if request.param == "unet":
        unet: GenericPipeline = request.getfixturevalue("unet")
        return unet, unet.pipe.unet.up_blocks[0], "up_blocks.0"
    dit: GenericPipeline = request.getfixturevalue("dit")
    return dit, dit.pipe.transformer.layers[2], "layers.2"


@contextmanager
def changed(module: nn.Module, change: Callable[[Tensor], Tensor], *calls: int) -> Iterator[list[str]]:
    """Have `module` return something else in these of its calls, counted from 0; yield their precisions."""
    seen: list[str] = []

    def hook(_: nn.Module, given: Any, result: Any) -> Any:
        value = result[0] if isinstance(result, tuple) else result
        seen.append(str(value.dtype))
        if len(seen) - 1 not in calls:
            return None
        return (change(value), *result[1:]) if isinstance(result, tuple) else change(value)

    handle = module.register_forward_hook(hook)
    try:
        yield seen
    finally:
        handle.remove()


def nan(values: Tensor) -> Tensor:
    return values * float("nan")


def _out_of_memory(values: Tensor) -> Tensor:
    raise torch.OutOfMemoryError("no memory on request")


def test_a_block_that_fails_once_costs_one_forward_and_changes_no_pixel(model: Model) -> None:
    pipeline, block, name = model
    expected = pixels(drawn(pipeline, TASK))
    with changed(block, nan, 1) as seen:
        picture = drawn(pipeline, TASK)
    assert np.array_equal(pixels(picture), expected)
    assert picture.report["guards"] == [f"{name} of step 2 is not finite; the step was done again in float32"]
    assert len(seen) == TASK.steps + 1


def test_a_block_that_fails_in_float32_too_lets_the_step_go_on_from_the_one_before(model: Model) -> None:
    pipeline, block, name = model
    expected = pixels(drawn(pipeline, TASK))
    with changed(block, nan, 1, 2):
        picture = drawn(pipeline, TASK)
    assert picture.report["guards"] == [
        f"{name} of step 2 is not finite; the step went on from the one before"
    ]
    assert 0 < np.abs(pixels(picture) - expected).mean() < 40


def test_a_block_that_fails_in_the_first_step_has_the_picture_drawn_from_another_seed(model: Model) -> None:
    pipeline, block, name = model
    with changed(block, nan, 0, 1) as seen:
        picture = drawn(pipeline, TASK)
    (action,) = picture.report["guards"]
    assert action.startswith(f"{name} of step 1 is not finite; drawn again in float32 from seed")
    assert len(seen) == 2 + TASK.steps
    assert pixels(picture).std() > 1


def test_memory_that_runs_out_while_the_model_is_made_float32_leaves_it_as_it_was(
    unet: GenericPipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    widen, calls = Tensor.float, iter(range(10**6))

    def full(values: Tensor) -> Tensor:
        if values.dtype == torch.bfloat16 and next(calls) == 1:
            raise torch.OutOfMemoryError("no memory on request")
        return widen(values)

    nn.Module.to(unet.pipe.unet, torch.bfloat16)
    try:
        monkeypatch.setattr(Tensor, "float", full)
        with pytest.raises(torch.OutOfMemoryError), unet._in_float32():
            pass
        assert {parameter.dtype for parameter in unet.pipe.unet.parameters()} == {torch.bfloat16}
    finally:
        nn.Module.to(unet.pipe.unet, torch.float32)


def test_parts_wait_in_main_memory_before_a_picture_is_decoded_in_tiles(
    unet: GenericPipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiled: list[bool] = []
    monkeypatch.setattr(unet, "_offload", lambda: bool(tiled.append(unet.pipe.vae.use_tiling)))
    with changed(unet.pipe.unet, _out_of_memory, *range(100)), pytest.raises(EngineError, match="not fit"):
        drawn(unet, TASK)
    assert tiled == [False]
    assert unet.pipe.vae.use_tiling
    unet.pipe.vae.disable_tiling()


def test_a_block_that_always_fails_is_an_error_that_says_what_to_try(model: Model) -> None:
    pipeline, block, _ = model
    with changed(block, nan, *range(100)), pytest.raises(EngineError, match="try another seed") as caught:
        drawn(pipeline, TASK)
    assert caught.value.code == "numerics"
    assert drawn(pipeline, TASK).report["guards"] == []


def test_more_than_a_third_of_the_steps_without_a_prediction_is_too_many(model: Model) -> None:
    pipeline, block, name = model
    task = replace(TASK, steps=4)
    with changed(block, nan, 1, 2, 3, 4, 5, 6):
        picture = drawn(pipeline, task)
    went_on = [action for action in picture.report["guards"] if action.endswith("from the one before")]
    assert len(went_on) == 2
    assert picture.report["guards"][-1].startswith(f"{name} of step 4 is not finite; drawn again")


def test_final_latents_out_of_range_are_brought_back_before_they_are_decoded(unet: GenericPipeline) -> None:
    given: list[Tensor] = []
    decoder = unet.pipe.vae.post_quant_conv
    spy = decoder.register_forward_pre_hook(lambda module, values: given.append(values[0]))
    with changed(unet.pipe.unet, lambda values: values * 1e4, 2):
        picture = drawn(unet, TASK)
    spy.remove()
    (action,) = picture.report["guards"]
    assert action.startswith("final latents reached")
    assert given[0].abs().max() * unet.pipe.vae.config.scaling_factor <= 10.001


def test_a_decoder_that_fails_once_decodes_again_and_changes_no_pixel(model: Model) -> None:
    pipeline, _, _ = model
    expected = pixels(drawn(pipeline, TASK))
    with changed(pipeline.pipe.vae.decoder, nan, 0) as seen:
        picture = drawn(pipeline, TASK)
    assert np.array_equal(pixels(picture), expected)
    assert picture.report["guards"] == [
        "pixels are flat or not finite (spread nan); decoded again in float32"
    ]
    assert len(seen) == 2


def test_a_decoder_that_always_fails_ends_in_a_refusal(model: Model) -> None:
    pipeline, _, _ = model
    with (
        changed(pipeline.pipe.vae.decoder, nan, *range(100)),
        pytest.raises(EngineError, match="try another seed"),
    ):
        drawn(pipeline, TASK)


def test_a_tile_that_is_black_is_left_alone_and_one_that_is_not_finite_is_decoded_again(
    unet: GenericPipeline,
) -> None:
    vae = unet.pipe.vae
    vae.enable_tiling()
    vae.tile_sample_min_size, vae.tile_latent_min_size = 32, 16
    with changed(vae.decoder, lambda values: values * 0 - 1, 0):
        black = drawn(unet, TASK)
    with changed(vae.decoder, nan, 0):
        broken = drawn(unet, TASK)
    vae.disable_tiling()
    assert black.report["guards"] == []
    assert broken.report["guards"] == ["a tile's pixels are not finite; decoded again in float32"]


def test_what_is_done_again_is_done_in_float32_and_returns_in_the_models_precision(
    unet: GenericPipeline,
) -> None:
    narrow = unet.pipe
    for part in (narrow.unet, narrow.vae, narrow.text_encoder):
        nn.Module.to(part, torch.bfloat16)
    try:
        with changed(narrow.unet, nan, 1) as steps, changed(narrow.vae.decoder, nan, 0) as decodings:
            picture = drawn(unet, TASK)
        assert next(narrow.unet.parameters()).dtype == torch.bfloat16
    finally:
        for part in (narrow.unet, narrow.vae, narrow.text_encoder):
            nn.Module.to(part, torch.float32)
    half, full = "torch.bfloat16", "torch.float32"
    assert steps == [half, half, full, half]
    assert decodings == [half, full]
    assert len(picture.report["guards"]) == 2
