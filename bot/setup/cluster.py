"""This machine's part in a cluster, from the configuration: the bot's engine, a worker, who is present.

Imported only where `[cluster] url` is set, since it needs the extra `cluster`.
"""

import asyncio
import hashlib
import logging
import socket
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from importlib import metadata
from pathlib import Path
from urllib.parse import urlsplit

from nats.aio.msg import Msg

from bot.setup.config import Config, ConfigError, is_loopback
from bot.setup.doctor import Finding
from engine.cluster.broker import UNREACHED, Access, BrokerError, Connection
from engine.cluster.engine import ClusterEngine
from engine.cluster.presence import BEAT, Presence, Present, Roster, lane
from engine.cluster.worker import ClusterWorker
from engine.runtime.cards import CardsEngine
from engine.runtime.process import ProcessEngine
from engine.types import ModelProfile, Worker

REACHED = 5.0
"""Seconds in which a broker must have answered to whoever only looks."""
GRACE = 90.0
"""Seconds that a worker which is asked to end may go on with what it has."""

log = logging.getLogger(__name__)


class WorkersOnly(BrokerError):
    """Who asks is a worker, and may not know who else is there."""


def access(config: Config) -> Access:
    """Return how the broker is reached; raises `ConfigError`."""
    url, name = urlsplit(config.cluster.url), config.cluster.credentials
    if name and url.scheme in ("nats", "ws") and not is_loopback(url.hostname or ""):
        log.warning(
            "cluster.url = %s:// sends the password and all pictures in clear: use tls://", url.scheme
        )
    try:
        return Access.read(config.cluster.url, Path(name).expanduser() if name else None)
    except BrokerError as error:
        raise ConfigError(f"cluster.credentials: {error}") from None


def lane_of(config: Config, profile: ModelProfile) -> str:
    """Return the configured lane, or one for all machines with this model, LoRA files and classifier."""
    extras = (config.moderation.classifier, *_loras(config))
    mark = f"-{hashlib.sha256(repr(extras).encode()).hexdigest()[:6]}" if any(extras) else ""
    return lane(config.cluster.lane or profile.name + mark)


def presence(config: Config, profile: ModelProfile, device: str = "") -> Presence:
    """Return what a worker with this configuration says of itself."""
    version = metadata.version("zimage-bot")
    return Presence((), device, profile.name, version, config.moderation.classifier, _loras(config))


def engine(config: Config, profile: ModelProfile) -> ClusterEngine:
    """Return the engine of a bot whose pictures a cluster draws."""
    # A bot without credentials is known by where its data is, so that its next life has the same name.
    place = f"{socket.gethostname()}:{config.data_dir.absolute()}"
    user = f"bot-{hashlib.sha256(place.encode()).hexdigest()[:8]}"
    expected = presence(config, profile)
    return ClusterEngine(access(config), lane_of(config, profile), user, expected=expected)


def workers(engine: ClusterEngine, profile: ModelProfile) -> list[Worker]:
    """Return who draws for this bot."""
    return [
        Worker(
            each.name.partition(".")[0],
            each.presence.device,
            each.presence.running,
            each.presence.drawn,
            each.presence.seconds(profile),
        )
        for each in engine.workers()
    ]


