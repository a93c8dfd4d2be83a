"""A pipeline without a model that asks the test before everything it does.

In the test's own process `ask` is any function. In a real child the pipeline asks over a loopback socket,
whose address travels in `EngineSettings.model`, and `Script` answers from the test's event loop. So a test
sees every batch, holds the child at any point, and sees its death as the end of the connection.
"""

import asyncio
import os
import socket
from collections.abc import Callable, Generator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from types import TracebackType
from typing import Any, Self

from engine.fake import striped
from engine.pipeline import Redraw
from engine.types import (
    EngineError,
    EngineSettings,
    Generate,
    Optimize,
    Picture,
    Progress,
    PromptReady,
    Upscale,
    image_tokens,
)

LOADER = "tests.engine.scripted:load"
CAPACITY = 2 * image_tokens(128, 128)

Ask = Callable[[str], str]
"""Takes `load`, `prompt P`, `step P|Q`, `finish P` or `tile N` and returns `go` or how to go wrong."""


@dataclass
class ScriptedDrawing:
    """A picture that only counts its steps."""

    task: Generate
    steps: int
    tokens: int
    step: int = 0

    @property
    def batch_key(self) -> tuple[int, int]:
        return self.task.width, self.task.height


@dataclass
class ScriptedPipeline:
    """Obeys `ask`: `go`, `die` (end the process), `raise` (a bug), `break` (the device), or an error code.

    `started` are the tasks as they came in; `encoding` is called with the prompt by the thread that encodes.
    """

    ask: Ask
    capacity: int = CAPACITY
    started: list[Generate] = field(default_factory=list)
    encoding: Callable[[str], object] = str

    def prompt(self, task: Generate | Optimize) -> Generator[None, None, PromptReady]:
        obey(self.ask(f"prompt {task.prompt}"))
        for _ in range(task.prompt.count("~")):
            yield
        return PromptReady(task.prompt, f"{task.prompt}!")

    def start(self, task: Generate, ready: PromptReady) -> ScriptedDrawing:
        self.started.append(task)
        return ScriptedDrawing(task, task.steps, image_tokens(task.width, task.height))

    def step(self, drawings: Sequence[ScriptedDrawing]) -> None:
        obey(self.ask("step " + "|".join(drawing.task.prompt for drawing in drawings)))
        for drawing in drawings:
            drawing.step += 1

    def preview(self, drawing: ScriptedDrawing) -> bytes | None:
        return b"a small JPEG"

    def finish(self, drawing: ScriptedDrawing) -> Callable[[], Picture]:
        task = drawing.task
        obey(self.ask(f"finish {task.prompt}"))
        return lambda: self._encode(task)

    def _encode(self, task: Generate) -> Picture:
        self.encoding(task.prompt)
        return Picture(striped(repr(task), task.width, task.height), task.width, task.height, task.seed, 0.0)

    def lost(self, error: Exception) -> bool:
        from engine import guards

        return guards.device_failed(error)

    def upscale(self, task: Upscale) -> Generator[Progress | Picture | Redraw, None, None]:
        width, height = (int.from_bytes(task.image[at : at + 4], "big") * task.factor for at in (16, 20))
        whole = Picture(striped(repr(task), width, height), width, height, 0, 0.0)
        obey(self.ask("tile 1"))
        if task.method == "redraw":
            yield Progress(1, 5)
            pieces = tuple(
                Generate(f"{name} piece", width=128, height=128, steps=2) for name in ("left", "right")
            )
            yield Redraw(pieces, 1, 5, lambda drawn: replace(whole, seconds=float(len(drawn))))
        else:
            yield Progress(1, 2)
            obey(self.ask("tile 2"))
            yield whole


def obey(answer: str) -> None:
    """Do what the test said."""
    match answer:
        case "go":
            return
        case "die":
            os._exit(7)
        case "raise":
            raise RuntimeError("a bug on request")
        case "break":
            import torch

            raise torch.AcceleratorError("CUDA error: device-side assert triggered\nand more")
        case "out_of_memory":
            raise EngineError("out_of_memory", "no memory on request")
        case "model_missing":
            raise EngineError("model_missing", "no model on request")
    raise AssertionError(answer)


def load(settings: EngineSettings) -> ScriptedPipeline:
    """Build the pipeline in the child; `settings.model` is the `HOST:PORT` to ask."""
    host, _, port = settings.model.rpartition(":")
    lines = socket.create_connection((host, int(port))).makefile("rw", encoding="utf-8", newline="\n")

    def ask(question: str) -> str:
        lines.write(question + "\n")
        lines.flush()
        return lines.readline().strip() or "die"

    obey(ask("load"))
    return ScriptedPipeline(ask)


@dataclass
class Hold:
    """Questions that begin with `prefix` wait here for their answer."""

    prefix: str
    reached: asyncio.Event = field(default_factory=asyncio.Event)
    answer: asyncio.Future[str] = field(default_factory=lambda: asyncio.get_running_loop().create_future())

    def release(self, answer: str = "go") -> None:
        """Answer the waiting question and every later one like it."""
        self.answer.set_result(answer)


class Script:
    """The other end of the socket: answers `go` unless told otherwise, and remembers what was asked."""

    def __init__(self) -> None:
        self.questions: list[str] = []
        self.answers: dict[str, str] = {}
        self.children = 0
        self.gone = asyncio.Event()
        self._holds: list[Hold] = []
        self._server: asyncio.Server | None = None
        self._talks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._talk, "127.0.0.1", 0)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        for talk in list(self._talks):
            talk.cancel()
        await asyncio.gather(*self._talks, return_exceptions=True)

    @property
    def settings(self) -> EngineSettings:
        """Settings of an engine whose child asks this script."""
        assert self._server is not None
        host, port = self._server.sockets[0].getsockname()
        return EngineSettings(model=f"{host}:{port}", loader=LOADER)

    def hold(self, prefix: str) -> Hold:
        """Let questions that begin with `prefix` wait until they are released."""
        self._holds.append(Hold(prefix))
        return self._holds[-1]

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        talk = asyncio.current_task()
        assert talk is not None
        self._talks.add(talk)
        self.children += 1
        self.gone.clear()
        try:
            with suppress(ConnectionError):
                while line := await reader.readline():
                    answer = await self._answer(line.decode().strip(), reader)
                    writer.write(answer.encode() + b"\n")
                    await writer.drain()
        finally:
            self.children -= 1
            if not self.children:
                self.gone.set()
            writer.close()
            self._talks.discard(talk)

    async def _answer(self, question: str, reader: asyncio.StreamReader) -> str:
        self.questions.append(question)
        for hold in self._holds:
            if question.startswith(hold.prefix):
                hold.reached.set()
                return await self._unless_gone(hold, reader)
        return next((a for prefix, a in self.answers.items() if question.startswith(prefix)), "go")

    async def _unless_gone(self, hold: Hold, reader: asyncio.StreamReader) -> str:
        """Await the answer, or the child's death; it sends nothing while it waits."""
        death: asyncio.Future[Any] = asyncio.ensure_future(reader.read(1))
        await asyncio.wait({death, hold.answer}, return_when=asyncio.FIRST_COMPLETED)
        if death.done():
            return "die"
        death.cancel()
        await asyncio.gather(death, return_exceptions=True)
        return hold.answer.result()
