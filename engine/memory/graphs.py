"""One launch for a whole forward: CUDA graphs, for what is computed faster than it is launched.

The kernels replayed are those that were recorded, so the numbers are the same to the last bit. Only `record`
needs CUDA.
"""

import logging
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import NamedTuple

import torch
from torch import Tensor

WARM_UPS = 3
"""Runs before recording, in which libraries take their workspaces and the compiler compiles."""
MOST_GRAPHS = 8
"""Shapes remembered; each holds the memory of one forward."""

log = logging.getLogger(__name__)

Forward = Callable[..., tuple[Tensor, ...]]
Recorded = tuple[Callable[[], None], tuple[Tensor, ...]]
"""What replays, and the tensors in which it leaves its results."""


class _Graph(NamedTuple):
    inputs: tuple[Tensor, ...]
    replay: Callable[[], None]
    results: tuple[Tensor, ...]


class Graphs:
    """`forward`, recorded once per shapes and dtypes of its inputs and replayed from then on.

    What `forward` reads besides its inputs must stay where it is; call `forget` when it moves. Where
    recording fails, `forward` is called as it is from then on.
    """

    def __init__(
        self, forward: Forward, record: "Callable[[Callable[[], tuple[Tensor, ...]]], Recorded]"
    ) -> None:
        self._forward = forward
        self._record = record
        self._known: OrderedDict[Hashable, _Graph] = OrderedDict()
        self._works = True

    def __call__(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """Return what `forward` returns, in tensors of the caller's own."""
        graph = self._graph(inputs) if self._works else None
        if graph is None:
            return self._forward(*inputs)
        for mine, given in zip(graph.inputs, inputs, strict=True):
            mine.copy_(given)
        graph.replay()
        return tuple(result.clone() for result in graph.results)

    def forget(self) -> None:
        """Forget every graph and give its memory back."""
        self._known.clear()

    def _graph(self, inputs: tuple[Tensor, ...]) -> _Graph | None:
        key = tuple((each.shape, each.dtype) for each in inputs)
        if key not in self._known:
            mine = tuple(each.clone() for each in inputs)
            try:
                self._known[key] = _Graph(mine, *self._record(lambda: self._forward(*mine)))
            except RuntimeError as error:
                log.warning("no CUDA graphs from now on: %s", str(error).partition("\n")[0])
                self._works = False
                self.forget()
                return None
        self._known.move_to_end(key)
        while len(self._known) > MOST_GRAPHS:
            self._known.popitem(last=False)
        return self._known[key]


def record(run: Callable[[], tuple[Tensor, ...]]) -> Recorded:
    """Record `run` on the current CUDA device; other threads may use the device meanwhile."""
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(WARM_UPS):
            run()
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph, capture_error_mode="thread_local"):
        results = run()
    return graph.replay, results
