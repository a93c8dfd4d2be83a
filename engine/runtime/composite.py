"""Pictures that are drawn in several pieces and then put together."""

from collections.abc import Callable

from engine.pipeline import Redraw
from engine.types import Picture, Progress

Encode = Callable[[], Picture]


class CompositePicture:
    """The parts of one task's picture."""

    def __init__(self, redraw: Redraw) -> None:
        self._redraw = redraw
        self._done = redraw.done
        self._files: dict[int, Encode] = {}

    def stepped(self) -> Progress:
        """Count a step of any part; return how far the whole is."""
        self._done += 1
        return Progress(self._done, self._redraw.steps)

    def finished(self, part: int, encode: Encode) -> Encode | None:
        """Keep what encodes a finished part; after the last one, return what encodes the whole."""
        self._files[part] = encode
        return self._joined if len(self._files) == len(self._redraw.pieces) else None

    def _joined(self) -> Picture:
        return self._redraw.join([self._files[part]() for part in range(len(self._files))])
