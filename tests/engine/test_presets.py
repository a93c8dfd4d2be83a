"""The preset of public files: which form suits a machine, and what stands in the settings for it."""

import hashlib
import re
from collections import namedtuple
from collections.abc import Iterator
from pathlib import Path

import pytest
from safetensors.torch import save_file

from engine.embedded import WEIGHTS
from engine.files import hub, published
from engine.files.hub import RemoteFile
from engine.files.published import FORMS, Form
from engine.memory.plan import GIB, PlanRequest
from engine.memory.probe import Facts
from engine.models import presets, sources
from engine.models.describe import describe
from engine.models.profiles import profile
from engine.models.registry import kind
from engine.models.zimage.load import load
from engine.pictures import codec
from engine.types import EngineError, EngineSettings, Generate
from lab import single_files as samples
from tests.engine.memory.test_plan import card, cpu
from tests.engine.zimage.conftest import drawn
from tests.loopback_hub import LoopbackHub, serving

PRESET = EngineSettings(model="z-image-turbo")
ROOT = Path(__file__).parents[2]
Usage = namedtuple("Usage", "total used free")


@pytest.fixture(autouse=True)
def remote(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LoopbackHub]:
    with serving() as server:
        server.point(monkeypatch, tmp_path)
        yield server


def fetched(remote: LoopbackHub, monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    """Have the files of these forms here, small ones in place of the published."""
    for name, form in FORMS.items():
        for file in form:
            remote.files[file.repository, file.file] = f"{name} {file.file}".encode()
        monkeypatch.setitem(FORMS, name, Form(*(file._replace(sha256="") for file in form)))
    for name in names:
        for file in FORMS[name]:
            file.fetch()


def facts(gib: float, host: float = 28) -> Facts:
    return card(gib, host=host)


@pytest.mark.parametrize(
    ("gib", "form"),
    [
        (3, "q2_k"),
        (5, "q3_k"),
        (6, "q4_k"),
        (8, "q6_k"),
        (12, "q8_0"),
        (16, "q8_0"),
        (24, "bf16"),
        (80, "bf16"),
    ],
)
def test_a_card_gets_the_best_form_that_it_holds(gib: float, form: str) -> None:
    assert presets.suited(facts(gib), PlanRequest()) == form


@pytest.mark.parametrize(("gib", "form"), [(64, "bf16"), (26, "bf16"), (16, "q8_0"), (13, "q6_k")])
def test_so_does_a_machine_without_one(gib: float, form: str) -> None:
    assert presets.suited(cpu(gib), PlanRequest()) == form


def test_what_holds_no_form_at_all_is_refused_with_what_the_smallest_needs() -> None:
    with pytest.raises(EngineError, match=r"the smallest plan .* needs") as caught:
        presets.suited(cpu(4), PlanRequest())
    assert caught.value.code == "out_of_memory"


@pytest.mark.parametrize(("gigabytes", "form"), [(30, "bf16"), (20, "q8_0"), (7, "q4_k"), (5.5, "q2_k")])
def test_the_disk_decides_too(gigabytes: float, form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub.shutil, "disk_usage", lambda place: Usage(0, 0, int(gigabytes * 1e9)))
    assert presets.chosen(PRESET, lambda: facts(80)) == form


def test_a_disk_without_room_for_any_form_is_told_before_a_download(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub.shutil, "disk_usage", lambda place: Usage(0, 0, 10**9))
    with pytest.raises(EngineError, match=r"the download takes 5.4 GB and 1.0 GB are free at") as caught:
        sources.find(PRESET)
    assert caught.value.code == "model_missing"


def test_nothing_here_leaves_the_preset_where_nobody_looked_at_the_machine() -> None:
    assert presets.expanded(PRESET, None) == PRESET
    assert sources.here(PRESET) is None


def test_the_files_of_a_form_stand_in_its_place_and_what_was_named_stays() -> None:
    settings = EngineSettings(model="Z-Image-Turbo:Q4_K", vae="mine.safetensors")
    found = presets.expanded(settings, None)
    assert (found.model, found.text_encoder, found.vae) == (
        "leejet/Z-Image-Turbo-GGUF/z_image_turbo-Q4_K.gguf",
        "Qwen/Qwen3-4B-GGUF/Qwen3-4B-Q4_K_M.gguf",
        "mine.safetensors",
    )


@pytest.mark.parametrize(
    ("here", "gib", "form"),
    [
        (("q4_k",), 80, "q4_k"),
        (("q8_0", "q4_k"), 8, "q4_k"),
        (("q8_0",), 6, "q8_0"),
        (("bf16", "q8_0", "q3_k"), 12, "q8_0"),
    ],
)
def test_of_what_is_here_the_best_that_suits_is_taken(
    remote: LoopbackHub, monkeypatch: pytest.MonkeyPatch, here: tuple[str, ...], gib: float, form: str
) -> None:
    fetched(remote, monkeypatch, *here)
    assert presets.chosen(PRESET, lambda: facts(gib)) == form


def test_a_single_transformer_gets_the_parts_that_nobody_named(tmp_path: Path) -> None:
    (tmp_path / "z.gguf").write_bytes(b"GGUF")
    found = presets.expanded(EngineSettings(model=str(tmp_path / "z.gguf")), lambda: facts(12))
    assert found.model == str(tmp_path / "z.gguf")
    assert found.text_encoder == "Qwen/Qwen3-4B-GGUF/Qwen3-4B-Q8_0.gguf"
    assert found.vae == "Comfy-Org/z_image_turbo/split_files/vae/ae.safetensors"


def test_a_published_transformer_gets_the_parts_that_are_published_with_it() -> None:
    found = presets.expanded(
        EngineSettings(model="jayn7/Z-Image-Turbo-GGUF/z_image_turbo-Q4_K_M.gguf"), lambda: facts(80)
    )
    assert found.text_encoder == "Qwen/Qwen3-4B-GGUF/Qwen3-4B-Q4_K_M.gguf"


@pytest.mark.parametrize("base", ["embedded", str(WEIGHTS)])
def test_a_whole_model_as_base_gives_its_own_parts(base: str) -> None:
    settings = EngineSettings(model="some/where/z.gguf", base=base)
    assert presets.expanded(settings, None) == settings


def test_a_form_that_is_none_is_named_with_those_there_are() -> None:
    with pytest.raises(EngineError, match="z-image-turbo has no form 'q9'; known are bf16, q8_0") as caught:
        profile("z-image-turbo:q9")
    assert caught.value.code == "bad_input"


def test_a_folder_of_that_name_is_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "z-image-turbo").mkdir()
    monkeypatch.chdir(tmp_path)
    assert published.form_of("z-image-turbo") is None


