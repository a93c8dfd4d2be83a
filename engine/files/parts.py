"""Where the parts of a model are: a folder in diffusers layout, and single files in place of some."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from engine.files import shards, single
from engine.files.shards import Part
from engine.files.single import PartName as PartName

PARTS: tuple[PartName, ...] = ("transformer", "text_encoder", "vae")
CONFIG = "config.json"


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """`base` is the folder; `files` are single files or other folders, by the parts they replace."""

    base: Path
    files: Mapping[PartName, Path] = field(default_factory=dict)

    def place(self, part: PartName) -> Path:
        """Return the folder or the file that holds a part's weights."""
        return self.files.get(part, self.base / part)

    def config(self, part: PartName) -> Path:
        """Return the folder of a part's config.json: its own, else the base's."""
        place = self.place(part)
        return place if (place / CONFIG).is_file() else self.base / part

    def read(self, part: PartName) -> Part:
        """Find a part's tensors; raises `EngineError("model_missing")` that names the file at fault."""
        place = self.place(part)
        if place.is_dir() or part not in self.files:
            return shards.read(place)
        return single.read(place, part, self.config_values(part))

    def config_values(self, part: PartName) -> dict[str, Any]:
        """Return what a part's config.json says."""
        return shards.json_object(self.config(part) / CONFIG)
