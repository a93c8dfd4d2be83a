"""From the operator's configuration to what the core works by. Knows both; opens nothing."""

from bot.config import Config, ConfigError
from bot.core import CoreSettings
from bot.limits import Rule
from bot.moderation import Words
from bot.retention import Retention
from bot.types import Params
from engine.types import ModelProfile


def core_settings(settings: Config, profile: ModelProfile) -> CoreSettings:
    """Return the rules the core works by."""
    limits = settings.limits
    rule = Rule(
        per_minute=limits.per_minute,
        per_day=limits.per_day,
        waiting=limits.waiting,
        queue=limits.queue,
        max_count=limits.max_count,
        max_megapixels=limits.max_megapixels,
    )
    kept = Retention(settings.retention.picture_days, settings.retention.prompt_days)
    return CoreSettings(profile, defaults(settings), rule, kept)


def defaults(settings: Config) -> Params:
    """Return what a picture gets when nothing else is said."""
    said = settings.defaults
    return Params(
        prompt="",
        steps=said.steps,
        guidance_scale=said.cfg,
        count=said.count,
        strength=said.strength,
        optimize=said.optimize,
        enhance=said.enhance,
    )


def words(settings: Config) -> Words:
    """Return the banned words; raises `ConfigError` for one that cannot be used."""
    try:
        return Words(settings.moderation.banned)
    except ValueError as error:
        raise ConfigError(f"moderation.banned: {error}") from None
