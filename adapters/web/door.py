"""What every request passes on its way in, and every answer on its way out.

A program gets JSON whatever happens; a browser at the page's own address gets a page that says it, with a
field where a token opens it. Knows no job.
"""

import logging
import re
import socket
import sqlite3
from collections.abc import Awaitable, Callable
from urllib.parse import parse_qs

from aiohttp import web
from aiohttp.typedefs import Handler

from adapters.web import bodies
from adapters.web.identity import Gate, Shut, locale_of
from adapters.web.pages import Pages
from bot.locales.texts import Texts
from bot.replies.format import cut

STALLED_MS = 60_000
"""How long a reader may take nothing of an answer before the connection is closed."""
LONGEST_FORM = 4_000
SHOWN_PATH = 80
WORTH_COMPRESSING = 1_000
"""Bytes of a text from which on compressing it saves more than it costs."""
TEXTS = ("text/html", "text/css", "text/javascript", "application/json", "image/svg+xml")
SECURITY_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; img-src 'self' data: blob:; object-src 'none'; base-uri 'none'; "
        "form-action 'self'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}
CODES = {401: "unauthorized", 403: "forbidden", 404: "not-found", 405: "method-not-allowed",
         408: "too-slow", 413: "too-large", 500: "internal", 503: "unavailable"}  # fmt: skip
KEYS = {404: "door-nothing-there", 405: "door-wrong-method"}

Answers = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]
log = logging.getLogger(__name__)


class Door:
    """Lets in whom the gate knows, and answers the others and every fault."""

    def __init__(self, gate: Gate, texts: Texts) -> None:
        self._gate = gate
        self._texts = texts
        self._pages = Pages(texts)

    @web.middleware
    async def guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Check who the user is, and answer whatever else goes wrong on the way."""
        _limit_stalling(request)
        try:
            if request.path != "/healthz" and not request.path.startswith("/page/"):
                self._gate.check(request)
            return await handler(request)
        except Shut as shut:
            return self._answer(request, shut)
        except web.HTTPException as error:
            if error.status in KEYS:
                path = cut(request.path, SHOWN_PATH)
                return self._answer(request, Shut(error.status, KEYS[error.status], path=path))
            return web.json_response({"error": error.text, "code": "bad-request"}, status=error.status)
        except ConnectionError:
            raise
        except (sqlite3.OperationalError, OSError) as error:
            if request.writer.output_size:
                raise
            log.error("%s %s: nothing can be kept: %s", request.method, cut(request.path, SHOWN_PATH), error)
            return self._answer(request, Shut(503, "door-unavailable"))
        except Exception:
            if request.writer.output_size:  # the answer has begun, so there is no other
                raise
            log.exception("%s %s failed", request.method, cut(request.path, SHOWN_PATH))
            return self._answer(request, Shut(500, "refused-internal"))

    async def page(self, request: web.Request) -> web.StreamResponse:
        """The page, for who is known; `?token=…` makes the browser known."""
        if "token" in request.query:
            return self._gate.welcome(request, request.query["token"])
        self._gate.user(request)
        return self._pages.show("index", locale_of(request))

    async def enter(self, request: web.Request) -> web.StreamResponse:
        """Take the token that somebody typed."""
        form = parse_qs((await bodies.read(request, LONGEST_FORM)).decode("utf-8", "replace"))
        return self._gate.welcome(request, form.get("token", [""])[0].strip())

    def _answer(self, request: web.Request, shut: Shut) -> web.Response:
        sentence = self._texts.say(locale_of(request), shut.key, **shut.values)
        if request.path == "/" and "text/html" in request.headers.get("Accept", ""):
            return self._pages.show(
                "door",
                locale_of(request),
                shut.status,
                sentence="" if shut.key == "door-no-token" else sentence,
                hidden="" if shut.status == 401 else "hidden",
            )
        return web.json_response({"error": sentence, "code": CODES[shut.status]}, status=shut.status)


def expected(handler: Answers) -> Answers:
    """Refuse what no client expects before aiohttp does, outside of every middleware and in its own words."""

    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        if request.headers.get("Expect", "100-continue").lower() == "100-continue":
            return await handler(request)
        body = {"error": "Expect can only be 100-continue.", "code": "bad-request"}
        return web.json_response(body, status=417)

    return handle


async def secure(_: web.Request, response: web.StreamResponse) -> None:
    """Give an answer the headers that keep a page safe."""
    response.headers.update(SECURITY_HEADERS)
    response.headers.setdefault("Cache-Control", "no-cache")


@web.middleware
async def compress(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Compress an answer's text where that saves something and the client takes it; no stream."""
    response = await handler(request)
    if not isinstance(response, web.Response) or not isinstance(response.body, bytes):
        return response
    if len(response.body) >= WORTH_COMPRESSING and response.content_type in TEXTS:
        response.headers["Vary"] = "Accept-Encoding"
        if takes_gzip(request.headers.get("Accept-Encoding", "")):
            # aiohttp's own choice reads "gzip;q=0", which forbids it, as a wish for it.
            response.enable_compression(web.ContentCoding.gzip)
    return response


def takes_gzip(accepted: str) -> bool:
    """Return whether an Accept-Encoding header allows gzip."""
    codings = (each.partition(";q=") for each in accepted.replace(" ", "").lower().split(","))
    weights = {name: weight for name, _, weight in codings}
    weight = weights.get("gzip", weights.get("*", "0"))
    return not re.fullmatch(r"0(\.0*)?", weight)


def _limit_stalling(request: web.Request) -> None:
    # Only the operating system sees what has been taken: the server's own writes end in its buffers.
    if request.transport is not None and hasattr(socket, "TCP_USER_TIMEOUT"):
        connection = request.transport.get_extra_info("socket")
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, STALLED_MS)
