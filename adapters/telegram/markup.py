"""A reply as Telegram writes it: HTML cut to the limit, and buttons. Texts are cut here and nowhere else.

Knows Telegram's limits; knows no chat and sends nothing.
"""

import html
import re
from collections.abc import Sequence

from telegram import CopyTextButton, InlineKeyboardButton, InlineKeyboardMarkup
from telegram.constants import InlineKeyboardButtonLimit, MessageLimit

from adapters.telegram import menu
from bot.types import Button, Reply

TEXT = int(MessageLimit.MAX_TEXT_LENGTH)
CAPTION = int(MessageLimit.CAPTION_LENGTH)
COPIED = int(InlineKeyboardButtonLimit.MAX_COPY_TEXT)
ALERT = 200
FILE = "file"
FILE_LABEL = "📄 PNG"
NOTE_KEEPS = 200
"""Characters of small print that a long prompt leaves room for."""


def body(reply: Reply, limit: int) -> str:
    """Return text, prompt and small print as HTML of at most `limit` characters once its tags are read."""
    text = cut(reply.text, limit)
    quoted = reply.prefill or reply.prompt
    note = min(_length(reply.note), NOTE_KEEPS) if reply.note else 0
    prompt = cut(quoted, max(0, limit - _length(text) - note - 4))
    note_cut = cut(reply.note, max(0, limit - _length(text) - _length(prompt) - 4))
    parts = [html.escape(text, quote=False)]
    if prompt:
        parts.append(f"<code>{html.escape(prompt, quote=False)}</code>")
    if note_cut:
        parts.append(f"<blockquote>{html.escape(note_cut, quote=False)}</blockquote>")
    return "\n\n".join(parts)


def plain(reply: Reply, limit: int = ALERT) -> str:
    """Return what a pop-up over the chat says."""
    return cut("\n".join(filter(None, (reply.text, reply.prompt))), limit)


def keyboard(reply: Reply) -> InlineKeyboardMarkup | None:
    """Return the reply's settings and buttons; under finished pictures also the one for their files."""
    rows = menu.rows(reply.choices)
    for row in reply.actions:
        buttons = [_button(button) for button in row]
        if rows and not any(button.label for button in row):
            rows[-1] += buttons  # a phone is narrow, but an emoji is, too
        else:
            rows.append(buttons)
    if reply.images and reply.final and reply.job is not None:
        rows.append([InlineKeyboardButton(FILE_LABEL, callback_data=f"{FILE}:{reply.job}")])
    return InlineKeyboardMarkup(rows) if rows else None


def copies(labelled: Sequence[tuple[str, str]]) -> InlineKeyboardMarkup | None:
    """Return a row of buttons that copy a text each; texts that are too long for one are left out."""
    row = [
        InlineKeyboardButton(label, copy_text=CopyTextButton(text))
        for label, text in labelled
        if 0 < _length(text) <= COPIED
    ]
    return InlineKeyboardMarkup([row]) if row else None


def read_file(data: str) -> int | None:
    """Return the job whose originals a button fetches; None for any other button."""
    match = re.fullmatch(rf"{FILE}:([0-9]{{1,18}})", data)
    return int(match[1]) if match else None


def cut(text: str, limit: int) -> str:
    """Return the text, shortened to `limit` UTF-16 units, as Telegram counts, with "…" where it is longer."""
    if _length(text) <= limit:
        return text
    if limit < 2:
        return ""
    kept = text.encode("utf-16-le")[: 2 * (limit - 1)].decode("utf-16-le", "ignore")
    return kept.rstrip() + "…"


def _length(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


def _button(button: Button) -> InlineKeyboardButton:
    words = f"{button.emoji} {button.label}".strip()
    return InlineKeyboardButton(words, callback_data=button.action.pack())
