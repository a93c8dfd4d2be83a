"""What a small Discord knows: people, channels, messages and interactions, and what it refuses.

Strict where the real one is strict, with its error codes. Knows no HTTP and no sockets.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]

EPOCH = 1_420_070_400_000
DEADLINE = 3.0
TOKEN_LIFE = 900.0
VIEW, SEND, EMBED, ATTACH, HISTORY, REACT, IN_THREADS = 10, 11, 14, 15, 16, 6, 38
MANAGE_MESSAGES = 13
EVERYTHING = sum(1 << bit for bit in (VIEW, SEND, EMBED, ATTACH, HISTORY, REACT, IN_THREADS))
EPHEMERAL, LOADING = 64, 128


class Wrong(Exception):
    """What Discord answers to a call it refuses."""

    def __init__(self, status: int, code: int, text: str) -> None:
        super().__init__(f"{status} {code} {text}")
        self.status, self.code, self.text = status, code, text


@dataclass
class Person:
    id: int
    name: str
    locale: str = "en-US"
    takes_messages: bool = True
    roles: list[int] = field(default_factory=list)

    def json(self) -> Json:
        return {"id": str(self.id), "username": self.name, "discriminator": "0", "avatar": None,
                "global_name": self.name}  # fmt: skip


@dataclass
class Channel:
    id: int
    kind: int = 0
    guild: int = 0
    permissions: int = EVERYTHING
    person: Person | None = None
    parent: int = 0
    nsfw: bool = False
    archived: bool = False
    locked: bool = False
    hides: bool = False

    def may(self, *bits: int) -> bool:
        return all(self.permissions >> bit & 1 for bit in bits)


@dataclass
class Message:
    id: int
    channel: Channel
    author: Json
    body: Json
    flags: int = 0
    seen_by: int = 0
    nonce: str = ""
    reactions: list[str] = field(default_factory=list)
    files: list[bytes] = field(default_factory=list)

    def json(self) -> Json:
        return {
            "id": str(self.id), "channel_id": str(self.channel.id), "author": self.author, "type": 0,
            "timestamp": "2026-01-01T00:00:00+00:00", "edited_timestamp": None, "tts": False, "pinned": False,
            "mention_everyone": False, "mentions": [], "mention_roles": [], "flags": self.flags,
            "content": "", "embeds": [], "components": [], "attachments": [], **self.body,
        }  # fmt: skip

    @property
    def text(self) -> str:
        return str(self.body.get("content", ""))

    @property
    def custom_ids(self) -> list[str]:
        return [item["custom_id"] for item in self.items]

    @property
    def items(self) -> list[Json]:
        """Every button and select, row by row."""
        return [item for row in self.body.get("components", []) for item in row["components"]]


@dataclass
class Interaction:
    id: int
    token: str
    created: float
    person: Person
    channel: Channel
    kind: int
    limit: int
    pressed: Message | None = None
    sent: float = 0.0
    answer: int = 0
    answered: float = 0.0
    original: Message | None = None
    modal: Json | None = None
    choices: list[Json] | None = None


class FakeDiscord:
    """All of it. `now` may be moved by tests; `broken` are rules that were broken without being refused."""

    def __init__(self) -> None:
        self.shift = 0.0
        self.deadline = DEADLINE
        self.refused_files: Wrong | None = None
        self.spares: Channel | None = None
        self.most_bytes = 2**63
        self.messages: dict[int, Message] = {}
        self.deleted: list[Message] = []
        self.interactions: dict[str, Interaction] = {}
        self.broken: list[str] = []
        self.calls: list[tuple[str, str, Any]] = []
        self.commands: list[Json] = []
        self.files: dict[str, bytes] = {}
        self._count = 0
        self._changed = asyncio.Event()
        self.application = self.id()
        self.bot = Person(self.application, "painter")
        self.guild = self.id()
        self.roles: dict[int, int] = {}
        self.channels: dict[int, Channel] = {}
        self.channel = self.add_channel()

    def now(self) -> float:
        return time.time() + self.shift

    def id(self) -> int:
        """A snowflake of about now."""
        self._count += 1
        return (int(self.now() * 1000) - EPOCH << 22) + self._count

    def add_channel(self, kind: int = 0, **said: Any) -> Channel:
        guild = said.pop("guild", self.guild)
        channel = Channel(self.id(), kind, guild, **said)
        self.channels[channel.id] = channel
        return channel

    def add_role(self, *bits: int) -> int:
        """A role of the server that has these permissions."""
        number = self.id()
        self.roles[number] = sum(1 << bit for bit in bits)
        return number

    def dm(self, person: Person) -> Channel:
        for channel in self.channels.values():
            if channel.person is person:
                return channel
        return self.add_channel(1, guild=0, person=person)

    def change(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    async def until(self, condition: Callable[[], Any]) -> Any:
        """Wait until something is so, looking again after every call of the bot."""
        while not (found := condition()):
            await self._changed.wait()
        return found

    def interaction(self, token: str) -> Interaction:
        found = self.interactions.get(token)
        if found is None:
            raise Wrong(404, 10015, "Unknown Webhook")
        if self.now() - found.created > TOKEN_LIFE:
            raise Wrong(401, 50027, "Invalid Webhook Token")
        return found

    def acknowledge(
        self, number: int, token: str, kind: int, body: Json, files: list[bytes]
    ) -> Message | None:
        """The first answer to an interaction; only one is taken, and only for three seconds."""
        asked = self.interactions.get(token)
        if asked is not None and asked.answer:
            raise Wrong(400, 40060, "Interaction has already been acknowledged.")
        if asked is None or asked.id != number or self.now() - asked.created > self.deadline:
            raise Wrong(404, 10062, "Unknown interaction")
        asked.answer, asked.answered = kind, time.monotonic()
        if kind == 9:
            asked.modal = body
            return None
        if kind == 8:
            asked.choices = body["choices"]
            return None
        if kind == 6:
            asked.original = asked.pressed
            return asked.pressed
        if kind == 7:
            assert asked.pressed is not None
            asked.original = self.edit(asked.pressed, body, files, asked.limit)
            return asked.original
        flags = (
            body.get("flags", 0) | (LOADING if kind == 5 else 0) | (EPHEMERAL if asked.channel.hides else 0)
        )
        asked.original = self.create(asked.channel, body, files, flags, asked)
        return asked.original

    def follow(self, token: str, body: Json, files: list[bytes]) -> Message:
        """A follow-up; while the acknowledgement stands empty it takes its place, for the same eyes."""
        asked = self.interaction(token)
        if not asked.answer:
            raise Wrong(404, 10015, "Unknown Webhook")
        original = asked.original
        if original and original.flags & LOADING and original.id in self.messages:
            return self.edit(original, body, files, asked.limit)
        return self.create(asked.channel, body, files, body.get("flags", 0), asked)

    def create(
        self,
        channel: Channel,
        body: Json,
        files: list[bytes],
        flags: int = 0,
        asked: Interaction | None = None,
    ) -> Message:
        message = Message(self.id(), channel, {**self.bot.json(), "bot": True}, {}, flags)
        message.seen_by = asked.person.id if asked and flags & EPHEMERAL else 0
        message.nonce = str(body.get("nonce", ""))
        self._write(message, body, files, asked.limit if asked else 10 * 1024**2)
        self.messages[message.id] = message
        return message

    def edit(self, message: Message, body: Json, files: list[bytes], limit: int = 10 * 1024**2) -> Message:
        if message.channel.archived:
            raise Wrong(400, 50083, "Thread is archived")
        self._write(message, body, files, limit)
        message.flags &= ~LOADING
        return message

    def known(self, number: int) -> Message:
        if number not in self.messages:
            raise Wrong(404, 10008, "Unknown Message")
        return self.messages[number]

    def remove(self, message: Message) -> None:
        self.deleted.append(self.messages.pop(message.id))

    def _write(self, message: Message, body: Json, files: list[bytes], limit: int) -> None:
        from tests.adapters.discord.rules import check

        check(self, message, body, files, limit)
        kept = list(message.body.get("attachments", []))
        if "attachments" in body:
            ids = {str(told["id"]) for told in body["attachments"]}
            kept = [known for known in kept if known["id"] in ids]
            kept += [self._store(told, files[int(told["id"])]) for told in body["attachments"]
                     if int(told["id"]) < len(files)]  # fmt: skip
        changed = {key: value or [] for key, value in body.items() if key in ("embeds", "components")}
        if "content" in body:
            changed["content"] = body["content"] or ""
        message.body = {**message.body, **changed, "attachments": kept}
        message.files = [self.files[one["id"]] for one in kept]

    def _store(self, told: Json, data: bytes) -> Json:
        number = str(self.id())
        self.files[number] = data
        return {"id": number, "filename": told["filename"], "size": len(data), "url": f"/cdn/{number}",
                "proxy_url": f"/cdn/{number}", "content_type": "image/png",
                "description": told.get("description")}  # fmt: skip
