"""Messages as a page that looks like Telegram. Knows their JSON and Telegram's colours, and no bot."""

import base64
import html
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.adapters.telegram.chats import Json

CSS = Path(__file__).with_name("gallery.css")
WORDS = {"en": {"ok": "OK", "file": "PNG file"}, "zh": {"ok": "确定", "file": "PNG 文件"}}


@dataclass(frozen=True)
class Shot:
    """How a message of the bot looked at one moment; `asked` is what the person wrote, `alert` a pop-up."""

    title: str
    message: Json | None
    picture: bytes = b""
    asked: str = ""
    alert: str = ""


def page(shots: Sequence[Shot], language: str) -> str:
    """Return all shots as one page."""
    sections = "".join(
        f"<section><h2>{html.escape(shot.title)}</h2>{_shot(shot, language)}</section>" for shot in shots
    )
    head = f'<meta charset="utf-8"><style>{CSS.read_text("utf-8")}</style>'
    return f'<!doctype html><html lang="{language}">{head}{sections}</html>'


def text(shots: Sequence[Shot]) -> str:
    """Return the words of all shots."""
    return "\n".join(f"## {shot.title}\n{_text(shot)}\n" for shot in shots)


def _text(shot: Shot) -> str:
    lines = [f"> {shot.asked}"] if shot.asked else []
    if shot.message:
        lines += [shot.message.get("text") or shot.message.get("caption", "")]
        lines += ["  ".join(f"({button['text']})" for button in row) for row in _rows(shot.message)]
    return "\n".join([*lines, shot.alert]).strip()


def _shot(shot: Shot, language: str) -> str:
    asked = f'<div class="out">{html.escape(shot.asked)}</div>' if shot.asked else ""
    alert = ""
    if shot.alert:
        words = html.escape(shot.alert).replace("\n", "<br>")
        alert = f'<div class="alert"><p>{words}</p><b>{WORDS[language]["ok"]}</b></div>'
    return asked + (_message(shot, language) if shot.message else "") + alert


def _message(shot: Shot, language: str) -> str:
    message = shot.message or {}
    body = ""
    if shot.picture and "photo" in message:
        data = base64.b64encode(shot.picture).decode()
        cover = ' class="cover"' if message.get("has_media_spoiler") else ""
        body += f'<div class="photo"><img{cover} src="data:image/png;base64,{data}"></div>'
    if "document" in message:
        body += f'<div class="file"><i>▼</i><span>{WORDS[language]["file"]}</span></div>'
    if words := message.get("html", ""):
        body += f'<div class="words">{words}</div>'
    rows = "".join(
        '<div class="row">' + "".join(_button(button) for button in row) + "</div>" for row in _rows(message)
    )
    return f'<div class="in"><div class="bubble">{body}</div>{rows}</div>'


def _button(button: Json) -> str:
    mark = "↗" if "url" in button else "❏" if "copy_text" in button else ""
    return f"<span>{html.escape(button['text'])}<sup>{mark}</sup></span>"


def _rows(message: Json) -> list[list[Json]]:
    found: list[list[Json]] = message.get("reply_markup", {}).get("inline_keyboard", [])
    return found
