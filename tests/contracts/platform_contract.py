"""What every chat service's adapter must do, proven against a small server that speaks its protocol.

A test module brings a fixture `stage` and takes the facts in by a subclass:
`class TestFacts(PlatformContract)`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol, get_args

from bot.platform import Platform
from bot.types import Action, Address, Button, Image, Reply, Verb
from engine.fake import striped

REROLL, DELETE = Action("reroll", 17), Action("delete", 17)
BUTTONS = ((Button(REROLL, "🔄", "Reroll"), Button(DELETE, "🗑️", "Delete")),)
PICTURE = Image("17-0.png", striped("a picture", 64, 64), "image/png", 64, 64, "a boat")
DRAWING = Reply("Drawing… step 3 of 8", "a boat", progress=(3, 8), job=1, final=False)
VALUES = {"set": "aspect=16:9", "forget": "yes"}
EVERY = tuple(Action(verb, 2**31, 3, VALUES.get(verb, "")) for verb in get_args(Verb))
"""Every verb a button may carry, with a large job number and what value it may have."""
PANEL = tuple(
    tuple(Button(each, "🔘", each.verb) for each in row) for row in (EVERY[:5], EVERY[5:10], EVERY[10:])
)
DONE = Reply("Here is your picture", "a boat", "a note", images=(PICTURE,), actions=BUTTONS, job=1)


@dataclass(frozen=True, slots=True)
class Seen:
    """A message as people see it; `buttons` are packed actions."""

    text: str
    pictures: int
    buttons: tuple[str, ...]


class Stage(Protocol):
    """A service with the bot on it and one person who talks to it."""

    platform: Platform

    async def place(self) -> Address:
        """Return a place where an answer may stand, as after a person's ask."""

    async def seen(self) -> Sequence[Seen]:
        """Return every message of the bot that the person sees, oldest first."""

    async def seen_by_others(self) -> Sequence[Seen]:
        """Return what somebody else sees."""

    async def ask(self, prompt: str) -> None:
        """Ask for a picture and wait until the answer stands."""

    async def press(self, verb: str) -> None:
        """Press a button under the newest message that has it, and wait until the answer stands."""

    async def throttle(self, times: int) -> None:
        """Let the service answer the next calls with "too fast"."""

    async def restart(self) -> None:
        """End the bot and begin it anew on the same data; `platform` is the new one."""

    async def interrupted(self, prompt: str) -> None:
        """Ask for a picture, restart the bot while it is being drawn, and wait until the answer stands."""


class PlatformContract:
    """The facts."""

    async def test_shown_twice_is_one_message(self, stage: Stage) -> None:
        address = await stage.platform.show(await stage.place(), DONE)
        count = len(await stage.seen())
        again = await stage.platform.show(address, DONE)
        assert len(await stage.seen()) == count
        assert again == address

    async def test_the_picture_takes_the_place_of_the_progress(self, stage: Stage) -> None:
        address = await stage.platform.show(await stage.place(), DRAWING)
        before = await stage.seen()
        await stage.platform.show(address, DONE)
        after = await stage.seen()
        assert len(after) == len(before)
        assert "step 3 of 8" in before[-1].text
        assert "step 3 of 8" not in after[-1].text
        assert (before[-1].pictures, after[-1].pictures) == (0, 1)

    async def test_every_action_survives_the_way_to_the_button(self, stage: Stage) -> None:
        address = await stage.platform.show(await stage.place(), DONE)
        assert (await stage.seen())[-1].buttons == (REROLL.pack(), DELETE.pack())
        await stage.platform.show(address, Reply("Everything", actions=PANEL))
        shown = (await stage.seen())[-1].buttons
        assert [Action.unpack(packed) for packed in shown] == list(EVERY)

    async def test_what_is_shown_without_buttons_has_none_left(self, stage: Stage) -> None:
        address = await stage.platform.show(await stage.place(), DONE)
        await stage.platform.show(address, Reply("Deleted."))
        last = (await stage.seen())[-1]
        assert last.buttons == ()
        assert "Deleted" in last.text

    async def test_words_of_any_length_and_kind_are_taken(self, stage: Stage) -> None:
        long = replace(DONE, text="a line\n" * 900, prompt="<b>*_`~[x](y) " * 400, note="n" * 5000)
        address = await stage.platform.show(await stage.place(), long)
        seen = (await stage.seen())[-1]
        assert "a line" in seen.text
        assert "…" in seen.text
        assert len(seen.text) < (len(long.text) + len(long.prompt) + len(long.note)) / 2
        assert seen.pictures == 1
        assert seen.buttons == (REROLL.pack(), DELETE.pack())
        await stage.platform.show(address, replace(long, images=()))

    async def test_a_service_that_says_too_fast_is_obeyed(self, stage: Stage) -> None:
        address = await stage.platform.show(await stage.place(), DRAWING)
        count = len(await stage.seen())
        await stage.throttle(1)
        await stage.platform.show(address, DONE)
        seen = await stage.seen()
        assert (len(seen), seen[-1].pictures) == (count, 1)

    async def test_a_refusal_reaches_only_the_asker(self, stage: Stage) -> None:
        before = await stage.seen_by_others()
        await stage.ask("a cat --zoom 2")
        assert "--zoom" in (await stage.seen())[-1].text
        assert await stage.seen_by_others() == before

    async def test_after_a_restart_the_same_message_goes_on(self, stage: Stage) -> None:
        await stage.interrupted("a boat")
        assert [each.pictures for each in await stage.seen()] == [1]

    async def test_old_buttons_work_after_a_restart(self, stage: Stage) -> None:
        await stage.ask("a boat")
        await stage.restart()
        await stage.press("reroll")
        assert [each.pictures for each in await stage.seen()] == [1, 1]
