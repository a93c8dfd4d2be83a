"""The command line: what it prints and how it exits."""

import asyncio
import io
import json
import locale
import os
import signal
import socket
import sys
from collections.abc import AsyncGenerator
from importlib.metadata import version
from pathlib import Path

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from bot import wiring
from bot.replies.shrink import encoded
from bot.setup import doctor, imagine
from bot.setup.config import Config, load
from bot.storage.database import DATABASE
from bot.storage.jobs import JobStore
from bot.storage.lock import exclusive
from bot.types import Params
from engine.fake import FakeEngine
from engine.models import profiles
from engine.pictures.metadata import Parameters, write
from engine.types import Event, ModelProfile, Progress, Task
from tests.bot.conftest import Bot

has_full_disk = pytest.mark.skipif(not Path("/dev/full").exists(), reason="/dev/full is Linux's")


def blank() -> bytes:
    """A PNG without parameters."""
    file = io.BytesIO()
    Image.new("RGB", (16, 16), "teal").save(file, "PNG")
    return file.getvalue()


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["--help"], ["run", "setup", "doctor", "imagine", "optimize", "info", "--config"]),
        (["-h"], ["run", "setup", "doctor", "imagine", "optimize", "info", "--config"]),
        (["run", "--help"], ["--config"]),
        (["setup", "--help"], ["--config"]),
        (["imagine", "--help"], ["PROMPT", "--out", "--json", "--seed 7", "--config"]),
        (["optimize", "--help"], ["PROMPT", "--config"]),
        (["info", "--help"], ["FILE", "--config"]),
        (["doctor", "--help"], ["--config"]),
        (["models", "--help"], ["fetch", "remove", "--config"]),
        (["models", "fetch", "--help"], ["NAME", "--form", "--config"]),
    ],
)
def test_every_command_has_its_help(bot: Bot, words: list[str], named: list[str]) -> None:
    done = bot(*words)
    assert (done.status, done.err) == (0, "")
    assert not [each for each in named if each not in done.out]


@pytest.mark.parametrize(
    ("language", "word"), [("zh_CN.UTF-8", "不能是"), ("ja_JP.UTF-8", "使えません"), ("C", "allowed")]
)
def test_a_refusal_is_in_the_terminals_language(
    bot: Bot, monkeypatch: pytest.MonkeyPatch, language: str, word: str
) -> None:
    monkeypatch.setenv("LC_ALL", language)
    done = bot("imagine", "a cat --ar 9:99", "--out", "cat.png", LOG_LEVEL="error")
    assert done.status == 1
    assert word in done.err


@pytest.mark.parametrize(
    ("language", "encoding", "word"),
    [
        ("Chinese (Simplified)_China", "gbk", "不能是"),
        ("Japanese_Japan", "cp932", "使えません"),
        ("Japanese_Japan", "cp1252", "allowed"),
        ("German_Germany", "cp1252", "allowed"),
        (None, "ascii", "allowed"),
    ],
)
def test_without_variables_it_is_the_systems_where_the_terminal_can_show_it(
    bot: Bot, monkeypatch: pytest.MonkeyPatch, language: str | None, encoding: str, word: str
) -> None:
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(locale, "getlocale", lambda: (language, encoding))
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), encoding))
    assert word in bot("imagine", "a cat --ar 9:99", "--out", "cat.png", LOG_LEVEL="error").err


@pytest.mark.parametrize("place", [0, 1])
def test_the_configuration_is_named_before_or_after_the_command(bot: Bot, tmp_path: Path, place: int) -> None:
    (tmp_path / "c.toml").write_text("[web]\nport = 'many'")
    words = ["doctor"]
    words[place:place] = ["--config", str(tmp_path / "c.toml")]
    done = bot(*words)
    assert done.status == 2
    assert done.err.startswith(f"{tmp_path / 'c.toml'}: web.port")


PICTURE = Path(__file__).parents[2] / "docs" / "images" / "chat.png"


