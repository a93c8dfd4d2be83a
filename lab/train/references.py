"""What a thing looks like as tokens: a world of hundreds of subjects for the price of one.

A word for a subject of the picture book becomes `TOKENS` tokens. Their embeddings are one learnt projection
of the subject's drawing as the autoencoder encodes it, so that training learns to put any drawing into a
scene, sized, lit and coloured as the caption says, and not each subject by heart. Several vectors for a
word are those of textual inversion (Gal et al. 2022, arXiv:2208.01618), projected features of a picture
beside the words those of IP-Adapter (Ye et al. 2023, arXiv:2308.06721). The export writes plain embeddings.
"""

import numpy as np
import torch
from diffusers import AutoencoderKL
from PIL import Image
from tokenizers import AddedToken, Regex, normalizers
from torch import nn
from torch.nn import functional
from transformers import PreTrainedTokenizerFast, Qwen3Model

from lab.render.book.scenes import PARTS, portrait
from lab.render.book.subjects import SUBJECTS, plural
from lab.render.scene import MODELS, Scene
from lab.render.world import World
from lab.train.dataset import to_tensor
from lab.train.flow import encode_text
from lab.train.latents import Scaling

SIDE, GRID = 128, PARTS
"""Pixels of a drawing's square, and how many parts a side of it has."""
TOKENS = GRID**2
"""Tokens of a word."""
PATCH = SIDE // 8 // GRID
"""Latents of a part's side."""
KNOWN = ("ground", "water", "sky")
FEATURES = (16 + 1) * PATCH**2 + 1 + len(KNOWN)
"""Numbers that a token is projected from: the part's latents, what is covered, the height, the stance."""
FIRST = 0xF0000
"""The first of the private characters that stand for references in a text."""
GROUND = (128, 128, 128)
SCALE = 60.0
"""Size of a reference: about what the encoder's layers add to it, so that it gets through them.

At 0.05, the size of the words' embeddings, a third of a drawing was left behind the encoder.
"""
BATCH = 16
LEAST = 1e-3
"""Share of the mean variance that a direction of the features has at least."""
PRECISION = 1e-5
"""Share of the greatest singular value below which one counts as none."""


def count_of(world: World) -> int:
    """How many references a world has: those of every subject's first model, then those of the second."""
    return len(world.subjects) * MODELS * TOKENS if world.is_book else 0


def add_references(tokenizer: PreTrainedTokenizerFast, world: World) -> None:
    """Have the tokenizer put a subject's references, those of its first model, in place of its words."""
    count = len(world.subjects) * TOKENS
    signs = [AddedToken(chr(FIRST + place), normalized=True) for place in range(count)]
    tokenizer.add_tokens(signs)
    recognise(tokenizer, world)


def recognise(tokenizer: PreTrainedTokenizerFast, world: World) -> None:
    """Have a tokenizer with references find them by every form of the subjects' words."""
    forms = {
        form: index
        for index, name in enumerate(world.subjects)
        for word in SUBJECTS[name].words
        for form in (word, plural(word))
    }
    tokenizer.backend_tokenizer.normalizer = normalizers.Sequence(
        [
            normalizers.Replace(Regex(rf"(?i) ?\b{form}\b"), _characters(forms[form]))
            for form in sorted(forms, key=len, reverse=True)
        ]
    )


def first_reference(tokenizer: PreTrainedTokenizerFast) -> int:
    """The id of the first reference; all others follow."""
    return int(tokenizer.convert_tokens_to_ids(chr(FIRST)))


def of_models(ids: torch.Tensor, scene: Scene, world: World, first: int) -> torch.Tensor:
    """Token ids (L,) of a caption with the references of the models that its scene shows."""
    for thing, model in zip(scene.things, scene.models, strict=False):
        start = first + world.subjects.index(thing.subject) * TOKENS
        is_its = (ids >= start) & (ids < start + TOKENS)
        ids = torch.where(is_its, ids + model * len(world.subjects) * TOKENS, ids)
    return ids


