"""The names and trigger words of LoRA files, as trainers leave them."""

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from engine.files.loras import LoraFolder


def triggers(folder: Path, metadata: dict[str, str]) -> str:
    save_file({"weight": np.zeros(1, np.float32)}, folder / "style.safetensors", metadata)
    return LoraFolder(folder).triggers()["style"]


@pytest.mark.parametrize(
    ("metadata", "words"),
    [
        ({"modelspec.trigger_phrase": "inkstyle"}, "inkstyle"),
        ({"trigger_word": "p3r5on,  smiling"}, "p3r5on, smiling"),
        ({"trained_words": '["ink", "wash"]'}, "ink, wash"),
        ({"trigger_words": "7"}, ""),
        ({"ss_tag_frequency": json.dumps({"10_x": {"inkstyle": 20, "1girl": 12}})}, "inkstyle"),
        ({"ss_tag_frequency": json.dumps({"a": {"ink": 9, "cat": 3}, "b": {" ink": 4}})}, "ink"),
        ({"ss_tag_frequency": json.dumps({"a": dict.fromkeys("abcd", 5)})}, ""),
        ({"ss_tag_frequency": json.dumps({"a": {"one caption": 1}})}, ""),
        ({"ss_tag_frequency": "[" * 5000}, ""),
        ({"ss_tag_frequency": '{"a": [1], "b": {"c": "d"}}'}, ""),
        ({"modelspec.trigger_phrase": " ", "trigger_word": "ink"}, "ink"),
        ({}, ""),
    ],
)
def test_the_metadata_hold_the_words_that_a_file_was_trained_with(
    tmp_path: Path, metadata: dict[str, str], words: str
) -> None:
    assert triggers(tmp_path, metadata) == words


def test_a_file_that_cannot_be_read_is_listed_without_words(tmp_path: Path) -> None:
    (tmp_path / "broken.safetensors").write_bytes(b"no weights")
    (tmp_path / ".hidden.safetensors").touch()
    assert LoraFolder(tmp_path).triggers() == {"broken": ""}


def test_without_a_folder_there_are_none(tmp_path: Path) -> None:
    assert LoraFolder().triggers() == {}
    assert LoraFolder(tmp_path / "gone").triggers() == {}
