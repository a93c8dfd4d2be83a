"""Where a job's message lives on Telegram, as an address can store it. Knows no bot and no core."""

import json
from dataclasses import asdict, dataclass

from bot.types import Address

NAME = "telegram"


@dataclass(frozen=True, slots=True)
class Place:
    """A message that is there (`message`) or will be, in reply to `reply` and in the forum topic `thread`.

    `event` is the event the message answers, its key while it has no number; `photo` says that it shows a
    picture now; `lang` is the language tag and `user` the account of the one it answers. Groups have negative
    chat numbers.
    """

    chat: int
    event: str
    message: int | None = None
    thread: int | None = None
    reply: int | None = None
    photo: bool = False
    lang: str = ""
    user: int = 0

    @property
    def group(self) -> bool:
        """Whether others read along."""
        return self.chat < 0

    def address(self) -> Address:
        """Return the address that `read` takes back."""
        fields = {name: value for name, value in asdict(self).items() if value not in (None, False, "")}
        return Address(NAME, json.dumps(fields, separators=(",", ":")))


def read(address: Address) -> Place:
    """Return the place an address of ours means."""
    return Place(**json.loads(address.place))


def is_at(address: Address, chat: int, message: int | None) -> bool:
    """Say whether an address means this message."""
    if address.platform != NAME:
        return False
    place = read(address)
    return (place.chat, place.message) == (chat, message)
