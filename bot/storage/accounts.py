"""What the bot keeps of a person beyond their jobs: settings, links between accounts, bans, what they spent.

A person on a platform is a member, named as in the configuration: `discord:user:7`. Links and bans are few
and asked for at every turn, so they are held in memory, too. SQL lives only here, in `jobs.py` and in
migrations/*.sql. Times are Unix seconds.
"""

import hmac
import json
import logging
import secrets
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Self

from bot.policy.limits import DAY, MINUTE, Usage
from bot.storage.database import Database
from bot.types import User

_REKEY = (
    "UPDATE jobs SET person = ? WHERE person = ? "
    "AND iif(json_valid(user), platform || ':user:' || json_extract(user, '$.id'), '') = ?"
)

_FORGOTTEN = (
    "FROM forgotten WHERE who IN (SELECT value FROM json_each(:hashes)) AND created <= :now AND created"
)
_CHARGES = f"""
    SELECT min(60 * minute + 60, :now) AS time, charge FROM spent
    WHERE person = :person AND minute <= :now / 60 AND minute >= (:now - {DAY}) / 60 AND charge > 0
    UNION ALL SELECT created, charge {_FORGOTTEN} > :now - {DAY} AND charge > 0"""
_USAGE = f"""SELECT
    (SELECT json_group_array(created) FROM (
        SELECT created FROM jobs WHERE person = :person AND created > :now - {MINUTE} AND created <= :now
        UNION ALL SELECT created {_FORGOTTEN} > :now - {MINUTE}
        ORDER BY created)) AS requests,
    (SELECT coalesce(sum(charge), 0) FROM ({_CHARGES})) AS spent,
    (SELECT count(*) FROM jobs WHERE state IN ('queued', 'running') AND person = :person) AS waiting,
    (SELECT count(*) FROM jobs WHERE state IN ('queued', 'running')) AS queue"""


log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Ban:
    """A member who is shut out until then, None for good."""

    until: float | None
    reason: str = ""


