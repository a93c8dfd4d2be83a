"""What a person did on Discord, put before the core: acknowledged first, refused for their eyes only.

Knows interactions and requests; knows neither how commands are declared nor how replies look.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import discord

from adapters.discord import modal, pictures
from adapters.discord.door import Asked, check
from adapters.discord.place import TOKEN_LIFE, Place
from adapters.discord.render import look
from adapters.discord.settings import DiscordSettings
from bot import flags
from bot.commands import Command
from bot.core import Core
from bot.reading import told
from bot.types import Action, Address, Kind, Params, Refused, Reply, Request, User

PUBLIC = "public"
"""Marks an interaction that was acknowledged for all to see."""
ALREADY_ACKNOWLEDGED = 40060
UNKNOWN_INTERACTION = 10062
GRACE = 3.0

log = logging.getLogger(__name__)

Show = Callable[[Address, Reply], Awaitable[Address]]


class Desk:
    """Takes every interaction; `show` makes a message look like a reply."""

    def __init__(self, core: Core, settings: DiscordSettings, show: Show) -> None:
        self.core = core
        self._settings = settings
        self._show = show
        self._work: set[asyncio.Task[Any]] = set()

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
            self.enter(asked)
            params = await self._params(asked, text, options)
            address = await self._acknowledge(asked)
            kept = await pictures.keep(self.core, picture) if picture else None
            await self._submit(asked, address, kind, params, kept)

    async def upscale(self, asked: Asked, picture: discord.Attachment | None, job: int, number: int) -> None:
        """Enlarge an attached picture, or picture `number` (from 1) of one of the person's jobs."""
        async with self.refusing(asked):
            if picture is None and not job:
                raise Refused("needs-image")
            if picture is None:
                await self._press(asked, Action("upscale", job, number - 1))
            else:
                await self._enlarge(asked, picture)

    async def upscale_message(self, asked: Asked, message: discord.Message) -> None:
        """Enlarge the picture of any message."""
        async with self.refusing(asked):
            await self._enlarge(asked, pictures.of(message))

    async def answer(self, asked: Asked, name: str, rest: str = "") -> None:
        """Answer a command that makes no job, for the person's eyes only."""
        async with self.refusing(asked):
            await self.tell(asked, await self.core.answer(user_of(asked), Command(name, rest)))

    async def show_job(self, asked: Asked, rest: str) -> None:
        """Show a job again, for everybody to see."""
        async with self.refusing(asked):
            self.enter(asked)
            address = await self._acknowledge(asked)
            await self._show(address, await self.core.answer(user_of(asked), Command("show", rest)))

    async def read(self, asked: Asked, message: discord.Message) -> None:
        """Tell what the picture of any message says of how it was made."""
        async with self.refusing(asked):
            picture = pictures.of(message)
            await asked.response.defer(ephemeral=True, thinking=True)
            locale = str(asked.locale)
            reply = told(self.core.replies.texts, locale, await pictures.fetch(picture))
            await asked.edit_original_response(**(await look(reply)).edit())

    async def press(self, asked: Asked, action: Action) -> None:
        """Do what a button says, however old it is."""
        async with self.refusing(asked):
            await self._press(asked, action)

    async def edited(self, asked: Asked) -> None:
        """Take the words of the edit window; the picture its job started from stays."""
        async with self.refusing(asked):
            self.enter(asked)
            job_id, text = modal.read(asked)
            params = await self._params(asked, text, {})
            job = await self.core.job(user_of(asked), job_id)
            image = job.request.image if job.request.kind == "imagine" else None
            await self._submit(asked, await self._acknowledge(asked), "imagine", params, image)

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
        """Answer what the core refuses, in the person's language."""
        try:
            with self.working():
                yield
        except Refused as refused:
            await self.tell(asked, self.core.replies.refused(refused, str(asked.locale)))
        except discord.NotFound as error:
            if error.code != UNKNOWN_INTERACTION:
                raise
            log.warning("an interaction came too late to be answered: is the machine overloaded?")

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

    def enter(self, asked: Asked) -> None:
        """Check before anything is made that it may be asked for and can be posted here."""
        check(asked, self._settings.guilds, self.core.replies.texts)

    def place(self, asked: Asked, message: int) -> Place:
        """Return the place of a message that an interaction's token can edit."""
        channel = asked.channel
        near = {asked.channel_id or 0, getattr(channel, "parent_id", None) or 0}
        return Place(
            asked.channel_id or 0,
            asked.user.id,
            message,
            asked.token,
            asked.created_at.timestamp() + TOKEN_LIFE,
            asked.filesize_limit,
            bool(near & self._settings.spoiler_channels),
        )

    async def _params(self, asked: Asked, text: str, options: Mapping[str, str]) -> Params:
        params = flags.parse(text, await self.core.defaults(user_of(asked)))
        for name, value in options.items():
            params = flags.assign(params, name, value)
        return params

    async def _enlarge(self, asked: Asked, picture: discord.Attachment) -> None:
        self.enter(asked)
        address = await self._acknowledge(asked)
        kept = await pictures.keep(self.core, picture)
        await self._submit(asked, address, "upscale", await self.core.defaults(user_of(asked)), kept)

    async def _press(self, asked: Asked, action: Action) -> None:
        user, event = user_of(asked), str(asked.id)
        match action.verb:
            case "cancel" | "delete":
                await self._end(asked, action)
            case "info" | "edit":
                reply = await self.core.press(user, action, self.place(asked, 0).address(), event)
                assert isinstance(reply, Reply)
                if action.verb == "info":
                    await self.tell(asked, reply)
                else:
                    texts, locale = self.core.replies.texts, str(asked.locale)
                    await asked.response.send_modal(modal.Edit(texts, locale, action.job, reply))
            case _:
                self.enter(asked)
                # Asking for its parameters finds out whose job it is, before everybody sees an answer begin.
                probe = Action("info", action.job, action.index)
                await self.core.press(user, probe, self.place(asked, 0).address(), event)
                await self.core.press(user, action, await self._acknowledge(asked), event)

    async def _end(self, asked: Asked, action: Action) -> None:
        user, event = user_of(asked), str(asked.id)
        await asked.response.defer()
        pressed = self.place(asked, asked.message.id if asked.message else 0)
        await self.core.press(user, action, pressed.address(), event)
        if action.verb == "delete" and pressed.message:
            # The pressed message may be a copy that /show made, which the job itself does not know of.
            gone = self.core.replies.deleted(await self.core.job(user, action.job))
            await self._show(pressed.address(), gone)

    async def _acknowledge(self, asked: Asked) -> Address:
        """Say within Discord's three seconds that an answer comes, and return where it will stand."""
        asked.extras[PUBLIC] = True
        try:
            answer: Any = await asked.response.defer(thinking=True)
            return self.place(asked, answer.message_id).address()
        except discord.HTTPException as error:
            if error.code != ALREADY_ACKNOWLEDGED:
                raise
            # An answer that was lost on its way back was repeated; the message stands all the same.
            return self.place(asked, (await asked.original_response()).id).address()

    async def _submit(
        self, asked: Asked, address: Address, kind: Kind, params: Params, image: str | None
    ) -> None:
        await self.core.submit(Request(user_of(asked), address, str(asked.id), kind, params, image))


def user_of(asked: Asked) -> User:
    """Return the person behind an interaction."""
    return User("discord", str(asked.user.id), asked.user.display_name, str(asked.locale))
