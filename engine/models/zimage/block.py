"""One transformer block of Z-Image, computed with fewer and larger operations than the stock one.

Uses the modules inside diffusers' `ZImageTransformerBlock` and reads their weights in place.
"""

from collections.abc import Callable, Hashable, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from engine.memory.weights import Packed, PackedLinear, products
from engine.models.zimage.changes import Product

RANKS = 16
"""At multiples of this lie the ranks of what LoRA files add to packed matrices, filled up with zeros."""
FP16_SHIFT = 2.0**-6
"""What half precision is scaled by before the two products that outgrow it; exact, a power of two."""

Layer = Tensor | Packed | nn.Module
"""A bias-free linear layer: its weight `(outputs, inputs)`, or a module where the weight does not say all."""


class BlockWeights(NamedTuple):
    """What a block computes with; `inputs` and `gates` are one fused layer or several.

    `pair_norm` (2 * heads, head_dim) are the weights of the queries' and keys' norm.
    """

    inputs: tuple[Layer, ...]
    out: Layer
    gates: tuple[Layer, ...]
    down: Layer
    pair_norm: Tensor
    heads: int
    eps: float
    eps_pair: float

    @property
    def is_traceable(self) -> bool:
        """Whether the weights say all, so that a compiler can take them as inputs."""
        return not any(isinstance(layer, nn.Module) for layer in self.layers)

    @property
    def layers(self) -> tuple[Layer, ...]:
        """All of them."""
        return (*self.inputs, self.out, *self.gates, self.down)

    @property
    def rank(self) -> int:
        """The largest rank of what is added to packed matrices."""
        factors = (layer.down for layer in self.layers if isinstance(layer, Packed))
        return max((len(down) for down in factors if down is not None), default=0)

    def with_rank(self, rank: int) -> "BlockWeights":
        """Return the same with factors of one rank beside each packed matrix, so that one graph serves."""

        def filled(layers: Iterable[Layer]) -> tuple[Layer, ...]:
            like = self.pair_norm
            return tuple(
                layer.with_rank(rank, like) if isinstance(layer, Packed) else layer for layer in layers
            )

        (out,), (down,) = filled((self.out,)), filled((self.down,))
        return self._replace(inputs=filled(self.inputs), out=out, gates=filled(self.gates), down=down)


def run_block(tokens: Tensor, rope: Tensor, factors: Tensor, weights: BlockWeights) -> Tensor:
    """Return `tokens` (B, n, dim) after the block; `factors` is `(4, B, 1, dim)` from `Block.modulation`.

    `rope` is complex (1, n, head_dim/2), or the same as cosines and sines (1, n, head_dim/2, 2).
    """
    eps_out = weights.eps * FP16_SHIFT**2 if tokens.dtype == torch.float16 else weights.eps
    attended = _attend(norm(tokens, weights.eps) * factors[0], rope, weights)
    tokens = torch.addcmul(tokens, factors[1], norm(attended, eps_out))
    gate, value = _gated(norm(tokens, weights.eps) * factors[2], weights.gates)
    fed = _linear(functional.silu(gate) * _shifted(value), weights.down)
    return torch.addcmul(tokens, factors[3], norm(fed, eps_out))


def _attend(tokens: Tensor, rope: Tensor, weights: BlockWeights) -> Tensor:
    pair, value = _projected(tokens, weights.inputs)
    pair = pair.unflatten(-1, (2 * weights.heads, -1))
    rotate = rotate_complex if rope.is_complex() else rotate_real
    pair = rotate(norm(pair, weights.eps_pair) * weights.pair_norm, rope).transpose(1, 2)
    query, key = pair.chunk(2, dim=1)
    value = value.unflatten(-1, (weights.heads, -1)).transpose(1, 2)
    attended = functional.scaled_dot_product_attention(query, key, value)
    return _linear(_shifted(attended.transpose(1, 2).flatten(2)), weights.out)


def _projected(tokens: Tensor, layers: tuple[Layer, ...]) -> tuple[Tensor, Tensor]:
    """Return queries and keys side by side `(B, n, 2 * dim)`, and the values `(B, n, dim)`."""
    if len(layers) == 1:
        dim = tokens.shape[-1]
        pair, value = _linear(tokens, layers[0]).split([2 * dim, dim], dim=-1)
        return pair, value
    query, key, value = _linears(tokens, layers)
    return torch.cat([query, key], dim=-1), value


