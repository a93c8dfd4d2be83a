"""Where the log goes: to a thread that writes it, so that a pipe which nobody reads holds up no picture.

Knows lines only; those that do not fit into its queue are dropped, and the log says how many once it is read.
"""

import atexit
import io
import logging
import queue
import threading
from typing import Any

LINES = 1000
"""How many lines wait at most."""
LAST = 1.0
"""Seconds that the last lines have at the end of the program."""

log = logging.getLogger(__name__)


class LogStream(io.TextIOBase):
    """A stream for a logging handler, under whose lock it is written to; what it takes goes to `stream`."""

    def __init__(self, stream: io.TextIOWrapper) -> None:
        self._encoding, self._errors = stream.encoding, stream.errors or "strict"
        # Not through the buffer: at the program's end a thread that hangs in there would hold its lock.
        self._file: Any = getattr(stream.buffer, "raw", stream.buffer)
        self._lines: queue.Queue[str] = queue.Queue(LINES)
        self._dropped = 0
        threading.Thread(target=self._write_all, name="log", daemon=True).start()
        atexit.register(self._drain)

    def write(self, text: str) -> int:
        """Take a line, or drop it; never waits."""
        if self._lines.full():
            self._dropped += 1
            return len(text)
        if self._dropped:
            dropped, self._dropped = self._dropped, 0
            log.warning("%d lines of the log are missing here: nobody read it", dropped)
            return self.write(text)
        self._lines.put_nowait(text)
        return len(text)

    def _write_all(self) -> None:
        while True:
            data = self._lines.get().encode(self._encoding, self._errors)
            try:
                while data:
                    data = data[self._file.write(data) or len(data) :]
            except OSError:  # whoever read it is gone
                pass
            self._lines.task_done()

    def _drain(self) -> None:
        """Wait a moment for what is still to be written."""
        with self._lines.all_tasks_done:
            self._lines.all_tasks_done.wait_for(lambda: not self._lines.unfinished_tasks, LAST)