@pytest.mark.parametrize(
    ("words", "environment", "reason"),
    [
        (["paint"], {}, "paint"),
        (["imagine", "a cat"], {}, "--out"),
        (["imagine", "", "--out", "cat.png"], {}, "needs a prompt"),
        (["imagine", "a cat", "--out"], {}, "'--out' requires an argument"),
        (["imagine", "a cat", "--out", "/no/such/folder/cat.png"], {}, "no such folder"),
        (["imagine", "a cat", "--out", "cat.gif"], {}, "written as .png, .jpg, .jpeg, .webp, not as .gif"),
        (["optimize", " "], {}, "needs a prompt"),
        (["optimize", "\u200b\u2060"], {}, "needs a prompt"),
        (["imagine", str(PICTURE), "--out", "cat.png"], {}, "chat.png is a picture: imagine takes words"),
        (["optimize", "a cat"], {"MODEL__NAME": "/no/such/model"}, "no such folder"),
        (["imagine", "a cat", "--out", "cat.png"], {"MODEL__NAME": "./model"}, "no such folder"),
        (["run"], {"MODEL__NAME": "tests/model"}, "no such folder"),
        (["run"], {"MODEL__NAME": r"C:\models\mine"}, "no such folder"),
        (["run"], {"MODEL__NAME": __file__}, "is a file"),
        (["setup", "--config", "/no/such/folder/c.toml"], {}, "nothing can be written there"),
        (["info", "/no/such/file.png"], {}, "No such file"),
        (["--config", "/no/such/config.toml"], {}, "no such file"),
        (["run"], {"WEB__PORT": "many"}, "web.port"),
        (["run"], {"DATA_DIR": str(Path(__file__))}, "it is a file; move that away"),
        (["run"], {"DATA_DIR": str(Path(__file__) / "data")}, "a part of this path is a file"),
        (["run"], {"DATA_DIR": "/proc/data"}, "the data directory /proc/data"),
        (["run"], {"WEB__HOST": "0.0.0.0"}, "web.token"),
        (["run"], {"WEB__HOSTS": "pictures.example"}, "web.token"),
        (["run"], {"WEB__PEOPLE__ANN": "short"}, "web.people.ann"),
        (["run"], {"WEB__ENABLED": "false"}, "web.enabled"),
        (["run"], {"MODERATION__BANNED": "/[/"}, "moderation.banned"),
    ],
)
def test_bad_use_is_explained_and_exits_with_two(
    bot: Bot, words: list[str], environment: dict[str, str], reason: str, tmp_path: Path
) -> None:
    done = bot(*words, **{"DATA_DIR": str(tmp_path), **environment})
    assert done.status == 2
    assert reason in done.err
    assert "Traceback" not in done.err


@pytest.mark.skipif(not hasattr(os, "geteuid") or not os.geteuid(), reason="root may write everywhere")
def test_a_data_directory_that_is_only_read_is_one_line(bot: Bot, tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    done = bot("run", DATA_DIR=str(tmp_path / "data"))
    assert (done.status, done.out) == (2, "")
    [line] = done.err.splitlines()
    assert "give this user write access" in line


def test_a_file_that_is_in_the_way_is_named_in_one_line(bot: Bot, tmp_path: Path) -> None:
    (tmp_path / "pictures").touch()
    done = bot("run", DATA_DIR=str(tmp_path))
    assert done == (2, "", f"{tmp_path / 'pictures' / 'inputs'}: Not a directory\n")


def test_the_version_is_printed(bot: Bot) -> None:
    assert bot("--version") == (0, f"zimage-bot {version('zimage-bot')}\n", "")


def test_rules_write_prompts_without_a_model(bot: Bot, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(wiring, "_engine")
    done = bot("optimize", "夕阳下海上的一艘红色帆船")
    assert done == (0, "a red sailboat on the sea at sunset\n", "")
    done = bot("optimize", "夕阳下的猫", MODEL__NAME="an/absent-model", MODEL__OPTIMIZER="rules")
    assert done.out.startswith("a cat")


@pytest.mark.parametrize("form", ["JPEG", "WEBP"])
def test_a_picture_that_is_no_png_carries_its_parameters_too(bot: Bot, tmp_path: Path, form: str) -> None:
    file = tmp_path / "cat"
    file.write_bytes(encoded(write(blank(), Parameters(prompt="猫", seed=7)), form))
    found = json.loads(bot("info", str(file)).out)
    assert (found["prompt"], found["seed"]) == ("猫", 7)


async def no_device(config: Config) -> dict[str, object]:
    """Find what `doctor.probe` finds where torch does not start, without the seconds that takes."""
    return {}


@pytest.mark.parametrize("encoding", ["gbk", "cp1252", "ascii"])
@pytest.mark.parametrize("command", ["optimize", "info", "doctor", "--help"])
def test_no_character_stops_the_output(
    bot: Bot, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, encoding: str, command: str
) -> None:
    file, written = tmp_path / "cat.png", io.BytesIO()
    file.write_bytes(write(blank(), Parameters(prompt="a 😀 cat", original="猫é")))
    words = {"optimize": ['"😀 猫 é" on a sign'], "info": [str(file)]}.get(command, [])
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding))
    monkeypatch.setattr(doctor, "probe", no_device)
    done = bot(command, *words)
    sys.stdout.flush()
    text = written.getvalue().decode(encoding)
    assert text
    assert "Traceback" not in done.err
    assert command != "info" or json.loads(text)["prompt"] == "a 😀 cat"


