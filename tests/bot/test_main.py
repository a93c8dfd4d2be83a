"""The command line: what it prints and how it exits."""

import asyncio
import io
import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from bot import doctor
from bot.config import Config
from bot.database import DATABASE
from bot.lock import exclusive
from bot.store import Store
from engine import profiles
from engine.metadata import Parameters, write

ROOT = Path(__file__).parents[2]


def blank() -> bytes:
    """A PNG without parameters."""
    file = io.BytesIO()
    Image.new("RGB", (16, 16), "teal").save(file, "PNG")
    return file.getvalue()


def bot(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    settings = {f"ZIMAGE_BOT_{key}": value for key, value in environment.items()}
    return subprocess.run(
        [sys.executable, "-m", "bot", *words],
        cwd=ROOT,
        env=os.environ | settings,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.parametrize(
    ("words", "environment", "said"),
    [
        (["paint"], {}, "paint"),
        (["imagine", "a cat"], {}, "--out"),
        (["imagine", "a cat", "--out"], {}, "--out needs a value"),
        (["imagine", "a cat", "--out", "/no/such/folder/cat.png"], {}, "no such folder"),
        (["info", "/no/such/file.png"], {}, "No such file"),
        (["--config", "/no/such/config.toml"], {}, "no such file"),
        (["run"], {"WEB__PORT": "many"}, "web.port"),
        (["run"], {"WEB__HOST": "0.0.0.0"}, "web.token"),
        (["run"], {"WEB__HOSTS": "pictures.example"}, "web.token"),
        (["run"], {"WEB__PEOPLE__ANN": "short"}, "web.people.ann"),
        (["run"], {"WEB__ENABLED": "false"}, "web.enabled"),
        (["run"], {"MODERATION__BANNED": "/[/"}, "moderation.banned"),
    ],
)
def test_bad_use_is_explained_and_exits_with_two(
    words: list[str], environment: dict[str, str], said: str, tmp_path: Path
) -> None:
    done = bot(*words, DATA_DIR=str(tmp_path), **environment)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_a_taken_port_is_one_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = bot("run", DATA_DIR=str(tmp_path), WEB__PORT=str(taken.getsockname()[1]), LOG_LEVEL="error")
    assert done.returncode == 1
    assert "web.port" in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr


def test_a_second_bot_on_the_same_data_is_refused(tmp_path: Path) -> None:
    with exclusive(tmp_path):
        done = bot("run", DATA_DIR=str(tmp_path), WEB__PORT="0")
    assert done.returncode == 2
    assert str(tmp_path) in done.stderr


def test_info_prints_what_a_picture_carries(tmp_path: Path) -> None:
    file = tmp_path / "cat.png"
    file.write_bytes(write(blank(), Parameters(prompt="a cat", original="猫", seed=7)))
    done = bot("info", str(file))
    assert done.returncode == 0
    told = json.loads(done.stdout)
    assert (told["prompt"], told["original"], told["seed"]) == ("a cat", "猫", 7)


def test_info_on_a_picture_without_parameters_fails_kindly(tmp_path: Path) -> None:
    file = tmp_path / "plain.png"
    file.write_bytes(blank())
    done = bot("info", str(file))
    assert done.returncode == 1
    assert "carries no parameters" in done.stderr


def test_the_doctor_finds_a_healthy_demo_healthy(tmp_path: Path) -> None:
    config = Config(data_dir=tmp_path / "data")
    findings = asyncio.run(doctor.examine(config, profiles.locate("embedded")))
    subjects = {finding.subject: finding.grade for finding in findings}
    assert {"python", "packages", "device", "plan", "memory", "model", "database", "disk", "web"} <= set(
        subjects
    )
    assert not [str(finding) for finding in findings if finding.grade == "problem"]
    assert not config.data_dir.exists()


async def test_the_doctor_reads_the_database_of_a_bot_that_is_not_running(tmp_path: Path) -> None:
    async with Store.open(tmp_path):
        pass
    findings = await doctor.examine(Config(data_dir=tmp_path), None)
    [database] = [finding for finding in findings if finding.subject == "database"]
    assert (database.grade, database.text) == ("ok", f"{tmp_path / DATABASE}, 0 jobs")


async def test_the_doctor_tells_the_plan_and_refuses_what_cannot_fit() -> None:
    fits = {"plan": "bfloat16; all stays", "peak": 21 * doctor.GIB, "host": 2 * doctor.GIB, "side": 1024}
    [plan] = doctor.plan(fits | {"why": "23 GiB free"})
    assert plan.grade == "ok"
    assert "1024×1024 takes 21.0 GiB there and 2.0 GiB of main memory (23 GiB free)" in plan.text
    [refused] = doctor.plan({"refusal": "the smallest plan needs 9.0 GiB"})
    assert (refused.grade, refused.text) == ("problem", "the smallest plan needs 9.0 GiB")
    assert not list(doctor.plan({}))


def test_the_doctor_names_a_missing_model_and_the_way_out(tmp_path: Path) -> None:
    done = bot("doctor", DATA_DIR=str(tmp_path), MODEL__NAME="/no/such/model")
    assert done.returncode == 1
    assert "there is no model at /no/such/model" in done.stdout
    assert "model.name" in done.stdout
