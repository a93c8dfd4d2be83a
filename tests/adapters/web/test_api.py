"""What an HTTP client may say, and what it hears."""

import asyncio
import base64
import io
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from bot.policy.limits import Rule
from engine.types import Generate
from tests.adapters.web.site import BEARER, GUARDED, Site, next_event, picture_file, serving


async def test_the_health_check_answers(site: Site) -> None:
    assert await site.get("/healthz") == (200, {"ok": True, "engine": "ready", "database": "ok"})


async def test_hello_tells_the_page_what_the_model_can_do(site: Site) -> None:
    status, hello = await site.get("/api/hello")
    assert status == 200
    assert hello["suggestions"][0] == "a red sailboat on the sea at sunset"
    defaults = {name: hello["defaults"][name] for name in ("enhance", "steps", "guidance_scale", "aspect")}
    assert defaults == {"enhance": True, "steps": 8, "guidance_scale": 1.8, "aspect": "auto"}


async def test_words_become_a_job_and_the_job_a_png(site: Site) -> None:
    job = await site.draw("/imagine a red sailboat --seed 7")
    status, found = await site.get(f"/api/jobs/{job}")
    assert status == 200
    assert found["state"] == "delivered"
    assert (found["prompt"], found["seed"], found["steps"], found["guidance_scale"]) == (
        "a red sailboat",
        7,
        8,
        1.8,
    )
    assert found["used_prompt"].startswith("a picture of a red sailboat")
    async with site.client.get(found["images"][0]) as answer:
        assert answer.content_type == "image/png"
        assert "private" in answer.headers["Cache-Control"]
        assert Image.open(io.BytesIO(await answer.read())).size == (found["width"], found["height"])


async def test_a_seed_that_a_browser_would_round_is_told_in_digits(site: Site) -> None:
    job = await site.draw(f"a boat --seed {2**64 - 1}")
    assert (await site.get(f"/api/jobs/{job}"))[1]["seed"] == str(2**64 - 1)


async def test_controls_change_the_parameters_and_flags_win(site: Site) -> None:
    controls = {"steps": 4, "guidance_scale": 2.5, "enhance": False}
    job = await site.draw("a cat --steps 6", controls=controls)
    _, found = await site.get(f"/api/jobs/{job}")
    assert (found["steps"], found["guidance_scale"]) == (6, 2.5)
    assert found["used_prompt"] == "a picture of a cat"


async def test_a_fast_picture_tells_the_steps_that_were_made(site: Site) -> None:
    controls = {"fast": True, "steps": 12}
    fast, slow = [await site.draw(words, controls=controls) for words in ("a cat", "a cat --fast off")]
    told = [(await site.get(f"/api/jobs/{job}"))[1]["steps"] for job in (fast, slow)]
    assert told == [4, 12]


async def test_the_prompt_may_come_as_a_control(site: Site) -> None:
    status, answer = await site.post("/api/messages", {"text": "", "controls": {"prompt": "a cat"}})
    assert status == 200
    assert (await site.get(f"/api/jobs/{answer['job']}"))[1]["prompt"] == "a cat"


async def test_an_attached_picture_is_the_start_of_the_drawing(site: Site) -> None:
    await site.draw("a cat", image=base64.b64encode(picture_file()).decode())
    assert site.easel.tasks[0].init_image is not None  # type: ignore[union-attr]


async def test_optimize_is_a_job_with_the_new_prompt(site: Site) -> None:
    job = await site.draw("/optimize a cat")
    _, found = await site.get(f"/api/jobs/{job}")
    assert (found["kind"], found["images"]) == ("optimize", [])
    assert found["used_prompt"].startswith("a picture of a cat")


async def test_upscale_takes_a_job_by_its_number_or_an_attached_picture(site: Site) -> None:
    first = await site.draw("a cat")
    again = await site.draw(f"/upscale {first}")
    attached = await site.draw("/upscale", image=base64.b64encode(picture_file(64, 48)).decode())
    assert (await site.get(f"/api/jobs/{again}"))[1]["width"] == 256
    assert (await site.get(f"/api/jobs/{attached}"))[1]["width"] == 128
    status, answer = await site.post("/api/messages", {"text": "/upscale"})
    assert (status, answer["code"]) == (422, "needs-image")


