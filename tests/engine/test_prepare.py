"""Converting a model shard by shard: what comes out, what is left out, and going on after a break."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from engine.__main__ import main
from engine.embedded import WEIGHTS
from engine.files import shards
from engine.files.parts import ModelFiles
from engine.memory import sizes
from engine.memory.sizes import Weights
from engine.memory.weights import Packed, PackedLinear
from engine.models import convert
from engine.models.zimage import load
from engine.models.zimage.pipeline import ZImagePipeline
from engine.types import EngineError, EngineSettings


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The embedded model as the hub ships the large one: float32, the transformer in two shards."""
    folder = tmp_path_factory.mktemp("hub")
    shutil.copytree(WEIGHTS, folder, dirs_exist_ok=True)
    for part in ("text_encoder", "vae"):
        (file,) = (folder / part).glob("*.safetensors")
        save_file({name: t.float() for name, t in load_file(file).items()}, file)
    (file,) = (folder / "transformer").glob("*.safetensors")
    tensors = {name: t.float() for name, t in load_file(file).items()}
    file.unlink()
    names, shards = sorted(tensors), {}
    for number, half in ((1, names[::2]), (2, names[1::2])):
        shard = f"diffusion_pytorch_model-{number:05}-of-00002.safetensors"
        save_file({name: tensors[name] for name in half}, folder / "transformer" / shard)
        shards |= dict.fromkeys(half, shard)
    index = {"metadata": {"total_size": 1}, "weight_map": shards}
    (folder / "transformer" / "diffusion_pytorch_model.safetensors.index.json").write_text(json.dumps(index))
    return folder


def lines_of(source: Path, out: Path, dtype: str = "bf16") -> list[str]:
    lines: list[str] = []
    convert.prepare(source, out, dtype, lines.append)
    return lines


def loaded(folder: Path, form: str = "auto") -> ZImagePipeline:
    return load.load(EngineSettings(model=str(folder), device="cpu", dtype="bfloat16", weights=form))


def test_a_prepared_model_has_the_same_numbers_in_half_the_bytes_and_can_be_drawn_with(
    hub: Path, tmp_path: Path
) -> None:
    lines_of(hub, tmp_path)
    assert not list(tmp_path.rglob("*.part"))
    for file in hub.rglob("*.safetensors"):
        old, new = load_file(file), load_file(tmp_path / file.relative_to(hub))
        assert old.keys() == new.keys()
        if file.parent != hub:
            assert all(torch.equal(old[name].bfloat16(), new[name]) for name in old)
    lengths = [
        sum(f.stat().st_size for f in (p / "transformer").glob("*.safetensors")) for p in (hub, tmp_path)
    ]
    assert lengths[1] < 0.51 * lengths[0]
    index = json.loads(next((tmp_path / "transformer").glob("*.index.json")).read_bytes())
    assert index["metadata"]["total_size"] < lengths[1]
    pipeline = load.load(EngineSettings(model=str(tmp_path), device="cpu"))
    assert pipeline.components.profile.name == tmp_path.name


def test_a_break_in_the_middle_costs_only_the_shard_it_was_in(hub: Path, tmp_path: Path) -> None:
    lines_of(hub, tmp_path)
    done = next((tmp_path / "transformer").glob("*00001-of*.safetensors"))
    broken = next((tmp_path / "transformer").glob("*00002-of*.safetensors"))
    stamp = done.stat().st_mtime_ns
    broken.replace(broken.with_name(broken.name + convert.PART))
    lines = lines_of(hub, tmp_path)
    assert [line.split(": ")[0] for line in lines if not line.endswith("is there already")] == [str(broken)]
    assert done.stat().st_mtime_ns == stamp


def test_a_shard_cut_short_or_of_another_dtype_is_made_again(hub: Path, tmp_path: Path) -> None:
    lines_of(hub, tmp_path, "fp16")
    file = next((tmp_path / "vae").glob("*.safetensors"))
    lines_of(hub, tmp_path)
    assert all(tensor.dtype == torch.bfloat16 for tensor in load_file(file).values())
    file.write_bytes(file.read_bytes()[:-100])
    lines_of(hub, tmp_path)
    assert load_file(file)


def test_a_value_too_large_for_half_precision_is_refused_by_name(tmp_path: Path) -> None:
    source = tmp_path / "model"
    (source / "vae").mkdir(parents=True)
    (source / "vae" / "config.json").write_text("{}")
    tensors = {"weight": torch.tensor([1.0, 1e6]), "steps": torch.tensor([3])}
    save_file(tensors, source / "vae" / "model.safetensors")
    with pytest.raises(EngineError, match="weight has values too large for F16; use bf16"):
        lines_of(source, tmp_path / "out", "fp16")
    assert not list((tmp_path / "out").rglob("*.safetensors"))
    lines_of(source, tmp_path / "out")
    assert load_file(tmp_path / "out" / "vae" / "model.safetensors")["steps"].dtype == torch.int64