def _gated(tokens: Tensor, layers: tuple[Layer, ...]) -> tuple[Tensor, Tensor]:
    if len(layers) == 1:
        gate, value = _linear(tokens, layers[0]).chunk(2, dim=-1)
        return gate, value
    gate, value = _linears(tokens, layers)
    return gate, value


def _linears(tokens: Tensor, layers: tuple[Layer, ...]) -> list[Tensor]:
    packed = [layer for layer in layers if isinstance(layer, Packed)]
    return (
        products(tokens, packed) if len(packed) == len(layers) else [_linear(tokens, each) for each in layers]
    )


def _linear(tokens: Tensor, layer: Layer) -> Tensor:
    if isinstance(layer, Packed):
        return products(tokens, [layer])[0]
    return functional.linear(tokens, layer) if isinstance(layer, Tensor) else layer(tokens)


def _shifted(values: Tensor) -> Tensor:
    """Scale half precision down before a product that would not fit; the norm after it undoes that."""
    return values * FP16_SHIFT if values.dtype == torch.float16 else values


Run = Callable[[Tensor, Tensor, Tensor, BlockWeights], Tensor]
"""`run_block`, or what computes the same."""


class Block:
    """A callable view of one `ZImageTransformerBlock`; the module stays usable and owns the weights.

    Its query, key, value, w1 and w3 become views of two larger tensors, which costs no memory. Linear layers
    that are wrapped, hooked or have a bias are called as modules; a block without any is computed by `run`,
    wherever its weights are at that moment. With `real_rope` it rotates in real numbers.
    """

    def __init__(self, module: Any, real_rope: bool = False, run: Run = run_block) -> None:
        self.module = module
        attention, feed = module.attention, module.feed_forward
        self._linears = [
            (attention, "to_q"), (attention, "to_k"), (attention, "to_v"), (attention.to_out, "0"),
            (feed, "w1"), (feed, "w3"), (feed, "w2"),
        ]  # fmt: skip
        layers = self._layers()
        self._fused: BlockWeights | None = None
        if _plain(layers) and not self.is_whole:
            fuse(layers[:3])
            fuse(layers[4:6])
            self._fused = self._weights()
        self._pointers = _pointers(layers) if self._fused else []
        self._real_rope = real_rope
        self._run = run

    @property
    def is_whole(self) -> bool:
        """Whether the block was hooked, so that it must be called as the module it is."""
        return not untouched(self.module)

    @property
    def is_fused(self) -> bool:
        """Whether its fused weights are still all there is to its linear layers."""
        layers = self._layers()
        return self._fused is not None and _plain(layers) and self._pointers == _pointers(layers)

    @property
    def is_traceable(self) -> bool:
        """Whether a compiled `run` can compute it."""
        return self._weights().is_traceable

    @property
    def kind(self) -> Hashable:
        """What its graph and the way to its weights depend on besides the numbers."""
        layer = self.module.attention.to_q
        return self.is_whole, type(layer), getattr(layer, "form", "")

    def modulation(self, time: Tensor) -> Tensor:
        """Return the factors `(4, S, dim)` around attention and feed-forward for time embeddings `(S, 256)`.

        In the order scale, gate, scale, gate, each multiplied by the weight of the norm it belongs to.
        """
        module = self.module
        norms = (module.attention_norm1, module.attention_norm2, module.ffn_norm1, module.ffn_norm2)
        weights = torch.stack([norm.weight for norm in norms])[:, None]
        if not module.modulation:
            return weights.expand(4, len(time), -1)
        scale_a, gate_a, scale_f, gate_f = module.adaLN_modulation(time).chunk(4, dim=1)
        return weights * torch.stack([1 + scale_a, gate_a.tanh(), 1 + scale_f, gate_f.tanh()])

    def whole(self, tokens: Tensor, rope: Tensor, time: Tensor | None, stock: bool = False) -> Tensor:
        """Return `tokens` (B, n, dim) after the module with its hooks, for time embeddings (B, 256).

        `stock` computes its own forward, as its authors wrote it, between the hooks, except in half
        precision, which only ours stays within.
        """
        is_ours = not stock or tokens.dtype == torch.float16
        with _replaced(self.module, self._forward) if is_ours else nullcontext():
            result: Tensor = self.module(tokens, None, rope, time)
        return result

    def between_hooks(self, compute: Callable[[], Tensor]) -> Tensor:
        """Return what `compute` returns while the module's hooks have its weights in place."""
        with _replaced(self.module, lambda: compute()):
            result: Tensor = self.module()
        return result

    def _forward(self, tokens: Tensor, mask: None, rope: Tensor, time: Tensor | None) -> Tensor:
        given = tokens[:, 0] if time is None else time
        return self(tokens, rope, self.modulation(given)[:, :, None])

    def __call__(self, tokens: Tensor, rope: Tensor, factors: Tensor) -> Tensor:
        """Return `tokens` (B, n, dim) after the block; `rope` (1, n, head_dim/2) complex."""
        return self.computed(self._run, tokens, rope, factors)

    def computed(self, run: Run, tokens: Tensor, rope: Tensor, factors: Tensor) -> Tensor:
        """As a call does, by another `run`."""
        # The compiler supports no complex numbers.
        rope = torch.view_as_real(rope) if self._real_rope else rope
        is_fused = self._fused is not None and self.is_fused
        weights = self._fused if is_fused else self._weights(merges=run is not run_block)
        assert weights is not None
        return (run if weights.is_traceable else run_block)(tokens, rope, factors, weights)

    def _layers(self) -> list[Any]:
        return [parent._modules[name] for parent, name in self._linears]

    def _weights(self, merges: bool = False) -> BlockWeights:
        """Return what there is to the linear layers now.

        With `merges` what LoRA files add to a whole matrix is added to a copy, which lives as long as the
        block computes: so one graph serves with and without them. Beside a packed one it stays two factors.
        """
        attention, layers = self.module.attention, self._layers()
        norms = attention.norm_q.weight, attention.norm_k.weight
        # No inference tensor, like the other weights, or the compiler makes a graph of its own for it.
        with torch.inference_mode(False), torch.no_grad():
            pair = torch.cat([weight.expand(attention.heads, -1) for weight in norms])
            inputs, gates = (_joined(each, pair, merges) for each in (layers[:3], layers[4:6]))
            out, down = (_kept(each, pair, merges) for each in (layers[3], layers[6]))
        eps = self.module.ffn_norm1.eps
        found = BlockWeights(inputs, out, gates, down, pair, attention.heads, eps, attention.norm_q.eps)
        return found.with_rank(-(-found.rank // RANKS) * RANKS) if found.rank else found


def side_by_side(transformer: Any) -> Iterator[tuple[str, ...]]:
    """Yield the names of the weights that `Block` multiplies as one."""
    for stack in ("context_refiner", "noise_refiner", "layers"):
        for place in range(len(getattr(transformer, stack))):
            for layers in (
                ("attention.to_q", "attention.to_k", "attention.to_v"),
                ("feed_forward.w1", "feed_forward.w3"),
            ):
                yield tuple(f"{stack}.{place}.{layer}.weight" for layer in layers)


def untouched(module: nn.Module) -> bool:
    """Say whether `module` is neither hooked nor wrapped, so that it does what its weights say."""
    return not (module._forward_hooks or module._forward_pre_hooks or "forward" in module.__dict__)


@contextmanager
def _replaced(module: nn.Module, forward: Callable[..., Tensor]) -> Iterator[None]:
    """Have `module` compute `forward` between its hooks inside the block."""
    before = module.__dict__.get("forward")
    module.forward = forward
    try:
        yield
    finally:
        del module.__dict__["forward"]
        if before is not None:
            module.forward = before


def fuse(layers: list[nn.Linear]) -> None:
    """Have the weights of `layers` lie side by side, as views of one tensor, where they do not yet."""
    with torch.inference_mode(False), torch.no_grad():
        weights = [layer.weight.data for layer in layers]
        if not _consecutive(weights):
            parts = torch.cat(weights).split([len(weight) for weight in weights])
            for layer, part in zip(layers, parts, strict=True):
                layer.weight.data = part


def _joined(layers: list[Any], like: Tensor, merges: bool = False) -> tuple[Layer, ...]:
    """Return layers on one input, as one weight `(sum of outputs, inputs)` where theirs lie side by side."""
    if merges and not _plain(layers) and all(map(_is_mergeable, layers)):
        return (torch.cat([_merged(layer) for layer in layers]),)
    if not _plain(layers) or not _consecutive([layer.weight for layer in layers]):
        return tuple(_kept(layer, like, merges) for layer in layers)
    first, columns = layers[0].weight.data, layers[0].in_features
    return (first.as_strided((sum(layer.out_features for layer in layers), columns), (columns, 1)),)


def _is_mergeable(layer: Any) -> bool:
    """Say whether a layer is plain but for what LoRA files add to it."""
    return type(layer) is nn.Linear and layer.bias is None and _is_changed(layer)


def _is_changed(layer: Any) -> bool:
    """Say whether nothing but LoRA files changes what a layer does."""
    is_own = not layer._forward_pre_hooks and "forward" not in layer.__dict__
    return is_own and all(isinstance(each, Product) for each in layer._forward_hooks.values())


def _merged(layer: nn.Linear) -> Tensor:
    weight = layer.weight.data
    for product in layer._forward_hooks.values():
        weight = product.merged(weight)  # type: ignore[attr-defined]
    return weight


def _kept(layer: Any, like: Tensor, merges: bool = False) -> Layer:
    """Return a layer's weight where that says all there is to it, else the layer.

    What LoRA files add to a packed one is like a tensor of the block's.
    """
    if _plain([layer]) or (merges and _is_mergeable(layer)):
        return _merged(layer)
    # What unpacks GGUF's blocks is diffusers' and not compiled.
    if type(layer) is PackedLinear and layer.form != "gguf" and layer.bias is None:
        if untouched(layer):
            return layer.kept
        if merges and _is_changed(layer) and len(layer._forward_hooks) == 1:
            (product,) = layer._forward_hooks.values()
            pair = product.pair(like)  # type: ignore[attr-defined]
            if pair is not None:
                return layer.kept._replace(up=pair.up, down=pair.down)
    module: nn.Module = layer
    return module


def _consecutive(weights: list[Tensor]) -> bool:
    """Say whether each of some matrices begins in memory where the one before it ends."""
    ends = (weight.storage_offset() + weight.numel() for weight in weights)
    begins = (weight.storage_offset() for weight in weights[1:])
    storages = {weight.untyped_storage().data_ptr() for weight in weights}
    whole = all(weight.is_contiguous() for weight in weights)
    return (
        len(storages) == 1 and whole and all(end == begin for end, begin in zip(ends, begins, strict=False))
    )


def norm(values: Tensor, eps: float) -> Tensor:
    """RMSNorm over the last axis without a weight."""
    return functional.rms_norm(values, values.shape[-1:], None, eps)


def rotate_complex(values: Tensor, rope: Tensor) -> Tensor:
    """Rotate pairs of `values` (B, n, heads, d) by complex factors `rope` (1, n, d/2)."""
    pairs = torch.view_as_complex(values.float().unflatten(-1, (-1, 2)))
    return torch.view_as_real(pairs * rope[:, :, None]).flatten(-2).to(values.dtype)


def rotate_real(values: Tensor, rope: Tensor) -> Tensor:
    """Rotate in real numbers, bit-exactly the same; `rope` (1, n, d/2, 2) holds cosines and sines."""
    first, second = values.float().unflatten(-1, (-1, 2)).unbind(-1)
    cos, sin = rope[:, :, None].unbind(-1)
    turned = torch.stack([first * cos - second * sin, first * sin + second * cos], -1)
    return turned.flatten(-2).to(values.dtype)


def _plain(layers: list[Any]) -> bool:
    # By its dictionary: this is looked at for every layer in every forward.
    return all(
        type(layer) is nn.Linear and layer._parameters["bias"] is None and untouched(layer)
        for layer in layers
    )


def _pointers(layers: list[Any]) -> list[int]:
    return [layer._parameters["weight"].data_ptr() for layer in layers]
