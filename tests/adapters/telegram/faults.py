"""What can go wrong between the bot and Telegram, and what comes of it: one table, each row with its trial.

A trial lets the fault happen to a bot on a small Telegram and asserts the outcome; no row loses a picture or
makes one twice. `python -m tests.adapters.telegram.faults` prints the table.
"""

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from engine.fake import FakeEngine, striped
from tests.adapters.discord.faults import HeavyEngine
from tests.adapters.telegram.chats import ANN, GROUP, TOPIC, Json
from tests.adapters.telegram.harness import TelegramHarness, telegram_harness
from tests.adapters.telegram.server import Fault, Telegram, telegram
from tests.bot.harness import StepGate

WAITED = "waits as long as Telegram says, then makes the same call again; sends no message about it"
AGAIN = "tries again, ever more slowly"
KEPT = "keeps the picture at /show and stops trying"
MOVED = -100777


@dataclass(frozen=True, slots=True)
class Row:
    """A fault, what it hits, and what comes of it; `trial` proves it in an empty folder."""

    fault: str
    where: str
    outcome: str
    trial: Callable[[Path], Awaitable[None]]


async def call(folder: Path, method: str, faults: Sequence[Fault], messages: int = 1) -> None:
    """Let the next calls of a method fail; assert one picture, and how many messages there are in all."""
    async with opened(folder) as here:
        here.server.fail(method, *faults)
        await here.chats.says("a boat")
        await here.settled()
        picture = alone(here, messages)
        await here.pressed(picture, "Reroll")
        assert len(here.chats.of_bot()) == messages + 1


async def upload(folder: Path) -> None:
    async with opened(folder, engine=HeavyEngine(64)) as here:
        here.server.fail("editMessageMedia", "torn")
        await here.chats.says("a boat")
        await here.settled()
        alone(here)


async def start(folder: Path, method: str, faults: Sequence[Fault]) -> None:
    async with telegram() as server:
        server.fail(method, *faults)
        async with telegram_harness(server, folder) as here:
            await here.chats.says("a boat")
            await here.settled()
            alone(here)


async def press(folder: Path, faults: Sequence[Fault]) -> None:
    async with opened(folder) as here:
        picture = await here.said("a boat")
        here.server.fail("answerCallbackQuery", *faults)
        await here.chats.presses(picture, "Reroll")
        await here.settled()
        assert len(here.chats.of_bot()) == 2


async def fetch(folder: Path, method: str, faults: Sequence[Fault], drawn: bool = True) -> None:
    async with opened(folder) as here:
        here.server.fail(method, *faults)
        message = await here.said("as a painting", photo=striped("x", 64, 64))
        assert ("photo" in message) == drawn
        assert drawn or "went wrong on our side" in message["text"]


async def repeated(folder: Path) -> None:
    async with opened(folder) as here:
        await here.chats.says("a boat")
        [update] = here.chats.updates
        await here.settled()
        await here.chats.tell({"message": update["message"]})
        await here.settled()
        alone(here)


async def stopped(folder: Path) -> None:
    async with telegram() as server:
        gate = StepGate()
        async with telegram_harness(server, folder, engine=FakeEngine(16, gate)) as before:
            await before.chats.says("a boat")
            await gate.reached()
            await server.until(lambda: "Getting ready" in server.chats.of_bot()[-1].get("text", ""))
        async with telegram_harness(server, folder) as after:
            await after.settled()
            alone(after)


async def unhandled(folder: Path) -> None:
    """Stop the bot while it fetches the picture of an ask: the update was kept or not confirmed."""
    tried = asyncio.Event()

    async def hang(seconds: float) -> None:
        tried.set()
        await asyncio.Event().wait()

    async with telegram() as server:
        server.fail("getFile", "gateway")
        async with telegram_harness(server, folder, sleep=hang) as before:
            await before.chats.says("as a painting", photo=striped("x", 64, 64))
            await tried.wait()
        async with telegram_harness(server, folder) as after:
            await after.settled()
            alone(after)


async def deleted(folder: Path) -> None:
    async with _late(folder) as (here, gate):
        for message in here.chats.of_bot():
            del here.chats.messages[message["chat"]["id"], message["message_id"]]
        gate.open()
        await here.settled()
        alone(here)


async def out_of_reach(folder: Path, name: str) -> None:
    async with _late(folder) as (here, gate):
        getattr(here.chats, name).add(ANN["id"])
        gate.open()
        await here.settled()
        [job] = await here.home.store.history(f"telegram:{ANN['id']}", 2, None)
        assert job.state == "delivered"
        getattr(here.chats, name).clear()
        assert (await here.said("/show"))["photo"]


async def moved(folder: Path) -> None:
    async with _late(folder, chat=GROUP) as (here, gate):
        here.chats.migrated[GROUP] = MOVED
        gate.open()
        await here.settled()
        [picture] = here.chats.of_bot(MOVED)
        assert picture["photo"]


async def closed_topic(folder: Path) -> None:
    async with opened(folder) as here:
        topic: Json = {"message_thread_id": TOPIC + 1, "is_topic_message": True}
        message = await here.said("/imagine a boat --steps 1", chat=GROUP, **topic)
        assert message["photo"]
        assert "message_thread_id" not in message
        message |= topic
        await here.pressed(message, "PNG")
        assert here.chats.of_bot()[-1]["document"]


async def no_photos(folder: Path) -> None:
    async with opened(folder) as here:
        here.server.no_photos = True
        message = await here.said("a boat")
        assert message["text"].startswith("Here is your picture")
        await here.pressed(message, "PNG")
        assert here.chats.of_bot()[-1]["document"]


