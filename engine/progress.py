"""How far something long is: bars on a terminal, elsewhere nothing."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Show = Callable[[str, float, float], None]
"""Takes what is going on, how much of it is done, and how much there is."""


@contextmanager
def bars() -> Iterator[Show]:
    """Yield what shows a bar for each thing on stderr, and nothing where that is no terminal."""
    if not sys.stderr.isatty():
        yield lambda what, done, total: None
        return
    from rich.console import Console
    from rich.markup import escape
    from rich.progress import Progress, TaskID

    # Lines on stdout are moved above the bars, unless they go elsewhere. Until the first step the terminal is
    # left to others, such as a download.
    progress = Progress(console=Console(stderr=True), redirect_stdout=sys.stdout.isatty())
    tasks: dict[str, TaskID] = {}

    def show(what: str, done: float, total: float) -> None:
        if what not in tasks:
            tasks[what] = progress.add_task(escape(what), total=total)
            progress.start()
        progress.update(tasks[what], completed=done, total=total)

    try:
        yield show
    finally:
        progress.stop()
