"""Facts about what people are shown in each state of a job."""

from dataclasses import replace
from typing import Any

import pytest

from bot.replies import format
from bot.replies.replies import Replies
from bot.requests import flags
from bot.requests.commands import parse
from bot.storage.stats import counted
from bot.types import Image, Job, Params, Refused, Reply
from engine.types import ModelProfile, Variation, Worker
from tests.bot.jobs import job, picture

PROFILE = ModelProfile("small", 128, 256, ("a red cat", "a blue dog"), "It draws cats and dogs.")
PREVIEW = Image("p.jpg", b"jpeg", "image/jpeg", 64, 64)


@pytest.fixture(scope="module")
def replies() -> Replies:
    return Replies(PROFILE)


def verbs(reply: Reply) -> list[list[str]]:
    return [[button.action.verb for button in row] for row in reply.actions]


def four(**changes: Any) -> Job:
    pictures = tuple(picture(index, seed=50 + index) for index in range(4))
    return job(count=4, pictures=pictures, started=1.0, finished=5.2, **changes)


@pytest.mark.parametrize(
    ("locale", "position", "text"),
    [
        ("en", 1, "You're next."),
        ("en", 2, "In line: 1 job is ahead of you."),
        ("en-US", 5, "In line: 4 jobs are ahead of you."),
        ("zh-CN", 1, "下一个就轮到你了。"),
        ("zh", 3, "排队中，前面还有 2 个任务。"),
        ("fr", 1, "You're next."),
    ],
)
def test_a_waiting_job_shows_its_place_and_a_cancel_button(
    replies: Replies, locale: str, position: int, text: str
) -> None:
    reply = replies.waiting(job(locale=locale, pictures=()), position)
    assert (reply.text, reply.prompt, verbs(reply), reply.private) == (text, "a cat", [["cancel"]], False)


def test_a_running_job_shows_progress_and_the_used_prompt_once_known(replies: Replies) -> None:
    starting = replies.drawing(job(pictures=()), 0, 8, None)
    assert (starting.text, starting.prompt) == ("Getting ready to draw…", "a cat")
    running = replies.drawing(job(pictures=(), used_prompt="a cat at noon"), 3, 8, PREVIEW)
    assert (running.text, running.progress) == ("Drawing… step 3 of 8", (3, 8))
    assert (running.prompt, running.note) == ("a cat at noon", "Your words: a cat")
    assert running.images == (replace(PREVIEW, alt="a cat"),)
    assert verbs(running) == [["cancel"]]


@pytest.mark.parametrize(
    ("locale", "text"), [("en", "Finishing…"), ("zh", "正在收尾……"), ("ja", "仕上げています…")]
)
def test_after_the_last_step_the_picture_is_being_finished(replies: Replies, locale: str, text: str) -> None:
    assert replies.drawing(job(locale=locale, pictures=()), 8, 8, None).text == text


def test_several_running_pictures_show_their_common_share(replies: Replies) -> None:
    assert replies.drawing(four(), 13, 32, None).text == "Drawing 4 pictures… 40%"


def test_one_finished_picture_says_how_it_was_made(replies: Replies) -> None:
    reply = replies.finished(job(), [PREVIEW])
    assert reply.text == "Here is your picture · 8 steps · seed 1234567 · 1.4 s"
    assert verbs(reply) == [["reroll", "vary", "upscale"], ["edit", "info", "delete"]]
    assert replies.finished(job(steps=1, locale="zh"), []).text == "画好了 · 1 步 · 种子 1234567 · 1.4 秒"


