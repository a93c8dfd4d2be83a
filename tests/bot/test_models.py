"""`models`: what is listed, fetched from a hub on loopback and removed, and how each ends."""

import hashlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bot.setup import doctor
from bot.setup.config import Config, ModelConfig
from engine.files import hub, upscalers
from engine.files.published import FORMS, Form
from engine.memory.plan import GIB
from engine.memory.probe import Facts
from engine.models import presets
from tests.bot.conftest import Bot
from tests.loopback_hub import LoopbackHub, serving

CARD = Facts("cuda", "a card", int(5.5 * GIB), 6 * GIB, True, 28 * GIB, 28 * GIB)
CONTENT = b"GGUF" * 5000


@pytest.fixture(autouse=True)
def remote(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LoopbackHub]:
    """A hub with small files in place of the published ones, for a machine with a card of 6 GB."""

    async def ask(module: str, argument: str) -> Any:
        return json.loads(json.dumps(presets.listed(CARD)))

    monkeypatch.setattr("huggingface_hub.file_download.time.sleep", lambda seconds: None)
    monkeypatch.setattr("huggingface_hub.constants.DOWNLOAD_CHUNK_SIZE", 1024)
    monkeypatch.setattr(doctor, "ask", ask)
    presets.on_cards.cache_clear()
    with serving() as server:
        server.point(monkeypatch, tmp_path)
        server.add("Tongyi-MAI/Z-Image-Turbo", model_index_dot_json=b"{}", vae__config_dot_json=b"{}")
        for name, form in FORMS.items():
            files = []
            for file in form:
                content = server.files.setdefault(file[:2], f"{file.file} ".encode() * 500)
                files.append(file._replace(sha256=hashlib.sha256(content).hexdigest()))
            monkeypatch.setitem(FORMS, name, Form(*files))
        yield server


def line_of(text: str, name: str) -> list[str]:
    return next(line.split() for line in text.splitlines() if name in line.split())


def test_what_there_is_is_listed_with_what_suits_this_machine(bot: Bot) -> None:
    done = bot("models")
    assert (done.status, done.err) == (0, "")
    assert line_of(done.out, "q4_k") == [
        "*", "q4_k", "6.7", "GB", "no", "0.8", "GiB", "whole", "whole", "whole", "whole", "0.8", "GiB",
    ]  # fmt: skip
    assert line_of(done.out, "qwen3-0.6b")[:4] == ["qwen3-0.6b", "0.6", "GB", "no"]
    assert line_of(done.out, "opus-mt-zh-en")[-2:] == ["BY", "4.0"]


def test_the_form_that_suits_is_fetched_and_then_listed_as_here(bot: Bot, tmp_path: Path) -> None:
    done = bot("models", "fetch", "z-image-turbo")
    assert (done.status, done.out) == (0, '[model] name = "z-image-turbo"\n')
    assert "z-image-turbo:q4_k: 6.7 of 6.7 GB to download to" in done.err
    assert line_of(bot("models").out, "q4_k")[4] == "yes"
    assert "0.0 of 6.7 GB to download" in bot("models", "fetch", "z-image-turbo").err
    assert hub.cached("Tongyi-MAI/Z-Image-Turbo", "model_index.json")


def test_a_form_that_is_named_is_fetched(bot: Bot) -> None:
    done = bot("models", "fetch", "z-image-turbo", "--form", "q4_k_m")
    assert done.out == '[model] name = "z-image-turbo:q4_k_m"\n'
    assert [name for name, form in FORMS.items() if not form.missing] == ["q4_k_m"]


def test_interrupted_at_forty_percent_it_goes_on(bot: Bot, remote: LoopbackHub) -> None:
    remote.breaks_after = 0.4
    done = bot("models", "fetch", "z-image-turbo", "--form", "q3_k")
    assert (done.status, done.out) == (1, "")
    assert "breaks off; check the network and try again" in done.err.splitlines()[-1]
    remote.breaks_after, remote.ranges = None, []
    assert bot("models", "fetch", "z-image-turbo", "--form", "q3_k").status == 0
    length = len(remote.files[FORMS["q3_k"].transformer[:2]])
    assert remote.ranges == [f"bytes={int(length * 0.4) // 1024 * 1024}-"]


def test_other_bytes_fail_in_one_line(bot: Bot, remote: LoopbackHub) -> None:
    name = FORMS["q4_k"].transformer.file
    remote.sent[name] = remote.files[FORMS["q4_k"].transformer[:2]][::-1]
    done = bot("models", "fetch", "z-image-turbo:q4_k")
    assert done.status == 1
    assert done.err.splitlines()[-1].endswith(
        f"{name} came with other bytes than were published; fetch it again"
    )


