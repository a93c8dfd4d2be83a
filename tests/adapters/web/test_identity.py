"""Who is let in, and as whom."""

import re
import stat
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from multidict import CIMultiDict

from adapters.web.identity import load_key
from bot.policy.access import Access
from bot.setup.config import WebConfig
from bot.types import User
from tests.adapters.web.site import BEARER, GUARDED, LOOPBACK, TOKEN, Site, passing, serving

FAR = {"Host": "pictures.example"}


def test_an_address_others_can_reach_demands_a_token() -> None:
    with pytest.raises(ValueError, match=r"web\.token"):
        WebConfig(host="0.0.0.0")
    assert WebConfig(host="0.0.0.0", token=TOKEN).token == TOKEN


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"host": "::"}, "web.token"),
        ({"hosts": ("pictures.example",)}, "web.token"),
        ({"token": "short"}, "token has fewer than 8"),
        ({"people": {"ann": "short"}}, "people.ann has fewer than 8"),
        ({"people": {"token": TOKEN}}, "people cannot name 'token'"),
        ({"people": {"ann b": TOKEN}}, "'ann b'"),
        ({"token": TOKEN, "people": {"ann": TOKEN}}, "people.ann"),
        ({"people": {"ann": TOKEN, "bob": TOKEN}}, "web.people.bob"),
    ],
)
def test_settings_that_would_let_in_others_are_one_line_without_the_token(
    settings: dict[str, Any], named: str
) -> None:
    with pytest.raises(ValueError, match=re.escape(named)) as caught:
        WebConfig(**settings)
    assert "\n" not in str(caught.value)
    assert TOKEN not in f"{caught.value}"


def test_people_alone_open_the_page_to_others() -> None:
    assert WebConfig(host="0.0.0.0", people={"ann": TOKEN}).tokens == {"ann": TOKEN}


def test_tokens_are_not_in_what_is_printed() -> None:
    assert TOKEN not in repr(WebConfig(token=TOKEN, people={"ann": TOKEN + "!"}))


def test_the_key_is_made_once_and_only_the_owner_can_read_it(tmp_path: Path) -> None:
    key = load_key(tmp_path / "web.key")
    assert load_key(tmp_path / "web.key") == key
    assert stat.S_IMODE((tmp_path / "web.key").stat().st_mode) == 0o600


def test_a_damaged_key_is_an_error_that_names_the_file(tmp_path: Path) -> None:
    (tmp_path / "web.key").write_bytes(b"short")
    with pytest.raises(ValueError, match=r"web\.key holds 5 bytes"):
        load_key(tmp_path / "web.key")


async def test_a_loopback_client_is_the_person_local(site: Site) -> None:
    job = await site.draw("a cat")
    assert (await site.core.jobs(User("web", "local", "local")))[0].id == job


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "localhost.", "", "[::2]", "x:99999"]
)
async def test_a_foreign_host_is_refused(site: Site, host: str) -> None:
    status, answer = await site.get("/api/hello", headers={"Host": host})
    assert (status, answer["code"]) == (403, "forbidden")


@pytest.mark.parametrize("host", ["localhost", "localhost:9999", "127.0.0.1", "[::1]:80"])
async def test_loopback_names_are_ours_on_any_port(site: Site, host: str) -> None:
    assert (await site.get("/api/hello", headers={"Host": host}))[0] == 200


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://localhost:1", "", "http://"])
async def test_a_foreign_origin_is_refused(site: Site, origin: str) -> None:
    status, answer = await site.post("/api/messages", {"text": "a cat"}, headers={"Origin": origin})
    assert (status, answer["code"]) == (403, "forbidden")


async def test_the_own_origin_is_answered(site: Site) -> None:
    status, _ = await site.post("/api/messages", {"text": "a cat"}, headers={"Origin": site.url})
    assert status == 200


async def test_other_sites_cannot_embed_what_the_api_gives(site: Site) -> None:
    status, _ = await site.get("/api/hello", headers={"Sec-Fetch-Site": "cross-site"})
    assert status == 403


async def test_without_a_token_no_bearer_is_right(site: Site) -> None:
    assert (await site.get("/api/hello", headers={"Authorization": "Bearer "}))[0] == 401


