"""Roles to limits: which rule holds for a user, out of the operator's standard and the limits of roles.

Pure functions of names as the configuration writes them; knows no usage and no clock.
"""

from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from typing import Any

from bot.policy.limits import Rule

UNLIMITED = 0
ALONE = "web:local"
"""The user at the machine itself, where the page needs no token: limits are for others."""
ZERO_IS_UNLIMITED = ("per_minute", "per_day", "waiting", "max_megapixels")


@dataclass(frozen=True, slots=True)
class RoleLimits:
    """What everybody gets whom one of the names in `match` means; None leaves the standard.

    Raises ValueError without a name.
    """

    match: frozenset[str] = frozenset()
    per_minute: int | None = None
    per_day: int | None = None
    waiting: int | None = None
    max_count: int | None = None
    max_megapixels: float | None = None
    priority: int | None = None

    def __post_init__(self) -> None:
        if not self.match:
            raise ValueError("match = [] is for nobody; name a role, chat or user")


@dataclass(frozen=True, slots=True)
class LimitRules:
    """The standard rule and the limits of roles over it."""

    standard: Rule
    role_limits: tuple[RoleLimits, ...] = ()

    def of(self, names: Iterable[str]) -> Rule:
        """Return the rule for a user with these names: of what their roles allow, the most generous.

        Who is alone at the machine has no limits, unless some are theirs by name.
        """
        names = frozenset(names)
        if ALONE in names and not any(ALONE in limits.match for limits in self.role_limits):
            return Rule(0, 0, 0, 0, 0, 0.0, self.standard.priority)
        granted = [limits for limits in self.role_limits if not limits.match.isdisjoint(names)]
        changes: dict[str, Any] = {}
        for field in fields(RoleLimits)[1:]:
            values = [value for limits in granted if (value := getattr(limits, field.name)) is not None]
            if values:
                open_end = field.name in ZERO_IS_UNLIMITED and UNLIMITED in values
                changes[field.name] = UNLIMITED if open_end else max(values)
        return replace(self.standard, **changes) if changes else self.standard
