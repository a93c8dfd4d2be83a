"""Buttons and selects that hold all they mean in themselves, so that they outlive the process that sent them.

Knows actions and widgets; what a press does is the client's responder to say.
"""

import re
from collections.abc import Sequence
from typing import Any

import discord

from adapters.discord.permissions import Interaction
from bot.types import Action, Button, Choice

PATTERN = re.compile(
    r"zi(?:-(?P<database>[0-9a-f]{6}))?:(?P<action>[a-z]+:[0-9]{1,18}:[0-9]{1,3}(?::.{1,64})?)"
)
CHOICE = "zi-choice:"
STYLES = {
    "use": discord.ButtonStyle.primary,
    "delete": discord.ButtonStyle.danger,
    "cancel": discord.ButtonStyle.danger,
    "forget": discord.ButtonStyle.danger,
}
HARMLESS = ("no",)
"""The answers to a question that leave everything as it is."""
LABEL = 80
OPTION = 100

Rows = Sequence[Sequence[Button]]


class Press(discord.ui.DynamicItem[discord.ui.Button[Any]], template=PATTERN):
    """One button of a reply, before or after a restart."""

    def __init__(self, action: Action, button: discord.ui.Button[Any], database: str = "") -> None:
        super().__init__(button)
        self.action = action
        self.database = database

    @classmethod
    async def from_custom_id(cls, interaction: Interaction, item: Any, match: re.Match[str]) -> "Press":
        """Read the action of a pressed button."""
        return cls(Action.unpack(match["action"]), item, match["database"] or "")

    async def callback(self, interaction: Interaction) -> None:
        """Do what the button says."""
        if self.database in ("", interaction.client.database):
            await interaction.client.presses.press(interaction, self.action)
        else:
            await interaction.client.presses.press_of_others(interaction, self.action)


class Pick(discord.ui.DynamicItem[discord.ui.Select[Any]], template=re.compile(CHOICE + r"[a-z-]{1,40}")):
    """One setting with its options, each of which holds its action."""

    @classmethod
    async def from_custom_id(cls, interaction: Interaction, item: Any, match: re.Match[str]) -> "Pick":
        """Take the select as it stands in its message."""
        return cls(item)

    async def callback(self, interaction: Interaction) -> None:
        """Do what the picked option says."""
        await interaction.client.presses.press(interaction, Action.unpack(self.item.values[0]))


def view(rows: Rows, choices: Sequence[Choice] = (), database: str = "") -> discord.ui.View | None:
    """Return selects, then toggles and buttons as they stand in rows; None where there is nothing to press.

    Discord takes five rows of five; toggles share theirs with the first row of buttons. The buttons name the
    `database` that their jobs are in.
    """
    if not rows and not choices:
        return None
    shown = discord.ui.View(timeout=None)
    selects = [choice for choice in choices if not choice.toggle]
    for place, choice in enumerate(selects):
        shown.add_item(Pick(_select(choice, place)))
    toggles = [_toggle(choice, database) for choice in choices if choice.toggle]
    lines = [[_button(button, database) for button in row] for row in rows] or [[]]
    for place, line in enumerate([toggles + lines[0], *lines[1:]], start=len(selects)):
        for press in line:
            press.row = place
            shown.add_item(press)
    return shown


def actions(message: discord.Message) -> Sequence[Action]:
    """Return every action that stands under a message of ours; only the author can be trusted with it."""
    found = []
    for row in message.components:
        for item in getattr(row, "children", ()):
            if match := PATTERN.fullmatch(getattr(item, "custom_id", None) or ""):
                found.append(Action.unpack(match["action"]))
    return found


def _button(button: Button, database: str) -> Press:
    style = STYLES.get(button.action.verb, discord.ButtonStyle.secondary)
    if button.action.value in HARMLESS:
        style = discord.ButtonStyle.secondary
    return _press(button.action, database, style, button.label, button.emoji)


def _toggle(choice: Choice, database: str) -> Press:
    """Return a button that says how a toggle stands, and presses what it does not stand at."""
    off, on = choice.options
    style = discord.ButtonStyle.success if on.chosen else discord.ButtonStyle.secondary
    now, other = (on, off) if on.chosen else (off, on)
    return _press(other.action, database, style, f"{choice.label} · {now.label}")


def _press(action: Action, database: str, style: discord.ButtonStyle, label: str, emoji: str = "") -> Press:
    prefix = f"zi-{database}:" if database else "zi:"
    button: discord.ui.Button[Any] = discord.ui.Button(
        style=style, label=label[:LABEL] or None, emoji=emoji or None, custom_id=prefix + action.pack()
    )
    return Press(action, button)


def _select(choice: Choice, row: int) -> discord.ui.Select[Any]:
    # A select shows nothing but what is chosen, so every option names its setting.
    options = [
        discord.SelectOption(
            label=f"{choice.label} · {option.label}"[:OPTION],
            value=option.action.pack(),
            default=option.chosen,
        )
        for option in choice.options
    ]
    return discord.ui.Select(custom_id=CHOICE + choice.name, options=options, row=row)
