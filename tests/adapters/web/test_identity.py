"""Who is let in, and as whom."""

import stat
from pathlib import Path

import aiohttp
import pytest

from adapters.web.identity import load_key
from adapters.web.settings import WebSettings
from bot.types import User
from tests.adapters.web.site import Site, serving

TOKEN = "correct horse battery staple"
GUARDED = WebSettings(port=0, token=TOKEN, hosts=("pictures.example",))
BEARER = {"Authorization": f"Bearer {TOKEN}"}
FAR = {"Host": "pictures.example"}


def test_an_address_others_can_reach_demands_a_token() -> None:
    with pytest.raises(ValueError, match=r"web\.token"):
        WebSettings(host="0.0.0.0")
    assert WebSettings(host="0.0.0.0", token=TOKEN).token == TOKEN


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


async def test_a_public_name_needs_cookie_or_token(tmp_path: Path) -> None:
    async with serving(tmp_path, GUARDED) as site:
        assert (await site.get("/api/hello", headers=FAR))[0] == 401
        assert (await site.get("/", headers=FAR))[0] == 401
        assert (await site.get("/api/hello", headers=FAR | BEARER))[0] == 200
        assert (await site.get("/api/hello", headers=FAR | {"Authorization": "Bearer wrong"}))[0] == 401


async def test_behind_a_proxy_nobody_is_local(tmp_path: Path) -> None:
    async with serving(tmp_path, GUARDED) as site:
        assert (await site.get("/api/hello", headers={"X-Forwarded-For": "203.0.113.9"}))[0] == 401


async def test_without_a_token_no_bearer_is_right(site: Site) -> None:
    assert (await site.get("/api/hello", headers={"Authorization": "Bearer "}))[0] == 401


async def test_the_token_in_the_address_becomes_a_cookie_and_disappears(tmp_path: Path) -> None:
    async with serving(tmp_path, GUARDED) as site:
        async with site.client.get(
            "/", params={"token": TOKEN}, headers=FAR, allow_redirects=False
        ) as answer:
            assert (answer.status, answer.headers["Location"]) == (303, "/")
            cookie = answer.cookies["zimage_person"]
        assert cookie["httponly"]
        assert cookie["samesite"] == "Strict"
        async with aiohttp.ClientSession(site.url, cookies={"zimage_person": cookie.value}) as browser:
            assert (await browser.get("/api/hello", headers=FAR)).status == 200
        forged = {"zimage_person": "local." + cookie.value.partition(".")[2]}
        async with aiohttp.ClientSession(site.url, cookies=forged) as browser:
            assert (await browser.get("/api/hello", headers=FAR)).status == 401
        assert (await site.get("/", params={"token": "wrong"}, headers=FAR))[0] == 401


async def test_a_new_token_ends_the_cookies_of_the_old_one(tmp_path: Path) -> None:
    async with serving(tmp_path, GUARDED) as site:
        cookie = await _cookie(site)
    renewed = WebSettings(port=0, token="another", hosts=GUARDED.hosts)
    async with serving(tmp_path, renewed) as site, aiohttp.ClientSession(site.url, cookies=cookie) as browser:
        assert (await browser.get("/api/hello", headers=FAR)).status == 401


async def test_people_see_only_their_own_jobs(tmp_path: Path) -> None:
    async with serving(tmp_path, GUARDED) as site:
        job = await site.draw("a cat")
        async with aiohttp.ClientSession(site.url, cookies=await _cookie(site)) as browser:
            for path in (f"/api/jobs/{job}", f"/api/jobs/{job}/images/0.png"):
                assert (await browser.get(path, headers=FAR)).status == 404
            press = await browser.post(f"/api/jobs/{job}/actions", json={"verb": "delete"}, headers=FAR)
            assert press.status == 403
            history = await browser.get("/api/history", headers=FAR)
            assert (await history.json())["messages"] == []


async def test_answers_carry_the_headers_that_keep_a_page_safe(site: Site) -> None:
    async with site.client.get("/") as answer:
        assert "default-src 'self'" in answer.headers["Content-Security-Policy"]
        assert answer.headers["X-Content-Type-Options"] == "nosniff"


async def _cookie(site: Site) -> dict[str, str]:
    async with aiohttp.ClientSession(site.url) as visitor:
        answer = await visitor.get("/", params={"token": TOKEN}, headers=FAR, allow_redirects=False)
        return {"zimage_person": answer.cookies["zimage_person"].value}
