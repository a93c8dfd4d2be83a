"""What is packed comes out as it was, and nothing else comes out of bytes."""

import pickle
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.cluster.wire import pack, unpack
from engine.runtime.messages import Failed
from engine.types import Generate, Optimize, Picture, Progress, PromptReady, Upscale, Variation

VALUES = [
    Generate("a cat", seed=2**64 - 1, loras=(("style", 0.5),), init_image=b"\x00png"),
    Generate("猫", variation=Variation(1, 0.1, 0.2, Variation(2**64 - 1))),
    Optimize("a cat", 2, False, "text", "fr"),
    Upscale(b"image", 4, "sr"),
    PromptReady("a", "b", "c", ("enhanced:time",)),
    Progress(1, 8, b"preview"),
    Progress(2, 8),
    Picture(b"\x89PNG", 128, 64, 7, 1.5, {"scores": {"nsfw": 0.01}, "plan": [1, 2]}),
    Failed("numerics", "not finite"),
]


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_what_is_packed_comes_out_as_it_was(value: object) -> None:
    assert unpack(pack([value])) == [value]  # type: ignore[list-item]


def test_what_a_newer_machine_says_besides_is_skipped_and_what_an_older_one_leaves_out_is_usual() -> None:
    data = message(b'[["Optimize",{"prompt":"a cat","wording":2,"unheard-of":"fr"},null]]')
    assert unpack(data) == [Optimize("a cat", 2)]


def test_several_values_keep_their_order_and_files() -> None:
    assert unpack(pack(VALUES)) == VALUES


def message(head: bytes, files: bytes = b"") -> bytes:
    return struct.pack(">I", len(head)) + head + files


@pytest.mark.parametrize(
    "data",
    [
        b"",
        pickle.dumps(VALUES),
        message(b"[]", b"more"),
        message(b'[["Generate",{"prompt":7},null]]'),
        message(b'[["Variation",{"seed":7},null]]'),
        message(b'[["os.system","true",null]]'),
        message(b'[["Upscale",{"image":""},9]]', b"short"),
        message(b'[["Upscale",{"image":""},-1]]'),
        message(b'[["Optimize",{"prompt":"a"},0]]'),
        message(
            b'[["Generate",{"prompt":"a","variation":' + b'{"seed":1,"base":' * 5000 + b"1" + b"}" * 5001
        ),
        pack([VALUES[0]])[:-1],
    ],
)
def test_anything_else_is_a_value_error(data: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  (each says something else)
        unpack(data)


def test_a_text_that_is_none_is_refused_before_it_is_sent() -> None:
    with pytest.raises(ValueError, match="surrogates"):
        pack([Optimize("\ud800")])


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    for each in (data, message(data)):
        try:
            unpack(each)
        except ValueError:
            continue
