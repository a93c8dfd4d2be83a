"""The compact super-resolution network, and its weights read from a file."""

from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional

BUILT_IN: Path = Path(__file__).parent / "weights" / "x2.safetensors"
"""Our own ×2 weights; `lab.train.train_sr` makes them."""


class SRVGGNetCompact(nn.Module):
    """Plain 3×3 convolutions at the input's size, then a pixel shuffle onto the upscaled input.

    Wang et al. 2021 (Real-ESRGAN, arXiv:2107.10833), in their state dict's layout. Takes and gives
    `(B, 3, h, w)` → `(B, 3, scale·h, scale·w)` in [0, 1], not clamped. `convs` counts the inner convolutions.
    """

    def __init__(self, features: int = 32, convs: int = 8, scale: int = 2) -> None:
        super().__init__()
        self.scale = scale
        self.reach = convs + 2
        """How far, in input pixels, an output pixel sees."""
        layers: list[nn.Module] = [nn.Conv2d(3, features, 3, padding=1), nn.PReLU(features)]
        for _ in range(convs):
            layers += [nn.Conv2d(features, features, 3, padding=1), nn.PReLU(features)]
        self.body = nn.Sequential(*layers, nn.Conv2d(features, 3 * scale * scale, 3, padding=1))

    def forward(self, pictures: Tensor) -> Tensor:
        """Upscale `(B, 3, h, w)`."""
        detail = functional.pixel_shuffle(self.body(pictures), self.scale)
        return detail + functional.interpolate(pictures, scale_factor=self.scale, mode="nearest")


def built_in() -> SRVGGNetCompact:
    """Return the network that ships with the program."""
    return from_state(load_file(BUILT_IN))


def is_compact(state: Mapping[str, Tensor]) -> bool:
    """Say whether a state dict has this network's layout."""
    first = state.get("body.0.weight")
    return first is not None and first.ndim == 4 and all(name.startswith("body.") for name in state)


def from_state(state: Mapping[str, Tensor]) -> SRVGGNetCompact:
    """Build the network with the sizes of the tensors, in float32, ready to run."""
    last = max(int(name.split(".")[1]) for name in state)
    outputs = len(state[f"body.{last}.weight"])
    network = SRVGGNetCompact(len(state["body.0.weight"]), last // 2 - 1, round((outputs / 3) ** 0.5))
    network.load_state_dict({name: tensor.to(torch.float32) for name, tensor in state.items()})
    return network.eval().requires_grad_(False).to(memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]
