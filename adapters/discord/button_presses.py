"""Buttons, settings and edit windows handed to the core, however old the message is that they stand under.

Knows which verb changes what: the pressed message, a new one, or nothing but what its user sees.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from adapters.discord import modal
from adapters.discord.people import of_interaction
from adapters.discord.permissions import Interaction
from adapters.discord.responder import Responder, soon
from bot.requests.commands import Command
from bot.types import Action, Address, Refused, Reply

OTHERS_FIRST = 1.5
"""Seconds that another program has to answer a press of its own button; Discord waits three."""


class Presses:
    """Takes every press; `responder` acknowledges and refuses."""

    def __init__(
        self, responder: Responder, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    ) -> None:
        self._sleep = sleep
        self._responder = responder
        self._core = responder.core

    async def press(self, interaction: Interaction, action: Action) -> None:
        """Do what a button or an option says."""
        async with self._responder.refusing(interaction):
            match action.verb:
                case "cancel" | "delete":
                    await self._end(interaction, action)
                case "set" | "forget":
                    await interaction.response.defer()
                    reply: Any = await self._press(interaction, action)
                    await interaction.edit_original_response(**(await self._responder.look(reply)).edit())
                case "edit":
                    window = modal.Edit(
                        self._responder.texts,
                        str(interaction.locale),
                        action.job,
                        await self._reply(interaction, action),
                    )
                    await interaction.response.send_modal(window)
                case "info" | "favourite":
                    await self._responder.reply_privately(interaction, await self._reply(interaction, action))
                case _:
                    await self._responder.press(interaction, action)

    async def press_of_others(self, interaction: Interaction, action: Action) -> None:
        """Take a press of a button of another database: the program that has it answers first, if it runs."""
        await self._sleep(OTHERS_FIRST)
        async with self._responder.refusing(interaction):
            raise Refused("no-such-job", job=action.job)

    async def edited(self, interaction: Interaction) -> None:
        """Take the text of the edit window; the picture its job started from stays."""
        job, text = modal.read(interaction)
        await self._responder.make(interaction, Command("imagine", text), edited=job)

    async def _reply(self, interaction: Interaction, action: Action) -> Reply:
        """Return the private reply to an action that makes no job, before Discord waits no longer."""
        reply = await soon(self._press(interaction, action))
        assert isinstance(reply, Reply)
        return reply

    async def _press(self, interaction: Interaction, action: Action) -> Any:
        return await self._core.press(
            of_interaction(interaction), action, self._pressed(interaction), str(interaction.id)
        )

    async def _end(self, interaction: Interaction, action: Action) -> None:
        user = of_interaction(interaction)
        await interaction.response.defer()
        job = await self._core.job_for_action(user, action)
        await self._core.press(user, action, self._pressed(interaction), str(interaction.id))
        if interaction.message is None:
            return
        if interaction.message.flags.ephemeral:
            # A list of one's own jobs: what was cancelled leaves it.
            rest = await self._core.answer(user, Command("queue", ""))
            await interaction.edit_original_response(**(await self._responder.look(rest)).edit())
        elif action.verb == "delete":
            # The pressed message may be a copy that /show made, which the job itself does not know of.
            await self._responder.show(self._pressed(interaction), self._responder.replies.deleted(job))

    def _pressed(self, interaction: Interaction) -> Address:
        return self._responder.place(
            interaction, interaction.message.id if interaction.message else 0
        ).address()
