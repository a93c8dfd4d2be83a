"""A picture in tiles is the picture as a whole."""

import itertools
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from engine.guards import NO_MEMORY
from engine.memory.allocator import Reading
from engine.memory.plan import KEPT_FREE
from engine.types import EngineError, Progress
from engine.upscale import plan as plans
from engine.upscale.network import SRVGGNetCompact
from engine.upscale.plan import UpscalePlan, compact
from engine.upscale.tiling import (
    FEATHER,
    LIVE,
    Network,
    Pixels,
    returned,
    spans,
    super_resolved,
    tiles,
    upscale_once,
)

CPU = torch.device("cpu")


def noise(height: int = 90, width: int = 70) -> Pixels:
    return np.random.default_rng(3).integers(0, 256, (height, width, 3), dtype=np.uint8)


def network(module: Any, reach: int = 0, scale: int = 2) -> Network:
    return Network("test", module, scale, reach, CPU, torch.float32)


def ticks() -> Iterator[Progress]:
    return (Progress(done, 0) for done in itertools.count(1))


def nearest(batch: Tensor) -> Tensor:
    return functional.interpolate(batch, scale_factor=2, mode="nearest")


@pytest.mark.parametrize("tile", [40, 57, 64])
def test_a_tiled_picture_equals_the_whole_one_within_a_level(tile: int) -> None:
    built_in = UpscalePlan().network()
    whole = returned(upscale_once(noise(), built_in, 500, ticks()))
    tiled = returned(upscale_once(noise(), built_in, tile, ticks()))
    assert tiles(90, 70, built_in, tile) > 3
    assert np.abs(whole.astype(int) - tiled).max() <= 1


def test_tiles_that_disagree_fade_into_each_other() -> None:
    levels = itertools.count(1)
    brighter = network(lambda batch: nearest(torch.full_like(batch, next(levels) / 16)))
    row = returned(upscale_once(noise(16, 100), brighter, 40, ticks()))[0, :, 0].astype(int)
    assert row.max() - row.min() == 2 * 16 - 1 + 1 or row.max() - row.min() in (31, 32)
    assert np.abs(np.diff(row)).max() <= 2


@pytest.mark.parametrize(("length", "longest"), [(10, 40), (41, 40), (1000, 48), (1024, 512)])
def test_spans_cover_everything_and_overlap(length: int, longest: int) -> None:
    cut = spans(length, longest)
    assert (cut[0][0], cut[-1][1]) == (0, length)
    assert all(end - start <= longest for start, end in cut)
    assert all(before[1] - after[0] >= FEATHER for before, after in itertools.pairwise(cut))


@pytest.mark.parametrize("length", [129, 1000, 4096])
def test_spans_of_a_multiple_stay_multiples(length: int) -> None:
    assert {(end - start) % 16 for start, end in spans(length, 128, 32, 16)} == {0}


def test_four_times_larger_is_two_passes_whose_tiles_are_counted_together() -> None:
    stage = super_resolved(noise(), 4, network(nearest), 60)
    events = list(stage)
    assert [progress.step for progress in events] == list(range(1, events[0].steps + 1))
    assert returned(super_resolved(noise(), 4, network(nearest), 60)).shape == (360, 280, 3)


def test_a_network_that_upscales_too_much_is_averaged_down() -> None:
    four = network(lambda batch: nearest(nearest(batch)), scale=4)
    assert np.array_equal(returned(super_resolved(noise(), 2, four, 500))[::2, ::2], noise())


def test_nothing_is_computed_after_closing() -> None:
    seen = []
    stage = super_resolved(noise(), 2, network(lambda batch: (seen.append(1), nearest(batch))[1]), 40)
    next(stage)
    stage.close()
    assert len(seen) == 1


class Small(nn.Module):
    """A device that holds no more than so many pixels."""

    def __init__(self, pixels: int, error: Exception | None = None) -> None:
        super().__init__()
        self.pixels = pixels
        self.error = error or torch.OutOfMemoryError()

    def forward(self, batch: Tensor) -> Tensor:
        if batch[0, 0].numel() > self.pixels:
            raise self.error
        return nearest(batch)


@pytest.mark.parametrize("error", [torch.OutOfMemoryError(), RuntimeError(NO_MEMORY[0])])
def test_tiles_shrink_until_they_fit_in_memory_whatever_the_device_calls_it(error: Exception) -> None:
    small = network(Small(80**2, error))
    assert returned(super_resolved(noise(300, 300), 2, small, 256)).shape == (600, 600, 3)


def test_a_bug_in_a_network_is_not_taken_for_memory_that_ran_out() -> None:
    with pytest.raises(RuntimeError, match="a bug"):
        returned(super_resolved(noise(), 2, network(Small(50, RuntimeError("a bug"))), 512))


@pytest.mark.parametrize(
    ("free", "side"), [(2**40, 512), (112 * 2**20, 512), (110 * 2**20, 256), (8 * 2**20, 128), (0, 64)]
)
def test_tiles_are_as_large_as_free_memory_allows_a_network_of_32_features(free: int, side: int) -> None:
    assert compact("narrow", SRVGGNetCompact(features=32), CPU).fitting(512, free) == side


def test_what_a_tile_takes_follows_from_the_widest_layer_and_the_precision() -> None:
    wide = compact("wide", SRVGGNetCompact(features=8, convs=1, scale=4), CPU)
    assert wide.width == 3 * 4**2
    assert wide.takes(64) - replace(wide, dtype=torch.float16).takes(64) == 64**2 * LIVE * 48 * 2


@pytest.mark.parametrize(("free", "side"), [(0, 64), (KEPT_FREE + 215 * 2**20, 256), (2**40, 512)])
def test_half_of_what_a_device_has_to_spare_is_for_tiles(free: int, side: int) -> None:
    plan = UpscalePlan(read=lambda device: Reading(free, 0, 0))
    assert plan.side(compact("narrow", SRVGGNetCompact(features=32), CPU)) == side


def test_memory_that_the_allocator_holds_idle_counts_as_free() -> None:
    plan = UpscalePlan(read=lambda device: Reading(0, 2**40, 0))
    assert plan.side(plan.network()) == 512


def test_a_picture_whose_smallest_tile_does_not_fit_is_refused() -> None:
    with pytest.raises(EngineError) as caught:
        returned(super_resolved(noise(), 2, network(Small(50)), 512))
    assert caught.value.code == "out_of_memory"


def test_a_network_that_does_not_fit_at_all_is_refused_as_one_whose_tiles_do_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def full(*given: object) -> Network:
        raise MemoryError

    monkeypatch.setattr(plans, "_network", full)
    with pytest.raises(EngineError, match="does not fit in memory") as caught:
        UpscalePlan().network()
    assert caught.value.code == "out_of_memory"
