"""The web server: wires gate, routes and page together and is the `Platform` the bot sees. Holds no job."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from aiohttp import web
from aiohttp.typedefs import Handler

from adapters.web.api import Api
from adapters.web.asking import read_place
from adapters.web.events import Hub
from adapters.web.identity import Gate, load_key
from adapters.web.presence import GRACE, Presence
from adapters.web.settings import WebSettings
from bot.core import Core
from bot.types import Address, Reply

PAGE = Path(__file__).parent / "page"
BODY_LIMIT = 25 * 1024**2
SECURITY_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; img-src 'self' data: blob:; object-src 'none'; base-uri 'none'; "
        "form-action 'self'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}
ERROR_CODES = {401: "unauthorized", 403: "forbidden", 404: "not-found", 405: "method-not-allowed",
               413: "too-large", 422: "bad-request"}  # fmt: skip


class WebPlatform:
    """The local web chat. `data_dir` keeps the key that signs cookies."""

    name = "web"
    pace = 0.1

    def __init__(
        self,
        settings: WebSettings,
        data_dir: Path,
        grace: float = GRACE,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.settings = settings
        self.hub = Hub()
        self._gate = Gate(settings, load_key(data_dir / "web.key"))
        self._grace = grace
        self._sleep = sleep
        self._listening = asyncio.Event()
        self._url = ""

    async def started(self) -> str:
        """Wait until the server listens and return its address, the real port included."""
        await self._listening.wait()
        return self._url

    async def run(self, core: Core) -> None:
        """Serve until cancelled; raises OSError where the address cannot be taken."""
        runner = web.AppRunner(self._app(core), access_log=None, shutdown_timeout=1.0)
        await runner.setup()
        try:
            site = web.TCPSite(runner, self.settings.host, self.settings.port)
            await site.start()
            self._url = _address(self.settings.host, runner.addresses[0][1])
            self._listening.set()
            await asyncio.get_running_loop().create_future()
        finally:
            await runner.cleanup()

    async def show(self, address: Address, reply: Reply) -> Address:
        """Tell the person's open pages; those that open later ask the core."""
        person, message = read_place(address)
        self.hub.show(person, message, reply)
        return address

    def _app(self, core: Core) -> web.Application:
        presence = Presence(lambda person: api.left(person), self._grace, self._sleep)
        api = Api(core, self._gate, self.hub, presence)
        app = web.Application(middlewares=[self._guard, api.refusals], client_max_size=BODY_LIMIT)
        app.add_routes(api.routes())
        app.router.add_get("/", self._page)
        app.router.add_get("/healthz", _health)
        app.router.add_get("/page/{file}", _file)

        async def stop(_: web.Application) -> None:
            presence.close()
            self.hub.close()

        app.on_shutdown.append(stop)
        app.on_response_prepare.append(_secure)
        return app

    async def _page(self, request: web.Request) -> web.StreamResponse:
        if "token" in request.query:
            return self._gate.welcome(request)
        self._gate.user(request)
        return web.FileResponse(PAGE / "index.html")

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            self._gate.check(request)
            return await handler(request)
        except web.HTTPException as error:
            if error.status not in ERROR_CODES:
                raise
            text = f"There is nothing at {request.path}." if error.status == 404 else error.text
            return web.json_response({"error": text, "code": ERROR_CODES[error.status]}, status=error.status)


async def _health(_: web.Request) -> web.Response:
    return web.json_response({"ok": True})


async def _file(request: web.Request) -> web.StreamResponse:
    name = request.match_info["file"]
    if name not in {path.name for path in PAGE.iterdir()}:
        raise web.HTTPNotFound
    return web.FileResponse(PAGE / name)


async def _secure(_: web.Request, response: web.StreamResponse) -> None:
    response.headers.update(SECURITY_HEADERS)
    response.headers.setdefault("Cache-Control", "no-cache")


def _address(host: str, port: int) -> str:
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
