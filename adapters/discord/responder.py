"""What a person asks on Discord, put before the core: acknowledged first, refused for their eyes only.

Knows interactions and requests; knows neither how commands are declared nor how replies look.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from functools import partial
from typing import Any, TypeVar

import aiohttp
import discord

from adapters.discord import pictures
from adapters.discord.address import TOKEN_LIFE, Place
from adapters.discord.people import near, of_interaction
from adapters.discord.permissions import Asked, check
from adapters.discord.render import look
from bot.core import Core
from bot.replies.picture_info import describe
from bot.requests import flags
from bot.requests.commands import Command
from bot.requests.upscale_options import TWICE, UpscaleOptions, UpscaleRequest
from bot.setup.config import DiscordConfig
from bot.types import Action, Address, Gone, Kind, Params, Refused, Reply, Request

PUBLIC = "public"
"""Marks an interaction that was acknowledged for all to see."""
ALREADY_ACKNOWLEDGED = 40060
UNKNOWN_INTERACTION = 10062
GRACE = 3.0
SOON = 2.0
"""Seconds in which the core must have written what is not acknowledged before: Discord waits for three."""
PATIENCE = 0.5
"""Seconds that an ask which was heard waits at most for others to be heard."""

log = logging.getLogger(__name__)

Show = Callable[[Address, Reply], Awaitable[Address]]
_T = TypeVar("_T")


class Responder:
    """Takes every command; `show` makes a message look like a reply."""

    def __init__(self, core: Core, settings: DiscordConfig, show: Show) -> None:
        self.core = core
        self._settings = settings
        self.show = show
        self._work: set[asyncio.Task[Any]] = set()
        self._unheard = 0
        self._all_heard = asyncio.Event()

    async def close(self) -> None:
        """Let what was begun come to its end for a moment, then stop it: the store closes after this."""
        if not self._work:
            return
        _, late = await asyncio.wait(self._work, timeout=GRACE)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)

    async def draw(
        self,
        asked: Asked,
        kind: Kind,
        text: str,
        options: Mapping[str, str],
        picture: discord.Attachment | None = None,
    ) -> None:
        """Take a prompt: flags in the text, `options` by their flags' names, a picture to start from."""
        async with self.refusing(asked):
            await self.enter(asked)
            params = await self.params(asked, text, options)
            address = await self.acknowledge(asked)
            await self.submit(asked, address, kind, params, picture)

    async def upscale(
        self,
        asked: Asked,
        picture: discord.Attachment | None,
        chosen: UpscaleRequest,
        options: Mapping[str, str],
    ) -> None:
        """Enlarge an attached picture, or the chosen one of one of the person's jobs."""
        async with self.refusing(asked):
            if picture is None:
                await self.draw_by(asked, chosen.action())
            else:
                await self._enlarge(asked, picture, chosen.options, options)

    async def upscale_message(self, asked: Asked, message: discord.Message) -> None:
        """Enlarge the picture of any message."""
        async with self.refusing(asked):
            await self._enlarge(asked, pictures.of(message), TWICE, {})

    async def reroll(self, asked: Asked) -> None:
        """Draw the person's latest picture again."""
        async with self.refusing(asked):
            job = await self.core.history.newest(of_interaction(asked), "imagine")
            await self.draw_by(asked, Action("reroll", job.id))

    async def answer(self, asked: Asked, name: str, rest: str = "") -> None:
        """Answer a command that makes no job, for the person's eyes only."""
        async with self.refusing(asked):
            said = self.core.answer(of_interaction(asked), Command(name, rest))
            await self.tell(asked, await soon(said))

    async def show_job(self, asked: Asked, rest: str) -> None:
        """Show a job again, for everybody to see."""
        async with self.refusing(asked):
            await self.enter(asked)
            reply = await self.core.answer(of_interaction(asked), Command("show", rest))
            await self.show(await self.acknowledge(asked), reply)

    async def read(self, asked: Asked, message: discord.Message) -> None:
        """Tell what the picture of any message says of how it was made."""
        async with self.refusing(asked):
            self.core.members.check_access(of_interaction(asked))
            picture = pictures.of(message)
            await asked.response.defer(ephemeral=True, thinking=True)
            locale = str(asked.locale)
            reply = describe(self.core.replies.texts, locale, await pictures.fetch(picture))
            await asked.edit_original_response(**(await look(reply)).edit())

    async def draw_by(self, asked: Asked, action: Action) -> None:
        """Make the job that an action means; whose it is turns out before everybody sees an answer begin."""
        await self.enter(asked)
        user = of_interaction(asked)
        await self.core.may(user, action)
        await self.core.press(user, action, await self.acknowledge(asked), str(asked.id))

    async def tell(self, asked: Asked, reply: Reply) -> None:
        """Say something that only the asker sees, whatever was acknowledged before."""
        public = PUBLIC in asked.extras
        if public:
            # The first follow-up takes the place of the acknowledgement, and everybody sees that: it goes.
            await asked.delete_original_response()
        said = (await look(reply)).send()
        if public or asked.response.is_done():
            await asked.followup.send(ephemeral=True, **said)
        else:
            await asked.response.send_message(ephemeral=True, **said)

    @asynccontextmanager
    async def refusing(self, asked: Asked) -> AsyncIterator[None]:
        """Answer what the core refuses, and say so where it fails, in the person's language."""
        try:
            with self.working():
                yield
        except Refused as refused:
            await self.tell(asked, self.core.replies.refused(refused, str(asked.locale)))
        except Gone as gone:
            log.info("an answer reaches nobody: %s", gone)
        except discord.NotFound as error:
            if error.code != UNKNOWN_INTERACTION:
                raise
            log.warning("an interaction came too late to be answered: is the machine overloaded?")
        except discord.HTTPException:
            raise
        except Exception:
            log.exception("an interaction went wrong")
            await self.sorry(asked)

    async def sorry(self, asked: Asked) -> None:
        """Say that it went wrong on our side."""
        await self.tell(asked, self.core.replies.refused(Refused("internal"), str(asked.locale)))

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

    async def enter(self, asked: Asked) -> None:
        """Check before anybody sees an answer begin that it may be asked for, and can be posted here."""
        self.core.members.check_access(of_interaction(asked))
        check(asked, self.core.replies.texts)

    def place(self, asked: Asked, message: int) -> Place:
        """Return the place of a message that an interaction's token can edit."""
        number = asked.channel_id or 0
        return Place(
            number,
            asked.user.id,
            message,
            asked.token,
            asked.created_at.timestamp() + TOKEN_LIFE,
            asked.filesize_limit,
            not self._settings.spoiler_channels.isdisjoint(near(number, asked.channel)),
        )

    async def params(self, asked: Asked, text: str, options: Mapping[str, str]) -> Params:
        """Return the parameters that a prompt with its flags and `options` mean."""
        params = _assigned(
            flags.parse(text, await self.core.members.defaults(of_interaction(asked))), options
        )
        return flags.settled(params, flags.named(text) | options.keys())

    async def _enlarge(
        self,
        asked: Asked,
        picture: discord.Attachment,
        way: UpscaleOptions,
        options: Mapping[str, str],
    ) -> None:
        await self.enter(asked)
        params = way.over(_assigned(await self.core.members.defaults(of_interaction(asked)), options))
        address = await self.acknowledge(asked)
        await self.submit(asked, address, "upscale", params, picture)

    async def acknowledge(self, asked: Asked) -> Address:
        """Say within Discord's three seconds that an answer comes, and return where it will stand.

        What follows costs several times as much, so that everybody who asks at once hears this first.
        """
        self._unheard += 1
        self._all_heard.clear()
        try:
            message = await self._defer(asked)
        finally:
            self._unheard -= 1
            if not self._unheard:
                self._all_heard.set()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._all_heard.wait(), PATIENCE)
        return self.place(asked, message).address()

    async def _defer(self, asked: Asked) -> int:
        """Acknowledge for everybody to see; return the message that will hold the answer."""
        asked.extras[PUBLIC] = True
        try:
            try:
                answer: Any = await asked.response.defer(thinking=True)
            except aiohttp.ClientConnectionError:
                # An idle connection may close just as it is used again; there is no time for more than a try.
                answer = await asked.response.defer(thinking=True)
            return int(answer.message_id)
        except discord.HTTPException as error:
            if error.code != ALREADY_ACKNOWLEDGED:
                raise
            # An answer that was lost on its way back was repeated; the message stands all the same.
            return (await asked.original_response()).id

    async def submit(
        self,
        asked: Asked,
        address: Address,
        kind: Kind,
        params: Params,
        picture: discord.Attachment | None = None,
        image: str | None = None,
    ) -> None:
        """Put a request into the line, with an attached `picture` or a kept `image`; answer at `address`."""
        request = Request(of_interaction(asked), address, str(asked.id), kind, params, image)
        await self.core.submit(request, partial(pictures.fetch, picture) if picture else None)


async def soon(work: Awaitable[_T]) -> _T:
    """Return what the core says; raises TimeoutError where that takes longer than Discord waits.

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


def _assigned(params: Params, options: Mapping[str, str]) -> Params:
    for name, value in options.items():
        params = flags.assign(params, name, value)
    return params
