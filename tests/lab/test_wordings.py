"""Facts about the worded captions of a training set."""

from dataclasses import replace
from pathlib import Path
from random import Random

import torch

from lab.train.dataset import SMALL
from lab.train.model import build_tokenizer
from lab.train.wordings import LONGEST, PLAIN, Wordings, worded


def test_every_scene_has_its_wordings_and_none_is_cut(tmp_path: Path) -> None:
    """Each scene has several wordings that decode to whole captions and are kept for the next time."""
    tokenizer = build_tokenizer(captions=3000)
    words = worded(SMALL, 12, tokenizer, tmp_path / "words.npy")
    assert words.ids.shape == (12, PLAIN + 1, LONGEST)
    for row, length in zip(words.ids.flatten(0, 1), words.lengths.flatten(), strict=True):
        text = tokenizer.decode(row[:length])
        assert text.startswith("<|im_start|>user\n")
        assert text.endswith("<|im_start|>assistant\n")
    again = worded(replace(SMALL, seed=2), 12, tokenizer, tmp_path / "words.npy")
    assert torch.equal(words.ids, again.ids)


def test_some_captions_of_a_batch_are_empty(tmp_path: Path) -> None:
    """About a tenth of the captions picked say nothing, for guidance."""
    words = worded(SMALL, 4, build_tokenizer(captions=3000), tmp_path / "words.npy")
    rng, silent = Random(3), 0
    for _ in range(50):
        _, ids, valid, stated = words.pick(8, rng)
        empty = (valid.sum(1) == len(words.empty)) & (ids[:, : len(words.empty)] == words.empty).all(1)
        silent += int(empty.sum())
        assert not stated[empty].any()
        assert stated[~empty].all()
    assert 15 < silent < 80


def test_a_batch_has_captions_of_one_padded_length_as_often_as_there_are() -> None:
    """Of two lengths that pad to 32 and 64 the rarer is picked as seldom as it is, and never both at once."""
    lengths = torch.full((10, PLAIN + 1), 20, dtype=torch.int16)
    lengths[8:] = 40
    ids = torch.arange(10, dtype=torch.int16)[:, None, None].expand(-1, PLAIN + 1, LONGEST).clone() + 9
    words = Wordings(ids, lengths, torch.ones(10, PLAIN + 1, dtype=torch.int16), torch.tensor([5, 6]))
    rng = Random(1)
    batches = [words.pick(4, rng) for _ in range(300)]
    long = [batch for batch in batches if batch.ids.shape[1] == 64]
    assert 0.12 < len(long) / len(batches) < 0.24
    assert all((batch.valid.sum(1) == 40).all() and (batch.scenes >= 8).all() for batch in long)
    assert all((batch.ids[:, 0] == batch.scenes + 9).all() for batch in long)
