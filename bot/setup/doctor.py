"""What works and what is missing on this machine, and what to do about each problem. Changes nothing."""

import asyncio
import json
import os
import shutil
import socket
import sqlite3
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from statistics import median
from typing import Any, Literal

import psutil

from bot.setup.build import engine_settings
from bot.setup.config import Config, exposed
from bot.storage import lock
from bot.storage.database import CHECK, DATABASE, UnusableDatabaseError, check, explained

Grade = Literal["ok", "note", "problem"]
GIB = 1024**3
MARKS: dict[Grade, str] = {"ok": "✓", "note": "·", "problem": "✗"}
EMBEDDED_NEEDS = 1.5 * GIB
DISK_NEEDS = 1 * GIB
MOST_LATEST = 20
_LATEST = """
    SELECT width, height, seconds FROM pictures WHERE json_extract(report, '$.model') = :model
    ORDER BY job DESC, number DESC LIMIT :most
"""


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report; `fix` says what to do where `grade` is a problem."""

    grade: Grade
    subject: str
    text: str
    fix: str = ""

    def __str__(self) -> str:
        line = f"{MARKS[self.grade]} {self.subject:<9} {self.text}"
        return f"{line}\n  {'':<9} → {self.fix}" if self.fix else line


def examine(
    device: dict[str, Any],
    config: Config,
    where: Path | None,
    file: Path | None = None,
    download: int | None = None,
    platforms: Sequence[Finding] = (),
) -> list[Finding]:
    """Return every finding.

    `device` is what `probe` returned; `where` is the model's directory on this machine, None when it is not
    here; `file` is the configuration's; `download` is how many bytes the first start downloads, where known;
    `platforms` are the findings of the platforms with a token.
    """
    return [
        _python(),
        *_packages(),
        *report_device(device, config),
        *plan(device, config),
        *speed(device, config),
        *writer(device, config),
        _memory(device),
        *files(device, config, where, download),
        _database(config),
        *_secrets(config, file),
        _disk(config),
        *_platforms(config),
        *platforms,
    ]


async def probe(config: Config) -> dict[str, Any]:
    """Examine, in a process of its own, the device, the model's plan in memory and the files.

    Empty when torch does not start.
    """
    found: dict[str, Any] = await ask("engine.models.examine", json.dumps(asdict(engine_settings(config))))
    return found or {}


async def ask(module: str, argument: str) -> Any:
    """Return what a module of the engine says as JSON, in a process of its own; None where it cannot run."""
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", module, argument),
        env=os.environ | {"HF_HUB_OFFLINE": "1"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        answer, _ = await child.communicate()
    finally:
        if child.returncode is None:
            child.kill()
    return json.loads(answer) if child.returncode == 0 else None


def _python() -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    return Finding("ok", "python", f"{version} on {sys.platform}")


def _packages() -> Iterator[Finding]:
    names = ("torch", "diffusers", "transformers", "accelerate", "aiohttp", "discord.py")
    missing = [name for name in names if not _version(name)]
    if missing:
        yield Finding(
            "problem", "packages", f"missing: {', '.join(missing)}", "run `pip install -e .` in the .venv"
        )
    else:
        yield Finding("ok", "packages", ", ".join(f"{name} {_version(name)}" for name in names[:4]))


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return ""


def report_device(found: dict[str, Any], config: Config) -> Iterator[Finding]:
    """Report what computes, and whether it suits the configuration."""
    if not found:
        yield Finding(
            "problem", "device", "torch does not start", "run `python -c 'import torch'` and read its error"
        )
        return
    wanted = config.model.device.partition(":")[0]
    if wanted not in ("auto", "all", "cpu", found["device"]):
        fix = (
            f'set model.device = "auto", or install the torch build for {wanted} (pytorch.org, "Get started")'
        )
        yield Finding(
            "problem", "device", f"{config.model.device} is configured, torch sees {found['device']}", fix
        )
    memory = f", {found['free'] / GIB:.1f} of {found['total'] / GIB:.1f} GiB free"
    bits = "bfloat16" if found["bfloat16"] else "no bfloat16"
    yield Finding(
        "ok", "device", f"{found['device']} ({found['name']}){memory}, {bits}, {found['threads']} threads"
    )
    if found["device"] == "cpu" and shutil.which("nvidia-smi"):
        fix = 'install the CUDA build of the same torch version (pytorch.org, "Get started")'
        yield Finding("problem", "device", "there is an NVIDIA card, but torch cannot use it", fix)
    if found["device"] == "cpu" and config.model.name != "embedded" and not found.get("composes"):
        fix = "a large model needs a GPU: install a CUDA or Metal build of torch, or use the embedded model"
        yield Finding("problem", "device", f"{config.model.name} on a CPU takes many minutes a picture", fix)


def plan(found: dict[str, Any], config: Config) -> Iterator[Finding]:
    """Report how the model would be laid out in memory now, and how much it takes."""
    if "refusal" in found:
        yield Finding("problem", "plan", found["refusal"])
        return
    if "source" in found:
        licence = f"; {found['licence']}" if found["licence"] else ""
        text = f"{found['model']}: {found['steps']} steps, guidance {found['guidance']:g} ({found['source']})"
        yield Finding("ok", "model", text + licence + _guidance(found, config.defaults.cfg))
    if "plan" not in found:
        return
    peak, side = found["peak"] / GIB, found["side"]
    beside = f" and {found['host'] / GIB:.1f} GiB of main memory" if found["host"] else ""
    text = f"{found['plan']}; {side}×{side} takes {peak:.1f} GiB there{beside} ({found['why']})"
    yield Finding("ok", "plan", text)


def _guidance(found: dict[str, Any], chosen: float) -> str:
    """Return what guidance costs a picture, "" where there is none."""
    if not found["guided_steps"] or chosen == 1:
        return ""
    cost = f"; guidance adds {found['guided_steps']} to {found['steps']} forwards"
    if chosen or not found["spares_guidance"]:
        return cost
    return f"{cost} where a prompt refuses something, and none elsewhere (defaults.cfg guides every picture)"


def speed(found: dict[str, Any], config: Config) -> Iterator[Finding]:
    """Report how long a picture takes: the latest ones' seconds here, else the least it could be."""
    if taken := _latest(config.data_dir / DATABASE, found.get("model", "")):
        (width, height, _), seconds = taken[0], median(seconds for *_, seconds in taken)
        count = f"the latest {len(taken)} pictures" if len(taken) > 1 else "the latest picture"
        yield Finding("ok", "speed", f"{width}×{height} took {seconds:.1f} s ({count} on this machine)")
    elif "forward" in found:
        steps, side = config.defaults.steps or found["steps"], found["side"]
        ceiling = found["ceiling"] / 1e9
        rate = f"{ceiling:.3g} GFLOP/s" if ceiling < 1000 else f"{ceiling / 1000:.3g} TFLOP/s"
        least = f"at least {_duration(steps * found['forward'])}, {steps} steps at the {rate} measured now"
        yield Finding("ok", "speed", f"{side}×{side} takes {least}; nothing was drawn here yet")


