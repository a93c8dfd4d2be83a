"""From the configuration to the settings of the core and of the engine. Opens nothing."""

from dataclasses import fields
from pathlib import Path

from bot.core import CoreSettings
from bot.policy.moderation import BannedWords, PictureFilter
from bot.setup.config import Config, ConfigError
from bot.types import Params
from engine.files.loras import LoraFolder
from engine.types import EngineSettings, ModelProfile, ModelSettings

ALL = "all"
"""The device that stands for each of several cards."""
COMPILED = "compiled"
"""The folder in the data folder where torch's compiler keeps its work."""


def core_settings(settings: Config, profile: ModelProfile) -> CoreSettings:
    """Return the core's settings."""
    output = settings.moderation
    return CoreSettings(
        profile,
        defaults(settings, profile),
        settings.limits,
        settings.retention,
        settings.access,
        settings.rules,
        PictureFilter(output.refuse if output.classifier else {}, output.exempt),
        LoraFolder(Path(settings.model.loras).expanduser() if settings.model.loras else None),
    )


def defaults(settings: Config, profile: ModelProfile) -> Params:
    """Return what a picture gets where the user says nothing: the operator's value, else the model's."""
    chosen = settings.defaults
    return Params(
        prompt="",
        steps=chosen.steps or profile.steps,
        guidance_scale=chosen.cfg or profile.guidance_scale,
        count=chosen.count,
        strength=chosen.strength,
        optimize=chosen.optimize,
        enhance=chosen.enhance,
        reword=chosen.reword,
    )


def engine_settings(settings: Config) -> EngineSettings:
    """Return the engine's settings."""
    shared = {each.name: getattr(settings.model, each.name) for each in fields(ModelSettings)}
    shared["device"] = "auto" if shared["device"] == ALL else shared["device"]
    return EngineSettings(
        model=settings.model.name,
        classifier=settings.moderation.classifier,
        compiled=str(settings.data_dir.absolute() / COMPILED),
        guides_always=bool(settings.defaults.cfg),
        **shared,
    )


def banned_words(settings: Config) -> BannedWords:
    """Return the banned words; raises `ConfigError` for one that cannot be used."""
    try:
        return BannedWords(settings.moderation.banned)
    except ValueError as error:
        raise ConfigError(f"moderation.banned: {error}") from None
