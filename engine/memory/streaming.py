"""A stack of equal blocks of which only some stay on the device; the others are copied just before they run.

Results are bit-identical to the resident model's: the same kernels multiply the same numbers.
"""

import logging
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from engine.memory.plan import SLOTS, spread

ALIGNMENT = 64
"""Bytes at whose multiples tensors begin in a buffer, as torch's own do in main memory."""

log = logging.getLogger(__name__)

Home = list[tuple[nn.Module, str, bool, Tensor]]
"""A block's tensor: owner, name, whether it is a parameter, and its copy in main memory."""
Identity = list[tuple[int, torch.dtype]]
Specs = list[tuple[torch.Size, torch.dtype]]


class _Buffer(NamedTuple):
    """A block's bytes in main memory, which tensors lie in them, and whether they are page-locked."""

    bytes: Tensor
    identity: Identity
    is_locked: bool


class Streamer:
    """Keeps `resident` of `blocks` on `device` and brings the others through `slots`.

    While others compute, the next streamed blocks are copied by a stream of its own, out of buffers that are
    as large as their weights. After each block its parameters point back to main memory, so that casting or
    saving a module at rest works as ever. Blocks must be equal in shapes; they are called in order, and
    whatever order is right, only slower.
    """

    def __init__(
        self, blocks: Sequence[nn.Module], device: torch.device, resident: int, slots: int = SLOTS
    ) -> None:
        self._blocks = list(blocks)
        self._device = device
        self._slots: list[_Slot] = []
        self._home: Home = []
        self._hooks: list[Any] = []
        self._buffers: dict[int, _Buffer] = {}
        self._copier = torch.cuda.Stream(device) if device.type == "cuda" else None
        self.streamed: list[int] = []
        """The indices of the blocks that are kept in main memory."""
        self.keep(resident, slots)

    def keep(self, resident: int, slots: int = SLOTS) -> None:
        """Have `resident` blocks on the device and the others in main memory."""
        self.release()
        self._count = slots
        for hook in self._hooks:
            hook.remove()
        self._hooks = []
        self.streamed = spread(len(self._blocks), resident)
        with torch.inference_mode(False), torch.no_grad():
            for place in self.streamed:
                if place not in self._buffers:
                    self._buffers[place] = _gathered(self._blocks[place], self._copier is not None)
            for place in sorted({*range(len(self._blocks))} - {*self.streamed}):
                for module, name, parameter, tensor in _home(self._blocks[place]):
                    _point(module, name, parameter, tensor.to(self._device))
                buffer = self._buffers.pop(place, None)
                if buffer is not None and buffer.is_locked:
                    torch.cuda.cudart().cudaHostUnregister(buffer.bytes.data_ptr())
        for place in self.streamed:
            block = self._blocks[place]
            self._hooks += [
                block.register_forward_pre_hook(lambda module, given, place=place: self._enter(place)),
                block.register_forward_hook(lambda module, given, result: self._go_home()),
            ]

    def release(self) -> None:
        """Give the slots' memory back; the next streamed block takes it anew."""
        self._go_home()
        if self._copier is not None:
            self._copier.synchronize()
            torch.cuda.current_stream(self._device).synchronize()
        self._slots = []

    def _enter(self, place: int) -> None:
        self._go_home()
        home = self._home = _home(self._blocks[place])
        first = self.streamed.index(place)
        turn = [self.streamed[(first + ahead) % len(self.streamed)] for ahead in range(self._count)]
        slot = self._holding(place, home) or self._fetch(place, home, turn)
        slot.wait()
        for (module, name, parameter, _), tensor in zip(home, slot.tensors, strict=True):
            _point(module, name, parameter, tensor)
        for following in turn[1:]:
            coming = _home(self._blocks[following])
            if following != place and self._holding(following, coming) is None:
                self._fetch(following, coming, turn)

    def _go_home(self) -> None:
        """Point the block of the latest turn back to main memory; one that failed is still waiting for it."""
        for module, name, parameter, tensor in self._home:
            _point(module, name, parameter, tensor)
        self._home = []

    def _holding(self, place: int, home: Home) -> "_Slot | None":
        """Return the slot with a block's present tensors; what was cast or replaced since is no longer it."""
        tensors = _identity([tensor for *_, tensor in home])
        return next((slot for slot in self._slots if slot.place == place and slot.source == tensors), None)

    def _fetch(self, place: int, home: Home, turn: Sequence[int]) -> "_Slot":
        """Start copying a block into a slot that holds none whose `turn` it is or comes."""
        own = next((slot for slot in self._slots if slot.place == place), None)
        if own is None and len(self._slots) < self._count:
            own = _Slot(self._device, self._copier)
            self._slots.append(own)
        slot = own or next(slot for slot in self._slots if slot.place not in turn)
        slot.fill(place, [tensor for *_, tensor in home], self._buffers[place])
        return slot


