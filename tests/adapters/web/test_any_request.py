"""Facts about any bytes a client may send: each gets an answer below 500, and the API's answers are JSON.

`FUZZ_REQUESTS` is the number of requests; the seed stays, so that a failure comes again.
"""

import asyncio
import json
import os
from collections import Counter
from pathlib import Path
from random import Random
from urllib.parse import urlsplit

import pytest

from adapters.web import bodies, server
from bot.policy.limits import Rule
from tests.adapters.web.site import GUARDED, TOKEN, serving

REQUESTS = int(os.environ.get("FUZZ_REQUESTS", "400"))
TOGETHER = 20

ODD_TEXT = (
    "a cat", "", "\\ud800", "\\udfff\\ud800", "\\u0000", "—ar 16:9 ｘ", "/show 99999999999999999999",
    "/upscale x4 17", "/imagine a cat --seed 1e999", "/cancel ١٢", "/info #" + "9" * 60, "“" * 3000,
    "/ban #" + "9" * 30, "/ban discord:user:7 99999d",
    "x" * 9000, "--" * 2000, "/ban discord:user:7 1e400", "/link " + "A" * 300, "/" + "é" * 200, "[" * 500,
    "a cat --ar 1:999999999999",
)  # fmt: skip
ODD_NUMBERS = (
    "0", "1", "-1", "1.5", "1e999", "-1e999", "NaN", "Infinity", "1" + "0" * 400, "9" * 5000,
    "99999999999999999999", "true", "null", '"1"', "[]", "{}", "9223372036854775808", "1e-400", "-0",
)  # fmt: skip
CONTROLS = ('{"steps": %s}', '{"guidance_scale": %s}', '{"enhance": %s}', '{"prompt": %s}', "%s")
VERBS = ('"reroll"', '"info"', '"set"', '"forget"', '"favourite"', '"\\ud800"')
ODD_BYTES = (
    b"\xff\xfe", b"\xed\xa0\x80", b"\xc3\x28", b"\x00", b"\xe2\x82", "é".encode(), "\u202e".encode(),
)  # fmt: skip
PATHS = (
    "/", "/?token=x", "/?token=%ff%fe", "/?token=%ED%A0%80", "/healthz", "/api/hello", "/api/history",
    "/api/nothing", "/api/history?before=٣", "/api/history?before=99999999999999999999",
    "/api/history?before=-1", "/api/history?before=%ff", "/api/history?before=²", "/api/jobs/1",
    "/api/jobs/99999999999999999999", "/api/jobs/" + "9" * 6000, "/api/jobs/%D9%A1", "/api/jobs/٣",
    "/api/jobs/9223372036854775808", "/api/jobs/1/images/0.png", "/api/jobs/1/images/9999.png",
    "/api/jobs/1/images/٣.png", "/page/app.js", "/page/%2e%2e%2fserver.py", "/page/\\..", "//", "/%",
    "/%00", "/api/%ff", "http://evil.example/api/hello", "http://[::1/api/hello", "*", "/api/jobs/1/../2",
    "/;x=1", "/api/jobs/1?" + "a=1&" * 900, "/#x", "",
)  # fmt: skip
HOSTS = (
    "127.0.0.1", "localhost:1", "[::1]", "evil.example", "", "[", "x:99999", "xn--zz--", "a" * 300, "é",
    "%zz", "::",
)  # fmt: skip
HEADERS = (
    "Accept-Language", "Authorization", "Cookie", "Origin", "Referer", "Content-Type", "Forwarded", "Range",
    "Accept", "X-Forwarded-Proto", "If-Modified-Since", "If-None-Match", "If-Range", "Content-Encoding",
    "Expect", "Via", "Sec-Fetch-Site", "Upgrade", "X-Forwarded-For", "Cache-Control", "Accept-Encoding",
    "Host",
)  # fmt: skip
VALUES = (
    "", "zh-CN", "-".join(["zh"] * 300), "Bearer", "Bearer x", f"Bearer {TOKEN}", "Basic eDp5",
    "zimage_person=", "zimage_person=0123456789abcdef.00; zimage_person", "zimage_person=é.é",
    "http://evil.example", "null", "http://[", "application/json; charset=utf-99",
    "application/json; charset=utf-16", "text/html", "multipart/form-data",
    "application/x-www-form-urlencoded; charset=rot13", 'for="[::1]";proto=https, for=', 'proto="',
    "https, http", "bytes=0-", "bytes=99999999999999999999999-", "bytes=-0", "bytes=٣-",
    "Mon, 99 Foo 99999", '"x", W/', "gzip", "br", "deflate", "100-continue", "200-maybe", "cross-site",
    "websocket", "h2c", "*/*;q=nan", "\t", ",", ";", "=" * 4000,
)  # fmt: skip


