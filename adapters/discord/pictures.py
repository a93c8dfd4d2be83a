"""Pictures people attached: which one is meant, and its bytes. Knows no job."""

import discord

from bot.storage.pictures import MAX_BYTES
from bot.types import Refused


def of(message: discord.Message) -> discord.Attachment:
    """Return the first picture of a message; raises `Refused` (`no-picture`)."""
    for attachment in message.attachments:
        if (attachment.content_type or "").startswith("image/"):
            return attachment
    raise Refused("no-picture")


async def fetch(picture: discord.Attachment) -> bytes:
    """Return the bytes of a picture; raises `Refused` (`bad-image`, `image-too-large`)."""
    if picture.size > MAX_BYTES:
        raise Refused("image-too-large", limit=f"{MAX_BYTES // 10**6} MB")
    try:
        return await picture.read()
    except discord.HTTPException as error:
        raise Refused("bad-image") from error
