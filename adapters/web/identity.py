"""Who is asking: host and origin checks, the pass in the cookie, the bearer token and the user `local`.

Knows requests and the signing key; knows no job.
"""

import hashlib
import hmac
import os
import re
import secrets
from collections.abc import Mapping
from pathlib import Path

from aiohttp import HttpVersion11, web
from yarl import URL

from bot.locales.texts import DEFAULT, LANGUAGES, language
from bot.setup.config import HOUSEHOLD, WebConfig, is_loopback
from bot.types import User

API = "/api/"
COOKIE = "zimage_person"
LANGUAGE_COOKIE = re.compile(r"(?:^|;)\s*zimage_language=([A-Za-z-]{2,20})")
"""The language that somebody chose on the page."""
COOKIE_SECONDS = 400 * 24 * 3600
OPERATOR = "web:local"
"""The group of the user at the machine itself, where the chat needs no token."""
PROXIED = re.compile(
    r"(x-)?forwarded(-.*)?|via|cdn-loop|x-(real|original|remote|envoy|proxy)-.*|(cf|fly|tailscale)-.*"
    r"|(.*-)?(client|connecting)-ip",
    re.IGNORECASE,
)
"""Headers that only something between the browser and this server sends."""
LANGUAGE = re.compile(r"(?:^|,)\s*([A-Za-z]{2,3}(?:-[A-Za-z0-9]{1,8}){0,8})(?=\s*[,;]|\s*$)")
SHOWN = 80
"""Characters of a foreign name in a sentence."""
EARLIER = re.compile(r"[0-9a-f]{16}")
"""A user as cookies named them when every browser with the token was somebody of its own."""


class Shut(Exception):
    """A request that is not let in: the status of the answer, and its sentence by key."""

    def __init__(self, status: int, key: str, **values: str) -> None:
        super().__init__(key)
        self.status = status
        self.key = key
        self.values = values


def load_key(path: Path) -> bytes:
    """Return the 32 signing bytes kept at `path`, made on first use and readable by the owner only.

    Raises ValueError where the file holds something else.
    """
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_bytes(32))
    key = path.read_bytes()
    if len(key) != 32:
        raise ValueError(f"{path} holds {len(key)} bytes, not a key of 32: delete it and start again")
    return key


class Gate:
    """Lets requests in and says whose they are."""

    def __init__(self, settings: WebConfig, key: bytes) -> None:
        self._host = settings.host
        self._hosts = {_host(name) for name in settings.hosts} - {""}
        self._tokens = settings.tokens
        # Each token is part of the key, so that changing a leaked one also ends the passes it gave out.
        self._keys = {
            name: hmac.digest(key, token.encode(), "sha256") for name, token in self._tokens.items()
        }
        self._passes = {name: _sign(key, name) for name, key in self._keys.items()}

    def check(self, request: web.Request) -> None:
        """Raise Shut for a foreign Host (DNS rebinding) or origin (cross-site requests).

        Without a token the page is its own machine's alone, so whatever a proxy leaves behind is foreign too.
        """
        named = request.headers.getall("Host", [])
        host = _host(named[0]) if len(named) == 1 else ""
        if not self._tokens and not _from_here(request, host):
            raise Shut(403, "door-only-here")
        if not self._is_ours(host, request):
            raise Shut(403, "door-foreign-host", host=host[:SHOWN])
        origin = request.headers.get("Origin")
        if origin is not None and not self._same_origin(origin, request.host):
            raise Shut(
                403, "door-foreign-origin" if self._tokens else "door-only-here", origin=origin[:SHOWN]
            )
        site = request.headers.get("Sec-Fetch-Site")
        if site in ("cross-site", "same-site") and request.path.startswith(API):
            raise Shut(403, "door-foreign-site")

    def user(self, request: web.Request) -> User:
        """Return the user behind a request; raises Shut where there is none."""
        locale = locale_of(request)
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() == "bearer":  # others are a proxy's own, and its business
            name = self._named(token.strip())
        elif not self._tokens:
            return User("web", "local", "local", locale, (OPERATOR,))
        else:
            name = self._visitor(request) or self._earlier(request)
            if not name:
                raise Shut(401, "door-no-token")
        return User("web", name, name, locale)

    def welcome(self, request: web.Request, token: str) -> web.Response:
        """Answer who brings a token: a cookie that is their pass, then the bare page; raises Shut.

        The cookie names no path, so that the browser takes the page's own, which a proxy may have put below
        another one.
        """
        name = self._named(token)
        response = web.Response(status=303, headers={"Location": "./"})
        if name == HOUSEHOLD and self._earlier(request):
            return response
        response.set_cookie(
            COOKIE,
            self._passes[name],
            max_age=COOKIE_SECONDS,
            path="",
            httponly=True,
            samesite="Lax",
            secure=_https(request),
        )
        return response

    def _named(self, token: str) -> str:
        """Return whose token this is; raises Shut where it is nobody's."""
        name = _match(token, self._tokens)
        if not name:
            raise Shut(401, "door-wrong-token")
        return name

    def _visitor(self, request: web.Request) -> str:
        return next(filter(None, (_match(each, self._passes) for each in _cookies(request))), "")

    def _earlier(self, request: web.Request) -> str:
        """Return the user of a cookie from when every browser with the token was somebody of its own.

        They keep their history; nobody is given such a cookie any more.
        """
        if HOUSEHOLD in self._keys:
            for cookie in _cookies(request):
                person, _, signature = cookie.partition(".")
                if EARLIER.fullmatch(person) and _equal(signature, _sign(self._keys[HOUSEHOLD], person)):
                    return person
        return ""

    def _is_ours(self, host: str, request: web.Request) -> bool:
        if is_loopback(host) or host in self._hosts or host == self._host:
            return True
        # A name can be rebound to this machine, the address of the connection itself cannot.
        local = request.transport.get_extra_info("sockname") if request.transport else None
        return local is not None and host == local[0]

    def _same_origin(self, origin: str, host: str) -> bool:
        url = _url(origin)
        if not url.host:  # `null`, of a sandboxed frame or a file
            return False
        return _url(f"{url.scheme}://{host}").authority == url.authority or url.host in self._hosts


