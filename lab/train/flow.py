"""The flow-matching objective, and the transformer's forward pass for batches of equal length.

The same function as the stock forward, without its lists.
"""

from typing import NamedTuple

import torch
from diffusers import ZImageTransformer2DModel
from transformers import PreTrainedTokenizerFast, Qwen3Model

from lab.train.blocks import encoder_layers, transformer_block

MULTIPLE = 32
FIRST_TAPPED, CAPTION_TAPPED, TAPPED = 2, 4, 5
"""Transformer layers below the places where training looks inside."""


class Entering(NamedTuple):
    """What enters a transformer's layer: all tokens (B, S, D), their turns, the time's signal (B, D).

    The last `caption` tokens are the caption's.
    """

    tokens: torch.Tensor
    rope: torch.Tensor
    signal: torch.Tensor
    caption: int


class Taps(NamedTuple):
    """What training sees inside: the first token (B, 1, D), the caption's (B, L, D), the picture's (B, T, D).

    They are taken after `FIRST_TAPPED`, `CAPTION_TAPPED` and `TAPPED` layers; `entering` goes into the next.
    """

    first: torch.Tensor
    caption: torch.Tensor
    tokens: torch.Tensor
    entering: Entering


def tokenize(tokenizer: PreTrainedTokenizerFast, prompts: list[str]) -> tuple[torch.Tensor, torch.Tensor]:
    """Token ids and validity mask of prompts in the chat template, (B, L), L a multiple of 32."""
    chats = [
        tokenizer.apply_chat_template(
            [{"role": "user", "content": prompt}],
            tokenize=False,
            add_generation_prompt=True,
            enable_thinking=True,
        )
        for prompt in prompts
    ]
    tokens = tokenizer(chats, padding=True, pad_to_multiple_of=MULTIPLE, return_tensors="pt")
    return tokens.input_ids, tokens.attention_mask.bool()


def encode_text(encoder: Qwen3Model, embeddings: torch.Tensor) -> torch.Tensor:
    """Caption features (B, L, D) of token embeddings (B, L, D).

    Causal with padding on the right, so valid places need no mask.
    """
    return encoder_layers(encoder, embeddings)


