"""The documentation says what the code does, names what is there, and is the same in its languages."""

import os
import re
import tomllib
from itertools import chain
from pathlib import Path
from typing import get_args

import pytest
import yaml

from adapters.web.door import CODES
from adapters.web.payload import CONTROLS
from bot.__main__ import app
from bot.locales.texts import Texts
from bot.replies.keyboard import EMOJIS
from bot.replies.refusals import REFUSALS, Refusal
from bot.requests import flags, tasks
from bot.requests.commands import COMMANDS
from bot.setup import config
from bot.storage import pictures
from bot.types import Params, RefusalCode
from engine.pictures import codec
from engine.types import LONGEST_UPSCALED, ErrorCode
from tests import settings_page
from tests.adapters.discord import faults as discord
from tests.adapters.telegram import faults as telegram
from tests.crash import faults as crash

ROOT = Path(__file__).parents[1]
PAGES = sorted(str(page.relative_to(ROOT)) for page in (*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")))
USING = (ROOT / "docs" / "using.md").read_text("utf-8")
FENCE = re.compile(r"^ *```(\w*)\n(.*?)^ *```", re.MULTILINE | re.DOTALL)


def test_the_page_on_using_lists_every_command_with_its_chinese_names() -> None:
    texts = Texts()
    rows = re.findall(r"^\| `/(\w+)[^|]*\| ([^|]*) \|", USING, re.MULTILINE)
    chinese = {entry.name: texts.words("zh", f"command-{entry.name}.words") for entry in COMMANDS}
    assert {name: tuple(words.split()) for name, words in rows} == chinese


def test_the_page_on_using_lists_every_flag() -> None:
    rows = re.findall(r"^\| `--(\w+)` \|", USING, re.MULTILINE)
    assert sorted(rows) == sorted(flag.names[0] for flag in flags.FLAGS if not flag.ignored)


def test_the_page_on_using_states_the_defaults() -> None:
    rows = dict(re.findall(r"^\| `--(\w+)` \|.*\| ([^|]+) \|$", USING, re.MULTILINE))
    default = Params("")
    assert float(rows["steps"]) == default.steps
    assert float(rows["cfg"]) == default.guidance_scale
    assert float(rows["count"]) == default.count
    assert float(rows["strength"]) == default.strength
    assert (
        [rows["optimize"], rows["enhance"]] == ["on", "on"] if default.optimize and default.enhance else False
    )


def test_the_page_on_using_lists_every_button_under_a_picture() -> None:
    rows = dict(re.findall(r"^\| (\S+) \| (reroll|vary|upscale|edit|info|delete)\b", USING, re.MULTILINE))
    assert {word: emoji for emoji, word in rows.items()} == {word: EMOJIS[word] for word in rows.values()}
    assert len(rows) == 6


@pytest.mark.parametrize("file", PAGES)
def test_every_path_that_is_named_is_there(file: str) -> None:
    text = (ROOT / file).read_text("utf-8")
    for link, anchor in re.findall(r"\]\((?!https?:)([^)#]*)#?([^)]*)\)", text):
        page = (ROOT / file).parent / link if link else ROOT / file
        assert page.exists(), link
        assert not anchor or anchor in anchors(page), f"{link}#{anchor}"
    for path in re.findall(r"`((?:bot|engine|adapters|lab|tests|docs)/[\w/.]+)`", text):
        # The page on faults names tests as seen from their folder.
        assert (ROOT / path).exists() or (ROOT / "tests" / path).exists(), path


def anchors(page: Path) -> set[str]:
    """Return how GitHub names the headings of a page."""
    headings = re.findall(r"^#+ (.+)$", page.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("file", PAGES)
def test_every_piece_of_configuration_is_one(file: str, tmp_path: Path) -> None:
    for kind, text in FENCE.findall((ROOT / file).read_text("utf-8")):
        if kind == "toml":
            (tmp_path / "config.toml").write_text(text, "utf-8")
            config.load(tmp_path / "config.toml", {})


@pytest.mark.parametrize("file", PAGES)
def test_every_setting_and_command_that_is_named_is_there(file: str) -> None:
    text = (ROOT / file).read_text("utf-8")
    settings = {key for key, _, _ in config.leaves(config.Config())}
    sections = {key.partition(".")[0] for key in settings}
    for section, name in re.findall(r"`\[(\w+)\] (\w+)", text):
        assert f"{section}.{name}" in settings or section not in sections, f"[{section}] {name}"
    commands = {command.name for command in (*app.registered_commands, *app.registered_groups)}
    assert {name for name in re.findall(r"python -m bot (\w+)", text) if name != "FILE"} <= commands


@pytest.mark.parametrize("file", [page for page in PAGES if page != "CHANGELOG.md"])
def test_every_program_that_is_named_is_there(file: str) -> None:
    text = (ROOT / file).read_text("utf-8")
    for module in re.findall(r"python -m ((?:bot|engine|lab|tests)[\w.]*)", text):
        path = ROOT / module.replace(".", "/")
        assert path.with_suffix(".py").exists() or (path / "__main__.py").exists(), module


def test_the_page_on_settings_is_made_of_the_settings() -> None:
    assert settings_page.PAGE.read_text("utf-8") == settings_page.page(), "python -m tests.settings_page"


def test_the_page_on_troubles_lists_every_code_with_its_status() -> None:
    text = (ROOT / "docs" / "troubleshooting.md").read_text("utf-8")
    tables = re.split("^(?:Refusals|Failures|The page)", text, flags=re.MULTILINE)[1:]
    rows = (re.findall(r"^\| `([\w-]+)` \| ([^|]+) \|", table, re.MULTILINE) for table in tables)
    refusals, failures, door = map(dict, rows)
    codes = get_args(RefusalCode)
    assert refusals == {code: str(REFUSALS.get(code, Refusal()).status) for code in codes}
    assert sorted(failures) == sorted((*get_args(ErrorCode), "refused", "storage"))
    assert door.pop("bad-request") == "400, 422"
    assert door == {code: str(status) for status, code in CODES.items() if code != "internal"}


def test_the_page_on_the_api_names_every_control() -> None:
    text = (ROOT / "docs" / "api.md").read_text("utf-8")
    assert [name for name in CONTROLS if f"`{name}`" not in text] == ["prompt"]  # another name of `text`


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text("utf-8").splitlines()) <= 120


def test_the_readme_is_the_same_in_chinese() -> None:
    english, chinese = ((ROOT / name).read_text("utf-8") for name in ("README.md", "README.zh.md"))

    def parts(text: str) -> tuple[list[str], list[tuple[str, str]], list[str], list[str]]:
        links = [link for link in re.findall(r"\]\(([^)]+)\)", text) if not link.startswith("README")]
        return (
            re.findall("^#+", text, re.MULTILINE),
            FENCE.findall(text),
            links,
            re.findall("`--[^`]*`", text),
        )

    assert parts(english) == parts(chinese)


def test_the_fault_tables_are_those_that_are_tried() -> None:
    text = (ROOT / "docs" / "faults.md").read_text("utf-8")
    tables, _, others = text.partition("## The machine")
    rows = re.findall(r"^\| (.+) \| (.+) \| (.+) \|$", tables, re.MULTILINE)
    tried = [(row.fault, row.where, row.outcome) for row in (*discord.ROWS, *telegram.ROWS)]
    assert [row for row in rows if row[0] != "fault"] == tried
    kinds = re.findall(r"^\| (.+) \| (.+) \|$", others.partition("Then the faults stop")[0], re.MULTILINE)
    happening = crash.OF_PROGRAMS | crash.AROUND | crash.OF_A_CLUSTER
    assert dict(kinds[1:]) == {
        name: " ".join((fault.__doc__ or "").split()).rstrip(".") for name, fault in happening.items()
    }
    tests = Path(__file__).parent
    for name in re.findall(r"`((?:bot|engine|web|discord|telegram)/[\w/]+\.py)`", others):
        assert list(tests.glob(f"{name}")) or list(tests.glob(f"adapters/{name}")), name


def test_every_threat_names_a_test_that_is_there() -> None:
    text = (ROOT / "docs" / "security.md").read_text("utf-8")
    rows = re.findall(r"^\| (?!who \|)(.+) \|$", text, re.MULTILINE)
    sources = "".join(path.read_text("utf-8") for path in (ROOT / "tests").rglob("test_*.py"))
    there = set(re.findall(r"def (test_\w+)", sources))
    named = [set(re.findall(r"`(test_\w+)`", row)) for row in rows]
    assert [row for row, tests in zip(rows, named, strict=True) if not tests] == []
    assert set().union(*named) - there == set()


def test_every_dependency_has_its_version_in_constraints() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    wanted = [*project["dependencies"], *chain(*project["optional-dependencies"].values())]
    names = {match[0].lower().replace("-", "_") for each in wanted if (match := re.match(r"[\w.-]+", each))}
    files = [
        ROOT / "constraints.txt",
        ROOT / ".ci" / "spandrel.txt",
    ]  # the second of an environment of its own
    pinned = {
        name.lower().replace("-", "_")
        for file in files
        for name in re.findall(r"^([\w.-]+)==", file.read_text("utf-8"), re.MULTILINE)
    }
    assert names - pinned == {"setuptools"}  # which comes with the environment


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
