from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from engine.files.parts import ModelFiles
from engine.guards import NO_MEMORY
from engine.memory.plan import PlanRequest
from engine.memory.planner import choose
from engine.memory.probe import Facts
from engine.memory.sizes import Z_IMAGE
from engine.models.diffusers.load import load as load_generic
from engine.models.zimage import load
from engine.types import EngineError, EngineSettings


def test_a_directory_that_is_no_model_is_named_with_what_it_lacks(tmp_path: Path) -> None:
    (tmp_path / "vae").mkdir()
    with pytest.raises(EngineError, match="lacks tokenizer, text_encoder, transformer, scheduler") as caught:
        load.find(EngineSettings(model=str(tmp_path)))
    assert caught.value.code == "model_missing"


def test_weights_that_are_not_there_are_a_clear_line(tmp_path: Path) -> None:
    for part in load.PARTS:
        (tmp_path / part).mkdir()
    plan = choose(
        Facts("cpu", "CPU", 2**36, 2**36, False, 2**36, 2**36), Z_IMAGE, PlanRequest(weights="4bit")
    )
    with pytest.raises(EngineError, match="cannot be read") as caught:
        load.read(ModelFiles(tmp_path), EngineSettings(model=str(tmp_path)), torch.device("cpu"), plan)
    assert caught.value.code == "model_missing"
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "error", [torch.OutOfMemoryError("CUDA"), RuntimeError(f"[enforce fail] {NO_MEMORY[0]}"), MemoryError()]
)
def test_memory_that_runs_out_while_loading_is_told_as_that_and_not_as_a_file_to_fetch_again(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*given: object) -> None:
        raise error

    monkeypatch.setattr(load.loader, "fill", full)
    with pytest.raises(EngineError, match="embedded does not fit on cpu") as caught:
        load.load(EngineSettings(device="cpu"))
    assert caught.value.code == "out_of_memory"


def test_a_hub_model_without_a_network_is_one_line_that_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(EngineError, match="check the network") as caught:
        load.find(EngineSettings(model="Tongyi-MAI/Z-Image-Turbo"))
    assert caught.value.code == "model_missing"
    assert "\n" not in str(caught.value)


def test_a_name_that_can_be_no_model_is_refused() -> None:
    with pytest.raises(EngineError, match="neither a directory nor on the hub") as caught:
        load.find(EngineSettings(model="no such/directory/here"))
    assert caught.value.code == "model_missing"


def test_the_language_of_prompts_reaches_the_pipeline() -> None:
    assert load.load(EngineSettings(device="cpu", prompt_language="own")).components.prompt_language == "own"


def test_an_unknown_device_is_refused() -> None:
    with pytest.raises(EngineError, match="tpu"):
        load.choose_device("tpu")


def test_a_cuda_device_has_its_number_and_is_the_one_that_calls_without_a_device_mean(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    current: list[torch.device] = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "set_device", current.append)
    found = [load.use_device(name) for name in ("auto", "cuda", "cuda:1", "cpu")]
    assert found == [
        torch.device("cuda", 0),
        torch.device("cuda", 0),
        torch.device("cuda", 1),
        torch.device("cpu"),
    ]
    assert current == found[:3]


@pytest.mark.parametrize("loading", [load.load, lambda settings: load_generic(settings, Path())])
def test_both_backends_load_on_the_device_they_make_current(
    loading: Callable[[EngineSettings], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(device: torch.device) -> None:
        raise EngineError("internal", str(device))

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "set_device", stop)
    with pytest.raises(EngineError, match=r"^cuda:1$"):
        loading(EngineSettings(device="cuda:1"))
