"""Who a person is on Discord, and what follows from it: roles, places, age restriction, moderators."""

from pathlib import Path

import pytest

from bot.policy.access import Access
from bot.types import User
from tests.adapters.discord.fake_discord import MANAGE_MESSAGES
from tests.adapters.discord.harness import DiscordHarness, living, opened
from tests.adapters.discord.people import words
from tests.adapters.discord.rest import running

TOGETHER = Access(anyone_may_press=True)


async def asker(studio: DiscordHarness) -> User:
    """The person as the newest job knows them."""
    await studio.draw()
    return (await studio.newest()).request.user


async def test_a_person_comes_with_server_channel_and_roles(tmp_path: Path) -> None:
    async with running() as discord:
        role = discord.world.add_role()
        async with living(discord, tmp_path) as studio:
            studio.ann.person.roles = [role]
            groups = (await asker(studio)).groups
            world, channel = studio.world, studio.ann.channel
            assert groups[:2] == (f"discord:server:{world.guild}", f"discord:channel:{channel.id}")
            assert f"discord:role:{role}" in groups
            assert "discord:age-restricted" not in groups


async def test_a_thread_is_its_channel_too_with_its_age_restriction(tmp_path: Path) -> None:
    async with running() as discord:
        parent = discord.world.add_channel(nsfw=True)
        async with living(discord, tmp_path) as studio:
            studio.ann.channel = studio.world.add_channel(11, parent=parent.id)
            groups = (await asker(studio)).groups
    assert {f"discord:channel:{parent.id}", "discord:age-restricted"} <= set(groups)


async def test_a_direct_message_is_no_place_of_a_server(studio: DiscordHarness) -> None:
    studio.ann.channel = studio.world.dm(studio.ann.person)
    assert (await asker(studio)).groups == (f"discord:channel:{studio.ann.channel.id}",)


async def test_a_role_that_is_allowed_opens_the_bot_and_nobody_sees_a_refusal_begin(tmp_path: Path) -> None:
    async with running() as discord:
        role = discord.world.add_role()
        async with living(
            discord, tmp_path, access=Access(allow=frozenset({f"discord:role:{role}"}))
        ) as studio:
            studio.ann.person.roles = [role]
            assert (await studio.draw()).files
            bob = studio.person("Bob")
            await bob.slash("imagine", prompt="a boat")
            assert "isn't open" in await bob.told()
            assert len(studio.ann.sees()) == 1


@pytest.mark.parametrize("reacting", [False, True], ids=["button", "reaction"])
async def test_a_moderator_may_delete_a_strangers_picture(tmp_path: Path, reacting: bool) -> None:
    async with running() as discord:
        role = discord.world.add_role(MANAGE_MESSAGES)
        async with living(discord, tmp_path) as studio:
            first = await studio.draw()
            guard = studio.person("Guard")
            guard.person.roles = [role]
            if reacting:
                await guard.react(first, "❌")
            else:
                await guard.press(first, "delete")
            await studio.world.until(lambda: not first.files)
            assert "Deleted." in words(first)


async def test_a_moderator_may_not_draw_from_a_strangers_picture(tmp_path: Path) -> None:
    async with running() as discord:
        role = discord.world.add_role(MANAGE_MESSAGES)
        async with living(discord, tmp_path) as studio:
            first = await studio.draw()
            guard = studio.person("Guard")
            guard.person.roles = [role]
            await guard.press(first, "reroll")
            assert "Only the person" in await guard.told()


async def test_where_anyone_may_press_who_presses_owns_what_comes_of_it(tmp_path: Path) -> None:
    async with opened(tmp_path, access=TOGETHER) as studio:
        first = await studio.draw()
        bob = studio.person("Bob")
        again = await studio.drawn(await bob.press(first, "reroll"))
        assert again.text.startswith(f"<@{bob.person.id}>")
        assert (await studio.job(again)).request.user.id == str(bob.person.id)
        await bob.press(first, "delete")
        assert "Only the person" in await bob.told()
        assert first.files


async def test_where_anyone_may_press_others_may_edit_and_react(tmp_path: Path) -> None:
    async with opened(tmp_path, access=TOGETHER) as studio:
        first = await studio.draw()
        bob = studio.person("Bob")
        asked = await bob.press(first, "edit")
        await studio.world.until(lambda: asked.modal)
        assert (await studio.drawn(await bob.send_off(asked, "a house"))).files
        await bob.react(first, "🎲")
        await studio.world.until(lambda: len(studio.ann.sees()) == 3)
        await studio.core.idle()
        assert (await studio.newest()).request.user.id == str(bob.person.id)


async def test_the_operators_commands_are_hidden_from_members_and_refused_to_them(
    studio: DiscordHarness,
) -> None:
    told = {command["name"]: command for command in studio.world.commands}
    for name in ("pause", "resume", "drain", "stats", "ban", "unban"):
        assert told[name]["default_member_permissions"] == 1 << 5
        assert (told[name]["contexts"], told[name]["integration_types"]) == ([0], [0])
    await studio.ann.slash("pause")
    assert "Only administrators" in await studio.ann.told()


async def test_forgetting_asks_first_and_deletes_only_after_yes(studio: DiscordHarness) -> None:
    await studio.draw()
    await studio.ann.slash("forget")
    await studio.ann.told()
    asked = studio.ann.whispers()[-1]
    await studio.ann.press(asked, "forget", value="no")
    await studio.world.until(lambda: "Nothing was deleted" in words(asked))
    assert asked.custom_ids == []
    await studio.ann.slash("forget")
    await studio.ann.told(2)
    asked = studio.ann.whispers()[-1]
    await studio.ann.press(asked, "forget", value="yes")
    await studio.world.until(lambda: "nothing about you is left" in words(asked))
    await studio.ann.slash("show", job=1)
    assert "You have no job #1" in await studio.ann.told(3)


async def test_a_code_joins_two_people_and_off_separates_them(studio: DiscordHarness) -> None:
    bob = studio.person("Bob")
    await studio.draw()
    await studio.ann.slash("link")
    code = (await studio.ann.told()).split("/link ")[1].split()[0].strip("`")
    await bob.slash("link", code=code)
    assert "one person now with Ann" in await bob.told()
    await bob.slash("history")
    assert "a boat" in await bob.told(2)
    await bob.slash("link", code="off")
    assert "separate again" in await bob.told(3)


async def test_an_administrator_bans_a_person_for_a_time_and_lets_them_in_again(tmp_path: Path) -> None:
    async with running() as discord:
        role = discord.world.add_role()
        access = Access(admins=frozenset({f"discord:role:{role}"}))
        async with living(discord, tmp_path, access=access) as studio:
            boss, ann = studio.person("Boss"), studio.ann
            boss.person.roles = [role]
            await boss.slash("ban", person=ann.person, days=2, reason="spam")
            await boss.told()
            await ann.slash("imagine", prompt="a boat")
            assert "spam" in await ann.told()
            await boss.slash("unban", person=ann.person)
            await boss.told(2)
            first = await studio.draw()
            await boss.slash("ban", job=(await studio.job(first)).id)
            await boss.told(3)
            await ann.press(first, "reroll")
            assert "shut out" in await ann.told(2)
