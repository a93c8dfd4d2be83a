"""The broker's side of a cluster: how to reach it, what it keeps, how files pass through it.

Knows NATS and JetStream; knows no task and no model. JetStream hands tasks out, leases them and hands them
out again when a lease runs out; nothing of that is here.

Subjects: `task.LANE.BOT.ID` (the only stream), `event.BOT.ID`, `drop.BOT.ID` (or `drop.BOT.all`),
`here.LANE.USER.LIFE`, `who.LANE`, `file.USER.LIFE.ID.PIECE`. A life is one run of a process.
"""

import asyncio
import json
import logging
import re
import secrets
import ssl
import time
import tomllib
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError

STREAM = "TASKS"
NO_STREAM, OTHER_STORAGE = 10059, 10052
"""The server's codes for a stream that is not there, and for one that cannot be changed into this one."""
GROUP = "least-busy-first"
LEASE = 15.0
"""Seconds after which a task whose worker is silent goes to another one."""
KEPT = 3600.0
"""Seconds that the broker keeps a task; a bot that still wants it then publishes it again."""
OLDEST = (2, 12)
"""The first version of the server that hands tasks to the least busy worker; earlier ones ignore the wish."""
PIECE = 512 * 1024
"""Bytes; less than the default limit of a message, 1 MiB."""
AT_ONCE = 4
LARGEST_FILE = 256 << 20
"""Bytes; an upscaled picture of 8192×8192 pixels has up to 200 MB."""
PENDING = 64 << 20
"""Bytes that wait for a broker that is away."""
SENT = 5.0
"""Seconds in which a message is on its way, or kept for a broker that is away."""
SLOWEST = 50_000
"""Bytes a second; whoever's files pass more slowly is taken for gone."""
UNREACHED = (NatsError, TimeoutError, ConnectionError)
"""What an absent broker, or nobody on the other side, looks like."""

log = logging.getLogger(__name__)
T = TypeVar("T")


class BrokerError(Exception):
    """The broker cannot be used, or refuses; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Access:
    """Where the broker is and who one is there; `ca` holds PEM certificates, empty for the system's."""

    url: str
    user: str = ""
    password: str = field(default="", repr=False)
    ca: str = ""

    @staticmethod
    def read(url: str, credentials: Path | None) -> "Access":
        """Read the file that `python -m bot cluster init` wrote for one user; raises `BrokerError`."""
        if credentials is None:
            return Access(url)
        try:
            table = tomllib.loads(credentials.read_text("utf-8"))
            access = Access(url, table["user"], table["password"], table.get("ca", ""))
        except OSError as error:
            raise BrokerError(f"{credentials}: cannot be read ({error.strerror})") from None
        except (ValueError, KeyError, RecursionError) as error:
            raise BrokerError(f"{credentials}: is no file of credentials ({error})") from None
        if not all(isinstance(each, str) for each in (access.user, access.password, access.ca)):
            raise BrokerError(f"{credentials}: user, password and ca must be texts, in quotes")
        if not re.fullmatch(r"[\w-]{1,64}", access.user, re.ASCII):
            raise BrokerError(f"{credentials}: user must be 1–64 letters, digits, - and _")
        return access


def _is_news(record: logging.LogRecord) -> bool:
    """Leave out what asyncio says each time that nats ends a connection with TLS."""
    return "eof_received" not in str(record.msg)


