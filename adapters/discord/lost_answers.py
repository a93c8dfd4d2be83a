"""Remembers which acknowledgements may have reached Discord though their answer was lost on the way back.

Only these may be told "already acknowledged" by Discord; every other time another program was faster.
"""

from types import SimpleNamespace

import aiohttp

from engine.lru import LruDict

CALLBACK = "callback"


class LostAnswers:
    """Watches the library's HTTP calls by `trace`; `has` knows an interaction by its token."""

    def __init__(self) -> None:
        self._tokens: LruDict[str, bool] = LruDict()
        self.trace = aiohttp.TraceConfig()
        self.trace.on_request_exception.append(self._failed)
        self.trace.on_request_end.append(self._ended)

    def has(self, token: str) -> bool:
        """Say whether a call that acknowledged this interaction failed on the wire or at Discord."""
        return token in self._tokens

    async def _failed(
        self,
        session: aiohttp.ClientSession,
        context: SimpleNamespace,
        call: aiohttp.TraceRequestExceptionParams,
    ) -> None:
        self._note(call.url.parts)

    async def _ended(
        self, session: aiohttp.ClientSession, context: SimpleNamespace, call: aiohttp.TraceRequestEndParams
    ) -> None:
        if call.response.status >= 500:
            self._note(call.url.parts)

    def _note(self, parts: tuple[str, ...]) -> None:
        if parts[-1] == CALLBACK:
            self._tokens[parts[-2]] = True
