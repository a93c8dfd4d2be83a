"""Facts about the vocabulary and the names beside a limited model's weights."""

import json
import lzma
from pathlib import Path
from typing import Any

import pytest

from engine.embedded import WEIGHTS
from engine.embedded.vocabulary import FILE, MOST_BYTES, NAMES, world_in, world_of
from engine.types import EngineError
from lab.render.vocabulary_file import vocabulary_of
from lab.render.world import BOOK

VOCABULARY: dict[str, Any] = vocabulary_of(BOOK)


def test_a_model_without_a_vocabulary_draws_anything(tmp_path: Path) -> None:
    assert world_in(tmp_path) is None


def test_a_world_without_names_reads_english_and_chinese_alone(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes((WEIGHTS / FILE).read_bytes())
    world = world_in(tmp_path)
    assert world is not None
    assert not world.names


@pytest.mark.parametrize("data", [b"", b"[]", b"{}", b"\xff", b"[" * 100_000, b" " * (MOST_BYTES + 1)])
def test_a_file_that_is_no_vocabulary_is_named(tmp_path: Path, data: bytes) -> None:
    (tmp_path / FILE).write_bytes(data)
    with pytest.raises(EngineError, match=r"vocabulary\.json"):
        world_in(tmp_path)


@pytest.mark.parametrize(
    "data",
    [
        b"cat\tgato",
        lzma.compress(b"\xff\xfe"),
        lzma.compress(b"a" * (MOST_BYTES + 1)),
        lzma.compress(b"a")[:-9],
    ],
)
def test_a_file_that_is_no_list_of_names_is_named(tmp_path: Path, data: bytes) -> None:
    (tmp_path / NAMES).write_bytes(data)
    with pytest.raises(EngineError, match=r"names\.txt\.xz"):
        world_of(VOCABULARY, tmp_path).names  # noqa: B018 - reading them is what fails


@pytest.mark.parametrize(
    ("key", "value", "what"),
    [
        ("subjects", {"cat": []}, "subjects must be a table"),
        ("subjects", {"cat": [" "]}, "cat must have a first word"),
        ("colours", "red", "colours must be a list"),
        ("most", 9, "most must be a number from 1 to 3"),
        ("suits", {}, "suits must be tables"),
        ("plurals", {"cat": 2}, "plurals must be a table"),
        ("introduction", {"zh": "世界"}, "introduction must have en"),
        ("positions", {"middle": [""]}, "positions must have left, right"),
        ("lights", {"noon": ["in the sun"]}, "lights must have dawn, night, sunset"),
        ("distances", {"near": ["close up"]}, "distances must have far"),
    ],
)
def test_a_wrong_entry_is_named_with_what_it_must_be(key: str, value: object, what: str) -> None:
    with pytest.raises(EngineError, match=what):
        world_of(VOCABULARY | {key: value})


@pytest.mark.parametrize("key", ["places", "suits", "prompts"])
def test_an_entry_that_is_lacking_is_named(tmp_path: Path, key: str) -> None:
    (tmp_path / FILE).write_text(json.dumps({name: VOCABULARY[name] for name in VOCABULARY if name != key}))
    with pytest.raises(EngineError, match=f"{key} must be"):
        world_in(tmp_path)
