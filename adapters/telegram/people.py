"""Users on Telegram, named as in the configuration: the account and its group, and who moderates it.

Only the last costs a call, so it is made where it decides something, and kept for a minute.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import replace

from telegram import Chat, ChatMemberAdministrator, ChatMemberOwner
from telegram import User as Account
from telegram.error import TelegramError
from telegram.ext import ExtBot

from adapters.telegram.address import NAME
from bot.types import User
from engine.lru import LruDict

KNOWN_FOR = 60.0

log = logging.getLogger(__name__)


def user_of(account: Account, chat: Chat) -> User:
    """Return the user behind an account, as they are in a chat."""
    names = [] if chat.id == account.id else [str(chat.id), *([f"@{chat.username}"] if chat.username else [])]
    groups = tuple(f"{NAME}:chat:{name}" for name in names)
    return User(NAME, str(account.id), account.full_name, account.language_code or "en", groups)


class Moderators:
    """Knows who may remove others' messages in a group."""

    def __init__(self, bot: "ExtBot[bool]", clock: Callable[[], float] = time.monotonic) -> None:
        self._bot = bot
        self._clock = clock
        self._known: LruDict[tuple[int, str], tuple[float, bool]] = LruDict()

    async def named(self, user: User, chat: int) -> User:
        """Return the user with `moderator` looked up; where Telegram does not say, they are none."""
        checked, moderates = self._known.get((chat, user.id), (-KNOWN_FOR, False))
        if self._clock() - checked >= KNOWN_FOR:
            moderates = await self._ask(chat, int(user.id))
            self._known[chat, user.id] = (self._clock(), moderates)
        return replace(user, moderator=moderates)

    async def _ask(self, chat: int, user: int) -> bool:
        try:
            member = await self._bot.get_chat_member(chat, user)
        except TelegramError as error:
            log.info("chat %d does not say who moderates it: %s", chat, error)
            return False
        if isinstance(member, ChatMemberAdministrator):
            return bool(member.can_delete_messages)
        return isinstance(member, ChatMemberOwner)
