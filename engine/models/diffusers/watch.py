"""Checks inside a diffusers pipeline's call: what its denoiser and decoder return is inspected by hooks.

A denoiser's blocks are summed on the device and read once a prediction.
"""

import math
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils import _pytree as pytree

from engine import guards
from engine.models.diffusers.drawing import Drawing
from engine.models.zimage.sampler import MOST_SKIPPED

DENOISERS = ("unet", "transformer", "transformer_2")
"""Names a pipeline gives to what predicts its steps."""
_LISTS = (nn.ModuleList, nn.ModuleDict)


@contextmanager
def watched(pipe: Any, drawing: Drawing, step: int) -> Iterator[None]:
    """Guard what `pipe` computes for one step of `drawing`, counted from 1, or for its decoding.

    A prediction that is not finite is made again in float32; failing that, the one the step before made in
    its place is used again; failing that, the drawing is broken. Pixels that fail their check are decoded
    again in float32.
    """
    with ExitStack() as hooks:
        for name in DENOISERS:
            model = getattr(pipe, name, None)
            if isinstance(model, nn.Module):
                _Predictions(name, model, drawing, step).watch(hooks)
        vae = getattr(pipe, "vae", None)
        if isinstance(getattr(vae, "decoder", None), nn.Module):
            _Decodings(vae, drawing).watch(hooks)
        yield


class _Predictions:
    """The calls of one denoiser within one step."""

    def __init__(self, name: str, model: nn.Module, drawing: Drawing, step: int) -> None:
        self._name = name
        self._model = model
        self._drawing = drawing
        self._step = step
        self._calls = 0
        self._places: list[str] = []
        self._sums: list[Tensor] = []
        self._is_again = False

    def watch(self, hooks: ExitStack) -> None:
        """Hook the model and its blocks until `hooks` closes."""
        for place, block in _blocks(self._model):
            hooks.callback(block.register_forward_hook(self._noting(place)).remove)
        hooks.callback(self._model.register_forward_hook(self._predicted, with_kwargs=True).remove)

    def _noting(self, place: str) -> Callable[[nn.Module, Any, Any], None]:
        def hook(block: nn.Module, given: object, result: Any) -> None:
            self._note(place, result)

        return hook

    def _note(self, place: str, result: Any) -> None:
        for tensor in _floats(result):
            self._places.append(place)
            self._sums.append(tensor.sum(dtype=torch.float32))

    def _predicted(self, model: nn.Module, given: Any, named: dict[str, Any], result: Any) -> Any:
        if self._is_again:
            return None
        fault = self._fault(result)
        place = (self._name, self._calls)
        self._calls += 1
        if fault is not None:
            result = self._recovered(given, named, result, place, fault)
        if self._drawing.broken is None:
            self._drawing.predictions[place] = pytree.tree_map_only(Tensor, torch.clone, result)
        return result

    def _fault(self, result: Any) -> str | None:
        """Return where the latest call's numbers were not finite, if anywhere, and forget them."""
        self._note("the prediction", result)
        (broken,) = guards.first_broken(torch.stack(self._sums)[:, None])
        place = None if broken is None else self._places[broken]
        self._places, self._sums = [], []
        return None if place is None else f"{place} of step {self._step} is not finite"

    def _recovered(
        self, given: Any, named: dict[str, Any], result: Any, place: tuple[str, int], fault: str
    ) -> Any:
        """Return a prediction for a call that failed; the drawing is broken when there is none."""
        drawing = self._drawing
        again = self._in_float32(given, named)
        if self._fault(again) is None:
            drawing.actions.append(f"{fault}; the step was done again in float32")
            return _like(again, result)
        earlier = drawing.predictions.get(place)
        if earlier is None or drawing.skipped >= math.ceil(drawing.steps * MOST_SKIPPED):
            drawing.broken = drawing.broken or fault
            return result
        drawing.skipped += 1
        drawing.actions.append(f"{fault}; the step went on from the one before")
        return earlier

    def _in_float32(self, given: Any, named: dict[str, Any]) -> Any:
        self._is_again = True
        try:
            with guards.in_float32(self._model):
                return self._model(*_wide(given), **_wide(named))
        finally:
            self._is_again = False


class _Decodings:
    """The calls of one VAE's decoder: one for a picture, or one for each of its tiles."""

    def __init__(self, vae: Any, drawing: Drawing) -> None:
        self._vae = vae
        self._drawing = drawing
        self._is_again = False

    def watch(self, hooks: ExitStack) -> None:
        """Hook the decoder until `hooks` closes."""
        hook = self._vae.decoder.register_forward_hook(self._decoded, with_kwargs=True)
        hooks.callback(hook.remove)

    def _decoded(self, decoder: nn.Module, given: Any, named: dict[str, Any], result: Any) -> Any:
        fault = None if self._is_again or not isinstance(result, Tensor) else self._fault(result)
        if fault is None:
            return None
        self._drawing.actions.append(f"{fault}; decoded again in float32")
        self._is_again = True
        try:
            with guards.in_float32(self._vae):
                return _like(decoder(*_wide(given), **_wide(named)), result)
        finally:
            self._is_again = False

    def _fault(self, result: Tensor) -> str | None:
        if not getattr(self._vae, "use_tiling", False):
            return guards.pixels(result[0].float())
        # One tile of a good picture may well be flat or black.
        return None if bool(torch.isfinite(result).all()) else "a tile's pixels are not finite"


def _blocks(model: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    for name, child in model.named_children():
        if isinstance(child, _LISTS):
            yield from ((f"{name}.{place}", block) for place, block in child.named_children())


def _floats(values: Any) -> Iterator[Tensor]:
    leaves = pytree.tree_leaves(values)
    return (leaf for leaf in leaves if isinstance(leaf, Tensor) and leaf.is_floating_point())


def _wide(values: Any) -> Any:
    return pytree.tree_map_only(Tensor, lambda t: t.float() if t.is_floating_point() else t, values)


def _like(values: Any, example: Any) -> Any:
    """Return `values` in the precision `example` has."""
    dtype = next(_floats(example)).dtype
    return pytree.tree_map_only(Tensor, lambda t: t.to(dtype) if t.is_floating_point() else t, values)
