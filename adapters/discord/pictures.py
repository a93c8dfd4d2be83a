"""Pictures in messages: which one is meant, and its bytes. Knows no job."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

import discord

from bot.storage.pictures import MAX_BYTES
from bot.types import Refused

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".avif")


@dataclass(frozen=True, slots=True)
class EmbeddedPicture:
    """A picture in an embed, by the address of the copy that Discord keeps."""

    url: str
    client: discord.Client


Picture = discord.Attachment | EmbeddedPicture


def of(message: discord.Message, client: discord.Client) -> Picture:
    """Return the first picture of a message or of what it forwards; raises `Refused` (`no-picture`)."""
    parts: list[discord.Message | discord.MessageSnapshot] = [message, *message.message_snapshots]
    for part in parts:
        if attachment := next(filter(_is_picture, part.attachments), None):
            return attachment
    for part in parts:
        if url := next(_embedded(part.embeds), None):
            return EmbeddedPicture(url, client)
    raise Refused("no-picture")


async def fetch(picture: Picture) -> bytes:
    """Return the bytes of a picture; raises `Refused` (`bad-image`, `image-too-large`)."""
    if isinstance(picture, discord.Attachment) and picture.size > MAX_BYTES:
        raise Refused("image-too-large", limit=f"{MAX_BYTES // 10**6} MB")
    try:
        if isinstance(picture, EmbeddedPicture):
            return await picture.client.http.get_from_cdn(picture.url)
        return await picture.read()
    except discord.HTTPException as error:
        raise Refused("bad-image") from error


def _is_picture(attachment: discord.Attachment) -> bool:
    """Say whether an attachment is a picture by its type, which Discord does not always know, or its name."""
    if attachment.content_type:
        return attachment.content_type.startswith("image/")
    return PurePosixPath(attachment.filename).suffix.casefold() in SUFFIXES


def _embedded(embeds: Sequence[discord.Embed]) -> Iterator[str]:
    for embed in embeds:
        for picture in (embed.image, embed.thumbnail):
            if picture.proxy_url:
                yield picture.proxy_url
