"""A fast picture takes as many steps as its prompt needs, and people are told how many."""

from pathlib import Path

from bot.replies.replies import Replies
from engine.fake import FakeEngine
from tests.bot.harness import ANN, PROFILE, TOKENS, StepGate, bot_harness
from tests.bot.jobs import job, picture


async def test_progress_counts_the_steps_a_fast_picture_really_takes(tmp_path: Path) -> None:
    gate = StepGate(step=3)
    async with bot_harness(tmp_path, engine=FakeEngine(TOKENS, gate)) as home:
        job = await home.ask(steps=12, fast=True)
        await gate.reached()
        gate.open()
        await home.core.idle()
        shown = [reply.progress for _, reply in home.platform.shows if reply.progress]
        assert {of for step, of in shown if step} == {4}
        assert "4 steps" in (await home.message(job)).text
        assert (await home.usage(ANN)).charges == ((1000.0, 1.0),)


def test_a_fast_picture_tells_the_steps_it_was_scheduled_for() -> None:
    replies = Replies(PROFILE)
    made = job(fast=True, pictures=(picture(report={"steps": 3, "scheduled_steps": 5}),))
    assert replies.finished(made, []).text == "Here is your picture · 5 steps · seed 1234567 · 1.4 s"
    assert "128×128 · 5 steps" in replies.info(made, 0).text
    waiting = replies.info(job(fast=True, steps=16, pictures=()), 0)
    assert "128×128 · 8 steps" in waiting.text
