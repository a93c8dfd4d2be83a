"""A LoRA file is found by its name and read when it changes; what is not applied is told by its true name."""

import json
import os

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from engine.models.zimage.pipeline import ZImagePipeline
from engine.types import Generate, PromptReady
from tests.engine.zimage.conftest import Task
from tests.engine.zimage.lora_folder import DOWN, LAYER, SIDE, UP, Folder, near, noise, pair

LEFT = noise(8, 12, seed=5)


@pytest.mark.parametrize(
    ("leaf", "kind"),
    [
        ("lora_mid.weight", "a Tucker decomposition"),
        ("lokr_t2", "a Tucker decomposition"),
        ("hada_t1", "a Tucker decomposition"),
        ("oft_blocks", "OFT"),
        ("oft_R.weight", "OFT"),
        ("boft_R", "BOFT"),
        ("on_input", "IA3"),
        ("vera_lambda_b", "VeRA"),
        ("diff_b", "a changed bias"),
        ("lora_B.bias", "a changed bias"),
        ("lora_B.default.bias", "a changed bias"),
    ],
)
def test_what_is_not_applied_is_refused_by_its_true_name(folder: Folder, leaf: str, kind: str) -> None:
    folder.save(pair() | {f"transformer.{LAYER}.{leaf}": torch.ones(SIDE)})
    error = folder.refused()
    assert error.code == "bad_input"
    assert f"is or holds {kind} (transformer.{LAYER}.{leaf}), which is not applied" in str(error)


@pytest.mark.parametrize(
    "extra",
    [
        "transformer.layers.30.attention.to_q.lora_A.weight",
        "layers.0.attention_norm1.lora_A.weight",
        "x_pad_token",
    ],
)
def test_a_file_of_this_model_is_never_called_another_models(folder: Folder, extra: str) -> None:
    folder.save(pair() | {extra: DOWN})
    assert f"changes what this model does not have, or in an unknown way: {extra}" in str(folder.refused())


@pytest.mark.parametrize(
    "key", [f"transformer.{LAYER}.weight", f"{LAYER}.weight_scale", f"{LAYER}.new_kind_a"]
)
def test_a_file_of_an_unknown_kind_is_told_as_that(folder: Folder, key: str) -> None:
    folder.save({key: DOWN})
    assert f"in an unknown way: {key}" in str(folder.refused())


def test_a_file_of_another_model_says_which_where_it_knows(folder: Folder) -> None:
    text = "lora_te1_text_model_encoder_layers_0_self_attn_q_proj"
    stems = [text, *(f"lora_unet_down_blocks_{n}" for n in range(4))]
    tensors = {f"{stem}.lora_down.weight": DOWN.clone() for stem in stems}
    file_metadata = {"modelspec.architecture": "stable-diffusion-xl-v1-base/lora"}
    save_file(tensors, folder.path / "a.safetensors", file_metadata)
    message = str(folder.refused())
    assert (
        "made for another model (stable-diffusion-xl-v1-base/lora), unknown keys: lora_unet_down" in message
    )
    assert "and 1 more" in message


TEXT = (
    "text_encoder.layers.0.self_attn.q_proj.lora_A.weight",
    "lora_te_layers_0_self_attn_q_proj.lora_down.weight",
    "lora_te1_text_model_encoder_layers_0_mlp_fc1.lora_down.weight",
    "text_encoders.qwen3_4b.transformer.model.layers.0.self_attn.q_proj.lora_A.weight",
    "base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight",
    "base_model.model.text_encoder.model.layers.0.mlp.up_proj.lora_A.weight",
)


@pytest.mark.parametrize("key", TEXT)
def test_a_part_for_the_text_encoder_is_left_out_and_that_is_told(
    folder: Folder, task: Task, key: str
) -> None:
    folder.save(pair() | {key: DOWN})
    wish: Generate = task(loras=(("a", 1.0),))
    writing = ZImagePipeline(folder.pipeline.components, loras=folder.loras).prompt(wish)
    ready = None
    while ready is None:
        try:
            next(writing)
        except StopIteration as done:
            ready = done.value
    assert isinstance(ready, PromptReady)
    assert ready.notes[-1] == "lora:text-encoder"
    assert near(folder.added(), UP @ DOWN)


@pytest.mark.parametrize("key", TEXT)
def test_a_file_for_the_text_encoder_alone_is_refused_as_that(folder: Folder, key: str) -> None:
    folder.save({key: DOWN})
    assert "changes the text encoder only" in str(folder.refused())


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float8_e5m2])
def test_values_that_are_no_numbers_are_refused(folder: Folder, value: float, dtype: torch.dtype) -> None:
    tensors = {key: tensor.to(dtype, copy=True) for key, tensor in pair().items()}
    tensors[f"transformer.{LAYER}.lora_B.weight"][3, 1] = value
    folder.save(tensors)
    error = folder.refused()
    assert error.code == "numerics"
    assert f"LoRA a: {LAYER} has values that are no numbers" in str(error)


