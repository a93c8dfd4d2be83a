"""What a command of any platform becomes: a job, a reply or a question."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bot.requests import commands
from bot.requests.ask import Invocation, Question, at, dispatch, press
from bot.requests.commands import Command
from bot.storage.accounts import Ban
from bot.types import Action, Address, Job, Refused, Reply, User
from engine.fake import striped
from engine.pictures import metadata
from engine.types import Generate, Optimize, Upscale
from tests.bot.harness import ANN, BOB, BotHarness, bot_harness

PLAIN = striped("x", 64, 64)
OURS = metadata.write(PLAIN, metadata.Parameters("a boat"))


class Asker:
    """One user of a whole bot in small; `places` counts how often a message was begun for a job."""

    def __init__(self, home: BotHarness) -> None:
        self.home = home
        self.places = 0
        self._events = 0

    async def ask(
        self, text: str | Command, user: User = ANN, picture: bytes | None = None, **more: Any
    ) -> Job | Reply | Question:
        async def fetch() -> bytes:
            assert picture is not None
            return picture

        async def place(number: int, count: int) -> Address:
            self.places += 1
            return Address("fake", f"new {self._events}" + (f"+{number}" if number else ""))

        self._events += 1
        command = commands.parse(text) if isinstance(text, str) else text
        bare = isinstance(text, str) and not text.startswith("/")
        brought = None if picture is None else fetch
        return await dispatch(
            self.home.core, Invocation(user, f"e{self._events}", command, place, brought, bare=bare, **more)
        )

    async def task(self, text: str | Command, **more: Any) -> Any:
        """Ask for a job, wait for it and return the engine's last task."""
        assert isinstance(await self.ask(text, **more), Job)
        await self.home.core.idle()
        return self.home.engine.tasks[-1]

    async def refusal(self, text: str, **more: Any) -> str:
        """Return the code with which the request is refused."""
        with pytest.raises(Refused) as caught:
            await self.ask(text, **more)
        return caught.value.code


@pytest.fixture
async def asker(tmp_path: Path) -> AsyncIterator[Asker]:
    async with bot_harness(tmp_path) as home:
        yield Asker(home)


@pytest.mark.parametrize(
    ("text", "picture", "kind"),
    [
        ("a boat", None, Generate),
        ("/imagine a boat", None, Generate),
        ("画图 一艘船", None, Generate),
        ("a boat", PLAIN, Generate),
        ("/optimize a boat", None, Optimize),
        ("/upscale", PLAIN, Upscale),
        ("放大 4倍", PLAIN, Upscale),
        ("/upscale #1", None, Upscale),
        ("/reroll", None, Generate),
    ],
)
async def test_a_command_that_makes_a_job_makes_its_task(
    asker: Asker, text: str, picture: bytes | None, kind: type
) -> None:
    await asker.task("a house")
    assert isinstance(await asker.task(text, picture=picture), kind)


@pytest.mark.parametrize(
    ("text", "factor", "method"),
    [("/upscale", 2, "auto"), ("放大 四倍 超分", 4, "sr"), ("/upscale x4 redraw", 4, "redraw")],
)
async def test_a_picture_that_came_along_is_upscaled_as_the_text_says(
    asker: Asker, text: str, factor: int, method: str
) -> None:
    task = await asker.task(text, picture=OURS)
    assert (task.factor, task.method) == (factor, method)


@pytest.mark.parametrize(
    ("text", "kind"), [("/imagine", "imagine"), ("/optimize", "optimize"), ("", "imagine")]
)
async def test_a_command_without_a_prompt_becomes_a_question(asker: Asker, text: str, kind: str) -> None:
    assert await asker.ask(text) == Question(kind)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "picture", "code"),
    [
        ("", PLAIN, "empty-prompt"),
        ("/imagine --ar 1:1", None, "empty-prompt"),
        ("/upscale", None, "needs-image"),
        ("/upscale 17", None, "no-such-job"),
        ("/reroll", None, "no-job-yet"),
        ("/show", None, "no-job-yet"),
        ("/info", PLAIN, "no-parameters"),
        ("a boat --colour red", None, "unknown-flag"),
    ],
)
async def test_what_cannot_be_made_is_refused_before_a_message_is_begun(
    asker: Asker, text: str, picture: bytes | None, code: str
) -> None:
    assert await asker.refusal(text, picture=picture) == code
    assert asker.places == 0


@pytest.mark.parametrize(
    ("text", "picture"),
    [
        ("a boat --colour red", None),
        ("/imagine", None),
        ("/reroll", None),
        ("/upscale 17", None),
        ("/info", PLAIN),
    ],
)
async def test_who_is_shut_out_learns_only_that(asker: Asker, text: str, picture: bytes | None) -> None:
    await asker.home.store.accounts.ban("fake:user:1", Ban(None, "spam"))
    assert await asker.refusal(text, picture=picture) == "banned"
    assert asker.places == 0


async def test_a_command_means_the_job_it_replies_to(asker: Asker) -> None:
    await asker.task("a boat --raw")
    await asker.task("a cat --raw")
    info, shown = await asker.ask("/info", replied_to=1), await asker.ask("/show", replied_to=1)
    assert isinstance(info, Reply)
    assert info.text.startswith("Job #1 ")
    assert isinstance(shown, Reply)
    assert shown.job == 1
    assert (await asker.task("/reroll", replied_to=1)).prompt == "a boat"
    upscaled = await asker.ask("/upscale", replied_to=1)
    assert isinstance(upscaled, Job)
    assert upscaled.request.parent == 1