class Connection:
    """One life of a process at the broker; `user` names it there, and nobody else reads its answers.

    `reconnected` is called each time the broker is back; `trouble` is what went wrong last, if it still does,
    and is logged at `level`.
    """

    def __init__(
        self,
        access: Access,
        user: str,
        reconnected: Callable[[], None] = lambda: None,
        level: int = logging.WARNING,
    ) -> None:
        self.user = access.user or user
        self.life = secrets.token_hex(4)
        self.client = Client()
        self._access = access
        self._reconnected = reconnected
        self._level = level
        self.trouble = ""
        self._files: dict[str, bytes] = {}

    async def open(self) -> None:
        """Connect, however long that takes, and serve files; raises `BrokerError` for a server too old."""
        if self.client.is_closed:
            self.client = Client()
        logging.getLogger("nats.aio.client").setLevel(logging.CRITICAL)
        logging.getLogger("asyncio").addFilter(_is_news)
        access, options = self._access, dict[str, Any]()
        if access.user:
            options |= {"user": access.user, "password": access.password}
        if access.url.startswith(("tls:", "wss:")):
            try:
                options["tls"] = ssl.create_default_context(cadata=access.ca or None)
            except ssl.SSLError as error:
                raise BrokerError(f"the ca of the credentials holds no certificates ({error})") from None
        await self.client.connect(
            access.url,
            name=f"{self.user}.{self.life}",
            inbox_prefix=f"_INBOX.{self.user}",
            # Else a machine in between could say that there is no TLS and be given the password.
            tls_handshake_first=access.url.startswith("tls:"),
            max_reconnect_attempts=-1,
            reconnect_time_wait=1,
            connect_timeout=5,
            ping_interval=10,
            max_outstanding_pings=2,
            pending_size=PENDING,
            error_cb=self._failed,
            reconnected_cb=self._back,
            **options,
        )
        self.trouble = ""
        version = self.client.connected_server_version
        if (version.major, version.minor) < OLDEST:
            await self.client.close()
            raise BrokerError(
                f"the broker is nats-server {version}; {'.'.join(map(str, OLDEST))} or newer is needed"
            )
        await self.subscribe(f"file.{self.user}.{self.life}.*.*", self._serve)

    async def close(self) -> None:
        """Send what is pending and end the connection."""
        try:
            async with asyncio.timeout(SENT):
                if self.client.is_connected:
                    # A broker that stands still answers nothing; a client left open would call it for ever.
                    with suppress(*UNREACHED):
                        await self.client.flush(2)
                if not self.client.is_closed:
                    await self.client.close()
        except UNREACHED as error:  # nats-py still wants to send what the broker, which is away, never got
            log.debug("not everything was sent: %r", error)

    async def subscribe(self, subject: str, heard: Callable[[Msg], Awaitable[None]]) -> None:
        """Have every message of a subject handled, one after the other."""
        await self.client.subscribe(subject, cb=heard)

    async def publish(
        self, subject: str, data: bytes = b"", headers: dict[str, str] | None = None, reply: str = ""
    ) -> None:
        """Send a message to whoever listens; while the broker is away it is kept, up to a limit."""
        try:
            async with asyncio.timeout(SENT):
                await self.client.publish(subject, data, reply, headers)
        except UNREACHED as error:
            log.debug("%s was not sent: %r", subject, error)

    async def request(
        self, subject: str, data: bytes = b"", headers: dict[str, str] | None = None, timeout: float = 5.0
    ) -> bytes:
        """Send a message and return the answer; raises one of `UNREACHED` where there is none."""
        async with asyncio.timeout(SENT + timeout):
            answer = await self.client.request(subject, data, timeout=timeout, headers=headers)
        return bytes(answer.data)

    async def api(self, call: str, **body: Any) -> dict[str, Any]:
        """Call JetStream; raises one of `UNREACHED`, or `BrokerError`, `args[1]` the code of a refusal."""
        answer = json.loads(await self.request(f"$JS.API.{call}", json.dumps(body).encode()))
        if error := answer.get("error"):
            raise BrokerError(f"{call}: {error.get('description')}", error.get("err_code"))
        return dict(answer)

    async def prepare(self, lane: str, lease: float) -> None:
        """Have the stream and a lane's consumer at the broker, made or brought up to date.

        Tasks are kept in memory, since a stream whose disk was full once takes nothing until the broker is
        begun again; who published them does so again then. Each stream begins at a number no earlier one had,
        so that what a worker still says of a lost task hits no other.
        """
        seconds = 10**9
        stream = {
            "name": STREAM, "subjects": ["task.*.*.*"], "retention": "workqueue", "storage": "memory",
            "max_age": int(KEPT * seconds), "discard": "new", "max_msgs": 100_000, "num_replicas": 1,
            "duplicate_window": 120 * seconds,
        }  # fmt: skip
        try:
            await self.api(f"STREAM.UPDATE.{STREAM}", **stream)
        except BrokerError as error:
            if error.args[1:] == (OTHER_STORAGE,):
                remedy = "it is of an earlier version: stop the broker, delete its store_dir, start it again"
                raise BrokerError(f"{error}; {remedy}") from None
            if error.args[1:] != (NO_STREAM,):
                raise
            await self.api(f"STREAM.CREATE.{STREAM}", **stream, first_seq=time.time_ns() // 1_000_000)
        consumer = {
            "durable_name": lane, "filter_subject": f"task.{lane}.*.*", "ack_policy": "explicit",
            "ack_wait": int(lease * seconds), "max_deliver": -1, "max_ack_pending": -1, "max_waiting": 5000,
            "priority_policy": "prioritized", "priority_groups": [GROUP],
        }  # fmt: skip
        call = f"CONSUMER.CREATE.{STREAM}.{lane}.task.{lane}.*.*"
        await self.api(call, stream_name=STREAM, config=consumer)

    def keep(self, name: str, file: bytes) -> str:
        """Serve a file from here under a name; return the header by which others fetch it."""
        self._files[name] = file
        return f"{self.user}.{self.life}.{name} {len(file)}"

    def drop(self, name: str) -> None:
        """Serve a file no longer."""
        self._files.pop(name, None)

    async def fetch(self, header: str) -> bytes:
        """Return a file that another keeps; raises `ValueError` where it is gone, or one of `UNREACHED`."""
        match = re.fullmatch(r"([\w-]+\.[\w-]+\.[\w-]+) (\d{1,9})", header, re.ASCII)
        if match is None or not 0 < int(match[2]) <= LARGEST_FILE:
            raise ValueError(f"no file is called {header!r}")
        where, size = match[1], int(match[2])
        window = asyncio.Semaphore(AT_ONCE)

        async def piece(number: int) -> bytes:
            async with window:
                return await self.request(f"file.{where}.{number}", timeout=AT_ONCE * PIECE / SLOWEST)

        pieces = [asyncio.create_task(piece(number)) for number in range(-(-size // PIECE))]
        try:
            file = b"".join([await each for each in pieces])
        finally:
            for each in pieces:
                each.cancel()
            await asyncio.gather(*pieces, return_exceptions=True)
        if len(file) != size:
            raise ValueError("the file is gone")
        return file

    async def _serve(self, message: Msg) -> None:
        *_, name, piece = message.subject.split(".")
        start = int(piece) * PIECE if piece.isdecimal() else 0
        await self.publish(message.reply, self._files.get(name, b"")[start : start + PIECE])

    async def _failed(self, error: Exception) -> None:
        trouble = str(error) or type(error).__name__
        # That the broker ends the connection follows from what it said before.
        follows = self.trouble and isinstance(error, ConnectionError)
        if trouble != self.trouble and not follows:
            self.trouble = trouble
            log.log(self._level, "broker %s: %s", self._access.url, trouble)

    async def _back(self) -> None:
        self.trouble = ""
        log.info("broker %s: connected again", self._access.url)
        self._reconnected()
