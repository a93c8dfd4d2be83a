"""Sizes from file headers alone."""

from pathlib import Path

import pytest

from engine.embedded import WEIGHTS
from engine.files.parts import ModelFiles
from engine.memory import sizes
from engine.types import EngineError


def test_a_model_is_measured_from_its_headers() -> None:
    found = sizes.read(ModelFiles(WEIGHTS))
    assert (found.transformer.blocks, found.text_encoder.blocks) == (8, 3)
    # Attention and SwiGLU of width 192, hidden 512.
    assert found.transformer.linear == 4 * 192**2 + 3 * 192 * 512
    assert (found.wide, found.narrow) == (32, 16)


def test_the_published_sizes_add_up_to_the_published_counts() -> None:
    transformer, encoder = sizes.Z_IMAGE.transformer, sizes.Z_IMAGE.text_encoder
    assert transformer.blocks * (transformer.linear + transformer.other) + transformer.rest == pytest.approx(
        6.155e9, rel=1e-3
    )
    assert encoder.blocks * (encoder.linear + encoder.other) + encoder.rest == pytest.approx(
        4.022e9, rel=1e-3
    )


def test_a_broken_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "transformer").mkdir()
    (tmp_path / "transformer" / "config.json").write_text("{}")
    (tmp_path / "transformer" / "model.safetensors").write_bytes(b"\xff" * 16)
    with pytest.raises(EngineError, match="longer than the file"):
        sizes.read(ModelFiles(tmp_path))