class _Slot:
    """Room for one block on the device."""

    def __init__(self, device: torch.device, copier: Any) -> None:
        self.place = -1
        self.tensors: list[Tensor] = []
        self.source: Identity = []
        self._buffer = torch.empty(0, dtype=torch.uint8)
        self._device = device
        self._copier = copier
        self._arrived = torch.cuda.Event() if copier is not None else None

    def fill(self, place: int, source: list[Tensor], buffer: _Buffer) -> None:
        """Copy `source` here, after everything the computing stream has queued so far.

        That is the last use of what is here now, and of what had this memory before it was a slot. All at
        once where `source` are still the tensors in `buffer`.
        """
        self.place, self.source = place, _identity(source)
        specs = _specs(source)
        if specs != _specs(self.tensors):
            if self._copier is not None:
                self._copier.synchronize()
            with torch.inference_mode(False):
                self._buffer = torch.empty(_size(specs), dtype=torch.uint8, device=self._device)
                self.tensors = _carved(self._buffer, specs)
        is_whole = self.source == buffer.identity
        pairs = [(self._buffer, buffer.bytes)] if is_whole else list(zip(self.tensors, source, strict=True))
        if self._copier is None:
            _copy(pairs)
            return
        self._copier.wait_stream(torch.cuda.current_stream(self._device))
        with torch.cuda.stream(self._copier):
            _copy(pairs)
            self._arrived.record(self._copier)  # type: ignore[union-attr]

    def wait(self) -> None:
        """Have the computing stream wait for the copy."""
        if self._arrived is not None:
            torch.cuda.current_stream(self._device).wait_event(self._arrived)


def _copy(pairs: list[tuple[Tensor, Tensor]]) -> None:
    for mine, theirs in pairs:
        mine.copy_(theirs, non_blocking=True)


def _identity(tensors: list[Tensor]) -> Identity:
    return [(tensor.data_ptr(), tensor.dtype) for tensor in tensors]


def _specs(tensors: list[Tensor]) -> Specs:
    return [(tensor.shape, tensor.dtype) for tensor in tensors]


def _home(block: nn.Module) -> Home:
    """Return a block's tensors as they lie in memory, so that what is side by side there stays so."""
    found: Home = []
    for module in block.modules():
        found += [(module, name, True, p.data) for name, p in module._parameters.items() if p is not None]
        found += [(module, name, False, b) for name, b in module._buffers.items() if b is not None]
    return sorted(found, key=lambda each: each[3].data_ptr())


def _point(module: nn.Module, name: str, parameter: bool, tensor: Tensor) -> None:
    if parameter:
        module._parameters[name].data = tensor  # type: ignore[union-attr]
    else:
        module._buffers[name] = tensor


def _gathered(block: nn.Module, lock: bool) -> _Buffer:
    """Move a block's tensors into one buffer in main memory and return it; `lock` page-locks it."""
    home = _home(block)
    specs = _specs([tensor for *_, tensor in home])
    buffer = torch.empty(_size(specs), dtype=torch.uint8)
    places = _carved(buffer, specs)
    for (module, name, parameter, tensor), place in zip(home, places, strict=True):
        _point(module, name, parameter, place.copy_(tensor))
    return _Buffer(buffer, _identity(places), lock and _page_locked(buffer))


def _page_locked(buffer: Tensor) -> bool:
    """Page-lock a buffer where it is; torch's `pin_memory` would take the next power of two in bytes."""
    code = int(torch.cuda.cudart().cudaHostRegister(buffer.data_ptr(), buffer.nbytes, 0))
    if code:
        log.warning("main memory cannot be page-locked (CUDA error %d); streaming will be slower", code)
        with suppress(RuntimeError):  # CUDA reports the failure once more at the next launch
            torch.zeros(1, device="cuda")
    return not code


def _size(specs: Specs) -> int:
    return sum(_padded(shape.numel() * dtype.itemsize) for shape, dtype in specs)


def _carved(buffer: Tensor, specs: Specs) -> list[Tensor]:
    """Return views of a buffer (bytes) that have these shapes and dtypes, one behind the other."""
    found, first = [], 0
    for shape, dtype in specs:
        size = shape.numel() * dtype.itemsize
        found.append(buffer[first : first + size].view(dtype).view(shape))
        first += _padded(size)
    return found


def _padded(size: int) -> int:
    return -(-size // ALIGNMENT) * ALIGNMENT
