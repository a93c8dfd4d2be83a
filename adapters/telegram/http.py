"""Calls to Telegram over HTTP that end before their connections do. Knows no bot and no message."""

import asyncio
import ssl
import sys
from functools import cache
from importlib.util import find_spec
from typing import Any

import httpx
from telegram.error import NetworkError
from telegram.request import HTTPXRequest


class CancellableHttp(HTTPXRequest):
    """A request object whose `shutdown` first ends the calls on the way.

    httpcore's pool closes the connections it has at that moment. One that a call is still opening is not
    among them: once open it would serve that call, belong to no pool any more and never be closed.
    """

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **{"httpx_kwargs": {"verify": _trust(), "trust_env": False}, **settings})
        self._calls: set[asyncio.Task[tuple[int, bytes]]] = set()
        if find_spec("sniffio") is None:
            # httpcore asks for it thrice a call, and each time Python would look through its folders again.
            sys.modules["sniffio"] = None  # type: ignore[assignment]

    async def do_request(self, *args: Any, **options: Any) -> tuple[int, bytes]:
        """Call Telegram; raises NetworkError where `shutdown` ends the call."""
        call = asyncio.create_task(super().do_request(*args, **options))
        self._calls.add(call)
        call.add_done_callback(self._calls.discard)
        caller = asyncio.current_task()
        try:
            return await call
        except asyncio.CancelledError:
            if caller is None or caller.cancelling():
                raise
            raise NetworkError("the bot is stopping") from None

    async def shutdown(self) -> None:
        """End every call and close the connections."""
        while self._calls:
            for call in self._calls:
                call.cancel()
            await asyncio.wait(self._calls)
        await super().shutdown()


@cache
def _trust() -> ssl.SSLContext:
    """Return the certificates that are trusted, read once: that costs more than everything else here."""
    return httpx.create_ssl_context()
