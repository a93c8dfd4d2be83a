"""Typed settings from config.toml and the environment.

Knows every setting, its type and range; opens nothing and starts nothing. The environment wins over the file.
An unknown key or a bad value is a `ConfigError` of one line naming the key, the value and the fix.
"""

import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import Any, get_type_hints

PREFIX = "ZIMAGE_BOT_"
DEFAULT_FILE = Path("config.toml")
DTYPES = ("auto", "float32", "bfloat16", "float16")
WEIGHTS = ("auto", "plain", "bfloat16", "int8", "float8", "4bit")
LEVELS = ("debug", "info", "warning", "error")


class ConfigError(Exception):
    """A setting that cannot be used; the message is one readable line."""


def _setting(default: Any, low: float | None = None, high: float | None = None, **metadata: Any) -> Any:
    """Declare a setting with its range or choices; a `secret` is never shown, in a repr or a log."""
    metadata |= {"low": low, "high": high}
    return field(default=default, repr=not metadata.get("secret", False), metadata=metadata)


@dataclass(frozen=True, slots=True)
class ModelConfig:
    """What draws, and on what."""

    name: str = "embedded"
    device: str = _setting("auto", pattern=r"auto|cpu|mps|cuda(:\d+)?", fix="auto, cpu, mps, cuda or cuda:N")
    dtype: str = _setting("auto", choices=DTYPES)
    threads: int = _setting(0, 0, 1024)
    weights: str = _setting("auto", choices=WEIGHTS)
    size: int = _setting(0, 0, 4096)
    idle_minutes: float = _setting(0.0, 0.0, 10_000.0)
    loras: str = ""


@dataclass(frozen=True, slots=True)
class DefaultsConfig:
    """What a picture gets when the person says nothing."""

    steps: int = _setting(8, 1, 50)
    cfg: float = _setting(1.8, 1.0, 5.0)
    count: int = _setting(1, 1, 4)
    strength: float = _setting(0.6, 0.05, 1.0)
    optimize: bool = True
    enhance: bool = True


@dataclass(frozen=True, slots=True)
class LimitsConfig:
    """How much one person, and everybody together, may ask for; 0 means no limit."""

    per_minute: int = _setting(10, 0, 10_000)
    per_day: int = _setting(200, 0, 1_000_000)
    waiting: int = _setting(10, 0, 10_000)
    queue: int = _setting(500, 0, 1_000_000)
    max_count: int = _setting(4, 1, 4)
    max_megapixels: float = _setting(4.2, 0.0, 100.0)


@dataclass(frozen=True, slots=True)
class RetentionConfig:
    """How long picture files and the texts of jobs are kept; 0 keeps them for ever."""

    picture_days: int = _setting(0, 0, 36_500)
    prompt_days: int = _setting(0, 0, 36_500)


@dataclass(frozen=True, slots=True)
class ModerationConfig:
    """Words nobody may draw: exact words, `*parts*` or `/regular expressions/`."""

    banned: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class WebConfig:
    """The local web chat."""

    enabled: bool = True
    host: str = "127.0.0.1"
    port: int = _setting(7860, 0, 65_535)
    token: str = _setting("", secret=True)
    hosts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DiscordConfig:
    """The Discord bot; a token switches it on. `shards` 0 is one plain connection."""

    token: str = _setting("", secret=True)
    command: str = _setting("imagine", pattern=r"[a-z0-9_-]{1,32}", fix="1–32 of a–z, 0–9, - and _")
    add_reactions: bool = False
    guilds: tuple[str, ...] = _setting((), each=r"\d{5,20}", fix="ids, which are long numbers")
    spoiler_channels: tuple[str, ...] = _setting((), each=r"\d{5,20}", fix="ids, which are long numbers")
    shards: int = _setting(0, 0, 1024)
    api_base: str = "https://discord.com/api/v10"
    gateway_url: str = "wss://gateway.discord.gg/"


@dataclass(frozen=True, slots=True)
class TelegramConfig:
    """The Telegram bot: its token, the Bot API server to ask, and the chats it serves (none named: all)."""

    token: str = _setting("", secret=True)
    base_url: str = "https://api.telegram.org/bot"
    base_file_url: str = "https://api.telegram.org/file/bot"
    chats: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Config:
    """Every setting of the bot."""

    data_dir: Path = Path("data")
    log_level: str = _setting("info", choices=LEVELS)
    model: ModelConfig = field(default_factory=ModelConfig)
    defaults: DefaultsConfig = field(default_factory=DefaultsConfig)
    limits: LimitsConfig = field(default_factory=LimitsConfig)
    retention: RetentionConfig = field(default_factory=RetentionConfig)
    moderation: ModerationConfig = field(default_factory=ModerationConfig)
    web: WebConfig = field(default_factory=WebConfig)
    discord: DiscordConfig = field(default_factory=DiscordConfig)
    telegram: TelegramConfig = field(default_factory=TelegramConfig)

    def secrets(self) -> list[str]:
        """Return every token that is set, for the log filter."""
        return [value for _, value, meta in leaves(self) if meta.get("secret") and value]


