"""A card that only computes shapes: tensors have devices and sizes and no numbers, at the model's real size.

What mixes devices raises. Waits for the device and the bytes in use there are counted. It has no kernels, so
what a kernel takes inside is not seen, and attention takes its result alone, as flash attention does.
"""

import ctypes
import warnings
import weakref
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import pytest
import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode
from torch.nn import functional
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from engine.memory import decoding

CARD = torch.device("cuda", 0)
READS = (
    torch.ops.aten._local_scalar_dense.default,
    torch.ops.aten.item.default,
    torch.ops.aten.is_nonzero.default,
)
CUDA, META = 1, 14
"""Torch's own numbers of the two kinds of device."""
NUMBER = 0.015
"""What every number read from the card is: small enough for a difference, large enough for a spread."""


class Card:
    """What happened on the simulated card."""

    def __init__(self) -> None:
        self.waits = 0
        self.used = 0
        self.peak = 0
        self._known: set[int] = set()

    def see(self, tensor: Tensor) -> None:
        """Count a tensor's bytes, once for all that share them, until the last one is gone."""
        storage = tensor.untyped_storage()
        key = storage._cdata
        if tensor.device.type != "cuda" or key in self._known:
            return
        self._known.add(key)
        self.used += storage.nbytes()
        self.peak = max(self.peak, self.used)
        weakref.finalize(storage, self._free, key, storage.nbytes())

    def listed(self, tensor: Tensor) -> Any:
        """Return a tensor's numbers as lists, all False; torch would ask for them one by one."""
        self.waits += tensor.device.type == "cuda"
        return _nested(tensor.shape)

    def _free(self, key: int, count: int) -> None:
        self._known.discard(key)
        self.used -= count


class _Dispatch(TorchDispatchMode):
    def __init__(self, card: Card) -> None:
        super().__init__()
        self.card = card

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func in READS:
            self.card.waits += args[0].device.type == "cuda"
            return True if args[0].dtype == torch.bool else NUMBER
        result = func(*args, **(kwargs or {}))
        for tensor in tree_leaves(result):
            if isinstance(tensor, Tensor):
                self.card.see(tensor)
        if func is torch.ops.aten._to_copy.default and result.device.type == "cpu":
            self.card.waits += args[0].device.type == "cuda"
        return result


class _Functions(TorchFunctionMode):
    def __init__(self, card: Card) -> None:
        super().__init__()
        self.card = card

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is functional.scaled_dot_product_attention:
            return torch.empty_like(args[0] if args else kwargs["query"])
        if func is torch.tensor and (kwargs or {}).get("device") is not None:
            device = torch.device(kwargs.pop("device"))
            self.card.waits += device.type == "cuda"
            made = func(*args, **kwargs)
            return torch.empty(made.shape, dtype=made.dtype, device=device)
        if func == Tensor.data.__set__:  # type: ignore[attr-defined]
            args[0].fake_device = args[1].device
        return func(*args, **(kwargs or {}))


def _nested(shape: torch.Size) -> Any:
    return [_nested(shape[1:]) for _ in range(shape[0])] if shape else False


def _moments(values: Tensor) -> tuple[Tensor, ...]:
    parts = values[0, 0].numel() * values.shape[1] // 8192
    return tuple(torch.empty((3, parts, *values.shape[:2]), device=values.device))


NORM_KERNELS = SimpleNamespace(moments=_moments, activated=lambda values, *_: torch.empty_like(values))
"""In place of Triton's, which need a card: results of the same size and layout."""


class _Stream:
    def __init__(self, *_: object) -> None:
        pass

    def __getattr__(self, name: str) -> Any:
        return lambda *_: None


def _laid_out(module: nn.Module, memory_format: torch.memory_format) -> nn.Module:
    """As `Module.to`, by its parameters' data: torch would exchange those without numbers and fails."""
    for parameter in module.parameters():
        if parameter.ndim == 4:
            parameter.data = parameter.data.to(memory_format=memory_format)
    return module


@contextmanager
def _guarded() -> Iterator[None]:
    """Let a torch that is built without CUDA have a current CUDA device: the one that does nothing.

    Built with CUDA, torch does so itself where there is no card.
    """
    if torch.backends.cuda.is_built():
        yield
        return
    library = Path(torch.__file__).parent / "lib" / "libc10.so"
    if not library.exists():
        pytest.skip("a torch for this system that is built without CUDA cannot simulate it")
    guards = (ctypes.c_void_p * (META + 1)).in_dll(
        ctypes.CDLL(str(library)), "_ZN3c104impl26device_guard_impl_registryE"
    )
    guards[CUDA] = guards[META]
    try:
        yield
    finally:
        guards[CUDA] = None


@contextmanager
def simulated() -> Iterator[Card]:
    """Have `cuda:0` be a simulated card inside the block."""
    card = Card()
    runtime = SimpleNamespace(cudaHostRegister=lambda *_: 0, cudaHostUnregister=lambda *_: 0)
    with ExitStack() as stack:
        stack.enter_context(warnings.catch_warnings())
        for name, twin in {
            "Stream": _Stream, "Event": _Stream, "current_stream": _Stream, "stream": nullcontext,
            "cudart": lambda: runtime, "get_device_capability": lambda *_: (9, 0),
        }.items():  # fmt: skip
            stack.enter_context(patch.object(torch.cuda, name, twin))
        # A tensor without numbers lies nowhere; where it would lie is told by its storage.
        stack.enter_context(
            patch.object(
                Tensor,
                "data_ptr",
                lambda self: self.untyped_storage()._cdata + self.storage_offset() * self.itemsize,
            )
        )
        stack.enter_context(patch.object(FakeTensor, "tolist", lambda tensor: card.listed(tensor)))
        stack.enter_context(patch.object(torch.UntypedStorage, "data_ptr", lambda self: self._cdata))
        stack.enter_context(patch.object(nn.Module, "to", _laid_out))
        stack.enter_context(patch.object(decoding, "_kernels", lambda device: NORM_KERNELS))
        stack.enter_context(_guarded())
        stack.enter_context(FakeTensorMode(allow_non_fake_inputs=True))
        stack.enter_context(_Dispatch(card))
        stack.enter_context(_Functions(card))
        yield card
