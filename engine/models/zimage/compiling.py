"""The transformer block compiled: a graph of its own for each shape that is warmed up, one for all others.

So a new size of picture waits for no compiler, and the most usual size runs at its fastest. A compiled block
that computes something else than the eager one is not used.
"""

import logging
from collections.abc import Sequence

import torch
from torch import Tensor

from engine import guards
from engine.memory.weights import PackedLinear
from engine.models.zimage.block import RANKS, Block, BlockWeights, run_block
from engine.models.zimage.changes import Pair, Product
from engine.pulse import PULSE

RECOMPILES = 64
"""Graphs a block may be compiled into: one per size of picture and length of caption."""
LARGEST_DIFFERENCE = 0.02
"""Relative difference between a compiled block and an eager one that is still rounding, in half precision."""
TRIALS = ((64, 1), (96, 1), (128, 2))
"""Lengths and pictures of forwards: the second one has the compiler make the graph for any length, the third
one that for any number of pictures from two on."""

RANKED = ((64, 1, RANKS), (64, 1, 2 * RANKS), (96, 2, 2 * RANKS))
"""The same with ranks of factors that are added: one graph for any rank and one picture, one for several."""

log = logging.getLogger(__name__)


class Compiled:
    """`run_block` compiled. Blocks of equal sizes share its graphs, their weights being inputs.

    A shape whose graph cannot be compiled or run ends compiling: everything runs uncompiled from then on.
    `like` (dim,) is a tensor of the device and precision that is computed in.
    """

    def __init__(self, like: Tensor) -> None:
        self._like = like
        torch._dynamo.config.recompile_limit = max(torch._dynamo.config.recompile_limit, RECOMPILES)
        self._own: set[tuple[int, ...]] = set()
        self._works = True
        self._any_shape = torch.compile(run_block)
        self._one_shape = torch.compile(_run_warmed, dynamic=False)

    def __call__(self, tokens: Tensor, rope: Tensor, factors: Tensor, weights: BlockWeights) -> Tensor:
        """Compute as `run_block` does."""
        if self._works:
            try:
                return self._compiled(tokens, rope, factors, weights)
            except RuntimeError as error:
                if isinstance(error, torch.AcceleratorError) or guards.out_of_memory(error):
                    raise
                self._works = False
                _tell(error)
        return run_block(tokens, rope, factors, weights)

    def _compiled(self, tokens: Tensor, rope: Tensor, factors: Tensor, weights: BlockWeights) -> Tensor:
        is_own = tuple(tokens.shape) in self._own and not weights.rank
        run = self._one_shape if is_own else self._any_shape
        return run(tokens, rope, factors, weights)

    def warm(self, blocks: Sequence[Block], length: int) -> bool:
        """Compile a graph for one picture of `length` tokens; False leaves that shape to the common one."""
        shape = (1, length, self._like.shape[0])
        self._own.add(shape)
        if not all(self.agrees(block, length) for block in blocks):
            self._own.discard(shape)
        return shape in self._own

    def warm_factors(self, blocks: Sequence[Block]) -> int:
        """Compile for what LoRA files add to packed matrices; return how many shapes that made."""
        ranked = [
            block
            for block in blocks
            if type(block.module.attention.to_q) is PackedLinear and block.is_traceable
        ]
        if ranked and not all(self.agrees(block, *shape) for shape in RANKED for block in ranked):
            self._works = False
        return len(RANKED) if ranked else 0

    def is_warm(self, batch: int, length: int) -> bool:
        """Say whether forwards of `batch` pictures and `length` tokens have a graph of their own."""
        return (batch, length, self._like.shape[0]) in self._own

    @torch.inference_mode()
    def agrees(self, block: Block, length: int, batch: int = 1, rank: int = 0) -> bool:
        """Say whether `block` computes the same compiled as not; a compiler that fails does not.

        With a `rank` something of it is added to one layer.
        """
        if rank:
            layer = block.module.attention.to_q
            up, down = torch.randn((layer.out_features, rank)), torch.randn((rank, layer.in_features))
            hook = layer.register_forward_hook(Product([(Pair((up / rank, down / rank)), 1.0)]))
            try:
                return self.agrees(block, length, batch)
            finally:
                hook.remove()
        PULSE.beat()
        attention, (dim,) = block.module.attention, self._like.shape
        tokens = torch.randn((batch, length, dim)).to(self._like)
        factors = torch.randn((4, batch, 1, dim)).to(self._like)
        pairs = dim // attention.heads // 2
        rope = torch.ones((1, length, pairs), device=self._like.device) * (0.6 + 0.8j)
        expected = block.between_hooks(lambda: block.computed(run_block, tokens, rope, factors))
        try:
            found = block.between_hooks(lambda: block.computed(self._compiled, tokens, rope, factors))
        except RuntimeError as error:
            _tell(error)
            return False
        off = float((found - expected).float().norm() / expected.float().norm())
        if off > LARGEST_DIFFERENCE:
            log.warning("the transformer runs uncompiled: compiled it is off by %.2g", off)
        return off <= LARGEST_DIFFERENCE


def compiled(blocks: Sequence[Block], like: Tensor) -> Compiled | None:
    """Return the compiled block if each of `blocks`, one of each kind there is, computes the same with it.

    None where one does not, and where a layer is wrapped or hooked, which no graph can hold.
    """
    if not all(block.is_traceable for block in blocks):
        return None
    run = Compiled(like)
    return run if all(run.agrees(block, *shape) for shape in TRIALS for block in blocks) else None


def _tell(error: Exception) -> None:
    log.warning("the transformer runs uncompiled: %s", str(error).partition("\n")[0])


def _run_warmed(tokens: Tensor, rope: Tensor, factors: Tensor, weights: BlockWeights) -> Tensor:
    # A function of its own, because the compiler keeps graphs, and what it makes flexible, per function.
    return run_block(tokens, rope, factors, weights)
