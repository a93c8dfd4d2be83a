"""The blocks of transformer and text encoder as training runs them.

CPUs with matrix units (Intel's AMX) multiply bfloat16 seven times as fast as float32, but then what lies
between the products takes most of the time, and PyTorch's attention is slow at bfloat16 there. So for them a
block is written out as plain operations, which `torch.compile` joins; what is added up stays in float32.
Everywhere else the libraries' own blocks run.
"""

import shutil
from collections.abc import Callable, Sequence

import torch
from diffusers.models.transformers.transformer_z_image import ZImageTransformerBlock
from torch.nn import functional
from transformers.models.qwen3.modeling_qwen3 import Qwen3DecoderLayer, Qwen3Model

from lab.train.loop import Plan

Rope = tuple[torch.Tensor, torch.Tensor]
"""Cosines and sines (1 or B, S, D / 2)."""

SHAPES = 64
"""Kinds of shapes that one function may be compiled for; batches and captions are of many sizes."""
COMPILED_FROM = 10.0
"""Minutes that a stage must run for compiling to pay, which takes one or two."""
_compiled = dict[str, Callable[..., torch.Tensor]]()


def has_matrix_units() -> bool:
    """Whether this CPU multiplies bfloat16 by matrix units."""
    return bool(torch.cpu.get_capabilities().get("amx_bf16"))


def compile_blocks(plan: Plan) -> None:
    """From now on run compiled blocks in this process, where that pays: on a CPU with matrix units."""
    lasts = (plan.session or plan.minutes) >= COMPILED_FROM
    if lasts and plan.device == "cpu" and has_matrix_units() and shutil.which("g++"):
        torch._dynamo.config.recompile_limit = SHAPES
        _compiled.update(
            {
                each.__name__: torch.compile(each, dynamic=True)
                for each in (modulated, unmodulated, encoder_layer)
            }
        )


def are_compiled() -> bool:
    """Whether `compile_blocks` found matrix units."""
    return bool(_compiled)


def transformer_block(
    block: ZImageTransformerBlock, x: torch.Tensor, rope: torch.Tensor, signal: torch.Tensor | None = None
) -> torch.Tensor:
    """A transformer's block on (B, S, D), with turns `rope` (1 or B, S, heads' D / 2) as complex numbers."""
    if not _compiled or not isinstance(block, ZImageTransformerBlock):
        stock: torch.Tensor = block(x, None, rope, signal)
        return stock
    turns = rope.real.contiguous(), rope.imag.contiguous()
    if signal is None:
        return _compiled["unmodulated"](block, x.contiguous(), turns)
    return _compiled["modulated"](block, x.contiguous(), turns, signal)


def encoder_layers(encoder: Qwen3Model, x: torch.Tensor) -> torch.Tensor:
    """What all layers of a text encoder but the last make of embeddings (B, S, D).

    Causal with padding on the right, so valid places need no mask.
    """
    if not _compiled:
        found = encoder(inputs_embeds=x, output_hidden_states=True, use_cache=False).hidden_states
        states: torch.Tensor = found[-2]
        return states
    turns = encoder.rotary_emb(x, torch.arange(x.shape[1], device=x.device)[None])
    rope = tuple(each.chunk(2, -1)[0].contiguous() for each in turns)
    for layer in encoder.layers[:-1]:
        x = _compiled["encoder_layer"](layer, x, rope)
    return x


def _linear(x: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    return functional.linear(x, weight.bfloat16())


def _norm(x: torch.Tensor, weight: torch.Tensor, eps: float) -> torch.Tensor:
    x = x.float()
    return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + eps) * weight


def _turned(x: torch.Tensor, rope: Rope) -> torch.Tensor:
    cos, sin = (each[:, :, None] for each in rope)
    low, high = x.chunk(2, -1)
    return torch.cat([low * cos - high * sin, high * cos + low * sin], -1)


def _attend(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, causal: bool) -> torch.Tensor:
    """Attention of (B, S, heads, D), out (B, S, heads * D)."""
    query, key, value = (each.bfloat16().transpose(1, 2) for each in (query, key, value))
    query = query * query.shape[-1] ** -0.5
    scores = (query @ key.transpose(-1, -2)).float()
    if causal:
        length = scores.shape[-1]
        later = torch.ones(length, length, dtype=torch.bool, device=scores.device).triu(1)
        scores = scores.masked_fill(later, -torch.inf)
    return (scores.softmax(-1).bfloat16() @ value).transpose(1, 2).flatten(2)


