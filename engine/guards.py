"""Checks of numbers and pictures, float32 as a fallback, and what to do when memory runs out.

Each check returns why something is broken, or None.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from engine.types import EngineError

LARGEST_LATENT = 10.0
"""Latents have about unit variance in the sampler's space; far beyond this no VAE was trained."""
LARGEST_SPREAD = 2.0
"""Standard deviation of latents that were out of range above which they are brought back to 1."""
SMALLEST_SPREAD = 0.01
"""Standard deviation of pixels in [-1, 1] below which a picture is one flat colour; about one level."""
BLACK = -0.97
"""Pixels in [-1, 1] below this are black; about four levels."""
MOST_BLACK = 0.995
"""The share of black pixels above which a picture is black."""
NO_MEMORY = (
    "DefaultCPUAllocator: can't allocate memory",
    "DefaultCPUAllocator: not enough memory",
    "bad_alloc",
    "out of memory",  # the runtimes and drivers of CUDA and HIP, Triton, Metal
    "OutOfMemory",
    "Invalid buffer size",  # Metal, for one tensor beyond its limit
    "STATUS_ALLOC_FAILED",  # cuBLAS and its kin, cuDNN, hipBLAS
    "ALLOCATION_FAILED",  # cuDNN
    "rocblas_status_memory_error",
    "miopenStatusAllocFailed",
)
"""What errors without a class of their own say where memory ran out."""
CUDA_NO_MEMORY = 2
"""The runtime's own code for an allocation that failed; the device goes on."""

T = TypeVar("T")


def embedding(caption: Tensor) -> str | None:
    """Check a caption embedding `(n, features)`."""
    return None if bool(torch.isfinite(caption).all()) else "caption embedding is not finite"


def first_broken(sums: Tensor) -> list[int | None]:
    """Return, for each of B pictures, the first of n places whose sum `(n, B)` is not finite, or None.

    The device is waited for once.
    """
    broken: list[list[bool]] = (~torch.isfinite(sums)).T.tolist()
    return [places.index(True) if any(places) else None for places in broken]


def clamp_latents(latents: Tensor) -> tuple[Tensor, str | None]:
    """Bring final latents `(C, h, w)` into a VAE's range; latents in range are returned unchanged.

    Values beyond `LARGEST_LATENT` are clamped; if the spread is still too wide it is brought back to 1.
    """
    largest = float(latents.abs().max())
    if largest <= LARGEST_LATENT:
        return latents, None
    clamped = latents.clamp(-LARGEST_LATENT, LARGEST_LATENT)
    spread, centre = float(clamped.std()), clamped.mean()
    if spread > LARGEST_SPREAD:
        clamped = (clamped - centre) / spread + centre
    return clamped, f"final latents reached {largest:.3g}; clamped to {LARGEST_LATENT:g}"


def pixels(picture: Tensor) -> str | None:
    """Check decoded pixels `(3, height, width)` in [-1, 1]: finite, and neither black nor one flat colour."""
    spread = float(picture.clamp(-1, 1).flatten(1).std(dim=1).max())
    if not (spread >= SMALLEST_SPREAD and bool(torch.isfinite(picture).all())):
        return f"pixels are flat or not finite (spread {spread:.3g})"
    black = float((picture.amax(dim=0) < BLACK).float().mean())
    return None if black <= MOST_BLACK else f"{black:.1%} of the pixels are black"


@contextmanager
def in_float32(*models: nn.Module) -> Iterator[None]:
    """Compute `models` in float32 inside the block, one part after the other, so that memory does not double.

    Each child of a model, and each member of its lists, holds its parameters in float32 only while it runs.
    The parameters themselves come back as they were. Inputs must be float32; buffers are left alone.
    """
    with ExitStack() as hooks:
        for part in (part for model in models for part in _parts(model)):
            widened: list[tuple[nn.Parameter, Tensor]] = []
            before = part.register_forward_pre_hook(_widen(widened))
            after = part.register_forward_hook(_restore(widened), prepend=True, always_call=True)
            hooks.callback(before.remove)
            hooks.callback(after.remove)
        yield


def out_of_memory(error: BaseException) -> bool:
    """Say whether `error` is memory that ran out, on whatever device."""
    if isinstance(error, torch.AcceleratorError):
        return getattr(error, "error_code", None) == CUDA_NO_MEMORY
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(message in str(error) for message in NO_MEMORY)


@contextmanager
def oom_as(message: str) -> Iterator[None]:
    """Raise `EngineError("out_of_memory", message)` for memory that runs out inside the block."""
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not out_of_memory(error):
            raise
        raise EngineError("out_of_memory", message) from error


def device_failed(error: BaseException) -> bool:
    """Say whether the device failed, so that only a new process can go on.

    A CUDA context that failed once raises at every later call. cuDNN and cuBLAS raise a plain error the first
    time; a call to the device shows whether it was such a failure.
    """
    if isinstance(error, torch.AcceleratorError):
        return not out_of_memory(error)
    if not torch.cuda.is_initialized():
        return False
    try:
        torch.cuda.synchronize()
    except RuntimeError:
        return True
    return False


def retry_on_oom(attempt: Callable[[], T], fallbacks: Iterator[bool], message: str) -> T:
    """Return `attempt()`; when memory runs out, go on to the next of `fallbacks` that helps, and try again.

    Each item of `fallbacks` frees memory when it is drawn and says whether it did. Raises
    `EngineError("out_of_memory", message)` when there is none left.
    """
    while True:
        try:
            return attempt()
        except (RuntimeError, MemoryError) as error:
            if not out_of_memory(error):
                raise
        empty_cache()
        if not any(fallbacks):
            raise EngineError("out_of_memory", message)


def empty_cache() -> None:
    """Give memory that torch's allocator holds and does not use back to the device."""
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    elif torch.backends.mps.is_available():
        torch.mps.empty_cache()


def _parts(model: nn.Module) -> Iterator[nn.Module]:
    for child in model.children():
        yield from child.children() if isinstance(child, nn.ModuleList | nn.ModuleDict) else (child,)


def _widen(widened: list[tuple[nn.Parameter, Tensor]]) -> Callable[[nn.Module, Any], None]:
    def hook(part: nn.Module, _: object) -> None:
        # Not Module.to: it would touch the buffers, of which some are always float32 (rotary frequencies).
        with torch.inference_mode(False):
            for parameter in part.parameters():
                if parameter.dtype in (torch.bfloat16, torch.float16) and type(parameter.data) is Tensor:
                    widened.append((parameter, parameter.data))
                    parameter.data = parameter.data.float()

    return hook


def _restore(widened: list[tuple[nn.Parameter, Tensor]]) -> Callable[[nn.Module, Any, Any], None]:
    def hook(*_: object) -> None:
        with torch.inference_mode(False):
            for parameter, data in widened:
                parameter.data = data
        widened.clear()

    return hook
