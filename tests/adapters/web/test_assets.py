"""What a page loads: how much travels, compressed for who takes it, and nothing twice."""

import asyncio
import gzip
import re

import pytest

from adapters.web.assets import FOLDER
from adapters.web.door import takes_gzip
from tests.adapters.web.site import Site

GZIP = "gzip, deflate, br, zstd"


async def answer_of(site: Site, path: str, *headers: str) -> bytes:
    """Return every byte of an answer to a GET, the status line included."""
    port = site.url.rpartition(":")[2]
    reader, writer = await asyncio.open_connection("127.0.0.1", int(port))
    lines = (f"GET {path} HTTP/1.1", f"Host: 127.0.0.1:{port}", "Connection: close", *headers, "", "")
    writer.write("\r\n".join(lines).encode())
    answer = await reader.read()
    writer.close()
    return answer


async def test_the_page_with_all_it_loads_is_less_than_30_kilobytes_on_the_way(site: Site) -> None:
    accepted = f"Accept-Encoding: {GZIP}"
    page = await answer_of(site, "/", accepted, "Accept: text/html", "Accept-Language: zh")
    files = re.findall(rb'(?:src|href)="(page/[^"]+)"', gzip.decompress(page.partition(b"\r\n\r\n")[2]))
    answers = [await answer_of(site, f"/{path.decode()}", accepted) for path in set(files)]
    assert len(answers) == 4
    assert len(page) + sum(map(len, answers)) < 30_000


@pytest.mark.parametrize("path", ["/", "/page/app.js", "/page/style.css", "/api/hello"])
async def test_who_takes_no_gzip_gets_the_same_as_it_is(site: Site, path: str) -> None:
    plain = (await answer_of(site, path)).partition(b"\r\n\r\n")
    packed = (await answer_of(site, path, f"Accept-Encoding: {GZIP}")).partition(b"\r\n\r\n")
    assert gzip.decompress(packed[2]) == plain[2]
    for head in (plain[0], packed[0]):
        assert b"Vary: Accept-Encoding" in head
    assert b"Content-Encoding" not in plain[0]


@pytest.mark.parametrize(
    ("accepted", "is_taken"),
    [("", False), ("gzip", True), ("br, GZIP;q=0.5", True), ("gzip;q=0", False), ("gzip; q=0.00", False),
     ("*", True), ("*;q=0", False), ("*, gzip;q=0", False), ("identity", False), ("x-gzipped", False)],
)  # fmt: skip
def test_gzip_is_sent_to_who_allows_it(accepted: str, is_taken: bool) -> None:
    assert takes_gzip(accepted) is is_taken


async def test_a_file_the_browser_has_is_not_sent_again(site: Site) -> None:
    async with site.client.get("/page/app.js") as answer:
        tag = answer.headers["ETag"]
    async with site.client.get("/page/app.js", headers={"If-None-Match": tag}) as answer:
        assert (answer.status, await answer.read(), answer.headers["ETag"]) == (304, b"", tag)
    async with site.client.get("/page/app.js", headers={"If-None-Match": '"older"'}) as answer:
        assert answer.status == 200


def test_no_text_of_a_script_goes_over_several_lines_which_would_lose_their_indents() -> None:
    texts = [text for path in FOLDER.glob("*.js") for text in re.findall("`[^`]*`", path.read_text("utf-8"))]
    assert texts
    assert [text for text in texts if "\n" in text] == []
