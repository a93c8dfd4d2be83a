"""What can go wrong between the bot and Discord, and what comes of it: one table, each row with its trial.

A trial lets the fault happen to a bot on a small Discord and asserts the outcome; in every row nothing is
sent twice and nothing is lost. `python -m tests.adapters.discord.faults` prints the table.
"""

import sys
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from engine.fake import FakeEngine
from engine.types import Event, Picture, Task
from tests.adapters.discord.fake_discord import Message
from tests.adapters.discord.harness import DiscordHarness, living, opened
from tests.adapters.discord.rest import CUT, running
from tests.bot.harness import StepGate

QUARTER = 901.0
HEAVY = 2 * 1024**2
WAITED = "waits as long as Discord says, then makes the same call again"
AGAIN = "tries again, ever more slowly"


@dataclass(frozen=True, slots=True)
class Row:
    """A fault, what it hits, and what comes of it; `trial` proves it in an empty folder."""

    fault: str
    where: str
    outcome: str
    trial: Callable[[Path], Awaitable[None]]


class HeavyEngine(FakeEngine):
    """Draws pictures whose files are too large for one packet, so that an upload can be cut in the middle."""

    async def run(self, task: Task) -> AsyncGenerator[Event, None]:
        async with aclosing(super().run(task)) as events:
            async for event in events:
                yield replace(event, png=event.png + bytes(HEAVY)) if isinstance(event, Picture) else event


async def alone(studio: DiscordHarness) -> Message:
    """Assert that there is one message with one picture, delivered, whatever happened on the way."""
    await studio.core.idle()
    (message,) = studio.ann.sees()
    assert len(message.files) == 1
    assert (await studio.newest()).state == "delivered"
    return message


async def edit_by_token(folder: Path, status: int, *, late: bool = False, scope: str = "") -> None:
    async with opened(folder, engine=HeavyEngine(64)) as studio:
        studio.discord.fail("PATCH", "/webhooks/", status, late=late, scope=scope)
        await studio.draw()
        await alone(studio)


async def upload(folder: Path, status: int) -> None:
    """Let the picture's own edit fail, not one before it."""
    async with gated(folder, HeavyEngine) as (studio, gate):
        studio.discord.fail("PATCH", "/webhooks/", status)
        gate.open()
        await alone(studio)


async def edit_by_bot(folder: Path, status: int, *, late: bool = False, scope: str = "") -> None:
    async with gated(folder) as (studio, gate):
        studio.world.shift += QUARTER
        studio.discord.fail("PATCH", "/channels/", status, late=late, scope=scope)
        gate.open()
        await alone(studio)


async def acknowledgement(folder: Path, status: int, *, late: bool = False, scope: str = "") -> None:
    async with opened(folder) as studio:
        studio.discord.fail("POST", "/callback", status, late=late, scope=scope)
        await studio.draw()
        await alone(studio)


async def new_message(folder: Path, status: int) -> None:
    """Let the answer be lost after a message was sent: the same nonce makes it one message."""
    async with opened(folder) as studio:
        first = await studio.draw()
        studio.discord.fail("POST", r"/channels/\d+/messages", status, late=True)
        await studio.ann.react(first, "✉️")
        dm, calls = studio.world.dm(studio.ann.person), studio.world.calls
        await studio.world.until(
            lambda: sum(method == "POST" and path.endswith("/messages") for method, path, _ in calls) >= 2
        )
        assert len([each for each in studio.world.messages.values() if each.channel is dm]) == 1


async def dead_token(folder: Path) -> None:
    async with opened(folder) as studio:
        studio.discord.fail("PATCH", "/webhooks/", 401, times=100)
        await studio.draw()
        await alone(studio)


async def dropped(folder: Path, *, politely: bool) -> None:
    async with opened(folder) as studio:
        gateway = studio.discord.gateway
        await (gateway.ask_to_reconnect() if politely else gateway.drop())
        await studio.draw()
        await alone(studio)
        assert (gateway.identified, gateway.resumed) == (1, 1)


async def invalid_session(folder: Path) -> None:
    async with opened(folder) as studio:
        gateway = studio.discord.gateway
        await gateway.drop(forget=True)
        await studio.world.until(gateway.ready)
        await studio.draw()
        await alone(studio)
        assert (gateway.identified, gateway.resumed) == (2, 0)


async def rest_down(folder: Path) -> None:
    async with running() as small:
        small.down = True
        async with living(small, folder, ready=False) as studio:
            await small.world.until(lambda: small.turned_away >= 3)
            small.down = False
            await small.world.until(small.gateway.ready)
            await studio.draw()
            await alone(studio)


async def gateway_down(folder: Path) -> None:
    async with running() as small:
        small.gateway_down = True
        async with living(small, folder, ready=False) as studio:
            await small.world.until(lambda: small.turned_away >= 2)
            small.gateway_down = False
            await small.world.until(small.gateway.ready)
            await studio.draw()
            await alone(studio)


async def repeated_event(folder: Path) -> None:
    async with opened(folder) as studio:
        await studio.draw()
        session = next(iter(studio.discord.gateway.sessions.values()))
        name, event = next(told for told in session.events if told[0] == "INTERACTION_CREATE")
        await studio.discord.gateway.tell(name, event)
        await studio.draw("another")
        assert await studio.store.job(3) is None
        assert len(studio.ann.sees()) == 2


