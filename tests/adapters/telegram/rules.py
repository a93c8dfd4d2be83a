"""What Telegram refuses in a call: limits, bad HTML, impossible buttons and pictures."""

import io
import re
from html.parser import HTMLParser
from typing import Any

from PIL import Image

TAGS = {"b", "strong", "i", "em", "u", "s", "code", "pre", "a", "blockquote", "tg-spoiler"}
TEXT, CAPTION = 4096, 1024
PHOTO_BYTES, DOCUMENT_BYTES = 10_000_000, 50_000_000


class Refusal(Exception):
    """The answer `ok: false`; `parameters` may carry retry_after or migrate_to_chat_id."""

    def __init__(self, code: int, description: str, **parameters: int) -> None:
        super().__init__(description)
        self.code, self.description, self.parameters = code, description, parameters


def bad(description: str) -> Refusal:
    return Refusal(400, f"Bad Request: {description}")


class _Plain(HTMLParser):
    """Reads Telegram's HTML: known tags, closed in order, nothing unescaped."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.words: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        if tag not in TAGS:
            raise bad(f'can\'t parse entities: Unsupported start tag "{tag}"')
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            raise bad(f'can\'t parse entities: Unmatched end tag "{tag}"')

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def plain(text: str, parse_mode: str | None) -> str:
    """Return the text without its tags."""
    if parse_mode is None:
        return text
    assert parse_mode == "HTML", parse_mode
    if re.search(r"<(?![a-z/])", text) or re.search(r"&(?!(lt|gt|amp|quot|#\d+);)", text):
        raise bad("can't parse entities: unescaped character")
    parser = _Plain()
    parser.feed(text)
    parser.close()
    if parser.open:
        raise bad(f"can't parse entities: Can't find end tag \"{parser.open[-1]}\"")
    return "".join(parser.words)


def text_of(said: dict[str, Any], key: str, limit: int) -> str:
    """Return the words of a call's text or caption, as people see them."""
    words = plain(said.get(key, ""), said.get("parse_mode")).strip()
    if key == "text" and not words:
        raise bad("message text is empty")
    if len(words.encode("utf-16-le")) // 2 > limit:
        raise bad("message is too long" if key == "text" else "message caption is too long")
    return words


def check_markup(markup: dict[str, Any] | None) -> None:
    for row in (markup or {}).get("inline_keyboard", ()):
        if not 1 <= len(row) <= 8:
            raise bad("too many buttons in a row")
        for button in row:
            _check_button(button)
    if len((markup or {}).get("input_field_placeholder", "x")) > 64:
        raise bad("input field placeholder is too long")


def _check_button(button: dict[str, Any]) -> None:
    if not button["text"].strip():
        raise bad("text buttons must be non-empty")
    if len({"callback_data", "copy_text", "url"} & set(button)) != 1:
        raise bad("exactly one optional field of a button must be used")
    if "callback_data" in button and not 1 <= len(button["callback_data"].encode()) <= 64:
        raise bad("BUTTON_DATA_INVALID")
    if "copy_text" in button and not 1 <= len(button["copy_text"]["text"]) <= 256:
        raise bad("BUTTON_COPY_TEXT_INVALID")


def check_photo(data: bytes) -> tuple[int, int]:
    """Return a photo's size in pixels."""
    if len(data) > PHOTO_BYTES:
        raise Refusal(413, "Request Entity Too Large")
    try:
        with Image.open(io.BytesIO(data)) as image:
            width, height = image.size
    except OSError:
        raise bad("IMAGE_PROCESS_FAILED") from None
    if width + height > 10_000 or max(width, height) > 20 * min(width, height):
        raise bad("PHOTO_INVALID_DIMENSIONS")
    return width, height


def check_commands(commands: list[dict[str, str]]) -> None:
    if len(commands) > 100:
        raise bad("too many bot commands specified")
    for entry in commands:
        if (
            not re.fullmatch(r"[a-z0-9_]{1,32}", entry["command"])
            or not 1 <= len(entry["description"]) <= 256
        ):
            raise bad("BOT_COMMAND_INVALID")
