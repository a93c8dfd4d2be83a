"""A person's own things: settings, favourites, links between accounts, and being forgotten."""

from dataclasses import replace
from pathlib import Path

import pytest

from bot.policy.limits import DAY, Rule
from bot.policy.role_limits import RoleLimits
from bot.storage.retention import Retention
from bot.types import Action, Job, Params, Refused, Reply, User
from engine.fake import FakeEngine
from engine.types import Generate
from tests.bot.harness import ANN, BOB, FREE, TOKENS, BotHarness, StepGate, bot_harness

ANN_ELSEWHERE = User("other", "7", "Annie", "zh-CN")


async def setting(home: BotHarness, change: str, user: User = ANN) -> Reply:
    reply = await home.act(Action("set", 0, 0, change), user)
    assert isinstance(reply, Reply)
    return reply


async def linked(home: BotHarness, one: User = ANN, other: User = ANN_ELSEWHERE) -> Reply:
    code = (await home.told("link", user=one)).prompt.removeprefix("/link ")
    return await home.told("link", code, other)


def chosen(reply: Reply) -> dict[str, list[str]]:
    return {
        choice.name: [option.action.value for option in choice.options if option.chosen]
        for choice in reply.choices
    }


async def test_the_settings_panel_shows_what_holds_and_every_option_is_a_press(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as home:
        panel = await home.told("settings")
        assert (panel.private, panel.actions) == (True, ())
        assert {name: found for name, [found] in chosen(panel).items()} == {
            "aspect": "aspect=auto",
            "steps": "steps=8",
            "cfg": "cfg=1.8",
            "count": "count=1",
            "optimize": "optimize=on",
            "enhance": "enhance=on",
            "spoiler": "spoiler=off",
        }
        for option in [option for choice in panel.choices for option in choice.options]:
            assert Action.unpack(option.action.pack()) == option.action
            again = await setting(home, option.action.value)
            assert option.action.value in [value for values in chosen(again).values() for value in values]


async def test_settings_hold_where_nothing_is_said_survive_and_can_be_reset(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as home:
        for change in ("steps=12", "aspect=3:2", "optimize=off"):
            await setting(home, change)
    async with bot_harness(tmp_path) as home:
        mine = Params("", steps=12, aspect="3:2", optimize=False)
        assert await home.core.defaults(ANN) == mine
        assert await home.core.defaults(BOB) == Params("")
        panel = await home.told("settings")
        [[reset]] = panel.actions
        assert isinstance(await home.act(reset.action), Reply)
        assert await home.core.defaults(ANN) == Params("")


async def test_a_setting_like_the_operators_default_follows_it_when_that_changes(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as home:
        await setting(home, "steps=12")
        await setting(home, "steps=8")
        assert await home.store.accounts.settings(ANN.person) == {}


@pytest.mark.parametrize("change", ["steps=99", "seed=5", "steps", ""])
async def test_what_the_panel_does_not_offer_is_refused(tmp_path: Path, change: str) -> None:
    async with bot_harness(tmp_path) as home:
        with pytest.raises(Refused):
            await setting(home, change)
        assert await home.core.defaults(ANN) == Params("")


async def test_a_count_set_under_a_role_that_is_lost_is_cut_to_what_is_allowed(tmp_path: Path) -> None:
    role_limits = (RoleLimits(frozenset(["fake:role:5"]), max_count=4),)
    async with bot_harness(tmp_path, rule=replace(FREE, max_count=2), role_limits=role_limits) as home:
        member = replace(ANN, groups=("fake:role:5",))
        await setting(home, "count=4", member)
        assert [(await home.core.defaults(user)).count for user in (member, ANN)] == [4, 2]


async def test_an_edited_command_leaves_out_what_ones_own_settings_say(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as home:
        job = await home.ask(seed=None, steps=12)
        await home.core.idle()
        await setting(home, "steps=12")
        reply = await home.press("edit", job)
        assert isinstance(reply, Reply)
        assert reply.prefill == "/imagine a boat"


async def test_a_favourite_stands_first_in_the_history_and_outlives_the_sweep(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as home:
        kept, gone = await home.ask("kept"), await home.ask("gone")
        await home.core.idle()
        said = await home.press("favourite", kept)
        assert isinstance(said, Reply)
        assert (said.private, (await home.row(kept)).favourite) == (True, True)
        lines = (await home.told("history")).text.splitlines()
        assert [f"#{kept.id}" in line for line in lines] == [False, True, False, False, True]
        home.time += 2 * DAY
        await home.core.sweep()
        assert (await home.core.picture(ANN, kept.id, 0)).exists()
        with pytest.raises(Refused, match="picture-gone"):
            await home.core.picture(ANN, gone.id, 0)
        for value, favourite in (("", False), ("on", True), ("on", True), ("off", False), ("", True)):
            await home.act(Action("favourite", kept.id, 0, value))
            assert (await home.row(kept)).favourite == favourite


async def test_old_prompts_are_erased_but_those_of_favourites(tmp_path: Path) -> None:
    async with bot_harness(tmp_path, retention=Retention(prompt_days=3)) as home:
        kept, old = await home.ask("kept boat"), await home.ask("old boat", negative_prompt="dogs")
        await home.core.idle()
        await home.press("favourite", kept)
        home.time += 4 * DAY
        new = await home.ask("new boat")
        await home.core.idle()
        await home.core.sweep()
        words = [(await home.row(job)).request.params.prompt for job in (kept, old, new)]
        assert words == ["kept boat", "", "new boat"]
        row = await home.row(old)
        assert (row.used_prompt, row.request.params.negative_prompt) == ("", "")
        assert (await home.core.picture(ANN, old.id, 0)).exists()
        for verb in ("reroll", "vary", "edit"):
            with pytest.raises(Refused, match="prompt-gone"):
                await home.press(verb, old)  # type: ignore[arg-type]
        assert (await home.pressed("upscale", old)).state == "delivered"


async def test_linked_accounts_share_history_quota_and_settings_and_can_be_separated(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as home:
        job = await home.ask()
        await home.core.idle()
        await setting(home, "steps=4")
        assert "Fake" in (await linked(home)).text
        assert [row.id for row in await home.core.jobs(ANN_ELSEWHERE)] == [job.id]
        assert (await home.usage(ANN_ELSEWHERE)).charges != ()
        assert (await home.core.defaults(ANN_ELSEWHERE)).steps == 4
        assert isinstance(await home.press("reroll", job, user=ANN_ELSEWHERE), Job)
        await home.core.idle()
        assert len(await home.core.jobs(ANN)) == 2
    async with bot_harness(tmp_path) as home:
        assert len(await home.core.jobs(ANN)) == 2
        await home.told("link", "off", ANN_ELSEWHERE)
        assert [row.id for row in await home.core.jobs(ANN)] == [job.id]
        assert len(await home.core.jobs(ANN_ELSEWHERE)) == 1
        with pytest.raises(Refused, match="not-linked"):
            await home.told("link", "off")


async def test_linked_people_take_one_turn(tmp_path: Path) -> None:
    async with bot_harness(tmp_path, run=False) as home:
        await linked(home)
        for name, user in (("a", ANN), ("b", ANN_ELSEWHERE), ("c", BOB)):
            await home.ask(name, user)
        home.run()
        await home.core.idle()
        assert [task.prompt for task in home.engine.tasks] == ["a", "c", "b"]


async def test_a_code_works_once_for_another_and_not_for_long(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as home:
        code = (await home.told("link")).prompt.removeprefix("/link ")
        with pytest.raises(Refused, match="own-code"):
            await home.told("link", code)
        await home.told("link", code.lower(), ANN_ELSEWHERE)
        with pytest.raises(Refused, match="bad-code"):
            await home.told("link", code, BOB)
        late = (await home.told("link")).prompt.removeprefix("/link ")
        home.time += 601
        with pytest.raises(Refused, match="bad-code"):
            await home.told("link", late, BOB)


async def test_guessing_codes_ends_after_a_few_tries(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as home:
        codes = []
        for _ in range(7):
            with pytest.raises(Refused) as caught:
                await home.told("link", "AAAA2222")
            codes.append(caught.value.code)
        assert codes == ["bad-code"] * 5 + ["too-many-tries"] * 2
        home.time += 601
        with pytest.raises(Refused, match="bad-code"):
            await home.told("link", "AAAA2222")


async def test_forgetting_asks_first_and_can_be_declined(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as home:
        job = await home.ask()
        await home.core.idle()
        question = await home.told("forget")
        [[yes, no]] = question.actions
        assert (yes.action.value, no.action.value, question.private) == ("yes", "no", True)
        await home.act(no.action)
        assert (await home.row(job)).state == "delivered"


async def test_after_forgetting_nothing_is_left_but_what_the_limits_need(tmp_path: Path) -> None:
    gate = StepGate()
    async with bot_harness(tmp_path, engine=FakeEngine(TOKENS, gate), rule=replace(FREE, per_day=3)) as home:
        await linked(home)
        gate.open()
        done, other = await home.ask("a lighthouse", steps=8), await home.ask(user=BOB)
        await home.core.idle()
        await home.ask(image=(await home.message(done)).images[0].data, steps=8, user=ANN_ELSEWHERE)
        await home.core.idle()
        await setting(home, "steps=4")
        files = [picture.file for job in await home.core.jobs(ANN) for picture in job.pictures]
        await home.act(Action("forget", 0, 0, "yes"), ANN_ELSEWHERE)
        assert await home.core.jobs(ANN) == await home.core.jobs(ANN_ELSEWHERE) == []
        assert not any(home.images.path(file).exists() for file in files)
        assert list((tmp_path / "pictures" / "inputs").iterdir()) == []
        assert await home.core.defaults(ANN) == Params("")
        assert (await home.row(other)).state == "delivered"
        assert [home.store.accounts.with_account(user).account for user in (ANN, ANN_ELSEWHERE)] == ["", ""]
        assert [(await home.usage(user)).spent(home.time) for user in (ANN, ANN_ELSEWHERE)] == [
            1,
            1,
        ]
        kept = (tmp_path / "bot.db").read_bytes() + (tmp_path / "bot.db-wal").read_bytes()
        assert b"lighthouse" not in kept
        assert ANN_ELSEWHERE.name.encode() not in kept
        home.time += DAY + 1
        await home.core.sweep()
        assert await home.store._db.rows("SELECT * FROM forgotten") == []


async def test_forgetting_is_no_way_around_the_limits(tmp_path: Path) -> None:
    async with bot_harness(tmp_path, rule=Rule(0, 1, 0, 0, 4, 1.0)) as home:
        await home.ask(steps=8)
        await home.core.idle()
        await home.act(Action("forget", 0, 0, "yes"))
        with pytest.raises(Refused, match="per-day"):
            await home.ask(steps=8)


async def test_forgetting_stops_what_is_being_drawn_and_clears_its_message(tmp_path: Path) -> None:
    gate = StepGate()
    async with bot_harness(tmp_path, engine=FakeEngine(TOKENS, gate)) as home:
        job = await home.ask()
        await gate.reached()
        address = (await home.row(job)).request.address
        await home.act(Action("forget", 0, 0, "yes"))
        await home.core.idle()
        assert home.engine.running == 0
        assert home.platform.latest[address].text == "Deleted."


async def test_a_picture_asked_for_as_a_spoiler_is_covered_from_the_preview_on(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as home:
        job = await home.ask(spoiler=True)
        await home.core.idle()
        again = await home.pressed("reroll", job)
        large = await home.pressed("upscale", again)
        assert [(await home.message(one)).spoiler for one in (job, again, large)] == [True] * 3
        assert all(reply.spoiler for _, reply in home.platform.shows if reply.progress)


async def test_another_wording_is_another_job_until_there_is_no_other(tmp_path: Path) -> None:
    async with bot_harness(tmp_path) as home:
        job = await home.ask("boat", kind="optimize")
        await home.core.idle()
        words = [(await home.row(job)).used_prompt]
        for _ in range(3):
            job = await home.pressed("another", job)
            words.append(job.used_prompt)
        assert len({*words}) == 3
        assert words[3] == words[0]
        assert (await home.message(job)).text == "I have no other wording for this."
        drawn = await home.pressed("use", job)
        task = home.engine.tasks[-1]
        assert isinstance(task, Generate)
        assert (task.prompt, drawn.request.index) == (words[3], 0)