async def stopped(folder: Path) -> None:
    gate = StepGate()
    async with running() as small:
        async with living(small, folder, engine=FakeEngine(64, gate)) as studio:
            asked = await studio.ann.slash("imagine", prompt="a boat", steps=2)
            message = await studio.ann.answered(asked)
            await gate.reached()
            ann = studio.ann
        async with living(small, folder) as studio:
            await studio.finished(message)
            studio.ann = ann
            assert await alone(studio) is message


async def out_of_reach(folder: Path, *, thrown_out: bool) -> None:
    async with gated(folder) as (studio, gate):
        studio.world.shift += QUARTER
        channel = studio.ann.channel
        channel.permissions = 0 if thrown_out else channel.permissions
        if not thrown_out:
            del studio.world.channels[channel.id]
        gate.open()
        await studio.core.idle()
        dm = studio.world.dm(studio.ann.person)
        (sent,) = [each for each in studio.world.messages.values() if each.channel is dm]
        assert sent.files
        assert (await studio.newest()).state == "delivered"


async def nowhere(folder: Path) -> None:
    async with gated(folder) as (studio, gate):
        studio.world.shift += QUARTER
        studio.ann.channel.permissions, studio.ann.person.takes_messages = 0, False
        gate.open()
        await _ends_unseen(studio)


async def deleted_message(folder: Path) -> None:
    async with gated(folder) as (studio, gate):
        (message,) = studio.ann.sees()
        studio.world.remove(message)
        gate.open()
        await _ends_unseen(studio)
        assert studio.ann.sees() == []


@asynccontextmanager
async def gated(
    folder: Path, engine: type[FakeEngine] = FakeEngine
) -> AsyncIterator[tuple[DiscordHarness, StepGate]]:
    """A job that stands at a gate with its message shown."""
    gate = StepGate()
    async with opened(folder, engine=engine(64, gate)) as studio:
        asked = await studio.ann.slash("imagine", prompt="a boat", steps=2)
        await gate.reached()
        await studio.world.until(lambda: asked.original and asked.original.custom_ids)
        yield studio, gate


async def _ends_unseen(studio: DiscordHarness) -> None:
    """Assert that a job ends whose message is out of reach, and waits at `/show`."""
    await studio.core.idle()
    job = await studio.newest()
    assert job.state == "delivered"
    assert (await studio.core.picture(job.request.user, job.id, 0)).exists()


def _calls(where: str, trial: Callable[..., Awaitable[None]], cut: str = AGAIN) -> tuple[Row, ...]:
    """Return what may go wrong with any call; `cut` is what comes of a cut connection."""
    limits = {"": "429", "shared": "429, a limit shared with others", "global": "429, on all routes"}
    rows = [
        Row(name, where, WAITED, partial(trial, status=429, scope=scope)) for scope, name in limits.items()
    ]
    rows += [Row(str(status), where, AGAIN, partial(trial, status=status)) for status in (500, 502, 503)]
    rows += [
        Row(f"{name}, though the call was carried out", where, f"{then}; the same message stands once",
            partial(trial, status=status, late=True))
        for status, name, then in ((502, "502", AGAIN), (CUT, "connection cut", cut))
    ]  # fmt: skip
    return (*rows, Row("connection cut", where, cut, partial(trial, status=CUT)))


CLOUDFLARE = "429 without Via, from Cloudflare"
GATEWAY = "gateway"
START = "at the start"

ROWS: tuple[Row, ...] = (
    *_calls("acknowledgement", acknowledgement, "tries again at once"),
    *_calls("edit by the interaction's token", edit_by_token),
    *_calls("edit by the bot, after 15 minutes", edit_by_bot),
    Row(CLOUDFLARE, "edit by the interaction's token", "sends nothing for as long as it says, then goes on",
        partial(edit_by_token, status=429, scope="cloudflare")),
    Row("connection cut in the middle of an upload", "picture", "uploads it again into the same message",
        partial(upload, status=CUT)),
    Row("answer lost", "new message", "sends it again under the same nonce, which makes it one message",
        partial(new_message, status=502)),
    Row("token dies early", "edit by the interaction's token", "goes on as the bot in the same message",
        dead_token),
    Row("connection dropped", GATEWAY, "resumes, and does what it missed", partial(dropped, politely=False)),
    Row("asked to reconnect", GATEWAY, "resumes, and does what it missed", partial(dropped, politely=True)),
    Row("invalid session", GATEWAY, "begins a new one", invalid_session),
    Row("the same event twice", GATEWAY, "makes one job of it", repeated_event),
    Row("REST down", START, f"{AGAIN}, until it is there", rest_down),
    Row("gateway down", START, f"{AGAIN}, until it is there", gateway_down),
    Row("bot stopped in mid-picture", "bot", "draws it after the next start, in the same message", stopped),
    Row("bot thrown out meanwhile", "channel", "sends the picture by DM, once",
        partial(out_of_reach, thrown_out=True)),
    Row("channel deleted meanwhile", "channel", "sends the picture by DM, once",
        partial(out_of_reach, thrown_out=False)),
    Row("thrown out, and DMs closed", "channel", "keeps the picture at /show", nowhere),
    Row("message deleted meanwhile", "channel", "keeps the picture at /show; sends no second message",
        deleted_message),
)  # fmt: skip


def main() -> None:
    """Print the table."""
    sys.stdout.write("| fault | where | what the bot does |\n|---|---|---|\n")
    sys.stdout.writelines(f"| {row.fault} | {row.where} | {row.outcome} |\n" for row in ROWS)


if __name__ == "__main__":
    main()
