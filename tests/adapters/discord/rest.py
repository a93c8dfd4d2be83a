"""The HTTP side of a small Discord: REST v10 and the CDN, with faults on order."""

import json
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from tests.adapters.discord import fake_discord as bits
from tests.adapters.discord import rules, spec
from tests.adapters.discord.fake_discord import Channel, FakeDiscord, Message, Wrong
from tests.adapters.discord.gateway import Gateway, channel_json

TOKEN = "loopback-token"
CUT = 0
RETRY_AFTER, ROUNDING = 0.05, 0.005
BODY = web.RequestKey("body", Any)  # type: ignore[arg-type]
FILES = web.RequestKey("files", list)
BOTH = r"/webhooks/{app}/{token}/messages/{message}"


@dataclass
class Fault:
    """The next `times` calls that match answer `status`; `CUT` breaks the connection off in the middle.

    With `late` they were carried out all the same. `scope` is whose limit a 429 means: "" the bot's on this
    route, "global" on all, "shared" everybody's in this place, "cloudflare" what stands before Discord.
    """

    method: str
    path: str
    status: int
    times: int = 1
    late: bool = False
    scope: str = ""
    code: int = 0


class Discord:
    """A small Discord on loopback."""

    def __init__(self, token: str = TOKEN) -> None:
        self.world = FakeDiscord()
        self.gateway = Gateway(self.world, token)
        self.faults: list[Fault] = []
        self.token = token
        self.base = ""
        self.down = False
        self.gateway_down = False
        self.turned_away = 0
        self.checked = True
        self.servers: list[dict[str, Any]] = []
        self._closed: dict[str, float] = {}

    def fail(
        self,
        method: str,
        path: str,
        status: int,
        times: int = 1,
        late: bool = False,
        scope: str = "",
        code: int = 0,
    ) -> None:
        self.faults.append(Fault(method, path, status, times, late, scope, code))

    @property
    def api_base(self) -> str:
        return f"{self.base}/api/v10"

    @property
    def gateway_url(self) -> str:
        return self.base.replace("http", "ws") + "/gateway/"

    def app(self) -> web.Application:
        app = web.Application(middlewares=[self._middle], client_max_size=50 * 1024**2)
        add = app.router.add_route
        add("GET", "/gateway/", self.gateway.connect)
        add("GET", "/cdn/{file}", self._cdn)
        for method, path, handler in self._routes():
            add(method, f"/api/v10{path}", handler)
        return app

    def _routes(self) -> list[tuple[str, str, Callable[[web.Request], Awaitable[web.StreamResponse]]]]:
        return [
            ("GET", "/users/@me", self._me),
            ("GET", "/users/@me/guilds", self._servers),
            ("GET", "/users/{user}", self._user),
            ("GET", "/oauth2/applications/@me", self._application),
            ("PUT", "/applications/{app}/commands", self._commands),
            ("GET", "/applications/{app}/commands", self._listed),
            ("PATCH", "/channels/{channel}", self._edit_channel),
            ("POST", "/interactions/{id}/{token}/callback", self._callback),
            ("POST", "/webhooks/{app}/{token}", self._follow),
            ("GET", BOTH, self._hook_message),
            ("PATCH", BOTH, self._hook_message),
            ("DELETE", BOTH, self._hook_message),
            ("POST", "/users/@me/channels", self._open_dm),
            ("POST", "/channels/{channel}/messages", self._send),
            ("GET", "/channels/{channel}/messages/{message}", self._channel_message),
            ("PATCH", "/channels/{channel}/messages/{message}", self._channel_message),
            ("PUT", "/channels/{channel}/messages/{message}/reactions/{emoji}/@me", self._react),
        ]

    @web.middleware
    async def _middle(self, request: web.Request, handler: Any) -> web.StreamResponse:
        if request.path.startswith("/gateway"):
            if self.down or self.gateway_down:
                self.turned_away += 1
                self.world.change()
                raise web.HTTPServiceUnavailable
            return await handler(request)  # type: ignore[no-any-return]
        fault = self._fault(request)
        self._wait_is_kept(request)
        try:
            if fault is None or fault.late:
                await self._read(request)
                answer = await handler(request)
                if fault is None:
                    return answer  # type: ignore[no-any-return]
        except Wrong as wrong:
            return _json({"message": wrong.text, "code": wrong.code}, wrong.status)
        finally:
            self.world.change()
        if fault.status == CUT:
            assert request.transport is not None
            await request.content.readany()
            request.transport.abort()
        if fault.code:
            return _json({"message": "refused", "code": fault.code}, fault.status)
        if fault.status == 401:
            return _json({"message": "Invalid Webhook Token", "code": 50027}, 401)
        if fault.status == 429:
            self._closed[request.path] = time.monotonic() + RETRY_AFTER
            return _limited(fault.scope)
        return web.Response(text="upstream", status=fault.status)

    def _fault(self, request: web.Request) -> Fault | None:
        if self.down:
            self.turned_away += 1
            return Fault("", "", 503)
        for fault in self.faults:
            if fault.times and request.method == fault.method and re.search(fault.path, request.path):
                fault.times -= 1
                return fault
        return None

    def _wait_is_kept(self, request: web.Request) -> None:
        if time.monotonic() < self._closed.pop(request.path, 0.0) - ROUNDING:
            self.world.broken.append(f"{request.method} {request.path}: called again before it may")

    async def _read(self, request: web.Request) -> None:
        """Read body and files, and hold the call against the published specification."""
        body, files = None, []
        if request.content_type.startswith("multipart/"):
            form = await request.post()
            for name, part in form.items():
                if name == "payload_json":
                    body = json.loads(str(part))
                else:
                    assert re.fullmatch(r"files\[\d\]", name), name
                    files.append(part.file.read())  # type: ignore[union-attr]
        elif request.can_read_body:
            body = await request.json()
        request[BODY], request[FILES] = body, files
        self.world.calls.append((request.method, request.path.removeprefix("/api/v10"), body))
        if self.checked:
            self.world.broken += spec.violations(request.method, request.path.removeprefix("/api/v10"), body)
        by_token = re.match(r"/api/v10/(interactions|webhooks)|/cdn", request.path)
        if not by_token and request.headers.get("Authorization") != f"Bot {self.token}":
            raise Wrong(401, 0, "401: Unauthorized")

    async def _me(self, _: web.Request) -> web.Response:
        return _json({**self.world.bot.json(), "bot": True})

    async def _servers(self, _: web.Request) -> web.Response:
        return _json(self.servers)

    async def _user(self, request: web.Request) -> web.Response:
        people = {asked.person.id: asked.person for asked in self.world.interactions.values()}
        if (found := people.get(int(request.match_info["user"]))) is None:
            raise Wrong(404, 10013, "Unknown User")
        return _json(found.json())

    async def _application(self, _: web.Request) -> web.Response:
        owner = self.world.bot.json()
        return _json({"id": str(self.world.application), "name": "painter", "icon": None, "description": "",
                      "bot_public": True, "bot_require_code_grant": False, "verify_key": "", "team": None,
                      "owner": owner, "flags": 0})  # fmt: skip

    async def _commands(self, request: web.Request) -> web.Response:
        rules.commands(request[BODY])
        world, app = self.world, str(self.world.application)
        world.commands = [
            {"description": "", **told, "id": str(world.id()), "application_id": app, "version": "1"}
            for told in request[BODY]
        ]
        return _json(world.commands)

    async def _listed(self, _: web.Request) -> web.Response:
        return _json(self.world.commands)

    async def _edit_channel(self, request: web.Request) -> web.Response:
        channel = self._channel(request)
        if not channel.may(bits.SEND) or channel.locked:
            raise Wrong(403, 50013, "Missing Permissions")
        channel.archived = bool(request[BODY].get("archived", channel.archived))
        return _json(channel_json(channel))

    async def _callback(self, request: web.Request) -> web.Response:
        number, token = int(request.match_info["id"]), request.match_info["token"]
        kind, data = request[BODY]["type"], request[BODY].get("data") or {}
        if kind == 9:
            rules.modal(data)
        message = self.world.acknowledge(number, token, kind, data, request[FILES])
        told: dict[str, Any] = {"interaction": {"id": str(number), "type": 2}, "resource": {"type": kind}}
        if message is not None:
            ephemeral = bool(message.flags & bits.EPHEMERAL)
            told["interaction"] |= {"response_message_id": str(message.id)}
            told["interaction"] |= {"response_message_ephemeral": ephemeral}
            told["resource"] |= {"message": self._told(message)}
        return _json(told)

    async def _follow(self, request: web.Request) -> web.Response:
        token = request.match_info["token"]
        return _json(self._told(self.world.follow(token, request[BODY], request[FILES])))

    async def _hook_message(self, request: web.Request) -> web.Response:
        asked, name = self.world.interaction(request.match_info["token"]), request.match_info["message"]
        message = asked.original if name == "@original" else self.world.known(int(name))
        if message is None or message.id not in self.world.messages:
            raise Wrong(404, 10008, "Unknown Message")
        if request.method == "DELETE":
            self.world.remove(message)
            return web.Response(status=204)
        if request.method == "PATCH":
            self.world.edit(message, request[BODY], request[FILES], asked.limit)
        return _json(self._told(message))

    async def _open_dm(self, request: web.Request) -> web.Response:
        number = int(request[BODY]["recipient_id"])
        people = {asked.person.id: asked.person for asked in self.world.interactions.values()}
        return _json(channel_json(self.world.dm(people[number])))

    async def _send(self, request: web.Request) -> web.Response:
        channel, body = self._channel(request), request[BODY]
        needs = [bits.SEND] + [bits.ATTACH] * bool(request[FILES]) + [bits.EMBED] * bool(body.get("embeds"))
        if not channel.may(*needs):
            raise Wrong(403, 50013, "Missing Permissions")
        if channel.person and not channel.person.takes_messages:
            raise Wrong(403, 50007, "Cannot send messages to this user")
        for known in self.world.messages.values():
            if body.get("enforce_nonce") and known.channel is channel and known.nonce == body.get("nonce"):
                return _json(self._told(known))
        return _json(self._told(self.world.create(channel, body, request[FILES])))

    async def _channel_message(self, request: web.Request) -> web.Response:
        channel, message = self._channel(request), self.world.known(int(request.match_info["message"]))
        if message.flags & bits.EPHEMERAL:
            raise Wrong(404, 10008, "Unknown Message")
        if request.method == "GET" and not channel.may(bits.HISTORY):
            raise Wrong(403, 50001, "Missing Access")
        if request.method == "PATCH":
            self.world.edit(message, request[BODY], request[FILES])
        return _json(self._told(message))

    async def _react(self, request: web.Request) -> web.Response:
        if not self._channel(request).may(bits.REACT, bits.HISTORY):
            raise Wrong(403, 50013, "Missing Permissions")
        self.world.known(int(request.match_info["message"])).reactions.append(request.match_info["emoji"])
        return web.Response(status=204)

    async def _cdn(self, request: web.Request) -> web.Response:
        if request.match_info["file"] not in self.world.files:
            raise web.HTTPNotFound
        return web.Response(body=self.world.files[request.match_info["file"]])

    def _channel(self, request: web.Request) -> Channel:
        channel = self.world.channels.get(int(request.match_info["channel"]))
        if channel is None:
            raise Wrong(404, 10003, "Unknown Channel")
        if not channel.may(bits.VIEW):
            raise Wrong(403, 50001, "Missing Access")
        return channel

    def _told(self, message: Message) -> dict[str, Any]:
        told = message.json()
        told["attachments"] = [{**one, "url": self.base + one["url"]} for one in told["attachments"]]
        return told


