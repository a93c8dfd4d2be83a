"""Which backend draws with a model: the one place that knows them all.

Knows folders and their `model_index.json`. The backends themselves are imported when they are needed.
"""

from pathlib import Path
from typing import Any

from engine.types import EngineError, EngineSettings


def load(settings: EngineSettings) -> Any:
    """Build the worker's pipeline for `settings`; raises `EngineError` as the backends do."""
    from engine.zimage.load import load as load_zimage
    from engine.zimage.lora import Loras, WithLoras

    pipeline = load_zimage(settings)
    return WithLoras(pipeline, Loras(_folder(settings.loras), pipeline.components.transformer))


def _folder(name: str) -> Path | None:
    """Return the folder of LoRA files, None where none is configured."""
    if not name:
        return None
    folder = Path(name).expanduser()
    if not folder.is_dir():
        raise EngineError("bad_input", f'model.loras = {name!r} is no folder; make it, or set it to ""')
    return folder
