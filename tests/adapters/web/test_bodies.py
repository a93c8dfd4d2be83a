"""How much a request may bring, and how slowly: limits before anything is parsed."""

import asyncio
import base64
import io
import json
import socket
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil
import pytest

from adapters.web import api, bodies, door, server
from adapters.web.bodies import TEXT_BODY
from adapters.web.payload import LONGEST_TEXT
from bot.storage.pictures import MAX_BYTES
from tests.adapters.web.site import Site, next_event, picture_file, serving

CHINESE = {"Accept-Language": "zh-CN"}


async def posted(site: Site, message: Any, path: str = "/api/messages", **headers: str) -> tuple[int, Any]:
    """Send a large body as aiohttp wants it."""
    data = io.BytesIO(message if isinstance(message, bytes) else json.dumps(message).encode())
    async with site.client.post(path, data=data, headers=headers) as answer:
        return answer.status, await answer.json()


@pytest.mark.parametrize(
    ("prefix", "order"), [("", ("text", "image")), ("data:image/png;base64,", ("image", "text"))]
)
async def test_a_picture_as_large_as_promised_is_taken(
    site: Site, prefix: str, order: tuple[str, str]
) -> None:
    message = {
        "text": "a cat",
        "image": prefix + base64.b64encode(picture_file().ljust(MAX_BYTES, b"\0")).decode(),
    }
    status, answer = await posted(site, {name: message[name] for name in order})
    assert (status, "job" in answer) == (200, True)


@pytest.mark.parametrize("above", [1, 200_000])
async def test_above_that_it_is_a_413_that_names_the_limit_in_the_persons_language(
    site: Site, above: int
) -> None:
    image = base64.b64encode(picture_file().ljust(MAX_BYTES + above, b"\0")).decode()
    for headers, word in (({}, "limit"), (CHINESE, "上限")):
        status, answer = await posted(site, {"text": "a cat", "image": image}, **headers)
        assert (status, "20 MB" in answer["error"], word in answer["error"]) == (413, True, True)


async def test_a_large_picture_may_have_its_slashes_escaped(site: Site) -> None:
    image = base64.b64encode(picture_file().ljust(MAX_BYTES // 4, b"\xff")).decode()
    body = json.dumps({"text": "a cat", "image": image}).replace("/", r"\/").encode()
    assert (await posted(site, body))[0] == 200


async def test_words_beyond_the_limit_are_refused_with_both_numbers(site: Site) -> None:
    status, answer = await posted(site, {"text": "“" * (LONGEST_TEXT + 1)})
    assert (status, answer["code"]) == (422, "prompt-too-long")
    assert str(LONGEST_TEXT + 1) in answer["error"]
    assert str(LONGEST_TEXT) in answer["error"]


@pytest.mark.parametrize(
    "message",
    [
        {"text": "“" * 160_000},
        {"text": "a cat", "image": "A" * 200_000, "controls": {"prompt": "“" * 160_000}},
        {"text": "a cat", "image": "A" * 200_000, "more": [{}] * 100_000},
        [[]] * 100_000,
    ],
    ids=["words", "words beside a picture", "lists beside a picture", "lists"],
)
async def test_only_a_picture_may_be_large(site: Site, message: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    parsed: list[int] = []
    loads = json.loads
    monkeypatch.setattr(bodies.json, "loads", lambda text: parsed.append(len(text)) or loads(text))
    async with site.client.post("/api/messages", data=io.BytesIO(json.dumps(message).encode())) as answer:
        assert answer.status == 413
    assert parsed == []


@pytest.mark.parametrize("path", ["/api/jobs/1/actions", "/"])
async def test_what_carries_no_picture_is_small(site: Site, path: str) -> None:
    status, answer = await posted(site, b" " * (TEXT_BODY + 1), path)
    assert (status, answer["code"]) == (413, "too-large")


async def test_a_declared_length_beyond_the_limit_is_refused_before_the_body_comes(site: Site) -> None:
    head = b"POST /api/messages HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999\r\n\r\n"
    reader, writer = await opened(site)
    writer.write(head)
    assert (await reader.readuntil(b"}")).startswith(b"HTTP/1.1 413 ")
    writer.close()


HALVES = {
    "nothing": b"",
    "half a line": b"GET /api/he",
    "half a head": b"GET /api/hello HTTP/1.1\r\nHost: localhost\r\n",
    "half a second head": b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\nGET /api/he",
    "half a body": b"POST /api/messages HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99\r\n\r\n{",
    "half a chunk": b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n9\r\n{",
    "an idle connection": b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "a body nobody reads": b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99\r\n\r\n{",
}


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for nothing longer than a moment."""
    monkeypatch.setattr(bodies, "PATIENCE", 0.1)
    monkeypatch.setattr(server, "KEEP_ALIVE", 0.1)
    monkeypatch.setattr(server, "LINGER", 0.1)
    monkeypatch.setattr(door, "STALLED_MS", 300)


async def opened(site: Site) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    split = urlsplit(site.url)
    return await asyncio.open_connection(split.hostname, split.port)


@pytest.mark.parametrize("half", HALVES)
async def test_who_stops_in_the_middle_is_closed(tmp_path: Path, impatient: None, half: str) -> None:
    async with serving(tmp_path) as site:
        reader, writer = await opened(site)
        writer.write(HALVES[half])
        answer = await reader.read()  # ends when the server closes the connection
        assert (b" 408 " in answer) == (half in ("half a body", "half a chunk"))
        writer.close()


async def test_a_stream_of_events_outlives_every_limit(
    tmp_path: Path, impatient: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api, "HEARTBEAT", 0.1)
    async with serving(tmp_path) as site, site.client.get("/api/events") as stream:
        for _ in range(10):
            assert await stream.content.readuntil(b"still here\n\n")
        await site.post("/api/messages", {"text": "a cat"})
        assert (await next_event(stream))["job"] == 1


@pytest.mark.skipif(
    not hasattr(socket, "TCP_USER_TIMEOUT"), reason="only Linux tells what a reader has taken"
)
async def test_who_takes_nothing_of_an_answer_is_closed(tmp_path: Path, impatient: None) -> None:
    async with serving(tmp_path) as site:
        split = urlsplit(site.url)
        with socket.create_connection((split.hostname, split.port)) as lazy:
            lazy.sendall(b"GET /page/style.css HTTP/1.1\r\nHost: localhost\r\n\r\n" * 1000)
            while not _served(lazy):  # noqa: ASYNC110  (the operating system)
                await asyncio.sleep(0)
            while _served(lazy):  # noqa: ASYNC110
                await asyncio.sleep(0)


def _served(client: socket.socket) -> bool:
    """Say whether this process holds the other end of a connection."""
    ends = psutil.Process().net_connections("tcp")
    return any(each.raddr == client.getsockname() and each.status == psutil.CONN_ESTABLISHED for each in ends)
