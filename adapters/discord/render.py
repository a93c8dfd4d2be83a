"""A reply as Discord shows it: the sentence, an embed for the words around it, files and buttons.

The one place where texts are cut to Discord's limits. Knows no core and sends nothing.
"""

import asyncio
import io
import math
from dataclasses import dataclass
from typing import Any

import discord

from adapters.discord import buttons
from adapters.discord.address import UPLOAD_LIMIT, Place
from bot.replies.shrink import shrink_to
from bot.types import Choice, Image, Reply

CONTENT = 2000
DESCRIPTION = 4096
FOOTER = 1800
"""Of an embed's 6000 characters, what is left beside a full description."""
ALT = 1024
BAR = 10
NOBODY = discord.AllowedMentions.none()


@dataclass(frozen=True, slots=True)
class Look:
    """Everything a message consists of."""

    content: str
    embed: discord.Embed | None
    images: tuple[Image, ...]
    spoiler: bool
    rows: tuple[tuple[Any, ...], ...]
    choices: tuple[Choice, ...]
    database: str

    def edit(self) -> dict[str, Any]:
        """Return the arguments that make an existing message look like this, whatever it looked like."""
        return {
            "content": self.content,
            "embeds": [self.embed] if self.embed else [],
            "attachments": self._files(),
            "view": buttons.view(self.rows, self.choices, self.database),
            "allowed_mentions": NOBODY,
        }

    def send(self) -> dict[str, Any]:
        """Return the arguments that send a new message that looks like this."""
        message: dict[str, Any] = {
            "content": self.content,
            "files": self._files(),
            "allowed_mentions": NOBODY,
        }
        if self.embed:
            message["embed"] = self.embed
        if shown := buttons.view(self.rows, self.choices, self.database):
            message["view"] = shown
        return message

    def _files(self) -> list[discord.File]:
        return [
            discord.File(
                io.BytesIO(image.data), image.name, spoiler=self.spoiler, description=image.alt[:ALT] or None
            )
            for image in self.images
        ]


async def look(reply: Reply, place: Place | None = None, database: str = "") -> Look:
    """Return how a reply looks at a place, pictures within its upload limit; None is for the asker's eyes.

    Its buttons belong to `database`.
    """
    limit, spoiler = (place.limit, place.spoiler) if place else (UPLOAD_LIMIT, False)
    images = await asyncio.gather(*(asyncio.to_thread(shrink_to, image, limit) for image in reply.images))
    asker = f"<@{place.user}> " if place and not reply.private else ""
    return Look(
        _content(reply, asker),
        _embed(reply),
        tuple(images),
        spoiler or reply.spoiler,
        reply.actions,
        reply.choices,
        database,
    )


def _content(reply: Reply, asker: str) -> str:
    if _is_long(reply):
        return asker
    lines = [asker + _plain(reply.text)]
    if reply.eta:
        # Everybody's own Discord turns this into "in 2 minutes", in their language, and counts it down.
        lines.append(f"⏳ <t:{math.ceil(reply.eta)}:R>")
    if reply.progress and reply.progress[0]:
        done, of = reply.progress
        full = BAR * done // max(1, of)
        lines.append(f"`{'█' * full}{'░' * (BAR - full)}`")
    return cut("\n".join(lines), CONTENT)


def _embed(reply: Reply) -> discord.Embed | None:
    parts = [_plain(reply.text)] if _is_long(reply) else []
    if reply.prompt:
        parts.append("\n".join(f"> {line}" for line in _plain(reply.prompt).splitlines()))
    if not parts and not reply.note:
        return None
    embed = discord.Embed(description=cut("\n\n".join(parts), DESCRIPTION) or None)
    if reply.note:
        embed.set_footer(text=cut(reply.note, FOOTER))
    return embed


def _is_long(reply: Reply) -> bool:
    return "\n" in reply.text or len(reply.text) > CONTENT // 2


def _plain(text: str) -> str:
    return discord.utils.escape_markdown(text)


def cut(text: str, limit: int) -> str:
    """Return the text, shortened to `limit` characters with "…" where it is longer."""
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"
