"""Muon: momentum made orthogonal for hidden matrices and kernels, one shape at a time.

`torch.optim.Muon` computes in bfloat16, which CPUs without matrix units do slowly; it is float32 but where
blocks are compiled for such units.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any

import torch

from lab.train import parallel
from lab.train.blocks import are_compiled

COEFFICIENTS = (3.4445, -4.7750, 2.0315)


class Muon(torch.optim.Optimizer):
    """Muon whose updates have the root mean square of AdamW's, so that rates compare.

    A kernel (out, in, h, w) counts as the matrix (out, in * h * w).
    """

    def __init__(
        self, params: Iterable[torch.Tensor], peak: float, momentum: float = 0.95, decay: float = 0.02
    ):
        group = {"params": list(params), "peak": peak}
        super().__init__([group], {"lr": peak, "momentum": momentum, "decay": decay})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """Apply one update to every matrix that has a gradient."""
        for group in self.param_groups:
            shapes: dict[torch.Size, list[torch.Tensor]] = defaultdict(list)
            for matrix in group["params"]:
                if matrix.grad is not None:
                    shapes[matrix.shape].append(matrix)
            for matrices in shapes.values():
                self._update(matrices, group)

    def _update(self, matrices: list[torch.Tensor], group: dict[str, Any]) -> None:
        grads = torch.stack([m.grad.contiguous() for m in matrices if m.grad is not None])
        momenta = torch.stack(
            [self.state[m].get("momentum", torch.zeros(m.shape, device=m.device)) for m in matrices]
        )
        momenta.lerp_(grads, 1 - group["momentum"])
        flat = grads.lerp(momenta, group["momentum"]).flatten(2)
        updates = parallel.divided(orthogonal, flat).view_as(grads)
        size = group["lr"] * 0.2 * max(flat.shape[1:]) ** 0.5
        for matrix, momentum, update in zip(matrices, momenta, updates, strict=True):
            self.state[matrix]["momentum"] = momentum.clone()
            matrix.mul_(1 - group["lr"] * group["decay"]).sub_(update, alpha=size)


def orthogonal(matrices: torch.Tensor, rounds: int = 5) -> torch.Tensor:
    """Nearly orthogonal matrices (N, rows, columns) by Newton-Schulz iteration."""
    a, b, c = COEFFICIENTS
    tall = matrices.shape[1] > matrices.shape[2]
    x = matrices.mT if tall else matrices
    x = x.bfloat16() if are_compiled() else x
    x = x / (x.flatten(1).norm(dim=1)[:, None, None] + 1e-7)
    for _ in range(rounds):
        gram = x @ x.mT
        x = torch.baddbmm(x, torch.baddbmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return (x.mT if tall else x).to(matrices.dtype)
