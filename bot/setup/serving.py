"""Keeps the platforms running side by side: one that fails ends neither the core nor the others.

Decides whether starting a platform again can help; knows no chat service.
"""

import asyncio
import errno
import logging
import socket
import time
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any

from bot.core import Core
from bot.platform import Platform
from bot.setup.config import ConfigError

FIRST_PAUSE = 5.0
LAST_PAUSE = 300.0
STEADY = 60.0
"""Seconds after which a platform counts as one that served: a failure after them is the first again."""
UNUSABLE = {
    errno.EADDRINUSE: "Address already in use",
    errno.EADDRNOTAVAIL: "no address of this machine",
    errno.EACCES: "Permission denied",
}
"""Why an address cannot be taken: asyncio's words differ by version, Windows has none for these numbers."""
ADDRESSES = {"web": "web.host and web.port", "telegram": "telegram.webhook_listen"}
"""The settings that say where a platform listens."""

log = logging.getLogger(__name__)


class OutOfService(Exception):
    """Every platform waits for the operator; the message is one line."""


class Service:
    """The platforms of one run. `out` has those that wait for the operator, with why and what to do."""

    def __init__(
        self,
        core: Core,
        platforms: Sequence[Platform],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.out: dict[str, str] = {}
        self._core = core
        self._platforms = platforms
        self._sleep = sleep
        self._clock = clock
        self._changed = asyncio.Event()

    def parts(self) -> list[Coroutine[Any, Any, None]]:
        """Return what runs until cancelled; raises `OutOfService` once every platform is out."""
        return [*map(self._keep, self._platforms), self._over()]

    async def until_out(self, *platforms: Platform) -> None:
        """Wait until all these platforms are out at once."""
        while not {platform.name for platform in platforms} <= self.out.keys():
            self._changed.clear()
            await self._changed.wait()

    async def _over(self) -> None:
        await self.until_out(*self._platforms)
        raise OutOfService("; ".join(self.out.values()))

    async def _keep(self, platform: Platform) -> None:
        """Run a platform again and again, ever more slowly while it fails, until that cannot help."""
        pause = FIRST_PAUSE
        while True:
            began = self._clock()
            self.out.pop(platform.name, None)
            error = await self._failure(platform)
            steady = self._clock() - began > STEADY
            pause = FIRST_PAUSE if steady else pause
            if not self._report(platform, error, steady, pause):
                return
            await self._sleep(pause)
            pause = min(2 * pause, LAST_PAUSE)

    async def _failure(self, platform: Platform) -> BaseException:
        """Run a platform until it ends by itself, and return why."""
        try:
            await platform.run(self._core)
        except asyncio.CancelledError as error:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            return error  # a library cancelled one of its own tasks
        except Exception as error:  # noqa: BLE001 - a platform's library may raise anything
            return error
        return RuntimeError("it ended by itself")

    def _report(self, platform: Platform, error: BaseException, steady: bool, pause: float) -> bool:
        """Log why a platform failed; return whether to start it again.

        One that served until now is started again whatever the error: services have refused good tokens for a
        minute.
        """
        name, why = platform.name, _remedy(platform.name, error)
        if why is None:
            log.error("%s failed and is started again in %.0f s", name, pause, exc_info=error)
            return True
        again = steady or not isinstance(error, ConfigError)
        if not steady:
            self.out[name] = why
            self._changed.set()
        log.error("%s is out: %s%s", name, why, f" (tried again in {pause:.0f} s)" if again else "")
        return again


def _remedy(name: str, error: BaseException) -> str | None:
    """Return what the operator can do about a failure, None where it may pass by itself."""
    if isinstance(error, ConfigError):
        return str(error)
    if name in ADDRESSES and isinstance(error, OSError):
        is_no_name = isinstance(error, socket.gaierror)
        reason = error.strerror if is_no_name else UNUSABLE.get(error.errno or 0)
        if reason:
            return f"{name}: {reason}; set {ADDRESSES[name]}, or stop the other program"
    return None
