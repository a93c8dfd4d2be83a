"""Which reference each patch shows, as a second target of the transformer.

A drawing stands in whole patches, so that every patch of it shows one part of it, and that part is one token
of the caption. From the middle of the transformer a patch must name that token among the caption's, as a
pointer does (Vinyals et al. 2015, arXiv:1506.03134), and where in that part it lies; and the next layer's
attention must fall on it. So that there is something to copy, the tokens of references must still hold their
parts of the drawing there. The heads are dropped at export.
"""

import torch
from diffusers.models.transformers.transformer_z_image import ZImageTransformerBlock
from torch import nn
from torch.nn import functional

from lab.render.book.scenes import PLACES_WITHIN
from lab.render.scene import Scene
from lab.render.world import World
from lab.train.flow import Entering
from lab.train.references import FEATURES, TOKENS

WIDTH = 64
WEIGHT = 0.5
"""Weight of each of the four losses here beside the flow's error."""
MISSING = -100


class Pointer(nn.Module):
    """From a patch's features and those of a caption's tokens to logits: nothing, or one of the tokens."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.asks, self.offers = nn.Linear(width, WIDTH), nn.Linear(width, WIDTH)
        self.nothing = nn.Parameter(torch.zeros(1))
        self.within = nn.Linear(width, PLACES_WITHIN)
        self.holds = nn.Linear(width, FEATURES)

    def forward(self, patches: torch.Tensor, caption: torch.Tensor) -> torch.Tensor:
        """Logits (B, T, 1 + L) of patches (B, T, D) and captions (B, L, D)."""
        logits = self.asks(patches) @ self.offers(caption).transpose(1, 2) * WIDTH**-0.5
        return torch.cat([self.nothing.expand(*logits.shape[:2], 1), logits], 2)


def first_parts(scenes: list[Scene], world: World) -> torch.Tensor:
    """The number of the reference that each scene's things begin with, (N, 2); one alone has it twice."""
    starts = [
        [
            (model * len(world.subjects) + world.subjects.index(thing.subject)) * TOKENS
            for thing, model in zip(scene.things, scene.models, strict=False)
        ]
        for scene in scenes
    ]
    return torch.tensor([[each[0], each[-1]] for each in starts])


def named(shown: torch.Tensor, first: torch.Tensor, ids: torch.Tensor, first_id: int) -> torch.Tensor:
    """What each patch must name (B, T): 0 for nothing, 1 and up for the caption's tokens.

    `shown` (B, T) is the first of what `parts` makes, `first` (B, 2) the things' first references, which
    ids (B, L) have from `first_id` on. A part of a thing that the caption leaves unsaid is `MISSING`.
    """
    things = shown.long().clamp(min=0) // TOKENS
    wanted = first_id + first.gather(1, things) + shown.long() % TOKENS
    is_it = ids[:, None, :] == wanted[..., None]
    found = torch.where(is_it.any(2), 1 + is_it.int().argmax(2), MISSING)
    return torch.where(shown < 0, 0, found)


def attention_logits(block: ZImageTransformerBlock, entering: Entering, count: int) -> torch.Tensor:
    """What a block's attention compares, (B, heads, `count`, S): the first tokens with all of them."""
    tokens, rope, signal, _ = entering
    attention = block.attention
    scale = 1 + block.adaLN_modulation(signal)[:, None].chunk(4, 2)[0]
    inner = block.attention_norm1(tokens) * scale
    query, key = (
        _turned(norm(each(inner).unflatten(2, (attention.heads, -1))), rope)
        for each, norm in ((attention.to_q, attention.norm_q), (attention.to_k, attention.norm_k))
    )
    logits: torch.Tensor = torch.einsum("bqhd,bkhd->bhqk", query[:, :count], key) * query.shape[-1] ** -0.5
    return logits


def pointer_loss(
    pointer: Pointer, patches: torch.Tensor, caption: torch.Tensor, target: torch.Tensor, within: torch.Tensor
) -> torch.Tensor:
    """Mean cross entropy of what patches (B, T, D) name, and of where within it they lie.

    `target` (B, T) is as of `named`, `within` (B, T) the second of what `parts` makes, -1 where that is open.
    """
    named_loss = functional.cross_entropy(
        pointer(patches, caption).float().flatten(0, 1), target.flatten(), ignore_index=MISSING
    )
    places = torch.where(target > 0, within.long(), -1).flatten()
    logits = pointer.within(patches).float().flatten(0, 1)
    lost = functional.cross_entropy(logits, places, ignore_index=-1, reduction="sum")
    return named_loss + lost / (places >= 0).sum().clamp(min=1)


def holding_loss(
    pointer: Pointer, caption: torch.Tensor, numbers: torch.Tensor, features: torch.Tensor
) -> torch.Tensor:
    """Mean squared error of the `features` (N, `FEATURES`) that a caption's tokens (B, L, D) hold.

    `numbers` (B, L) are those of the references, negative for other tokens.
    """
    is_one = numbers >= 0
    wanted = features[numbers[is_one]]
    lost: torch.Tensor = (pointer.holds(caption[is_one]).float() - wanted).square().sum()
    return lost / max(1, wanted.numel())


def attention_loss(block: ZImageTransformerBlock, entering: Entering, target: torch.Tensor) -> torch.Tensor:
    """Mean cross entropy of a block's attention, from patches that show a reference to that reference.

    `target` (B, T) is as of `named`, of a caption whose tokens come last among those entering.
    """
    logits = attention_logits(block, entering, target.shape[1]).float()
    length = entering.caption
    wanted = torch.where(target > 0, logits.shape[-1] - length + target - 1, MISSING)
    wanted = wanted[:, None].expand(logits.shape[:3]).flatten()
    lost = functional.cross_entropy(logits.flatten(0, 2), wanted, ignore_index=MISSING, reduction="sum")
    return lost / (wanted >= 0).sum().clamp(min=1)


def _turned(x: torch.Tensor, rope: torch.Tensor) -> torch.Tensor:
    pairs = torch.view_as_complex(x.float().unflatten(-1, (-1, 2)).contiguous())
    return torch.view_as_real(pairs * rope[:, :, None]).flatten(3)
