"""What this machine offers a model: device, memory, precision."""

import os
import platform
import sys
import time
from collections.abc import Callable, MutableMapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import psutil

Kind = Literal["cuda", "mps", "cpu"]
READINGS = 4
PAUSE = 0.1
"""Seconds between two readings of free memory."""
CGROUP = Path("/sys/fs/cgroup")
SETTINGS = ("PYTORCH_ALLOC_CONF", "PYTORCH_CUDA_ALLOC_CONF")
"""What torch's allocators read, by its present and its former name."""
COMPILER_CACHE = "TORCHINDUCTOR_CACHE_DIR"


@dataclass(frozen=True, slots=True)
class Facts:
    """A device and the machine around it; memory in bytes.

    `free` is what a new allocation may take on the device, `host_free` what it may take in main memory; they
    are the same memory on a CPU and on Apple's chips. `capability` is CUDA's compute capability.
    """

    kind: Kind
    name: str
    free: int
    total: int
    bfloat16: bool
    host_free: int
    host_total: int
    capability: tuple[int, int] | None = None
    threads: int = 1
    torch: str = ""

    @property
    def shared(self) -> bool:
        """Whether device and host are one memory."""
        return self.kind != "cuda"


def probe(device: str = "auto") -> Facts:
    """Look at `device` (`auto`, `cpu`, `mps`, `cuda` or `cuda:N`); one that is not here is the best one."""
    import torch

    index = int(device.partition(":")[2] or 0)
    kind = device.partition(":")[0]
    host = psutil.virtual_memory()
    common = {"host_total": host.total, "threads": torch.get_num_threads(), "torch": torch.__version__}
    if torch.cuda.is_available() and kind in ("auto", "cuda"):
        free = settled(lambda: int(torch.cuda.mem_get_info(index)[0]))
        return Facts(
            kind="cuda",
            name=torch.cuda.get_device_name(index),
            free=free,
            total=int(torch.cuda.mem_get_info(index)[1]),
            bfloat16=bool(torch.cuda.is_bf16_supported(including_emulation=False)),
            host_free=settled(host_free),
            capability=torch.cuda.get_device_capability(index),
            **common,
        )
    left = settled(host_free)
    if torch.backends.mps.is_available() and kind in ("auto", "mps"):
        total = int(torch.mps.recommended_max_memory())
        free = min(total - int(torch.mps.driver_allocated_memory()), left)
        newer = bool(torch.backends.mps.is_macos_or_newer(14, 0))
        return Facts("mps", "Apple GPU", free, total, newer, left, **common)
    name = platform.processor() or "CPU"
    return Facts("cpu", name, left, host.total, False, left, **common)


def settled(read: Callable[[], int], pause: Callable[[float], None] = time.sleep) -> int:
    """Return the largest of several readings, ending early when two in a row agree.

    What has just been freed, by another process too, shows up late and never the other way round.
    """
    largest = last = read()
    for _ in range(READINGS - 1):
        pause(PAUSE)
        value = read()
        largest = max(largest, value)
        if value == last:
            break
        last = value
    return largest


def prepare_environment(compiled: str = "", environ: MutableMapping[str, str] = os.environ) -> None:
    """Set what torch reads when it is imported; a value that is already set is kept.

    CUDA's allocator grows its segments, which leaves few holes; Windows has no such setting. The compiler
    keeps its work in the folder `compiled`, where one is named, so that it outlives a restart of the machine.
    """
    if sys.platform != "win32" and not any(name in environ for name in SETTINGS):
        environ[SETTINGS[0]] = "expandable_segments:True"
    if compiled:
        environ.setdefault(COMPILER_CACHE, compiled)


def host_free() -> int:
    """Return available main memory; a container's own limit counts, too."""
    available = int(psutil.virtual_memory().available)
    return min(available, _cgroup_free(available))


def _cgroup_free(otherwise: int, folder: Path = CGROUP) -> int:
    """Return what a container's limit leaves; files it has read count there, but are given up when needed."""
    try:
        limit = (folder / "memory.max").read_text().strip()
        used = int((folder / "memory.current").read_text())
        stat = dict(line.split() for line in (folder / "memory.stat").read_text().splitlines())
    except (OSError, ValueError):
        return otherwise
    if limit == "max":
        return otherwise
    files = sum(int(stat.get(name, 0)) for name in ("active_file", "inactive_file"))
    return max(0, int(limit) - used + files)
