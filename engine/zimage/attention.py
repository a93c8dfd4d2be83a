"""Which of torch's attention kernels are used, in which order: decided here and nowhere else.

Knows devices and kernels. All of them compute the same; what a kernel cannot do (a precision, a head size)
falls to the next.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel

Order = tuple[SDPBackend, ...]

HOPPER: Order = (
    SDPBackend.CUDNN_ATTENTION,
    SDPBackend.FLASH_ATTENTION,
    SDPBackend.EFFICIENT_ATTENTION,
    SDPBackend.MATH,
)
AMPERE: Order = (
    SDPBackend.FLASH_ATTENTION,
    SDPBackend.CUDNN_ATTENTION,
    SDPBackend.EFFICIENT_ATTENTION,
    SDPBackend.MATH,
)
OLDER: Order = (SDPBackend.EFFICIENT_ATTENTION, SDPBackend.MATH)
"""Flash attention begins with compute capability 8, cuDNN's with 8 as well and shines from 9 on."""


def order(device: torch.device) -> Order | None:
    """Return what to prefer on a CUDA device; None leaves the choice to torch, as on a CPU and on MPS."""
    return by_capability(torch.cuda.get_device_capability(device)) if device.type == "cuda" else None


def by_capability(capability: tuple[int, int]) -> Order:
    """Return what to prefer on a CUDA device of this compute capability."""
    return HOPPER if capability >= (9, 0) else AMPERE if capability >= (8, 0) else OLDER


@contextmanager
def preferred(kernels: Order | None) -> Iterator[None]:
    """Have attention inside the block computed by the first of `kernels` that can; None changes nothing."""
    if kernels is None:
        yield
        return
    with sdpa_kernel(list(kernels), set_priority=True):
        yield
