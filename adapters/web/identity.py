"""Who is asking: host and origin checks, the signed cookie, the bearer token and the person `local`.

Knows requests and the signing key; knows no job.
"""

import hashlib
import hmac
import os
import re
import secrets
from pathlib import Path

from aiohttp import web
from yarl import URL

from adapters.web.settings import WebSettings, is_loopback
from bot.types import User

COOKIE = "zimage_person"
COOKIE_SECONDS = 400 * 24 * 3600
OPERATOR = "web:local"
"""The group of who sits at the machine itself, where the chat asks nobody for a token."""
FORWARDING = ("Forwarded", "X-Forwarded-For", "X-Real-IP")


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

    def __init__(self, settings: WebSettings, key: bytes) -> None:
        self.settings = settings
        # The token is part of the key, so that changing a leaked token also ends the cookies it gave out.
        self.key = hmac.digest(key, settings.token.encode(), "sha256")

    def check(self, request: web.Request) -> None:
        """Raise HTTPForbidden for a foreign Host (DNS rebinding) or Origin (cross-site requests)."""
        host = _url(f"http://{request.host}").host or ""
        if not self._is_ours(host, request):
            raise web.HTTPForbidden(text=f"The host name {host!r} is not in web.hosts.")
        origin = request.headers.get("Origin")
        if origin is not None and not self._same_origin(origin, request.host):
            raise web.HTTPForbidden(text=f"Requests from {origin!r} are not answered.")
        if request.headers.get("Sec-Fetch-Site") == "cross-site" and request.path.startswith("/api/"):
            raise web.HTTPForbidden(text="Requests from other sites are not answered.")

    def user(self, request: web.Request) -> User:
        """Return the person behind a request; raises HTTPUnauthorized where nobody can be told."""
        locale = _locale(request.headers.get("Accept-Language", ""))
        authorization = request.headers.get("Authorization")
        if authorization is not None:
            if self.knows(authorization.removeprefix("Bearer ").strip()):
                return User("web", "token", "token", locale)
            raise web.HTTPUnauthorized(text="The bearer token is wrong.")
        person = self._cookie_person(request)
        if person is not None:
            return User("web", person, person, locale)
        if self._is_local(request):
            return User("web", "local", "local", locale, () if self.settings.token else (OPERATOR,))
        raise web.HTTPUnauthorized(text="Open /?token=… once in this browser, or send the token as bearer.")

    def knows(self, token: str) -> bool:
        """Return whether `token` is the configured one, in constant time; an empty one never is."""
        return bool(self.settings.token) and _equal(token, self.settings.token)

    def welcome(self, request: web.Request) -> web.Response:
        """Answer a visit to `/?token=…`: a cookie with an own person, then the bare page."""
        if not self.knows(request.query["token"]):
            raise web.HTTPUnauthorized(text="The token in the address is wrong.")
        person = self._cookie_person(request) or secrets.token_hex(8)
        response = web.Response(status=303, headers={"Location": "/"})
        response.set_cookie(
            COOKIE,
            f"{person}.{self._sign(person)}",
            max_age=COOKIE_SECONDS,
            httponly=True,
            samesite="Strict",
            secure=request.headers.get("X-Forwarded-Proto") == "https",
        )
        return response

    def _is_ours(self, host: str, request: web.Request) -> bool:
        if is_loopback(host) or host in self.settings.hosts or host == self.settings.host:
            return True
        # A name can be rebound to this machine, the address of the connection itself cannot.
        local = request.transport.get_extra_info("sockname") if request.transport else None
        return local is not None and host == local[0]

    def _same_origin(self, origin: str, host: str) -> bool:
        url = _url(origin)
        if not url.host:  # `null`, of a sandboxed frame or a file
            return False
        return _url(f"{url.scheme}://{host}").authority == url.authority or url.host in self.settings.hosts

    def _cookie_person(self, request: web.Request) -> str | None:
        person, _, signature = request.cookies.get(COOKIE, "").partition(".")
        return person if person and _equal(signature, self._sign(person)) else None

    def _is_local(self, request: web.Request) -> bool:
        # Behind a reverse proxy on this machine everybody arrives from loopback.
        forwarded = any(name in request.headers for name in FORWARDING)
        host = _url(f"http://{request.host}").host or ""
        return not forwarded and is_loopback(request.remote or "") and is_loopback(host)

    def _sign(self, person: str) -> str:
        return hmac.new(self.key, person.encode(), hashlib.sha256).hexdigest()


def _equal(left: str, right: str) -> bool:
    return hmac.compare_digest(left.encode(), right.encode())


def _url(text: str) -> URL:
    try:
        url = URL(text)
        url.authority  # noqa: B018  (yarl checks the port only when it is read)
    except ValueError:
        return URL()
    return url


def _locale(accept_language: str) -> str:
    first = re.split(r"[,;]", accept_language, maxsplit=1)[0].strip()
    return first if re.fullmatch(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8})*", first) else "en"
