"""What an operator's programs see: each figure that dashboard and alerts name, and the log as JSON."""

import json
import logging
import os
import re
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace

import aiohttp
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from bot.setup import observed, redact
from bot.setup.config import ConfigError
from bot.types import Refused
from engine.types import Worker
from tests.adapters.web.site import serving
from tests.bot.harness import BotHarness, bot_harness

DEPLOY = Path(__file__).parents[2] / "deploy"
NAME, LABEL = re.compile(r"\bzimage_\w+"), re.compile(r"\b(\w+)\s*(?:!?=~?)\s*\"")
ANYWHERE = "127.0.0.1:0"
ENGINES = [
    SimpleNamespace(pid=os.getpid(), restarted=3, replaced=1),
    SimpleNamespace(pid=None, restarted=0, replaced=0),
]


@asynccontextmanager
async def measured(directory: Path) -> AsyncIterator[tuple[BotHarness, str]]:
    """A bot whose metrics are served."""
    async with bot_harness(directory) as home:
        workers = [Worker("gpu1", "a card", 1, 7, 0.5)]
        present = observed.Gauges(home.core, home.engine, lambda: "ready", lambda: workers, ENGINES)
        async with observed.metrics(ANYWHERE, present) as url:
            yield home, url


async def shown(url: str, **headers: str) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    async with aiohttp.ClientSession() as client, client.get(url, headers=headers) as answer:
        families = text_string_to_metric_families(await answer.text())
        return {
            (sample.name, frozenset(sample.labels.items())): sample.value
            for family in families
            for sample in family.samples
        }


async def played(home: BotHarness) -> None:
    """Have one of everything happen that is counted."""
    home.engine.report = {
        "seconds": {"denoise": 0.5},
        "guards": ["a step was not finite; the step was done again"],
    }
    for prompt in ("a boat", "fail out_of_memory:", "lost once:"):
        await home.ask(prompt)
    home.platform.fail(1)
    await home.core.idle()
    with pytest.raises(Refused):
        await home.ask("forbidden")


async def test_jobs_failures_refusals_and_calls_are_counted(tmp_path: Path) -> None:
    async with measured(tmp_path) as (home, url):
        before = await shown(url)
        await played(home)
        after = await shown(url)

    def more(name: str, **labels: str) -> float:
        key = name, frozenset(labels.items())
        return after[key] - before.get(key, 0.0)

    assert more("zimage_jobs_accepted_total", platform="fake", kind="imagine") == 3
    assert more("zimage_jobs_ended_total", state="finished", code="") == 2
    assert more("zimage_jobs_ended_total", state="failed", code="out_of_memory") == 1
    assert more("zimage_requests_refused_total", code="banned-words") == 1
    assert more("zimage_tasks_lost_total") == 1
    assert more("zimage_pictures_total") == 2
    assert more("zimage_wait_seconds_count") == 2
    assert more("zimage_platform_calls_failed_total", platform="fake", reason="ConnectionError") == 1
    assert more("zimage_stage_seconds_count", stage="denoise") == 2
    assert more("zimage_guard_actions_total", action="the step was done again") == 2
    assert after["zimage_jobs_open", frozenset({("state", "waiting")})] == 0
    assert after["zimage_engine_restarts_total", frozenset({("reason", "lost")})] == 3
    assert after["zimage_memory_bytes", frozenset({("process", "engine")})] > 10**6
    assert after["zimage_memory_bytes", frozenset({("process", "bot")})] > 10**6


def expressions() -> list[str]:
    """Every expression of dashboard and alerts."""
    panels = json.loads((DEPLOY / "grafana" / "dashboard.json").read_text("utf-8"))["panels"]
    groups = yaml.safe_load((DEPLOY / "alerts.yml").read_text("utf-8"))["groups"]
    asked = [target["expr"] for panel in panels for target in panel["targets"]]
    return asked + [rule["expr"] for group in groups for rule in group["rules"]]


async def test_dashboard_and_alerts_name_what_is_shown(tmp_path: Path) -> None:
    async with measured(tmp_path) as (home, url):
        await played(home)
        samples = await shown(url)
    labels: dict[str, set[str]] = {}
    for name, values in samples:
        labels.setdefault(name, set()).update(label for label, _ in values)
    for expression in expressions():
        names = NAME.findall(expression)
        known = set().union(*(labels.get(name, set()) for name in names))
        assert set(names) <= labels.keys(), expression
        grouped = re.findall(r"\bby \(([\w, ]+)\)", expression)
        used = {each.strip() for group in grouped for each in group.split(",")} | set(
            LABEL.findall(expression)
        )
        assert used <= known | {"job"}, expression


@pytest.mark.parametrize("name", ["evil.example", "evil.example:9464", "192.168.1.7"])
async def test_a_page_under_another_name_reads_nothing(tmp_path: Path, name: str) -> None:
    async with (
        measured(tmp_path) as (_, url),
        aiohttp.ClientSession() as client,
        client.get(url, headers={"Host": name}) as answer,
    ):
        assert answer.status == 403


async def test_the_page_does_not_show_them(tmp_path: Path) -> None:
    async with serving(tmp_path) as site, site.client.get("/metrics") as answer:
        assert answer.status == 404


async def test_an_address_that_is_taken_is_told_in_one_line(tmp_path: Path) -> None:
    async with measured(tmp_path) as (home, url):
        taken = url.removeprefix("http://").removesuffix("/metrics")
        other = observed.Gauges(home.core, home.engine, lambda: "ready", tuple, ())
        with pytest.raises(ConfigError, match=r"metrics\.listen = '127.*choose another"):
            async with observed.metrics(taken, other):
                pass


def lines(capsys: pytest.CaptureFixture[str], prompts: bool) -> list[dict[str, object]]:
    """Log an accepted job, a failure and a secret as JSON, and return what was written."""
    logger, handler = logging.getLogger("test.json"), logging.StreamHandler(sys.stderr)
    handler.setFormatter(observed.JsonFormatter(prompts))
    logger.addHandler(handler)
    logger.propagate = False
    redact._protect(handler, redact.Redactor(["hunter2hunter2"]))
    try:
        logger.warning("job %d: accepted", 12, extra={"prompt": "a boat"})
        logger.warning("job %d: accepted", 13, extra={"prompt": "a boat"})
        try:
            raise ValueError("hunter2hunter2")
        except ValueError:
            logger.exception("it failed with hunter2hunter2\nin two lines")
    finally:
        logger.removeHandler(handler)
        logger.propagate = True
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def test_the_log_as_json_has_job_numbers_and_no_prompt(capsys: pytest.CaptureFixture[str]) -> None:
    first, second, failed = lines(capsys, prompts=False)
    assert (first["job"], first["level"], first["message"]) == (12, "warning", "job 12: accepted")
    assert first["prompt"] == second["prompt"] != "a boat"
    assert "ValueError" in str(failed["error"])
    assert "hunter2" not in json.dumps([first, second, failed])


def test_prompts_are_in_the_log_where_that_is_configured(capsys: pytest.CaptureFixture[str]) -> None:
    assert lines(capsys, prompts=True)[0]["prompt"] == "a boat"
