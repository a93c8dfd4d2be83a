"""Which speed-ups are layered on the model. Each is a flag of its own; all of them compute the same picture.

Knows their names and which of them a device profits from. Computes nothing.
"""

from dataclasses import dataclass
from typing import Any

EXACT = ("fused_weights", "native_norm", "real_rope", "once_per_schedule", "addcmul", "channels_last")
"""The flags whose results differ from the stock pipeline's by rounding only."""


@dataclass(frozen=True, slots=True)
class Speed:
    """One flag per speed-up; `Speed()` is what pays on a CPU.

    `fused_weights`: one product for query, key and value and one for w1 and w3. `native_norm`: torch's own
    RMSNorm. `real_rope`: rotary embedding without complex numbers. `once_per_schedule`: time embedding and
    modulation of all steps at once. `addcmul`: gate and residual in one operation. `channels_last`: the
    VAE's memory layout. `compiled`: torch.compile of the transformer block, one graph per shape.
    """

    fused_weights: bool = True
    native_norm: bool = True
    real_rope: bool = False
    once_per_schedule: bool = True
    addcmul: bool = True
    channels_last: bool = True
    compiled: bool = False

    @classmethod
    def of(cls, device: str) -> "Speed":
        """Return what suits a device type. Complex numbers are fast on a CPU and slow on everything else."""
        return cls(real_rope=device != "cpu", compiled=device == "cuda")

    @classmethod
    def none(cls, **but: Any) -> "Speed":
        """Return the flags all off, except those named."""
        return cls(**(dict.fromkeys((*EXACT, "compiled"), False) | but))
