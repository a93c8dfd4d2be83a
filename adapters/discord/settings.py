"""The operator's choices for Discord."""

from dataclasses import dataclass, field

API_BASE = "https://discord.com/api/v10"
GATEWAY_URL = "wss://gateway.discord.gg/"


@dataclass(frozen=True, slots=True)
class DiscordSettings:
    """`shards` 0 is one plain connection, `command` the name of `/imagine`.

    `spoiler_channels` are where pictures are covered, `reactions` says whether the bot puts 🔄 and ⬆️ under
    its pictures itself.
    """

    token: str = field(repr=False)
    api_base: str = API_BASE
    gateway_url: str = GATEWAY_URL
    command: str = "imagine"
    reactions: bool = False
    spoiler_channels: frozenset[int] = frozenset()
    shards: int = 0