@pytest.mark.parametrize(
    ("suffix", "form"), [(".jpg", "JPEG"), (".JPEG", "JPEG"), (".webp", "WEBP"), ("", "PNG")]
)
def test_a_picture_is_written_as_its_name_says(
    bot: Bot, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, suffix: str, form: str
) -> None:
    monkeypatch.setattr(wiring, "_engine", lambda *_: FakeEngine(16))
    file = tmp_path / f"cat{suffix}"
    assert bot("imagine", "a red boat", "--seed", "7", "--size", "64x64", "--out", str(file)).status == 0
    with Image.open(file) as image:
        assert image.format == form


def test_a_taken_port_is_one_line(bot: Bot, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = bot("run", DATA_DIR=str(tmp_path), WEB__PORT=str(taken.getsockname()[1]), LOG_LEVEL="error")
    assert done.status == 1
    assert "web.port" in done.err.splitlines()[-1]
    assert "Traceback" not in done.err


def test_a_second_bot_on_the_same_data_is_refused(bot: Bot, tmp_path: Path) -> None:
    with exclusive(tmp_path):
        done = bot("run", DATA_DIR=str(tmp_path), WEB__PORT="0")
    assert done.status == 2
    assert str(tmp_path) in done.err


def test_info_prints_what_a_picture_carries(bot: Bot, tmp_path: Path) -> None:
    file = tmp_path / "cat.png"
    file.write_bytes(write(blank(), Parameters(prompt="a cat", original="猫", seed=7)))
    done = bot("info", str(file))
    assert done.status == 0
    found = json.loads(done.out)
    assert (found["prompt"], found["original"], found["seed"]) == ("a cat", "猫", 7)


def test_info_on_a_picture_without_parameters_is_one_line(bot: Bot, tmp_path: Path) -> None:
    file = tmp_path / "plain.png"
    file.write_bytes(blank())
    done = bot("info", str(file))
    assert done.status == 1
    assert "carries no parameters" in done.err


def foreign() -> bytes:
    """A PNG with parameters of nobody we know."""
    info, file = PngInfo(), io.BytesIO()
    info.add_text("parameters", '{"a": 1}')
    Image.new("RGB", (16, 16)).save(file, "PNG", pnginfo=info)
    return file.getvalue()


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (None, "is no file"),
        (b"", "is empty"),
        (b"words", "carries no parameters"),
        (foreign(), "another program's"),
    ],
)
def test_info_says_in_one_line_why_a_file_tells_nothing(
    bot: Bot, tmp_path: Path, data: bytes | None, reason: str
) -> None:
    file = tmp_path / "cat.png"
    file.mkdir() if data is None else file.write_bytes(data)
    done = bot("info", str(file))
    assert (done.status, done.out) == (1, "")
    [line] = done.err.splitlines()
    assert line.startswith(f"{file}: ")
    assert reason in line


