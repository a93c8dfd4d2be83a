"""What a refusal means to a program, and whether the message of a failed job may name it."""

from collections.abc import Mapping
from dataclasses import dataclass

from bot.types import RefusalCode


@dataclass(frozen=True, slots=True)
class Refusal:
    """`status` is the HTTP status; one that is `explained` is named where it ends a job that was admitted."""

    status: int = 422
    explained: bool = False


REFUSALS: Mapping[RefusalCode, Refusal] = {
    "banned-words": Refusal(explained=True),
    "burst": Refusal(429),
    "image-too-large": Refusal(413),
    "internal": Refusal(500),
    "no-such-job": Refusal(404),
    "not-yours": Refusal(403),
    "per-day": Refusal(429),
    "picture-gone": Refusal(404, explained=True),
    "queue-full": Refusal(429),
    "too-many-tries": Refusal(429),
    "unfit-picture": Refusal(explained=True),
    "waiting": Refusal(429),
}
"""All that are not `Refusal()`."""
EXPLAINED: frozenset[str] = frozenset(code for code, refusal in REFUSALS.items() if refusal.explained)