async def work(
    config: Config,
    profile: ModelProfile,
    model: ProcessEngine | CardsEngine,
    device: str,
    stopped: Callable[[], Awaitable[object]],
    joined: Callable[[str], None],
) -> None:
    """Draw for the cluster until `stopped` returns; `joined` is called with what it draws for.

    What it has is finished first, unless `stopped`, which is called again, returns once more.

    Raises `EngineError` for a model that cannot be loaded and `BrokerError` for a broker that cannot be used.
    """
    here = lane(socket.gethostname()[:40])
    name = lane_of(config, profile)
    worker = ClusterWorker(access(config), name, model, presence(config, profile, device), here)

    async def draw() -> None:
        await model.ready()
        await worker.run()

    running = asyncio.create_task(draw())
    announcing = asyncio.create_task(_announce(worker, lambda: joined(f"{config.cluster.url} {name}")))
    stopping = asyncio.ensure_future(stopped())
    try:
        await asyncio.wait({running, stopping}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        announcing.cancel()
        if running.done() or not worker.has_joined:
            running.cancel()
        else:
            leaving, again = asyncio.create_task(worker.leave(GRACE)), asyncio.ensure_future(stopped())
            await asyncio.wait({leaving, again}, return_when=asyncio.FIRST_COMPLETED)
            if again.done():
                await worker.leave(0)
            again.cancel()
            await leaving
        with suppress(asyncio.CancelledError):
            await running
        stopping.cancel()


async def _announce(worker: ClusterWorker, joined: Callable[[], None]) -> None:
    await worker.joined()
    joined()


async def present(config: Config) -> list[Present]:
    """Return who is there, of every lane.

    Raises `BrokerError` where the broker cannot be reached, `WorkersOnly` for a worker.
    """
    connection = Connection(access(config), "bot", level=logging.DEBUG)  # its trouble is raised
    roster = Roster(asyncio.get_running_loop().time)

    async def heard(message: Msg) -> None:
        roster.hear(message.subject, message.data)

    try:
        try:
            async with asyncio.timeout(REACHED):
                await connection.open()
        except UNREACHED as error:
            reason = connection.trouble or str(error) or "it does not answer"
            raise BrokerError(f"the broker {config.cluster.url} cannot be reached: {reason}") from None
        await connection.subscribe("here.>", heard)
        await asyncio.sleep(1.5 * BEAT)
        if "permissions violation" in connection.trouble.lower():
            raise WorkersOnly("a worker's credentials do not show who is present; ask on the bot's machine")
    finally:
        await connection.close()
    return sorted(roster, key=lambda each: (each.lane, each.name))


def table(workers: Sequence[Present], profile: ModelProfile, own: str) -> str:
    """Return one line for each worker, and what to know of those that draw for others."""
    heads = ("worker", "device", "model", "rooms", "drawing", "drawn", "a picture", "version")
    rows = [_row(each, profile) for each in workers if each.lane == own]
    lines = [*_aligned([heads, *rows])] if rows else [f"no worker draws for {own}"]
    lines += [f"{each.name} draws for {each.lane}, not for {own}" for each in workers if each.lane != own]
    return "\n".join(lines)


def _row(worker: Present, profile: ModelProfile) -> tuple[str, ...]:
    presence = worker.presence
    seconds = presence.seconds(profile)
    return (
        worker.name,
        presence.device or "?",
        presence.model,
        " + ".join(map(str, presence.rooms)),
        str(presence.running),
        str(presence.drawn),
        f"{seconds:.1f} s" if seconds else "?",
        presence.version,
    )


def _aligned(rows: Sequence[tuple[str, ...]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]


async def examine(config: Config, profile: ModelProfile) -> list[Finding]:
    """Say in doctor whether the broker can be used, and who is present."""
    own = lane_of(config, profile)
    if config.cluster.url.startswith(("nats:", "ws:")):
        way = Finding("note", "cluster", f"{config.cluster.url} is not encrypted; tls:// and wss:// are")
    else:
        way = Finding("ok", "cluster", f"{config.cluster.url} answers over TLS")
    try:
        ours = [each.name for each in await present(config) if each.lane == own]
    except WorkersOnly as note:
        return [way, Finding("note", "cluster", f"{note}; this one draws for {own}")]
    except (BrokerError, ConfigError) as error:
        return [Finding("problem", "cluster", str(error), "see docs/scaling.md; is the broker running?")]
    if not ours:
        fix = "start one with `python -m bot worker` and the same model"
        return [way, Finding("problem", "cluster", f"no worker draws for {own}", fix)]
    return [way, Finding("ok", "cluster", f"{len(ours)} draw for {own}: {', '.join(ours)}")]


def _loras(config: Config) -> tuple[str, ...]:
    folder = Path(config.model.loras).expanduser() if config.model.loras else None
    files = folder.rglob("*.safetensors") if folder else ()
    return tuple(sorted(file.relative_to(folder).with_suffix("").as_posix() for file in files if folder))
