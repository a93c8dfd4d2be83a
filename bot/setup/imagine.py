"""One picture or one prompt from the command line, without a server, a queue or a database.

Knows the engine's port and the flags; the values it returns are plain, for JSON.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from dataclasses import asdict
from itertools import chain, count
from pathlib import Path
from typing import Any

from bot.replies.shrink import encoded
from bot.requests import flags, tasks
from bot.types import Address, Job, Params, Request, User
from engine.pictures.metadata import read
from engine.types import Engine, Event, ModelProfile, Optimize, Picture, Progress, PromptReady, Task

_ADDRESS = Address("cli", "")

FORMS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP", "": "PNG"}
"""How a picture is written, by its file's suffix."""
LARGEST_FILE = 500_000_000

Show = Callable[[str, int, int], None]
"""Takes a picture's file, how many of its steps are done, and how many there are."""


class Unreadable(Exception):
    """A file has no parameters to read; the message follows its name and says what to do."""


async def imagine(
    engine: Engine,
    profile: ModelProfile,
    text: str,
    defaults: Params,
    out: Path,
    show: Show,
    explain: Callable[[PromptReady], None],
    locale: str = "",
) -> list[dict[str, Any]]:
    """Draw `text` (a prompt with flags) into `out`, numbered when several; return how each was drawn.

    The suffix of `out`, one of `FORMS`, says in which format. `explain` takes each prompt before it is drawn.
    `locale` is a BCP 47 tag of the language that the prompt is read in first.

    Raises `Refused` for a prompt or flags that cannot be used, `EngineError` where drawing fails,
    OSError for a file that cannot be written; nothing half of it stays.
    """
    jobs = [_job(profile, params, locale) for params in flags.parse_all(text, defaults)]
    todo, out = [task for job in jobs for task in tasks.tasks(job, None)], place(out, jobs[0].seed)
    numbers = range(1, len(todo) + 1)
    files = [out] if len(todo) == 1 else [out.with_name(f"{out.stem}-{n}{out.suffix}") for n in numbers]
    return [await _draw(engine, task, file, show, explain) for task, file in zip(todo, files, strict=True)]


def _job(profile: ModelProfile, params: Params, locale: str) -> Job:
    request = Request(User("cli", "local", "local", locale), _ADDRESS, "cli", "imagine", params)
    resolved = tasks.resolve(request, profile, None, tasks.random_seed)
    return Job(1, request, "running", 0.0, resolved.width, resolved.height, resolved.seed, resolved.cost)


async def optimize(engine: Engine, task: Optimize) -> PromptReady:
    """Return the precise prompt for a rough one."""
    ready = None
    async for event in _events(engine, task):
        if isinstance(event, PromptReady):
            ready = event
    assert ready is not None
    return ready


def info(file: Path) -> dict[str, Any]:
    """Return the parameters a picture file carries.

    Raises `Unreadable` where it carries none or is no picture, OSError where it cannot be read.
    """
    size = file.stat().st_size
    if not file.is_file():
        raise Unreadable("is no file; name one picture")
    if not size:
        raise Unreadable("is empty; save or download the picture once more")
    if size > LARGEST_FILE:
        raise Unreadable(f"has {size / 10**9:.1f} GB, more than any picture here; name the picture itself")
    found = read(file.read_bytes())
    if found is None:
        raise Unreadable("carries no parameters; they are lost in screenshots and re-encoded files")
    if found.is_unreadable:
        raise Unreadable("carries another program's parameters, in a form that cannot be read here")
    return asdict(found)


def place(out: Path, seed: int) -> Path:
    """Return the file to write: `out`, or where that is a folder a free name in it."""
    if not out.is_dir():
        return out
    names = (f"zimage-{seed}{extra}.png" for extra in chain(("",), (f"-{number}" for number in count(2))))
    return next(file for file in map(out.joinpath, names) if not file.exists())


async def _draw(
    engine: Engine, task: Task, file: Path, show: Show, explain: Callable[[PromptReady], None]
) -> dict[str, Any]:
    ready, picture = PromptReady("", ""), None
    async for event in _events(engine, task):
        match event:
            case PromptReady():
                ready = event
                explain(ready)
            case Progress():
                show(str(file), event.step, event.steps)
            case Picture():
                picture = event
    assert picture is not None
    form = FORMS[file.suffix.lower()]
    data = picture.png if form == "PNG" else await asyncio.to_thread(encoded, picture.png, form)
    await asyncio.to_thread(_write, file, data)
    return {
        "file": str(file),
        "prompt": ready.original,
        "used_prompt": ready.used,
        "negative_prompt": ready.negative_used,
        "notes": list(ready.notes),
        "width": picture.width,
        "height": picture.height,
        "seed": picture.seed,
        "seconds": round(picture.seconds, 3),
        "report": dict(picture.report),
    }


async def _events(engine: Engine, task: Task) -> AsyncIterator[Event]:
    async with aclosing(engine.run(task)) as events:
        async for event in events:
            yield event


def _write(file: Path, data: bytes) -> None:
    try:
        file.write_bytes(data)
    except OSError:
        if file.is_file():
            file.unlink()
        raise
