"""Listens for the updates that Telegram sends, and answers each only when what it wants is kept.

Knows HTTP and the secret that Telegram sends along; knows no message and no core. Telegram sends an update
again until it is answered with 200, so one that a crash or a shutdown cuts off is not lost.
"""

import asyncio
import hmac
import logging
import secrets
from functools import partial
from json import JSONDecodeError

from aiohttp import web
from telegram import Update
from telegram.ext import ExtBot

from adapters.telegram.intake import Intake
from adapters.telegram.polling import ALLOWED, Sleep, retry_until_ok
from bot.setup.config import ConfigError

HEADER = "X-Telegram-Bot-Api-Secret-Token"
CLOSING = 0.5
PATIENCE = 20.0
"""Seconds that Telegram waits for an update to be kept; it sends one that takes longer again."""

log = logging.getLogger(__name__)


class Webhook:
    """Listens on `listen` (host:port) behind whatever serves `url` to Telegram, for `intake`."""

    def __init__(
        self, bot: "ExtBot[bool]", intake: Intake, url: str, listen: str, sleep: Sleep = asyncio.sleep
    ) -> None:
        self._bot = bot
        self._intake = intake
        self._url = url
        self._listen = listen
        self._sleep = sleep
        # Anybody may find the address; only Telegram knows this.
        self._secret = secrets.token_urlsafe(32)

    async def run(self) -> None:
        """Listen until cancelled; the webhook stays set, so that Telegram keeps what comes meanwhile.

        Raises InvalidToken or Forbidden, and OSError for an address that cannot be listened on.
        """
        app = web.Application()
        # A proxy may pass the path on or not: the secret decides.
        app.router.add_post("/{path:.*}", self._take)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=CLOSING)
        await runner.setup()
        try:
            await self._open(runner)
            announce = partial(
                self._bot.set_webhook, self._url, secret_token=self._secret, allowed_updates=ALLOWED
            )
            await retry_until_ok(announce, self._sleep)
            await asyncio.Event().wait()
        finally:
            await runner.cleanup()

    async def _open(self, runner: web.AppRunner) -> None:
        host, _, port = self._listen.rpartition(":")
        try:
            await web.TCPSite(runner, host.strip("[]"), int(port)).start()
        except OverflowError:
            raise ConfigError(f"telegram.webhook_listen = {self._listen!r}: ports end at 65535") from None

    async def _take(self, request: web.Request) -> web.Response:
        secret = request.headers.get(HEADER, "").encode(errors="replace")
        if not hmac.compare_digest(secret, self._secret.encode()):
            log.info("a call to the webhook without Telegram's secret was turned away")
            raise web.HTTPForbidden
        try:
            update = Update.de_json(await request.json(), self._bot)
        except (JSONDecodeError, UnicodeDecodeError, KeyError, TypeError, AttributeError):
            raise web.HTTPBadRequest from None
        try:
            async with asyncio.timeout(PATIENCE):
                await self._intake.take(update)
        except TimeoutError:
            raise web.HTTPServiceUnavailable from None
        return web.Response()
