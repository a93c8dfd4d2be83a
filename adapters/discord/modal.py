"""The edit window. Its `custom_id` says which job it edits, so that it works after a restart too."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import discord

from adapters.discord.permissions import Interaction
from bot.locales.texts import Texts
from bot.types import Reply

PATTERN = re.compile(r"zi-edit:(?P<job>[0-9]{1,18})")
LONGEST = 4000
LIFE = 3600.0
COMMAND = "/imagine "
_EDIT = re.compile(r"/edit [0-9]+ ")
"""What a picture that the model itself changes begins with: the window knows its job."""


class Edit(discord.ui.Modal):
    """A job's prompt to be edited; what is sent off arrives as an interaction of its own."""

    def __init__(self, texts: Texts, locale: str, job: int, reply: Reply) -> None:
        what = "change" if _EDIT.match(reply.prefill) else "edit"
        super().__init__(
            title=texts.say(locale, f"discord-{what}-title"), timeout=LIFE, custom_id=f"zi-edit:{job}"
        )
        words: discord.ui.TextInput[Any] = discord.ui.TextInput(
            style=discord.TextStyle.paragraph,
            custom_id="words",
            default=_EDIT.sub("", reply.prefill.removeprefix(COMMAND))[:LONGEST],
            max_length=LONGEST,
        )
        label = texts.say(locale, f"discord-{what}-label")
        self.add_item(discord.ui.Label(text=label, description=reply.text, component=words))


def is_edit(interaction: Interaction) -> bool:
    """Say whether this is an edit window that was sent off."""
    data: Mapping[str, Any] = interaction.data or {}
    sent = interaction.type is discord.InteractionType.modal_submit
    return sent and PATTERN.fullmatch(data["custom_id"]) is not None


def read(interaction: Interaction) -> tuple[int, str]:
    """Return the job of an edit window that was sent off, and its words."""
    data: Any = interaction.data
    match = PATTERN.fullmatch(data["custom_id"])
    assert match is not None
    words = next(_values(data["components"]))
    return int(match["job"]), words.strip().removeprefix(COMMAND)


def _values(components: list[Any]) -> Iterator[str]:
    for component in components:
        if "value" in component:
            yield component["value"]
        yield from _values(component.get("components", []))
        yield from _values([component["component"]] if "component" in component else [])
