"""The files that a page loads, read once: the scripts joined into one, so that a page takes few requests.

Knows how the page's modules are written, one `import { … } from "./file.js";` a line; knows no request's job.
"""

import hashlib
import re
from functools import cache
from pathlib import Path

from aiohttp import ETag, web

FOLDER = Path(__file__).parent / "page"
ENTRY = "app.js"
ALONE = ("theme.js", "style.css", "icon.svg")
"""What stands for itself: the theme is set before anything is shown, and is no module."""
KINDS = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
_IMPORT = re.compile(r'^import (\{[^}]*\}) from "\./(\w+)\.js";\n', re.MULTILINE)
_ASIDE = re.compile(r"^ *(?://.*|/\*\*.*\*/)\n|^ +", re.MULTILINE)
"""Indents, and comments on lines of their own: a fifth of what travels. No text goes over several lines."""
_EXPORT = re.compile(r"^export (?=(?:async )?(?:class|const|function) (\w+))", re.MULTILINE)


class Assets:
    """Answers `GET /page/{file}`."""

    def __init__(self) -> None:
        self._files = {name: (FOLDER / name).read_bytes() for name in ALONE} | {ENTRY: script().encode()}
        self._tags = {name: hashlib.sha256(data).hexdigest()[:16] for name, data in self._files.items()}

    async def file(self, request: web.Request) -> web.StreamResponse:
        """Return one file, or 304 where the browser has it as it is."""
        name = request.match_info["file"]
        if name not in self._files:
            raise web.HTTPNotFound
        tag = ETag(self._tags[name], is_weak=True)
        if any(known.value == tag.value for known in request.if_none_match or ()):
            answer = web.Response(status=304)
        else:
            kind = KINDS[Path(name).suffix]
            answer = web.Response(body=self._files[name], content_type=kind, charset="utf-8")
        answer.etag = tag
        return answer


@cache
def script() -> str:
    """Return the page's modules as one, each in a function of its own, after those that it imports."""
    parts: dict[str, str] = {}

    def add(name: str) -> None:
        if name in parts:
            return
        parts[name] = ""
        text = (FOLDER / f"{name}.js").read_text("utf-8")
        for _, other in _IMPORT.findall(text):
            add(other)
        exports = ", ".join(_EXPORT.findall(text))
        body = _EXPORT.sub("", _IMPORT.sub(r"const \1 = $\2;\n", text))
        del parts[name]
        parts[name] = f"const ${name} = (() => {{\n{body}return {{ {exports} }};\n}})();\n"

    add(ENTRY.removesuffix(".js"))
    return _ASIDE.sub("", "".join(parts.values()))
