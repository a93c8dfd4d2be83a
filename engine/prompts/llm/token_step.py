"""One more token of each text through a Qwen3, over its static cache.

The numbers of transformers' own forward, with half the operations, and on a card as one launch: so small a
forward takes less time than launching it.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn
from torch.nn import functional

from engine.memory.graphs import Graphs, record

DEVICES = ("cpu", "cuda")
Linear = Callable[[Tensor], Tensor]


class _Layer(NamedTuple):
    """What a decoder layer computes with: seven products, four norms' weights, its part of the cache."""

    query: Linear
    key: Linear
    value: Linear
    out: Linear
    gate: Linear
    up: Linear
    down: Linear
    norms: tuple[Tensor, Tensor, Tensor, Tensor]
    keys: Tensor
    values: Tensor


class _Ready(NamedTuple):
    """What is kept beside a cache: the model's tensors, where they were, and what computes with them."""

    tensors: list[Tensor]
    places: list[int]
    run: Callable[..., tuple[Tensor, ...]]


class TokenStep:
    """The last hidden state of each row after one more token of `model`, a `Qwen3Model`."""

    def __init__(self, model: Any) -> None:
        self._model = model
        self._ready: WeakKeyDictionary[Any, _Ready] = WeakKeyDictionary()

    def fits(self, ids: Tensor, cache: Any) -> bool:
        """Say whether this is one token of a model that is on one device and does what its weights say."""
        model = self._model
        device = model.norm.weight.device
        return bool(
            ids.shape[1] == 1
            and cache.layers[0].is_initialized
            and type(model).__name__ == "Qwen3Model"
            and model.config.hidden_act == "silu"
            and not model.has_sliding_layers
            and device.type in DEVICES
            and model.embed_tokens.weight.device == device
            and not any(layer._forward_pre_hooks or layer._forward_hooks for layer in model.layers)
        )

    def __call__(self, ids: Tensor, cache: Any, position_ids: Tensor | None = None, **_: Tensor) -> Tensor:
        """Return the states (rows, hidden) after `ids` (rows, 1); `position_ids` leave out the padding."""
        at = cache.layers[0].cumulative_length
        start = torch.zeros((len(ids), 1), dtype=at.dtype, device=at.device)
        start = start if position_ids is None else at - position_ids.to(at.device)
        (states,) = self._run(cache)(ids.to(at.device), at.reshape(1), start)
        torch._foreach_add_([part.cumulative_length for part in cache.layers], 1)
        return states

    def _run(self, cache: Any) -> Callable[..., tuple[Tensor, ...]]:
        """Return what computes; on a card it is recorded anew for each cache, and after weights moved."""
        model, ready = self._model, self._ready.get(cache)
        is_cuda = model.norm.weight.device.type == "cuda"
        if ready is None or (is_cuda and ready.places != [each.data_ptr() for each in ready.tensors]):
            layers = [_layer(layer, part) for layer, part in zip(model.layers, cache.layers, strict=False)]

            def run(*inputs: Tensor) -> tuple[Tensor, ...]:
                return (_states(model, layers, *inputs),)

            tensors = [*model.parameters(), *model.buffers()]
            places = [each.data_ptr() for each in tensors]
            ready = self._ready[cache] = _Ready(tensors, places, Graphs(run, record) if is_cuda else run)
        return ready.run


def _layer(layer: Any, part: Any) -> _Layer:
    attention, feed = layer.self_attn, layer.mlp
    norms = (layer.input_layernorm, attention.q_norm, attention.k_norm, layer.post_attention_layernorm)
    before, query, key, after = (norm.weight for norm in norms)
    return _Layer(
        _linear(attention.q_proj),
        _linear(attention.k_proj),
        _linear(attention.v_proj),
        _linear(attention.o_proj),
        _linear(feed.gate_proj),
        _linear(feed.up_proj),
        _linear(feed.down_proj),
        (before, query, key, after),
        part.keys,
        part.values,
    )


def _linear(module: Any) -> Linear:
    """Return a layer's product without the way through its hooks where it has none."""
    if type(module) is not nn.Linear or module._forward_hooks or module._forward_pre_hooks:
        return module  # type: ignore[no-any-return]
    weight, bias = module.weight, module.bias
    return lambda values: functional.linear(values, weight, bias)


def _states(model: Any, layers: Sequence[_Layer], ids: Tensor, at: Tensor, start: Tensor) -> Tensor:
    """Return the states (rows, hidden) of `ids` (rows, 1) at the place `at` (1,) of the cache.

    A row's text begins at `start` (rows, 1); its keys and values are put into the cache.
    """
    hidden: Tensor = model.embed_tokens(ids)[:, 0]
    rows, eps, size = len(ids), model.config.rms_norm_eps, (hidden.shape[-1],)
    groups, places, width = layers[0].keys.shape[1:]
    cos, sin = _rotation(model.rotary_emb, (at - start).clamp(min=0), hidden)
    slots = torch.arange(places, device=at.device)
    seen = ((slots <= at) & (slots >= start))[:, None, None]
    for layer in layers:
        before, of_query, of_key, after = layer.norms
        values = functional.rms_norm(hidden, size, before, eps)
        query, key = (
            functional.rms_norm(product(values).view(rows, -1, width), (width,), weight, eps)
            for product, weight in ((layer.query, of_query), (layer.key, of_key))
        )
        heads, pair = query.shape[1], torch.cat([query, key], dim=1)
        pair = torch.addcmul(pair * cos, pair.roll(width // 2, -1), sin)
        layer.keys.index_copy_(2, at, pair[:, heads:, None])
        layer.values.index_copy_(2, at, layer.value(values).view(rows, groups, 1, width))
        # The queries that share keys stand side by side, so that no kernel has to repeat those.
        query = pair[:, :heads].reshape(rows, groups, -1, width)
        attended = functional.scaled_dot_product_attention(query, layer.keys, layer.values, seen)
        hidden = hidden + layer.out(attended.reshape(rows, -1))
        values = functional.rms_norm(hidden, size, after, eps)
        hidden = hidden + layer.down(functional.silu(layer.gate(values)) * layer.up(values))
    return functional.rms_norm(hidden, size, model.norm.weight, eps)


def _rotation(rotary: Any, positions: Tensor, like: Tensor) -> tuple[Tensor, Tensor]:
    """Return cosines and sines (rows, 1, width) for `positions` (rows, 1), half of the sines negated.

    So a vector times the cosines plus its halves exchanged times the sines is the vector rotated.
    """
    angles = positions.float() * rotary.inv_freq.float()
    cos, sin = angles.cos() * rotary.attention_scaling, angles.sin() * rotary.attention_scaling
    pair = torch.cat([cos, cos], -1), torch.cat([-sin, sin], -1)
    return pair[0].to(like)[:, None], pair[1].to(like)[:, None]
