"""Buttons that hold all they mean in their `custom_id`, so that they outlive the process that sent them.

Knows actions and widgets; what a press does is the client's desk to say.
"""

import re
from collections.abc import Sequence
from typing import Any

import discord

from adapters.discord.door import Asked
from bot.types import Action, Button

PREFIX = "zi:"
PATTERN = re.compile(PREFIX + r"(?P<action>[a-z]+:[0-9]{1,18}:[0-9]{1,3})")
STYLES = {
    "use": discord.ButtonStyle.primary,
    "delete": discord.ButtonStyle.danger,
    "cancel": discord.ButtonStyle.danger,
}
LABEL = 80


class Press(discord.ui.DynamicItem[discord.ui.Button[Any]], template=PATTERN):
    """One button of a reply, before or after a restart."""

    def __init__(self, action: Action, button: discord.ui.Button[Any]) -> None:
        super().__init__(button)
        self.action = action

    @classmethod
    async def from_custom_id(cls, interaction: Asked, item: Any, match: re.Match[str]) -> "Press":
        """Read the action of a pressed button."""
        return cls(Action.unpack(match["action"]), item)

    async def callback(self, interaction: Asked) -> None:
        """Do what the button says."""
        await interaction.client.desk.press(interaction, self.action)


def view(rows: tuple[tuple[Button, ...], ...]) -> discord.ui.View | None:
    """Return the buttons as they stand in rows; None where there are none."""
    if not rows:
        return None
    shown = discord.ui.View(timeout=None)
    for place, row in enumerate(rows):
        for button in row:
            shown.add_item(
                Press(
                    button.action,
                    discord.ui.Button(
                        style=STYLES.get(button.action.verb, discord.ButtonStyle.secondary),
                        label=button.label[:LABEL] or None,
                        emoji=button.emoji or None,
                        custom_id=PREFIX + button.action.pack(),
                        row=place,
                    ),
                )
            )
    return shown


def actions(message: discord.Message) -> Sequence[Action]:
    """Return every action that stands under a message of ours; only the author can be trusted with it."""
    found = []
    for row in message.components:
        for item in getattr(row, "children", ()):
            if match := PATTERN.fullmatch(getattr(item, "custom_id", None) or ""):
                found.append(Action.unpack(match["action"]))
    return found
