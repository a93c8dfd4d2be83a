"""Messages between the bot process and the engine's child over their two pipes.

Frozen data only. The parent sends orders, the child reports; the end of the order pipe is the order to end.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from engine.pulse import Doing
from engine.types import EngineError, EngineLost, ErrorCode, Event, Task


@dataclass(frozen=True, slots=True)
class RunTask:
    """Do `task`; every report about it carries `number`."""

    number: int
    task: Task


@dataclass(frozen=True, slots=True)
class CancelTask:
    """Cancel task `number`, which may already be done."""

    number: int


@dataclass(frozen=True, slots=True)
class Ask:
    """Ask for `Alive`, which comes back whatever the worker is doing."""


@dataclass(frozen=True, slots=True)
class Alive:
    """The process is alive, and its threads are doing this."""

    doing: tuple[Doing, ...]


@dataclass(frozen=True, slots=True)
class Logged:
    """A line for the log, as the attributes of its record; the parent writes it as its own."""

    record: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Loaded:
    """The model is loaded, or its capacity (image tokens in flight) has changed."""

    capacity: int


@dataclass(frozen=True, slots=True)
class TaskEvent:
    """An event of task `number`; after the `last` one there is none."""

    number: int
    event: Event
    last: bool = False


@dataclass(frozen=True, slots=True)
class Failed:
    """Task `number` cannot be done, or, with no number, none: the model cannot be loaded, or is lost."""

    code: ErrorCode
    message: str
    number: int | None = None

    def error(self) -> EngineError:
        """Return a fresh exception, because one instance must not be raised in several tasks."""
        return EngineLost(self.message) if self.code == "lost" else EngineError(self.code, self.message)


Order = RunTask | CancelTask | Ask
Report = Alive | Logged | Loaded | TaskEvent | Failed
