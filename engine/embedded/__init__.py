"""A tiny model of Z-Image's own classes, trained from scratch on procedural picture-book scenes.

Importing it loads no tensor library.
"""

from pathlib import Path

NAME = "embedded"
"""What the configuration calls it."""

WEIGHTS: Path = Path(__file__).parent / "weights"
"""Folder in the layout of `diffusers.ZImagePipeline`, with the vocabulary that it was taught."""