@pytest.mark.parametrize(
    ("tensors", "reason"),
    [
        (pair() | {f"transformer.{LAYER}.alpha": torch.tensor(float("nan"))}, "are no numbers"),
        (
            {key: tensor.to(torch.int8) for key, tensor in pair().items()},
            "is in torch.int8, which is not read",
        ),
        (pair() | {f"diffusion_model.{LAYER}.lora_A.weight": DOWN}, "holds both"),
        (
            pair() | pair(f"transformer.{LAYER}", "lora_A.b.weight", "lora_B.b.weight"),
            "save one adapter alone",
        ),
        ({f"{LAYER}.lora_A.weight": DOWN}, "lacks up; the file is not whole"),
        ({f"{LAYER}.lokr_w1": LEFT}, "lacks lokr_w2_a; the file is not whole"),
        ({f"{LAYER}.hada_w1_a": UP}, "lacks hada_w1_b; the file is not whole"),
        ({f"{LAYER}.lora_A.weight": DOWN[0], f"{LAYER}.lora_B.weight": UP}, "another size"),
        ({f"{LAYER}.lora_A.weight": DOWN[:0], f"{LAYER}.lora_B.weight": UP[:, :0]}, "makes no sense"),
        ({f"{LAYER}.lora_A.weight": torch.ones(()), f"{LAYER}.lora_B.weight": UP}, "makes no sense"),
        ({f"{LAYER}.lokr_w1": LEFT, f"{LAYER}.lokr_w2": noise(5)}, "another size"),
        (
            {"layers.0.attention.qkv.lora_A.weight": DOWN, "layers.0.attention.qkv.lora_B.weight": UP[:2]},
            "no sense",
        ),
        ({f"{LAYER}.alpha": torch.tensor(1.0)}, "is empty"),
        ({}, "is empty"),
    ],
)
def test_a_file_that_is_not_whole_is_one_line(
    folder: Folder, tensors: dict[str, Tensor], reason: str
) -> None:
    folder.save(tensors)
    assert reason in str(folder.refused())


@pytest.mark.parametrize(
    "file_metadata",
    [
        [],
        "words",
        {"transformer.lora_alpha": "high"},
        {"transformer.lora_alpha": float("nan")},
        {"transformer.alpha_pattern": 3},
        {"transformer.alpha_pattern": {"(": 3}},
    ],
)
def test_metadata_that_makes_no_sense_is_one_line(folder: Folder, file_metadata: object) -> None:
    save_file(pair(), folder.path / "a.safetensors", {"lora_adapter_metadata": json.dumps(file_metadata)})
    assert folder.refused().code == "bad_input"


def test_a_replaced_file_is_read_anew_by_the_next_picture_and_not_within_one(
    folder: Folder, task: Task
) -> None:
    layered = ZImagePipeline(folder.pipeline.components, loras=folder.loras)
    wish = task(loras=(("a", 1.0),))
    folder.save(pair())
    first = layered.start(wish, PromptReady("a", "a"))
    times = (folder.path / "a.safetensors").stat()
    folder.save({key: 2 * tensor for key, tensor in pair().items()}, "b")
    # The same name, size and time: it is the place on the disk that tells.
    os.utime(folder.path / "b.safetensors", ns=(times.st_atime_ns, times.st_mtime_ns))
    (folder.path / "b.safetensors").replace(folder.path / "a.safetensors")
    layered.step([first])
    assert near(folder.added(), UP @ DOWN)
    layered.start(wish, PromptReady("a", "a"))
    assert near(folder.added(), 4 * UP @ DOWN)


def test_a_file_that_is_gone_is_missed_by_the_next_picture(folder: Folder) -> None:
    folder.save(pair())
    folder.loras.look((("a", 1.0),))
    (folder.path / "a.safetensors").unlink()
    assert "there is no LoRA 'a'" in str(folder.refused())


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("my lora", "my lora"),
        ("my lora (v2) [final]", "my lora (v2) [final]"),
        ("水墨", "水墨"),
        ("cafe\u0301", "caf\u00e9"),
        ("ink.v2", "ink.v2"),
        ("ink", "ink.safetensors"),
        ("styles/ink", "styles/ink"),
        ("styles/ink", "ink"),
    ],
)
def test_names_are_found_as_people_say_them(folder: Folder, name: str, message: str) -> None:
    folder.save(pair(), name)
    assert near(folder.added(name=message), UP @ DOWN)


def test_a_name_in_two_subfolders_is_asked_about(folder: Folder) -> None:
    folder.save(pair(), "one/ink")
    folder.save(pair(), "two/ink")
    assert "there are: one/ink, two/ink" in str(folder.refused("ink"))
    assert "there is no LoRA '../ink'" in str(folder.refused("../ink"))


def test_files_that_macos_leaves_are_no_loras(folder: Folder) -> None:
    folder.save(pair())
    (folder.path / "._a.safetensors").write_bytes(b"macOS")
    (folder.path / ".trash").mkdir()
    (folder.path / ".trash" / "b.safetensors").touch()
    assert folder.loras.names() == ["a"]