def forward(
    model: ZImageTransformer2DModel,
    latents: torch.Tensor,
    time: torch.Tensor,
    features: torch.Tensor,
    valid: torch.Tensor,
) -> torch.Tensor:
    """Model output (B, C, H, W), equal to the stock forward on lists.

    `time` (B,) runs from 0 at noise to 1 at the picture; L is a multiple of 32. Tokens of the picture are
    filled up to a multiple of 32 as in the stock forward.
    """
    tokens, _ = forward_tokens(model, latents, time, features, valid)
    batch, channels, height, width = latents.shape
    tokens = tokens.view(batch, height // 2, width // 2, 2, 2, channels).permute(0, 5, 1, 3, 2, 4)
    picture: torch.Tensor = tokens.reshape(batch, channels, height, width)
    return picture


def patchify(latents: torch.Tensor) -> torch.Tensor:
    """Latents (B, C, H, W) as the transformer's tokens (B, H W / 4, 4 C), row by row."""
    batch, channels, height, width = latents.shape
    patches = latents.view(batch, channels, height // 2, 2, width // 2, 2).permute(0, 2, 4, 3, 5, 1)
    return patches.flatten(3).flatten(1, 2)


def gather(tokens: torch.Tensor, kept: torch.Tensor) -> torch.Tensor:
    """The tokens (B, K, ...) of (B, T, ...) at the places `kept` (B, K)."""
    return tokens[torch.arange(len(kept), device=kept.device)[:, None], kept]


def forward_tokens(
    model: ZImageTransformer2DModel,
    latents: torch.Tensor,
    time: torch.Tensor,
    features: torch.Tensor,
    valid: torch.Tensor,
    kept: torch.Tensor | None = None,
) -> tuple[torch.Tensor, Taps]:
    """The output as tokens (B, T, 4 C), and what these hold inside.

    With `kept` (B, K), places of K tokens, a multiple of 32, all others leave after the noise refiner, which
    has mixed a little of them into their neighbours (deferred masking, Sehwag et al. 2024, arXiv:2407.15811).
    """
    _, _, height, width = latents.shape
    length = features.shape[1]
    signal = model.t_embedder(time * model.t_scale).type_as(latents)
    x = model.all_x_embedder["2-1"](patchify(latents))
    count = x.shape[1]
    fill = -count % MULTIPLE
    x = torch.cat([x, model.x_pad_token.type_as(x).expand(len(x), fill, -1)], 1)
    x_rope = _image_rope(model, length + 1, height // 2, width // 2, fill)
    for layer in model.noise_refiner:
        x = transformer_block(layer, x, x_rope, signal)
    caption = torch.where(valid[..., None], model.cap_embedder(features), model.cap_pad_token)
    caption_rope = _caption_rope(model, length)
    for layer in model.context_refiner:
        caption = transformer_block(layer, caption, caption_rope)
    if kept is not None:
        count = kept.shape[1]
        x, x_rope = gather(x, kept), x_rope[0][kept]
        caption_rope = caption_rope.expand(len(x), -1, -1)
    joint, rope = torch.cat([x, caption], 1), torch.cat([x_rope, caption_rope], 1)
    for layer in model.layers[:FIRST_TAPPED]:
        joint = transformer_block(layer, joint, rope, signal)
    first = joint[:, :1]
    for layer in model.layers[FIRST_TAPPED:CAPTION_TAPPED]:
        joint = transformer_block(layer, joint, rope, signal)
    words = joint[:, -length:]
    for layer in model.layers[CAPTION_TAPPED:TAPPED]:
        joint = transformer_block(layer, joint, rope, signal)
    taps = Taps(first, words, joint[:, :count], Entering(joint, rope, signal, length))
    for layer in model.layers[TAPPED:]:
        joint = transformer_block(layer, joint, rope, signal)
    tokens: torch.Tensor = model.all_final_layer["2-1"](joint[:, :count], c=signal)
    return tokens, taps


def _caption_rope(model: ZImageTransformer2DModel, length: int) -> torch.Tensor:
    ids = torch.zeros(length, 3, dtype=torch.int32, device=model.device)
    ids[:, 0] = torch.arange(1, length + 1)
    rope: torch.Tensor = model.rope_embedder(ids)
    return rope[None]


def _image_rope(
    model: ZImageTransformer2DModel, start: int, rows: int, columns: int, fill: int
) -> torch.Tensor:
    grid = model.create_coordinate_grid((1, rows, columns), (start, 0, 0), device=model.device).flatten(0, 2)
    rope: torch.Tensor = model.rope_embedder(torch.cat([grid, grid.new_zeros(fill, 3)]))
    return rope[None]


def sample_sigmas(batch: int, mean: float = 1.2, spread: float = 1.1, uniform: float = 0.15) -> torch.Tensor:
    """Stratified noise levels (B,): logit-normal, a share of them uniform; 1 is pure noise.

    Larger pictures need more noise to lose as much: raise `mean` by half the logarithm of the area's ratio.
    """
    even = (torch.arange(batch) + torch.rand(batch)) / batch
    sigmas = torch.sigmoid(mean + spread * torch.special.ndtri(even.clamp(1e-4, 1 - 1e-4)))
    plain = torch.rand(batch) < uniform
    return torch.where(plain, torch.rand(batch), sigmas)


def flow_loss(
    model: ZImageTransformer2DModel,
    latents: torch.Tensor,
    noise: torch.Tensor,
    features: torch.Tensor,
    valid: torch.Tensor,
    sigmas: torch.Tensor,
    weights: torch.Tensor,
    kept: torch.Tensor | None = None,
) -> tuple[torch.Tensor, Taps]:
    """Squared error of the direction from `noise` to the picture, at noise levels `sigmas` (B,), and taps.

    Places count by their `weights` (B, 1, H, W) relative to the mean weight; with `kept` (B, K) only those
    tokens go through the transformer and count.
    """
    share = sigmas[:, None, None, None]
    noisy = (1 - share) * latents + share * noise
    tokens, taps = forward_tokens(model, noisy, 1 - sigmas, features, valid, kept)
    target, weight = patchify(latents - noise), patchify(weights.expand_as(latents))
    if kept is not None:
        target, weight = gather(target, kept), gather(weight, kept)
    error = (tokens.float() - target).square()
    return (error * (weight / weight.mean())).mean(), taps
