"""Slash commands over a real socket: what they make, what they refuse, and who sees it."""

import io
from pathlib import Path

import pytest
from PIL import Image

from bot.policy.access import Access
from bot.policy.limits import Rule
from bot.replies.shrink import shrink_to
from bot.requests.commands import parse
from bot.requests.flag_table import FLAGS
from bot.types import Image as Shown
from engine.pictures.metadata import Parameters, read, write
from tests.adapters.discord.fake_discord import ATTACH, EVERYTHING, SEND
from tests.adapters.discord.harness import DiscordHarness, living, opened
from tests.adapters.discord.people import words
from tests.adapters.discord.rest import running


def png(side: int = 64) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (side, side), "teal").save(file, "PNG")
    return file.getvalue()


async def test_a_command_becomes_a_picture_in_the_message_that_acknowledged_it(
    studio: DiscordHarness,
) -> None:
    asked = await studio.ann.slash("imagine", prompt="a boat", steps=2, seed=5)
    message = await studio.drawn(asked)
    assert asked.answer == 5
    assert message is asked.original
    assert message.text.startswith(f"<@{studio.ann.person.id}> Here is your picture")
    assert len(message.files) == 1
    assert message.files[0].startswith(b"\x89PNG")
    verbs = ("reroll", "vary", "upscale", "edit", "original", "info", "delete")
    assert message.custom_ids == [f"zi-{studio.core.database}:{verb}:1:0" for verb in verbs]


async def test_options_and_flags_in_the_text_mean_the_same(studio: DiscordHarness) -> None:
    await studio.draw(
        "a boat", aspect="16:9", seed=7, cfg=2.5, negative="text", enhance=False, optimize=False
    )
    await studio.draw("a boat --ar 16:9 --seed 7 --cfg 2.5 --enhance off --optimize off --no text")
    one, two = await studio.store.job(1), await studio.store.job(2)
    assert one is not None
    assert two is not None
    assert one.request.params == two.request.params
    assert (one.request.params.aspect, one.request.params.negative_prompt) == ("16:9", "text")


async def test_steps_win_over_fast_wherever_they_are_said(studio: DiscordHarness) -> None:
    await studio.drawn(await studio.ann.slash("imagine", prompt="a boat", fast=True))
    await studio.draw("a boat", fast=True, steps=6)
    await studio.draw("a boat --fast", steps=6)
    await studio.drawn(await studio.ann.slash("imagine", prompt="a boat --steps 6", fast=True))
    jobs = [await studio.store.job(number) for number in (1, 2, 3, 4)]
    said = [job.request.params for job in jobs if job is not None]
    assert [(params.fast, params.steps, params.ignored) for params in said] == [
        (True, 8, ()),
        (False, 6, ("--fast",)),
        (False, 6, ("--fast",)),
        (False, 6, ("--fast",)),
    ]


async def test_several_pictures_are_one_grid_with_a_button_for_each(studio: DiscordHarness) -> None:
    message = await studio.draw(count=4)
    assert len(message.files) == 1
    assert [len(row["components"]) for row in message.body["components"]] == [4, 4, 5]


async def test_an_attached_picture_is_fetched_after_the_acknowledgement_and_drawn_over(
    studio: DiscordHarness,
) -> None:
    message = await studio.draw(image=png(), strength=0.5)
    job = await studio.job(message)
    assert job.request.image is not None
    assert job.request.params.strength == 0.5


async def test_an_unreadable_attachment_is_refused_for_the_askers_eyes_only(studio: DiscordHarness) -> None:
    bob = studio.person("Bob")
    await studio.ann.slash("imagine", prompt="a boat", image=b"no picture")
    assert "can't read that picture" in await studio.ann.told()
    assert bob.sees() == []


@pytest.mark.parametrize(
    ("prompt", "said"),
    [("a cat --zoom 2", "--zoom"), ("a cat --steps 99", "1–50"), ("something forbidden", "aren't allowed")],
)
async def test_a_refusal_reaches_only_the_asker(studio: DiscordHarness, prompt: str, said: str) -> None:
    bob = studio.person("Bob")
    await studio.ann.slash("imagine", prompt=prompt)
    assert said in await studio.ann.told()
    assert bob.sees() == []


