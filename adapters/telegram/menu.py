"""Settings as a tree of buttons: every setting with its value, and behind each its options.

Knows choices and buttons; changes nothing.
"""

import re
from collections.abc import Sequence

from telegram import InlineKeyboardButton

from bot.types import Choice, Reply

NAME = "menu"
ON, OFF, CHOSEN, FURTHER, BACK = "✅", "⬜", "✓", "›", "‹"
SETTINGS_A_ROW = 2
OPTIONS_A_ROW = 3
_DATA = re.compile(rf"{NAME}:(\w*)")

Rows = list[list[InlineKeyboardButton]]


def rows(choices: Sequence[Choice]) -> Rows:
    """Return the first level: "Steps · 8 ›" opens a setting's options, a toggle flips at once."""
    opening = [_opening(choice) for choice in choices if not choice.toggle]
    toggles = [[_flipping(choice)] for choice in choices if choice.toggle]
    return _in_rows(opening, SETTINGS_A_ROW) + toggles


def options(reply: Reply, name: str, back: str) -> Rows | None:
    """Return the second level: the options of a setting, and the way back; None where there is none such."""
    for choice in reply.choices:
        if choice.name == name and not choice.toggle:
            buttons = [
                InlineKeyboardButton(
                    f"{CHOSEN} {option.label}" if option.chosen else option.label,
                    callback_data=option.action.pack(),
                )
                for option in choice.options
            ]
            way = InlineKeyboardButton(f"{BACK} {back}", callback_data=f"{NAME}:")
            return [*_in_rows(buttons, OPTIONS_A_ROW), [way]]
    return None


def read(data: str) -> str | None:
    """Return the setting that a button opens, "" for the first level; None for any other button."""
    match = _DATA.fullmatch(data)
    return match[1] if match else None


def _opening(choice: Choice) -> InlineKeyboardButton:
    value = next((option.label for option in choice.options if option.chosen), "")
    words = f"{choice.label} · {value} {FURTHER}"
    return InlineKeyboardButton(words, callback_data=f"{NAME}:{choice.name}")


def _flipping(choice: Choice) -> InlineKeyboardButton:
    off, on = choice.options
    mark, other = (ON, off) if on.chosen else (OFF, on)
    return InlineKeyboardButton(f"{mark} {choice.label}", callback_data=other.action.pack())


def _in_rows(buttons: list[InlineKeyboardButton], width: int) -> Rows:
    return [buttons[start : start + width] for start in range(0, len(buttons), width)]
