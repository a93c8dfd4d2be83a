"""What a request may bring: how much, how slowly, and what counts as JSON. Knows no route and no person."""

import asyncio
import json
import re
from json import JSONDecodeError
from typing import Any

from aiohttp import web

from adapters.web.identity import Shut
from bot.storage.pictures import MAX_BYTES

TEXT_BODY = 100_000
"""What a body may have beside a picture: 8,000 characters, each as JSON's longest escape."""
PICTURE_BODY = TEXT_BODY + 4 * -(-MAX_BYTES // 3)
PATIENCE = 30.0
"""Seconds to wait for the next part of a body."""
SLOWEST = 50_000
"""Bytes a second that a body must bring on the whole, beside `PATIENCE`."""
_IMAGE = re.compile(rb'"image"\s*:\s*"')


async def read(request: web.Request, limit: int = TEXT_BODY) -> bytes:
    """Return a body; raises Shut: 413 above `limit` bytes, 408 where it comes too slowly."""
    body = bytearray()
    declared = request.content_length or 0
    try:
        async with asyncio.timeout(PATIENCE + limit / SLOWEST):
            while declared <= limit and len(body) <= limit:
                async with asyncio.timeout(PATIENCE):
                    part = await request.content.readany()
                if not part:
                    return bytes(body)
                body += part
    except TimeoutError:
        raise Shut(408, "door-too-slow") from None
    except web.RequestPayloadError as error:
        raise web.HTTPBadRequest(text=f"The body can't be read: {error}.") from None
    size = f"{MAX_BYTES // 10**6} MB" if limit == PICTURE_BODY else f"{limit // 1000} kB"
    raise Shut(413, "door-too-large", limit=size)


async def read_object(request: web.Request, limit: int = TEXT_BODY) -> dict[str, Any]:
    """Return a JSON object; raises Shut as `read` does, and HTTPUnprocessableEntity where it is none.

    Parsed is never more than `TEXT_BODY`: a picture is taken out of the text first and put back as it came.
    """
    body = await read(request, limit)
    image = None
    if len(body) > TEXT_BODY and (found := _IMAGE.search(body)):
        end = body.find(b'"', found.end())
        image = body[found.end() : end]
        body = body[: found.end()] + body[end:]
    if len(body) > TEXT_BODY:
        raise Shut(413, "door-too-large", limit=f"{TEXT_BODY // 1000} kB")
    try:
        text = json.dumps(json.loads(body), ensure_ascii=False, allow_nan=False)  # no NaN or infinity
        # Pages cut texts in the middle of an emoji: the half that is left is no character.
        value = json.loads(text.encode("utf-16", "surrogatepass").decode("utf-16", "ignore"))
    except (JSONDecodeError, UnicodeError) as error:
        raise web.HTTPUnprocessableEntity(text=f"The body is not JSON: {error}.") from None
    except (RecursionError, ValueError):
        raise web.HTTPUnprocessableEntity(
            text="The body holds what no message needs: deep or huge."
        ) from None
    if not isinstance(value, dict):
        raise web.HTTPUnprocessableEntity(
            text='The body must be a JSON object such as {"text": "a red sailboat"}.'
        )
    if image is not None:
        value["image"] = image.replace(rb"\/", b"/").decode("ascii", "replace")
    return value
