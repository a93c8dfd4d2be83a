"""The VAE's decoder in strips of rows: the same picture with far less memory.

Tiles would each normalise by themselves, which shows. Here every group norm takes its mean and variance over
the whole picture; only its result, the activation and the convolution after it are computed strip by strip.
Two full-size tensors are alive at once instead of four or five.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from engine.memory import decoding
from engine.memory.plan import TILE, Decode

STRIP_VALUES = 2**24
"""Numbers of the input that one strip may hold."""

Strip = Callable[[int, int], Tensor]


class StripDecoder(nn.Module):
    """Stands in for a `Decoder` and shares its modules."""

    def __init__(self, decoder: Any, strip_values: int = STRIP_VALUES) -> None:
        super().__init__()
        self.decoder = decoder
        self.strip_values = strip_values

    def forward(self, latents: Tensor, *unused: object) -> Tensor:
        """Decode `(B, C, h, w)` as the decoder does."""
        decoder = self.decoder
        middle = decoder.mid_block
        values = self._resnet(middle.resnets[0], decoder.conv_in(latents))
        for attention, resnet in zip(middle.attentions, middle.resnets[1:], strict=True):
            if attention is not None:
                values = self._attended(attention, values)
            values = self._resnet(resnet, values)
        for block in decoder.up_blocks:
            for resnet in block.resnets:
                values = self._resnet(resnet, values)
            for upsampler in block.upsamplers or ():
                values = self._upsampled(upsampler.conv, values)
        return self._convolved(decoder.conv_out, values, self._normed(decoder.conv_norm_out, values))

    def _resnet(self, resnet: Any, values: Tensor) -> Tensor:
        inner = self._convolved(resnet.conv1, values, self._normed(resnet.norm1, values))
        normed = self._normed(resnet.norm2, inner)
        # Where the number of channels stays, each strip overwrites its input, which is not needed again.
        result = values if resnet.conv_shortcut is None else torch.empty_like(inner)
        for top, bottom in self._strips(values):
            kept = values[:, :, top:bottom]
            shortcut = kept if resnet.conv_shortcut is None else resnet.conv_shortcut(kept)
            added = shortcut + _rows(resnet.conv2, normed, top, bottom, values.shape[2])
            result[:, :, top:bottom] = added / resnet.output_scale_factor
        return result

    def _attended(self, attention: Any, values: Tensor) -> Tensor:
        """Attend over all places, some queries at a time, so that the matrix of all pairs never exists."""
        batch, channels, height, width = values.shape
        flat = values.view(batch, channels, height * width)
        normed = attention.group_norm(flat).transpose(1, 2)
        key, value = (_heads(attention.heads, each(normed)) for each in (attention.to_k, attention.to_v))
        result = torch.empty_like(flat)
        rows = max(1, self.strip_values // (height * width))
        for first in range(0, height * width, rows):
            query = _heads(attention.heads, attention.to_q(normed[:, first : first + rows]))
            found = functional.scaled_dot_product_attention(query, key, value).transpose(1, 2).flatten(2)
            result[:, :, first : first + rows] = attention.to_out[0](found).transpose(1, 2)
        attended: Tensor = (result + flat) / attention.rescale_output_factor
        return attended.view(values.shape)

    def _upsampled(self, conv: nn.Conv2d, values: Tensor) -> Tensor:
        height, width = values.shape[2:]
        result = decoding.empty(values, conv.out_channels, 2 * height, 2 * width)
        for top, bottom in self._strips(values):
            above, below = int(top > 0), int(bottom < height)
            rows = values[:, :, top - above : bottom + below]
            decoding.double(conv, rows, result[:, :, 2 * top : 2 * bottom], above)
        return result

    def _convolved(self, conv: nn.Conv2d, values: Tensor, strip: Strip) -> Tensor:
        height, width = values.shape[2:]
        result = decoding.empty(values, conv.out_channels, height, width)
        for top, bottom in self._strips(values):
            result[:, :, top:bottom] = _rows(conv, strip, top, bottom, height)
        return result

    def _normed(self, norm: nn.GroupNorm, values: Tensor) -> Strip:
        """Return what computes rows of group norm and SiLU, its mean and variance taken over all rows."""
        strips = (values[:, :, top:bottom] for top, bottom in self._strips(values))
        factor, offset = decoding.scaling(norm, strips)
        return lambda top, bottom: decoding.activated(values[:, :, top:bottom], factor, offset)

    def _strips(self, values: Tensor) -> list[tuple[int, int]]:
        height = values.shape[2]
        rows = max(2, self.strip_values * height // values.numel() // 2 * 2)
        return [(top, min(top + rows, height)) for top in range(0, height, rows)]


def apply(vae: Any, decode: Decode) -> None:
    """Have `vae.decode` decode whole, in strips or in tiles from now on."""
    inner = vae.decoder.decoder if isinstance(vae.decoder, StripDecoder) else vae.decoder
    vae.decoder = inner if decode == "whole" else StripDecoder(inner)
    if decode != "tiles":
        vae.disable_tiling()
        return
    # Tiles are cut only where a side is longer than these, which are set for 1024 and more.
    vae.tile_sample_min_size = TILE
    vae.tile_latent_min_size = TILE // 2 ** (len(vae.config.block_out_channels) - 1)
    vae.enable_tiling()


def _rows(conv: nn.Conv2d, strip: Strip, top: int, bottom: int, height: int) -> Tensor:
    """Return rows `top` to `bottom` of a 3×3 convolution: with their neighbours, zeros beyond the picture."""
    above, below = int(top > 0), int(bottom < height)
    values = functional.pad(strip(top - above, bottom + below), (1, 1, 1 - above, 1 - below))
    return functional.conv2d(values, conv.weight, conv.bias)


def _heads(count: int, values: Tensor) -> Tensor:
    batch, places, width = values.shape
    return values.view(batch, places, count, width // count).transpose(1, 2)
