"""Detail where it is asked for, and nowhere else."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw, ImageFilter
from safetensors.torch import save_file

from engine.upscale.detail import OVERSHOOT, detail_mask, refine, strength
from engine.upscale.network import SRVGGNetCompact
from engine.upscale.plan import UpscalePlan
from engine.upscale.tiling import Pixels
from lab.evaluate.super_resolution import compared, damaged, halved, held_out


def drawn(side: int = 64) -> Pixels:
    """Soft stripes on the left, one flat colour on the right."""
    levels = np.full((side, side, 3), 120, np.uint8)
    levels[:, : side // 2 : 6] = 160
    levels[:, 1 : side // 2 : 6] = 160
    soft = np.array(Image.fromarray(levels).filter(ImageFilter.GaussianBlur(0.8)))
    soft[:, side // 2 + 8 :] = 120
    return soft


def mask_of(picture: Pixels) -> torch.Tensor:
    return detail_mask(torch.from_numpy(picture.copy()).permute(2, 0, 1)[None].float())[0, 0]


@pytest.mark.parametrize("prompt", ["a cat, watercolour", "flat vector art of a cat", "photograph of a cat"])
def test_styles_without_detail_to_add_stay_as_they_were_drawn(prompt: str) -> None:
    picture = drawn()
    assert refine(picture, strength(prompt, UpscalePlan(detail=0.6)), UpscalePlan()) is picture


def test_the_operator_says_how_much_detail_other_styles_get() -> None:
    assert strength("an ink drawing of a cat", UpscalePlan(detail=0.6)) == 0.6
    assert strength("a cat", UpscalePlan()) == 0.0


def test_photographs_get_detail_from_other_peoples_networks_only(tmp_path: Path) -> None:
    save_file(SRVGGNetCompact(features=8, convs=2).state_dict(), tmp_path / "photo.safetensors")
    assert strength("photograph of a cat", UpscalePlan(models=tmp_path, detail=0.6)) == 0.6


def test_soft_scenes_come_nearer_to_those_drawn_at_twice_the_size() -> None:
    """PSNR is not worse, gradients in detail are a tenth truer; no halo, and no change where it is flat."""
    pairs = damaged(held_out(2), 256)["soft"]
    before = [compared(halved(sharp), soft, soft) for soft, sharp in pairs]
    after = [compared(halved(sharp), soft, refine(soft, 1.0, UpscalePlan())) for soft, sharp in pairs]
    for (quality, error, _, _), (better, truer, halo, flat) in zip(before, after, strict=True):
        assert better >= quality
        assert truer <= 0.9 * error
        assert halo <= 3
        assert flat <= 2


def test_detail_changes_and_flat_regions_do_not() -> None:
    picture = drawn()
    change = np.abs(refine(picture, 1.0, UpscalePlan()).astype(int) - picture)
    assert change[:, :32].max() > 2
    assert change[:, 52:].max() == 0


def test_no_pixel_leaves_the_range_of_its_neighbours_by_more_than_allowed() -> None:
    picture = drawn()
    refined = refine(picture, 1.0, UpscalePlan()).astype(int)
    wide = np.pad(picture, ((2, 2), (2, 2), (0, 0)), "edge")
    windows = np.lib.stride_tricks.sliding_window_view(wide, (5, 5), axis=(0, 1))
    assert (refined <= windows.max(axis=(-2, -1)) + OVERSHOOT).all()
    assert (refined >= windows.min(axis=(-2, -1)) - OVERSHOOT).all()


def test_out_of_focus_asks_for_nothing() -> None:
    ramp = np.repeat(np.linspace(60, 200, 64).astype(np.uint8)[None, :, None], 64, axis=0).repeat(3, axis=2)
    assert float(mask_of(ramp).max()) < 0.05


def test_lettering_asks_for_nothing() -> None:
    sign = Image.new("RGB", (96, 32), "white")
    ImageDraw.Draw(sign).text((8, 8), "FRESH BREAD", "black")
    letters = np.asarray(sign)
    assert float(mask_of(letters)[letters[..., 0] < 128].max()) < 0.05
