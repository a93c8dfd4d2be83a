"""Which speed-ups suit a device; those that pay everywhere are always on. All compute the same picture.

`lab.bench` measures every one of them against its slower twin.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Speed:
    """One flag per speed-up; `Speed()` is what pays on a CPU.

    `real_rope`: rotary embedding without complex numbers, which are fast on a CPU and slow elsewhere.
    `lean_decoder`: the VAE's decoder upsamples in phases, norms and activates at once; by itself on a CPU,
    where it was measured, and on CUDA, where others have measured the same. `compiled`: torch.compile of the
    transformer block. `cuda_graphs`: forwards of small pictures as one launch; off by itself until it was
    measured.
    """

    real_rope: bool = False
    lean_decoder: bool = True
    compiled: bool = False
    cuda_graphs: bool = False

    @classmethod
    def of(cls, device: str, cuda_graphs: bool = False) -> "Speed":
        """Return what suits a device type; `cuda_graphs` asks for them where there is CUDA."""
        cuda, cpu = device == "cuda", device == "cpu"
        return cls(
            real_rope=not cpu, lean_decoder=cpu or cuda, compiled=cuda, cuda_graphs=cuda and cuda_graphs
        )
