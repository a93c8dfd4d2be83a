"""Interactions on Discord handed to the core: acknowledged before the work, refused privately.

Knows interactions and commands; knows neither how commands are declared nor how replies look.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

import aiohttp
import discord
from discord import app_commands

from adapters.discord import pictures
from adapters.discord.address import TOKEN_LIFE, Place
from adapters.discord.faults import FAULTS
from adapters.discord.lost_answers import LostAnswers
from adapters.discord.mentions import named
from adapters.discord.people import near, of_interaction
from adapters.discord.permissions import Interaction, check
from adapters.discord.render import Look, look
from bot.core import Core
from bot.replies.replies import Replies
from bot.requests import ask, lora_syntax
from bot.requests.ask import Invocation, Question
from bot.requests.commands import Command
from bot.setup.config import DiscordConfig
from bot.types import Action, Address, Fetch, Gone, Job, Refused, Reply

PUBLIC = "public"
"""Marks an interaction that was acknowledged for all to see."""
ALREADY_ACKNOWLEDGED = 40060
UNKNOWN_INTERACTION = 10062
GRACE = 3.0
SOON = 2.0
"""Seconds in which the core must have written what is not acknowledged before: Discord waits for three."""
MOST_CHOICES, LONGEST_CHOICE = 25, 100
"""How much an autocompletion may offer, as Discord limits it."""
PATIENCE = 0.5
"""Seconds that an acknowledged interaction waits at most for others to be acknowledged."""

log = logging.getLogger(__name__)

Show = Callable[[Address, Reply], Awaitable[Address]]
_T = TypeVar("_T")


class AnsweredElsewhere(Exception):
    """Another program with the same token acknowledged an interaction first."""


class Responder:
    """Takes every command; `show` makes a message look like a reply."""

    def __init__(
        self,
        core: Core,
        replies: Replies,
        settings: DiscordConfig,
        show: Show,
        lost_answers: LostAnswers,
        now: Callable[[], float],
    ) -> None:
        self._now = now
        self._lost_answers = lost_answers
        self._knows_other = False
        self.core = core
        self.replies = replies
        self.texts = replies.texts
        self._settings = settings
        self.show = show
        self._work: set[asyncio.Task[Any]] = set()
        self._unacknowledged = 0
        self._all_acknowledged = asyncio.Event()

    async def close(self) -> None:
        """Let what was begun come to its end for a moment, then stop it: the store closes after this."""
        if not self._work:
            return
        _, late = await asyncio.wait(self._work, timeout=GRACE)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)

    async def make(
        self,
        interaction: Interaction,
        command: Command,
        picture: discord.Attachment | None = None,
        options: Mapping[str, str] | None = None,
        edited: int | None = None,
    ) -> None:
        """Take a command that makes a job, perhaps from a picture; `options` are flags by their names."""
        async with self.refusing(interaction):
            fetch = partial(pictures.fetch, picture) if picture else None
            found = await self._dispatch(interaction, command, fetch, options, edited)
            if isinstance(found, Question):
                raise Refused("empty-prompt")

    async def answer(self, interaction: Interaction, command: Command) -> None:
        """Answer a command that makes no job: what is private to its user alone, a job to everybody."""
        async with self.refusing(interaction):
            reply = await soon(self._dispatch(interaction, command))
            assert isinstance(reply, Reply)
            if reply.private:
                await self.reply_privately(interaction, reply)
            else:
                await self.show(await self.acknowledge(interaction), reply)

    async def upscale_message(self, interaction: Interaction, message: discord.Message) -> None:
        """Upscale the picture of any message."""
        async with self.refusing(interaction):
            fetch = partial(pictures.fetch, pictures.of(message, interaction.client))
            await self._dispatch(interaction, Command("upscale", ""), fetch)

    async def read(self, interaction: Interaction, message: discord.Message) -> None:
        """Show the parameters in the picture of any message."""
        async with self.refusing(interaction):
            picture = pictures.of(message, interaction.client)

            async def fetch() -> bytes:
                await interaction.response.defer(ephemeral=True, thinking=True)
                return await pictures.fetch(picture)

            reply = await self._dispatch(interaction, Command("info", ""), fetch)
            assert isinstance(reply, Reply)
            await interaction.edit_original_response(**(await self.look(reply)).edit())

    async def complete_lora(self, interaction: Interaction, typed: str) -> list[app_commands.Choice[str]]:
        """Return what the last name typed may become: names of LoRA files, as they stand behind the flag."""
        try:
            self.core.check_access(of_interaction(interaction))
        except Refused:
            return []
        before, comma, last = typed.rpartition(",")
        names = await asyncio.to_thread(self.core.loras.files)
        wanted = last.strip(" \"'“”").casefold()
        weight = ":1" if comma else ""  # without one, what stands behind a comma may be words of the prompt
        found = [
            before + comma + lora_syntax.written(name) + weight for name in names if wanted in name.casefold()
        ]
        fitting = [each for each in found if len(each) <= LONGEST_CHOICE]
        return [app_commands.Choice(name=each, value=each) for each in fitting[:MOST_CHOICES]]

    async def press(self, interaction: Interaction, action: Action) -> None:
        """Make the job that a button means."""
        place = partial(self.acknowledge, interaction)
        await ask.press(self.core, of_interaction(interaction), action, place, str(interaction.id))

    async def reply_privately(self, interaction: Interaction, reply: Reply) -> None:
        """Send what only the user sees, whatever was acknowledged before."""
        public = PUBLIC in interaction.extras
        if public:
            # The first follow-up takes the place of the acknowledgement, and everybody sees that: it goes.
            await interaction.delete_original_response()
        message = (await self.look(reply)).send()
        if public or interaction.response.is_done():
            await interaction.followup.send(ephemeral=True, **message)
        else:
            await interaction.response.send_message(ephemeral=True, **message)

    async def look(self, reply: Reply) -> Look:
        """Return how a reply looks to its user alone."""
        return await look(reply, database=self.core.database)

    @asynccontextmanager
    async def refusing(self, interaction: Interaction) -> AsyncIterator[None]:
        """Answer what the core refuses, and say so where it fails, in the user's language."""
        try:
            with self.working():
                yield
        except Refused as refused:
            await self._refuse(interaction, refused)
        except Gone as gone:
            log.info("an answer reaches nobody: %s", gone)
        except discord.NotFound as error:
            if error.code != UNKNOWN_INTERACTION:
                raise
            log.warning("an interaction came too late to be answered: is the machine overloaded?")
        except AnsweredElsewhere:
            self._log_other()
        except discord.HTTPException as error:
            if error.code != ALREADY_ACKNOWLEDGED:
                raise
            self._log_other()
        except FAULTS as error:
            log.error("an interaction could not be served: %r", error)
            await self.sorry(interaction)
        except Exception:
            log.exception("an interaction went wrong")
            await self.sorry(interaction)

    def _log_other(self) -> None:
        log.log(
            logging.DEBUG if self._knows_other else logging.ERROR,
            "another program answered first with the same Discord token, so this one keeps quiet: "
            "stop one of them, or give it a token of its own",
        )
        self._knows_other = True

    async def sorry(self, interaction: Interaction) -> None:
        """Say that it went wrong on our side, where Discord takes it."""
        try:
            await self._refuse(interaction, Refused("internal"))
        except (discord.HTTPException, *FAULTS) as error:
            log.warning("nor does Discord take that it went wrong: %r", error)

    @contextmanager
    def working(self) -> Iterator[None]:
        """Hold while something is done that `close` must wait for: the library keeps these tasks itself."""
        task = asyncio.current_task()
        assert task is not None
        self._work.add(task)
        try:
            yield
        finally:
            self._work.discard(task)

    def place(self, interaction: Interaction, message: int, hidden: bool = False) -> Place:
        """Return the place of a message that an interaction's token can edit."""
        number = interaction.channel_id or 0
        return Place(
            number,
            interaction.user.id,
            message,
            interaction.token,
            # By this machine's clock alone: Discord's may be hours away from it.
            self._now() + TOKEN_LIFE,
            interaction.filesize_limit,
            not self._settings.spoiler_channels.isdisjoint(near(number, interaction.channel)),
            lang=str(interaction.locale),
            hidden=hidden,
        )

    async def acknowledge(self, interaction: Interaction, number: int = 0, count: int = 1) -> Address:
        """Say within Discord's three seconds that an answer comes, and return where it will stand.

        Further requests of the same interaction, from `number` 1 on, stand in messages that follow.

        Raises `Refused` (`missing-permissions`) before. What follows costs far more, so everybody
        who asks at once is acknowledged first.
        """
        if number:
            further = await interaction.followup.send("⏳", wait=True)
            return self.place(interaction, further.id, further.flags.ephemeral).address()
        check(interaction, self.texts)
        self._unacknowledged += 1
        self._all_acknowledged.clear()
        try:
            message, hidden = await self._defer(interaction)
        finally:
            self._unacknowledged -= 1
            if not self._unacknowledged:
                self._all_acknowledged.set()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._all_acknowledged.wait(), PATIENCE)
        return self.place(interaction, message, hidden).address()

    async def _defer(self, interaction: Interaction) -> tuple[int, bool]:
        """Acknowledge for everybody to see; return the message that will hold the answer.

        Where the user may not post, Discord shows it to them alone; then the second value is true. Raises
        `AnsweredElsewhere`.
        """
        interaction.extras[PUBLIC] = True
        try:
            try:
                answer: Any = await interaction.response.defer(thinking=True)
            except aiohttp.ClientConnectionError:
                # An idle connection may close just as it is used again; there is no time for more than a try.
                answer = await interaction.response.defer(thinking=True)
            return int(answer.message_id), answer.is_ephemeral()
        except discord.HTTPException as error:
            if error.code != ALREADY_ACKNOWLEDGED:
                raise
            if not self._lost_answers.has(interaction.token):
                raise AnsweredElsewhere from None
            # An answer that was lost on its way back was repeated; the message stands all the same.
            message = await interaction.original_response()
            return message.id, message.flags.ephemeral

    async def _dispatch(
        self,
        interaction: Interaction,
        command: Command,
        fetch: Fetch | None = None,
        options: Mapping[str, str] | None = None,
        edited: int | None = None,
    ) -> Job | Reply | Question:
        command = replace(command, rest=await named(command.rest, interaction))
        return await ask.dispatch(
            self.core,
            Invocation(
                of_interaction(interaction),
                str(interaction.id),
                command,
                partial(self.acknowledge, interaction),
                fetch,
                edited=edited,
                options=options or {},
            ),
        )

    async def _refuse(self, interaction: Interaction, refused: Refused) -> None:
        await self.reply_privately(interaction, self.replies.refused(refused, str(interaction.locale)))


async def soon(work: Awaitable[_T]) -> _T:
    """Return what the core answers; raises TimeoutError where that takes longer than Discord waits.

    It does not wait for the work to be taken back, which may take just as long.
    """
    working = asyncio.ensure_future(work)
    try:
        await asyncio.wait({working}, timeout=SOON)
        if not working.done():
            raise TimeoutError
        return working.result()
    finally:
        working.cancel()
