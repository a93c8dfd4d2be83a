"""Typed settings from config.toml and the environment.

Every setting and its checks; a section that is another module's dataclass has its defaults there. The
environment wins over the file. An unknown key or a bad value is a `ConfigError` of one line naming key, value
and fix.
"""

import codecs
import ipaddress
import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from bot.policy.access import Access
from bot.policy.limits import Rule
from bot.policy.role_limits import RoleLimits
from bot.requests.flag_table import MOST_PICTURES, STRENGTHS
from bot.setup.schema import (
    Check,
    ConfigError,
    Schema,
    between,
    each_matching,
    leaves,
    matching,
    one_of,
)
from bot.storage.retention import Retention
from engine.types import EXPERIMENTS, MOST_GUIDANCE, MOST_STEPS, ModelSettings

__all__ = ["Config", "ConfigError", "leaves", "load"]

PREFIX = "ZIMAGE_BOT_"
DEFAULT_FILE = Path("config.toml")
HOUSEHOLD = "token"
"""The user that everybody with `web.token` is."""
SHORTEST_TOKEN = 8
RENAMED = {
    "schedule": '["dynamic-schedule"]',
    "reuse": '["reuse-balanced"] or ["reuse-fast"]',
    "cuda_graphs": '["cuda-graphs"]',
    "detail": '["detail"]',
}
"""Settings of [model] that became names in its `experimental`."""
_NAMES = each_matching(
    r"discord:(server|channel|role|user):\d{1,20}|discord:age-restricted|telegram:user:\d{1,20}"
    r"|telegram:chat:(-?\d{1,20}|@\w{4,32})|web:(local|user:[\w-]{1,64})",
    'names such as "discord:role:5", "telegram:chat:-100" or "web:local"',
)
_LIMITS = {
    "per_minute": between(0, 10_000),
    "per_day": between(0, 1_000_000),
    "waiting": between(0, 10_000),
    "queue": between(0, 1_000_000),
    "max_count": between(1, MOST_PICTURES),
    "max_megapixels": between(0.0, 100.0),
    "priority": between(0, 10),
}
_SERVER_PATTERN = r"https?://[\w.-]+\S*|https?://\[[0-9a-fA-F:]+\]\S*"
_SERVER = matching(_SERVER_PATTERN, "an https:// address")
CHECKS: Mapping[str, Check] = {
    "log_level": one_of("debug", "info", "warning", "error"),
    "model.device": matching(r"auto|all|cpu|mps|cuda(:\d+)?", "auto, all, cpu, mps, cuda or cuda:N"),
    "model.dtype": one_of("auto", "float32", "bfloat16", "float16"),
    "model.threads": between(0, 1024),
    "model.weights": one_of(
        "auto", "plain", "bfloat16", "int8", "float8", "4bit", "int8-fast", "float8-fast"
    ),
    "model.mirror": matching(rf"|{_SERVER_PATTERN}", "an https:// address, or empty"),
    "model.size": between(0, 4096),
    "model.idle_minutes": between(0.0, 10_000.0),
    "model.max_growth_gb": between(0.0, 10_000.0),
    "model.experimental": each_matching("|".join(EXPERIMENTS), ", ".join(EXPERIMENTS)),
    "defaults.steps": between(1, MOST_STEPS, or_unset=0),
    "defaults.cfg": between(1.0, MOST_GUIDANCE, or_unset=0),
    "defaults.count": between(1, MOST_PICTURES),
    "defaults.strength": between(*STRENGTHS),
    "retention.picture_days": between(0, 36_500),
    "retention.prompt_days": between(0, 36_500),
    "moderation.refuse": between(0.0, 1.0),
    "moderation.exempt": _NAMES,
    "access.allow": _NAMES,
    "access.block": _NAMES,
    "access.admins": _NAMES,
    "rules.match": _NAMES,
    **{f"limits.{name}": check for name, check in _LIMITS.items()},
    **{f"rules.{name}": check for name, check in _LIMITS.items()},
    "logging.format": one_of("text", "json"),
    "metrics.listen": matching(r"|\S+:\d{1,5}", "host:port, or empty"),
    "cluster.url": matching(r"|(nats|tls|wss?)://[^\s/]+", "tls://HOST:PORT, nats://, wss:// or ws://"),
    "cluster.lane": matching(r"|[A-Za-z0-9_-]{1,64}", "1–64 of a–z, 0–9, - and _"),
    "web.port": between(0, 65_535),
    "web.hosts": each_matching(
        r"[^\s/:@\[\]]+|\[[0-9a-fA-F:]+\]", 'names without scheme and port, such as "pictures.example.org"'
    ),
    "discord.command": matching(r"[a-z0-9_-]{1,32}", "1–32 of a–z, 0–9, - and _"),
    "discord.spoiler_channels": each_matching(r"\d{5,20}", "ids, which are long numbers"),
    "discord.shards": between(0, 1024),
    "discord.api_base": _SERVER,
    "discord.gateway_url": matching(r"wss?://[\w.-]+\S*|wss?://\[[0-9a-fA-F:]+\]\S*", "a wss:// address"),
    "telegram.base_url": _SERVER,
    "telegram.base_file_url": _SERVER,
    "telegram.webhook_url": matching(r"|https://\S+", "an https:// address, or empty"),
    "telegram.webhook_listen": matching(r"\S+:\d{1,5}", "host:port"),
}
"""What a value must be besides its type, by its dotted key."""