async def test_a_limit_is_refused_for_the_askers_eyes_only(tmp_path: Path) -> None:
    async with opened(tmp_path, rule=Rule(1, 0, 0, 0, 4, 1.0)) as studio:
        await studio.draw()
        await studio.ann.slash("imagine", prompt="another")
        assert "1 request a minute" in await studio.ann.told()
        assert len(studio.person("Bob").sees()) == 1


async def test_answers_come_in_the_language_of_the_client(studio: DiscordHarness) -> None:
    mei = studio.person("Mei", "zh-TW")
    message = await studio.draw("一只猫", mei)
    assert "画好了" in message.text
    await mei.slash("imagine", prompt="猫 --zoom 2")
    assert "没有 --zoom 这个参数" in await mei.told()


@pytest.mark.parametrize(("bit", "said"), [(ATTACH, "Attach Files"), (SEND, "Send Messages")])
async def test_missing_permissions_are_named_before_anything_is_queued(
    studio: DiscordHarness, bit: int, said: str
) -> None:
    studio.ann.channel.permissions = EVERYTHING & ~(1 << bit)
    await studio.ann.slash("imagine", prompt="a boat")
    assert f"I lack {said}." in await studio.ann.told()
    assert await studio.store.job(1) is None


async def test_a_thread_needs_the_permission_of_threads(studio: DiscordHarness) -> None:
    thread = studio.world.add_channel(11, permissions=EVERYTHING & ~(1 << 38))
    studio.ann.channel = thread
    await studio.ann.slash("imagine", prompt="a boat")
    assert "Send Messages in Threads" in await studio.ann.told()


async def test_who_installed_the_bot_for_themselves_needs_no_permission_anywhere(
    studio: DiscordHarness,
) -> None:
    studio.ann.installed = False
    studio.ann.channel = studio.world.add_channel(0, guild=studio.world.id(), permissions=0)
    message = await studio.draw()
    assert message.files


async def test_a_server_that_is_not_on_the_list_is_told_so(tmp_path: Path) -> None:
    async with opened(tmp_path, access=Access(allow=frozenset({"discord:server:1"}))) as studio:
        await studio.ann.slash("imagine", prompt="a boat")
        assert "isn't open" in await studio.ann.told()
        assert studio.person("Bob").sees() == []


async def test_pictures_are_covered_in_channels_for_spoilers(tmp_path: Path) -> None:
    async with running() as discord:
        covered = frozenset({discord.world.channel.id})
        async with living(discord, tmp_path, spoiler_channels=covered) as studio:
            first = await studio.draw()
            studio.ann.channel = discord.world.add_channel()
            second = await studio.draw()
    assert first.body["attachments"][0]["filename"] == "SPOILER_1-0.png"
    assert second.body["attachments"][0]["filename"] == "2-0.png"


async def test_a_picture_too_large_for_the_server_is_sent_smaller_and_kept_whole(
    studio: DiscordHarness,
) -> None:
    studio.ann.limit = 300
    message = await studio.draw(aspect="21:9")
    assert len(message.files[0]) <= 300
    job = await studio.job(message)
    assert (await studio.core.picture(job.request.user, job.id, 0)).read_bytes().startswith(b"\x89PNG")


async def test_optimize_offers_the_prompt_and_use_draws_it(studio: DiscordHarness) -> None:
    asked = await studio.ann.slash("optimize", prompt="一只猫")
    offer = await studio.drawn(asked)
    assert "> a picture of 一只猫" in words(offer)
    drawn = await studio.drawn(await studio.ann.press(offer, "use"))
    assert drawn.files


