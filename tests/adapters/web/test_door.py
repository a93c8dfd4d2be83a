"""What anybody hears at the door: the page that asks for a token, its cookie, and what was wrong."""

import re
import zlib
from pathlib import Path
from typing import Any

import pytest

from adapters.web.assets import FOLDER
from bot.jobs.history import History
from tests.adapters.web.site import BEARER, GUARDED, TOKEN, Site, passing, serving

PERSON = {"Accept": "text/html,application/xhtml+xml", "Host": "pictures.example"}
CHINESE = {"Accept-Language": "zh-CN,zh;q=0.9"}

OUTER_HTTPS = [
    {"X-Forwarded-Proto": "https"},
    {"X-Forwarded-Proto": "HTTPS, http"},
    {"X-Forwarded-Proto": "https,http,http"},
    {"Forwarded": "for=203.0.113.9;proto=https"},
    {"Forwarded": 'for="[2001:db8::1]:4711"; Proto="HTTPS"; by=front, for=10.0.0.1;proto=http'},
    {"Forwarded": "for=203.0.113.9, for=10.0.0.1;proto=https"},
    {"Origin": "https://pictures.example"},
]
OUTER_HTTP = [
    {},
    {"X-Forwarded-Proto": "http, https"},
    {"Forwarded": "proto=http, proto=https"},
    {"Forwarded": 'proto="'},
    {"Origin": "http://pictures.example"},
]


@pytest.fixture
async def guarded(tmp_path: Path) -> Any:
    async with serving(tmp_path, GUARDED) as running:
        yield running


async def entered(site: Site, token: str, **options: Any) -> Any:
    """Type a token into the page; return the answer."""
    headers = PERSON | options.pop("headers", {})
    async with site.client.post(
        "/", data={"token": token}, headers=headers, allow_redirects=False, **options
    ) as answer:
        await answer.read()
        return answer


@pytest.mark.parametrize(
    ("headers", "secure"), [*((each, True) for each in OUTER_HTTPS), *((each, "") for each in OUTER_HTTP)]
)
async def test_the_cookie_is_for_https_alone_where_the_browser_speaks_it(
    guarded: Site, headers: dict[str, str], secure: object
) -> None:
    cookie = (await entered(guarded, TOKEN, headers=headers)).cookies["zimage_person"]
    assert cookie["secure"] == secure
    assert (cookie["httponly"], cookie["samesite"], cookie["path"]) == (True, "Lax", "")


async def test_a_link_with_the_token_leads_to_the_bare_page_wherever_that_is(guarded: Site) -> None:
    async with guarded.client.get("/", params={"token": TOKEN}, allow_redirects=False) as answer:
        assert (answer.status, answer.headers["Location"]) == (303, "./")
        assert TOKEN not in str(answer.cookies)


@pytest.mark.parametrize(
    ("language", "asked", "wrong"),
    [("en-GB", "Enter your token", "That token isn&#x27;t right."), ("zh-TW", "请输入令牌", "令牌不正确。")],
)
async def test_a_person_is_asked_for_the_token_in_their_language(
    guarded: Site, language: str, asked: str, wrong: str
) -> None:
    headers = PERSON | {"Accept-Language": language}
    async with guarded.client.get("/", headers=headers) as answer:
        page = await answer.text()
        assert (answer.status, answer.content_type, asked in page, wrong in page) == (
            401,
            "text/html",
            True,
            False,
        )
    answer = await entered(guarded, "not the token", headers=headers)
    assert (answer.status, wrong in await answer.text()) == (401, True)


async def test_a_program_is_told_in_json(guarded: Site) -> None:
    status, answer = await guarded.get("/")
    assert (status, answer["code"]) == (401, "unauthorized")


async def test_another_sites_form_cannot_log_anybody_in(guarded: Site) -> None:
    for origin in ("https://evil.example", "null"):
        answer = await entered(guarded, TOKEN, headers={"Origin": origin})
        assert (answer.status, "zimage_person" in answer.cookies) == (403, False)


async def test_a_link_from_elsewhere_opens_the_page(guarded: Site) -> None:
    headers = {"Sec-Fetch-Site": "cross-site", "Referer": "https://elsewhere.example/"} | await passing(
        guarded
    )
    async with guarded.client.get("/", headers=headers) as answer:
        assert (answer.status, answer.content_type) == (200, "text/html")


async def test_of_several_cookies_for_several_paths_the_good_one_counts(guarded: Site) -> None:
    good = (await passing(guarded))["Cookie"]
    for cookies in (f"zimage_person=old.pass; {good}", f"{good}; zimage_person=old.pass", f"x=1;{good};y=2"):
        assert (await guarded.get("/api/hello", headers={"Cookie": cookies}))[0] == 200


async def test_what_a_request_says_is_shown_as_text(guarded: Site) -> None:
    headers = {"Accept": "text/html", "Host": "pictures.example", "Origin": "http://<script>"}
    async with guarded.client.get("/", headers=headers) as answer:
        assert "<script>" not in await answer.text()