def _json(told: Any, status: int = 200, **headers: str) -> web.Response:
    # Exactly this type: the library takes anything else for text.
    return web.Response(
        body=json.dumps(told).encode(), status=status, headers={"Content-Type": "application/json", **headers}
    )


def _limited(scope: str) -> web.Response:
    if scope == "cloudflare":
        told = "error code: 1015"
        return web.Response(text=told, status=429, headers={"Retry-After": str(RETRY_AFTER)})
    told = {"message": "You are being rate limited.", "retry_after": RETRY_AFTER, "global": scope == "global"}
    headers = {"Via": "1.1 google", "Retry-After": "1", "X-RateLimit-Scope": scope or "user"}
    if scope == "global":
        return _json(told, 429, **headers, **{"X-RateLimit-Global": "true"})
    bucket = {"Limit": "5", "Remaining": "0", "Reset": f"{time.time() + RETRY_AFTER:.3f}",
              "Reset-After": str(RETRY_AFTER),               "Bucket": "abcd1234"}  # fmt: skip
    return _json(told, 429, **headers, **{f"X-RateLimit-{name}": value for name, value in bucket.items()})


@asynccontextmanager
async def running(port: int = 0) -> AsyncIterator[Discord]:
    """A small Discord, listening."""
    discord = Discord()
    runner = web.AppRunner(discord.app(), access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", port)
    await site.start()
    discord.base = f"http://127.0.0.1:{runner.addresses[0][1]}"
    discord.gateway.url = discord.gateway_url
    try:
        yield discord
    finally:
        await discord.gateway.drop()
        await runner.cleanup()