def request(dice: Random) -> bytes:
    """Return one request: most of it as a client would send it, some of it odd."""
    post = dice.random() < 0.5
    path = (
        dice.choice(("/api/messages", "/api/jobs/1/actions", "/", "/api/leave"))
        if post
        else dice.choice(PATHS)
    )
    method = (
        dice.choice(("GET", "HEAD", "PUT", "OPTIONS", "DELETE", "BREW", "")) if dice.random() < 0.1 else ""
    )
    version = dice.choice(("1.0", "2.0", "9", "")) if dice.random() < 0.05 else "1.1"
    head = [f"{method or ('POST' if post else 'GET')} {path} HTTP/{version}".encode()]
    head.append(b"Host: " + (dice.choice(HOSTS) if dice.random() < 0.1 else "127.0.0.1").encode())
    head.append(b"Connection: close")
    if dice.random() < 0.7:
        head.append(f"Authorization: Bearer {TOKEN}".encode())
    for _ in range(dice.choice((0, 0, 1, 2))):
        value = dice.choice(ODD_BYTES) if dice.random() < 0.3 else dice.choice(VALUES).encode()
        head.append(dice.choice(HEADERS).encode() + b": " + value)
    content = body(dice) if post else b""
    length = len(content) if dice.random() < 0.97 else dice.choice((0, 1, 10**9, 10**30, -1))
    if dice.random() < 0.05:
        head.append(b"Transfer-Encoding: chunked")
        chunks = (
            b"%x\r\n%b\r\n0\r\n\r\n" % (len(content), content),
            b"zz\r\n\r\n",
            b"5\r\nab\r\n0\r\n\r\n",
            b"",
        )
        content = dice.choice(chunks)
    else:
        head.append(f"Content-Length: {length}".encode())
    return b"\r\n".join(head) + b"\r\n\r\n" + content


def body(dice: Random) -> bytes:
    """Return a body: a message or an action with odd values, JSON that is none, or a form."""
    kind = dice.random()
    if kind < 0.15:
        depth = dice.choice((10, 500, 5000, 45000))
        return dice.choice(
            (
                b"[" * depth,
                b'{"text":' * depth,
                b"[" * depth + b"]" * depth,
                b"",
                b"nul",
                b'"x"',
                b"token=%ff",
            )
        )
    fields = {
        "text": f'"{dice.choice(ODD_TEXT)}"',
        "controls": dice.choice(CONTROLS) % dice.choice(ODD_NUMBERS),
        "message": dice.choice(('"page-0123456789"', '"١٢٣٤٥٦٧٨٩"', '"\\ud800"', *ODD_NUMBERS)),
        "image": dice.choice(('"aGVsbG8="', '"é"', '"data:,"', '"\\ud800"', '"===="', '""', *ODD_NUMBERS)),
        "verb": dice.choice((*VERBS, *ODD_NUMBERS)),
        "index": dice.choice(ODD_NUMBERS),
        "value": dice.choice((*ODD_NUMBERS, *(f'"{text}"' for text in ODD_TEXT))),
        "\\ud800": "1",
    }  # fmt: skip
    kept = [name for name in fields if dice.random() < 0.4]
    text = "{" + ",".join(f'"{name}":{fields[name]}' for name in kept) + "}"
    content = text.encode(dice.choice(("utf-8",) * 8 + ("utf-16", "utf-32", "utf-8-sig")))
    if dice.random() < 0.1:
        at = dice.randrange(len(content))
        content = content[:at] + dice.choice(ODD_BYTES) + content[at:]
    return content


async def answered(url: str, sent: bytes) -> tuple[int, bytes]:
    """Return status and body of the answer; 0 where the connection was closed without one."""
    split = urlsplit(url)
    reader, writer = await asyncio.open_connection(split.hostname, split.port)
    try:
        writer.write(sent)
        found = await reader.read()
    except ConnectionError:
        return 0, b""
    finally:
        writer.close()
    head, _, content = found.partition(b"\r\n\r\n")
    return int(head.split(b" ", 2)[1]) if head else 0, content


def explained(sent: bytes, status: int, content: bytes) -> bool:
    """Say whether an error of the API is JSON with a sentence, unless it is no HTTP or no part of a file."""
    if (
        status in (0, 400, 416)
        or status < 400
        or not sent.partition(b" ")[2].startswith(b"/api/")
        or sent.startswith(b"HEAD")
    ):
        return True
    try:
        return bool(json.loads(content)["error"])
    except (ValueError, TypeError):
        return False


async def test_any_request_is_answered_below_500(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "PATIENCE", 0.2)
    monkeypatch.setattr(server, "KEEP_ALIVE", 0.2)
    dice = Random(16)
    requests = [request(dice) for _ in range(REQUESTS)]
    seen: Counter[int] = Counter()
    wrong: list[tuple[bytes, int, bytes]] = []
    async with serving(tmp_path, GUARDED, rule=Rule(per_minute=20, waiting=50)) as site:

        async def one(sent: bytes) -> None:
            async with turns:
                status, content = await answered(site.url, sent)
            seen[status] += 1
            if status >= 500 or not explained(sent, status, content):
                wrong.append((sent, status, content))

        turns = asyncio.Semaphore(TOGETHER)
        async with asyncio.TaskGroup() as group:
            for sent in requests:
                group.create_task(one(sent))
    assert wrong == [], f"{len(wrong)} of {sorted(seen.items())}"