def locale_of(request: web.BaseRequest) -> str:
    """Return the language chosen on the page, else the first of the browser's that there are texts in.

    Where that is the one that any other is answered in, it is the browser's first, in which prompts are read.
    """
    chosen = LANGUAGE_COOKIE.findall(", ".join(request.headers.getall("Cookie", [])))
    wanted = chosen + LANGUAGE.findall(request.headers.get("Accept-Language", ""))
    found = next((tag for tag in wanted if tag.lower().partition("-")[0] in LANGUAGES), DEFAULT)
    return wanted[0] if wanted and language(found) == DEFAULT else found


def _from_here(request: web.Request, host: str) -> bool:
    """Return whether a browser or program of this machine asks directly, as far as a request can show it.

    A proxy that puts its own Host in place of the public name still passes on the page's Referer. No browser
    speaks HTTP/1.0, and many proxies do.
    """
    referer = request.headers.get("Referer", "") if request.path.startswith(API) else ""
    return (
        is_loopback(host)
        and is_loopback(request.remote or "")
        and request.version >= HttpVersion11
        and not any(PROXIED.fullmatch(name) for name in request.headers)
        and (not referer or is_loopback(_url(referer).host or ""))
    )


def _https(request: web.Request) -> bool:
    """Return whether the browser speaks https, to us or to the first of the proxies before us."""
    forwarded = request.headers.get("X-Forwarded-Proto", "").partition(",")[0]
    first = next((each["proto"] for each in request.forwarded if "proto" in each), "")
    origin = request.headers.get("Origin", "").partition(":")[0]
    return "https" in (request.scheme, *(each.strip().lower() for each in (forwarded, first, origin)))


def _cookies(request: web.Request) -> list[str]:
    """Return every pass a browser brings: one per path that this name was set for."""
    return [
        value
        for header in request.headers.getall("Cookie", [])
        for value in re.findall(rf"(?:^|;)\s*{COOKIE}=([^;]*)", header)
    ]


def _match(given: str, secrets_: Mapping[str, str]) -> str:
    """Return the name of the secret that was given, empty where it is none; compares with all of them."""
    return "".join(name for name, secret in secrets_.items() if _equal(given, secret))


def _equal(left: str, right: str) -> bool:
    return hmac.compare_digest(left.encode("utf-8", "surrogatepass"), right.encode())


def _sign(key: bytes, name: str) -> str:
    return hmac.new(key, name.encode(), hashlib.sha256).hexdigest()


def _host(authority: str) -> str:
    return _url(f"http://{authority}").host or ""


def _url(text: str) -> URL:
    try:
        url = URL(text)
        url.authority  # noqa: B018  (yarl checks the port only when it is read)
    except ValueError:
        return URL()
    return url
