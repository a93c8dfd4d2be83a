"""What is read of a model that diffusers draws with: what its indexes name, and nothing is left at random."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from engine.models.diffusers.load import check
from engine.models.diffusers.pipeline import GenericPipeline
from engine.models.registry import load
from engine.types import EngineError, EngineSettings

UNET, TEXT = "unet/diffusion_pytorch_model.safetensors", "text_encoder/model.safetensors"


@pytest.fixture
def model(stable_diffusion: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    shutil.copytree(stable_diffusion, folder)
    return folder


def loaded(folder: Path) -> GenericPipeline:
    found = load(EngineSettings(model=str(folder), device="cpu"))
    assert isinstance(found, GenericPipeline)
    return found


def refused(folder: Path) -> str:
    with pytest.raises(EngineError) as caught:
        loaded(folder)
    assert caught.value.code == "model_missing"
    assert "\n" not in str(caught.value)
    return str(caught.value)


def sharded(file: Path) -> tuple[dict[str, Tensor], list[Path], Path]:
    """Cut a file in two; return its tensors, the shards and the index."""
    tensors = load_file(file)
    file.unlink()
    stem, listed, shards = file.stem, {}, []
    for number, names in enumerate((sorted(tensors)[::2], sorted(tensors)[1::2]), start=1):
        shards.append(file.with_name(f"{stem}-{number:05}-of-00002.safetensors"))
        save_file({name: tensors[name] for name in names}, shards[-1], {"format": "pt"})
        listed |= dict.fromkeys(names, shards[-1].name)
    index = file.with_name(f"{stem}.safetensors.index.json")
    index.write_text(json.dumps({"metadata": {"total_size": 1}, "weight_map": listed}))
    return tensors, shards, index


def test_only_the_shards_an_index_names_are_read(model: Path) -> None:
    for file in (UNET, TEXT):
        tensors, shards, _ = sharded(model / file)
        noise = {name: torch.randn(t.shape) for name, t in tensors.items()}
        save_file(noise, shards[0].with_name("zz-old.safetensors"))
        shards[0].with_name(f"._{shards[0].name}").write_bytes(b"macOS")
        if file == UNET:
            unet = tensors
    found = loaded(model).pipe.unet.state_dict()
    assert all(torch.equal(found[name], tensor) for name, tensor in unet.items())
    assert len(check(model)) == 2


def test_a_variant_alone_is_read(model: Path) -> None:
    unet = load_file(model / UNET)
    (model / UNET).rename(model / "unet" / "diffusion_pytorch_model.fp16.safetensors")
    found = loaded(model).pipe.unet.state_dict()
    assert all(torch.equal(found[name], tensor) for name, tensor in unet.items())


def test_one_file_beside_an_index_is_asked_about(model: Path) -> None:
    tensors, _, index = sharded(model / TEXT)
    save_file(tensors, model / TEXT, {"format": "pt"})
    assert f"text_encoder holds model.safetensors twice, beside what {index.name} names" in refused(model)


def test_a_tensor_in_two_shards_is_asked_about(model: Path) -> None:
    _, (first, second), _ = sharded(model / UNET)
    name, tensor = next(iter(load_file(first).items()))
    save_file(load_file(second) | {name: tensor}, second, {"format": "pt"})
    assert f"unet holds {name} twice" in refused(model)


@pytest.mark.parametrize("file", [UNET, TEXT])
def test_a_missing_or_broken_shard_is_named(model: Path, file: str) -> None:
    _, (first, second), index = sharded(model / file)
    first.write_bytes(first.read_bytes()[:-3])
    assert f"{first} cannot be read (it has" in refused(model)
    second.unlink()
    assert f"lacks {second.name}, which {index.name} names" in refused(model)


@pytest.mark.parametrize("file", [UNET, TEXT])
def test_tensors_that_are_lacking_are_not_left_at_random(model: Path, file: str) -> None:
    tensors = load_file(model / file)
    name = sorted(tensors)[0]
    del tensors[name]
    save_file(tensors, model / file, {"format": "pt"})
    assert f"lacks {name}" in refused(model)


@pytest.mark.parametrize("file", [UNET, TEXT])
def test_a_second_checkpoint_in_one_file_is_refused(model: Path, file: str) -> None:
    tensors = load_file(model / file)
    save_file(
        tensors | {f"ema.{name}": t.clone() for name, t in tensors.items()}, model / file, {"format": "pt"}
    )
    assert "of which its config.json knows nothing: ema." in refused(model)


@pytest.mark.parametrize("file", [UNET, TEXT])
def test_scales_are_refused_by_name(model: Path, file: str) -> None:
    tensors = load_file(model / file)
    layer = next(
        name for name in sorted(tensors) if name.endswith("_proj.weight") or name.endswith("to_q.weight")
    )
    scale = layer.removesuffix("weight") + "scale_weight"
    save_file(tensors | {scale: torch.ones(1)}, model / file, {"format": "pt"})
    assert f"is quantized (with scales: {scale})" in refused(model)


def test_a_part_the_model_index_names_and_nobody_brought_is_named(model: Path) -> None:
    shutil.rmtree(model / "vae")
    assert f"{model} lacks vae, which its model_index.json names" in refused(model)


@pytest.mark.parametrize("content", ["[]", "<html>"])
@pytest.mark.parametrize(
    "file",
    ["model_index.json", "unet/config.json", "text_encoder/config.json", "scheduler/scheduler_config.json"],
)
def test_a_configuration_that_is_none_is_one_line(model: Path, file: str, content: str) -> None:
    (model / file).write_text(content)
    assert str(model) in refused(model)
