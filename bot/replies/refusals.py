"""What each refusal means to a program, and whether a failed job's message may name it."""

from collections.abc import Mapping
from dataclasses import dataclass

from bot.types import RefusalCode


@dataclass(frozen=True, slots=True)
class Refusal:
    """`status` is the HTTP status; one that is `explained` is named where it ends a job that was admitted."""

    status: int = 422
    explained: bool = False


REFUSALS: Mapping[RefusalCode, Refusal] = {
    "admins-only": Refusal(),
    "animated-image": Refusal(),
    "bad-code": Refusal(),
    "bad-image": Refusal(),
    "bad-name": Refusal(),
    "bad-value": Refusal(),
    "banned": Refusal(),
    "banned-words": Refusal(explained=True),
    "burst": Refusal(429),
    "draining": Refusal(),
    "empty-prompt": Refusal(),
    "flag-needs-value": Refusal(),
    "image-too-large": Refusal(413),
    "internal": Refusal(500),
    "missing-permissions": Refusal(),
    "link-not-fetched": Refusal(),
    "needs-image": Refusal(),
    "no-job-yet": Refusal(),
    "no-parameters": Refusal(),
    "no-picture": Refusal(),
    "no-such-job": Refusal(404),
    "not-banned": Refusal(),
    "not-finished": Refusal(),
    "not-here": Refusal(),
    "not-linked": Refusal(),
    "not-yours": Refusal(403),
    "nothing-to-cancel": Refusal(),
    "nothing-to-redraw": Refusal(),
    "own-code": Refusal(),
    "per-day": Refusal(429),
    "picture-gone": Refusal(404, explained=True),
    "prompt-gone": Refusal(),
    "prompt-too-long": Refusal(),
    "queue-full": Refusal(429),
    "too-large": Refusal(),
    "too-long": Refusal(),
    "too-many": Refusal(),
    "too-many-loras": Refusal(),
    "too-many-requests": Refusal(),
    "too-many-tries": Refusal(429),
    "unfit-picture": Refusal(explained=True),
    "unknown-command": Refusal(),
    "unknown-flag": Refusal(),
    "waiting": Refusal(429),
}
