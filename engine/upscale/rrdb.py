"""The residual-in-residual dense network of ESRGAN, and its weights as Real-ESRGAN keeps them.

Wang et al. 2018 (ESRGAN, arXiv:1809.00219); for ×2 weights, 2×2 pixels become channels first (Real-ESRGAN).
"""

import re
from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

SHARE = 0.2
"""Of what a block computes, how much is added to what it was given."""


class _Dense(nn.Module):
    """Five convolutions, each of which sees what all before it made."""

    def __init__(self, features: int, growth: int) -> None:
        super().__init__()
        for index in range(5):
            made = features if index == 4 else growth
            self.add_module(f"conv{index + 1}", _conv(features + index * growth, made))

    def forward(self, given: Tensor) -> Tensor:
        *inner, last = self.children()
        seen = given
        for conv in inner:
            seen = torch.cat([seen, _leaky(conv(seen))], dim=1)
        made: Tensor = last(seen)
        return given + SHARE * made


class _Block(nn.Module):
    def __init__(self, features: int, growth: int) -> None:
        super().__init__()
        for name in ("rdb1", "rdb2", "rdb3"):
            self.add_module(name, _Dense(features, growth))

    def forward(self, given: Tensor) -> Tensor:
        made = given
        for dense in self.children():
            made = dense(made)
        return given + SHARE * made


class RRDBNet(nn.Module):
    """`(B, 3, h, w)` → `(B, 3, scale·h, scale·w)`, both in [0, 1], not clamped; `scale` is 2 or 4."""

    def __init__(self, features: int = 64, growth: int = 32, blocks: int = 23, scale: int = 4) -> None:
        super().__init__()
        self.scale, self.folded = scale, 4 // scale
        self.conv_first = _conv(3 * self.folded**2, features)
        self.body = nn.Sequential(*(_Block(features, growth) for _ in range(blocks)))
        self.conv_body, self.conv_up1, self.conv_up2, self.conv_hr = (
            _conv(features, features) for _ in range(4)
        )
        self.conv_last = _conv(features, 3)

    def forward(self, pictures: Tensor) -> Tensor:
        """Upscale; sides that cannot be folded are continued first and cut afterwards."""
        height, width = pictures.shape[-2:]
        padding = (0, -width % self.folded, 0, -height % self.folded)
        folded = functional.pixel_unshuffle(functional.pad(pictures, padding, "replicate"), self.folded)
        features = self.conv_first(folded)
        features = features + self.conv_body(self.body(features))
        for conv in (self.conv_up1, self.conv_up2):
            features = _leaky(conv(functional.interpolate(features, scale_factor=2, mode="nearest")))
        upscaled: Tensor = self.conv_last(_leaky(self.conv_hr(features)))
        return upscaled[..., : self.scale * height, : self.scale * width]


def is_rrdb(state: Mapping[str, Tensor]) -> bool:
    """Say whether a state dict has this network's layout."""
    return "conv_hr.weight" in state and "body.0.rdb1.conv1.weight" in state


def from_state(state: Mapping[str, Tensor]) -> RRDBNet:
    """Build the network with the sizes of the tensors, in float32, ready to run."""
    blocks = 1 + max(int(found[1]) for name in state if (found := re.match(r"body\.(\d+)\.", name)))
    growth, features = state["body.0.rdb1.conv1.weight"].shape[:2]
    folded = {3: 1, 12: 2}.get(state["conv_first.weight"].shape[1], 4)
    network = RRDBNet(features, growth, blocks, 4 // folded)
    network.load_state_dict({name: tensor.to(torch.float32) for name, tensor in state.items()})
    return network.eval().requires_grad_(False).to(memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]


def _conv(given: int, made: int) -> nn.Conv2d:
    return nn.Conv2d(given, made, 3, padding=1)


def _leaky(values: Tensor) -> Tensor:
    return functional.leaky_relu(values, 0.2)
