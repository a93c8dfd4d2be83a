"""A user's account, whether they may ask here, under which limits, and with which defaults.

Knows accounts and the operator's rules; knows no job.
"""

from collections.abc import Callable
from dataclasses import replace

from bot.policy.access import Access
from bot.policy.limits import Rule
from bot.policy.role_limits import LimitRules
from bot.replies import settings_panel
from bot.storage.accounts import AccountStore
from bot.types import Params, Refused, User


class Members:
    """The users of one bot; `now` gives Unix seconds."""

    def __init__(
        self,
        accounts: AccountStore,
        access: Access,
        rules: LimitRules,
        operator_defaults: Params,
        now: Callable[[], float],
    ) -> None:
        self.access = access
        self.accounts = accounts
        self.operator_defaults = operator_defaults
        self._rules = rules
        self._now = now

    def linked(self, user: User) -> User:
        """Return the user with the account they are linked to."""
        return self.accounts.with_account(user)

    def check_access(self, user: User) -> None:
        """Raise `Refused` (`banned`, `not-here`) for a user who may not ask here; reads no database."""
        user = self.linked(user)
        self.access.check(user, self.accounts.names(user))
        if ban := self.accounts.banned(user, self._now()):
            left = None if ban.until is None else ban.until - self._now()
            raise Refused("banned", retry_after=left, reason=ban.reason)

    def limits(self, user: User) -> Rule:
        """Return the limits that hold for a user in their chat."""
        return self._rules.of(self.accounts.names(self.linked(user)))

    def weight(self, user: User) -> int:
        """Return how many turns a user gets while others get one."""
        return 1 + self.limits(user).priority

    async def defaults(self, user: User) -> Params:
        """Return the parameters that hold where this user says nothing."""
        settings = await self.accounts.settings(self.linked(user).person)
        params = settings_panel.applied(self.operator_defaults, settings)
        return replace(params, count=min(params.count, self.limits(user).max_count or params.count))

    async def change(self, user: User, change: str) -> None:
        """Keep a press on the settings panel, `name=value` or `reset`; raises `Refused`."""
        person = self.linked(user).person
        settings = await self.accounts.settings(person)
        await self.accounts.set(person, settings_panel.changed(self.operator_defaults, settings, change))