async def too_old(folder: Path) -> None:
    async with opened(folder) as here:
        picture = await here.said("a boat")
        before = picture["photo"][0]["file_id"]
        here.server.too_old = True
        await here.pressed(picture, "Delete")
        [left] = here.chats.of_bot()
        assert left["caption"] == "Deleted."
        assert left["photo"][0]["file_id"] != before


def alone(here: TelegramHarness, messages: int = 1) -> Json:
    """Assert that one picture was made and that the newest message shows it; return that message."""
    found = here.chats.of_bot()
    assert len(found) == messages
    assert [bool(message.get("photo")) for message in found] == [False] * (messages - 1) + [True]
    assert len(here.home.engine.tasks) == 1
    return found[-1]


@asynccontextmanager
async def opened(folder: Path, **more: Any) -> AsyncIterator[TelegramHarness]:
    """A bot on a Telegram of its own."""
    async with telegram() as server, telegram_harness(server, folder, **more) as here:
        yield here
        _check(server)


@asynccontextmanager
async def _late(folder: Path, chat: int | None = None) -> AsyncIterator[tuple[TelegramHarness, StepGate]]:
    """A job that stands at a gate with its message shown."""
    gate = StepGate()
    async with opened(folder, engine=FakeEngine(16, gate)) as here:
        await here.chats.says("/imagine a boat --steps 1", chat=chat)
        await gate.reached()
        await here.home.settled()
        yield here, gate


def _check(server: Telegram) -> None:
    assert server.spec is None or server.spec.violations == []


def _calls(where: str, method: str) -> tuple[Row, ...]:
    """Return what may go wrong with any call before Telegram has carried it out."""
    broken: dict[str, Fault] = {"500": "error", "502": "gateway", "503": "down", "connection cut": "cut"}
    rows = [
        Row(name, where, AGAIN, partial(call, method=method, faults=[fault]))
        for name, fault in broken.items()
    ]
    return (Row("429", where, WAITED, partial(call, method=method, faults=["flood"])), *rows)


FIRST, PROGRESS, PICTURE, UPDATES = "first message", "progress", "picture", "fetching updates"
START, ASK, BOT, CHAT = "at the start", "picture sent by a person", "bot", "chat"
LOST = "answer lost, though the call was carried out"

ROWS: tuple[Row, ...] = (
    *_calls(FIRST, "sendMessage"),
    *_calls(PROGRESS, "editMessageText"),
    *_calls(PICTURE, "editMessageMedia"),
    Row(LOST, FIRST, "sends it again: the first one stays behind as a line of text, the picture comes once",
        partial(call, method="sendMessage", faults=["lost"], messages=2)),
    Row(LOST, PROGRESS, f"{AGAIN}; the same message stands once",
        partial(call, method="editMessageText", faults=["lost"])),
    Row(LOST, PICTURE, f"{AGAIN}; the same message stands once",
        partial(call, method="editMessageMedia", faults=["lost", "lost"])),
    Row("connection cut in mid-upload", PICTURE, "uploads it again into the same message", upload),
    Row("502", "sending a photo… over the chat", "does without", partial(call, method="sendChatAction",
        faults=["gateway"])),
    Row("409: another program polls", UPDATES, f"says so once, {AGAIN}",
        partial(call, method="getUpdates", faults=["conflict", "conflict"])),
    Row("429, 502, connection cut, answer lost", UPDATES, f"{AGAIN}; each update counts once",
        partial(call, method="getUpdates", faults=["flood", "gateway", "cut", "lost"])),
    Row("502, connection cut, answer lost", START, f"{AGAIN}, until it is there",
        partial(start, method="getMe", faults=["gateway", "cut", "lost"])),
    Row("429, 502 when told the commands", START, AGAIN,
        partial(start, method="setMyCommands", faults=["gateway", "flood"])),
    Row("connection cut when the webhook is taken back", START, AGAIN,
        partial(start, method="deleteWebhook", faults=["cut"])),
    Row("502", "answer to a press", "does what was pressed all the same", partial(press, faults=["gateway"])),
    Row("502, connection cut", ASK, AGAIN, partial(fetch, method="getFile", faults=["gateway", "cut"])),
    Row("connection cut in mid-file", ASK, AGAIN, partial(fetch, method="file", faults=["cut"])),
    Row("502 four times", ASK, "says that it went wrong on our side",
        partial(fetch, method="getFile", faults=["gateway"] * 4, drawn=False)),
    Row("the same update twice", UPDATES, "makes one job of it", repeated),
    Row("bot stopped in mid-picture", BOT, "draws it after the next start, in the same message", stopped),
    Row("bot stopped before an ask is kept", BOT, "is told of it again at the next start", unhandled),
    Row("message deleted meanwhile", CHAT, "sends the picture as a new one", deleted),
    Row("blocked by the person meanwhile", CHAT, KEPT, partial(out_of_reach, name="blocked")),
    Row("chat is no more", CHAT, KEPT, partial(out_of_reach, name="vanished")),
    Row("group became a supergroup", CHAT, "goes on there", moved),
    Row("topic closed", CHAT, "answers in the chat itself", closed_topic),
    Row("chat takes no photos", CHAT, "says it in words, with a button for the file", no_photos),
    Row("picture too old to be deleted", CHAT, "covers it with a grey one", too_old),
)  # fmt: skip


def main() -> None:
    """Print the table."""
    sys.stdout.write("| fault | where | what the bot does |\n|---|---|---|\n")
    sys.stdout.writelines(f"| {row.fault} | {row.where} | {row.outcome} |\n" for row in ROWS)


if __name__ == "__main__":
    main()
