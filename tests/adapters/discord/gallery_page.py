"""Messages as a page that looks like Discord. Knows the messages' JSON and Discord's colours, and no bot."""

import base64
import html
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

STYLES = {1: "primary", 2: "secondary", 3: "success", 4: "danger"}
WORDS = {
    "en": {"bot": "Painter", "app": "APP", "only": "👁 Only you can see this · <a>Dismiss message</a>",
           "spoiler": "SPOILER", "cancel": "Cancel", "submit": "Submit", "soon": "in {} seconds",
           "long": "in {} minutes"},
    "zh": {"bot": "画师", "app": "应用", "only": "👁 只有您可以看到这条消息 · <a>忽略消息</a>",
           "spoiler": "剧透", "cancel": "取消", "submit": "提交", "soon": "{}秒后", "long": "{}分钟后"},
}  # fmt: skip
CSS = Path(__file__).with_name("gallery.css")


@dataclass(frozen=True)
class Shot:
    """How a message, or an edit window, looked at one moment."""

    title: str
    body: dict[str, Any]
    files: Sequence[bytes]
    private: bool
    window: dict[str, Any] | None = None


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
    if shot.window:
        return "\n".join([shot.window["title"], *_field(shot.window)])
    lines = [str(shot.body.get("content", ""))]
    for embed in shot.body.get("embeds", []):
        lines += [embed.get("description", ""), embed.get("footer", {}).get("text", "")]
    lines += [
        f"[{one['filename']}] {one.get('description') or ''}" for one in shot.body.get("attachments", [])
    ]
    for row in shot.body.get("components", []):
        lines.append("  ".join(f"({_face(item)})" for item in row["components"]))
    return "\n".join(line for line in lines if line)


def _shot(shot: Shot, language: str) -> str:
    say = WORDS[language]
    if shot.window:
        label, about, value = map(html.escape, _field(shot.window))
        return (
            f'<div class="window"><h3>{html.escape(shot.window["title"])}</h3>'
            f'<div class="label">{label}</div>'
            f'<div class="about">{about}</div><div class="field">{value}</div>'
            f'<div class="row"><span class="button secondary">{say["cancel"]}</span>'
            f'<span class="button primary">{say["submit"]}</span></div></div>'
        )
    body = shot.body
    parts = [f'<div class="content">{_marked(body.get("content", ""), language)}</div>']
    parts += [_embed(embed, language) for embed in body.get("embeds", [])]
    parts += [
        _image(one, data, say) for one, data in zip(body.get("attachments", []), shot.files, strict=True)
    ]
    for row in body.get("components", []):
        parts.append(f'<div class="row">{"".join(map(_item, row["components"]))}</div>')
    if shot.private:
        parts.append(f'<div class="only">{say["only"]}</div>')
    return (
        f'<div class="message{" private" if shot.private else ""}"><div class="avatar">🎨</div><div>'
        f'<span class="name">{say["bot"]}</span><span class="app">{say["app"]}</span>'
        f'<span class="time">12:34</span>{"".join(parts)}</div></div>'
    )


def _field(window: dict[str, Any]) -> tuple[str, str, str]:
    label = window["components"][0]
    return label["label"], label.get("description", ""), label["component"].get("value", "")


def _embed(embed: dict[str, Any], language: str) -> str:
    inner = _marked(embed.get("description", ""), language)
    if footer := embed.get("footer"):
        inner += f'<div class="footer">{html.escape(footer["text"])}</div>'
    return f'<div class="embed">{inner}</div>'


def _image(told: dict[str, Any], data: bytes, say: dict[str, str]) -> str:
    kind = "png" if data.startswith(b"\x89PNG") else "jpeg"
    source = f"data:image/{kind};base64,{base64.b64encode(data).decode()}"
    covered = told["filename"].startswith("SPOILER_")
    cover = f"<span>{say['spoiler']}</span>" if covered else ""
    return f'<div><div class="image{" covered" if covered else ""}"><img src="{source}">{cover}</div></div>'


def _face(item: dict[str, Any]) -> str:
    if item["type"] == 3:
        chosen = next(each["label"] for each in item["options"] if each.get("default"))
        return f"{chosen} ▾ of {', '.join(each['label'] for each in item['options'])}"
    return " ".join(filter(None, ((item.get("emoji") or {}).get("name"), item.get("label"))))


def _item(item: dict[str, Any]) -> str:
    if item["type"] == 3:
        chosen = next(each["label"] for each in item["options"] if each.get("default"))
        return f'<div class="select"><span>{html.escape(chosen)}</span><span>⌄</span></div>'
    return f'<span class="button {STYLES[item["style"]]}">{html.escape(_face(item))}</span>'


def _marked(words: str, language: str) -> str:
    """Discord's markdown, as far as the bot writes it."""
    said = html.escape(words, quote=False)
    said = re.sub(r"&lt;@\d+&gt;", '<span class="mention">@Ann</span>', said)
    said = re.sub(r"&lt;t:(\d+):R&gt;", lambda found: _stamp(int(found[1]), language), said)
    said = re.sub(r"`([^`]+)`", r"<code>\1</code>", said)
    said = re.sub(r"\\([^A-Za-z0-9\s])", r"\1", said)
    return re.sub(r"(?m)(?:^&gt; .*\n?)+", _quote, said)


def _quote(found: re.Match[str]) -> str:
    lines = [line.removeprefix("&gt; ") for line in found[0].splitlines()]
    return "<blockquote>" + "\n".join(lines) + "</blockquote>"


def _stamp(moment: int, language: str) -> str:
    seconds = max(1, moment - int(time.time()))
    say = WORDS[language]
    shown = say["soon"].format(seconds) if seconds < 45 else say["long"].format(round(seconds / 60) or 1)
    return f'<span class="stamp">{shown}</span>'
