"""Linear layers whose matrix is kept in fewer bits and unpacked for each product.

The forms are bfloat16 (exact for weights that were trained in it), int8 and float8 with a scale per row,
4 bits with a scale per 64 weights, and the blocks of GGUF files, which diffusers' functions unpack. They work
on every device torch runs on, and cost reading the matrix once more per product, which at 1024×1024 is small
beside the product. Two forms more are not unpacked but multiplied as they are, see `eight_bit`.
"""

from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from engine.memory.eight_bit import Rows, rotated
from engine.memory.sizes import Weights

GROUP = 64
AT_ONCE = 2**23
"""Numbers of a GGUF matrix that are unpacked at a time: four float32 copies are alive meanwhile."""
_FORMS: dict[torch.dtype, Weights] = {torch.int8: "int8", torch.float8_e4m3fn: "float8", torch.uint8: "4bit"}
FAST: dict[Weights, torch.dtype] = {"int8-fast": torch.int8, "float8-fast": torch.float8_e4m3fn}
"""The forms that are multiplied as they are."""
_EIGHT_BITS: dict[Weights, torch.dtype] = {"int8": torch.int8, "float8": torch.float8_e4m3fn, **FAST}
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
    """A matrix of `shape` (out, in) kept as `form`, as `pack` returns it.

    Of a GGUF file's, `values` are the bytes of each row, and `quant` is its name for them, such as Q4_K.
    `up` (out, rank) times `down` (rank, in) is added, where they are there.
    """

    values: Tensor
    scale: Tensor | None
    form: Weights
    shape: tuple[int, int]
    quant: str = ""
    up: Tensor | None = None
    down: Tensor | None = None

    @classmethod
    def of(cls, weight: Tensor, form: Weights) -> "Packed":
        """Pack `weight` (out, in) as `form`, or as what its width allows of it."""
        rows, columns = weight.shape
        form = possible(form, (rows, columns))
        return cls(*pack(weight, form), form, (rows, columns))

    @classmethod
    def from_file(cls, values: Tensor, scale: Tensor, is_rotated: bool = False) -> "Packed":
        """Return what `for_file` gave."""
        form: Weights = "int8-fast" if is_rotated else _FORMS[values.dtype]
        rows, columns = values.shape
        if form != "4bit":
            return cls(values, scale, form, (rows, columns))
        return cls(values.view(-1, GROUP // 2), scale.view(-1, 1), form, (rows, 2 * columns))

    def for_file(self) -> tuple[Tensor, Tensor]:
        """Return values and scales of an eight- or four-bit matrix with a row for each of its rows.

        The values' dtype says which form it is, and whether they are rotated.
        """
        assert self.scale is not None
        return self.values.view(self.shape[0], -1), self.scale.view(self.shape[0], -1)

    def unpacked(self, dtype: torch.dtype) -> Tensor:
        """Return the matrix (out, in) in `dtype`."""
        return unpack(self.values, self.scale, self.form, dtype, self.quant).view(self.shape)

    def with_rank(self, rank: int, like: Tensor) -> "Packed":
        """Return the matrix with factors of this rank, filled up with zeros that are like a tensor."""
        rows, columns = self.shape
        up = like.new_zeros(rows, 0) if self.up is None else self.up
        down = like.new_zeros(0, columns) if self.down is None else self.down
        more = rank - len(down)
        return self._replace(up=functional.pad(up, (0, more)), down=functional.pad(down, (0, 0, 0, more)))

    def kept_as(self, form: Weights) -> "Packed | None":
        """Return the matrix in a form that keeps the same numbers, None for any other."""
        is_same = form == self.form or {form, self.form} == {"float8", "float8-fast"}
        return self._replace(form=form) if is_same else None


def possible(form: Weights, shape: Sequence[int]) -> Weights:
    """Return the nearest to `form` that a matrix of `shape` (out, in) can be kept in.

    4 bits need a width of whole groups of 64; the kernels that multiply in eight bits, sides of whole eights
    or sixteens.
    """
    if form == "4bit":
        return "int8" if shape[1] % GROUP else form
    if form == "int8-fast":
        return "int8" if any(side % 8 for side in shape) else form
    return "float8" if form == "float8-fast" and any(side % 16 for side in shape) else form


def products(values: Tensor, matrices: Sequence[Packed]) -> list[Tensor]:
    """Return the products of `values` (…, in) and each of `matrices`, in the dtype of `values`.

    What goes into eight bits does so once for all of them.
    """
    ready: dict[Weights, Rows] = {}
    found = []
    for kept in matrices:
        if kept.form not in FAST:
            product = functional.linear(values, kept.unpacked(values.dtype))
        else:
            if kept.form not in ready:
                given = rotated(values) if kept.form == "int8-fast" else values
                ready[kept.form] = Rows.of(given.flatten(0, -2), FAST[kept.form])
            assert kept.scale is not None
            product = ready[kept.form].times(Rows(kept.values, kept.scale)).to(values.dtype)
            product = product.unflatten(0, values.shape[:-1])
        if kept.up is not None and kept.down is not None:
            product = product + functional.linear(functional.linear(values, kept.down), kept.up)
        found.append(product)
    return found


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
        self.quant = kept.quant
        self.out_features, self.in_features = kept.shape
        self.register_buffer("packed", kept.values)
        self.register_buffer("scale", kept.scale)
        self.bias = None if bias is None else nn.Parameter(bias, requires_grad=False)

    def forward(self, values: Tensor) -> Tensor:
        """Multiply `values` (…, in) by the matrix."""
        (product,) = products(values, [self.kept])
        return product if self.bias is None else product + self.bias

    @property
    def kept(self) -> Packed:
        """The matrix as it is kept."""
        shape = (self.out_features, self.in_features)
        return Packed(self.packed, self.scale, self.form, shape, self.quant)


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
    return Rows.of(rotated(values) if form == "int8-fast" else values, _EIGHT_BITS[form])


def unpack(
    packed: Tensor, scale: Tensor | None, form: Weights, dtype: torch.dtype, quant: str = ""
) -> Tensor:
    """Return the rounded input of `pack` in `dtype`; 4 bits come back as groups of 64.

    GGUF's blocks of a `quant` are multiplied by their scales in float32, as llama.cpp does.
    """
    if form == "gguf":
        return _unpack_gguf(packed, quant, dtype)
    if scale is None:
        return packed.to(dtype)
    if form != "4bit":
        # A row's scale is a hundredth of its largest weight, which half precision hardly resolves.
        wide = torch.float32 if dtype == torch.float16 or form == "int8-fast" else dtype
        matrix = packed.to(wide) * scale.to(wide)
        return (rotated(matrix) if form == "int8-fast" else matrix).to(dtype)
    # The compiler makes the table part of the graph.
    pairs = (_pairs if torch.compiler.is_compiling() else _kept_pairs)(packed.device, dtype)
    pairs = pairs.index_select(0, packed.flatten().int())
    return pairs.view(-1, GROUP) * scale.to(dtype)


def _unpack_gguf(packed: Tensor, quant: str, dtype: torch.dtype) -> Tensor:
    """Return the matrix (out, in) whose rows' bytes are `packed`."""
    from diffusers.quantizers.gguf.utils import dequantize_functions
    from gguf import GGML_QUANT_SIZES, GGMLQuantizationType

    kind = GGMLQuantizationType[quant]
    (block, size), unpack_blocks = GGML_QUANT_SIZES[kind], dequantize_functions[kind]
    rows, columns = len(packed), packed.shape[1] // size * block
    matrix = torch.empty((rows, columns), dtype=dtype, device=packed.device)
    step = max(1, AT_ONCE // columns)
    for first in range(0, rows, step):
        part = packed[first : first + step]
        numbers = unpack_blocks(part.reshape(-1, size), block, size, torch.float32)
        matrix[first : first + step] = numbers.view(len(part), columns)
    return matrix


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
