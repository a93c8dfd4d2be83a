"""Which backend draws with a model, by its `model_index.json`.

The backends themselves are imported when they are needed.
"""

import logging
from typing import Any

from engine.files import hub, published, shards
from engine.models.profiles import EMBEDDED, locate
from engine.types import EngineSettings

log = logging.getLogger(__name__)
INDEX = hub.INDEX
OURS = ("ZImagePipeline", "ZImageImg2ImgPipeline", "")
"""Pipelines of the Z-Image backend, which also reports what a folder without an index lacks."""


def load(settings: EngineSettings) -> Any:
    """Build the worker's pipeline for `settings`; raises `EngineError` as the backends do."""
    if kind(settings.model) not in OURS:
        from engine.models.diffusers.load import fetch
        from engine.models.diffusers.load import load as load_generic

        if settings.experimental:
            log.warning("model.experimental works with Z-Image models only; %s ignores it", settings.model)
        return load_generic(settings, fetch(settings.model))
    from engine.models.zimage.load import load as load_zimage

    return load_zimage(settings)


def kind(model: str) -> str:
    """Return the pipeline class that a model's index names, empty where it names none.

    Raises `EngineError("model_missing")` for a model that can't be had.
    """
    if model == EMBEDDED or hub.single_name(model) or published.form_of(model) is not None:
        return OURS[0]
    file = (hub.folder(model) or locate(model) or hub.download(model, [INDEX])) / INDEX
    if not file.exists():
        return ""
    return str(shards.json_object(file).get("_class_name", ""))