@pytest.mark.parametrize(
    ("command", "said"),
    [("queue", "Nobody is waiting"), ("history", "#1 · done · a boat"), ("info", "Job #1"),
     ("quota", "Pictures in the last 24 hours"), ("help", "--seed"), ("cancel", "nothing waiting")],
)  # fmt: skip
async def test_a_question_is_answered_for_the_askers_eyes_only(
    studio: DiscordHarness, command: str, said: str
) -> None:
    await studio.draw()
    await studio.ann.slash(command)
    assert said in (await studio.ann.told()).replace("\\", "")


async def test_show_puts_a_job_with_its_buttons_before_everybody_again(studio: DiscordHarness) -> None:
    first = await studio.draw()
    again = await studio.drawn(await studio.ann.slash("show", job=1))
    assert again is not first
    assert again.files == first.files
    assert again.custom_ids == first.custom_ids


async def test_reroll_draws_the_latest_picture_again(studio: DiscordHarness) -> None:
    await studio.ann.slash("reroll")
    assert "haven't made anything" in await studio.ann.told()
    first = await studio.draw()
    assert (await studio.drawn(await studio.ann.slash("reroll"))).files != first.files


async def test_a_number_that_is_not_ones_own_is_refused(studio: DiscordHarness) -> None:
    await studio.draw()
    bob = studio.person("Bob")
    await bob.slash("show", job=1)
    assert "You have no job #1" in await bob.told()
    await bob.slash("upscale", job=1)
    assert "Only the person" in await bob.told(2)


async def test_upscale_takes_an_attachment_a_job_or_nothing_else(studio: DiscordHarness) -> None:
    larger = await studio.drawn(await studio.ann.slash("upscale", image=png(32)))
    assert "enlarged to 64×64" in larger.text
    await studio.draw(aspect="1:1")
    assert "128×128" in (await studio.drawn(await studio.ann.slash("upscale", job=2, picture=1))).text
    await studio.ann.slash("upscale")
    assert "Attach a picture" in await studio.ann.told()


async def test_upscale_takes_a_factor_and_a_method(studio: DiscordHarness) -> None:
    attached = await studio.drawn(await studio.ann.slash("upscale", image=png(32), factor=4, method="sr"))
    assert "enlarged to 128×128" in attached.text
    assert (await studio.job(attached)).request.params.method == "sr"
    larger = await studio.drawn(await studio.ann.slash("upscale", job=1, factor=4, method="lanczos"))
    assert "enlarged to 512×512" in larger.text
    assert (await studio.job(larger)).request.params.method == "lanczos"


async def test_the_menus_of_a_message_enlarge_its_picture_and_read_its_parameters(
    studio: DiscordHarness,
) -> None:
    post = await studio.ann.post(write(png(), Parameters("a red fox", seed=77, steps=8, width=64, height=64)))
    larger = await studio.drawn(await studio.ann.menu("Upscale picture", post))
    assert "128×128" in larger.text
    await studio.ann.menu("Picture info", post)
    told = await studio.ann.told()
    assert "a red fox" in told
    assert "seed 77" in told


async def test_a_picture_without_parameters_says_so(studio: DiscordHarness) -> None:
    await studio.ann.menu("Picture info", await studio.ann.post(png()))
    assert "carries no parameters" in await studio.ann.told()


@pytest.mark.parametrize("menu", ["Picture info", "Upscale picture"])
async def test_a_message_without_a_picture_says_so(
    studio: DiscordHarness, menu: str, caplog: pytest.LogCaptureFixture
) -> None:
    await studio.ann.menu(menu, await studio.ann.post(b"a song", "audio/ogg"))
    assert "no picture in this message" in await studio.ann.told()
    assert "exception" not in caplog.text


async def test_a_smaller_file_still_tells_how_it_was_made(studio: DiscordHarness) -> None:
    noise = Image.effect_noise((256, 256), 90).convert("RGB")
    file = io.BytesIO()
    noise.save(file, "PNG")
    whole = write(file.getvalue(), Parameters("一只狐狸", seed=77, steps=8, width=256, height=256))
    small = shrink_to(Shown("1-0.png", whole, "image/png", 256, 256), 60_000)
    assert (small.mime, small.name) == ("image/webp", "1-0.webp")
    found = read(small.data)
    assert found is not None
    assert (found.prompt, found.seed) == ("一只狐狸", 77)


