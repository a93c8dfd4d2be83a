"""What the bot counts while it runs, under the names by which Prometheus reads it.

Knows names and labels only; whoever does the work counts it, and `bot.setup.observed` shows it. Nothing here
tells of a user: no name, no prompt.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from prometheus_client import Counter, Histogram

_WAITS = (0.1, 0.5, 1, 2, 5, 10, 30, 60, 120, 300, 600, 1800)
_CALLS = (0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_STAGES = (0.01, 0.05, 0.1, 0.5, 1, 2, 5, 10, 30, 60, 300)

ACCEPTED = Counter("zimage_jobs_accepted", "Jobs taken in.", ("platform", "kind"))
REFUSED = Counter("zimage_requests_refused", "Requests refused before anything was stored.", ("code",))
ENDED = Counter("zimage_jobs_ended", "Jobs that ended; code says why one failed.", ("state", "code"))
PICTURES = Counter("zimage_pictures", "Pictures drawn and kept.")
LOST = Counter("zimage_tasks_lost", "Tasks that ended with their engine or worker and were begun anew.")
WAIT = Histogram(
    "zimage_wait_seconds", "From a job's acceptance to its first picture's begin.", buckets=_WAITS
)
STAGE = Histogram("zimage_stage_seconds", "Seconds of a picture by stage.", ("stage",), buckets=_STAGES)
GUARD = Counter("zimage_guard_actions", "What the guards did to keep pictures finite.", ("action",))
CALL = Histogram(
    "zimage_platform_call_seconds", "Showing a reply, by platform.", ("platform",), buckets=_CALLS
)
FAILED_CALL = Counter(
    "zimage_platform_calls_failed", "Replies a platform did not take.", ("platform", "reason")
)


@lru_cache(maxsize=64)
def _calls(platform: str) -> Histogram:
    return CALL.labels(platform)


def called(platform: str, seconds: float) -> None:
    """Count a reply that a platform took; it happens dozens of times for each job."""
    _calls(platform).observe(seconds)


def drawn(report: Mapping[str, Any]) -> None:
    """Count a picture by its report: its stages, and what the guards did."""
    PICTURES.inc()
    for stage, seconds in report.get("seconds", {}).items():
        STAGE.labels(stage).observe(seconds)
    for action in report.get("guards", ()):
        # "what was wrong; what was done" or "what was done: why"
        GUARD.labels(action.rpartition("; ")[2].partition(":")[0]).inc()
