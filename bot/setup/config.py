"""Typed settings from config.toml and the environment.

Knows every setting, its type and range; opens nothing and starts nothing. The environment wins over the file.
An unknown key or a bad value is a `ConfigError` of one line naming the key, the value and the fix.
"""

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bot.setup.schema import ConfigError, build, leaves, setting
from engine.types import EXPERIMENTS

__all__ = ["Config", "ConfigError", "leaves", "load"]

PREFIX = "ZIMAGE_BOT_"
DEFAULT_FILE = Path("config.toml")
DTYPES = ("auto", "float32", "bfloat16", "float16")
WEIGHTS = ("auto", "plain", "bfloat16", "int8", "float8", "4bit")
PROMPT_LANGUAGES = ("english", "own")
LEVELS = ("debug", "info", "warning", "error")
NAME = (
    r"discord:(server|channel|role|user):\d{1,20}|discord:age-restricted|telegram:user:\d{1,20}"
    r"|telegram:chat:(-?\d{1,20}|@\w{4,32})|web:(local|user:[\w-]{1,64})"
)
"""How the configuration names people and places."""
RENAMED = {
    "schedule": '["dynamic-schedule"]',
    "reuse": '["reuse-balanced"] or ["reuse-fast"]',
    "cuda_graphs": '["cuda-graphs"]',
    "detail": '["detail"]',
}
"""Settings of [model] that became names in its `experimental`."""
NAMES: Mapping[str, Any] = {
    "each": NAME,
    "fix": 'names such as "discord:role:5", "telegram:chat:-100" or "web:local"',
}


@dataclass(frozen=True, slots=True)
class ModelConfig:
    """What draws, and on what."""

    name: str = "embedded"
    device: str = setting("auto", pattern=r"auto|cpu|mps|cuda(:\d+)?", fix="auto, cpu, mps, cuda or cuda:N")
    dtype: str = setting("auto", choices=DTYPES)
    threads: int = setting(0, 0, 1024)
    weights: str = setting("auto", choices=WEIGHTS)
    optimizer: str = "auto"
    prompt_language: str = setting("english", choices=PROMPT_LANGUAGES)
    upscalers: str = ""
    size: int = setting(0, 0, 4096)
    idle_minutes: float = setting(0.0, 0.0, 10_000.0)
    loras: str = ""
    experimental: tuple[str, ...] = setting((), each="|".join(EXPERIMENTS), fix=", ".join(EXPERIMENTS))


@dataclass(frozen=True, slots=True)
class DefaultsConfig:
    """What a picture gets when the person says nothing; with 0, steps and cfg are the model's own."""

    steps: int = setting(0, 1, 50, unset=0)
    cfg: float = setting(0.0, 1.0, 5.0, unset=0)
    count: int = setting(1, 1, 4)
    strength: float = setting(0.6, 0.05, 1.0)
    optimize: bool = True
    enhance: bool = True
    reword: bool = False


@dataclass(frozen=True, slots=True)
class LimitsConfig:
    """How much one person, and everybody together, may ask for; 0 means no limit."""

    per_minute: int = setting(10, 0, 10_000)
    per_day: int = setting(200, 0, 1_000_000)
    waiting: int = setting(10, 0, 10_000)
    queue: int = setting(500, 0, 1_000_000)
    max_count: int = setting(4, 1, 4)
    max_megapixels: float = setting(4.2, 0.0, 100.0)


@dataclass(frozen=True, slots=True)
class RetentionConfig:
    """How long picture files and the texts of jobs are kept; 0 keeps them for ever."""

    picture_days: int = setting(0, 0, 36_500)
    prompt_days: int = setting(0, 0, 36_500)


@dataclass(frozen=True, slots=True)
class ModerationConfig:
    """What nobody may draw: words, and pictures by what a classifier says of them (label to least score)."""

    banned: tuple[str, ...] = ()
    classifier: str = ""
    refuse: Mapping[str, float] = setting({"nsfw": 0.8}, 0.0, 1.0)
    exempt: tuple[str, ...] = setting((), **NAMES)


@dataclass(frozen=True, slots=True)
class AccessConfig:
    """Who comes in, who administers, and who may press whose buttons."""

    allow: tuple[str, ...] = setting((), **NAMES)
    block: tuple[str, ...] = setting((), **NAMES)
    admins: tuple[str, ...] = setting(("web:local",), **NAMES)
    anyone_may_press: bool = False


@dataclass(frozen=True, slots=True)
class RuleConfig:
    """Limits for those whom `match` names; what is not said comes from [limits]."""

    match: tuple[str, ...] = setting((), **NAMES)
    per_minute: int | None = setting(None, 0, 10_000)
    per_day: int | None = setting(None, 0, 1_000_000)
    waiting: int | None = setting(None, 0, 10_000)
    max_count: int | None = setting(None, 1, 4)
    max_megapixels: float | None = setting(None, 0.0, 100.0)
    priority: int | None = setting(None, 0, 10)


