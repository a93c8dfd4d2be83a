"""What the doctor says of speed: measured where something was drawn, else the least it could be."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from bot.setup.config import Config, DefaultsConfig, ModelConfig
from bot.setup.doctor import MOST_LATEST, files, plan, report_device, speed, writer
from bot.storage.database import DATABASE
from bot.storage.jobs import JobStore

ESTIMATED = {"model": "embedded", "side": 1024, "steps": 8, "forward": 0.25, "ceiling": 145e12}


async def drawn(directory: Path, *pictures: tuple[str, int, float]) -> Config:
    """A bot's data directory with finished pictures: report, side and seconds."""
    async with JobStore.open(directory):
        pass
    with closing(sqlite3.connect(directory / DATABASE)) as connection, connection:
        connection.executemany(
            "INSERT INTO pictures (job, number, file, width, height, seed, seconds, report) "
            "VALUES (?, 0, '', ?, ?, 0, ?, ?)",
            [(job, side, side, seconds, report) for job, (report, side, seconds) in enumerate(pictures)],
        )
    return Config(data_dir=directory)


def test_before_anything_was_drawn_the_least_time_is_reported_with_its_source(tmp_path: Path) -> None:
    [finding] = speed(ESTIMATED, Config(data_dir=tmp_path))
    assert finding.grade == "ok"
    assert "1024×1024 takes at least 2 s, 8 steps at the 145 TFLOP/s measured now" in finding.text


@pytest.mark.parametrize(
    ("forward", "least"), [(0.04, "0.32 s"), (1, "8 s"), (30, "4.0 min"), (546, "73 min"), (900, "2.0 h")]
)
def test_a_long_time_is_told_in_minutes_or_hours(tmp_path: Path, forward: float, least: str) -> None:
    [found] = speed(ESTIMATED | {"forward": forward}, Config(data_dir=tmp_path))
    assert f"at least {least}, 8 steps" in found.text


@pytest.mark.parametrize(
    ("cfg", "spares", "guided", "said"),
    [
        (0, True, 1, "; guidance adds 1 to 8 forwards where a prompt refuses something, and none elsewhere"),
        (1.8, True, 1, "; guidance adds 1 to 8 forwards"),
        (0, False, 8, "; guidance adds 8 to 8 forwards"),
        (1, True, 1, ""),
        (0, False, 0, ""),
    ],
)
def test_what_guidance_costs_a_picture_is_reported(cfg: float, spares: bool, guided: int, said: str) -> None:
    known = {"source": "its card", "licence": "", "guidance": 1.8, "spares_guidance": spares}
    config = Config(defaults=DefaultsConfig(cfg=cfg))
    [finding] = plan(ESTIMATED | known | {"guided_steps": guided}, config)
    assert finding.text.partition("(its card)")[2].startswith(said)
    assert ("refuses" in finding.text) is ("refuses" in said)


@pytest.mark.parametrize(("composes", "grades"), [(0, ["ok", "problem"]), (256, ["ok"])])
def test_a_large_model_needs_a_gpu_and_a_small_one_of_ones_own_does_not(
    monkeypatch: pytest.MonkeyPatch, composes: int, grades: list[str]
) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    found = {"device": "cpu", "name": "CPU", "free": 8.0, "total": 8.0, "bfloat16": False, "threads": 2}
    config = Config(model=ModelConfig(name="a folder"))
    assert [each.grade for each in report_device(found | {"composes": composes}, config)] == grades


async def test_what_pictures_of_this_model_and_size_really_took_is_reported_instead(tmp_path: Path) -> None:
    ours, other = '{"model": "embedded"}', '{"model": "another"}'
    pictures = [(ours, 256, 90.0), *[(ours, 128, each) for each in (1.0, 4.0, 2.0)], (other, 128, 60.0)]
    [finding] = speed(ESTIMATED, await drawn(tmp_path, *pictures, ('{"method": "sr"}', 512, 9.0)))
    assert finding.text == "128×128 took 2.0 s (the latest 3 pictures on this machine)"


async def test_only_the_latest_pictures_count(tmp_path: Path) -> None:
    pictures = [('{"model": "embedded"}', 128, seconds) for seconds in [50.0] * 30 + [1.0] * MOST_LATEST]
    [finding] = speed(ESTIMATED, await drawn(tmp_path, *pictures))
    assert finding.text.startswith("128×128 took 1.0 s")


async def test_of_another_model_and_without_a_plan_nothing_is_reported(tmp_path: Path) -> None:
    config = await drawn(tmp_path, ('{"model": "another"}', 128, 1.0))
    assert list(speed({"model": "embedded"}, config)) == []
    assert list(speed({}, config)) == []


def test_how_a_chat_model_would_write_is_reported_or_why_it_cannot() -> None:
    config = Config(model=ModelConfig(optimizer="a/chat-model"))
    how = {"writer": "in 4bit, beside pictures, up to 2 at a time"}
    assert [finding.text for finding in writer(how, config)] == [f"a/chat-model writes them, {how['writer']}"]
    [finding] = writer({"writer": ""}, config)
    assert (finding.grade, finding.text[:29]) == ("problem", "a/chat-model does not fit bes")
    assert "smaller chat model" in finding.fix
    [finding] = writer({"writer_refusal": "it is not on this machine"}, config)
    assert (finding.grade, finding.text) == ("problem", "rules write them: it is not on this machine")
    translating = Config(model=ModelConfig(optimizer="opus-mt-zh-en"))
    [finding] = writer({"writer": "on the CPU"}, translating)
    assert finding.text == "opus-mt-zh-en translates, on the CPU"
    [finding] = writer({"writer_chosen": "rules", "writer_better": "qwen3-0.6b writes better"}, config)
    assert (finding.grade, finding.text, finding.fix) == (
        "note",
        "rules write them",
        "qwen3-0.6b writes better",
    )
    [finding] = writer({"writer_chosen": "qwen3-0.6b", "writer_better": ""}, config)
    assert (finding.grade, finding.text) == ("ok", "qwen3-0.6b writes them")
    assert list(writer({}, config)) == []


def test_what_loading_would_say_of_the_files_stands_in_place_of_a_size(tmp_path: Path) -> None:
    def grades(*checks: tuple[str, str]) -> list[tuple[str, str]]:
        found = {"checks": [{"grade": g, "subject": s, "text": "words"} for g, s in checks]}
        return [(finding.grade, finding.subject) for finding in files(found, Config(), tmp_path)]

    assert grades() == [("ok", "model")]
    assert grades(("problem", "model")) == [("problem", "model")]
    assert grades(("note", "model"), ("problem", "loras")) == [
        ("ok", "model"),
        ("note", "model"),
        ("problem", "loras"),
    ]


@pytest.mark.parametrize(("download", "amount"), [(13_249_000_000, "13.2 GB"), (None, "size unknown")])
def test_a_model_that_is_not_here_has_the_size_that_the_hub_names(download: int | None, amount: str) -> None:
    [finding] = files({}, Config(model=ModelConfig(name="some/model")), None, download)
    assert (finding.grade, finding.subject) == ("note", "model")
    assert finding.fix == f"the first start downloads it ({amount}); or beforehand: `hf download some/model`"


@pytest.mark.torch
def test_a_model_folder_that_is_not_there_is_a_problem() -> None:
    [finding] = files({}, Config(model=ModelConfig(name="/no/such/model")), None)
    assert (finding.grade, finding.text) == ("problem", "there is no model at /no/such/model")
    assert "model.name" in finding.fix
