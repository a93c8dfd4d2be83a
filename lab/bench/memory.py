"""How much memory a call takes at its peak beyond what was taken before it.

By CUDA's allocator or the process's resident set. Weights, which both sides keep side by side, do not count.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psutil
import torch

PAUSE = 0.001
"""Seconds between two looks at the resident set."""
MIB = 1024**2


def peak(device: torch.device, run: Callable[[], object]) -> int:
    """Return the bytes that one call of `run` adds at most, after a first one that counts for nothing.

    On CUDA the most that the allocator had in use; elsewhere how far the process's resident set grew,
    which is less exact: memory that an earlier call kept is used again unseen.
    """
    run()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
        before = int(torch.cuda.memory_allocated(device))
        torch.cuda.reset_peak_memory_stats(device)
        run()
        torch.cuda.synchronize(device)
        return int(torch.cuda.max_memory_allocated(device)) - before
    with _watched() as seen:
        run()
    return max(seen) - seen[0]


def most(device: torch.device, run: Callable[[], object]) -> int:
    """Return the peak of the bytes in use during one call of `run`, including those in use before it."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        run()
        return int(torch.cuda.max_memory_allocated(device))
    with _watched() as seen:
        run()
    return max(seen)


@contextmanager
def _watched() -> Iterator[list[int]]:
    """Collect the resident set's sizes until the block ends, the first one from before it."""
    process = psutil.Process()
    seen = [process.memory_info().rss]
    over = threading.Event()

    def watch() -> None:
        while not over.wait(PAUSE):
            seen.append(process.memory_info().rss)

    thread = threading.Thread(target=watch, name="resident-set", daemon=True)
    thread.start()
    try:
        yield seen
    finally:
        seen.append(process.memory_info().rss)
        over.set()
        thread.join()
