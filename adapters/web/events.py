"""Replies on their way to open pages: the newest per message, and the stream that carries them.

Knows people by id and messages by id; knows no core, no job and no HTTP.
"""

import asyncio
import secrets
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from bot.types import Reply


@dataclass(frozen=True, slots=True)
class Shown:
    """What a message looks like as of `version`; of one run of the server, a larger version is newer."""

    message: str
    reply: Reply
    version: int


class Stream:
    """One open page: what it has yet to receive, the newest state of each message only."""

    def __init__(self) -> None:
        self._pending: dict[str, Shown] = {}
        self._wake = asyncio.Event()
        self._closed = False

    def put(self, shown: Shown) -> None:
        """Keep `shown` in place of any older state of its message."""
        self._pending[shown.message] = shown
        self._wake.set()

    def close(self) -> None:
        """End `updates`."""
        self._closed = True
        self._wake.set()

    async def updates(self, heartbeat: float) -> AsyncIterator[Shown | None]:
        """Yield news as it comes, and None after each `heartbeat` seconds of silence."""
        while not self._closed:
            try:
                async with asyncio.timeout(heartbeat):
                    await self._wake.wait()
            except TimeoutError:
                yield None
                continue
            self._wake.clear()
            pending, self._pending = self._pending, {}
            for shown in pending.values():
                yield shown


class Hub:
    """Takes replies from the bot and hands them to every open page of their person.

    `run` tells this run of the server from others, whose versions say nothing here.
    """

    def __init__(self) -> None:
        self.run = secrets.token_hex(8)
        self._streams: dict[str, set[Stream]] = {}
        self._unfinished: dict[tuple[str, str], Shown] = {}
        self._version = 0

    def version(self) -> int:
        """Return the next version."""
        self._version += 1
        return self._version

    def show(self, person: str, message: str, reply: Reply) -> None:
        """Send it to the user's pages; keep it while the message still changes, for pages that open now."""
        shown = Shown(message, reply, self.version())
        if reply.final:
            self._unfinished.pop((person, message), None)
        else:
            self._unfinished[person, message] = shown
        for stream in self._streams.get(person, ()):
            stream.put(shown)

    def latest(self, person: str, message: str) -> Shown | None:
        """Return the newest state of a user's message that is not finished yet, preview included."""
        return self._unfinished.get((person, message))

    @contextmanager
    def open(self, person: str) -> Iterator[Stream]:
        """Hold one open page of a user."""
        stream = Stream()
        self._streams.setdefault(person, set()).add(stream)
        try:
            yield stream
        finally:
            self._streams[person].discard(stream)
            if not self._streams[person]:
                del self._streams[person]

    def close(self) -> None:
        """End every stream, so that the server can stop."""
        for stream in [each for streams in self._streams.values() for each in streams]:
            stream.close()
