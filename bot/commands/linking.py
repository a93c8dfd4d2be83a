"""Links the accounts of one user on several platforms: a one-time code from one, entered on another.

Codes live in memory only, for ten minutes or until a restart. Knows accounts, no jobs; links are kept by
`bot.storage.accounts`.
"""

import secrets
from collections.abc import Callable
from dataclasses import dataclass

from bot.locales.texts import typed
from bot.replies.replies import Replies
from bot.storage.accounts import AccountStore, user_key
from bot.types import Refused, Reply, User

ALPHABET = "ABCDEFGHJKMNPQRSTUVWXYZ23456789"
"""Without 0 and O, 1, I and L, which look alike."""
LENGTH = 8
LIFE = 600.0
TRIES = 5
OFF = typed("typed-separate")


@dataclass(frozen=True, slots=True)
class _Offer:
    user: User
    until: float


class Linking:
    """Offers and takes codes; `now` gives seconds of a monotonic clock."""

    def __init__(self, accounts: AccountStore, replies: Replies, now: Callable[[], float]) -> None:
        self._accounts = accounts
        self._replies = replies
        self._now = now
        self._offers: dict[str, _Offer] = {}
        self._misses: dict[str, list[float]] = {}

    async def answer(self, user: User, word: str) -> Reply:
        """Offer a code, take one, or separate again.

        Raises `Refused`: `bad-code`, `too-many-tries`, `own-code`, `not-linked`.
        """
        if not word:
            return self._replies.link(user.locale, self._offer(user))
        if word.casefold() in OFF:
            if not await self._accounts.unlink(user):
                raise Refused("not-linked")
            return self._replies.unlinked(user.locale)
        other = self._redeem(user, word.replace("-", "").upper())
        await self._accounts.link(self._accounts.with_account(other), user)
        return self._replies.linked(user.locale, other)

    def _offer(self, user: User) -> str:
        """Return a fresh code; the user's earlier one is void."""
        now = self._now()
        self._offers = {
            code: offer
            for code, offer in self._offers.items()
            if offer.until > now and user_key(offer.user) != user_key(user)
        }
        code = "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))
        self._offers[code] = _Offer(user, now + LIFE)
        return code

    def _redeem(self, user: User, code: str) -> User:
        """Return who offered a code, which is used up; count a wrong one."""
        now, name = self._now(), user_key(user)
        misses = [time for time in self._misses.get(name, ()) if time > now - LIFE]
        if len(misses) >= TRIES:
            raise Refused("too-many-tries", retry_after=misses[0] + LIFE - now)
        offer = self._offers.get(code)
        if offer is None or offer.until <= now:
            self._misses[name] = [*misses, now]
            raise Refused("bad-code")
        if self._accounts.with_account(offer.user).person == user.person:
            raise Refused("own-code")
        del self._offers[code]
        return offer.user
