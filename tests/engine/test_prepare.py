"""Converting a model shard by shard: what comes out, what is left out, and going on after a break."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from engine import prepare
from engine.__main__ import main
from engine.embedded import WEIGHTS
from engine.types import EngineError, EngineSettings
from engine.zimage import load


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
    (folder / "transformer" / f"{prepare.CONVERTED[1]}.safetensors.index.json").write_text(json.dumps(index))
    return folder


def said(source: Path, out: Path, dtype: str = "bf16") -> list[str]:
    lines: list[str] = []
    prepare.prepare(source, out, dtype, lines.append)
    return lines


def test_a_prepared_model_has_the_same_numbers_in_half_the_bytes_and_can_be_drawn_with(
    hub: Path, tmp_path: Path
) -> None:
    said(hub, tmp_path)
    assert not list(tmp_path.rglob("*.part"))
    for file in hub.rglob("*.safetensors"):
        old, new = load_file(file), load_file(tmp_path / file.relative_to(hub))
        assert old.keys() == new.keys()
        if file.parent != hub:
            assert all(torch.equal(old[name].bfloat16(), new[name]) for name in old)
    sizes = [
        sum(f.stat().st_size for f in (p / "transformer").glob("*.safetensors")) for p in (hub, tmp_path)
    ]
    assert sizes[1] < 0.51 * sizes[0]
    index = json.loads(next((tmp_path / "transformer").glob("*.index.json")).read_bytes())
    assert index["metadata"]["total_size"] < sizes[1]
    pipeline = load.load(EngineSettings(model=str(tmp_path), device="cpu"))
    assert pipeline.components.profile.name == tmp_path.name


def test_a_break_in_the_middle_costs_only_the_shard_it_was_in(hub: Path, tmp_path: Path) -> None:
    said(hub, tmp_path)
    done = next((tmp_path / "transformer").glob("*00001-of*.safetensors"))
    broken = next((tmp_path / "transformer").glob("*00002-of*.safetensors"))
    stamp = done.stat().st_mtime_ns
    broken.replace(broken.with_name(broken.name + prepare.PART))
    lines = said(hub, tmp_path)
    assert [line.split(": ")[0] for line in lines if not line.endswith("is there already")] == [str(broken)]
    assert done.stat().st_mtime_ns == stamp


def test_a_shard_cut_short_or_of_another_dtype_is_made_again(hub: Path, tmp_path: Path) -> None:
    said(hub, tmp_path, "fp16")
    file = next((tmp_path / "vae").glob("*.safetensors"))
    said(hub, tmp_path)
    assert all(tensor.dtype == torch.bfloat16 for tensor in load_file(file).values())
    file.write_bytes(file.read_bytes()[:-100])
    said(hub, tmp_path)
    assert load_file(file)


def test_a_value_too_large_for_half_precision_is_refused_by_name(tmp_path: Path) -> None:
    source = tmp_path / "model"
    (source / "vae").mkdir(parents=True)
    save_file(
        {"weight": torch.tensor([1.0, 1e6]), "steps": torch.tensor([3])}, source / "vae" / "a.safetensors"
    )
    with pytest.raises(EngineError, match="weight has values too large for F16; use bf16"):
        said(source, tmp_path / "out", "fp16")
    assert not list((tmp_path / "out").rglob("*.safetensors"))
    said(source, tmp_path / "out")
    assert load_file(tmp_path / "out" / "vae" / "a.safetensors")["steps"].dtype == torch.int64


def test_the_command_line_says_what_to_do_next(
    hub: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["prepare", str(hub), "--out", str(tmp_path / "out")]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == f'ready: set model.name = "{tmp_path / "out"}"'
    assert main(["prepare", str(hub), "--out", str(hub)]) == 1
    assert "is the model itself" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["prepare", str(hub), "--dtype", "int3", "--out", "x"])
