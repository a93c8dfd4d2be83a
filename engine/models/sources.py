"""Which files a model is put together from: a folder, single files, or both."""

import logging
from pathlib import Path

from engine.files import hub, published, single
from engine.files.hub import RemoteFile
from engine.files.parts import CONFIG, ModelFiles, PartName
from engine.memory.probe import probe
from engine.models import presets
from engine.models.profiles import EMBEDDED, EMBEDDED_WEIGHTS, Z_IMAGE
from engine.types import EngineError, EngineSettings

log = logging.getLogger(__name__)
NAMED: dict[PartName, str] = {"text_encoder": "model.text_encoder", "vae": "model.vae"}


def find(settings: EngineSettings) -> ModelFiles:
    """Return the files of a model, downloading once what is on the hub.

    Raises `EngineError("model_missing")` for what cannot be had, and says what to do.
    """
    settings = presets.expanded(settings, lambda: probe(settings.device))
    missing = [file for file in presets.remote(settings) if file.here() is None]
    if missing:
        place, free = hub.free_space()
        size = sum(file.size for file in missing)
        names = ", ".join(f"{file.repository}/{file.file}" for file in missing)
        log.info(
            "downloading %.1f GB to %s, where %.1f GB are free: %s", size / 1e9, place, free / 1e9, names
        )
        hub.ensure_room(size)
    return _found(settings, is_fetched=True) or ModelFiles(Path())


def here(settings: EngineSettings) -> ModelFiles | None:
    """Return the files of a model where all of them are on this machine, else None; uses no network."""
    settings = presets.expanded(settings, None)
    return None if published.form_of(settings.model) is not None else _found(settings, is_fetched=False)


def _found(settings: EngineSettings, is_fetched: bool) -> ModelFiles | None:
    files: dict[PartName, Path] = {}
    own = hub.single(settings.model)
    wanted: dict[PartName, str] = {
        "transformer": settings.model if own else "",
        "text_encoder": settings.text_encoder,
        "vae": settings.vae,
    }
    for part, name in wanted.items():
        if not name:
            continue
        place = _place(part, name, is_fetched)
        if place is None:
            return None
        # Before anything is downloaded beside it. An autoencoder's names need its config.json.
        if part != "vae" and place.is_file():
            single.read(place, part, {})
        files[part] = place
    base = _base(settings.base or Z_IMAGE if own else settings.model, bool(own), is_fetched)
    return None if base is None else ModelFiles(base, files)


def _place(part: PartName, name: str, is_fetched: bool) -> Path | None:
    """Return the file or the folder that a setting names for a part."""
    file = hub.single(name)
    if isinstance(file, RemoteFile):
        file = published.known(file)
        return file.fetch() if is_fetched else file.here()
    if file is not None:
        return file
    if name == EMBEDDED:
        return EMBEDDED_WEIGHTS / part
    folder = hub.folder(name)
    if folder is None:
        raise EngineError(
            "model_missing",
            f"{NAMED[part]} = {name!r} is no file or folder; give a path, or OWNER/REPOSITORY/FILE",
        )
    return folder if (folder / CONFIG).is_file() else folder / part


def _base(name: str, is_bare: bool, is_fetched: bool) -> Path | None:
    """Return the folder that everything unnamed comes from; a bare one's weights are not downloaded."""
    if name == EMBEDDED:
        return EMBEDDED_WEIGHTS
    if (folder := hub.folder(name)) is not None:
        return folder
    if not is_fetched:
        return hub.cached(name, hub.INDEX)
    return hub.download(name, hub.CONFIGS if is_bare else hub.MODEL_FILES)
