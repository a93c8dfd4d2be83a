"""Puts together what a user sees as one message: an album, and a text that was too long for one.

Knows messages by their numbers; knows nothing of what they say.
"""

from collections.abc import Awaitable, Callable, Hashable

from telegram import Message

from engine.lru import LruDict

WINDOW = 0.7
"""Seconds in which the parts of a message come one after the other."""
LONG = 4000
"""Characters from which on a text may have been cut by the sender's program, which does so at 4096."""


class MessageParts:
    """Holds parts from their arrival on; a first one that is handled again finds them again."""

    def __init__(self, sleep: Callable[[float], Awaitable[None]]) -> None:
        self._sleep = sleep
        self._open: dict[Hashable, list[Message]] = {}
        self._whole: LruDict[Hashable, list[Message]] = LruDict()
        self._keys: LruDict[tuple[int, int], Hashable] = LruDict()

    def add(self, message: Message) -> None:
        """Note a message as it arrives: parts are known before the first is handled."""
        key: Hashable
        before = self._keys.get((message.chat.id, message.message_id - 1))
        if message.media_group_id:
            key = (message.chat.id, message.media_group_id)
        elif before in self._open and message.text and _sender(message) == _sender(self._open[before][-1]):
            key = before
        elif len(message.text or "") >= LONG:
            key = (message.chat.id, message.message_id)
        else:
            return
        known = (message.chat.id, message.message_id) in self._keys
        self._keys[message.chat.id, message.message_id] = key
        if not known and key not in self._whole:
            self._open.setdefault(key, []).append(message)

    async def complete(self, message: Message) -> list[Message]:
        """Return all parts for the first of them and nothing for the others; most messages are whole."""
        key = self._keys.get((message.chat.id, message.message_id))
        if key is None:
            return [message]
        parts = self._whole.get(key) or self._open.get(key, [])
        if not parts or parts[0].message_id != message.message_id:
            return []
        if key in self._open:
            await self._sleep(WINDOW)
            self._whole[key] = self._open.pop(key)
        return parts


def _sender(message: Message) -> int:
    return message.from_user.id if message.from_user else 0
