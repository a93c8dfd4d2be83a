"""Free memory on a device just before it is needed.

Reads what torch's caching allocators have reserved and what of that is in use. Idle memory goes back to the
device only where that helps, because it would have to be fetched again.
"""

from dataclasses import dataclass

import torch

from engine import guards
from engine.memory.plan import KEPT_FREE
from engine.memory.probe import host_free


@dataclass(frozen=True, slots=True)
class Reading:
    """Bytes the device has left, bytes the allocator has reserved, and bytes of those in use."""

    free: int
    reserved: int
    allocated: int

    @property
    def idle(self) -> int:
        """Bytes reserved and not in use."""
        return self.reserved - self.allocated


def should_trim(reading: Reading, needed: int) -> bool:
    """Say whether giving idle memory back is worth it.

    Yes when the device is left with less than is kept free for others, and when neither what is free nor what
    is idle is enough alone: a tensor cannot lie in both. No after a picture of the same size, whose memory
    is just what the next one needs.
    """
    short = reading.free < needed and reading.idle < needed
    return reading.idle > 0 and (reading.free < KEPT_FREE or short)


def has_free(reading: Reading, needed: int) -> bool:
    """Say whether `needed` bytes can be had, from the device or from what is idle, and some are left over."""
    return reading.free + reading.idle >= needed + KEPT_FREE


def ensure_free(device: torch.device, needed: int) -> bool:
    """Make room for `needed` bytes on a device; False when there is not that much."""
    reading = read(device)
    if should_trim(reading, needed):
        give_back(device)
        reading = read(device)
    return has_free(reading, needed)


def read(device: torch.device) -> Reading:
    """Read a device; a CPU's memory has no allocator in between."""
    if device.type == "cpu":
        return Reading(host_free(), 0, 0)
    if device.type == "mps":
        reserved = int(torch.mps.driver_allocated_memory())
        free = max(0, int(torch.mps.recommended_max_memory()) - reserved)
        return Reading(min(free, host_free()), reserved, int(torch.mps.current_allocated_memory()))
    return Reading(
        int(torch.cuda.mem_get_info(device)[0]),
        int(torch.cuda.memory_reserved(device)),
        int(torch.cuda.memory_allocated(device)),
    )


def give_back(device: torch.device) -> None:
    """Give idle memory back to the device."""
    if device.type != "cpu":
        guards.empty_cache()
