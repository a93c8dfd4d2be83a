"""A stack of equal blocks of which only some stay on the device; the others are copied just before they run.

Results are bit-identical to the resident model's: the same kernels multiply the same numbers.
"""

import logging
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

SLOTS = 2

log = logging.getLogger(__name__)

Home = list[tuple[nn.Module, str, bool, Tensor]]
"""A block's tensor: owner, name, whether it is a parameter, and its copy in main memory."""
Identity = list[tuple[int, torch.dtype]]


class Streamer:
    """Keeps the first `resident` of `blocks` on `device` and brings the others through two slots.

    While one block computes, the next streamed one is copied by a stream of its own. After each block its
    parameters point back to main memory, so that casting or saving a module at rest works as ever. Blocks
    must be equal in shapes; they are called in order, and whatever order is right, only slower.
    """

    def __init__(self, blocks: Sequence[nn.Module], device: torch.device, resident: int) -> None:
        self._blocks = list(blocks)
        self._device = device
        self._slots: list[_Slot] = []
        self._home: Home = []
        self._hooks: list[Any] = []
        self._copier = torch.cuda.Stream(device) if device.type == "cuda" else None
        self.resident = 0
        self.keep(resident)

    @property
    def streamed(self) -> list[int]:
        """The indices of the blocks that are kept in main memory."""
        return list(range(self.resident, len(self._blocks)))

    def keep(self, resident: int) -> None:
        """Have the first `resident` blocks on the device and the others in main memory."""
        self.release()
        for hook in self._hooks:
            hook.remove()
        self._hooks = []
        self.resident = min(max(resident, 0), len(self._blocks))
        with torch.inference_mode(False), torch.no_grad():
            for block in self._blocks[self.resident :]:
                _move(block, torch.device("cpu"), pinned=self._copier is not None)
            for block in self._blocks[: self.resident]:
                _move(block, self._device)
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
        slot = self._holding(place, home) or self._fetch(place, home)
        slot.wait()
        for (module, name, parameter, _), tensor in zip(home, slot.tensors, strict=True):
            _point(module, name, parameter, tensor)
        following = self.streamed[(place - self.resident + 1) % len(self.streamed)]
        coming = _home(self._blocks[following])
        if self._holding(following, coming) is None:
            self._fetch(following, coming, beside=slot)

    def _go_home(self) -> None:
        """Point the block of the latest turn back to main memory; one that failed is still waiting for it."""
        for module, name, parameter, tensor in self._home:
            _point(module, name, parameter, tensor)
        self._home = []

    def _holding(self, place: int, home: Home) -> "_Slot | None":
        """Return the slot with a block's present tensors; what was cast or replaced since is no longer it."""
        tensors = _identity([tensor for *_, tensor in home])
        return next((slot for slot in self._slots if slot.place == place and slot.source == tensors), None)

    def _fetch(self, place: int, home: Home, beside: "_Slot | None" = None) -> "_Slot":
        """Start copying a block into a slot other than the one in use."""
        slot = next((slot for slot in self._slots if slot is not beside), None)
        if slot is None or (beside is None and len(self._slots) < SLOTS):
            slot = _Slot(self._device, self._copier)
            self._slots.append(slot)
        slot.fill(place, [tensor for *_, tensor in home])
        return slot


class _Slot:
    """Room for one block on the device."""

    def __init__(self, device: torch.device, copier: Any) -> None:
        self.place = -1
        self.tensors: list[Tensor] = []
        self.source: Identity = []
        self._device = device
        self._copier = copier
        self._arrived = torch.cuda.Event() if copier is not None else None

    def fill(self, place: int, source: list[Tensor]) -> None:
        """Copy `source` here, after everything the computing stream has queued so far.

        That is the last use of what is here now, and of what had this memory before it was a slot.
        """
        self.place, self.source = place, _identity(source)
        if [(t.shape, t.dtype) for t in source] != [(t.shape, t.dtype) for t in self.tensors]:
            if self._copier is not None:
                self._copier.synchronize()
            with torch.inference_mode(False):
                self.tensors = [torch.empty_like(tensor, device=self._device) for tensor in source]
        if self._copier is None:
            self._copy(source)
            return
        self._copier.wait_stream(torch.cuda.current_stream(self._device))
        with torch.cuda.stream(self._copier):
            self._copy(source)
            self._arrived.record(self._copier)  # type: ignore[union-attr]

    def wait(self) -> None:
        """Have the computing stream wait for the copy."""
        if self._arrived is not None:
            torch.cuda.current_stream(self._device).wait_event(self._arrived)

    def _copy(self, source: list[Tensor]) -> None:
        for mine, theirs in zip(self.tensors, source, strict=True):
            mine.copy_(theirs, non_blocking=True)


def _identity(tensors: list[Tensor]) -> Identity:
    return [(tensor.data_ptr(), tensor.dtype) for tensor in tensors]


def _home(block: nn.Module) -> Home:
    found: Home = []
    for module in block.modules():
        found += [(module, name, True, p.data) for name, p in module._parameters.items() if p is not None]
        found += [(module, name, False, b) for name, b in module._buffers.items() if b is not None]
    return found


def _point(module: nn.Module, name: str, parameter: bool, tensor: Tensor) -> None:
    if parameter:
        module._parameters[name].data = tensor  # type: ignore[union-attr]
    else:
        module._buffers[name] = tensor


def _move(block: nn.Module, device: torch.device, pinned: bool = False) -> None:
    for module, name, parameter, tensor in _home(block):
        moved = tensor.to(device)
        _point(module, name, parameter, _pinned(moved) if pinned else moved)


def _pinned(tensor: Tensor) -> Tensor:
    """Return a page-locked copy, or the tensor itself where the system gives no more of such memory."""
    if tensor.is_pinned():
        return tensor
    try:
        return tensor.pin_memory()
    except RuntimeError as error:
        log.warning("main memory cannot be page-locked (%s); streaming will be slower", error)
        return tensor
