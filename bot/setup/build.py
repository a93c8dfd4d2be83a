"""From the operator's configuration to what the core and the engine work by. Knows both; opens nothing."""

from bot.core import CoreSettings
from bot.policy.access import Access
from bot.policy.limits import Rule
from bot.policy.moderation import BannedWords, PictureFilter
from bot.policy.role_limits import RoleLimits
from bot.setup.config import Config, ConfigError
from bot.storage.retention import Retention
from bot.types import Params
from engine.types import EngineSettings, ModelProfile


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
    said, output = settings.access, settings.moderation
    access = Access(
        frozenset(said.allow), frozenset(said.block), frozenset(said.admins), said.anyone_may_press
    )
    fitness = PictureFilter(output.refuse if output.classifier else {}, frozenset(output.exempt))
    return CoreSettings(profile, defaults(settings, profile), rule, kept, access, grants(settings), fitness)


def grants(settings: Config) -> tuple[RoleLimits, ...]:
    """Return what is granted beyond the limits; raises `ConfigError` for a rule that is for nobody."""
    for at, rule in enumerate(settings.rules, start=1):
        if not rule.match:
            raise ConfigError(f"rules[{at}].match = [] is for nobody; name a role, chat or person")
    return tuple(
        RoleLimits(
            frozenset(rule.match),
            rule.per_minute,
            rule.per_day,
            rule.waiting,
            rule.max_count,
            rule.max_megapixels,
            rule.priority,
        )
        for rule in settings.rules
    )


def defaults(settings: Config, profile: ModelProfile) -> Params:
    """Return what a picture gets when nothing is said: what the operator set, else what suits the model."""
    said = settings.defaults
    return Params(
        prompt="",
        steps=said.steps or profile.steps,
        guidance_scale=said.cfg or profile.guidance_scale,
        count=said.count,
        strength=said.strength,
        optimize=said.optimize,
        enhance=said.enhance,
        reword=said.reword,
    )


def engine_settings(settings: Config) -> EngineSettings:
    """Return what the engine is told at start."""
    model = settings.model
    return EngineSettings(
        model.name,
        model.device,
        model.dtype,
        model.threads,
        classifier=settings.moderation.classifier,
        weights=model.weights,
        optimizer=model.optimizer,
        upscalers=model.upscalers,
        loras=model.loras,
        experimental=model.experimental,
        keep_language=model.prompt_language == "own",
    )


def words(settings: Config) -> BannedWords:
    """Return the banned words; raises `ConfigError` for one that cannot be used."""
    try:
        return BannedWords(settings.moderation.banned)
    except ValueError as error:
        raise ConfigError(f"moderation.banned: {error}") from None
