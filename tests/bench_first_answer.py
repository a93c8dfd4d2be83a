"""How soon people hear something: the first answer on Discord when 50 people ask at once.

`python -m tests.bench_first_answer` prints p50, p95 and the longest wait, in milliseconds, with the engine
that draws nothing and while the embedded model draws. The small Discord and its people live in this process,
the bot in one of its own, the model in a third, as they do when people run it. A wait lasts from the moment
a person's event is sent until Discord has the bot's first answer in hand.
"""

import argparse
import asyncio
import cProfile
import os
import signal
import statistics
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import psutil

from adapters.discord import DiscordPlatform
from bot.core import Core, CoreSettings
from bot.policy.moderation import BannedWords
from bot.replies.replies import Replies
from bot.setup.config import DiscordConfig
from bot.storage.jobs import JobStore
from bot.storage.pictures import PictureFolder
from bot.types import Params
from engine.fake import FakeEngine
from tests.adapters.discord.harness import FREE, PROFILE
from tests.adapters.discord.people import Chat
from tests.adapters.discord.rest import TOKEN, Discord, running
from tests.running import ROOT

PEOPLE = 50
LONG = "a red sailboat on the sea at sunset --steps 50 --count 4"
"""Keeps the model drawing for as long as people ask."""


async def measure(engine: str, rounds: int, profiled: str) -> tuple[list[float], float]:
    """Return the milliseconds of every person's wait, `rounds` times `PEOPLE` of them.

    Beside them stand the milliseconds of CPU time that the bot's own process spent on each of them.
    """
    async with running() as discord:
        # Checking calls against the specification would cost the bot a core that it has in real life.
        discord.checked = False
        with tempfile.TemporaryDirectory() as folder:
            async with _bot(discord, engine, Path(folder), profiled) as bot:
                await _begun(discord, engine)
                before = sum(bot.cpu_times()[:2])
                waits = [wait for _ in range(rounds) for wait in await _round(discord)]
                return waits, 1000 * (sum(bot.cpu_times()[:2]) - before) / len(waits)


async def _begun(discord: Discord, engine: str) -> None:
    """Let the bot have answered once, and the model be at work."""
    host, world = Chat(discord, "Host"), discord.world
    first = await host.answered(await host.slash("imagine", prompt=LONG))
    await world.until(lambda: first.files or (engine == "embedded" and "%" in first.text))


async def _round(discord: Discord) -> list[float]:
    people = [Chat(discord, f"P{number}") for number in range(PEOPLE)]
    asked = await asyncio.gather(*(each.slash("imagine", prompt="a boat", steps=4) for each in people))
    await discord.world.until(lambda: all(each.answer for each in asked))
    messages = [await each.answered(one) for each, one in zip(people, asked, strict=True)]
    # The next fifty ask when these have been told their place in the line.
    await discord.world.until(lambda: all(message.custom_ids for message in messages))
    return [1000 * (each.answered - each.sent) for each in asked]


@asynccontextmanager
async def _bot(
    discord: Discord, engine: str, directory: Path, profiled: str
) -> AsyncIterator[psutil.Process]:
    module = ["-m", "bot", "run"]
    if engine == "fake":
        module = ["-m", "tests.bench_first_answer", "--serve", discord.api_base, discord.gateway_url,
                  str(directory), "--profile", profiled]  # fmt: skip
    settings = {"DATA_DIR": str(directory), "WEB__ENABLED": "false", "LOG_LEVEL": "error",
                "LIMITS__PER_MINUTE": "0", "LIMITS__WAITING": "0", "LIMITS__QUEUE": "0",
                "DISCORD__TOKEN": TOKEN, "DISCORD__API_BASE": discord.api_base,
                "DISCORD__GATEWAY_URL": discord.gateway_url}  # fmt: skip
    process = await asyncio.create_subprocess_exec(
        sys.executable, *module, cwd=ROOT,
        env=os.environ | {f"ZIMAGE_BOT_{key}": value for key, value in settings.items()},
        stdout=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        await discord.world.until(discord.gateway.ready)
        yield psutil.Process(process.pid)
    finally:
        process.send_signal(signal.SIGTERM)
        await process.wait()


async def _serve(api_base: str, gateway_url: str, directory: Path) -> None:
    """Be the bot with an engine that costs nothing, until told to stop."""
    replies = Replies(PROFILE)
    settings = DiscordConfig(TOKEN, api_base=api_base, gateway_url=gateway_url)
    platform = DiscordPlatform(settings, directory, replies)
    async with JobStore.open(directory) as store:
        core = Core(
            store=store,
            images=PictureFolder(directory / "pictures"),
            engine=FakeEngine(64),
            replies=replies,
            banned_words=BannedWords(()),
            settings=CoreSettings(PROFILE, Params(""), FREE),
            platforms={platform.name: platform},
        )
        tasks = [asyncio.create_task(core.run()), asyncio.create_task(platform.run(core))]
        stop = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
        await stop.wait()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _table(engine: str, waits: list[float], cost: float) -> str:
    marks = statistics.quantiles(waits, n=20)
    return (
        f"{engine:9}{len(waits):6} asks: first answer after p50 {marks[9]:.0f} ms, "
        f"p95 {marks[18]:.0f} ms, longest {max(waits):.0f} ms; {cost:.1f} ms of the bot's CPU each\n"
    )


def main() -> None:
    """Measure, or be the bot that is measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--engine", choices=("fake", "embedded"), action="append")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--profile", default="", help="write a profile of the bot with the fake engine here")
    parser.add_argument("--serve", nargs=3, help=argparse.SUPPRESS)
    said = parser.parse_args()
    if said.serve is None:
        for engine in said.engine or ("fake", "embedded"):
            sys.stdout.write(_table(engine, *asyncio.run(measure(engine, said.rounds, said.profile))))
        return
    api_base, gateway_url, directory = said.serve
    profile = cProfile.Profile()
    serving = _serve(api_base, gateway_url, Path(directory))
    if said.profile:
        profile.runcall(asyncio.run, serving)
        profile.dump_stats(said.profile)
    else:
        asyncio.run(serving)


if __name__ == "__main__":
    main()
