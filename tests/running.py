"""The bot as people run it: `python -m bot run` in a process of its own, and a client of its HTTP API."""

import asyncio
import os
import signal
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import IO, Any

import aiohttp
import psutil

ROOT = Path(__file__).parents[1]


class Bot:
    """A running bot: its process, its address and its HTTP API."""

    def __init__(self, process: Process, url: str, session: aiohttp.ClientSession) -> None:
        self.process = process
        self.url = url
        self.session = session

    async def say(self, text: str, **controls: Any) -> int:
        """Send a message and return the job it became."""
        return int((await self.post("/api/messages", {"text": text, "controls": controls}))["job"])

    async def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Post JSON; any status but 200 and 202 fails the test."""
        async with self.session.post(path, json=body) as answer:
            found: dict[str, Any] = await answer.json()
            assert answer.status in (200, 202), found
            return found

    async def job(self, number: int) -> dict[str, Any]:
        """Return a job as the API shows it."""
        async with self.session.get(f"/api/jobs/{number}") as answer:
            assert answer.status == 200, await answer.text()
            found: dict[str, Any] = await answer.json()
            return found

    async def until(self, number: int, *states: str) -> dict[str, Any]:
        """Poll until a job is in one of `states`."""
        while (found := await self.job(number))["state"] not in states:  # noqa: ASYNC110  (another process)
            await asyncio.sleep(0.05)
        return found

    async def picture(self, number: int, index: int = 0) -> bytes:
        """Return an original PNG."""
        async with self.session.get(f"/api/jobs/{number}/images/{index}.png") as answer:
            assert answer.status == 200, await answer.text()
            return await answer.read()

    def engine(self) -> psutil.Process:
        """Return the engine's child: the bot's descendant that holds the most memory."""
        children = psutil.Process(self.process.pid).children(recursive=True)
        return max(children, key=lambda child: child.memory_info().rss)

    async def kill(self) -> None:
        """End the bot as a power cut would."""
        self.process.send_signal(signal.SIGKILL)
        await self.process.wait()


async def launch(
    data: Path,
    settings: Mapping[str, str],
    log: IO[bytes] | None = None,
    around: Mapping[str, str] = os.environ,
) -> Process:
    """Start the bot on `data` with the embedded model at half its usual size, in a group of its own."""
    said = {
        "DATA_DIR": str(data), "WEB__PORT": "0", "LIMITS__PER_MINUTE": "0", "LIMITS__WAITING": "0",
        "MODEL__SIZE": "256",
    }  # fmt: skip
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "bot",
        "run",
        cwd=ROOT,
        env={**around, **{f"ZIMAGE_BOT_{key}": value for key, value in {**said, **settings}.items()}},
        stdout=asyncio.subprocess.PIPE,
        stderr=log,
        start_new_session=True,
    )


async def first_line(process: Process) -> str:
    """Wait for what the bot says once it can be met, `ready: URL`; nothing where it ended before."""
    assert process.stdout is not None
    return (await process.stdout.readline()).decode().strip()


@asynccontextmanager
async def running(data: Path, **environment: str) -> AsyncIterator[Bot]:
    """Run the bot on `data`; end it politely unless it is dead already."""
    process = await launch(data, environment)
    line = await first_line(process)
    assert line.startswith("ready: "), f"the bot said {line!r}"
    try:
        url = line.removeprefix("ready: ")
        async with aiohttp.ClientSession(url) as session:
            yield Bot(process, url, session)
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
        await process.communicate()
