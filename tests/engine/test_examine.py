"""What is looked at before anything is drawn: real folders, as loading would find them."""

import json
import shutil
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from engine.embedded import WEIGHTS
from engine.models.examine import examine
from engine.types import EngineSettings
from engine.upscale.network import built_in
from tests.engine.test_classifier import small_classifier


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    shutil.copytree(WEIGHTS, folder)
    return folder


@pytest.fixture(autouse=True)
def no_stopwatch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.memory.estimate.ceiling", lambda device, dtype, weights: 1e9)


def checks_of(**settings: Any) -> list[tuple[str, str, str]]:
    found = examine(EngineSettings(device="cpu", **settings))
    return [(each["grade"], each["subject"], each["text"]) for each in found["checks"]]


def test_a_healthy_model_with_everything_beside_it_is_healthy(model: Path, tmp_path: Path) -> None:
    loras, upscalers = tmp_path / "loras", tmp_path / "upscalers"
    loras.mkdir()
    upscalers.mkdir()
    stem = "transformer.layers.0.attention.to_q"
    save_file({f"{stem}.lora_A.weight": torch.ones(2, 192), f"{stem}.lora_B.weight": torch.ones(192, 2)},
        loras / "ink.safetensors")  # fmt: skip
    save_file(
        {name: t.contiguous() for name, t in built_in().state_dict().items()}, upscalers / "x2.safetensors"
    )
    found = checks_of(
        model=str(model),
        loras=str(loras),
        upscalers=str(upscalers),
        classifier=small_classifier(tmp_path / "classifier"),
    )
    assert found == [
        ("ok", "loras", f"1 files in {loras}"),
        ("ok", "upscalers", "x2 upscales photographs"),
        ("ok", "classifier", f"{tmp_path / 'classifier'} tells normal, nsfw"),
    ]


def test_an_empty_folder_is_a_problem(tmp_path: Path) -> None:
    [(grade, subject, text)] = checks_of(model=str(tmp_path))
    assert (grade, subject) == ("problem", "model")
    assert "lacks tokenizer, text_encoder, transformer, vae, scheduler" in text


def test_a_missing_shard_is_a_problem(model: Path) -> None:
    index = model / "vae" / "diffusion_pytorch_model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": {"a": "diffusion_pytorch_model-00001-of-00001.safetensors"}}))
    [(grade, _, text)] = checks_of(model=str(model))
    assert grade == "problem"
    assert "lacks diffusion_pytorch_model-00001-of-00001.safetensors" in text


def test_a_problem_is_told_once(model: Path) -> None:
    (file,) = (model / "transformer").glob("*.safetensors")
    file.write_bytes(file.read_bytes()[:-9])
    found = examine(EngineSettings(model=str(model), device="cpu"))
    assert [each["grade"] for each in found["checks"]] == ["problem"]
    assert "refusal" not in found


@pytest.mark.parametrize("name", ["model.gguf", "model.safetensors"])
def test_a_file_is_a_problem_and_so_is_a_folder_with_one(tmp_path: Path, name: str) -> None:
    (tmp_path / name).touch()
    assert "cannot be read" in checks_of(model=str(tmp_path / name))[0][2]
    assert f"holds {name}, a single file of another program" in checks_of(model=str(tmp_path))[0][2]


@pytest.mark.parametrize(
    ("setting", "reason"),
    [
        ("loras", "model.loras = '/no/such' is no folder; make it"),
        ("upscalers", "the folder /no/such is not there; create it"),
        (
            "classifier",
            "model '/no/such' is neither a directory nor on the hub; name a directory or hub id of",
        ),
    ],
)
def test_folders_that_are_not_there_are_told(setting: str, reason: str) -> None:
    [(grade, subject, text)] = checks_of(**{setting: "/no/such"})
    assert (grade, subject) == ("problem", setting)
    assert reason in text


def test_a_classifier_of_the_hub_that_was_never_fetched_is_a_note() -> None:
    [(grade, _, text)] = checks_of(classifier="nobody/no-such-classifier")
    assert grade == "note"
    assert "is not on this machine yet" in text


def test_a_classifier_whose_head_is_missing_is_a_problem(tmp_path: Path) -> None:
    name = small_classifier(tmp_path)
    tensors = load_file(tmp_path / "model.safetensors")
    del tensors["classifier.weight"]
    save_file(tensors, tmp_path / "model.safetensors", {"format": "pt"})
    [(grade, _, text)] = checks_of(classifier=name)
    assert grade == "problem"
    assert "lacks classifier.weight" in text


def test_loras_that_cannot_be_used_are_named(tmp_path: Path) -> None:
    save_file({"lora_unet_down_blocks_0.lora_down.weight": torch.ones(1)}, tmp_path / "sdxl.safetensors")
    first, second = checks_of(loras=str(tmp_path))
    assert first[0] == second[0] == "note"
    assert "LoRA sdxl: made for another model" in first[2]
    assert "1 files" in second[2]


def test_upscalers_without_numbers_are_a_problem_and_an_empty_folder_is_a_note(tmp_path: Path) -> None:
    [(grade, _, text)] = checks_of(upscalers=str(tmp_path))
    assert (grade, text) == ("note", f"{tmp_path} holds no weights; the built-in ones are used")
    state = {
        name: torch.full_like(t, float("nan")).contiguous() for name, t in built_in().state_dict().items()
    }
    save_file(state, tmp_path / "bad.safetensors")
    [(grade, _, text)] = checks_of(upscalers=str(tmp_path))
    assert grade == "problem"
    assert "the weights bad give pixels that are no numbers" in text


def test_upscalers_that_are_not_here_yet_are_a_note_and_are_not_downloaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HOME", str(tmp_path))
    found = checks_of(upscalers="real-esrgan")
    assert [(grade, text.partition(";")[0]) for grade, _, text in found] == [
        ("note", "realesr-general-x4v3 is not here yet"),
        ("note", "realesr-animevideov3 is not here yet"),
    ]
    assert not list(tmp_path.iterdir())


def test_a_chat_model_beside_a_model_of_another_kind_is_looked_at(model: Path, tmp_path: Path) -> None:
    index = model / "model_index.json"
    index.write_text(json.dumps(json.loads(index.read_bytes()) | {"_class_name": "FluxPipeline"}))
    for optimizer, reason in (("text-encoder", "writes no prompts"), (str(tmp_path), "cannot be read")):
        [(grade, subject, text)] = checks_of(model=str(model), optimizer=optimizer)
        assert (grade, subject) == ("problem", "prompts")
        assert reason in text


def test_the_command_answers_in_json() -> None:
    settings = json.dumps(asdict(EngineSettings(model="/no/such/model", device="cpu")))
    done = subprocess.run(
        [sys.executable, "-m", "engine.models.examine", settings], capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout)["checks"] == []
