"""Linear layers whose matrix is kept in fewer bits and unpacked for each product.

The forms are bfloat16 (exact for weights that were trained in it), int8 and float8 with a scale per row, and
4 bits with a scale per 64 weights. Works on every device torch runs on and needs no other library. It costs
reading the matrix once more per product, which at 1024×1024 is small beside the product.
"""

from functools import cache
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from engine.memory.sizes import Weights

GROUP = 64
_FORMS: dict[torch.dtype, Weights] = {torch.int8: "int8", torch.float8_e4m3fn: "float8", torch.uint8: "4bit"}
_LARGEST_FLOAT8 = 448.0
# NormalFloat4: the quantiles of a normal distribution (Dettmers et al. 2023, arXiv:2305.14314, appendix E).
_NORMAL_FLOAT = (
    -1.0,
    -0.6961928009986877,
    -0.5250730514526367,
    -0.39491748809814453,
    -0.28444138169288635,
    -0.18477343022823334,
    -0.09105003625154495,
    0.0,
    0.07958029955625534,
    0.16093020141124725,
    0.24611230194568634,
    0.33791524171829224,
    0.44070982933044434,
    0.5626170039176941,
    0.7229568362236023,
    1.0,
)


class Packed(NamedTuple):
    """A matrix of `shape` (out, in) kept as `form`, as `pack` returns it."""

    values: Tensor
    scale: Tensor | None
    form: Weights
    shape: tuple[int, int]

    @classmethod
    def of(cls, weight: Tensor, form: Weights) -> "Packed":
        """Pack `weight` (out, in) as `form`, or as what its width allows of it."""
        rows, columns = weight.shape
        form = possible(form, columns)
        return cls(*pack(weight, form), form, (rows, columns))

    @classmethod
    def from_file(cls, values: Tensor, scale: Tensor) -> "Packed":
        """Return what `for_file` gave."""
        form = _FORMS[values.dtype]
        rows, columns = values.shape
        if form != "4bit":
            return cls(values, scale, form, (rows, columns))
        return cls(values.view(-1, GROUP // 2), scale.view(-1, 1), form, (rows, 2 * columns))

    def for_file(self) -> tuple[Tensor, Tensor]:
        """Return values and scales of an int8, float8 or 4bit matrix with a row for each of its rows.

        The values' dtype says which form it is.
        """
        assert self.scale is not None
        return self.values.view(self.shape[0], -1), self.scale.view(self.shape[0], -1)

    def unpacked(self, dtype: torch.dtype) -> Tensor:
        """Return the matrix (out, in) in `dtype`."""
        return unpack(self.values, self.scale, self.form, dtype).view(self.shape)


def possible(form: Weights, columns: int) -> Weights:
    """Return int8 where 4 bits are asked for and the width is no multiple of 64, else `form`."""
    return "int8" if form == "4bit" and columns % GROUP else form


class PackedLinear(nn.Module):
    """A linear layer that keeps `weight` (out, in) as `form`; its result has its input's dtype.

    A matrix that is packed already is kept as it is.
    """

    packed: Tensor
    scale: Tensor | None

    def __init__(self, weight: Tensor | Packed, bias: Tensor | None, form: Weights = "plain") -> None:
        super().__init__()
        kept = weight if isinstance(weight, Packed) else Packed.of(weight, form)
        self.form: Weights = kept.form
        self.out_features, self.in_features = kept.shape
        self.register_buffer("packed", kept.values)
        self.register_buffer("scale", kept.scale)
        self.bias = None if bias is None else nn.Parameter(bias, requires_grad=False)

    def forward(self, values: Tensor) -> Tensor:
        """Multiply `values` (…, in) by the unpacked matrix."""
        return functional.linear(values, self.kept.unpacked(values.dtype), self.bias)

    @property
    def kept(self) -> Packed:
        """The matrix as it is kept."""
        return Packed(self.packed, self.scale, self.form, (self.out_features, self.in_features))


def pack_linears(model: nn.Module, form: Weights, device: torch.device, but: nn.Module | None = None) -> None:
    """Replace every linear layer of `model` except `but` by a packed one on `device`, one after the other."""
    for parent in list(model.modules()):
        for name, child in list(parent.named_children()):
            if type(child) is nn.Linear and child is not but:
                bias = None if child.bias is None else child.bias.data.to(device)
                setattr(parent, name, PackedLinear(child.weight.data.to(device), bias, form))


def pack(weight: Tensor, form: Weights) -> tuple[Tensor, Tensor | None]:
    """Return `weight` (out, in) in fewer bits and its float32 scales: per row, or per group of 64."""
    if form == "plain":
        return weight, None
    if form == "bfloat16":
        return weight.to(torch.bfloat16), None
    values = weight.float()
    if form == "4bit":
        return _pack_four_bits(values.reshape(-1, GROUP))
    top = 127.0 if form == "int8" else _LARGEST_FLOAT8
    scale = values.abs().amax(dim=1, keepdim=True).clamp(min=1e-12) / top
    scaled = values / scale
    return scaled.round().to(torch.int8) if form == "int8" else scaled.to(torch.float8_e4m3fn), scale


def unpack(packed: Tensor, scale: Tensor | None, form: Weights, dtype: torch.dtype) -> Tensor:
    """Return the rounded input of `pack` in `dtype`; 4 bits come back as groups of 64."""
    if scale is None:
        return packed.to(dtype)
    if form != "4bit":
        # A row's scale is a hundredth of its largest weight, which half precision hardly resolves.
        wide = torch.float32 if dtype == torch.float16 else dtype
        return (packed.to(wide) * scale.to(wide)).to(dtype)
    # The compiler makes the table part of the graph.
    pairs = (_pairs if torch.compiler.is_compiling() else _kept_pairs)(packed.device, dtype)
    pairs = pairs.index_select(0, packed.flatten().int())
    return pairs.view(-1, GROUP) * scale.to(dtype)


def _pack_four_bits(groups: Tensor) -> tuple[Tensor, Tensor]:
    scale = groups.abs().amax(dim=1, keepdim=True).clamp(min=1e-12)
    levels = torch.tensor(_NORMAL_FLOAT, device=groups.device)
    nearest = torch.bucketize(groups / scale, (levels[1:] + levels[:-1]) / 2).to(torch.uint8)
    return nearest[:, ::2] << 4 | nearest[:, 1::2], scale


def _pairs(device: torch.device, dtype: torch.dtype) -> Tensor:
    """Every byte's two weights (256, 2): one look-up for both."""
    with torch.inference_mode(False):
        levels = torch.tensor(_NORMAL_FLOAT, device=device, dtype=dtype)
        byte = torch.arange(256, device=device)
        return torch.stack([levels[byte >> 4], levels[byte & 15]], dim=1)


_kept_pairs = cache(_pairs)
