"""Real proxies in front of the page: as the documentation says, and as people do it wrong."""

import base64
import io
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import expect

from bot.setup.config import WebConfig
from bot.storage.pictures import MAX_BYTES
from tests.adapters.web.browser import Visitor, chromium, needs_browser
from tests.adapters.web.proxies import NAME, Front, caddy, needs_caddy, needs_nginx, nginx, recipes
from tests.adapters.web.site import BEARER, LOOPBACK, TOKEN, Site, next_event, picture_file, serving

GUARDED = WebConfig(port=0, token=TOKEN, hosts=(NAME,))
UNNAMED = WebConfig(port=0, token=TOKEN)
BROWSER = {"Accept": "text/html", "Origin": f"https://{NAME}"}
PAGE = {"Referer": f"https://{NAME}/"}
FRONTS = {"nginx": nginx, "caddy": caddy}

documented = pytest.mark.parametrize(
    ("front", "recipe", "root"),
    [
        pytest.param("nginx", recipes("nginx")[0], "/", marks=needs_nginx, id="nginx"),
        pytest.param("nginx", recipes("nginx")[1], "/bot/", marks=needs_nginx, id="nginx below a path"),
        pytest.param("caddy", recipes("caddyfile")[0], "/", marks=needs_caddy, id="caddy"),
        pytest.param("caddy", recipes("caddyfile")[1], "/bot/", marks=needs_caddy, id="caddy below a path"),
    ],
)


@asynccontextmanager
async def proxied(
    directory: Path, front: str, recipe: str, settings: WebConfig = GUARDED
) -> AsyncIterator[tuple[Site, Front]]:
    """Serve the page behind a proxy."""
    async with (
        serving(directory / "data", settings) as site,
        FRONTS[front](directory, site.url, recipe) as running,
    ):
        yield site, running


@documented
async def test_nobody_comes_in_without_a_token(tmp_path: Path, front: str, recipe: str, root: str) -> None:
    async with proxied(tmp_path, front, recipe) as (_, proxy):
        for method, path in (("GET", "api/hello"), ("GET", "api/history"), ("POST", "api/messages")):
            assert (await proxy.ask(method, root + path))[0] == 401
        status, _, shown = await proxy.ask("GET", root, headers=BROWSER)
        assert (status, b'name="token"' in shown) == (401, True)


@documented
async def test_a_typed_token_becomes_a_cookie_for_https_and_this_path_only(
    tmp_path: Path, front: str, recipe: str, root: str
) -> None:
    async with proxied(tmp_path, front, recipe) as (_, proxy):
        status, answer, _ = await proxy.ask("POST", root, data={"token": TOKEN}, headers=BROWSER)
        assert (status, answer.headers["Location"]) == (303, "./")
        cookie = answer.cookies["zimage_person"]
        assert (cookie["secure"], cookie["samesite"], cookie["path"]) == (True, "Lax", "")
        known = {"Cookie": f"zimage_person={cookie.value}"}
        assert (await proxy.ask("GET", root + "api/hello", headers=known))[0] == 200


@documented
async def test_a_link_with_the_token_sets_a_cookie_for_https(
    tmp_path: Path, front: str, recipe: str, root: str
) -> None:
    async with proxied(tmp_path, front, recipe) as (_, proxy):
        status, answer, _ = await proxy.ask("GET", root, params={"token": TOKEN})
        assert (status, answer.cookies["zimage_person"]["secure"]) == (303, True)


@documented
async def test_steps_are_told_while_it_draws(tmp_path: Path, front: str, recipe: str, root: str) -> None:
    async with proxied(tmp_path, front, recipe) as (site, proxy):
        url = f"https://127.0.0.1:{proxy.port}{root}api/events"
        async with proxy.client.get(url, headers={"Host": NAME} | BEARER, **proxy.secure) as stream:
            site.easel.hold = 3
            await proxy.ask("POST", root + "api/messages", json={"text": "a cat"}, headers=BEARER)
            while (await next_event(stream))["reply"]["progress"] != [2, 8]:
                pass
        site.easel.release()


@documented
@pytest.mark.parametrize("accepted", ["gzip", "identity", "br, gzip;q=0"])
async def test_a_page_is_whole_compressed_or_not(
    tmp_path: Path, front: str, recipe: str, root: str, accepted: str
) -> None:
    async with proxied(tmp_path, front, recipe) as (_, proxy):
        for path in ("page/app.js", "api/hello"):
            asked = BEARER | {"Accept-Encoding": accepted}
            status, answer, body = await proxy.ask("GET", root + path, headers=asked)
            assert (status, body[:1] in (b"{", b"c")) == (200, True)
            assert answer.headers.get("Content-Encoding") == ("gzip" if accepted == "gzip" else None)
            assert answer.headers["Vary"] == "Accept-Encoding"


@documented
async def test_a_picture_as_large_as_promised_passes(
    tmp_path: Path, front: str, recipe: str, root: str
) -> None:
    async with proxied(tmp_path, front, recipe) as (_, proxy):
        image = base64.b64encode(picture_file().ljust(MAX_BYTES, b"\0")).decode()
        message = io.BytesIO(json.dumps({"text": "a cat", "image": image}).encode())
        status, _, answer = await proxy.ask("POST", root + "api/messages", data=message, headers=BEARER)
        assert (status, "job" in json.loads(answer)) == (200, True)