async def test_nothing_of_the_page_is_bound_to_the_root() -> None:
    files = [path.read_text("utf-8") for path in FOLDER.iterdir()]
    assert [
        found
        for text in files
        for found in re.findall(r"""(?:src|href|action)="/|["'`]/(?:api|page)\b""", text)
    ] == []


@pytest.mark.parametrize("host", ["10.1.2.3:8080", "anything.example", "", "["])
async def test_the_health_check_answers_any_host(guarded: Site, host: str) -> None:
    assert (await guarded.get("/healthz", headers={"Host": host}))[0] == 200


async def test_a_fault_of_ours_is_json_with_a_sentence_in_the_persons_language(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(History, "jobs", broken)
    _, english = await site.get("/api/history")
    status, chinese = await site.get("/api/history", headers=CHINESE)
    assert (status, english["code"]) == (500, "internal")
    assert english["error"] == "Something went wrong on our side; please try again."
    assert chinese["error"] != english["error"]


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("PUT", "/api/messages", 405, "method-not-allowed"),
        ("POST", "/api/hello", 405, "method-not-allowed"),
        ("GET", "/api/nothing", 404, "not-found"),
        ("GET", "/api/jobs/99999999999999999999", 404, "no-such-job"),
        ("GET", "/api/jobs/٣", 404, "not-found"),
        ("GET", "/api/jobs/99999999999999999999/images/0.png", 404, "no-such-job"),
        ("GET", "/api/jobs/1/images/99999999999999999999.png", 404, "not-found"),
        ("GET", "/api/history?before=99999999999999999999", 422, "bad-request"),
        ("GET", "/api/history?before=٣", 422, "bad-request"),
        ("GET", "/api/history?before=-1", 422, "bad-request"),
    ],
)
async def test_what_is_not_there_is_json_with_a_sentence(
    site: Site, method: str, path: str, status: int, code: str
) -> None:
    async with site.client.request(method, path) as answer:
        told = await answer.json()
        assert (answer.status, told["code"], bool(told["error"])) == (status, code, True)


ODD = [
    b"[" * 50_000,
    b'{"text":' * 10_000,
    b'{"text": "a cat", "controls": {"guidance_scale": 1e999}}',
    b'{"text": "a cat", "controls": {"guidance_scale": NaN}}',
    b'{"text": "a cat", "controls": {"steps": 1' + b"0" * 400 + b"}}",
    b'{"text": "a cat", "controls": {"steps": 1' + b"0" * 9000 + b"}}",
    b'{"text": "a cat", "image": "\xc3\xa9"}',
    b'{"text": "\xff"}',
    zlib.compress(b'{"text": "a cat"}'),
]


async def test_half_a_character_is_left_out_of_what_is_drawn(site: Site) -> None:
    body = rb'{"text": "a cat \ud83d"}'
    async with site.client.post("/api/messages", data=body) as answer:
        assert answer.status in (200, 202)
        job = (await answer.json())["job"]
    assert (await site.get(f"/api/jobs/{job}"))[1]["prompt"] == "a cat"


@pytest.mark.parametrize("body", ODD, ids=range(len(ODD)))
async def test_odd_json_is_refused_with_a_sentence(site: Site, body: bytes) -> None:
    async with site.client.post("/api/messages", data=body) as answer:
        told = await answer.json()
        assert (answer.status, told["code"], len(told["error"]) < 300) == (422, "bad-request", True)


async def test_an_index_no_picture_can_have_is_refused(site: Site) -> None:
    status, answer = await site.post("/api/jobs/1/actions", {"verb": "info", "index": 10**400})
    assert (status, answer["code"]) == (422, "bad-request")


async def test_json_is_utf_8_whatever_its_header_claims(site: Site) -> None:
    headers = {"Content-Type": "application/json; charset=utf-99"}
    async with site.client.post(
        "/api/messages", data='{"text": "一只猫"}'.encode(), headers=headers
    ) as answer:
        assert answer.status == 200


async def test_an_unknown_expectation_is_json_too(site: Site) -> None:
    status, answer = await site.get("/api/hello", headers={"Expect": "é"})
    assert (status, answer["code"]) == (417, "bad-request")


async def test_headers_that_are_no_text_are_no_fault_of_ours(guarded: Site) -> None:
    for name in ("Accept-Language", "Authorization", "Cookie", "Origin", "Referer", "Forwarded"):
        status, _ = await guarded.get("/api/hello", headers=BEARER | {name: "zimage_person=\udcff\udcfe"})
        assert status in (200, 401, 403)


@pytest.mark.parametrize(
    ("asked", "tag"),
    [("ja-JP,ja;q=0.9,en;q=0.8", "ja"), ("zh-TW", "zh-CN"), ("fr-FR, ja;q=0.9, en;q=0.8", "ja"),
     ("ko", "en"), ("en-GB,zh;q=0.5", "en"), ("", "en"), ("<x>", "en")],
)  # fmt: skip
async def test_the_page_is_in_the_first_language_the_browser_asks_for_that_there_is(
    guarded: Site, asked: str, tag: str
) -> None:
    headers = {"Accept": "text/html", "Accept-Language": asked}
    async with guarded.client.get("/", headers=headers) as answer:
        assert f'<html lang="{tag}">' in await answer.text()