def test_info_does_not_read_what_is_too_large_for_a_picture(tmp_path: Path) -> None:
    file = tmp_path / "disk.img"
    with file.open("wb") as sparse:
        sparse.truncate(imagine.LARGEST_FILE + 1)
    with pytest.raises(imagine.Unreadable, match=r"0\.5 GB"):
        imagine.info(file)


def test_a_picture_is_named_in_a_folder_and_never_in_place_of_another(tmp_path: Path) -> None:
    assert imagine.place(tmp_path / "cat.png", 7) == tmp_path / "cat.png"
    assert imagine.place(tmp_path, 7) == tmp_path / "zimage-7.png"
    (tmp_path / "zimage-7.png").touch()
    (tmp_path / "zimage-7-2.png").touch()
    assert imagine.place(tmp_path, 7) == tmp_path / "zimage-7-3.png"


@has_full_disk
async def test_a_picture_that_does_not_fit_on_the_disk_leaves_no_half(tmp_path: Path) -> None:
    full = tmp_path / "full.png"
    full.symlink_to("/dev/full")
    profile = ModelProfile("small", base_size=64, max_size=256)
    with pytest.raises(OSError, match="No space left"):
        await imagine.imagine(FakeEngine(16), profile, "a cat", Params("", steps=1), full, print, print)


@pytest.mark.torch
def test_a_picture_is_drawn_into_a_folder_and_reported_as_json(bot: Bot, tmp_path: Path) -> None:
    flags = ("--seed", "7", "--steps", "1", "--json", "--size", "64x64")
    done = bot("imagine", "a red", "boat", *flags, "--out", str(tmp_path), LOG_LEVEL="error")
    assert (done.status, [file.name for file in tmp_path.iterdir()]) == (0, ["zimage-7.png"])
    [drawn] = json.loads(done.out)
    assert (drawn["prompt"], drawn["seed"], drawn["width"]) == ("a red boat", 7, 64)
    assert done.err.splitlines() == ["Added a place.", "Added a time of day.", "Added light."]


class Interrupted(FakeEngine):
    """Somebody presses Ctrl+C once it draws."""

    async def run(self, task: Task) -> AsyncGenerator[Event, None]:
        signal.raise_signal(signal.SIGINT)
        await asyncio.get_running_loop().create_future()
        yield Progress(1, 8)