@pytest.mark.browser
@needs_browser
@documented
async def test_a_person_types_the_token_and_draws(tmp_path: Path, front: str, recipe: str, root: str) -> None:
    async with proxied(tmp_path, front, recipe) as (_, proxy), chromium(f"MAP {NAME} 127.0.0.1") as browser:
        context = await browser.new_context(locale="en-US", ignore_https_errors=True)
        visitor = Visitor(await context.new_page())
        await visitor.page.goto(f"https://{NAME}:{proxy.port}{root.rstrip('/')}")
        await visitor.page.get_by_label("Enter your token").fill(TOKEN)
        await visitor.page.keyboard.press("Enter")
        await visitor.ready()
        card = await visitor.say("a cat")
        assert await visitor.picture(card) == "api/jobs/1/images/0.png"
        await visitor.page.reload()
        await expect(visitor.cards).to_have_count(1)


BARE = "server { listen 80; location / { proxy_pass http://127.0.0.1:7860; } }"
BARE_11 = BARE.replace("location / {", "location / { proxy_http_version 1.1; proxy_set_header Connection '';")
NAMED = BARE.replace("location / {", "location / { proxy_set_header Host $host;")
MISNAMED = BARE.replace("location / {", "location / { proxy_set_header Host wrong.example;")
FORWARDED = BARE_11.replace("location / {", "location / { proxy_set_header X-Real-IP $remote_addr;")
UPSTREAM = f"{NAME} {{\n reverse_proxy 127.0.0.1:7860 {{\n header_up Host localhost\n }}\n}}"


@pytest.mark.parametrize(
    ("front", "recipe"),
    [
        pytest.param("nginx", BARE, marks=needs_nginx, id="nginx without headers"),
        pytest.param("nginx", BARE_11, marks=needs_nginx, id="nginx without headers, HTTP 1.1"),
        pytest.param("nginx", NAMED, marks=needs_nginx, id="nginx with Host"),
        pytest.param("nginx", FORWARDED, marks=needs_nginx, id="nginx with X-Real-IP"),
        pytest.param("caddy", UPSTREAM, marks=needs_caddy, id="caddy with another Host"),
    ],
)
@pytest.mark.parametrize("settings", [LOOPBACK, GUARDED], ids=["no token", "a token"])
async def test_no_stranger_comes_in_however_it_is_proxied(
    tmp_path: Path, front: str, recipe: str, settings: WebConfig
) -> None:
    async with proxied(tmp_path, front, recipe, settings) as (_, proxy):
        asks: list[tuple[str, str, dict[str, Any]]] = [
            ("GET", "/api/hello", {}),
            ("GET", "/api/history", {}),
            ("GET", "/api/events", {}),
            ("POST", "/api/messages", {"json": {"text": "/stats"}, "headers": {"Origin": f"https://{NAME}"}}),
        ]
        for method, path, options in asks:
            headers = PAGE | options.pop("headers", {})
            status, _, answer = await proxy.ask(method, path, headers=headers, **options)
            assert status == (401 if settings.tokens else 403)
            assert "token" in json.loads(answer)["error"]


@needs_nginx
async def test_a_page_without_a_token_says_to_people_what_to_set(tmp_path: Path) -> None:
    async with proxied(tmp_path, "nginx", BARE, LOOPBACK) as (_, proxy):
        status, _, shown = await proxy.ask("GET", "/", headers={"Accept": "text/html"})
        assert (status, b"web.token" in shown, b"web.hosts" in shown) == (403, True, True)


@needs_nginx
async def test_a_wrong_host_is_named_together_with_the_setting(tmp_path: Path) -> None:
    async with proxied(tmp_path, "nginx", MISNAMED) as (_, proxy):
        status, _, answer = await proxy.ask("GET", "/api/hello", headers=BEARER)
        told = json.loads(answer)["error"]
        assert (status, "wrong.example" in told, "web.hosts" in told) == (403, True, True)


@needs_nginx
async def test_a_name_that_is_not_set_is_refused_with_the_setting_to_change(tmp_path: Path) -> None:
    async with proxied(tmp_path, "nginx", NAMED, UNNAMED) as (_, proxy):
        status, _, answer = await proxy.ask("GET", "/api/hello", headers=BEARER)
        assert (status, "web.hosts" in json.loads(answer)["error"]) == (403, True)


@needs_nginx
async def test_without_any_header_a_typed_token_still_makes_a_cookie_for_https(tmp_path: Path) -> None:
    async with proxied(tmp_path, "nginx", BARE) as (_, proxy):
        status, answer, _ = await proxy.ask("POST", "/", data={"token": TOKEN}, headers=BROWSER)
        assert (status, answer.cookies["zimage_person"]["secure"]) == (303, True)


@needs_nginx
async def test_the_health_check_answers_any_name(tmp_path: Path) -> None:
    async with proxied(tmp_path, "nginx", MISNAMED, LOOPBACK) as (_, proxy):
        assert (await proxy.ask("GET", "/healthz"))[0] == 200
