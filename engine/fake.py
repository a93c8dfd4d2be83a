"""An engine without a model, for tests of everything above the port.

It keeps every promise of `engine.types.Engine` in the bot's own process: small PNGs that follow from the
task, waiting while full, errors on request. Standard library only.
"""

import asyncio
import hashlib
import re
import struct
import zlib
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from typing import Any, cast, get_args

from engine.types import (
    FAST_STEPS,
    EngineError,
    EngineLost,
    ErrorCode,
    Event,
    Generate,
    Optimize,
    Picture,
    Progress,
    PromptReady,
    Task,
    Upscale,
    image_tokens,
)

Pace = Callable[[Generate, int], Awaitable[object]]
"""Awaited before each step with the task and the number of the step, counted from 1."""

WORDINGS = 3
"""How many wordings of one prompt the fake knows before it begins again."""
_SCRIPTED = re.compile(r"(fail|lost)(?: (\w+))?:")
_SIGNATURES = (b"\x89PNG", b"\xff\xd8", b"RIFF")


async def _at_once(task: Generate, step: int) -> None:
    await asyncio.sleep(0)


class FakeEngine:
    """Draws stripes whose colours follow from the task.

    A prompt that begins with `fail:` raises `EngineError("bad_input")`, `fail CODE:` one with that code,
    `lost:` raises `EngineLost` after the first step, and `lost once:` only at its first try. `unfit:` makes a
    picture that scores 0.99 as nsfw in its report, any other 0.01. A fast task takes the fewest steps.
    `rooms` are its devices, one unless `resize` says otherwise. `tasks` are all tasks in the order they came,
    `most_running` and `most_tokens` the high-water marks of drawing. `report` is added to each picture's.
    """

    def __init__(self, room: int = 4096, pace: Pace = _at_once) -> None:
        self.rooms: tuple[int, ...] = (room,)
        self.tasks: list[Task] = []
        self.running = 0
        self.tokens = 0
        self.most_running = 0
        self.most_tokens = 0
        self.report: dict[str, Any] = {}
        self._pace = pace
        self._tries: Counter[str] = Counter()
        self._line: dict[asyncio.Future[int], int] = {}
        self._used: Counter[int] = Counter()
        self._watchers: list[Callable[[], None]] = []
        self._losses: set[asyncio.Future[None]] = set()
        self._closed = False

    def watch(self, changed: Callable[[], None]) -> None:
        """Have `changed` called after every `resize`."""
        self._watchers.append(changed)

    def resize(self, *rooms: int) -> None:
        """Have these devices from now on, none where nothing is given; what runs goes on."""
        self.rooms = rooms
        self._advance()
        for changed in self._watchers:
            changed()

    def start(self) -> None:
        """Do nothing: it is always ready."""

    async def run(self, task: Task) -> AsyncGenerator[Event, None]:
        """Yield the events of `task`; see `Engine.run`."""
        if self._closed:
            raise EngineLost("the engine is closed")
        self.tasks.append(task)
        if isinstance(task, Optimize):
            yield _ready(task, True, task.enhance)
        elif isinstance(task, Upscale):
            yield _upscaled(task)
        else:
            async with aclosing(self._draw(task)) as events:
                async for event in events:
                    yield event

    def lose(self) -> None:
        """Make every running task raise `EngineLost`, as when the process dies."""
        for loss in self._losses:
            if not loss.done():
                loss.set_result(None)

    async def close(self) -> None:
        """End the engine; running and later tasks raise `EngineLost`."""
        self._closed = True
        self.lose()

    async def _draw(self, task: Generate) -> AsyncGenerator[Event, None]:
        loss = asyncio.get_running_loop().create_future()
        self._losses.add(loss)
        tokens = image_tokens(task.width, task.height)
        try:
            device = await self._enter(tokens, loss)
            try:
                self._check(task)
                yield _ready(task, task.optimize, task.enhance)
                steps = min(task.steps, FAST_STEPS[0]) if task.fast else task.steps
                for step in range(1, steps + 1):
                    await _unless(loss, self._pace(task, step))
                    yield Progress(step, steps)
                    self._maybe_lose(task)
                unfit = task.prompt.startswith("unfit:")
                scores = {"nsfw": 0.99 if unfit else 0.01}
                report = {"scores": scores, "scheduled_steps": steps, **self.report}
                png = striped(repr(task), task.width, task.height)
                yield Picture(png, task.width, task.height, task.seed, 0.0, report)
            finally:
                self._leave(tokens, device)
        finally:
            self._losses.discard(loss)

    async def _enter(self, tokens: int, loss: "asyncio.Future[None]") -> int:
        """Wait in line for a device and return it; a task larger than its room runs alone."""
        place: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._line[place] = tokens
        self._advance()
        try:
            await _unless(loss, place)
        except BaseException:
            if self._line.pop(place, None) is None:
                self._leave(tokens, place.result())
            self._advance()
            raise
        return place.result()

    def _leave(self, tokens: int, device: int) -> None:
        self.running -= 1
        self.tokens -= tokens
        self._used[device] -= tokens
        self._advance()

    def _advance(self) -> None:
        """Start the tasks that wait, in order, while there is room."""
        while self._line:
            place, tokens = next(iter(self._line.items()))
            used = self._used
            free = (at for at, room in enumerate(self.rooms) if not used[at] or used[at] + tokens <= room)
            device = next(free, None)
            if device is None:
                return
            del self._line[place]
            place.set_result(device)
            used[device] += tokens
            self.running += 1
            self.tokens += tokens
            self.most_running = max(self.most_running, self.running)
            self.most_tokens = max(self.most_tokens, self.tokens)

    def _check(self, task: Generate) -> None:
        scripted = _SCRIPTED.match(task.prompt)
        if scripted and scripted[1] == "fail":
            code = cast(ErrorCode, scripted[2]) if scripted[2] in get_args(ErrorCode) else "bad_input"
            raise EngineError(code, f"the task asked for it: {task.prompt}")
        if task.init_image is not None and not task.init_image.startswith(_SIGNATURES):
            raise EngineError("bad_input", "the input picture is no PNG, JPEG or WebP file; send one")

    def _maybe_lose(self, task: Generate) -> None:
        scripted = _SCRIPTED.match(task.prompt)
        if scripted and scripted[1] == "lost":
            self._tries[task.prompt] += 1
            if scripted[2] != "once" or self._tries[task.prompt] == 1:
                raise EngineLost("the task asked for it")


