"""Facts about the training stages, each at a scale of seconds."""

import re
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import torch
from diffusers import ZImagePipeline
from safetensors.torch import load_file

from engine.embedded import WEIGHTS
from lab.judge.judge import load_judge, train_judge
from lab.render.scene import Scene, is_evaluation
from lab.train import __main__ as train
from lab.train import train_flow
from lab.train.dataset import PictureSet
from lab.train.export import export
from lab.train.latents import encode_all
from lab.train.loop import Plan
from lab.train.model import build_text_encoder, build_transformer, build_vae
from lab.train.train_decoder import train_decoder
from lab.train.train_distill import train_distill
from lab.train.train_reuse import train_reuse
from lab.train.train_vae import SPREAD, train_vae


@pytest.fixture(autouse=True)
def shallow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Models of the real widths with as few layers as they can have."""
    monkeypatch.setattr(train_flow, "build_transformer", partial(build_transformer, n_layers=1))
    monkeypatch.setattr(train_flow, "build_text_encoder", partial(build_text_encoder, num_hidden_layers=2))


def tiny(out: Path, steps: int) -> Plan:
    return Plan(out, minutes=5, scenes=8, max_steps=steps)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint folder in which the autoencoder has made one step and every set is encoded."""
    out = tmp_path_factory.mktemp("checkpoints")
    train_vae(tiny(out, 1))
    encode_all(tiny(out, 1))
    return out


STAGES = [
    ("vae", train_vae),
    ("decoder", train_decoder),
    ("flow", lambda plan: train_flow.train_flow(plan, batch=2)),
    ("large", lambda plan: train_flow.train_large(plan, batch=2)),
    ("polish", lambda plan: train_flow.train_polish(plan, batch=2)),
    ("distill", lambda plan: train_distill(plan, batch=2)),
    ("reuse", lambda plan: train_reuse(plan, batch=2)),
]


@pytest.mark.parametrize(("name", "train"), STAGES)
def test_a_stage_resumes_where_it_stopped(trained: Path, name: str, train: Callable[[Plan], None]) -> None:
    """A stage that stopped after one step goes on with the second and changes the weights."""
    train(tiny(trained, 1))
    before = torch.load(trained / f"{name}.pt", weights_only=True)
    train(tiny(trained, 2))
    after = torch.load(trained / f"{name}.pt", weights_only=True)
    assert (before["step"], after["step"]) == (1, 2)
    assert after["seconds"] > before["seconds"]
    assert any(not torch.equal(before["model"][key], after["model"][key]) for key in after["model"])


def test_a_session_ends_when_its_time_is_up(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A session shorter than one step makes one, says what it changed, and leaves the rest for the next."""
    for file in trained.glob("*.npy"):
        (tmp_path / file.name).symlink_to(file)
    train_flow.train_flow(replace(tiny(tmp_path, 50), session=1e-6), batch=2)
    assert torch.load(tmp_path / "flow.pt", weights_only=True)["step"] == 1
    assert "loss on a fixed sample" in capsys.readouterr().out


def test_every_short_session_on_a_fresh_clone_improves_the_weights_there_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With no checkpoint, a session renders a few scenes and betters earlier weights; the next goes on."""
    monkeypatch.setattr(train, "FEW_SCENES", 8)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 1)
    monkeypatch.setitem(train.STAGES, "flow", partial(train_flow.train_flow, batch=8))
    losses = []
    for steps in (4, 6):
        train.session(replace(tiny(tmp_path, steps), warm=WEIGHTS), minutes=5)
        samples = re.findall(r"sample (\S+) before, (\S+) after", capsys.readouterr().out)
        losses += map(float, samples[0])
        assert torch.load(tmp_path / "session" / "flow.pt", weights_only=True)["step"] == steps
    assert losses[0] > losses[1]
    assert losses[2] > losses[3]


@pytest.mark.parametrize(("minutes", "next_stage"), [(1.0, "flow"), (42.0, "large")])
def test_a_session_goes_on_with_the_latest_stage_or_the_one_behind_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, minutes: float, next_stage: str
) -> None:
    """A stage whose time is not up is trained on; behind a finished one comes the next."""
    torch.save({"seconds": 60 * minutes}, tmp_path / "flow.pt")
    runs = []
    monkeypatch.setattr(train, "run", lambda name, plan: runs.append((name, plan.session)))
    train.session(tiny(tmp_path, 1), minutes=2)
    assert runs[-1] == (next_stage, 2)


@pytest.mark.parametrize("name", ["flow", "large", "polish", "distill"])
def test_a_stage_is_told_of_no_held_out_combination(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Every scene whose picture and wordings a stage takes is of the training side of the split."""
    for file in trained.glob("*.npy"):
        (tmp_path / file.name).symlink_to(file)
    taken: list[Scene] = []
    scenes = PictureSet.scenes

    def watched(part: PictureSet, total: int) -> list[Scene]:
        taken.extend(scenes(part, total))
        return scenes(part, total)

    monkeypatch.setattr(PictureSet, "scenes", watched)
    dict(STAGES)[name](tiny(tmp_path, 1))
    assert taken
    assert not any(is_evaluation(scene) for scene in taken)


def test_a_stage_starts_from_earlier_weights(trained: Path, tmp_path: Path) -> None:
    """A new stage with earlier weights takes over every tensor that fits."""
    for file in trained.glob("*.npy"):
        (tmp_path / file.name).symlink_to(file)
    train_flow.train_flow(replace(tiny(tmp_path, 0), warm=WEIGHTS), batch=2)
    mine = torch.load(tmp_path / "flow.pt", weights_only=True)["model"]
    earlier = load_file(WEIGHTS / "transformer" / "diffusion_pytorch_model.safetensors")
    assert torch.equal(mine["transformer.cap_pad_token"], earlier["cap_pad_token"].float())


def test_the_decoder_stage_leaves_the_encoder_as_it_is(trained: Path) -> None:
    """The latent space does not move while the decoder is refined."""
    train_decoder(tiny(trained, 2))
    first = torch.load(trained / "vae.pt", weights_only=True)["average"]
    refined = torch.load(trained / "decoder.pt", weights_only=True)["average"]
    encoder = len(list(build_vae().encoder.parameters()))
    assert all(torch.equal(first[f"shadow.{n}"], refined[f"shadow.{n}"]) for n in range(encoder))


def test_an_export_loads_as_a_pipeline(trained: Path, tmp_path: Path) -> None:
    """Checkpoints export to a folder that loads, with its latents scaled and a preview map."""
    export(tiny(trained, 1), tmp_path / "weights")
    pipeline = ZImagePipeline.from_pretrained(tmp_path / "weights", dtype=torch.float32)
    assert pipeline.vae.config.scaling_factor != 1.0
    assert load_file(tmp_path / "weights" / "preview.safetensors")["weight"].shape == (3, 16)
    posterior = pipeline.vae.encode(torch.rand(1, 3, 32, 32)).latent_dist
    torch.testing.assert_close(posterior.std, torch.full_like(posterior.std, SPREAD), rtol=1e-2, atol=0.0)


def test_the_judge_is_saved_as_it_was_trained(tmp_path: Path) -> None:
    """The judge read back from disk gives the same scores twice, and a word for every question."""
    path = tmp_path / "judge.safetensors"
    train_judge(tiny(tmp_path, 2), path, batch=4)
    judge = load_judge(path)
    pictures = torch.rand(2, 3, 192, 336) * 2 - 1
    scores, again = judge(pictures), load_judge(path)(pictures)
    assert all(torch.equal(scores[name], again[name]) for name in judge.heads)
    assert path.stat().st_size <= 2_000_000
