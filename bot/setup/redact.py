"""Keeps secrets out of everything that is logged or printed on the way down.

Knows the configured secrets and what Telegram's and Discord's tokens look like; knows no configuration.
"""

import logging
import re
import sys
import threading
import traceback
from collections.abc import Iterable
from types import TracebackType
from urllib.parse import quote

REDACTED = "[redacted]"

_TELEGRAM = r"(?<![0-9])[0-9]{6,12}(?::|%3[Aa])[A-Za-z0-9_-]{35}(?![A-Za-z0-9_-])"
_DISCORD = r"(?<![A-Za-z0-9_-])[A-Za-z0-9_-]{23,28}\.[A-Za-z0-9_-]{6}\.[A-Za-z0-9_-]{27,40}(?![A-Za-z0-9_-])"
_MFA = r"mfa\.[A-Za-z0-9_-]{80,100}"


class Redactor:
    """Replaces secrets in a text: the given ones, also as URLs and `repr` write them, and all tokens."""

    def __init__(self, secrets: Iterable[str]) -> None:
        given = [secret for secret in secrets if secret]
        forms = {form for secret in given for form in (secret, quote(secret, safe=""), repr(secret)[1:-1])}
        known = [re.escape(form) for form in sorted(forms, key=len, reverse=True)]
        self._pattern = re.compile("|".join([*known, _TELEGRAM, _DISCORD, _MFA]))

    def __call__(self, text: str) -> str:
        """Return the text without secrets."""
        return self._pattern.sub(REDACTED, text)


class RedactingFilter(logging.Filter):
    """Cleans a record itself, so that handlers further on see no secret either."""

    def __init__(self, redact: Redactor) -> None:
        super().__init__()
        self.redact = redact

    def filter(self, record: logging.LogRecord) -> bool:
        """Redact message, arguments, traceback and stack; every record passes."""
        record.msg, record.args = self.redact(_message(record)), None
        if record.exc_info and not record.exc_text:
            record.exc_text = "".join(traceback.format_exception(*record.exc_info)).rstrip("\n")
        if record.exc_text:
            record.exc_text = self.redact(record.exc_text)
        if record.stack_info:
            record.stack_info = self.redact(record.stack_info)
        return True


class RedactingFormatter(logging.Formatter):
    """Another formatter's output without secrets, whatever fields it shows."""

    def __init__(self, inner: logging.Formatter, redact: Redactor) -> None:
        super().__init__()
        self.inner = inner
        self.redact = redact

    def format(self, record: logging.LogRecord) -> str:
        """Return the inner formatter's line, redacted."""
        return self.redact(self.inner.format(record))


def install(secrets: Iterable[str]) -> None:
    """Redact at every handler of the root logger, in the handler of last resort and in uncaught errors.

    Call it once logging is configured; calling it again replaces the secrets.
    """
    redact = Redactor(secrets)
    for handler in (*logging.root.handlers, logging.lastResort):
        if handler is not None:
            _protect(handler, redact)

    def uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        sys.stderr.write(redact("".join(traceback.format_exception(kind, error, trace))))

    def uncaught_in_thread(args: threading.ExceptHookArgs) -> None:
        if args.exc_type is not SystemExit and args.exc_value is not None:
            uncaught(args.exc_type, args.exc_value, args.exc_traceback)

    sys.excepthook = uncaught
    threading.excepthook = uncaught_in_thread


def _protect(handler: logging.Handler, redact: Redactor) -> None:
    for old in [given for given in handler.filters if isinstance(given, RedactingFilter)]:
        handler.removeFilter(old)
    handler.addFilter(RedactingFilter(redact))
    inner = handler.formatter or logging.Formatter()
    if isinstance(inner, RedactingFormatter):
        inner = inner.inner
    handler.setFormatter(RedactingFormatter(inner, redact))


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except (TypeError, ValueError, KeyError):
        # logging would print the arguments to stderr as they are; a wrong format must not leak them.
        return f"{record.msg} {record.args!r}"
