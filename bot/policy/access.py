"""Who may come in, who may press what, and who administers: pure functions of the operator's lists.

Knows names as the configuration writes them (`discord:role:5`, `telegram:chat:-100`, `web:local`); knows no
database. The names are checked when the configuration is read.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from bot.types import Action, Job, Refused, User, Verb

ANYONE: frozenset[Verb] = frozenset(
    ("reroll", "vary", "upscale", "zoom", "pan", "info", "edit", "use", "original", "another")
)
MODERATORS: frozenset[Verb] = frozenset(("delete", "cancel"))
PLACES = ("server", "channel", "chat")


@dataclass(frozen=True, slots=True)
class Access:
    """The operator's lists: `block` wins over `allow`, and `allow` restricts the platforms it names."""

    allow: frozenset[str] = frozenset()
    block: frozenset[str] = frozenset()
    admins: frozenset[str] = frozenset(("web:local",))
    anyone_may_press: bool = False

    def check(self, user: User, names: Iterable[str]) -> None:
        """Raise `Refused` (`not-here`) for a person outside the lists.

        `names` are all that mean this person: theirs here, and those of the accounts they are linked to.
        """
        prefix = f"{user.platform}:"
        restricted = any(name.startswith(prefix) for name in self.allow)
        if not self.block.isdisjoint(names) or (restricted and self.allow.isdisjoint(user.names)):
            raise Refused("not-here", place=_place(user))

    def administers(self, user: User) -> bool:
        """Say whether the operator named this person, one of their roles or their chat as administrator."""
        return not self.admins.isdisjoint(user.names)

    def permits(self, user: User, action: Action, job: Job) -> bool:
        """Say whether somebody may press a button under another's job.

        Where anyone may press, and for moderators, both must be in one place: a button's number could be made
        up, and nobody shall reach into a conversation they don't see.
        """
        together = not set(_places(user)).isdisjoint(_places(job.request.user))
        if action.verb in ANYONE:
            return self.anyone_may_press and together
        if action.verb in MODERATORS:
            return self.administers(user) or (user.moderator and together)
        return False


def _places(user: User) -> list[str]:
    return [name for name in user.groups if name.split(":")[1] in PLACES]


def _place(user: User) -> str:
    """Return the name that the operator would have to allow: the server or chat, or the person."""
    return next(iter(_places(user)), f"{user.platform}:user:{user.id}")