def _duration(seconds: float) -> str:
    """Return a guess as a person says it, in two digits."""
    for unit, size in (("h", 3600), ("min", 60)):
        if seconds >= 1.5 * size:
            return f"{seconds / size:.0f} {unit}" if seconds >= 10 * size else f"{seconds / size:.1f} {unit}"
    return f"{seconds:.2g} s"


def writer(found: dict[str, Any], config: Config) -> Iterator[Finding]:
    """Report how a chat model would write prompts beside the model, or why it cannot."""
    if "writer_refusal" in found:
        yield Finding("problem", "prompts", f"rules write them: {found['writer_refusal']}")
    elif "writer_chosen" in found:
        text = (
            "rules write them" if (chosen := found["writer_chosen"]) == "rules" else f"{chosen} writes them"
        )
        yield Finding("note" if found["writer_better"] else "ok", "prompts", text, found["writer_better"])
    elif found.get("writer") == "":
        text = f"{config.model.optimizer} does not fit beside the model, not even in 4 bit: rules write them"
        yield Finding("problem", "prompts", text, "set model.optimizer to rules or to a smaller chat model")
    elif "writer" in found:
        does = "translates" if config.model.optimizer.startswith("opus-mt") else "writes them"
        yield Finding("ok", "prompts", f"{config.model.optimizer} {does}, {found['writer']}")


def _latest(file: Path, model: str) -> list[tuple[int, int, float]]:
    """Return width, height and seconds of the model's latest pictures that are as large as the last one."""
    if not file.exists():
        return []
    try:
        with closing(_read_only(file)) as connection:
            rows = connection.execute(_LATEST, {"model": model, "most": MOST_LATEST}).fetchall()
    except sqlite3.Error:
        return []
    return [row for row in rows if row[:2] == rows[0][:2]]


def _memory(found: dict[str, Any]) -> Finding:
    """Judge main memory: what the plan keeps there, or at least what the bot and the small model take."""
    memory = psutil.virtual_memory()
    text = f"{memory.available / GIB:.1f} of {memory.total / GIB:.1f} GiB free"
    needs = max(found.get("host", 0), EMBEDDED_NEEDS)
    if memory.available < needs:
        return Finding("problem", "memory", text, f"{needs / GIB:.1f} GiB are wanted: close other programs")
    return Finding("ok", "memory", text)