@dataclass(frozen=True, slots=True)
class ModelConfig(ModelSettings):
    """What draws, and on what. `size` is the side of the square drawn by default, 0 for the model's own.

    `mirror` is the address of a server in the hub's place, "" for the hub or `HF_ENDPOINT`.
    """

    name: str = "embedded"
    mirror: str = ""
    size: int = 0
    idle_minutes: float = 0.0
    max_growth_gb: float = 4.0


@dataclass(frozen=True, slots=True)
class DefaultsConfig:
    """What a picture gets where the user says nothing; with 0, steps and cfg are the model's own."""

    steps: int = 0
    cfg: float = 0.0
    count: int = 1
    strength: float = 0.6
    optimize: bool = True
    enhance: bool = True
    reword: bool = False


@dataclass(frozen=True, slots=True)
class ModerationConfig:
    """What nobody may draw: `banned` words, and pictures that score too high for a label of `refuse`."""

    banned: tuple[str, ...] = ()
    classifier: str = ""
    refuse: Mapping[str, float] = field(default_factory=lambda: {"nsfw": 0.8})
    exempt: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class WebConfig:
    """The local web chat. `host` and `port` are where it listens; port 0 takes a free one.

    Whoever has `token` is one user, and each of `people` (name to token) another. Without any token the page
    is this machine's alone. `hosts` are the public names (no port) under which browsers reach the server,
    through a reverse proxy or the local name service.

    Raises ValueError for a token or name that cannot be used, and where others could come in without a token.
    """

    enabled: bool = True
    host: str = "127.0.0.1"
    port: int = 7860
    token: str = field(default="", repr=False)
    hosts: tuple[str, ...] = ()
    people: Mapping[str, str] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        if not self.enabled:
            return
        for name in self.people:
            if name == HOUSEHOLD or not re.fullmatch(r"[\w-]{1,64}", name):
                raise ValueError(
                    f"people cannot name {name!r}: take 1–64 letters, digits, - and _, "
                    f"and not {HOUSEHOLD!r}, which is whoever has web.token"
                )
        settings = {(HOUSEHOLD if name == HOUSEHOLD else f"people.{name}"): token
                    for name, token in self.tokens.items()}  # fmt: skip
        for key, token in settings.items():
            if len(token) < SHORTEST_TOKEN:
                raise ValueError(f"{key} has fewer than {SHORTEST_TOKEN} characters: set a long random text")
            if same := next((other for other in settings if other != key and settings[other] == token), None):
                raise ValueError(f"{key} and web.{same} are the same token: give each user their own")
        if not settings and not is_loopback(self.host):
            raise ValueError(
                f"host {self.host} can be reached from other machines and needs web.token: "
                "set a long random token, or listen on 127.0.0.1"
            )
        if not settings and self.hosts:
            raise ValueError(
                f"hosts {', '.join(self.hosts)} opens the page to others and needs web.token: "
                "set a long random token, or leave web.hosts empty"
            )

    @property
    def tokens(self) -> Mapping[str, str]:
        """Every user's token by the user's name; empty where the page is this machine's alone."""
        return ({HOUSEHOLD: self.token} if self.token else {}) | dict(self.people)