async def test_upscale_takes_a_factor_and_a_method_and_the_words_come_back(site: Site) -> None:
    first = await site.draw("a cat")
    again = await site.draw(f"/upscale {first} lanczos 4x")
    assert (await site.get(f"/api/jobs/{again}"))[1]["width"] == 512
    await site.draw("/upscale sr 四倍", image=base64.b64encode(picture_file(64, 48)).decode())
    assert (site.easel.tasks[-1].factor, site.easel.tasks[-1].method) == (4, "sr")  # type: ignore[union-attr]
    _, history = await site.get("/api/history")
    assert history["messages"][-1]["words"] == "/upscale x4 sr"


async def test_other_commands_are_answered_at_once(site: Site) -> None:
    status, answer = await site.post("/api/messages", {"text": "/help"})
    assert status == 200
    assert answer["reply"]["text"]
    assert "job" not in answer


async def test_show_brings_a_picture_by_its_address(site: Site) -> None:
    job = await site.draw("a cat")
    _, answer = await site.post("/api/messages", {"text": f"/show {job}"})
    assert answer["reply"]["images"][0]["url"] == f"/api/jobs/{job}/images/0.png"


async def test_the_same_message_sent_twice_is_one_job(site: Site) -> None:
    body = {"text": "a cat", "message": "page-0123456789"}
    first, second = await asyncio.gather(site.post("/api/messages", body), site.post("/api/messages", body))
    assert first == second


async def test_a_refusal_says_why_in_the_language_of_the_words(site: Site) -> None:
    _, english = await site.post("/api/messages", {"text": "a cat --nonsense"})
    _, chinese = await site.post("/api/messages", {"text": "一只猫 --nonsense"})
    _, header = await site.post(
        "/api/messages", {"text": "a cat --nonsense"}, headers={"Accept-Language": "zh-CN,en;q=0.5"}
    )
    assert english["code"] == chinese["code"] == "unknown-flag"
    assert english["error"] != chinese["error"] == header["error"]


@pytest.mark.parametrize(
    ("languages", "locale"),
    [("de-AT,de;q=0.9,en;q=0.8", "de-AT"), ("fr,zh-CN;q=0.5", "zh-CN"), ("en-GB,fr", "en-GB"), ("*", "en")],
)
async def test_a_prompt_is_read_in_the_browsers_first_language(
    site: Site, languages: str, locale: str
) -> None:
    await site.post("/api/messages", {"text": "rot"}, headers={"Accept-Language": languages})
    await site.core.idle()
    assert [task.locale for task in site.easel.tasks if isinstance(task, Generate)] == [locale]


async def test_too_many_requests_say_when_to_come_back(tmp_path: Path) -> None:
    async with serving(tmp_path, GUARDED, rule=Rule(per_minute=1)) as site:
        await site.post("/api/messages", {"text": "a cat"}, headers=BEARER)
        async with site.client.post("/api/messages", json={"text": "a dog"}, headers=BEARER) as answer:
            found = await answer.json()
            assert answer.status == 429
            assert found["code"] == "burst"
            assert 0 < found["retry_after"] <= 60
            assert int(answer.headers["Retry-After"]) >= 1


async def test_who_is_alone_at_the_machine_has_no_limits(tmp_path: Path) -> None:
    async with serving(tmp_path, rule=Rule(per_minute=1, per_day=1, waiting=1)) as site:
        assert [await site.draw(words) for words in ("a cat", "a dog", "a fish")] == [1, 2, 3]


@pytest.mark.parametrize(
    ("body", "named"),
    [
        (["a cat"], "object"),
        ({}, "text"),
        ({"text": 7}, "text"),
        ({"text": "a cat", "controls": {"steps": "8"}}, "controls.steps"),
        ({"text": "a cat", "controls": {"steps": True}}, "controls.steps"),
        ({"text": "a cat", "controls": {"size": 8}}, "size"),
        ({"text": "a cat", "controls": [1]}, "controls"),
        ({"text": "a cat", "image": "%%%"}, "image"),
        ({"text": "a cat", "message": "no spaces allowed"}, "message"),
    ],
)
async def test_a_malformed_message_is_refused_by_name(site: Site, body: Any, named: str) -> None:
    status, answer = await site.post("/api/messages", body)
    assert (status, answer["code"]) == (422, "bad-request")
    assert named in answer["error"]


