"""The web server: wires gate, routes and page together and is the `Platform` the bot sees. Holds no job."""

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

import psutil
from aiohttp import web

from adapters.web.address import read_place
from adapters.web.api import Api, Models, no_models
from adapters.web.assets import Assets
from adapters.web.door import Door, compress, expected, secure
from adapters.web.events import Hub
from adapters.web.identity import Gate, load_key
from adapters.web.presence import GRACE, Presence
from bot.core import Core
from bot.replies.replies import Replies
from bot.setup.config import WebConfig
from bot.types import Address, Reply

KEEP_ALIVE = 60.0
"""Seconds for a request's head to arrive, and for which an idle connection stays open."""
DOCUMENTATION = "192.0.2.1"
"""An address of the Internet that is nobody's (RFC 5737)."""
LINGER = 10.0
"""Seconds to go on taking a body that nobody wants, so that its sender gets the answer."""


class WebPlatform:
    """The local web chat. `data_dir` keeps the key that signs cookies; `engine` returns its phase.

    `models` returns what the operator can choose.
    """

    name = "web"
    pace = 0.1

    def __init__(
        self,
        settings: WebConfig,
        data_dir: Path,
        replies: Replies,
        grace: float = GRACE,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        engine: Callable[[], str] = lambda: "ready",
        models: Models = no_models,
    ) -> None:
        self.settings = settings
        self._replies = replies
        self._engine = engine
        self._models = models
        self.hub = Hub()
        self._gate = Gate(settings, load_key(data_dir / "web.key"))
        self._grace = grace
        self._sleep = sleep
        self._listening = asyncio.Event()
        self._url = ""
        self.elsewhere: tuple[str, ...] = ()
        """Addresses besides that of `started` at which other devices reach the page."""

    async def started(self) -> str:
        """Wait until the server listens and return its address, the real port included."""
        await self._listening.wait()
        return self._url

    async def run(self, core: Core) -> None:
        """Serve until cancelled; raises OSError where the address cannot be taken."""
        runner = web.AppRunner(
            self._app(core),
            access_log=None,
            shutdown_timeout=1.0,
            keepalive_timeout=KEEP_ALIVE,
            lingering_time=LINGER,
            auto_decompress=False,  # no client compresses what it asks
        )
        await runner.setup()
        assert runner.server is not None
        runner.server.request_handler = expected(runner.server.request_handler)
        try:
            site = web.TCPSite(runner, self.settings.host, self.settings.port)
            await site.start()
            port = runner.addresses[0][1]
            self._url = _address(self.settings.host, port)
            self.elsewhere = tuple(_address(host, port) for host in _on_networks(self.settings.host))
            self._listening.set()
            await asyncio.get_running_loop().create_future()
        finally:
            await runner.cleanup()

    async def show(self, address: Address, reply: Reply) -> Address:
        """Send it to the user's open pages; those that open later ask the core."""
        person, message = read_place(address)
        self.hub.show(person, message, reply)
        return address

    async def _health(self, core: Core, _: web.Request) -> web.Response:
        """Say whether people get pictures: 503 while the engine has failed or the database takes nothing."""
        engine, database = self._engine(), "refuses" if core.refusal else "ok"
        ok = engine != "failed" and database == "ok"
        health = {"ok": ok, "engine": engine, "database": database}
        return web.json_response(health, status=200 if ok else 503)

    def _app(self, core: Core) -> web.Application:
        presence = Presence(lambda person: api.left(person), self._grace, self._sleep)
        api = Api(core, self._replies, self._gate, self.hub, presence, self._models)
        door = Door(self._gate, self._replies.texts)
        app = web.Application(middlewares=[compress, door.guard, api.refusals])
        app.add_routes(api.routes())
        app.router.add_get("/", door.page)
        app.router.add_post("/", door.enter)
        app.router.add_get("/healthz", partial(self._health, core))
        app.router.add_get("/page/{file}", Assets().file)

        async def stop(_: web.Application) -> None:
            presence.close()
            self.hub.close()

        app.on_shutdown.append(stop)
        app.on_response_prepare.append(secure)
        return app


def _address(host: str, port: int) -> str:
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _on_networks(host: str) -> list[str]:
    """Return this machine's addresses on its networks, where `host` is all of them; the usual one first."""
    if host not in ("0.0.0.0", "::"):
        return []
    found = [ipaddress.ip_address(address.address.partition("%")[0])
             for addresses in psutil.net_if_addrs().values() for address in addresses
             if address.family.name in ("AF_INET", "AF_INET6")]  # fmt: skip
    addresses = [
        str(each)
        for each in found
        if not (each.is_loopback or each.is_link_local) and (each.version == 4 or host == "::")
    ]
    return sorted(addresses, key=lambda each: each != _outward())


def _outward() -> str:
    """Return the address with which this machine reaches others, empty without a network; nothing is sent."""
    with suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect((DOCUMENTATION, 9))
        return str(probe.getsockname()[0])
    return ""