class AccountStore:
    """Settings, links and bans; load it with `AccountStore.load`."""

    def __init__(
        self,
        db: Database,
        salt: bytes,
        links: dict[str, str],
        bans: dict[str, Ban],
        renamed: dict[str, str],
    ) -> None:
        self._renamed = renamed
        self._db = db
        self._salt = salt
        self.database = hmac.digest(salt, b"database", "sha256").hex()[:6]
        self._links = links
        self._bans = bans
        self._settings: dict[str, dict[str, str]] = {}

    @classmethod
    async def load(cls, db: Database) -> Self:
        """Read what is held in memory."""
        [(salt,)] = await db.rows("SELECT salt FROM salts")
        links = {row["member"]: row["account"] for row in await db.rows("SELECT * FROM links")}
        bans = await db.rows("SELECT member, until, reason FROM bans")
        renamed = {row["name"]: row["before"] for row in await db.rows("SELECT * FROM renamed_groups")}
        return cls(db, salt, links, {member: Ban(until, reason) for member, until, reason in bans}, renamed)

    def with_account(self, user: User) -> User:
        """Return the user with the account they are linked to and the former names of their groups."""
        account = self._links.get(user_key(user), "")
        former = [self._renamed[name] for name in user.groups if name in self._renamed]
        groups = tuple(dict.fromkeys((*user.groups, *former)))
        if (user.account, user.groups) == (account, groups):
            return user
        return replace(user, account=account, groups=groups)

    async def rename_group(self, before: str, name: str) -> None:
        """Know the group `name` by its name of before, too."""
        await self._db.write("INSERT OR REPLACE INTO renamed_groups VALUES (?, ?)", (name, before))
        self._renamed[name] = before

    def names(self, user: User) -> frozenset[str]:
        """Return every name that means this person, those of linked accounts included."""
        return user.names | frozenset(self.members(user.account))

    def members(self, account: str) -> list[str]:
        """Return the members who are one person by this account."""
        if not account:
            return []
        return [one for one, other in self._links.items() if other == account]

    def banned(self, user: User, now: float) -> Ban | None:
        """Return the ban in force against a person, by whichever account."""
        for name in (user_key(user), *self.members(user.account)):
            ban = self._bans.get(name)
            if ban is not None and (ban.until is None or ban.until > now):
                return ban
        return None

    def bans(self, now: float) -> dict[str, Ban]:
        """Return who is shut out."""
        return {name: ban for name, ban in self._bans.items() if ban.until is None or ban.until > now}

    async def ban(self, name: str, ban: Ban) -> None:
        """Shut a member out."""
        await self._db.write("REPLACE INTO bans VALUES (?, ?, ?)", (name, ban.until, ban.reason))
        self._bans[name] = ban

    async def unban(self, name: str) -> bool:
        """Let a member in again; False when they were not banned."""
        await self._db.write("DELETE FROM bans WHERE member = ?", (name,))
        return self._bans.pop(name, None) is not None

    async def settings(self, person: str) -> Mapping[str, str]:
        """Return what a person has set, flag name to value."""
        if person not in self._settings:
            rows = await self._db.rows("SELECT said FROM settings WHERE person = ?", (person,))
            self._settings[person] = _settings(rows[0]["said"]) if rows else {}
        return self._settings[person]

    async def set(self, person: str, settings: Mapping[str, str]) -> None:
        """Keep what a person has set."""
        await self._db.write("REPLACE INTO settings VALUES (?, ?)", (person, json.dumps(dict(settings))))
        self._settings[person] = dict(settings)

    async def link(self, one: User, other: User) -> None:
        """Make two members one person: one history, one quota. `one`'s settings win."""
        account = one.account or other.account or f"account:{secrets.token_hex(8)}"
        settings = await self.settings(one.person) or await self.settings(other.person)
        joined = {user_key(user) for user in (one, other)}
        joined |= {*self.members(one.account), *self.members(other.account)}
        persons = one.person, other.person

        def join(connection: sqlite3.Connection) -> None:
            for name in joined:
                connection.execute("REPLACE INTO links VALUES (?, ?)", (name, account))
            for person in persons:
                connection.execute("UPDATE jobs SET person = ? WHERE person = ?", (account, person))
                connection.execute("DELETE FROM settings WHERE person = ?", (person,))

        await self._db.transaction(join)
        for person in persons:
            self._settings.pop(person, None)
        self._links |= dict.fromkeys(joined, account)
        await self.set(account, settings)

    async def unlink(self, user: User) -> bool:
        """Separate a member from their account, with their own jobs; False when there is none."""
        leaving = [user_key(user)] if user.account else []
        staying = [name for name in self.members(user.account) if name not in leaving]
        if len(staying) == 1:
            leaving += staying
        settings = await self.settings(user.person)

        def separate(connection: sqlite3.Connection) -> None:
            for name in leaving:
                connection.execute("DELETE FROM links WHERE member = ?", (name,))
                connection.execute(_REKEY, (_person(name), user.account, name))

        await self._db.transaction(separate)
        for name in leaving:
            del self._links[name]
            await self.set(_person(name), settings)
        return bool(leaving)

    async def usage(self, person: str, now: float) -> Usage:
        """Return what a person asked for in the day before `now`, as `usage_in` does."""
        return await self._db.read(lambda connection: self.usage_in(connection, person, now))

    def usage_in(
        self, connection: sqlite3.Connection, person: str, now: float, summed: bool = False
    ) -> Usage:
        """Return what a person asked for in the day before `now`, as a connection sees it.

        `summed`, all charges are one, dated `now`: quicker, and enough to tell whether there is any left.
        Charges are in token-steps, by the minute, which counts until its end is a day old. What is dated
        after `now` does not count: the clock has been set back since.
        """
        values = {"person": person, "now": now, "hashes": json.dumps(self.hashes(person))}
        row = connection.execute(_USAGE, values).fetchone()
        charges = () if summed else connection.execute(f"{_CHARGES} ORDER BY time", values).fetchall()
        return Usage(
            requests=tuple(json.loads(row["requests"])),
            charges=((now, row["spent"]),) if summed else tuple(map(tuple, charges)),
            waiting=row["waiting"],
            queue=row["queue"],
        )

    async def forget(self, user: User) -> None:
        """Drop settings and links; a ban stays, on every account, or forgetting would be a way around it."""
        accounts = self.members(user.account)
        for ban in [self._bans[name] for name in accounts if name in self._bans][:1]:
            for name in accounts:
                await self.ban(name, self._bans.get(name, ban))

        def drop(connection: sqlite3.Connection) -> None:
            connection.execute("DELETE FROM settings WHERE person = ?", (user.person,))
            connection.execute("DELETE FROM links WHERE account = ?", (user.account,))

        await self._db.transaction(drop)
        await self._db.flush()
        self._settings.pop(user.person, None)
        for name in accounts:
            del self._links[name]

    def hashes(self, person: str) -> list[str]:
        """Return the keyed hashes under which a forgotten person's costs stay for the limits."""
        return [self.hashed(name) for name in self.members(person) or [_member(person)]]

    def hashed(self, name: str) -> str:
        """Return the keyed hash of a member."""
        return hmac.digest(self._salt, name.encode(), "sha256").hex()


def _settings(text: str) -> dict[str, str]:
    """Read what somebody has set; what something else has written there counts as nothing."""
    try:
        return {name: value for name, value in json.loads(text).items() if isinstance(value, str)}
    except (ValueError, AttributeError) as error:
        log.error("somebody's settings cannot be read: %r", error)
        return {}


def user_key(user: User) -> str:
    """Return a user's name as the configuration writes it."""
    return f"{user.platform}:user:{user.id}"


def _person(name: str) -> str:
    platform, _, ident = name.split(":", 2)
    return f"{platform}:{ident}"


def _member(person: str) -> str:
    platform, _, ident = person.partition(":")
    return f"{platform}:user:{ident}"