async def test_what_is_not_json_is_refused(site: Site) -> None:
    async with site.client.post("/api/messages", data=b"{") as answer:
        assert answer.status == 422
        assert "not JSON" in (await answer.json())["error"]


@pytest.mark.parametrize("controls", [{"steps": 51}, {"steps": 0}])
async def test_a_control_out_of_range_is_refused_like_its_flag(site: Site, controls: Any) -> None:
    status, answer = await site.post("/api/messages", {"text": "a cat", "controls": controls})
    assert (status, answer["code"]) == (422, "bad-value")


async def test_an_attached_file_that_is_no_picture_is_refused(site: Site) -> None:
    status, answer = await site.post("/api/messages", {"text": "a cat", "image": "aGVsbG8="})
    assert (status, answer["code"]) == (422, "bad-image")


async def test_a_body_beyond_the_limit_is_refused(site: Site) -> None:
    body = io.BytesIO(b'{"text": "' + b"x" * (25 * 1024**2) + b'"}')
    async with site.client.post("/api/messages", data=body) as answer:
        assert answer.status == 413
        assert (await answer.json())["code"] == "too-large"


@pytest.mark.parametrize(
    "path", ["/api/nothing", "/nothing", "/api/jobs/x", "/page/nothing.js", "/page/../server.py"]
)
async def test_unknown_addresses_are_404_in_json(site: Site, path: str) -> None:
    status, answer = await site.get(path)
    assert (status, answer["code"]) == (404, "not-found")


async def test_an_unknown_job_is_404_with_a_sentence(site: Site) -> None:
    status, answer = await site.get("/api/jobs/99")
    assert (status, answer["code"]) == (404, "no-such-job")
    assert answer["error"]


async def test_reroll_is_a_new_job_and_info_a_private_reply(site: Site) -> None:
    job = await site.draw("a cat")
    _, again = await site.post(f"/api/jobs/{job}/actions", {"verb": "reroll", "index": 0})
    await site.core.idle()
    _, info = await site.post(f"/api/jobs/{job}/actions", {"verb": "info"})
    assert (await site.get(f"/api/jobs/{again['job']}"))[1]["state"] == "delivered"
    assert info["reply"]["private"]


async def test_edit_gives_the_words_back_for_the_text_box(site: Site) -> None:
    job = await site.draw("a cat")
    _, answer = await site.post(f"/api/jobs/{job}/actions", {"verb": "edit"})
    assert answer["reply"]["prefill"].startswith("/imagine a cat")


async def test_deleting_takes_the_picture_away(site: Site) -> None:
    job = await site.draw("a cat")
    status, _ = await site.post(f"/api/jobs/{job}/actions", {"verb": "delete"})
    await site.core.idle()
    assert status == 200
    assert (await site.get(f"/api/jobs/{job}"))[1]["images"] == []
    assert (await site.get(f"/api/jobs/{job}/images/0.png"))[1]["code"] == "picture-gone"


@pytest.mark.parametrize(
    "body", [{"verb": "explode"}, {"verb": "reroll", "index": -1}, {"verb": "reroll", "index": "1"}]
)
async def test_a_malformed_action_is_refused(site: Site, body: Any) -> None:
    status, answer = await site.post("/api/jobs/1/actions", body)
    assert (status, answer["code"]) == (422, "bad-request")


async def test_history_holds_the_words_and_the_replies_oldest_first(site: Site) -> None:
    first, second = await site.draw("a cat"), await site.draw("a fish --count 2")
    _, history = await site.get("/api/history")
    assert [entry["job"] for entry in history["messages"]] == [first, second]
    assert [entry["words"] for entry in history["messages"]] == ["a cat", "a fish --count 2"]
    assert [image["url"] for image in history["messages"][1]["reply"]["images"]] == [
        f"/api/jobs/{second}/images/0.png",
        f"/api/jobs/{second}/images/1.png",
    ]
    assert history["more"] is False


async def test_long_histories_come_in_parts(site: Site) -> None:
    jobs = [await site.draw(f"cat {number}") for number in range(21)]
    _, latest = await site.get("/api/history")
    _, earlier = await site.get(f"/api/history?before={jobs[1]}")
    assert latest["more"] is True
    assert [entry["job"] for entry in latest["messages"]] == jobs[1:]
    assert ([entry["job"] for entry in earlier["messages"]], earlier["more"]) == (jobs[:1], False)