def load(path: Path | None = None, environ: Mapping[str, str] = os.environ) -> Config:
    """Read `path` (default: ./config.toml where it exists) and the environment; raises `ConfigError`."""
    if path is None and DEFAULT_FILE.exists():
        path = DEFAULT_FILE
    table = _read(path) if path else {}
    origin = str(path) if path else "config.toml"
    config: Config = _build(Config, table, origin, "")
    overlay = _environment(environ)
    return config if not overlay else _build(Config, _merge(table, overlay), "environment or " + origin, "")


def leaves(section: Any, prefix: str = "") -> Iterator[tuple[str, Any, Mapping[str, Any]]]:
    """Yield (dotted key, value, metadata) of every setting below `section`."""
    for item in fields(section):
        value = getattr(section, item.name)
        if is_dataclass(value):
            yield from leaves(value, f"{prefix}{item.name}.")
        else:
            yield prefix + item.name, value, item.metadata


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


def _build(section: type, table: Mapping[str, Any], origin: str, prefix: str) -> Any:
    known = {item.name: item for item in fields(section)}
    hints = get_type_hints(section)
    values: dict[str, Any] = {}
    for key, value in table.items():
        if key not in known:
            raise ConfigError(f"{origin}: unknown key {prefix}{key}; known here: {', '.join(known)}")
        hint = hints[key]
        if is_dataclass(hint):
            if not isinstance(value, Mapping):
                raise ConfigError(f"{origin}: {prefix}{key} must be a table, [{prefix}{key}], not a value")
            values[key] = _build(hint, value, origin, f"{prefix}{key}.")  # type: ignore[arg-type]
        else:
            values[key] = _check(f"{prefix}{key}", value, hint, known[key].metadata, origin)
    return section(**values)


def _check(key: str, value: Any, hint: Any, rules: Mapping[str, Any], origin: str) -> Any:
    shown = "(hidden)" if rules.get("secret") else repr(value)
    try:
        found = _CONVERT[hint](value)
    except (TypeError, ValueError, KeyError):
        raise ConfigError(f"{origin}: {key} = {shown} must be {_NAMES[hint]}") from None
    if (choices := rules.get("choices")) and found not in choices:
        raise ConfigError(f"{origin}: {key} = {shown} must be one of {', '.join(choices)}")
    if (pattern := rules.get("pattern")) and not re.fullmatch(pattern, found):
        raise ConfigError(f"{origin}: {key} = {shown} must be {rules['fix']}")
    if (each := rules.get("each")) and not all(re.fullmatch(each, part) for part in found):
        raise ConfigError(f"{origin}: {key} = {shown} must be a list of {rules['fix']}")
    low, high = rules.get("low"), rules.get("high")
    if low is not None and high is not None and not low <= found <= high:
        raise ConfigError(f"{origin}: {key} = {shown} must be from {low} to {high}")
    return found


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value.strip()


def _whole(value: Any) -> int:
    if isinstance(value, bool | float):
        raise TypeError
    return int(value)


def _number(value: Any) -> float:
    if isinstance(value, bool):
        raise TypeError
    return float(value)


def _switch(value: Any) -> bool:
    return value if isinstance(value, bool) else _SWITCHES[_text(value).lower()]


def _list(value: Any) -> tuple[str, ...]:
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    return tuple(_text(part) for part in value)


_SWITCHES = dict.fromkeys(("true", "on", "yes", "1"), True) | dict.fromkeys(
    ("false", "off", "no", "0"), False
)
_CONVERT: Mapping[Any, Any] = {
    str: _text,
    int: _whole,
    float: _number,
    bool: _switch,
    Path: lambda value: Path(_text(value)).expanduser(),
    tuple[str, ...]: _list,
}
_NAMES: Mapping[Any, str] = {
    str: "text in quotes",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    Path: "a path in quotes",
    tuple[str, ...]: 'a list of texts, ["a", "b"] (in the environment: a,b)',
}
