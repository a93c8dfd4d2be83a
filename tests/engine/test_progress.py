"""How far something long is, on a terminal and elsewhere."""

import io
import sys

import pytest

from engine.progress import bars


class Terminal(io.StringIO):
    """Takes what is written to a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("plain", [False, True])
def test_steps_are_a_bar_on_a_terminal_and_without_colour_where_nobody_wants_it(
    monkeypatch: pytest.MonkeyPatch, plain: bool
) -> None:
    monkeypatch.setattr(sys, "stderr", terminal := Terminal())
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("NO_COLOR", "1" if plain else "")
    with bars() as show:
        show("[a] cat.png", 2, 8)
    text = terminal.getvalue()
    assert "[a] cat.png" in text
    assert "25%" in text
    assert ("\x1b[38;5;" in text or "\x1b[35m" in text) == (not plain)


def test_elsewhere_nothing_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    with bars() as show:
        show("cat.png", 3, 8)
    assert capsys.readouterr() == ("", "")