async def test_history_survives_a_restart(tmp_path: Path) -> None:
    async with serving(tmp_path) as site:
        job = await site.draw("a cat")
    async with serving(tmp_path) as site:
        _, history = await site.get("/api/history")
        assert history["messages"][0]["reply"]["images"][0]["url"] == f"/api/jobs/{job}/images/0.png"


async def test_the_stream_tells_progress_and_then_the_picture(site: Site) -> None:
    async with site.client.get("/api/events?page=one") as stream:
        assert stream.content_type == "text/event-stream"
        site.easel.hold = 3
        _, answer = await site.post("/api/messages", {"text": "a cat", "message": "page-0123456789"})
        while (event := await next_event(stream))["reply"]["progress"] != [2, 8]:
            pass
        assert (event["message"], event["job"], event["words"]) == ("page-0123456789", answer["job"], "a cat")
        assert event["reply"]["images"][0]["url"].startswith("data:image/jpeg;base64,")
        site.easel.release()
        while (last := await next_event(stream))["reply"]["progress"] is not None:
            assert last["version"] > event["version"]
        assert last["reply"]["images"][0]["url"] == f"/api/jobs/{answer['job']}/images/0.png"


async def test_a_page_that_connects_late_hears_of_unfinished_messages(site: Site) -> None:
    site.easel.hold = 3
    async with site.client.get("/api/events?page=one") as early:
        _, answer = await site.post("/api/messages", {"text": "a cat"})
        while (await next_event(early))["reply"]["progress"] != [2, 8]:
            pass
    async with site.client.get("/api/events?page=two") as late:
        event = await next_event(late)
    assert (event["job"], event["reply"]["progress"]) == (answer["job"], [2, 8])
    assert event["reply"]["images"]


async def test_each_choice_in_braces_is_a_message_of_its_own(site: Site) -> None:
    await site.draw("a {red, blue} boat")
    await site.core.idle()
    _, history = await site.get("/api/history")
    jobs = [(await site.get(f"/api/jobs/{entry['job']}"))[1] for entry in history["messages"]]
    assert [job["prompt"] for job in jobs] == ["a red boat", "a blue boat"]


async def test_the_gallery_comes_in_parts_without_what_was_deleted(site: Site) -> None:
    jobs = [await site.draw(f"cat {number}") for number in range(26)]
    await site.post(f"/api/jobs/{jobs[-1]}/actions", {"verb": "delete"})
    _, latest = await site.get("/api/gallery")
    _, earlier = await site.get(f"/api/gallery?before={latest['before']}")
    assert [picture["job"] for picture in latest["pictures"]] == jobs[-2:0:-1]
    assert ([picture["job"] for picture in earlier["pictures"]], earlier["before"]) == (jobs[:1], None)


async def test_a_history_of_two_brings_the_thumbnails_of_two(site: Site) -> None:
    for words in ("a cat", "a dog", "a fish"):
        await site.draw(words)
    _, answer = await site.post("/api/messages", {"text": "/history 2"})
    assert [picture["small"] for picture in answer["reply"]["images"]] == [
        "/api/jobs/3/images/0.jpg",
        "/api/jobs/2/images/0.jpg",
    ]
    assert [line[:2] for line in answer["reply"]["text"].splitlines()[1:]] == ["#3", "#2"]


@pytest.mark.parametrize("query", ["shape=round", "since=yesterday", "before=-1"])
async def test_a_search_that_makes_no_sense_is_refused(site: Site, query: str) -> None:
    status, answer = await site.get(f"/api/gallery?{query}")
    assert (status, answer["code"]) == (422, "bad-request")


async def test_a_thumbnail_is_a_small_jpeg_of_ones_own(site: Site) -> None:
    job = await site.draw("a cat")
    async with site.client.get(f"/api/jobs/{job}/images/0.jpg") as answer:
        assert answer.content_type == "image/jpeg"
        assert max(Image.open(io.BytesIO(await answer.read())).size) <= 400
    assert (await site.get(f"/api/jobs/{job}/images/7.jpg"))[0] == 422


async def test_the_models_that_can_be_chosen_are_listed(tmp_path: Path) -> None:
    async def models() -> list[dict[str, object]]:
        return [{"name": "large"}]

    async with serving(tmp_path, models=models) as site:
        assert await site.get("/api/models") == (200, {"models": [{"name": "large"}]})