async def test_a_command_is_called_by_a_word_one_can_type_in_every_language(studio: DiscordHarness) -> None:
    for command in studio.world.commands:
        for word in (command["name"], *command["name_localizations"].values()):
            assert command["type"] != 1 or parse(f"/{word}").name == command["name"]


async def test_every_flag_with_values_is_an_option_in_their_range(studio: DiscordHarness) -> None:
    [imagine] = [command for command in studio.world.commands if command["name"] == "imagine"]
    options = {option["name"]: option for option in imagine["options"]}
    for flag in FLAGS:
        if flag.values:
            option = options[studio.texts.say("en", f"flag-{flag.names[0]}.name")]
            assert {choice["value"] for choice in option.get("choices", ())} == {*flag.values.choices}
            if flag.values.type in (int, float):
                assert option["min_value"] == flag.values.low
                assert option["max_value"] in (flag.values.high, 2**53 - 1)


async def test_names_of_lora_files_are_completed_behind_those_that_stand_there(tmp_path: Path) -> None:
    loras = tmp_path / "loras"
    (loras / "styles").mkdir(parents=True)
    for name in ("ink", "styles/old film", "pinky"):
        (loras / f"{name}.safetensors").touch()
    chosen = 'ink:0.8,"styles/old film":1'
    async with opened(tmp_path, loras=loras) as studio:
        assert await studio.ann.completes("imagine", "lora", "") == ["ink", "pinky", '"styles/old film"']
        assert await studio.ann.completes("imagine", "lora", "INK") == ["ink", "pinky"]
        assert await studio.ann.completes("imagine", "lora", "ink:0.8,fi") == [chosen]
        message = await studio.ann.answered(await studio.ann.slash("imagine", prompt="a boat", lora=chosen))
        await studio.world.until(lambda: message.text)
        assert (await studio.newest()).request.params.loras == (("ink", 0.8), ("styles/old film", 1.0))


async def test_who_may_not_draw_here_learns_no_names_of_files(tmp_path: Path) -> None:
    (tmp_path / "ink.safetensors").touch()
    async with opened(
        tmp_path, loras=tmp_path, access=Access(allow=frozenset({"discord:server:1"}))
    ) as studio:
        assert await studio.ann.completes("imagine", "lora", "") == []


@pytest.mark.parametrize(
    ("kind", "where"),
    [(None, "attachments"), ("image/png", "snapshots"), (None, "snapshots"), (None, "embed")],
    ids=["attached without a type", "forwarded", "forwarded without a type", "embedded"],
)
async def test_a_menu_finds_the_picture_wherever_a_message_has_it(
    studio: DiscordHarness, kind: str | None, where: str
) -> None:
    post = await studio.ann.post(png(), kind, where)
    assert (await studio.drawn(await studio.ann.menu("Upscale picture", post))).files


async def test_tags_in_a_prompt_become_the_names_that_people_see(studio: DiscordHarness) -> None:
    bob = studio.person("Bob")
    await studio.draw("a boat", who=bob)
    channel, role = studio.world.channel.id, 123456789012345678
    prompt = (
        f"<@{bob.person.id}> with <:pepe_hat:1122334455667788> and <a:wave:1122334455667788> in <#{channel}>"
    )
    await studio.draw(f"{prompt} <@&{role}> <t:1700000000:R> after </imagine:1122334455667788>")
    job = await studio.newest()
    assert job.request.params.prompt == "Bob with pepe hat and wave in studio after imagine"


async def test_each_choice_in_braces_is_a_message_of_its_own(studio: DiscordHarness) -> None:
    await studio.ann.slash("imagine", prompt="a {red, blue} boat", steps=2)
    await studio.world.until(lambda: len(studio.ann.sees()) == 2)
    await studio.core.idle()
    assert [len(message.files) for message in studio.ann.sees()] == [1, 1]
