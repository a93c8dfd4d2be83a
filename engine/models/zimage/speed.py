"""Which speed-ups are layered on the model. Each is a flag of its own; all of them compute the same picture.

Knows their names and which of them a device profits from. Computes nothing.
"""

from dataclasses import dataclass
from typing import Any

EXACT = ("fused_weights", "native_norm", "real_rope", "once_per_schedule", "addcmul", "attention")
"""The transformer's flags that act everywhere; their results differ from the stock pipeline's by rounding."""
IN_VAE = ("channels_last", "lean_decoder")
"""The same of the VAE."""
ON_CUDA = ("compiled", "cuda_graphs")
"""Those that are of use on CUDA only, and differ by rounding as well."""


@dataclass(frozen=True, slots=True)
class Speed:
    """One flag per speed-up; `Speed()` is what pays on a CPU.

    `fused_weights`: one product for query, key and value and one for w1 and w3. `native_norm`: torch's own
    RMSNorm. `real_rope`: rotary embedding without complex numbers. `once_per_schedule`: time embedding and
    modulation of all steps at once. `addcmul`: gate and residual in one operation. `attention`: kernels in
    the order `attention.py` prefers. `channels_last`: the VAE's memory layout. `lean_decoder`:
    its decoder upsamples in phases and activates in place; by itself on a CPU only, where it was measured.
    `compiled`: torch.compile of the transformer block. `cuda_graphs`: forwards of small pictures as one
    launch; off by itself until it was measured.
    """

    fused_weights: bool = True
    native_norm: bool = True
    real_rope: bool = False
    once_per_schedule: bool = True
    addcmul: bool = True
    attention: bool = True
    channels_last: bool = True
    lean_decoder: bool = True
    compiled: bool = False
    cuda_graphs: bool = False

    @classmethod
    def of(cls, device: str, cuda_graphs: bool = False) -> "Speed":
        """Return what suits a device type; `cuda_graphs` asks for them where there is CUDA.

        Complex numbers are fast on a CPU and slow on everything else.
        """
        cuda, cpu = device == "cuda", device == "cpu"
        return cls(real_rope=not cpu, lean_decoder=cpu, compiled=cuda, cuda_graphs=cuda and cuda_graphs)

    @classmethod
    def none(cls, **but: Any) -> "Speed":
        """Return the flags all off, except those named."""
        return cls(**(dict.fromkeys((*EXACT, *IN_VAE, *ON_CUDA), False) | but))
