"""How a call to the Bot API comes in and how a refusal goes out; and how a connection breaks."""

import json
from typing import Any

from aiohttp import web

from tests.adapters.telegram.chats import Json
from tests.adapters.telegram.rules import Refusal


async def read(request: web.Request) -> tuple[Json, dict[str, bytes]]:
    """Return a call's parameters, JSON decoded where they are JSON, and its files."""
    said: Json = {}
    files: dict[str, bytes] = {}
    for name, value in (await request.post()).items():
        if isinstance(value, web.FileField):
            files[name] = value.file.read()
        else:
            said[name] = _decoded(name, str(value))
    return said, files


def _decoded(name: str, value: str) -> Any:
    if name in ("text", "caption", "callback_query_id", "file_id", "language_code"):
        return value
    try:
        return json.loads(value)
    except ValueError:
        return value


def refused(refusal: Refusal) -> web.Response:
    body = {"ok": False, "error_code": refusal.code, "description": refusal.description}
    if refusal.parameters:
        body["parameters"] = refusal.parameters
    return web.json_response(body, status=refusal.code)


def cut(request: web.Request) -> None:
    assert request.transport is not None
    request.transport.abort()
    raise web.HTTPInternalServerError
