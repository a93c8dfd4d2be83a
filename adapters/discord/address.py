"""Where a message lives on Discord, as the text of an `Address`. Knows no client and no reply."""

import json
from dataclasses import asdict, dataclass

from bot.types import Address

PLATFORM = "discord"
UPLOAD_LIMIT = 10 * 1024**2
TOKEN_LIFE = 15 * 60.0
MARGIN = 20.0
"""Seconds before its end from which on a token is not trusted to last through an upload."""


@dataclass(frozen=True, slots=True)
class Place:
    """A message in a channel; `message` 0 is not sent yet and is sent under `nonce`, once.

    While `expires` (Unix seconds) has not come, `token` edits the message with no channel permission at all.
    A `hidden` message is seen by its user alone and edited by the token only. `user` is who asked, `lang`
    their language tag, `limit` the bytes one file may have there, `spoiler` says that pictures are covered.
    """

    channel: int
    user: int
    message: int = 0
    token: str = ""
    expires: float = 0.0
    limit: int = UPLOAD_LIMIT
    spoiler: bool = False
    nonce: str = ""
    lang: str = "en"
    hidden: bool = False

    def address(self) -> Address:
        """Return the address that `read` turns back into this place."""
        return Address(PLATFORM, json.dumps(asdict(self), separators=(",", ":")))

    def by_token(self, now: float) -> bool:
        """Say whether the interaction's token still edits the message."""
        return bool(self.token and self.message) and now < self.expires - MARGIN


def read(address: Address) -> Place:
    """Return the place that an address means."""
    return Place(**json.loads(address.place))