def files(
    found: dict[str, Any], config: Config, where: Path | None, download: int | None = None
) -> Iterator[Finding]:
    """Report what loading would say of the model and of the other files in the configuration."""
    found_in_files = checks(found)
    if not any(each.grade == "problem" and each.subject == "model" for each in found_in_files):
        yield _preset(found, config) if "form" in found else _model(config, where, download)
    yield from found_in_files


def checks(found: dict[str, Any]) -> list[Finding]:
    """Return what loading would say of the files."""
    return [Finding(each["grade"], each["subject"], each["text"]) for each in found.get("checks", ())]


def _preset(found: dict[str, Any], config: Config) -> Finding:
    name = f"{config.model.name} as {found['form']}"
    if not found["missing"]:
        return Finding("ok", "model", f"{name}, {found['size'] / 1e9:.1f} GB on disk")
    fix = (
        f"the first start downloads it ({found['missing'] / 1e9:.1f} GB); "
        f"or beforehand: `python -m bot models fetch {config.model.name}`"
    )
    return Finding("note", "model", f"{name} is not on this machine yet", fix)


def _model(config: Config, where: Path | None, download: int | None) -> Finding:
    name = config.model.name
    if where is not None:
        size = sum(file.stat().st_size for file in where.rglob("*") if file.is_file())
        return Finding("ok", "model", f"{name}, {size / 1024**2:,.0f} MiB on disk")
    if "/" in name and not Path(name).is_absolute() and not name.startswith("."):
        amount = "size unknown" if download is None else f"{download / 1e9:.1f} GB"
        fix = f"the first start downloads it ({amount}); or beforehand: `hf download {name}`"
        return Finding("note", "model", f"{name} is not on this machine yet", fix)
    return Finding(
        "problem", "model", f"there is no model at {name}", "check model.name, or set it to embedded"
    )


def _database(config: Config) -> Finding:
    file = config.data_dir / DATABASE
    if not file.exists():
        return Finding("ok", "database", f"{file} is created at the first start")
    try:
        with lock.exclusive(config.data_dir), explained(file), closing(_read_only(file)) as connection:
            check(connection.execute(CHECK).fetchone())
            (jobs,) = connection.execute("SELECT count(*) FROM jobs").fetchone()
    except lock.DirectoryBusy:
        return Finding("note", "database", f"{file} is in use: the bot is running")
    except (lock.UnusableDirectory, UnusableDatabaseError) as error:
        return Finding("problem", "database", str(error))
    return Finding("ok", "database", f"{file}, {jobs} job{'' if jobs == 1 else 's'}")


def _secrets(config: Config, file: Path | None) -> Iterator[Finding]:
    if line := exposed(file, config):
        what, _, fix = line.partition(": ")
        yield Finding("note", "config", what, fix)
    database = config.data_dir / DATABASE
    if os.name == "posix" and database.exists() and database.stat().st_mode & 0o077:
        what = f"{database} holds users' prompts and others on this machine can read it"
        yield Finding("note", "database", what, "the next start of the bot closes it to them")


def _read_only(file: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)


def _disk(config: Config) -> Finding:
    place = config.data_dir.absolute()
    while not place.exists():
        place = place.parent
    if not place.is_dir():
        return Finding(
            "problem", "disk", f"{place} is a file", "move it away, or set data_dir to a directory"
        )
    free = shutil.disk_usage(place).free
    text = f"{free / GIB:.1f} GiB free at {config.data_dir}"
    if not os.access(place, os.W_OK):
        return Finding(
            "problem", "disk", f"{place} cannot be written", "change its permissions or set data_dir"
        )
    if free < DISK_NEEDS:
        return Finding("problem", "disk", text, "free some space, or set retention.picture_days")
    return Finding("ok", "disk", text)


def _platforms(config: Config) -> Iterator[Finding]:
    web = config.web
    if web.enabled and web.port and _taken(web.host, web.port):
        fix = "stop the other program, or set web.port (if it is this bot, all is well)"
        yield Finding("note", "web", f"port {web.port} on {web.host} is taken", fix)
    elif web.enabled:
        yield Finding("ok", "web", f"http://{web.host}:{web.port}")
    else:
        yield Finding("note", "web", "switched off")
    for name, token in (("discord", config.discord.token), ("telegram", config.telegram.token)):
        if not token:
            yield Finding("note", name, "no token")


def _taken(host: str, port: int) -> bool:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        if os.name == "posix":
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return True
    return False
