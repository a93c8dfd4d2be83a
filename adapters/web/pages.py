"""The two HTML pages in the language of who opens them.

Knows templates, words and limits; knows no request.
"""

import html
import json
import re
from string import Template

from aiohttp import web

from adapters.web.assets import FOLDER, script
from bot.locales.texts import Texts
from engine.types import MOST_GUIDANCE, MOST_STEPS

PREFIX = "page-"
BLANKS = {name: f"{{{name}}}" for name in ("job", "when", "limit")}
"""What the page's scripts fill in themselves."""
LIMITS = {"most_steps": str(MOST_STEPS), "most_guidance": f"{MOST_GUIDANCE:g}"}


class Pages:
    """`index`, the chat, and `door`, which asks for a token."""

    def __init__(self, texts: Texts) -> None:
        self._texts = texts
        self._scripted = sorted(set(re.findall(r"\bstrings\.(\w+)", script())))
        self._templates = {path.stem: Template(path.read_text("utf-8")) for path in FOLDER.glob("*.html")}

    def show(self, name: str, locale: str, status: int = 200, **values: str) -> web.Response:
        """Return the page `name` in the language of a BCP 47 tag; `values` fill further blanks."""
        words = {
            key.removeprefix(PREFIX).replace("-", "_"): self._texts.say(locale, key, **BLANKS)
            for key in self._texts.keys(PREFIX)
        }
        # A "<" would end the script that the words stand in.
        scripted = {key: words[key] for key in self._scripted}
        strings = json.dumps(scripted, ensure_ascii=False).replace("<", "\\u003c")
        blanks = {key: html.escape(text) for key, text in (words | values).items()}
        tag = self._texts.say(locale, "language-tag")
        page = self._templates[name].substitute(blanks, **LIMITS, language=tag, strings=strings)
        return web.Response(
            body=page.encode("utf-8", "replace"), content_type="text/html", charset="utf-8", status=status
        )
