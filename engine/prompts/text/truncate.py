"""What an encoder reads of a prompt that is longer than it can read, and the note that says so.

How long a text may be is up to whoever encodes it.
"""

from collections.abc import Callable
from dataclasses import replace

from engine.types import PromptReady


def as_read(ready: PromptReady, readable: Callable[[str], str]) -> PromptReady:
    """Return what is really read of a prompt, by `readable`; notes say what was cut.

    The notes are `truncated` and `negative:truncated`. Enhancement stands at the end and goes first, and its
    notes with it.
    """
    used, negative = readable(ready.used), readable(ready.negative_used)
    notes = list(ready.notes)
    if used != ready.used:
        notes = [note for note in notes if not note.startswith("enhanced")] + ["truncated"]
    if negative != ready.negative_used:
        notes.append("negative:truncated")
    return replace(ready, used=used, negative_used=negative, notes=tuple(dict.fromkeys(notes)))
