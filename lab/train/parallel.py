"""One training run on several CPU cores: a process with one thread each, gradients averaged after every step.

Small layers leave a second thread idle most of the time; two processes draw almost twice the samples. Outside
`launch` everything here is the run of a single process.
"""

import signal
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch.multiprocessing.spawn import spawn


def launch(processes: int, run: Callable[..., None], *args: Any) -> None:
    """Call `run(*args)` in `processes` processes that average their gradients; return when all have ended."""
    with tempfile.TemporaryDirectory() as folder:
        spawn(_join, (processes, Path(folder) / "meeting", run, args), nprocs=processes)


def spread(device: str, run: Callable[..., None], *args: Any) -> None:
    """Call `run(*args)`: on a CPU in one process a core, because the layers are too small for threads."""
    if device != "cpu" or torch.get_num_threads() == 1:
        run(*args)
    else:
        launch(torch.get_num_threads(), run, *args)


def rank() -> int:
    """Return which of the processes this is; 0 is the one that logs and saves."""
    return dist.get_rank() if dist.is_initialized() else 0


def count() -> int:
    """Return how many processes train together."""
    return dist.get_world_size() if dist.is_initialized() else 1


def mean(value: float) -> float:
    """Return the mean of every process's `value`, the same everywhere."""
    if not dist.is_initialized():
        return value
    shared = torch.tensor(value, dtype=torch.float64)
    dist.all_reduce(shared)
    return float(shared) / count()


def average_gradients(parameters: Iterable[torch.nn.Parameter]) -> None:
    """Replace every gradient by its mean over the processes; a process that has none counts as zero."""
    if not dist.is_initialized():
        return
    every = list(parameters)
    has_any = torch.tensor([parameter.grad is not None for parameter in every], dtype=torch.uint8)
    dist.all_reduce(has_any, dist.ReduceOp.MAX)
    gradients: list[torch.Tensor] = []
    for parameter, found in zip(every, has_any.tolist(), strict=True):
        if found:
            parameter.grad = torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
            gradients.append(parameter.grad)
    flat = torch.cat([gradient.flatten() for gradient in gradients])
    dist.all_reduce(flat)
    parts = flat.div_(count()).split([gradient.numel() for gradient in gradients])
    for gradient, part in zip(gradients, parts, strict=True):
        gradient.copy_(part.view_as(gradient))


def divided(work: Callable[[torch.Tensor], torch.Tensor], items: torch.Tensor) -> torch.Tensor:
    """Return `work(items)` for work that treats every item (N, ...) alone; each process does its share."""
    if not dist.is_initialized():
        return work(items)
    mine = slice(rank(), None, count())
    result = torch.zeros_like(items)
    if len(items[mine]):
        result[mine] = work(items[mine])
    dist.all_reduce(result)
    return result


def _join(index: int, total: int, meeting: Path, run: Callable[..., None], args: tuple[Any, ...]) -> None:
    # The parent's end is told by an interrupt, which what a shell began in the background ignores.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=meeting.as_uri(), rank=index, world_size=total)
    try:
        run(*args)
    finally:
        dist.destroy_process_group()
