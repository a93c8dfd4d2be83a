"""People are the token's: one token, one person, wherever it is opened."""

import hmac
from pathlib import Path

from adapters.web.identity import load_key
from bot.policy.access import Access
from bot.policy.limits import Rule
from bot.setup.config import WebConfig
from bot.types import User
from tests.adapters.web.site import BEARER, GUARDED, TOKEN, passing, serving

HERS = "a token of hers"
TWO = WebConfig(port=0, token=TOKEN, people={"ann": HERS})


async def test_every_browser_and_program_with_one_token_is_one_person(tmp_path: Path) -> None:
    async with serving(tmp_path, GUARDED) as site:
        first, second = await passing(site), await passing(site)
        _, answer = await site.post("/api/messages", {"text": "a cat"}, headers=first)
        for known in (second, BEARER):
            assert (await site.get(f"/api/jobs/{answer['job']}", headers=known))[0] == 200


async def test_opening_the_token_again_gives_no_new_limits(tmp_path: Path) -> None:
    async with serving(tmp_path, GUARDED, rule=Rule(per_minute=1)) as site:
        statuses = [
            (await site.post("/api/messages", {"text": "a cat"}, headers=await passing(site)))[0]
            for _ in range(3)
        ]
        assert statuses == [200, 429, 429]


async def test_opening_the_token_again_is_no_way_around_a_ban(tmp_path: Path) -> None:
    async with serving(tmp_path, TWO, access=Access(admins=frozenset(["web:user:token"]))) as site:
        assert (await site.post("/api/messages", {"text": "/ban web:user:ann"}, headers=BEARER))[0] == 200
        for known in (await passing(site, HERS), {"Authorization": f"Bearer {HERS}"}):
            _, answer = await site.post("/api/messages", {"text": "a cat"}, headers=known)
            assert answer["code"] == "banned"


async def test_people_with_tokens_of_their_own_see_only_their_own_jobs(tmp_path: Path) -> None:
    settings = WebConfig(port=0, token=TOKEN, people={"ann": HERS, "小明": "另一个长长的令牌"})
    async with serving(tmp_path, settings) as site:
        ann, ming = await passing(site, HERS), await passing(site, "另一个长长的令牌")
        _, answer = await site.post("/api/messages", {"text": "a cat"}, headers=ann)
        await site.core.idle()
        job = answer["job"]
        assert [each.id for each in await site.core.jobs(User("web", "ann", "ann"))] == [job]
        for other in (ming, BEARER):
            for path in (f"/api/jobs/{job}", f"/api/jobs/{job}/images/0.png"):
                assert (await site.get(path, headers=other))[0] == 404
            assert (await site.post(f"/api/jobs/{job}/actions", {"verb": "delete"}, headers=other))[0] == 403
            assert (await site.get("/api/history", headers=other))[1]["messages"] == []


async def test_the_same_message_id_of_two_people_is_two_messages(tmp_path: Path) -> None:
    async with serving(tmp_path, TWO) as site:
        site.easel.hold = 2
        same = {"message": "page-0123456789"}
        await site.post("/api/messages", {"text": "a secret", **same}, headers=await passing(site, HERS))
        await site.post("/api/messages", {"text": "a cat", **same}, headers=BEARER)
        _, history = await site.get("/api/history", headers=BEARER)
        assert [entry["reply"]["prompt"] for entry in history["messages"]] == ["a cat"]
        site.easel.release()


async def test_jobs_of_linked_accounts_are_a_message_each(tmp_path: Path) -> None:
    async with serving(tmp_path, TWO) as site:
        same = {"text": "a cat", "message": "page-0123456789"}
        hers = await passing(site, HERS)
        await site.post("/api/messages", same, headers=hers)
        await site.post("/api/messages", same, headers=BEARER)
        await site.core.idle()
        await site.store.accounts.link(User("web", "ann", "ann"), User("web", "token", "token"))
        _, history = await site.get("/api/history", headers=BEARER)
        assert [entry["message"] for entry in history["messages"]] == ["job-1", "page-0123456789"]


async def test_a_cookie_from_before_tokens_were_people_keeps_its_history(tmp_path: Path) -> None:
    async with serving(tmp_path, GUARDED) as site:
        key = hmac.digest(load_key(tmp_path / "web.key"), TOKEN.encode(), "sha256")
        person = "0123456789abcdef"
        signed = {name: hmac.digest(key, name.encode(), "sha256").hex() for name in (person, "token", "ann")}
        earlier = {"Cookie": f"zimage_person={person}.{signed[person]}"}
        job = (await site.post("/api/messages", {"text": "a cat"}, headers=earlier))[1]["job"]
        assert [each.id for each in await site.core.jobs(User("web", person, ""))] == [job]
        async with site.client.get(
            "/", params={"token": TOKEN}, headers=earlier, allow_redirects=False
        ) as answer:
            assert "zimage_person" not in answer.cookies
        for forged in (
            f"{person}.00",
            f"fedcba9876543210.{signed[person]}",
            f"ann.{signed['ann']}",
            "é.é",
            "",
        ):
            assert (await site.get("/api/hello", headers={"Cookie": f"zimage_person={forged}"}))[0] == 401