SIGNS = {
    "Forwarded": "for=203.0.113.9",
    "X-Forwarded-For": "203.0.113.9",
    "X-Forwarded-Proto": "https",
    "X-Forwarded-Host": "pictures.example",
    "X-Forwarded-Server": "front",
    "X-Real-IP": "203.0.113.9",
    "Via": "1.1 front",
    "CF-Connecting-IP": "203.0.113.9",
    "True-Client-IP": "203.0.113.9",
    "X-Client-IP": "127.0.0.1",
    "X-Cluster-Client-IP": "203.0.113.9",
    "Fastly-Client-IP": "203.0.113.9",
    "X-Original-Host": "pictures.example",
    "X-Envoy-External-Address": "203.0.113.9",
    "Tailscale-User-Login": "ann@example",
    "CDN-Loop": "cloudflare",
    "Referer": "https://pictures.example/",
    "Origin": "https://pictures.example",
    "Sec-Fetch-Site": "same-site",
}


@pytest.mark.parametrize("name", SIGNS)
async def test_a_page_without_a_token_refuses_to_be_proxied_and_says_what_to_set(
    site: Site, name: str
) -> None:
    status, answer = await site.get("/api/hello", headers={name: SIGNS[name]})
    assert (status, answer["code"]) == (403, "forbidden")
    assert name == "Sec-Fetch-Site" or "web.token" in answer["error"]


async def test_a_page_without_a_token_speaks_no_http_1_0_as_only_proxies_do(site: Site) -> None:
    async with aiohttp.ClientSession(site.url, version=aiohttp.HttpVersion10) as old:
        assert (await old.get("/api/hello")).status == 403


async def test_two_hosts_are_none(site: Site) -> None:
    headers = CIMultiDict([("Host", "localhost"), ("Host", "evil.example")])
    async with site.client.get("/api/hello", headers=headers) as answer:
        assert answer.status in (400, 403)


@pytest.mark.parametrize("name", ["Host", "X-Forwarded-For", "Accept"])
async def test_with_a_token_nobody_is_anybody_without_it_from_this_machine_neither(
    tmp_path: Path, name: str
) -> None:
    async with serving(tmp_path, GUARDED) as site:
        headers = {name: {"Host": "localhost", "Accept": "*/*"}.get(name, "203.0.113.9")}
        for path in (
            "/api/hello",
            "/api/history",
            "/api/events",
            "/api/jobs/1",
            "/api/jobs/1/images/0.png",
            "/",
        ):
            assert (await site.get(path, headers=headers))[0] == 401
        for path in ("/api/messages", "/api/jobs/1/actions", "/api/leave"):
            assert (await site.post(path, {"text": "/stats"}, headers=headers))[0] == 401


async def test_a_public_name_needs_cookie_or_token(tmp_path: Path) -> None:
    async with serving(tmp_path, GUARDED) as site:
        assert (await site.get("/api/hello", headers=FAR))[0] == 401
        assert (await site.get("/api/hello", headers=FAR | BEARER))[0] == 200
        assert (await site.get("/api/hello", headers=FAR | {"Authorization": "Bearer wrong"}))[0] == 401


async def test_a_password_for_the_proxy_is_none_of_ours(tmp_path: Path) -> None:
    async with serving(tmp_path, GUARDED) as site:
        headers = {"Authorization": "Basic eDp5"} | await passing(site)
        assert (await site.get("/api/hello", headers=headers))[0] == 200


@pytest.mark.parametrize("name", ["pictures.example", "PICTURES.example", "pictures.example:8443"])
async def test_a_public_name_counts_in_any_case_and_on_any_port(tmp_path: Path, name: str) -> None:
    async with serving(tmp_path, GUARDED) as site:
        assert (await site.get("/api/hello", headers=BEARER | {"Host": name}))[0] == 200


async def test_a_new_token_ends_the_cookies_of_the_old_one(tmp_path: Path) -> None:
    async with serving(tmp_path, GUARDED) as site:
        cookie = await passing(site)
    renewed = WebConfig(port=0, token="another one", hosts=GUARDED.hosts)
    async with serving(tmp_path, renewed) as site:
        assert (await site.get("/api/hello", headers=cookie))[0] == 401


ADMINS = [
    (LOOPBACK, {}, ("web:local",), True),
    (GUARDED, BEARER, ("web:local",), False),
    (GUARDED, BEARER, ("web:user:token",), True),
]


@pytest.mark.parametrize(("settings", "headers", "admins", "administers"), ADMINS)
async def test_administrators_are_named_and_never_guessed(
    tmp_path: Path, settings: WebConfig, headers: dict[str, str], admins: tuple[str, ...], administers: bool
) -> None:
    async with serving(tmp_path, settings, access=Access(admins=frozenset(admins))) as site:
        status, _ = await site.post("/api/messages", {"text": "/stats"}, headers=headers)
        assert status == (200 if administers else 422)


async def test_answers_carry_the_headers_that_keep_a_page_safe(site: Site) -> None:
    async with site.client.get("/") as answer:
        assert "default-src 'self'" in answer.headers["Content-Security-Policy"]
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
