"""The captions of a set of scenes as token ids, worded once: several plain ones and a long one each."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from random import Random
from typing import NamedTuple, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional
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
Length = TypeVar("Length", int, torch.Tensor)


class Picked(NamedTuple):
    """Captions of one padded length: scenes (B,), ids and which are valid (B, L), what each states (B,)."""

    scenes: torch.Tensor
    ids: torch.Tensor
    valid: torch.Tensor
    stated: torch.Tensor


@dataclass(frozen=True)
class Wordings:
    """Token ids (N, `PLAIN` + 1, `LONGEST`) of N scenes, their lengths, the ids of no words.

    `stated` has bits of what each wording tells, as `coupling.stated_bits` makes them.
    """

    ids: torch.Tensor
    lengths: torch.Tensor
    stated: torch.Tensor
    empty: torch.Tensor

    def pick(self, count: int, rng: Random) -> Picked:
        """`count` random wordings of one padded length, drawn as often as there are; some are empty."""
        short = _padded(len(self.empty))
        total = self.lengths.numel()
        chances = {size: (1 - EMPTY_SHARE) * len(rows) / total for size, rows in self._rows.items()}
        chances[short] = chances.get(short, 0.0) + EMPTY_SHARE
        size = rng.choices(list(chances), list(chances.values()))[0]
        rows = self._rows.get(size, torch.arange(total))
        rows = rows[torch.tensor(rng.choices(range(len(rows)), k=count))]
        ids, lengths, stated = (each.flatten(0, 1)[rows] for each in (self.ids, self.lengths, self.stated))
        if size == short:
            silent = torch.tensor([rng.random() < EMPTY_SHARE / chances[short] for _ in rows])
            blank = functional.pad(self.empty, (0, LONGEST - len(self.empty))).to(ids.dtype)
            ids = torch.where(silent[:, None], blank, ids)
            lengths = torch.where(silent, len(self.empty), lengths)
            stated = torch.where(silent, 0, stated)
        return Picked(rows // (PLAIN + 1), ids[:, :size].long(), valid_places(lengths, size), stated)

    @cached_property
    def _rows(self) -> dict[int, torch.Tensor]:
        """The rows of all wordings that pad to each multiple of 32, as the pipeline pads them."""
        padded = _padded(self.lengths.flatten().long())
        return {int(size): (padded == size).nonzero()[:, 0] for size in padded.unique()}


def valid_places(lengths: torch.Tensor, size: int) -> torch.Tensor:
    """Which of `size` places of each caption (B, size) have a token."""
    return torch.arange(size) < lengths[:, None]


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


def _padded(length: Length) -> Length:
    return -(-length // MULTIPLE) * MULTIPLE


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