async def _unless(loss: "asyncio.Future[None]", work: Awaitable[object]) -> None:
    """Await `work`, or raise `EngineLost` as soon as `loss` is done."""
    working: asyncio.Future[Any] = asyncio.ensure_future(work)
    try:
        await asyncio.wait({working, loss}, return_when=asyncio.FIRST_COMPLETED)
        if loss.done():
            raise EngineLost()
        await working
    finally:
        working.cancel()


def _ready(task: Generate | Optimize, optimize: bool, enhance: bool) -> PromptReady:
    used = f"a picture of {task.prompt}" if optimize else task.prompt
    used = f"{used}, at sunset" if enhance else used
    if isinstance(task, Optimize) and task.wording % WORDINGS:
        used = f"{used}, wording {task.wording % WORDINGS}"
    notes = ("optimized",) * optimize + ("enhanced:time",) * enhance
    original = task.prompt if isinstance(task, Optimize) else task.original or task.prompt
    return PromptReady(original, used, task.negative_prompt, notes)


def _upscaled(task: Upscale) -> Picture:
    if not task.image.startswith(_SIGNATURES[0]):
        raise EngineError("bad_input", "the picture is no PNG file; send one")
    width, height = struct.unpack(">II", task.image[16:24])
    width, height = width * task.factor, height * task.factor
    return Picture(striped(repr(task), width, height), width, height, 0, 0.0)


def striped(text: str, width: int, height: int) -> bytes:
    """Return an RGB PNG of `width`×`height` pixels with vertical stripes that follow from `text`."""
    colours = hashlib.sha256(text.encode()).digest()[:24]
    row = b"".join(colours[3 * (x * 8 // width) :][:3] for x in range(width))
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    pixels = zlib.compress((b"\x00" + row) * height, 1)
    chunks = (_chunk(b"IHDR", header), _chunk(b"IDAT", pixels), _chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
