"""The captions of a set of scenes as token ids, worded once: several plain ones and a long one each."""

from dataclasses import dataclass
from pathlib import Path
from random import Random

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import PreTrainedTokenizerFast

from lab.render.captions import caption, long_caption, stated
from lab.render.scene import Scene
from lab.render.world import World
from lab.train.coupling import stated_bits
from lab.train.dataset import PictureSet
from lab.train.flow import MULTIPLE, tokenize
from lab.train.model import build_tokenizer
from lab.train.references import add_references, first_reference, of_models, recognise

PLAIN = 5
LONGEST = 96
EMPTY_SHARE = 0.1
PIECE = 500


@dataclass(frozen=True)
class Wordings:
    """Token ids (N, `PLAIN` + 1, `LONGEST`) of N scenes, their lengths, the ids of no words.

    `stated` has bits of what each wording tells, as `coupling.stated_bits` makes them.
    """

    ids: torch.Tensor
    lengths: torch.Tensor
    stated: torch.Tensor
    empty: torch.Tensor

    def pick(self, scenes: torch.Tensor, rng: Random) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """One wording (B, `LONGEST`) of each scene, its length (B,), what it states (B,); some are empty."""
        choice = torch.tensor([rng.randrange(PLAIN + 1) for _ in scenes])
        ids, lengths = self.ids[scenes, choice].long(), self.lengths[scenes, choice].long()
        bits = self.stated[scenes, choice].clone()
        for index in range(len(scenes)):
            if rng.random() < EMPTY_SHARE:
                ids[index, : len(self.empty)], ids[index, len(self.empty) :] = self.empty, 0
                lengths[index], bits[index] = len(self.empty), 0
        return ids, lengths, bits


def by_length(lengths: torch.Tensor) -> list[tuple[int, torch.Tensor]]:
    """The places (n,) in a batch of captions that pad to each multiple of 32, as the pipeline pads them."""
    padded = -(-lengths // MULTIPLE) * MULTIPLE
    return [(int(size), (padded == size).nonzero()[:, 0]) for size in padded.unique()]


def kept_tokenizer(folder: Path, world: World) -> PreTrainedTokenizerFast:
    """The tokenizer of a training folder: learnt once, because every later token id rests on it."""
    kept = folder / "tokenizer"
    if not kept.exists():
        tokenizer = build_tokenizer(world)
        if world.is_book:
            add_references(tokenizer, world)
        tokenizer.save_pretrained(kept)
    found = PreTrainedTokenizerFast.from_pretrained(kept)
    if world.is_book:
        recognise(found, world)
    return found


def worded(part: PictureSet, total: int, tokenizer: PreTrainedTokenizerFast, path: Path) -> Wordings:
    """Wordings of a set's scenes, read from `path`; made first where it is missing or of another shape."""
    scenes = part.scenes(total)
    shape = (len(scenes) * (PLAIN + 1), LONGEST + 2)
    if not path.exists() or np.load(path, mmap_mode="r").shape != shape:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial_path = path.with_suffix(".part.npy")
        np.save(partial_path, _word(scenes, tokenizer, Random(part.seed), part.world))
        partial_path.rename(path)
    table = torch.from_numpy(np.load(path)).view(len(scenes), PLAIN + 1, LONGEST + 2)
    empty = tokenize(tokenizer, [""])
    return Wordings(table[..., 2:], table[..., 0], table[..., 1], empty[0][0][empty[1][0]])


def _word(
    scenes: list[Scene], tokenizer: PreTrainedTokenizerFast, rng: Random, world: World
) -> NDArray[np.int16]:
    """Rows of a length, what is stated, and the ids; a caption too long is replaced by another."""
    table = np.zeros((len(scenes) * (PLAIN + 1), LONGEST + 2), np.int16)
    missing = list(range(len(table)))
    first = first_reference(tokenizer) if world.is_book else 0
    while missing:
        left: list[int] = []
        for start in range(0, len(missing), PIECE):
            rows = missing[start : start + PIECE]
            texts = [
                (long_caption if row % (PLAIN + 1) == PLAIN else caption)(scenes[row // (PLAIN + 1)], rng)
                for row in rows
            ]
            ids, valid = tokenize(tokenizer, texts)
            counts = valid.sum(1).tolist()
            for row, text, line, length in zip(rows, texts, ids, counts, strict=True):
                scene = scenes[row // (PLAIN + 1)]
                if length > LONGEST:
                    left.append(row)
                else:
                    if world.is_book:
                        line = of_models(line, scene, world, first)
                    table[row, :2] = length, stated_bits(stated(scene, text))
                    table[row, 2 : length + 2] = line[:length]
        missing = left
    return table
