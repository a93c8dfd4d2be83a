"""The built-in network and other people's weights."""

import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from engine.pictures import codec
from engine.types import EngineError, Picture, Upscale
from engine.upscale import UpscalePlan, upscale
from engine.upscale.network import BUILT_IN, SRVGGNetCompact, built_in, from_state
from engine.upscale.rrdb import RRDBNet
from lab.evaluate.super_resolution import damaged, held_out, lanczos, psnr, upscaled
from lab.train.damage import DEGREES


def picture() -> bytes:
    return codec.png(Image.linear_gradient("L").resize((12, 8)).convert("RGB"))


def test_the_weights_in_the_repository_are_small_and_twofold() -> None:
    assert BUILT_IN.stat().st_size <= 2_000_000
    assert built_in().scale == 2


def test_the_network_beats_lanczos_by_two_decibels_on_scenes_it_never_saw() -> None:
    """The mean over every degree of damage, from 256 to 512 pixels."""
    kinds = damaged(held_out(2), 256)
    gains = [
        psnr(upscaled(small), sharp) - psnr(lanczos(small), sharp)
        for name in DEGREES
        for small, sharp in kinds[name]
    ]
    assert len(gains) == 8
    assert np.mean(gains) >= 2


def test_a_state_dict_tells_the_sizes_of_its_network() -> None:
    network = from_state(SRVGGNetCompact(features=8, convs=3, scale=4).state_dict())
    assert (network.scale, network.reach) == (4, 5)
    assert network(torch.rand(1, 3, 6, 5)).shape == (1, 3, 24, 20)


def test_a_pixel_sees_as_far_as_the_network_says_and_no_further() -> None:
    torch.manual_seed(0)
    network = from_state(SRVGGNetCompact(features=8, convs=3).state_dict())
    grey = torch.full((1, 3, 31, 31), 0.5)
    dot = grey.clone()
    dot[..., 15, 15] = 1
    rows = (network(dot) != network(grey)).any(dim=1)[0].any(dim=1).nonzero().flatten()
    assert (int(rows[0]), int(rows[-1])) == (2 * (15 - network.reach), 2 * (15 + network.reach) + 1)


@pytest.mark.parametrize("form", ["plain.safetensors", "plain.pth", "wrapped.pth"])
def test_other_compact_weights_in_the_folder_are_used_without_spandrel(tmp_path: Path, form: str) -> None:
    state = SRVGGNetCompact(features=8, convs=2, scale=4).state_dict()
    if form.endswith(".safetensors"):
        save_file(state, tmp_path / form)
    else:
        torch.save({"params_ema": state} if form == "wrapped.pth" else state, tmp_path / form)
    *_, last = upscale(Upscale(picture(), method="sr"), UpscalePlan(models=tmp_path))
    assert isinstance(last, Picture)
    assert (last.width, last.report["model"]) == (24, Path(form).stem)


@pytest.mark.parametrize("scale", [2, 4])
def test_rrdb_weights_are_used_without_spandrel_on_pictures_of_any_size(tmp_path: Path, scale: int) -> None:
    torch.manual_seed(0)
    state = RRDBNet(features=8, growth=4, blocks=2, scale=scale).state_dict()
    for name, values in state.items():
        values.mul_(
            3 if name.endswith("weight") else 1
        )  # untrained weights draw one colour, which is refused
    state["conv_last.bias"].fill_(0.5)
    torch.save({"params_ema": state}, tmp_path / "rrdb.pth")
    picture = codec.png(Image.linear_gradient("L").resize((13, 9)).convert("RGB"))
    *_, last = upscale(Upscale(picture, 2, "sr"), UpscalePlan(models=tmp_path))
    assert isinstance(last, Picture)
    assert (last.width, last.height, last.report["model"]) == (26, 18, "rrdb")


def test_an_empty_folder_leaves_the_built_in_network(tmp_path: Path) -> None:
    assert UpscalePlan(models=tmp_path).network().name == "sr"


def unusable(folder: Path) -> str:
    with pytest.raises(EngineError) as caught:
        UpscalePlan(models=folder).network()
    assert caught.value.code == "model_missing"
    return str(caught.value)


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    assert str(tmp_path / "nowhere") in unusable(tmp_path / "nowhere")


@pytest.mark.parametrize("name", ["a.pth", "a.safetensors"])
def test_a_file_that_holds_no_weights_is_named(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"no weights")
    assert "fetch the file again" in unusable(tmp_path)


def test_weights_of_one_to_one_are_refused(tmp_path: Path) -> None:
    save_file(SRVGGNetCompact(features=8, convs=2, scale=1).state_dict(), tmp_path / "same.safetensors")
    assert "does not upscale" in unusable(tmp_path)


def test_other_weights_without_spandrel_say_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "spandrel", None)
    save_file({"model.0.weight": torch.zeros(2, 3, 3, 3)}, tmp_path / "esrgan.safetensors")
    assert "pip install 'zimage-bot[spandrel]'" in unusable(tmp_path)
