"""Whatever bytes come from outside, each parser takes them or refuses them by the errors that it names.

`FUZZ_PARSERS` is the number of inputs for each.
"""

import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz.parsers import Parser, parsers

FOLDER = tempfile.TemporaryDirectory(prefix="fuzz-")
PARSERS = parsers(Path(FOLDER.name))
EXAMPLES = int(os.environ.get("FUZZ_PARSERS", "40"))
NUMBERS = (b"\0", b"\xff", b"\x7f\xff\xff\xff", b"\xff" * 8, b"\xff\xff\xff\xff\0\0\0\0", b"9" * 400, b"-1")
PIECES = (
    b'"',
    b"{",
    b"[" * 3000,
    b"[]",
    b"null",
    b"\xed\xa0\x80",
    b"\n",
    b"--",
    b"1e999",
    b"NaN",
    b":",
    b"../",
)
Edit = tuple[int, str, bytes]


def changed(sample: bytes, edits: list[Edit]) -> bytes:
    """Return a sample with some bytes written over, put in, taken out or doubled."""
    data = bytearray(sample)
    for place, how, piece in edits:
        at = place % (len(data) + 1)
        match how:
            case "over":
                data[at : at + len(piece)] = piece
            case "in":
                data[at:at] = piece
            case "out":
                del data[at : at + 4 * len(piece)]
            case "double":
                data[at:at] = data[at : at + 16 * len(piece)]
            case "end":
                del data[at:]
    return bytes(data)


def inputs(parser: Parser) -> st.SearchStrategy[bytes]:
    """Return any bytes, most of them near a whole sample."""
    pieces = st.sampled_from((*NUMBERS, *PIECES)) | st.binary(min_size=1, max_size=8)
    edit = st.tuples(st.integers(0, 1 << 16), st.sampled_from(("over", "in", "out", "double", "end")), pieces)
    near = st.builds(changed, st.sampled_from(parser.samples), st.lists(edit, max_size=5))
    return near | near | near | st.binary(max_size=200)


def taken(parser: Parser, data: bytes) -> None:
    """Have a parser take bytes or refuse them."""
    try:
        parser.run(data)
    except parser.refusals:
        return


@pytest.mark.parametrize("name", PARSERS)
@pytest.mark.timeout(7200)
@pytest.mark.filterwarnings("ignore")
def test_any_bytes_are_taken_or_refused_by_name(name: str) -> None:
    parser = PARSERS[name]
    check = settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
    of_it: Callable[[bytes], None] = lambda data: taken(parser, data)  # noqa: E731
    check(given(inputs(parser))(of_it))()


@pytest.mark.parametrize("name", PARSERS)
@pytest.mark.filterwarnings("ignore")
def test_each_parser_takes_a_whole_sample(name: str) -> None:
    parser, refused = PARSERS[name], 0
    for sample in parser.samples:
        try:
            parser.run(sample)
        except parser.refusals:
            refused += 1
    assert refused < len(parser.samples)
