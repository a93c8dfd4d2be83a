"""Who comes in, who may press what, and what administrators can do."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from bot.policy.access import Access
from bot.policy.limits import DAY, Rule
from bot.policy.role_limits import LimitRules, RoleLimits
from bot.types import Action, Job, Refused, Reply, User, Verb
from engine.fake import FakeEngine
from tests.bot.harness import ANN, BOB, FREE, TOKENS, BotHarness, StepGate, bot_harness

HERE = ("fake:server:1", "fake:channel:2", "fake:role:5")
MEMBER = replace(ANN, groups=HERE)
NEIGHBOUR = replace(BOB, groups=("fake:server:1", "fake:channel:3"))
STRANGER = replace(BOB, groups=("fake:server:9",))
CHIEF = replace(BOB, id="9", name="Chief")
ADMINS = Access(admins=frozenset(["fake:user:9"]))


@pytest.mark.parametrize(
    ("allow", "block", "comes_in"),
    [
        ((), (), True),
        (("fake:server:1",), (), True),
        (("fake:channel:2", "fake:server:7"), (), True),
        (("fake:user:1",), (), True),
        (("fake:server:7",), (), False),
        (("other:server:7",), (), True),
        ((), ("fake:role:5",), False),
        (("fake:user:1",), ("fake:server:1",), False),
    ],
)
async def test_lists_let_in_or_keep_out_and_block_wins(
    tmp_path: Path, allow: tuple[str, ...], block: tuple[str, ...], comes_in: bool
) -> None:
    async with bot_harness(tmp_path, access=Access(frozenset(allow), frozenset(block))) as home:
        if comes_in:
            home.core.check_access(MEMBER)
            await home.ask(user=MEMBER)
            return
        with pytest.raises(Refused) as caught:
            home.core.check_access(MEMBER)
        assert (caught.value.code, caught.value.values) == ("not-here", {"place": "fake:server:1"})
        with pytest.raises(Refused, match="not-here"):
            await home.ask(user=MEMBER)
        with pytest.raises(Refused, match="not-here"):
            await home.told("queue", user=MEMBER)
        for always in ("help", "settings", "forget"):
            assert (await home.told(always, user=MEMBER)).private


async def test_a_person_without_a_place_is_named_to_the_operator_by_themselves(tmp_path: Path) -> None:
    async with bot_harness(tmp_path, access=Access(allow=frozenset(["fake:server:1"]))) as home:
        with pytest.raises(Refused) as caught:
            home.core.check_access(ANN)
        assert caught.value.values == {"place": "fake:user:1"}


@pytest.mark.parametrize(
    ("verb", "user", "anyone", "may"),
    [
        ("reroll", MEMBER, False, True),
        ("reroll", NEIGHBOUR, False, False),
        ("reroll", NEIGHBOUR, True, True),
        ("info", NEIGHBOUR, True, True),
        ("info", STRANGER, True, False),
        ("delete", NEIGHBOUR, True, False),
        ("favourite", NEIGHBOUR, True, False),
        ("delete", replace(NEIGHBOUR, moderator=True), False, True),
        ("cancel", replace(NEIGHBOUR, moderator=True), False, True),
        ("reroll", replace(NEIGHBOUR, moderator=True), False, False),
        ("delete", replace(STRANGER, moderator=True), False, False),
        ("delete", CHIEF, False, True),
        ("info", CHIEF, False, False),
    ],
)
async def test_who_may_press_a_button(
    tmp_path: Path, verb: Verb, user: User, anyone: bool, may: bool
) -> None:
    async with bot_harness(tmp_path, access=replace(ADMINS, anyone_may_press=anyone)) as home:
        job = await home.ask(user=MEMBER)
        await home.core.idle()
        if may:
            assert (await home.core.job_for_action(user, Action(verb, job.id))).id == job.id
            return
        with pytest.raises(Refused, match="not-yours"):
            await home.core.job_for_action(user, Action(verb, job.id))
        with pytest.raises(Refused, match="not-yours"):
            await home.press(verb, job, user=user)


async def test_who_presses_owns_what_comes_of_it_and_reads_it_in_their_language(tmp_path: Path) -> None:
    async with bot_harness(tmp_path, access=Access(anyone_may_press=True)) as home:
        job = await home.ask(user=MEMBER)
        await home.core.idle()
        reader = replace(NEIGHBOUR, locale="zh-CN")
        info = await home.press("info", job, user=reader)
        assert isinstance(info, Reply)
        assert "任务" in info.text
        for verb in ("reroll", "upscale", "vary"):
            made = await home.press(verb, job, user=reader)  # type: ignore[arg-type]
            assert isinstance(made, Job)
            assert made.request.user == reader
        await home.core.idle()
        assert len(await home.core.jobs(reader)) == 3
        assert len(await home.core.jobs(MEMBER)) == 1


async def test_a_moderator_cancels_what_another_is_having_drawn(tmp_path: Path) -> None:
    gate = StepGate()
    async with bot_harness(tmp_path, engine=FakeEngine(TOKENS, gate)) as home:
        job = await home.ask(user=MEMBER)
        await gate.reached()
        await home.press("cancel", job, user=replace(NEIGHBOUR, moderator=True))
        await home.core.idle()
        assert (await home.row(job)).state == "cancelled"


def test_of_what_is_granted_the_most_generous_holds() -> None:
    rules = LimitRules(
        Rule(per_minute=10, per_day=200, waiting=5, max_count=1),
        (
            RoleLimits(frozenset(["a", "b"]), per_day=50, max_count=4, priority=2),
            RoleLimits(frozenset(["b"]), per_day=0, waiting=7, max_count=2),
            RoleLimits(frozenset(["c"]), per_minute=99),
        ),
    )
    assert rules.of(["x"]) == rules.standard
    assert rules.of(["a"]) == Rule(10, 50, 5, max_count=4, priority=2)
    assert rules.of(["a", "b"]) == Rule(10, 0, 7, max_count=4, priority=2)


def test_limits_are_for_others_than_who_is_alone_at_the_machine() -> None:
    role = RoleLimits(frozenset(["a"]), per_day=50)
    mine = RoleLimits(frozenset(["web:local"]), per_day=7)
    free = Rule(0, 0, 0, 0, max_count=0, max_megapixels=0.0)
    assert LimitRules(Rule(), (role,)).of(["web:user:local", "web:local", "a"]) == free
    assert LimitRules(Rule(), (mine,)).of(["web:user:local", "web:local"]) == Rule(per_day=7)


async def test_roles_raise_limits_and_turns(tmp_path: Path) -> None:
    role_limits = (RoleLimits(frozenset(["fake:role:5"]), per_minute=9, max_count=4, priority=1),)
    rule = replace(FREE, per_minute=2, max_count=2)
    async with bot_harness(tmp_path, rule=rule, role_limits=role_limits, run=False) as home:
        with pytest.raises(Refused, match="too-many"):
            await home.ask(count=4)
        await home.ask("m", MEMBER, count=4)
        for _ in range(2):
            await home.ask("b", BOB, count=2)
        with pytest.raises(Refused, match="burst"):
            await home.ask("b", BOB)
        home.run()
        await home.core.idle()
        assert "".join(task.prompt for task in home.engine.tasks) == "mbmmbmbb"
        [counts] = [choice for choice in (await home.told("settings")).choices if choice.name == "count"]
        assert len(counts.options) == 2


async def administered(home: BotHarness, command: str, rest: str = "") -> str:
    return (await home.told(command, rest, CHIEF)).text


@pytest.mark.parametrize("command", ["pause", "resume", "drain", "stats", "ban", "unban"])
async def test_only_administrators_operate_the_bot(tmp_path: Path, command: str) -> None:
    async with bot_harness(tmp_path, access=ADMINS) as home:
        with pytest.raises(Refused, match="admins-only"):
            await home.told(command, "#1")
        assert f"/{command}" not in (await home.told("help")).text
        assert f"/{command}" in (await home.told("help", user=CHIEF)).text


async def test_paused_nothing_starts_and_who_waits_is_told(tmp_path: Path) -> None:
    async with bot_harness(tmp_path, access=ADMINS) as home:
        await administered(home, "pause")
        job = await home.ask()
        await home.settled()
        assert "paused" in (await home.message(job)).note
        assert home.engine.tasks == []
        await administered(home, "resume")
        await home.core.idle()
        assert (await home.row(job)).state == "delivered"


async def test_where_no_machine_is_there_nothing_starts_and_everybody_is_told(tmp_path: Path) -> None:
    gate = StepGate()
    async with bot_harness(tmp_path, engine=FakeEngine(TOKENS, gate)) as home:
        drawn, job = await home.ask(), await home.ask(user=BOB)
        await gate.reached(1)
        home.engine.resize()
        await home.settled()
        for one in (drawn, job):
            assert "No computer is connected" in (await home.message(one)).note
        gate.open()
        home.engine.resize(TOKENS)
        await home.settled()
        await home.core.idle()
        assert [(await home.row(one)).state for one in (drawn, job)] == ["delivered"] * 2


async def test_drained_what_waits_is_made_and_nothing_new_is_taken(tmp_path: Path) -> None:
    async with bot_harness(tmp_path, access=ADMINS, run=False) as home:
        job = await home.ask()
        assert "1 job is waiting" in await administered(home, "drain")
        with pytest.raises(Refused, match="draining"):
            await home.ask()
        home.run()
        await home.core.idle()
        assert (await home.row(job)).state == "delivered"
        await administered(home, "resume")
        await home.ask()


async def test_a_ban_shuts_a_person_out_for_its_days_on_every_linked_account(tmp_path: Path) -> None:
    elsewhere = User("other", "7", "Annie")
    async with bot_harness(tmp_path, access=ADMINS) as home:
        job = await home.ask()
        code = (await home.told("link")).prompt.removeprefix("/link ")
        await home.told("link", code, elsewhere)
        await home.core.idle()
        said = await administered(home, "ban", f"#{job.id} 2 too much spam")
        assert said == "fake:user:1 is shut out for 2 days."
    async with bot_harness(tmp_path, access=ADMINS) as home:
        for user in (ANN, elsewhere):
            with pytest.raises(Refused) as caught:
                home.core.check_access(user)
            assert caught.value.values == {"reason": "too much spam"}
        with pytest.raises(Refused, match="banned"):
            await home.press("reroll", job)
        await home.act(Action("forget", 0, 0, "yes"), elsewhere)
        for user in (ANN, elsewhere):
            with pytest.raises(Refused, match="banned"):
                home.core.check_access(user)
        home.time += 2 * DAY + 1
        home.core.check_access(ANN)


async def test_a_ban_without_days_lasts_until_it_is_lifted(tmp_path: Path) -> None:
    async with bot_harness(tmp_path, access=ADMINS) as home:
        assert await administered(home, "ban", "fake:user:2 spam") == "fake:user:2 is shut out for good."
        await administered(home, "ban", "other:user:3 5d")
        assert (await administered(home, "ban")).splitlines() == [
            "Shut out:",
            "fake:user:2 · for good · spam",
            "other:user:3 · back in 5 days",
        ]
        home.time += 900 * DAY
        with pytest.raises(Refused, match="banned"):
            await home.ask(user=BOB)
        await administered(home, "unban", "fake:user:2")
        await home.ask(user=BOB)
        await home.core.idle()
        for rest, code in (("fake:user:2", "not-banned"), ("Bob", "bad-name"), ("#99", "no-such-job")):
            with pytest.raises(Refused, match=code):
                await administered(home, "unban", rest)


async def test_the_numbers_of_the_day_are_those_of_the_rows(tmp_path: Path) -> None:
    async with bot_harness(tmp_path, access=ADMINS) as home:
        await asyncio.gather(home.ask(count=2), home.ask("fail:", user=BOB), home.ask("lost once:"))
        await home.core.idle()
        lines = (await home.told("stats", user=CHIEF)).text.splitlines()
        assert lines[1] in ("Jobs: 3 (done 2 · failed 1)", "Jobs: 3 (failed 1 · done 2)")
        assert lines[2] == "People: 2 (Fake 3)"
        assert lines[3] == "Pictures an hour: 3.0 · waiting now: 0"
        assert lines[-1] == "Begun again after the engine was lost: 1"
        home.time += DAY + 1
        assert (await home.told("stats", user=CHIEF)).text.splitlines()[1] == "Jobs: 0 (–)"