def test_several_finished_pictures_have_a_row_of_u_and_a_row_of_v(replies: Replies) -> None:
    reply = replies.finished(four(), [PREVIEW])
    assert reply.text == "Here are your 4 pictures · 8 steps · seeds 50–53 · 4.2 s"
    picks = [[(button.label, button.action.pack()) for button in row] for row in reply.actions[:2]]
    assert picks[0] == [(f"U{number}", f"upscale:17:{number - 1}") for number in (1, 2, 3, 4)]
    assert picks[1] == [(f"V{number}", f"vary:17:{number - 1}") for number in (1, 2, 3, 4)]
    assert verbs(reply)[2] == ["reroll", "edit", "info", "delete"]


def test_the_small_print_says_what_was_done_and_skips_unknown_codes(replies: Replies) -> None:
    drawn = job(
        "一只猫",
        used_prompt="a cat at noon",
        notes=("optimized", "optimizer:rules", "enhanced:time", "negative:unguided", "unheard-of"),
        ignored=("--v 6", "--tile"),
    )
    assert replies.finished(drawn, []).note.splitlines() == [
        "Your words: 一只猫",
        "Added a time of day. The negative prompt has no effect at --cfg 1; use 1.1 or more.",
        "No effect here, ignored: --v 6 --tile",
    ]


def test_what_was_not_known_and_what_stands_for_it_is_said_first(replies: Replies) -> None:
    notes = ("nearest=狗 → 猫", "near=鸟、鱼", "left-out=窗台、太阳", "enhanced:light")
    reply = replies.finished(
        job("狗", used_prompt="a cat", notes=notes, locale="zh", pictures=(picture(),)), []
    )
    missed, done = reply.text.splitlines()
    assert all(words in missed for words in ("狗 → 猫", "鸟、鱼", "窗台、太阳"))
    assert "seed" not in missed
    assert "种子" in done
    assert "狗 → 猫" not in reply.note


@pytest.mark.parametrize(
    ("words", "notes", "suggestions"),
    [
        ("An owl at night", ("nearest=owl → bird", "near=cat, fish"), ("A cat at night", "A fish at night")),
        ("一条龙", ("nearest=龙 → 鸟", "near=猫、鱼"), ("一条猫", "一条鱼")),
    ],
)
def test_what_else_is_near_can_be_drawn_by_one_press(
    words: str, notes: tuple[str, ...], suggestions: tuple[str, ...]
) -> None:
    drawn = job(words, used_prompt="a bird", notes=notes, pictures=(picture(),))
    assert Replies(PROFILE).finished(drawn, []).suggestions == suggestions


def test_who_names_nothing_that_is_known_gets_three_prompts_near_their_words() -> None:
    profile = replace(PROFILE, suggestions=("a red cat", "a blue dog", "a tree", "a green bird"))
    unknown = job(
        "a green dragon", used_prompt="a green dragon", notes=("outside-world",), pictures=(picture(),)
    )
    reply = Replies(profile).finished(unknown, [])
    assert reply.suggestions == ("a green bird", "a red cat", "a blue dog")
    assert all(each in reply.text for each in reply.suggestions)


def test_a_picture_from_changed_words_can_be_drawn_as_they_were_written(replies: Replies) -> None:
    changed = replies.finished(job("a cat", used_prompt="a cat, soft light", pictures=(picture(),)), [])
    same = replies.finished(job("a cat", used_prompt="a cat", pictures=(picture(),)), [])
    assert verbs(changed)[1] == ["edit", "original", "info", "delete"]
    assert verbs(same)[1] == ["edit", "info", "delete"]


def test_an_unchanged_prompt_needs_no_small_print(replies: Replies) -> None:
    assert replies.finished(job(used_prompt="a cat"), []).note == ""


def test_an_enlarged_picture_names_its_size_and_lanczos(replies: Replies) -> None:
    reply = replies.finished(
        job(kind="upscale", parent=3, pictures=(picture(report={"method": "lanczos"}),)), []
    )
    assert reply.text == "Here is your picture, enlarged to 128×128 · 1.4 s"
    assert "Lanczos" in reply.note


