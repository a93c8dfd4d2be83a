"""Buttons, settings and edit windows put before the core, however old the message is that they stand under.

Knows which verb changes what: the pressed message, a new one, or nothing but what the presser sees.
"""

from typing import Any

from adapters.discord import modal
from adapters.discord.people import of_interaction
from adapters.discord.permissions import Asked
from adapters.discord.render import look
from adapters.discord.responder import Responder, soon
from bot.requests.commands import Command
from bot.types import Action, Address, Reply


class Presses:
    """Takes every press; `desk` acknowledges and refuses."""

    def __init__(self, desk: Responder) -> None:
        self._desk = desk
        self._core = desk.core

    async def press(self, asked: Asked, action: Action) -> None:
        """Do what a button or an option says."""
        async with self._desk.refusing(asked):
            match action.verb:
                case "cancel" | "delete":
                    await self._end(asked, action)
                case "set" | "forget":
                    await asked.response.defer()
                    reply: Any = await self._press(asked, action)
                    await asked.edit_original_response(**(await look(reply)).edit())
                case "edit":
                    window = modal.Edit(
                        self._core.replies.texts,
                        str(asked.locale),
                        action.job,
                        await self._said(asked, action),
                    )
                    await asked.response.send_modal(window)
                case "info" | "favourite":
                    await self._desk.tell(asked, await self._said(asked, action))
                case _:
                    await self._desk.draw_by(asked, action)

    async def edited(self, asked: Asked) -> None:
        """Take the words of the edit window; the picture its job started from stays."""
        async with self._desk.refusing(asked):
            await self._desk.enter(asked)
            number, text = modal.read(asked)
            params = await self._desk.params(asked, text, {})
            job = await self._core.may(of_interaction(asked), Action("edit", number))
            image = job.request.image if job.request.kind == "imagine" else None
            await self._desk.submit(
                asked, await self._desk.acknowledge(asked), "imagine", params, image=image
            )

    async def _said(self, asked: Asked, action: Action) -> Reply:
        """Return the private reply to an action that makes no job, before Discord waits no longer."""
        reply = await soon(self._press(asked, action))
        assert isinstance(reply, Reply)
        return reply

    async def _press(self, asked: Asked, action: Action) -> Any:
        return await self._core.press(of_interaction(asked), action, self._pressed(asked), str(asked.id))

    async def _end(self, asked: Asked, action: Action) -> None:
        user = of_interaction(asked)
        await asked.response.defer()
        job = await self._core.may(user, action)
        await self._core.press(user, action, self._pressed(asked), str(asked.id))
        if asked.message is None:
            return
        if asked.message.flags.ephemeral:
            # A list of one's own jobs: what was cancelled leaves it.
            rest = await self._core.answer(user, Command("queue", ""))
            await asked.edit_original_response(**(await look(rest)).edit())
        elif action.verb == "delete":
            # The pressed message may be a copy that /show made, which the job itself does not know of.
            await self._desk.show(self._pressed(asked), self._core.replies.deleted(job))

    def _pressed(self, asked: Asked) -> Address:
        return self._desk.place(asked, asked.message.id if asked.message else 0).address()
