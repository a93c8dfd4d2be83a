"""A worker with a sleeping engine, for tests that kill it: URL LANE SECONDS-PER-STEP ROOM LEASE."""

import asyncio
import os
import signal
import sys
from contextlib import suppress

from engine.cluster.broker import Access
from engine.cluster.presence import Presence
from engine.cluster.worker import ClusterWorker
from tests.engine.cluster.fleet import sleeping


async def main(url: str, lane: str, seconds: str, room: str, lease: str) -> None:
    """Work until SIGTERM."""
    engine = sleeping(float(seconds), int(room))
    worker = ClusterWorker(Access(url), lane, engine, Presence(()), f"w{os.getpid()}", float(lease))
    stop = asyncio.Event()
    with suppress(NotImplementedError):
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    running = asyncio.create_task(worker.run())
    await worker.joined()
    sys.stdout.write("joined\n")
    sys.stdout.flush()
    await stop.wait()
    await worker.leave(60)
    await running


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