def is_loopback(host: str) -> bool:
    """Return whether `host`, a name or an address without port and brackets, means this machine only."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


@dataclass(frozen=True, slots=True)
class DiscordConfig:
    """The Discord bot; a token switches it on. `command` is the name of `/imagine`.

    `add_reactions` puts 🔄 and ⬆️ under every picture, in `spoiler_channels` pictures are covered; with 0
    `shards` there is one plain connection.
    """

    token: str = field(default="", repr=False)
    command: str = "imagine"
    add_reactions: bool = False
    spoiler_channels: frozenset[int] = frozenset()
    shards: int = 0
    api_base: str = "https://discord.com/api/v10"
    gateway_url: str = "wss://gateway.discord.gg/"
    proxy: str = ""


@dataclass(frozen=True, slots=True)
class TelegramConfig:
    """The Telegram bot: its token, the Bot API server to ask; without a webhook, updates are fetched."""

    token: str = field(default="", repr=False)
    webhook_url: str = ""
    webhook_listen: str = "127.0.0.1:8443"
    base_url: str = "https://api.telegram.org/bot"
    base_file_url: str = "https://api.telegram.org/file/bot"
    proxy: str = ""


@dataclass(frozen=True, slots=True)
class LoggingConfig:
    """How the log is written: `format` text or json; with `prompts`, JSON shows them in place of a hash."""

    format: str = "text"
    prompts: bool = False


@dataclass(frozen=True, slots=True)
class MetricsConfig:
    """Where Prometheus reads `/metrics`, without a password: `listen` is host:port, empty for nowhere."""

    listen: str = ""


@dataclass(frozen=True, slots=True)
class ClusterConfig:
    """Several machines that draw: the broker's address, a file of credentials, what this machine draws for.

    Without a `url` this machine draws alone. An empty `lane` is made of the model, its LoRA files and the
    classifier.
    """

    url: str = ""
    credentials: str = ""
    lane: str = ""


@dataclass(frozen=True, slots=True)
class Config:
    """Every setting of the bot."""

    data_dir: Path = Path("data")
    log_level: str = "info"
    model: ModelConfig = field(default_factory=ModelConfig)
    defaults: DefaultsConfig = field(default_factory=DefaultsConfig)
    limits: Rule = field(default_factory=Rule)
    retention: Retention = field(default_factory=Retention)
    moderation: ModerationConfig = field(default_factory=ModerationConfig)
    access: Access = field(default_factory=Access)
    rules: tuple[RoleLimits, ...] = ()
    logging: LoggingConfig = field(default_factory=LoggingConfig)
    metrics: MetricsConfig = field(default_factory=MetricsConfig)
    cluster: ClusterConfig = field(default_factory=ClusterConfig)
    web: WebConfig = field(default_factory=WebConfig)
    discord: DiscordConfig = field(default_factory=DiscordConfig)
    telegram: TelegramConfig = field(default_factory=TelegramConfig)

    def secrets(self) -> list[str]:
        """Return every token and password that is set, for the log filter."""
        kept = [value for _, value, is_secret in leaves(self) if is_secret and value]
        found = [
            secret for value in kept for secret in (value.values() if isinstance(value, dict) else [value])
        ]
        urls = (self.discord.proxy, self.telegram.proxy, self.cluster.url)
        passwords = [urlsplit(url).password for url in urls]
        return [*found, *filter(None, passwords)]


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
    table = read_toml(path) if path else {}
    variables = _overlay(table, environ)
    for key in RENAMED.keys() & table["model"] if isinstance(table.get("model"), dict) else ():
        raise ConfigError(f"model.{key} is now a name in model.experimental = {RENAMED[key]}; off needs none")
    config: Config = Schema(CHECKS, lambda key: variables.get(key, str(path))).read(Config, table)
    return config


def read_toml(path: Path) -> dict[str, Any]:
    """Return the table in a file; raises `ConfigError` where there is none."""
    try:
        return tomllib.loads(decoded(path.read_bytes()))
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such file; copy config.example.toml there or drop --config") from None
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror}); check its permissions") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: is not valid TOML: {error}") from None
    except RecursionError:
        raise ConfigError(f"{path}: is not valid TOML: brackets within brackets without end") from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: is not in UTF-8 ({error}); save it in that encoding") from None


def decoded(data: bytes) -> str:
    """Decode a file as editors and shells write it: UTF-8 or UTF-16, with a byte order mark or without."""
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return data.decode("utf-16")
    for encoding, zero in (("utf-16-le", 1), ("utf-16-be", 0)):
        if data[zero : zero + 1] == b"\0":  # the first character of TOML is an ASCII one
            return data.decode(encoding)
    return data.decode("utf-8-sig")


def _overlay(table: dict[str, Any], environ: Mapping[str, str]) -> Mapping[str, str]:
    """Write the environment's settings into the file's table; return their variables by dotted key."""
    variables: dict[str, str] = {}
    for name, value in environ.items():
        if not name.upper().startswith(PREFIX):
            continue
        *sections, key = name[len(PREFIX) :].lower().split("__")
        inner, dotted = table, ""
        for section in sections:
            dotted += section
            if section not in inner:
                variables[dotted] = name
            inner = inner.setdefault(section, {})
            if not isinstance(inner, dict):
                other = variables.get(dotted, f"{dotted} in the file")
                raise ConfigError(f"environment: {name} and {other} exclude each other; unset one")
            dotted += "."
        inner[key] = value
        variables[dotted + key] = name
    return variables