def _halves(weight: torch.Tensor, heads: int) -> torch.Tensor:
    """A projection's rows with each head's even places before its odd ones, so that pairs lie in halves."""
    return weight.view(heads, -1, 2, *weight.shape[1:]).transpose(1, 2).reshape(weight.shape)


def modulated(
    block: ZImageTransformerBlock, x: torch.Tensor, rope: Rope, signal: torch.Tensor
) -> torch.Tensor:
    """A block that the time's `signal` (B, D) scales and gates."""
    linear = block.adaLN_modulation[0]
    parts = functional.linear(signal.float(), linear.weight, linear.bias)[:, None].chunk(4, 2)
    return _block(block, x, rope, (1 + parts[0], parts[1].tanh(), 1 + parts[2], parts[3].tanh()))


def unmodulated(block: ZImageTransformerBlock, x: torch.Tensor, rope: Rope) -> torch.Tensor:
    """A block that knows no time, of the caption's refiner."""
    return _block(block, x, rope, (1.0, 1.0, 1.0, 1.0))


def _block(
    block: ZImageTransformerBlock, x: torch.Tensor, rope: Rope, by: Sequence[torch.Tensor | float]
) -> torch.Tensor:
    attention, forward = block.attention, block.feed_forward
    heads = attention.heads
    inner = (_norm(x, block.attention_norm1.weight, block.attention_norm1.eps) * by[0]).bfloat16()
    rows = _halves(attention.to_q.weight, heads), _halves(attention.to_k.weight, heads), attention.to_v.weight
    query, key, value = _linear(inner, torch.cat(rows)).unflatten(-1, (3, heads, -1)).unbind(-3)
    norms = attention.norm_q, attention.norm_k
    query, key = (
        _turned(_norm(each, _halves(norm.weight, 1), norm.eps), rope)
        for each, norm in zip((query, key), norms, strict=True)
    )
    out = _linear(_attend(query, key, value, False), attention.to_out[0].weight)
    x = x + by[1] * _norm(out, block.attention_norm2.weight, block.attention_norm2.eps)
    inner = (_norm(x, block.ffn_norm1.weight, block.ffn_norm1.eps) * by[2]).bfloat16()
    out = _gated(inner, forward.w1.weight, forward.w3.weight, forward.w2.weight)
    return x + by[3] * _norm(out, block.ffn_norm2.weight, block.ffn_norm2.eps)


def encoder_layer(layer: Qwen3DecoderLayer, x: torch.Tensor, rope: Rope) -> torch.Tensor:
    """A layer of the text encoder."""
    attention, mlp = layer.self_attn, layer.mlp
    size = attention.head_dim
    norm = layer.input_layernorm
    inner = _norm(x, norm.weight, norm.variance_epsilon).bfloat16()
    rows = [each.weight for each in (attention.q_proj, attention.k_proj, attention.v_proj)]
    joint = _linear(inner, torch.cat(rows)).split([len(row) for row in rows], -1)
    query, key, value = (each.unflatten(-1, (-1, size)) for each in joint)
    query = _turned(_norm(query, attention.q_norm.weight, attention.q_norm.variance_epsilon), rope)
    key = _turned(_norm(key, attention.k_norm.weight, attention.k_norm.variance_epsilon), rope)
    shared = attention.num_key_value_groups
    key, value = (each.repeat_interleave(shared, 2) for each in (key, value))
    x = x + _linear(_attend(query, key, value, True), attention.o_proj.weight).float()
    norm = layer.post_attention_layernorm
    inner = _norm(x, norm.weight, norm.variance_epsilon).bfloat16()
    return x + _gated(inner, mlp.gate_proj.weight, mlp.up_proj.weight, mlp.down_proj.weight).float()


def _gated(x: torch.Tensor, gate: torch.Tensor, up: torch.Tensor, down: torch.Tensor) -> torch.Tensor:
    opened, raised = _linear(x, torch.cat([gate, up])).chunk(2, -1)
    return _linear((functional.silu(opened.float()) * raised).bfloat16(), down)
