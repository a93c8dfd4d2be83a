"""Fair timing: runs take turns, and each is judged by its best turn."""

import time
from collections.abc import Callable, Mapping
from typing import TypeVar

import torch

T = TypeVar("T")


def best_of(runs: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Return the shortest seconds of each run over `rounds` interleaved turns, after one to warm up.

    The shortest, because whatever else runs on the machine can only make a turn longer.
    """
    best = dict.fromkeys(runs, float("inf"))
    for turn in range(rounds + 1):
        for name, run in runs.items():
            seconds = timed(run)
            if turn:
                best[name] = min(best[name], seconds)
    return best


def timed(run: Callable[[], object]) -> float:
    """Return the seconds of one call: wall time with a GPU, whose work is waited for, else CPU time.

    CPU time of this process does not count what else runs on the machine; on one thread of an idle machine
    the two are the same.
    """
    clock = time.perf_counter if torch.cuda.is_available() else time.process_time
    _wait()
    started = clock()
    run()
    _wait()
    return clock() - started


def walled(run: Callable[[], T]) -> tuple[T, float]:
    """Return the result of one call and its wall time, the clock of the stages in a picture's report."""
    _wait()
    started = time.perf_counter()
    result = run()
    _wait()
    return result, time.perf_counter() - started


def _wait() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()
