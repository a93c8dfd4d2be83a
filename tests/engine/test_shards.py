"""Which files of a model's folder are read: those of the embedded model, put as other programs put them."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from engine.embedded import WEIGHTS
from engine.files import shards
from engine.files.parts import ModelFiles
from engine.models import convert
from engine.models.registry import load
from engine.models.zimage.load import check
from engine.models.zimage.pipeline import ZImagePipeline
from engine.types import EngineError, EngineSettings

STEM = "diffusion_pytorch_model"
INDEX = f"{STEM}.safetensors.index.json"


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """The embedded model, its transformer in two shards with an index."""
    folder = tmp_path / "model"
    shutil.copytree(WEIGHTS, folder)
    part = folder / "transformer"
    tensors = weights(WEIGHTS / "transformer")
    (part / f"{STEM}.safetensors").unlink()
    listed = {}
    for number, names in enumerate((sorted(tensors)[::2], sorted(tensors)[1::2]), start=1):
        shard = f"{STEM}-{number:05}-of-00002.safetensors"
        save_file({name: tensors[name] for name in names}, part / shard)
        listed |= dict.fromkeys(names, shard)
    (part / INDEX).write_text(json.dumps({"metadata": {}, "weight_map": listed}))
    return folder


def weights(part: Path) -> dict[str, Tensor]:
    (file,) = part.glob("*.safetensors")
    return load_file(file)


def loaded(folder: Path) -> ZImagePipeline:
    pipeline: ZImagePipeline = load(EngineSettings(model=str(folder), device="cpu", dtype="float32"))
    return pipeline


def is_the_embedded_model(folder: Path) -> bool:
    found = loaded(folder).components.transformer.state_dict()
    return all(torch.equal(found[name], t.float()) for name, t in weights(WEIGHTS / "transformer").items())


def refused(folder: Path) -> str:
    """What loading says, in one line, and looking says the same."""
    with pytest.raises(EngineError) as caught:
        loaded(folder)
    with pytest.raises(EngineError) as looked:
        check(ModelFiles(folder))
    assert caught.value.code == looked.value.code == "model_missing"
    assert str(looked.value) == str(caught.value)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_only_the_shards_an_index_names_are_read(model: Path) -> None:
    part = model / "transformer"
    old = {name: torch.randn_like(t.float()) for name, t in weights(WEIGHTS / "transformer").items()}
    save_file(old, part / f"{STEM}-00003-of-00003.safetensors")
    save_file(old, part / "zz-other-checkpoint.safetensors")
    (part / f"._{STEM}-00001-of-00002.safetensors").write_bytes(b"macOS")
    assert is_the_embedded_model(model)
    [remark] = check(ModelFiles(model))
    assert "not read, because no index names it: diffusion_pytorch_model-00003-of-00003.safetensors" in remark
    assert "._" not in remark


def test_without_an_index_the_usual_name_is_read(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(WEIGHTS, folder)
    noise = {name: torch.randn_like(t.float()) for name, t in weights(folder / "transformer").items()}
    save_file(noise, folder / "transformer" / "zz.safetensors")
    save_file(noise, folder / "transformer" / f"{STEM}.fp16.safetensors")
    assert is_the_embedded_model(folder)


def test_a_variant_alone_is_read_and_two_are_asked_about(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(WEIGHTS, folder)
    part = folder / "transformer"
    (part / f"{STEM}.safetensors").rename(part / f"{STEM}.fp16.safetensors")
    assert shards.read(part).variant == "fp16"
    assert is_the_embedded_model(folder)
    shutil.copy(part / f"{STEM}.fp16.safetensors", part / f"{STEM}.non_ema.safetensors")
    assert "several variants (fp16, non_ema); leave one" in refused(folder)


def test_an_index_of_a_variant_is_read(model: Path) -> None:
    (model / "transformer" / INDEX).rename(model / "transformer" / f"{STEM}.safetensors.index.fp16.json")
    assert is_the_embedded_model(model)


def test_a_tensor_in_two_shards_is_read_from_the_one_the_index_has_it_in(model: Path) -> None:
    part = model / "transformer"
    first, second = sorted(part.glob("*.safetensors"))
    name = next(iter(load_file(first)))
    save_file({**load_file(second), name: torch.randn(load_file(first)[name].shape)}, second)
    assert is_the_embedded_model(model)
    assert name in check(ModelFiles(model))[0]


def test_links_into_a_store_are_followed_and_a_link_to_nothing_is_a_missing_shard(model: Path) -> None:
    part = model / "transformer"
    store = model / "blobs"
    store.mkdir()
    for number, file in enumerate(sorted(part.iterdir())):
        file.rename(store / str(number))
        file.symlink_to(Path("..") / "blobs" / str(number))
    assert is_the_embedded_model(model)
    shard = next(part.glob("*-00002-of-*"))
    shard.resolve().unlink()
    assert f"lacks {shard.name}, which {INDEX} names; fetch the model again" in refused(model)


def test_a_missing_shard_is_named(model: Path) -> None:
    shard = next((model / "transformer").glob("*-00002-of-*"))
    shard.unlink()
    assert f"transformer lacks {shard.name}, which {INDEX} names; fetch the model again" in refused(model)


def test_a_shard_cut_short_is_named_with_its_length(model: Path) -> None:
    shard = next((model / "transformer").glob("*-00002-of-*"))
    shard.write_bytes(shard.read_bytes()[:-1000])
    assert f"{shard} cannot be read (it has" in refused(model)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "it is a Git LFS pointer"),
        (b"<!doctype html><html>Sign in</html>", "its header is longer than the file"),
        (b"\x12\0\0\0\0\0\0\0" + b'{"__metadata__":7}', "its metadata are no object"),
        (b"", "unpack requires a buffer of 8 bytes"),
        (b"\x02\0\0\0\0\0\0\0[]", "cannot be read"),
        (b"\x0a\0\0\0\0\0\0\0" + b'{"a": 1}  ', "cannot be read"),
    ],
)
def test_what_is_no_safetensors_file_is_named(model: Path, content: bytes, reason: str) -> None:
    shard = next((model / "transformer").glob("*-00001-of-*"))
    shard.write_bytes(content)
    message = refused(model)
    assert str(shard) in message
    assert reason in message


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("[]", "holds no JSON object"),
        ("<html>", "is not JSON"),
        ("", "is not JSON"),
        ("[" * 100_000, "is not JSON"),
        ("{}", "has no weight_map"),
        ('{"weight_map": {}}', "has no weight_map"),
        ('{"weight_map": ["a"]}', "has no weight_map"),
        ('{"weight_map": {"a": 3}}', "names 3, which is no .safetensors file of its folder"),
        ('{"weight_map": {"a": "../vae/x.safetensors"}}', "which is no .safetensors file of its folder"),
        ('{"weight_map": {"a": "/etc/x.safetensors"}}', "which is no .safetensors file of its folder"),
        ('{"weight_map": {"a": "pytorch_model.bin"}}', "which is no .safetensors file of its folder"),
    ],
)
def test_an_index_that_makes_no_sense_is_named(model: Path, content: str, reason: str) -> None:
    (model / "transformer" / INDEX).write_text(content)
    message = refused(model)
    assert str(model / "transformer" / INDEX) in message
    assert reason in message


def test_a_tensor_the_index_has_where_it_is_not_is_named(model: Path) -> None:
    index = model / "transformer" / INDEX
    values = json.loads(index.read_bytes())
    values["weight_map"]["layers.99.nothing"] = f"{STEM}-00001-of-00002.safetensors"
    index.write_text(json.dumps(values))
    assert f"lacks layers.99.nothing, which {INDEX} has there" in refused(model)


def test_shards_without_an_index_are_not_guessed_at(model: Path) -> None:
    (model / "transformer" / INDEX).unlink()
    assert f"holds shards and no {INDEX}" in refused(model)


@pytest.mark.parametrize("name", ["ae.safetensors", "pytorch_model.bin", "z_image.gguf"])
def test_files_of_other_programs_in_a_part_are_named(model: Path, name: str) -> None:
    shutil.rmtree(model / "vae")
    shutil.copytree(WEIGHTS / "vae", model / "vae")
    next((model / "vae").glob("*.safetensors")).rename(model / "vae" / name)
    assert f"has no {STEM}.safetensors, only {name}; fetch the model in diffusers layout" in refused(model)


@pytest.mark.parametrize("content", ["[]", "<html>", '"words"'])
@pytest.mark.parametrize("part", ["transformer", "text_encoder", "vae"])
def test_a_configuration_that_is_none_is_named(model: Path, part: str, content: str) -> None:
    (model / part / "config.json").write_text(content)
    assert str(model / part / "config.json") in refused(model)


@pytest.mark.parametrize(
    ("key", "value"), [("dim", "wide"), ("n_heads", 0), ("axes_lens", 5), ("axes_dims", [])]
)
def test_a_configuration_with_senseless_values_is_one_line(model: Path, key: str, value: object) -> None:
    config = model / "transformer" / "config.json"
    config.write_text(json.dumps(json.loads(config.read_bytes()) | {key: value}))
    with pytest.raises(EngineError, match=str(model)) as caught:
        loaded(model)
    assert "\n" not in str(caught.value)


def changed(model: Path, part: str, tensors: dict[str, Tensor]) -> None:
    (file,) = (model / part).glob("*.safetensors")
    save_file(tensors, file)


def test_tensors_that_are_lacking_are_named(model: Path) -> None:
    tensors = weights(model / "vae")
    del tensors["decoder.conv_in.bias"], tensors["decoder.conv_in.weight"]
    changed(model, "vae", tensors)
    assert "vae lacks 2 tensors: decoder.conv_in.bias, decoder.conv_in.weight" in refused(model)


def test_prefixes_that_match_nothing_are_shown(model: Path) -> None:
    other = {f"first_stage_model.{name}": t for name, t in weights(model / "vae").items()}
    changed(model, "vae", other)
    assert "and has others such as first_stage_model." in refused(model)


def test_a_second_checkpoint_in_one_file_is_refused(model: Path) -> None:
    tensors = weights(model / "vae")
    changed(model, "vae", tensors | {f"ema.{name}": torch.zeros_like(t) for name, t in tensors.items()})
    assert f"has {len(tensors)} tensors of which its config.json knows nothing: ema." in refused(model)


def test_a_block_the_configuration_does_not_know_is_refused(model: Path) -> None:
    config = model / "text_encoder" / "config.json"
    values = json.loads(config.read_bytes())
    config.write_text(json.dumps(values | {"num_hidden_layers": 2, "layer_types": ["full_attention"] * 2}))
    assert "config.json knows nothing: layers.2." in refused(model)


def test_a_leftover_of_training_is_only_remarked_on(model: Path) -> None:
    changed(model, "vae", weights(model / "vae") | {"global_step": torch.tensor([3])})
    assert check(ModelFiles(model)) == [f"{model / 'vae'}: not used: global_step"]


def test_a_whole_language_model_is_a_text_encoder_with_its_head_left_out(model: Path) -> None:
    tensors = {f"model.{name}": t for name, t in weights(model / "text_encoder").items()}
    head = {"lm_head.weight": tensors["model.embed_tokens.weight"].clone()}
    changed(model, "text_encoder", tensors | head)
    assert check(ModelFiles(model)) == []
    assert is_the_embedded_model(model)


def test_a_name_with_and_without_its_prefix_is_refused(model: Path) -> None:
    tensors = weights(model / "text_encoder")
    changed(model, "text_encoder", tensors | {"model.norm.weight": tensors["norm.weight"].clone()})
    assert "holds both" in refused(model)


def test_a_prepared_model_holds_what_the_index_names_and_nothing_else(model: Path, tmp_path: Path) -> None:
    part = model / "transformer"
    save_file({"old": torch.ones(1)}, part / "zz-old.safetensors")
    convert.prepare(model, tmp_path / "out", "fp16", lambda line: None)
    assert not (tmp_path / "out" / "transformer" / "zz-old.safetensors").exists()
    assert check(ModelFiles(tmp_path / "out")) == []
    assert is_the_embedded_model(tmp_path / "out")