def test_a_tensor_in_eight_bits_of_other_peoples_stays_as_it_is(tmp_path: Path) -> None:
    source = tmp_path / "model" / "transformer"
    source.mkdir(parents=True)
    eight = torch.tensor([[1.0, -2.0]]).to(torch.float8_e4m3fn)
    (source / "config.json").write_text("{}")
    save_file({"layers.0.a.weight": eight, "norm.weight": torch.ones(2)}, source / "model.safetensors")
    lines_of(source.parent, tmp_path / "out")
    made = load_file(tmp_path / "out" / "transformer" / "model.safetensors")
    assert {name: tensor.dtype for name, tensor in made.items()} == {
        "layers.0.a.weight": torch.float8_e4m3fn,
        "norm.weight": torch.bfloat16,
    }


@pytest.mark.parametrize("form", ["int8", "float8", "4bit", "int8-fast"])
def test_a_model_prepared_in_fewer_bits_is_the_one_packed_while_it_is_loaded(
    hub: Path, tmp_path: Path, form: Weights
) -> None:
    lines_of(hub, tmp_path, form)
    expected, found = loaded(hub, form).components, loaded(tmp_path).components
    for part in ("transformer", "text_encoder", "vae"):
        old, new = (getattr(each, part).state_dict() for each in (expected, found))
        assert old.keys() == new.keys()
        assert all(old[name].dtype == new[name].dtype for name in old)
        assert all(torch.equal(convert._raw(old[name]), convert._raw(new[name])) for name in old)
    forms = [m.form for m in found.transformer.layers.modules() if isinstance(m, PackedLinear)]
    blocks = len(found.transformer.layers)
    whole = 2 if form == "int8-fast" else 0
    assert forms == [form] * 7 * (blocks - whole)


@pytest.mark.parametrize(("form", "share"), [("int8", 0.52), ("float8", 0.52), ("4bit", 0.30)])
def test_a_model_in_fewer_bits_is_measured_as_whole_and_takes_its_share_of_the_disk(
    hub: Path, tmp_path: Path, form: Weights, share: float
) -> None:
    lines_of(hub, tmp_path, form)
    assert sizes.read(ModelFiles(tmp_path)) == replace(sizes.read(ModelFiles(hub)), weights=form)
    stack, taken = sizes.read(ModelFiles(hub)).transformer, 0
    for file in (tmp_path / "transformer").glob("*.safetensors"):
        with safe_open(file, framework="pt") as opened:
            assert opened.metadata() == {"format": "pt", "weights": form}
        for name, entry in shards.header(file).items():
            if name.endswith((sizes.PACKED, sizes.SCALE)):
                taken += entry["data_offsets"][1] - entry["data_offsets"][0]
    assert taken < share * 2 * stack.blocks * stack.linear
    index = json.loads(next((tmp_path / "transformer").glob("*.index.json")).read_bytes())
    named = [name for name, _ in sizes.shapes(shards.read(tmp_path / "transformer"))]
    assert len(index["weight_map"]) > len(named)
    assert "is there already" in lines_of(hub, tmp_path, form)[-1]


def test_a_plan_with_another_form_is_loaded_from_what_the_files_hold(hub: Path, tmp_path: Path) -> None:
    lines_of(hub, tmp_path, "int8")
    plain, other = (loaded(tmp_path, form).components.transformer for form in ("plain", "4bit"))
    block, packed = plain.layers[0].feed_forward.w1, other.layers[0].feed_forward.w1
    source = loaded(tmp_path, "int8").components.transformer.layers[0].feed_forward.w1
    assert torch.equal(block.weight, source.kept.unpacked(torch.bfloat16))
    assert torch.equal(packed.packed, Packed.of(source.kept.unpacked(torch.float32), "4bit").values)


def test_fewer_bits_are_refused_for_other_models_and_for_what_has_them_already(
    hub: Path, tmp_path: Path
) -> None:
    lines_of(hub, tmp_path / "int8", "int8")
    with pytest.raises(EngineError, match="is in fewer bits already; start from the original"):
        lines_of(tmp_path / "int8", tmp_path / "bf16")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "model_index.json").write_text('{"_class_name": "StableDiffusionPipeline"}')
    with pytest.raises(EngineError, match="4bit is for Z-Image models; use bf16"):
        lines_of(tmp_path / "other", tmp_path / "out", "4bit")


def test_the_progress_ends_with_every_byte_written_and_read_back(hub: Path, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    for _ in range(2):
        convert.prepare(hub, tmp_path, "bf16", lambda line: None, lambda *each: seen.append(each))
        (tmp_path / "vae" / "diffusion_pytorch_model.safetensors").unlink()
    dones = [done for done, _ in seen]
    assert dones.count(seen[0][1]) == 2
    assert dones[: dones.index(seen[0][1]) + 1] == sorted(set(dones))


def test_the_command_line_says_what_to_do_next(
    hub: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["prepare", str(hub), "--out", str(tmp_path / "out")]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == f'ready: set model.name = "{tmp_path / "out"}"'
    assert main(["prepare", str(hub), "--out", str(hub / "int8")]) == 1
    assert "is in the model's own folder" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["prepare", str(hub), "--dtype", "int3", "--out", "x"])