def test_an_enlarged_attachment_offers_nothing_that_needs_a_prompt(replies: Replies) -> None:
    assert verbs(replies.finished(job("", kind="upscale", image="kept"), [])) == [
        ["upscale", "info", "delete"]
    ]


@pytest.mark.parametrize(
    ("error", "detail", "text", "note", "buttons"),
    [
        (
            "out_of_memory",
            "CUDA",
            "There wasn't enough memory for this. Try a smaller size.",
            "",
            ["reroll", "edit"],
        ),
        ("bad_input", "factor is 3", "The model can't work with this.", "factor is 3", ["edit"]),
        ("refused", "banned-words", "This contains words that aren't allowed here.", "", ["edit"]),
        ("refused", "not-finished", "This couldn't be drawn after all.", "", ["edit"]),
        ("something-new", "x", "Something went wrong on our side.", "", ["reroll", "edit"]),
    ],
)
def test_a_failed_job_says_why_that_it_was_free_and_what_helps(
    replies: Replies, error: str, detail: str, text: str, note: str, buttons: list[str]
) -> None:
    reply = replies.failed(job(pictures=(), state="failed", error=error, error_detail=detail))
    assert (reply.text, reply.note) == (f"{text} It cost you nothing.", note)
    assert verbs(reply) == [buttons]


def test_a_cancelled_job_says_what_it_cost(replies: Replies) -> None:
    waiting = job(pictures=(), state="cancelled")
    assert replies.cancelled(waiting).text == "Cancelled before it started. It cost you nothing."
    assert (
        replies.cancelled(replace(waiting, started=1.0)).text
        == "Cancelled. Only the steps already drawn count."
    )


def test_a_deleted_job_keeps_neither_prompt_nor_buttons(replies: Replies) -> None:
    assert replies.deleted(job()) == Reply("Deleted.", job=17)


def test_info_is_private_and_names_every_parameter(replies: Replies) -> None:
    made = four(
        negative_prompt="dogs", image="kept", variation=Variation(7, 0.12, 0.3), used_prompt="x" * 1000
    )
    reply = replies.info(made, 2)
    assert reply.private
    assert reply.prompt == "x" * 1000
    assert reply.text.splitlines() == [
        "Job #17 · picture 3 of 4",
        "128×128 · 8 steps · guidance 1.8 · seed 52",
        "Negative prompt: dogs",
        "Drawn over your picture, strength 0.6",
        "Variation: seed 9, prompt noise 0.12, latent noise 0.3",
        "Model: small",
        "Took 1.4 s",
    ]


def test_info_names_the_guidance_that_pictures_were_really_drawn_with(replies: Replies) -> None:
    made = four()
    spared = replace(made.pictures[0], report={"guidance_scale": 1.0})
    text = replies.info(replace(made, pictures=(spared, *made.pictures[1:])), 0).text
    assert "guidance 1.0" in text


def test_edit_offers_a_command_that_asks_for_the_same(replies: Replies) -> None:
    asked = job(steps=12, negative_prompt="dogs", optimize=False, enhance=False)
    command = parse(replies.edit(asked, Params("")).prefill)
    assert command.name == "imagine"
    assert flags.parse(command.rest, Params("")) == asked.request.params


def test_edit_leaves_out_what_the_defaults_of_its_sender_say_already(replies: Replies) -> None:
    mine = Params("", steps=20, aspect="3:2")
    assert replies.edit(job(steps=20, aspect="3:2"), mine).prefill == "/imagine a cat"
    assert replies.edit(job(), mine).prefill == "/imagine a cat --ar auto --steps 8"


