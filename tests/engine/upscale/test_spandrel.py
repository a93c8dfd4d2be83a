"""Weights of another architecture through `spandrel`; `make test-spandrel` brings it."""

from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from engine.pictures import codec
from engine.types import Picture, Upscale
from engine.upscale import UpscalePlan, upscale

pytest.importorskip("spandrel", reason="an extra; `make test-spandrel` installs it", exc_type=ImportError)

from spandrel import ModelLoader
from spandrel.architectures.ESRGAN import ESRGAN

from engine.upscale.rrdb import RRDBNet


def tiny(**changes: Any) -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    sizes = {"in_nc": 3, "out_nc": 3, "num_filters": 8, "num_blocks": 2, "scale": 4} | changes
    state = dict(ESRGAN(**sizes).state_dict())
    # Untrained weights draw nearly flat and dark and would be taken for broken: make them stronger and grey.
    for name, values in state.items():
        if name.endswith(".weight"):
            values.mul_(2)
    state[[name for name in state if name.endswith(".bias")][-1]].fill_(0.5)
    return state


@pytest.mark.parametrize("scale", [2, 4])
def test_our_rrdb_network_computes_what_spandrel_s_does(scale: int) -> None:
    torch.manual_seed(0)
    ours = RRDBNet(features=8, growth=32, blocks=2, scale=scale)
    theirs = ModelLoader().load_from_state_dict(dict(ours.state_dict()))
    picture = torch.rand(1, 3, 12, 10)
    with torch.inference_mode():
        assert torch.allclose(ours(picture), theirs.model(picture), atol=1e-6)


def result(folder: Path, factor: int) -> Picture:
    picture = Image.linear_gradient("L").resize((75, 33)).convert("RGB")
    *_, last = upscale(Upscale(codec.png(picture), factor, "sr"), UpscalePlan(tile=64, models=folder))
    assert isinstance(last, Picture)
    return last


@pytest.mark.parametrize("factor", [2, 4])
def test_fourfold_weights_upscale_by_either_factor(tmp_path: Path, factor: int) -> None:
    torch.save({"params_ema": tiny()}, tmp_path / "esrgan.pth")
    larger = result(tmp_path, factor)
    assert (larger.width, larger.height, larger.report["model"]) == (75 * factor, 33 * factor, "esrgan")


def test_weights_that_want_even_sides_take_any_picture(tmp_path: Path) -> None:
    save_file(tiny(in_nc=12, shuffle_factor=2), tmp_path / "twofold.safetensors")
    larger = result(tmp_path, 2)
    assert (larger.width, larger.height) == (150, 66)