def test_ctrl_c_is_silent(bot: Bot, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(wiring, "_engine", lambda *_: Interrupted(16))
    assert bot("imagine", "a red boat", "--out", str(tmp_path)) == (130, "", "")


@has_full_disk
def test_a_disk_that_is_full_is_one_line(bot: Bot, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wiring, "_engine", lambda *_: FakeEngine(16))
    words = ("a red boat", "--steps", "1", "--size", "64x64", "--out", "/dev/full")
    done = bot("imagine", *words, LOG_LEVEL="error")
    assert done.status == 1
    assert done.err.splitlines()[-1].startswith("--out /dev/full: No space left on device; choose")
    assert "Traceback" not in done.err


@pytest.mark.torch
def test_the_doctor_finds_a_healthy_demo_healthy(tmp_path: Path) -> None:
    config = Config(data_dir=tmp_path / "data")
    findings = doctor.examine(asyncio.run(doctor.probe(config)), config, profiles.locate("embedded"))
    subjects = {finding.subject: finding.grade for finding in findings}
    assert {"python", "packages", "device", "plan", "memory", "model", "database", "disk", "web"} <= set(
        subjects
    )
    assert not [str(finding) for finding in findings if finding.grade == "problem"]
    assert not config.data_dir.exists()


async def test_the_doctor_reads_the_database_of_a_bot_that_is_not_running(tmp_path: Path) -> None:
    async with JobStore.open(tmp_path):
        pass
    findings = doctor.examine({}, Config(data_dir=tmp_path), None)
    [database] = [finding for finding in findings if finding.subject == "database"]
    assert (database.grade, database.text) == ("ok", f"{tmp_path / DATABASE}, 0 jobs")


async def test_the_doctor_tells_the_plan_and_refuses_what_cannot_fit() -> None:
    fits = {"plan": "bfloat16; all stays", "peak": 21 * doctor.GIB, "host": 2 * doctor.GIB, "side": 1024}
    [plan] = doctor.plan(fits | {"why": "23 GiB free"}, Config())
    assert plan.grade == "ok"
    assert "1024×1024 takes 21.0 GiB there and 2.0 GiB of main memory (23 GiB free)" in plan.text
    [refused] = doctor.plan({"refusal": "the smallest plan needs 9.0 GiB"}, Config())
    assert (refused.grade, refused.text) == ("problem", "the smallest plan needs 9.0 GiB")
    assert not list(doctor.plan({}, Config()))


def test_the_doctor_names_what_a_model_lacks_and_fails(bot: Bot, tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    done = bot("doctor", DATA_DIR=str(tmp_path), MODEL__NAME=str(tmp_path / "model"))
    assert (done.status, done.err) == (1, "")
    assert f"{tmp_path / 'model'} lacks tokenizer" in done.out


def test_the_doctor_asks_the_platforms_that_have_a_token(
    bot: Bot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "probe", no_device)
    unreachable = "http://127.0.0.1:9"
    done = bot(
        "doctor",
        DATA_DIR=str(tmp_path),
        DISCORD__TOKEN="two words",
        TELEGRAM__TOKEN="123456:good",
        TELEGRAM__BASE_URL=f"{unreachable}/bot",
        TELEGRAM__PROXY="none",
    )
    assert "✗ discord   discord.token is not accepted by Discord" in done.out
    assert "· telegram  cannot be asked: " in done.out


def test_a_platform_whose_library_cannot_be_used_is_a_problem(
    bot: Bot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fails(settings: object) -> None:
        raise RuntimeError("no SOCKS here for a-token")

    monkeypatch.setattr(doctor, "probe", no_device)
    monkeypatch.setattr("adapters.discord.examine.examine", fails)
    done = bot("doctor", DATA_DIR=str(tmp_path), DISCORD__TOKEN="a-token")
    assert "✗ discord   its library cannot be used: RuntimeError('no SOCKS here for [redacted]')" in done.out


async def unasked(module: str, argument: str) -> None:
    """Stand for an engine that says nothing."""


@pytest.mark.parametrize(
    ("language", "line"),
    [("C", "Written: "), ("zh_CN.UTF-8", "已写入 "), ("ja_JP.UTF-8", "に書き込みました")],
)
def test_setup_writes_what_was_typed(
    bot: Bot, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, language: str, line: str
) -> None:
    async def good(settings: object) -> list[doctor.Finding]:
        return [doctor.Finding("ok", "telegram", "good")]

    file = tmp_path / "new.toml"
    monkeypatch.setenv("LC_ALL", language)
    monkeypatch.setattr(sys, "stdin", io.StringIO("\n\n123456:abc\n"))
    monkeypatch.setattr("adapters.telegram.examine.examine", good)
    monkeypatch.setattr(doctor, "ask", unasked)
    done = bot("setup", "--config", str(file))
    assert done.status == 0
    assert line in done.out
    assert f" -m bot run --config {file}" in done.out
    assert load(file, {}).telegram.token == "123456:abc"


def test_ctrl_c_at_a_question_changes_nothing(
    bot: Bot, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    class Keyboard(io.StringIO):
        """Somebody presses Ctrl+C in place of a line."""

        def readline(self, size: int | None = -1) -> str:
            signal.raise_signal(signal.SIGINT)
            raise AssertionError("the question waits for the end of the line")

    monkeypatch.setattr(sys, "stdin", Keyboard())
    monkeypatch.setattr(doctor, "ask", unasked)
    done = bot("setup", "--config", str(tmp_path / "config.toml"))
    assert (done.status, done.err) == (130, "")
    assert list(tmp_path.iterdir()) == []


def test_setup_without_a_person_changes_nothing(
    bot: Bot, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "config.toml"
    file.write_text("log_level = 'error'")
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    monkeypatch.setattr(doctor, "ask", unasked)
    assert "Nothing was changed" in bot("setup", "--config", str(file)).out
    assert file.read_text() == "log_level = 'error'"