@pytest.mark.parametrize(
    ("refused", "english", "chinese"),
    [
        (
            Refused("burst", 39.2, limit=10, left=0),
            "That's more than 10 requests a minute; try again in 40 seconds.",
            "每分钟最多 10 次请求，请 40 秒后再试。",
        ),
        (
            Refused("per-day", 7300, limit=200, left=3),
            "That's more than your 200 pictures a day (3 left); try again in 3 hours.",
            "超出每天 200 张的额度了（还剩 3 张），请 3 小时后再试。",
        ),
        (
            Refused("queue-full", limit=500, left=0),
            "The line is full (500 jobs); try again later.",
            "队列满了（500 个任务），请稍后再试。",
        ),
        (
            Refused("bad-value", flag="--steps", value="99", allowed="1–50"),
            "--steps can't be “99”; allowed: 1–50.",
            "--steps 不能是“99”，可用范围：1–50。",
        ),
        (
            Refused("no-such-job", job=12345),
            "You have no job #12345; /history lists yours.",
            "你没有 #12345 这个任务，发 /history 看看自己的任务。",
        ),
        (
            Refused("banned", 260_000, reason="spam"),
            "You've been shut out of this bot; come back in 4 days.",
            "你被暂停使用这个机器人，请 4 天后再来。",
        ),
        (
            Refused("banned", reason=""),
            "You've been shut out of this bot.",
            "你已被禁止使用这个机器人。",
        ),
        (Refused("no-job-yet"), "You haven't made anything yet.", "你还没有画过图。"),
    ],
)
def test_a_refusal_is_one_private_sentence_with_its_values(
    replies: Replies, refused: Refused, english: str, chinese: str
) -> None:
    said = replies.refused(refused, "en"), replies.refused(refused, "zh-CN")
    assert [reply.text for reply in said] == [english, chinese]
    assert all(reply.private for reply in said)
    assert ("Reason: spam" in said[0].note) == (refused.values.get("reason") == "spam")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.2, "in 1 second"),
        (90, "in 90 seconds"),
        (91, "in 2 minutes"),
        (5400, "in 90 minutes"),
        (5401, "in 2 hours"),
    ],
)
def test_a_wait_is_rounded_up(replies: Replies, seconds: float, text: str) -> None:
    assert format.when(replies.texts, "en", seconds) == text


@pytest.mark.parametrize(
    ("seconds", "english", "chinese"),
    [
        (1, "about 5 seconds", "大约 5 秒"),
        (42, "about 40 seconds", "大约 40 秒"),
        (59, "about 1 minute", "大约 1 分钟"),
        (130, "about 2 minutes", "大约 2 分钟"),
        (7000, "about 2 hours", "大约 2 小时"),
    ],
)
def test_a_guess_is_rounded_to_what_it_deserves(
    replies: Replies, seconds: float, english: str, chinese: str
) -> None:
    assert (replies.about("en", seconds), replies.about("zh-CN", seconds)) == (english, chinese)


def test_a_long_prompt_is_cut_in_messages(replies: Replies) -> None:
    reply = replies.waiting(job("x" * 2000), 1)
    assert reply.prompt == "x" * (format.SHOWN_PROMPT - 1) + "…"


def test_every_row_fits_discord_and_every_button_has_words(replies: Replies) -> None:
    shown = [
        replies.finished(four(), []),
        replies.finished(job(), []),
        replies.queue("zh", [(job(), 1)] * 9, 9),
    ]
    rows = [row for reply in shown for row in reply.actions]
    assert all(len(row) <= 5 for row in rows)
    assert all(len(reply.actions) <= 5 for reply in shown)
    assert all(button.hint and (button.label or button.emoji) for row in rows for button in row)


def test_the_numbers_of_a_cluster_name_each_machine() -> None:
    stats = counted([], 0.0)
    workers = [Worker("gpu1.ab", "RTX 4090", 2, 30, 3.04), Worker("pc.cd", "", 0, 0, None)]
    assert Replies(PROFILE).stats("en", stats, 0, workers).text.splitlines()[-2:] == [
        "Computer gpu1.ab (RTX 4090): drawing 2 · drawn 30 · 3.0 s a picture",
        "Computer pc.cd: drawing 0 · drawn 0 · ? s a picture",
    ]
