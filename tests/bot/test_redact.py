"""Facts about secrets in logs."""

import io
import logging
import sys
import threading

import pytest

from bot.setup import redact

TELEGRAM = "123456789:" + "AbCdE-_" * 5
DISCORD = "MTIzNDU2Nzg5MDEyMzQ1Njc4" + ".GabcDE." + "x1_y2-z3" * 4
SECRETS = ("hunter2/ö", "long-web-token")


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """A redacted root handler of its own, and the hooks as they were afterwards."""
    stream = io.StringIO()
    monkeypatch.setattr(logging.root, "handlers", [logging.StreamHandler(stream)])
    monkeypatch.setattr(logging, "lastResort", None)
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    monkeypatch.setattr(threading, "excepthook", threading.excepthook)
    redact.install(SECRETS)
    return stream


@pytest.mark.parametrize("secret", [*SECRETS, "hunter2%2F%C3%B6", TELEGRAM, DISCORD])
def test_a_secret_is_replaced_in_message_arguments_traceback_and_stack(log: io.StringIO, secret: str) -> None:
    try:
        raise OSError(f"https://api.telegram.org/bot{secret}/getMe")
    except OSError:
        logging.getLogger("x").exception(f"told {secret}", stack_info=True)
    logging.getLogger("x").warning("now %s and %r", secret, {"token": secret})
    assert secret not in log.getvalue()
    assert log.getvalue().count(redact.REDACTED) == 4
    assert "OSError" in log.getvalue()


def test_a_wrong_format_leaks_no_argument(log: io.StringIO, capsys: pytest.CaptureFixture[str]) -> None:
    logging.getLogger("x").warning("%d", TELEGRAM)
    assert redact.REDACTED in log.getvalue()
    assert TELEGRAM not in log.getvalue() + capsys.readouterr().err


def test_other_handlers_of_the_record_see_no_secret(log: io.StringIO) -> None:
    later = io.StringIO()
    logging.root.addHandler(logging.StreamHandler(later))
    logging.getLogger("x").warning("now %s", TELEGRAM)
    assert TELEGRAM not in later.getvalue()


def test_an_uncaught_error_is_printed_without_secrets(
    log: io.StringIO, capsys: pytest.CaptureFixture[str]
) -> None:
    error = ValueError(f"bad {TELEGRAM}")
    sys.excepthook(ValueError, error, None)
    thread = threading.Thread(target=int, args=(f"{TELEGRAM}",))
    thread.start()
    thread.join()
    printed = capsys.readouterr().err
    assert TELEGRAM not in printed
    assert printed.count(redact.REDACTED) == 2


def test_installing_again_replaces_the_secrets_and_keeps_one_filter(log: io.StringIO) -> None:
    redact.install(["another"])
    logging.getLogger("x").warning("another long-web-token")
    assert log.getvalue() == f"{redact.REDACTED} long-web-token\n"
    assert len(logging.root.handlers[0].filters) == 1


def test_ordinary_numbers_and_times_stay(log: io.StringIO) -> None:
    text = "2026-11-22 23:10:11 job 123456789:17 took 1.4 s at 127.0.0.1:7860"
    logging.getLogger("x").warning(text)
    assert log.getvalue() == text + "\n"
