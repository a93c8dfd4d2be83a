"""A machine whose clock can be set, and whose model may be one that only sleeps.

On the path of a program it shifts `time.time` by the days in a file, and has the engine load `CRASH_MODEL`.
"""

import os
import sys
import time
from pathlib import Path

_days = Path(os.environ["CRASH_CLOCK"])
_seconds, _nanoseconds = time.time, time.time_ns


def _shift() -> float:
    try:
        return 86_400 * float(_days.read_text())
    except FileNotFoundError:  # nobody set it, or the trial's folder is gone
        return 0.0


time.time = lambda: _seconds() + _shift()
time.time_ns = lambda: _nanoseconds() + round(_shift() * 10**9)

if model := os.environ.get("CRASH_MODEL"):
    if "engine.models.examine" in sys.orig_argv:
        sys.exit(1)  # as where torch does not start
    from engine.types import EngineSettings

    EngineSettings.__init__.__defaults__ = tuple(  # type: ignore[misc]
        model if value == "engine.models.registry:load" else value
        for value in EngineSettings.__init__.__defaults__ or ()
    )
