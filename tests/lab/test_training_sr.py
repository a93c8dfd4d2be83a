"""Facts about the training of the super-resolution network, at a scale of seconds."""

from pathlib import Path
from random import Random

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch.nn.functional import avg_pool2d

from engine.upscale.network import from_state
from lab.render.scene import Scene
from lab.render.scenes import render_array
from lab.train import train_sr as training
from lab.train.damage import DEGREES, decoded
from lab.train.loop import Plan
from lab.train.train_sr import export, load_material, sample_batch, train_sr

SCENE = Scene("cat", "blue", "meadow", "noon", 5)


def plan(out: Path, steps: int = 1) -> Plan:
    return Plan(out, minutes=5, scenes=1, max_steps=steps)


@pytest.fixture
def out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(training, "SIDE", 192)
    return tmp_path


def test_training_resumes_where_it_stopped_and_exports_half_precision(out: Path) -> None:
    train_sr(plan(out))
    before = torch.load(out / "sr.pt", weights_only=True)
    train_sr(plan(out, 2))
    after = torch.load(out / "sr.pt", weights_only=True)
    assert (before["step"], after["step"]) == (1, 2)
    assert any(not torch.equal(before["model"][key], after["model"][key]) for key in after["model"])
    export(plan(out), out / "weights.safetensors")
    state = load_file(out / "weights.safetensors")
    assert {tensor.dtype for tensor in state.values()} == {torch.float16}
    assert from_state(state).scale == 2


def test_a_damaged_crop_shows_what_the_sharp_one_shows(out: Path) -> None:
    rng = Random(1)
    damaged, sharp = sample_batch(load_material(plan(out)), rng)
    assert sharp.shape[2:] == (training.CROP, training.CROP)
    assert (avg_pool2d(sharp, 2) - damaged).abs().mean(dim=(1, 2, 3)).max() < 0.1


@pytest.mark.parametrize("degree", sorted(DEGREES))
def test_the_same_chance_damages_in_the_same_way(degree: str) -> None:
    sharp = render_array(SCENE, 64)
    once, again = (DEGREES[degree].apply(sharp, Random(4)) for _ in range(2))
    assert once.shape == (32, 32, 3)
    assert np.array_equal(once, again)


def test_the_decoder_leaves_the_picture_recognizable() -> None:
    picture = render_array(SCENE, 64)
    assert 3 < np.abs(decoded(picture, Random(0)).astype(int) - picture).mean() < 30
