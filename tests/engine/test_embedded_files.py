"""Facts about the vocabulary and the names beside a limited model's weights."""

import lzma
from pathlib import Path

import pytest

from engine import embedded
from engine.prompts import world_in
from engine.types import EngineError


def test_a_model_without_a_vocabulary_draws_anything(tmp_path: Path) -> None:
    assert embedded.vocabulary(tmp_path) == {}
    assert world_in(tmp_path) is None


def test_a_world_without_names_reads_english_and_chinese_alone(tmp_path: Path) -> None:
    (tmp_path / embedded.VOCABULARY).write_bytes((embedded.WEIGHTS / embedded.VOCABULARY).read_bytes())
    world = world_in(tmp_path)
    assert world is not None
    assert not world.names


@pytest.mark.parametrize(
    ("name", "data"),
    [
        (embedded.VOCABULARY, b"\xff"),
        (embedded.VOCABULARY, b"[" * 100_000),
        (embedded.VOCABULARY, b" " * (embedded.MOST_BYTES + 1)),
        (embedded.NAMES, b"cat\tgato"),
        (embedded.NAMES, lzma.compress(b"\xff\xfe")),
        (embedded.NAMES, lzma.compress(b"a" * (embedded.MOST_BYTES + 1))),
    ],
)
def test_a_broken_file_is_named(tmp_path: Path, name: str, data: bytes) -> None:
    (tmp_path / name).write_bytes(data)
    read = embedded.vocabulary if name == embedded.VOCABULARY else embedded.names
    with pytest.raises(EngineError, match=name.replace(".", r"\.")):
        read(tmp_path)
