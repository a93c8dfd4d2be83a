"""Facts about the worded captions of a training set."""

from dataclasses import replace
from pathlib import Path
from random import Random

import torch

from lab.train.dataset import SMALL
from lab.train.model import build_tokenizer
from lab.train.wordings import LONGEST, PLAIN, by_length, worded


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
    ids, lengths, stated = words.pick(torch.zeros(400, dtype=torch.long), Random(3))
    empty = (lengths == len(words.empty)) & (ids[:, : len(words.empty)] == words.empty).all(1)
    assert 15 < int(empty.sum()) < 80
    assert not stated[empty].any()
    assert stated[~empty].all()


def test_captions_are_grouped_as_the_pipeline_pads_them() -> None:
    """Captions of up to 32 tokens go through together, those of up to 64 apart from them."""
    groups = by_length(torch.tensor([3, 32, 33, 64]))
    assert [(size, places.tolist()) for size, places in groups] == [(32, [0, 1]), (64, [2, 3])]
