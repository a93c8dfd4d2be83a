"""Matrix products of which both sides are in eight bits, with a scale for each row of each side.

For int8 both sides are rotated first: a Hadamard matrix spreads a feature that is far larger than the others
over its group, and one scale for a token loses little then (Ashkboos et al. 2024, arXiv:2404.00456). The
product stays the same, as the rotation is orthogonal. Float8 has an exponent and needs none.
"""

import math
from functools import cache
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

LARGEST = {torch.int8: 127.0, torch.float8_e4m3fn: 448.0}
LARGEST_GROUP = 256
"""Features that are rotated together, where their number is a multiple."""
LEAST_ROWS = 17
"""What CUDA's int8 product takes."""


class Rows(NamedTuple):
    """A matrix: `values` (rows, columns) in int8 or float8, and what each row is multiplied by (rows, 1)."""

    values: Tensor
    scale: Tensor

    @classmethod
    def of(cls, matrix: Tensor, dtype: torch.dtype) -> "Rows":
        """Round a matrix to the nearest numbers of `dtype`; a row that is not finite has such a scale."""
        wide = matrix.float()
        scale = wide.abs().amax(dim=-1, keepdim=True).clamp(min=1e-12) / LARGEST[dtype]
        scaled = wide / scale
        return cls(scaled.round().to(dtype) if dtype == torch.int8 else scaled.to(dtype), scale)

    def times(self, weight: "Rows") -> Tensor:
        """Return the product (rows, outputs) with a `weight` (outputs, columns) of the same dtype.

        It is float32, of float8 rounded to bfloat16, which is all its kernels return.
        """
        if self.values.dtype != torch.int8:
            return torch._scaled_mm(
                self.values,
                weight.values.t(),
                scale_a=self.scale,
                scale_b=weight.scale.t(),
                out_dtype=torch.bfloat16,
                use_fast_accum=True,
            )
        rows, values = len(self.values), self.values
        if rows < LEAST_ROWS:
            values = functional.pad(values, (0, 0, 0, LEAST_ROWS - rows))
        product: Tensor = torch._int_mm(values, weight.values.t())[:rows] * self.scale * weight.scale.t()
        return product


def rotated(values: Tensor) -> Tensor:
    """Rotate the last axis in groups of 256, or of the largest power of two that divides it.

    The rotation is its own inverse.
    """
    group = math.gcd(values.shape[-1], LARGEST_GROUP)
    # The compiler makes the matrix part of the graph.
    matrix = (_hadamard if torch.compiler.is_compiling() else _kept_hadamard)(
        group, values.device, values.dtype
    )
    result: Tensor = (values.unflatten(-1, (-1, group)) @ matrix).flatten(-2)
    # Half of the exact root of the group's size, which not every precision holds.
    return result if group.bit_length() % 2 else result * 0.5**0.5


def _hadamard(group: int, device: torch.device, dtype: torch.dtype) -> Tensor:
    """Return Sylvester's matrix (group, group) times the power of two next to orthogonal from above."""
    with torch.inference_mode(False):
        place = torch.arange(group, device=device)
        bits = place[:, None] & place
        for shift in (4, 2, 1):
            bits = bits ^ (bits >> shift)
        return ((1 - 2 * (bits & 1)) * 2.0 ** -((group.bit_length() - 1) // 2)).to(dtype)


_kept_hadamard = cache(_hadamard)