def test_a_full_disk_is_told_before_anything_is_downloaded(
    bot: Bot, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(hub, "free_space", lambda: (tmp_path, 10**9))
    done = bot("models", "fetch", "z-image-turbo:q8_0")
    assert done.status == 1
    assert f"the download takes 11.2 GB and 1.0 GB are free at {tmp_path}" in done.err
    assert not FORMS["q8_0"].transformer.here()


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("fetch", "z-image"), "'z-image' is none of z-image-turbo, smollm2-135m, qwen3-0.6b"),
        (("fetch", "z-image-turbo", "--form", "q9"), "z-image-turbo has no form 'q9'; known are bf16"),
        (("remove", "nothing"), "'nothing' is none of"),
    ],
)
def test_a_name_that_nobody_knows_is_bad_use(bot: Bot, words: tuple[str, ...], reason: str) -> None:
    done = bot("models", *words)
    assert (done.status, done.out) == (2, "")
    assert reason in done.err


def test_where_no_form_suits_one_has_to_be_named(bot: Bot, monkeypatch: pytest.MonkeyPatch) -> None:
    async def silent(module: str, argument: str) -> None:
        return None

    monkeypatch.setattr(doctor, "ask", silent)
    done = bot("models", "fetch", "z-image-turbo")
    assert done.status == 2
    assert "name one of bf16, q8_0" in done.err
    assert line_of(bot("models").out, "q8_0")[-1] == "no"


def test_what_is_removed_leaves_what_another_form_needs(bot: Bot) -> None:
    for form in ("q4_k", "q3_k"):
        bot("models", "fetch", "z-image-turbo", "--form", form)
    assert "GB freed" in bot("models", "remove", "z-image-turbo", "--form", "q3_k").out
    assert FORMS["q3_k"].transformer.here() is None
    assert not FORMS["q4_k"].missing
    bot("models", "remove", "z-image-turbo")
    assert not [file for form in FORMS.values() for file in form if file.here()]


def test_an_upscaler_that_is_here_is_listed_and_removed(
    bot: Bot, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HOME", str(tmp_path))
    file = upscalers.PRESETS["realesr-animevideov3"].file
    file.parent.mkdir()
    file.write_bytes(bytes(4 * 10**7))
    assert (
        bot("models", "fetch", "realesr-animevideov3").out == '[model] upscalers = "realesr-animevideov3"\n'
    )
    assert line_of(bot("models").out, "realesr-animevideov3")[3:] == ["yes", "upscales", "BSD-3-Clause"]
    assert bot("models", "remove", "RealESR-AnimeVideoV3").out == "0.0 GB freed\n"
    assert not file.exists()


def test_a_file_of_any_repository_is_fetched(bot: Bot, remote: LoopbackHub) -> None:
    remote.add("some/writers", small_dot_gguf=CONTENT)
    assert bot("models", "fetch", "some/writers/small.gguf").out == "some/writers/small.gguf is here\n"
    assert bot("models", "remove", "some/writers/small.gguf").out == "0.0 GB freed\n"
    assert hub.cached("some/writers", "small.gguf") is None


def program(folder: Path, remote: LoopbackHub) -> "subprocess.Popen[str]":
    """Start the program with the hub as a mirror; `folder` is all it has."""
    remote.add("some/writers", small_dot_gguf=CONTENT)
    (folder / "config.toml").write_text(f"[model]\nmirror = '{remote.address}'\n")
    kept = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
    return subprocess.Popen(
        [sys.executable, "-m", "bot", "models", "fetch", "some/writers/small.gguf"],
        env=kept | {"HF_HOME": str(folder), "PYTHONPATH": str(Path.cwd())},
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_a_mirror_is_asked_in_the_hubs_place(remote: LoopbackHub, tmp_path: Path) -> None:
    with program(tmp_path, remote) as done:
        assert done.communicate()[0] == "some/writers/small.gguf is here\n"
    [file] = (tmp_path / "hub").glob("models--some--writers/snapshots/*/small.gguf")
    assert file.read_bytes() == CONTENT


@pytest.mark.skipif(os.name != "posix", reason="signals are Unix")
def test_ctrl_c_ends_a_download_at_once(remote: LoopbackHub, tmp_path: Path) -> None:
    remote.silent_after = 0.5
    with program(tmp_path, remote) as running:
        assert remote.reached.wait(60)
        running.send_signal(signal.SIGINT)
        assert running.wait(10) == 130


async def test_the_doctor_names_the_form_and_how_to_fetch_it() -> None:
    config = Config(model=ModelConfig(name="z-image-turbo"))
    found = {"form": "q4_k", "size": 6_696_834_948, "missing": 6_696_834_948}
    [note] = doctor.files(found, config, None)
    assert (note.grade, note.text) == ("note", "z-image-turbo as q4_k is not on this machine yet")
    assert note.fix == (
        "the first start downloads it (6.7 GB); or beforehand: `python -m bot models fetch z-image-turbo`"
    )
    [ok] = doctor.files(found | {"missing": 0}, config, None)
    assert (ok.grade, ok.text) == ("ok", "z-image-turbo as q4_k, 6.7 GB on disk")