def test_the_preset_is_described_as_the_model_it_is() -> None:
    described = profile("z-image-turbo")
    assert (described.name, described.base_size, described.licence) == ("Z-Image-Turbo", 1024, "Apache 2.0")
    assert profile("z-image-turbo:q4_k").name == "Z-Image-Turbo q4_k"
    assert kind("z-image-turbo") == "ZImagePipeline"


def test_before_a_download_the_form_and_its_plan_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.models.describe.probe", lambda device: cpu(16))
    found = describe(PRESET)
    assert (found["form"], found["missing"]) == ("q8_0", FORMS["q8_0"].size)
    assert found["plan"].startswith("float32, weights kept in GGUF; the transformer stays")


def test_every_published_file_has_its_size_and_all_but_one_a_checksum() -> None:
    files = {file for form in FORMS.values() for file in form}
    assert all(file.size > 3e8 for file in files)
    assert [file.file for file in files if len(file.sha256) != 64] == ["z_image_turbo-Q2_K.gguf"]
    assert published.known(RemoteFile(*FORMS["q8_0"].vae[:2])) == FORMS["q8_0"].vae


@pytest.mark.parametrize(
    "line",
    re.findall(r"^\| `(?:bf16|q\d\w+)` .*$", (ROOT / "docs/models.md").read_text("utf-8"), re.MULTILINE),
)
def test_the_documents_table_of_forms_is_what_is_planned(line: str) -> None:
    name, download, by_itself, streamed = (cell.strip() for cell in line.strip("|").split("|"))
    form = name.strip("`")
    assert download == f"{FORMS[form].size / 1e9:.1f} GB"
    plans = presets.on_cards(form)[:3]
    assert (
        streamed == ", ".join(f"{round(plan.streamed_bytes / GIB, 1):g}" for plan in plans if plan) + " GiB"
    )
    for gib in map(int, re.findall(r"\d+", by_itself)):
        assert presets.suited(facts(gib), PlanRequest()) == form


def test_the_preset_is_downloaded_and_draws(
    remote: LoopbackHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    transformer = samples.write_gguf(tmp_path / "z.gguf", samples.comfy(), "Q8_0")
    encoder = samples.write_encoder(tmp_path / "q.gguf", "Q8_0")
    save_file(samples.ldm(), tmp_path / "ae.safetensors")
    small = []
    for file, content in zip(FORMS["q8_0"], (transformer, encoder, tmp_path / "ae.safetensors"), strict=True):
        data = content.read_bytes()
        remote.files[file.repository, file.file] = data
        small.append(file._replace(size=len(data), sha256=hashlib.sha256(data).hexdigest()))
    for name, form in FORMS.items():
        monkeypatch.setitem(FORMS, name, form._replace(vae=small[-1]))
    monkeypatch.setitem(FORMS, "q8_0", Form(*small))
    for config in WEIGHTS.rglob("*"):
        if config.is_file() and config.suffix != ".safetensors":
            name = config.relative_to(WEIGHTS).as_posix()
            remote.files["Tongyi-MAI/Z-Image-Turbo", name] = config.read_bytes()
    pipeline = load(EngineSettings(model="z-image-turbo:q8_0", device="cpu", optimizer="rules"))
    assert pipeline.components.profile.name == "z_image_turbo-Q8_0"
    task = Generate("a red sailboat", width=64, height=64, steps=2, optimize=False, enhance=False)
    assert codec.read(drawn(pipeline, task).png).size == (64, 64)
    remote.refuses = (500, "")
    assert sources.here(PRESET) is not None