async def test_info_with_a_picture_shows_its_parameters(asker: Asker) -> None:
    reply = await asker.ask("/info", picture=OURS)
    assert isinstance(reply, Reply)
    assert reply.prompt == "a boat"


async def test_a_bare_reply_changes_the_picture_with_its_prompt_seed_and_image(asker: Asker) -> None:
    await asker.task("a boat --seed 5 --ar 2:1 --raw", picture=PLAIN)
    first = asker.home.engine.tasks[-1]
    changed = await asker.task("at night", replied_to=1)
    assert changed == replace(first, prompt="a boat, at night")
    assert changed.init_image is not None


async def test_a_bare_reply_to_an_optimized_prompt_is_optimized_with_it_again(asker: Asker) -> None:
    await asker.task("/optimize a boat")
    await press(asker.home.core, ANN, Action("use", 1), at(Address("fake", "new x")), "x")
    await asker.home.core.idle()
    assert not asker.home.engine.tasks[-1].optimize
    changed = await asker.task("at night", replied_to=2)
    assert (changed.prompt, changed.optimize) == ("a boat, at night", True)


async def test_chinese_text_is_put_behind_a_chinese_comma(asker: Asker) -> None:
    await asker.task("一艘船 --raw")
    assert (await asker.task("在夜里", replied_to=1)).prompt == "一艘船，在夜里"


async def test_a_reply_with_a_slash_command_or_a_picture_is_a_new_picture(asker: Asker) -> None:
    await asker.task("a boat --raw")
    assert (await asker.task("/imagine a cat --raw", replied_to=1)).prompt == "a cat"
    assert (await asker.task("a dog --raw", replied_to=1, picture=PLAIN)).prompt == "a dog"


async def test_an_edited_text_replaces_the_whole_prompt_and_keeps_the_image(asker: Asker) -> None:
    await asker.task("a boat --seed 5 --raw", picture=PLAIN)
    first = asker.home.engine.tasks[-1]
    edited = await asker.task(Command("imagine", "a cat --raw"), edited=1)
    assert (edited.prompt, edited.init_image) == ("a cat", first.init_image)


@pytest.mark.parametrize(
    ("text", "more"),
    [("at night", {"replied_to": 1}), ("/imagine a cat", {"edited": 1}), ("/reroll", {"replied_to": 1})],
)
async def test_anothers_job_is_refused_before_a_message_is_begun(
    asker: Asker, text: str, more: dict[str, int]
) -> None:
    await asker.task("a boat")
    begun = asker.places
    assert await asker.refusal(text, user=BOB, **more) == "not-yours"
    assert asker.places == begun


async def test_options_win_over_the_text_and_the_text_over_presets(asker: Asker) -> None:
    task = await asker.task(
        Command("imagine", "a boat --steps 3 --seed 5"),
        options={"seed": "6"},
        presets={"steps": "4", "cfg": "2.5"},
    )
    assert (task.steps, task.seed, task.guidance_scale) == (3, 6, 2.5)


@pytest.mark.parametrize(
    ("text", "options", "presets", "fast"),
    [
        ("a boat", {"fast": "on"}, {}, True),
        ("a boat", {"fast": "on", "steps": "3"}, {}, False),
        ("a boat --steps 3", {"fast": "on"}, {}, False),
        ("a boat --fast", {"steps": "3"}, {}, False),
        ("a boat --fast", {}, {"steps": "3"}, True),
        ("a boat --fast off", {}, {"fast": "on"}, False),
    ],
)
async def test_steps_that_were_chosen_win_over_fast_and_preset_ones_do_not(
    asker: Asker, text: str, options: dict[str, str], presets: dict[str, str], fast: bool
) -> None:
    assert (await asker.task(Command("imagine", text), options=options, presets=presets)).fast is fast


async def test_a_press_finds_out_whose_job_it_is_before_a_message_is_begun(asker: Asker) -> None:
    async def place() -> Address:
        pytest.fail("a message was begun")

    await asker.task("a boat")
    with pytest.raises(Refused, match="not-yours"):
        await press(asker.home.core, BOB, Action("reroll", 1), place, "x")


async def test_each_choice_in_braces_is_a_job_of_its_own(asker: Asker) -> None:
    await asker.ask("a {red, blue} boat")
    await asker.home.core.idle()
    assert [task.prompt for task in asker.home.engine.tasks] == ["a red boat", "a blue boat"]


async def test_a_request_is_made_as_often_as_it_is_to_be_repeated(asker: Asker) -> None:
    await asker.ask("a boat --repeat 3")
    await asker.home.core.idle()
    assert len({task.seed for task in asker.home.engine.tasks}) == 3


async def test_the_same_event_again_makes_no_job_twice(asker: Asker) -> None:
    await asker.ask("a {red, blue} boat")
    asker._events -= 1
    await asker.ask("a {red, blue} boat")
    await asker.home.core.idle()
    assert len(asker.home.engine.tasks) == 2


async def test_what_is_attached_without_use_is_reported(asker: Asker) -> None:
    job = await asker.ask("a boat", unused=("🖼 2",))
    assert isinstance(job, Job)
    assert job.request.params.ignored == ("🖼 2",)


async def test_choices_in_a_reply_to_a_picture_change_it_once_for_each(asker: Asker) -> None:
    job = await asker.ask("a boat")
    assert isinstance(job, Job)
    await asker.ask("at {night, noon}", replied_to=job.id)
    await asker.home.core.idle()
    assert [task.prompt for task in asker.home.engine.tasks[1:]] == ["a boat, at night", "a boat, at noon"]
