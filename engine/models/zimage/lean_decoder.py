"""The VAE's decoder with fewer multiplications and less memory traffic, and the same pixels up to rounding.

Doubling a picture and convolving it 3×3 multiplies every value by several weights that could be added up
before: each of the four phases of the result is a convolution 2×2 of the small picture (Shi et al. 2016,
arXiv:1609.07009), four ninths of the products.
"""

import torch
from diffusers.models.resnet import ResnetBlock2D
from diffusers.models.upsampling import Upsample2D
from torch import Tensor, nn
from torch.nn import functional


class PhasedUpsample(nn.Module):
    """Stands in for an `Upsample2D` around `conv`, a 3×3 convolution of stride 1 that keeps the size.

    The weights are added up at every call, which costs next to nothing, so that they may be moved or changed.
    """

    def __init__(self, conv: nn.Conv2d) -> None:
        super().__init__()
        self.conv = conv

    def forward(self, values: Tensor) -> Tensor:
        """Return `(B, C', 2h, 2w)` of `values` (B, C, h, w)."""
        batch, _, height, width = values.shape
        is_channels_last = values.is_contiguous(memory_format=torch.channels_last)
        result = torch.empty(
            (batch, self.conv.out_channels, 2 * height, 2 * width),
            dtype=values.dtype,
            device=values.device,
            memory_format=torch.channels_last if is_channels_last else torch.contiguous_format,
        )
        padded = functional.pad(values, (1, 1, 1, 1))
        for row, rows in enumerate(_phases(self.conv.weight, 2)):
            for column, weight in enumerate(_phases(rows, 3)):
                window = padded[:, :, row : row + height + 1, column : column + width + 1]
                weight = weight.contiguous(memory_format=torch.channels_last)
                result[:, :, row::2, column::2] = functional.conv2d(window, weight, self.conv.bias)
        return result


class PlainResnet(nn.Module):
    """Stands in for a `ResnetBlock2D` without time, dropout and scale: one pass over its sum, in place."""

    output_scale_factor = 1.0

    def __init__(self, resnet: ResnetBlock2D) -> None:
        super().__init__()
        self.norm1, self.conv1 = resnet.norm1, resnet.conv1
        self.norm2, self.conv2 = resnet.norm2, resnet.conv2
        self.conv_shortcut = resnet.conv_shortcut

    def forward(self, values: Tensor, temb: None = None) -> Tensor:
        """Return `(B, C', h, w)` of `values` (B, C, h, w)."""
        inner = self.conv1(functional.silu(self.norm1(values), inplace=True))
        result: Tensor = self.conv2(functional.silu(self.norm2(inner), inplace=True))
        return result.add_(values if self.conv_shortcut is None else self.conv_shortcut(values))


def apply(decoder: nn.Module) -> None:
    """Have `decoder` upsample in phases, add and activate in place from now on, where modules are plain."""
    for module in list(decoder.modules()):
        resnets = getattr(module, "resnets", None)
        if isinstance(resnets, nn.ModuleList):
            for place, each in enumerate(resnets):
                if _is_plain(each):
                    resnets[place] = PlainResnet(each)
        upsamplers = getattr(module, "upsamplers", None)
        if isinstance(upsamplers, nn.ModuleList):
            for place, each in enumerate(upsamplers):
                conv = _plain_convolution(each)
                if conv is not None:
                    upsamplers[place] = PhasedUpsample(conv)
        # These activate the output of the norm before them, which nothing else uses.
        for name in ("nonlinearity", "conv_act"):
            if type(getattr(module, name, None)) is nn.SiLU:
                setattr(module, name, nn.SiLU(inplace=True))


def _phases(weight: Tensor, axis: int) -> tuple[Tensor, Tensor]:
    """Return the two taps along `axis` with which even and odd places of the doubled picture are computed."""
    first, middle, last = weight.unbind(axis)
    return torch.stack([first, middle + last], axis), torch.stack([first + middle, last], axis)


def _is_plain(resnet: nn.Module) -> bool:
    if type(resnet) is not ResnetBlock2D or resnet.time_emb_proj is not None:
        return False
    resamples = resnet.upsample is not None or resnet.downsample is not None
    quiet = resnet.dropout.p == 0.0 and resnet.output_scale_factor == 1.0
    return quiet and not resamples and type(resnet.nonlinearity) is nn.SiLU


def _plain_convolution(upsampler: nn.Module) -> nn.Conv2d | None:
    """Return the convolution behind an upsampling that only doubles and convolves; None for any other."""
    if type(upsampler) is not Upsample2D or upsampler.norm is not None or not upsampler.interpolate:
        return None
    conv = upsampler.conv if upsampler.name == "conv" else None
    if type(conv) is not nn.Conv2d or (conv.groups, conv.padding_mode) != (1, "zeros"):
        return None
    plain = (conv.kernel_size, conv.stride, conv.padding, conv.dilation) == ((3, 3), (1, 1), (1, 1), (1, 1))
    return conv if plain else None
