"""The gateway of a small Discord: hello, identify, heartbeat, resume and events, zlib-compressed if asked."""

import json
import zlib
from dataclasses import dataclass, field
from typing import Any

from aiohttp import WSMsgType, web

from tests.adapters.discord.fake_discord import EVERYTHING, FakeDiscord, Json

PRIVILEGED = 1 << 1 | 1 << 8 | 1 << 15


class Pipe:
    """One connection, compressed as one stream."""

    def __init__(self, socket: web.WebSocketResponse, compressed: bool) -> None:
        self.socket = socket
        self._zlib = zlib.compressobj() if compressed else None

    async def send(
        self, op: int, data: Any = None, number: int | None = None, name: str | None = None
    ) -> None:
        text = json.dumps({"op": op, "d": data, "s": number, "t": name})
        if self._zlib is None:
            await self.socket.send_str(text)
        else:
            packed = self._zlib.compress(text.encode()) + self._zlib.flush(zlib.Z_SYNC_FLUSH)
            await self.socket.send_bytes(packed)


@dataclass
class Session:
    """What outlives a connection: every event, so that a resumed one gets what it missed."""

    shard: list[int]
    events: list[tuple[str, Json]] = field(default_factory=list)
    pipe: Pipe | None = None

    async def tell(self, name: str, data: Json) -> None:
        self.events.append((name, data))
        if self.pipe is not None:
            await self.pipe.send(0, data, len(self.events), name)


class Gateway:
    """All sessions. `identified` and `resumed` count how connections began."""

    def __init__(self, world: FakeDiscord, token: str) -> None:
        self.closes_with = 0
        self.world = world
        self.token = token
        self.url = ""
        self.sessions: dict[str, Session] = {}
        self.identified = 0
        self.resumed = 0
        self.compressed: set[str] = set()

    def ready(self, shards: int = 1) -> bool:
        return sum(session.pipe is not None for session in self.sessions.values()) >= shards

    async def tell(self, name: str, data: Json, guild: int = 0) -> None:
        """Send an event to the session whose shard serves the guild."""
        for session in self.sessions.values():
            if (guild >> 22) % session.shard[1] == session.shard[0]:
                await session.tell(name, data)

    async def drop(self, forget: bool = False) -> None:
        """Cut every connection; with `forget` the sessions cannot be resumed."""
        sessions = list(self.sessions.values())
        if forget:
            self.sessions.clear()
        for session in sessions:
            if (pipe := session.pipe) is not None:
                session.pipe = None
                assert pipe.socket._req is not None
                transport = pipe.socket._req.transport
                assert transport is not None
                transport.close()

    async def ask_to_reconnect(self) -> None:
        """Tell every connection to go and come again, as before each deployment of Discord's."""
        for session in list(self.sessions.values()):
            if session.pipe is not None:
                await session.pipe.send(7)

    async def connect(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        compress = request.query.get("compress", "")
        self.compressed.add(compress)
        pipe = Pipe(socket, compress == "zlib-stream")
        await pipe.send(10, {"heartbeat_interval": 41_250})
        session: Session | None = None
        async for frame in socket:
            if frame.type is WSMsgType.TEXT:
                told = json.loads(frame.data)
                session = await self._take(pipe, session, told["op"], told["d"])
        if session is not None and session.pipe is pipe:
            session.pipe = None
        return socket

    async def _take(self, pipe: Pipe, session: Session | None, op: int, data: Any) -> Session | None:
        match op:
            case 1:
                await pipe.send(11)
            case 2:
                return await self._identify(pipe, data)
            case 6:
                return await self._resume(pipe, data)
        return session

    async def _identify(self, pipe: Pipe, data: Json) -> Session | None:
        if data["token"] != self.token:
            await pipe.socket.close(code=4004, message=b"Authentication failed.")
            return None
        if self.closes_with:
            await pipe.socket.close(code=self.closes_with)
            return None
        if data["intents"] & PRIVILEGED:
            self.world.broken.append(f"privileged intents: {data['intents']}")
        self.identified += 1
        number = f"session{self.world.id()}"
        session = self.sessions[number] = Session(data.get("shard", [0, 1]))
        world, guild = self.world, str(self.world.guild)
        session.pipe = pipe
        await session.tell("READY", {
            "v": 10, "user": {**world.bot.json(), "bot": True},
            "guilds": [{"id": guild, "unavailable": True}],
            "session_id": number, "resume_gateway_url": self.url, "shard": session.shard,
            "application": {"id": str(world.application), "flags": 0},
        })  # fmt: skip
        if (world.guild >> 22) % session.shard[1] == session.shard[0]:
            await session.tell("GUILD_CREATE", guild_json(world))
        world.change()
        return session

    async def _resume(self, pipe: Pipe, data: Json) -> Session | None:
        session = self.sessions.get(data["session_id"])
        if session is None:
            await pipe.send(9, False)
            return None
        self.resumed += 1
        for number, (name, event) in enumerate(session.events, 1):
            if number > data["seq"]:
                await pipe.send(0, event, number, name)
        session.pipe = pipe
        await session.tell("RESUMED", {})
        self.world.change()
        return session


def guild_json(world: FakeDiscord) -> Json:
    """The server as the gateway tells it; its first role is everybody's."""
    roles = [role_json(number, bits) for number, bits in ((world.guild, EVERYTHING), *world.roles.items())]
    return {
        "id": str(world.guild), "name": "BotHarness", "owner_id": "1", "roles": roles, "emojis": [],
        "features": [], "members": [], "member_count": 2, "voice_states": [], "presences": [], "threads": [],
        "stickers": [],
        "channels": [channel_json(channel) for channel in world.channels.values() if channel.kind == 0],
        "afk_timeout": 0, "premium_tier": 0, "verification_level": 0, "default_message_notifications": 0,
        "explicit_content_filter": 0, "mfa_level": 0, "nsfw_level": 0, "large": False,
        "system_channel_flags": 0,
        "preferred_locale": "en-US", "premium_progress_bar_enabled": False, "unavailable": False,
        "joined_at": "2026-01-01T00:00:00+00:00", "stage_instances": [], "guild_scheduled_events": [],
    }  # fmt: skip


def role_json(number: int, permissions: int) -> Json:
    """A role as the gateway tells it."""
    return {"id": str(number), "name": "role", "permissions": str(permissions), "position": 0, "color": 0,
            "colors": {"primary_color": 0, "secondary_color": None, "tertiary_color": None}, "flags": 0,
            "hoist": False, "managed": False, "mentionable": False}  # fmt: skip


def channel_json(channel: Any) -> Json:
    """A channel as the gateway tells it."""
    told: Json = {"id": str(channel.id), "type": channel.kind, "name": "studio", "position": 0}
    if channel.guild:
        parent = str(channel.parent) if channel.parent else None
        told |= {"guild_id": str(channel.guild), "permission_overwrites": [], "parent_id": parent,
                 "nsfw": channel.nsfw}  # fmt: skip
    if channel.kind == 11:
        told |= {"parent_id": str(channel.parent or 1), "owner_id": "1", "message_count": 0,
                 "member_count": 1,
                 "thread_metadata": {"archived": False, "auto_archive_duration": 60, "locked": False,
                                     "archive_timestamp": "2026-01-01T00:00:00+00:00"}}  # fmt: skip
    if channel.kind == 1:
        told |= {"recipients": [channel.person.json()], "last_message_id": None}
    return told
