"""The README's tables say what the code does."""

import os
import re
from pathlib import Path

import pytest
import yaml

from bot.locales.texts import Texts
from bot.replies.keyboard import EMOJIS
from bot.requests import flags, tasks
from bot.requests.commands import COMMANDS
from bot.storage import pictures
from bot.types import Params
from engine.pictures import codec
from engine.types import LONGEST_UPSCALED
from tests.adapters.discord import faults as discord
from tests.adapters.telegram import faults as telegram

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text("utf-8")


def test_the_readme_lists_every_command_with_its_chinese_names() -> None:
    texts = Texts()
    rows = re.findall(r"^\| `/(\w+)[^|]*\| ([^|]*) \|", README, re.MULTILINE)
    chinese = {entry.name: texts.words("zh", f"command-{entry.name}.words") for entry in COMMANDS}
    assert {name: tuple(words.split()) for name, words in rows} == chinese


def test_the_readme_lists_every_flag() -> None:
    rows = re.findall(r"^\| `--(\w+)` \|", README, re.MULTILINE)
    assert sorted(rows) == sorted(flag.names[0] for flag in flags.FLAGS if not flag.ignored)


def test_the_readme_states_the_defaults() -> None:
    rows = dict(re.findall(r"^\| `--(\w+)` \|.*\| ([^|]+) \|$", README, re.MULTILINE))
    default = Params("")
    assert float(rows["steps"]) == default.steps
    assert float(rows["cfg"]) == default.guidance_scale
    assert float(rows["count"]) == default.count
    assert float(rows["strength"]) == default.strength
    assert (
        [rows["optimize"], rows["enhance"]] == ["on", "on"] if default.optimize and default.enhance else False
    )


def test_the_readme_lists_every_button_under_a_picture() -> None:
    rows = dict(re.findall(r"^\| (\S+) \| (reroll|vary|upscale|edit|info|delete)\b", README, re.MULTILINE))
    assert {word: emoji for emoji, word in rows.items()} == {word: EMOJIS[word] for word in rows.values()}
    assert len(rows) == 6


@pytest.mark.parametrize(
    "file",
    [
        "README.md",
        "CONTRIBUTING.md",
        "docs/architecture.md",
        *sorted(f"docs/decisions/{path.name}" for path in (ROOT / "docs/decisions").glob("*.md")),
    ],
)
def test_every_path_that_is_named_is_there(file: str) -> None:
    text = (ROOT / file).read_text("utf-8")
    for link in re.findall(r"\]\((?!https?:)([^)#]+)", text):
        assert ((ROOT / file).parent / link).exists(), link
    for path in re.findall(r"`((?:bot|engine|adapters|lab|tests|docs)/[\w/.]+)`", text):
        assert (ROOT / path).exists(), path


def test_the_fault_tables_are_those_that_are_tried() -> None:
    text = (ROOT / "docs" / "faults.md").read_text("utf-8")
    tables, _, others = text.partition("## The machine")
    rows = re.findall(r"^\| (.+) \| (.+) \| (.+) \|$", tables, re.MULTILINE)
    tried = [(row.fault, row.where, row.outcome) for row in (*discord.ROWS, *telegram.ROWS)]
    assert [row for row in rows if row[0] != "fault"] == tried
    tests = Path(__file__).parent
    for name in re.findall(r"`((?:bot|engine|web|discord|telegram)/[\w/]+\.py)`", others):
        assert list(tests.glob(f"{name}")) or list(tests.glob(f"adapters/{name}")), name


def test_the_page_on_upscaling_states_the_limits() -> None:
    text = " ".join((ROOT / "docs" / "upscaling.md").read_text("utf-8").split())
    mega = 10**6
    assert f"of up to {pictures.MAX_BYTES // mega} MB and {pictures.MAX_PIXELS // mega} megapixels" in text
    assert f"{tasks.MAX_UPSCALED // mega} megapixels and {LONGEST_UPSCALED} pixels on its longer side" in text
    assert f"JPEG and WebP of up to {codec.LARGEST_PIXELS // mega} megapixels" in text


def test_the_workflow_runs_scripts_that_are_there() -> None:
    workflow = yaml.safe_load((ROOT / ".github/workflows/check.yml").read_text("utf-8"))
    scripts = [
        step["run"].split()[0] for job in workflow["jobs"].values() for step in job["steps"] if "run" in step
    ]
    assert scripts == [".ci/run", ".ci/quick"]
    assert all(os.access(ROOT / script, os.X_OK) for script in scripts)


def test_every_make_target_that_is_named_is_there() -> None:
    targets = re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
    for file in (
        "README.md",
        "CONTRIBUTING.md",
        ".pre-commit-config.yaml",
        ".github/pull_request_template.md",
    ):
        text = (ROOT / file).read_text("utf-8")
        named = re.findall(r"(?:^|`|entry: )make ([\w-]+)", text, re.MULTILINE)
        assert named, file
        assert set(named) <= set(targets), file


@pytest.mark.parametrize(
    "file", sorted((ROOT / ".github/ISSUE_TEMPLATE").glob("*.yml")), ids=lambda file: file.stem
)
def test_the_forms_are_forms(file: Path) -> None:
    form = yaml.safe_load(file.read_text("utf-8"))
    assert form.keys() == {"blank_issues_enabled"} or form.keys() >= {"name", "description", "body"}
    assert [field["type"] for field in form.get("body", []) if not field["attributes"]["label"]] == []