@dataclass(frozen=True, slots=True)
class WebConfig:
    """The local web chat; `people` are those with a token of their own, name to token."""

    enabled: bool = True
    host: str = "127.0.0.1"
    port: int = setting(7860, 0, 65_535)
    token: str = setting("", secret=True)
    hosts: tuple[str, ...] = setting(
        (),
        each=r"[^\s/:@\[\]]+|\[[0-9a-fA-F:]+\]",
        fix='names without scheme and port, such as "pictures.example.org"',
    )
    people: Mapping[str, str] = setting({}, secret=True)


@dataclass(frozen=True, slots=True)
class DiscordConfig:
    """The Discord bot; a token switches it on. `shards` 0 is one plain connection."""

    token: str = setting("", secret=True)
    command: str = setting("imagine", pattern=r"[a-z0-9_-]{1,32}", fix="1–32 of a–z, 0–9, - and _")
    add_reactions: bool = False
    spoiler_channels: tuple[str, ...] = setting((), each=r"\d{5,20}", fix="ids, which are long numbers")
    shards: int = setting(0, 0, 1024)
    api_base: str = "https://discord.com/api/v10"
    gateway_url: str = "wss://gateway.discord.gg/"


@dataclass(frozen=True, slots=True)
class TelegramConfig:
    """The Telegram bot: its token, the Bot API server to ask; without a webhook, updates are fetched."""

    token: str = setting("", secret=True)
    webhook_url: str = setting("", pattern=r"|https://\S+", fix="an https:// address, or empty")
    webhook_listen: str = setting("127.0.0.1:8443", pattern=r"\S+:\d{1,5}", fix="host:port")
    base_url: str = "https://api.telegram.org/bot"
    base_file_url: str = "https://api.telegram.org/file/bot"


@dataclass(frozen=True, slots=True)
class Config:
    """Every setting of the bot."""

    data_dir: Path = Path("data")
    log_level: str = setting("info", choices=LEVELS)
    model: ModelConfig = field(default_factory=ModelConfig)
    defaults: DefaultsConfig = field(default_factory=DefaultsConfig)
    limits: LimitsConfig = field(default_factory=LimitsConfig)
    retention: RetentionConfig = field(default_factory=RetentionConfig)
    moderation: ModerationConfig = field(default_factory=ModerationConfig)
    access: AccessConfig = field(default_factory=AccessConfig)
    rules: tuple[RuleConfig, ...] = ()
    web: WebConfig = field(default_factory=WebConfig)
    discord: DiscordConfig = field(default_factory=DiscordConfig)
    telegram: TelegramConfig = field(default_factory=TelegramConfig)

    def secrets(self) -> list[str]:
        """Return every token that is set, for the log filter."""
        kept = [value for _, value, meta in leaves(self) if meta.get("secret") and value]
        return [
            secret for value in kept for secret in (value.values() if isinstance(value, dict) else [value])
        ]


def exposed(path: Path | None, config: Config) -> str:
    """Return in one line that others on this machine can read the file's tokens, or nothing."""
    path = path or DEFAULT_FILE
    # Windows gives a home folder to its owner alone and has no such bits.
    if os.name != "posix" or not config.secrets() or not path.exists() or not path.stat().st_mode & 0o077:
        return ""
    return f"{path} holds tokens and others on this machine can read it: chmod 600 {path}"


def load(path: Path | None = None, environ: Mapping[str, str] = os.environ) -> Config:
    """Read `path` (default: ./config.toml where it exists) and the environment; raises `ConfigError`."""
    if path is None and DEFAULT_FILE.exists():
        path = DEFAULT_FILE
    table = _read(path) if path else {}
    origin = str(path) if path else "config.toml"
    overlay = _environment(environ)
    for model in (table.get("model"), overlay.get("model")):
        for key in RENAMED.keys() & model if isinstance(model, dict) else ():
            raise ConfigError(
                f"model.{key} is now a name in model.experimental = {RENAMED[key]}; off needs none"
            )
    config: Config = build(Config, table, origin, "")
    return config if not overlay else build(Config, _merge(table, overlay), "environment or " + origin, "")


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such file; copy config.example.toml there or drop --config") from None
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror}); check its permissions") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: is not valid TOML: {error}") from None


def _environment(environ: Mapping[str, str]) -> dict[str, Any]:
    table: dict[str, Any] = {}
    for name, value in environ.items():
        if not name.upper().startswith(PREFIX):
            continue
        *sections, key = name[len(PREFIX) :].lower().split("__")
        place = table
        for section in sections:
            place = place.setdefault(section, {})
            if not isinstance(place, dict):
                raise ConfigError(
                    f"environment: {name} and {PREFIX}{section.upper()} exclude each other; unset one"
                )
        place[key] = value
    return table


def _merge(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for key, value in above.items():
        old = merged.get(key)
        merged[key] = _merge(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return merged
