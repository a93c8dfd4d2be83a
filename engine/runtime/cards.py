"""Several cards of one machine behind one engine: a process with a model of its own on each."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from itertools import chain

from engine.runtime.process import EngineState, ProcessEngine
from engine.types import Event, Generate, Task, image_tokens

_COUNT = "import torch; print(torch.cuda.device_count())"


class CardsEngine:
    """An `Engine` of the `engines` of some cards; a task goes where fewest image tokens are under way.

    One that loads gets a task where those that are ready have no room, one that failed where all did.
    """

    def __init__(self, engines: Sequence[ProcessEngine]) -> None:
        self.engines = engines
        self._used = [0] * len(engines)

    @property
    def rooms(self) -> tuple[int, ...]:
        """The rooms of all cards."""
        return tuple(chain.from_iterable(engine.rooms for engine in self.engines))

    def watch(self, changed: Callable[[], None]) -> None:
        """Have `changed` called in the event loop after every change of `rooms`."""
        for engine in self.engines:
            engine.watch(changed)

    @property
    def state(self) -> EngineState:
        """What the engine is that is furthest."""
        order = ("ready", "loading", "stopped", "failed", "closed")
        return min((engine.state for engine in self.engines), key=lambda state: order.index(state.phase))

    def start(self) -> None:
        """Have the model loaded on every card; returns at once."""
        for engine in self.engines:
            engine.start()

    async def ready(self) -> None:
        """Wait until the model is loaded on every card; raises as `run` does where it cannot be."""
        await asyncio.gather(*(engine.ready() for engine in self.engines))

    async def run(self, task: Task) -> AsyncGenerator[Event, None]:
        """Yield the events of `task` from one of the cards; see `Engine.run`."""
        tokens = image_tokens(task.width, task.height) if isinstance(task, Generate) else 1
        place = min(range(len(self.engines)), key=lambda at: (self._rank(at, tokens), self._used[at]))
        self._used[place] += tokens
        try:
            async with aclosing(self.engines[place].run(task)) as events:
                async for event in events:
                    yield event
        finally:
            self._used[place] -= tokens

    def _rank(self, at: int, tokens: int) -> int:
        """Return how late in the row an engine is asked for so many tokens: ready ones with room first."""
        phase, used = self.engines[at].state.phase, self._used[at]
        if phase == "failed":
            return 3
        if used and used + tokens > sum(self.engines[at].rooms):
            return 2
        return int(phase != "ready")

    async def close(self) -> None:
        """End the engines of all cards."""
        await asyncio.gather(*(engine.close() for engine in self.engines))


def cards() -> list[str]:
    """Return the names of this machine's CUDA devices, asked of torch in a process of its own."""
    found = subprocess.run([sys.executable, "-c", _COUNT], capture_output=True, text=True, check=False)
    count = int(found.stdout) if found.returncode == 0 else 0
    return [f"cuda:{number}" for number in range(count)]