@torch.inference_mode()
def features(world: World, vae: AutoencoderKL, scaling: Scaling) -> torch.Tensor:
    """What references are projected from, (`MODELS` * subjects * `TOKENS`, `FEATURES`).

    Sampler-space latents of each part of a drawing on grey, from -1 to 1 how far it covers the part, how
    tall the subject is, and where it stands.
    """
    drawn = [portrait(name, model, SIDE) for model in range(MODELS) for name in world.subjects]
    grey = Image.new("RGBA", (SIDE, SIDE), (*GROUND, 255))
    pictures = np.stack([np.asarray(Image.alpha_composite(grey, each).convert("RGB")) for each in drawn])
    alpha = np.stack([np.asarray(each.getchannel("A")) for each in drawn])
    parts = [vae.encode(each).latent_dist.mean for each in to_tensor(pictures).split(BATCH)]
    latents = (torch.cat(parts) - scaling.shift) * scaling.scale
    covers = functional.avg_pool2d(torch.from_numpy(alpha)[:, None].float() / 127.5 - 1, 8)
    patches = functional.unfold(torch.cat([latents, covers], 1), PATCH, stride=PATCH).transpose(1, 2)
    known = [
        [10 * (each.height - 0.42), *(float(each.stance == stance) for stance in KNOWN)]
        for each in (SUBJECTS[name] for name in world.subjects)
    ]
    beside = torch.tensor(known).repeat(MODELS, 1)[:, None].expand(-1, TOKENS, -1)
    return evened(torch.cat([patches, beside], 2).reshape(-1, FEATURES))


def evened(features: torch.Tensor) -> torch.Tensor:
    """Features (N, F) with mean 0 whose directions differ in size by the root of what they did, about 1.

    Of a drawing the few directions that vary most are its colours; fine ones would be lost on their way.
    """
    centred = (features - features.mean(0)).double()
    sizes, directions = torch.linalg.eigh(centred.T @ centred / len(centred))
    weights = (sizes.clamp(min=0) + LEAST * sizes.mean()) ** -0.25
    even: torch.Tensor = centred @ (directions * weights) @ directions.T
    return (even / even.square().mean().sqrt()).float()


class References(nn.Module):
    """The embeddings of captions with references among their tokens, which begin with the id `first`."""

    features: torch.Tensor

    def __init__(self, world: World, width: int) -> None:
        super().__init__()
        self.first = 0
        self.register_buffer("features", torch.zeros(count_of(world), FEATURES), persistent=False)
        self.projection = nn.Linear(FEATURES, width)
        self.places = nn.Parameter(0.5 * torch.randn(TOKENS, width))
        nn.init.orthogonal_(self.projection.weight)

    def forward(self, ids: torch.Tensor, words: nn.Module) -> torch.Tensor:
        """Embeddings (B, L, D) of token ids (B, L)."""
        place = (ids - self.first).clamp(0, len(self.features) - 1)
        references = self.projection(self.features[place]) + self.places[place % TOKENS]
        plain = words(ids.clamp(max=self.first - 1))
        return torch.where((ids >= self.first)[..., None], references * SCALE, plain)

    @torch.no_grad()
    def write(self, encoder: Qwen3Model) -> None:
        """Make plain embeddings of a text encoder, behind those of its words, of first models' references."""
        ids = torch.arange(self.first, self.first + len(self.features) // MODELS)
        embeddings = self(ids, encoder.get_input_embeddings())
        encoder.resize_token_embeddings(self.first + len(ids), mean_resizing=False)
        encoder.get_parameter("embed_tokens.weight")[ids] = embeddings

    @torch.no_grad()
    def read(self, encoder: dict[str, torch.Tensor]) -> bool:
        """Take the projection from what `write` made of it, by least squares; False where there is none."""
        rows = encoder["embed_tokens.weight"][self.first :].double() / SCALE
        if len(rows) != len(self.features) // MODELS:
            return False
        places = functional.one_hot(torch.arange(len(rows)) % TOKENS)
        known = torch.cat([self.features[: len(rows)], places], 1).double()
        solution = torch.linalg.lstsq(known, rows, rcond=PRECISION, driver="gelsd").solution
        self.projection.weight.copy_(solution[:FEATURES].T)
        self.projection.bias.zero_()
        self.places.copy_(solution[FEATURES:])
        return True


def references_of(models: nn.ModuleDict) -> References | None:
    """The references among models; the small world has none."""
    return next((each for each in models.values() if isinstance(each, References)), None)


def encode(models: nn.ModuleDict, ids: torch.Tensor) -> torch.Tensor:
    """Caption features (B, L, D) of token ids (B, L)."""
    encoder, references = models["text_encoder"], references_of(models)
    words = encoder.get_submodule("embed_tokens")
    return encode_text(encoder, references(ids, words) if references else words(ids))


def _characters(subject: int) -> str:
    start = FIRST + subject * TOKENS
    return "".join(chr(start + place) for place in range(TOKENS))
