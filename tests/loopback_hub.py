"""A hub on loopback: repositories with files, the answers of the real one, and what goes wrong on the way."""

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

COMMIT = "c" * 40
STORE = "/store/"
"""Where the hub redirects to for a file's bytes."""


class LoopbackHub(ThreadingHTTPServer):
    """Serves `files`, by repository and name. What goes wrong is set by the other attributes."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files: dict[tuple[str, str], bytes] = {}
        self.sent: dict[str, bytes] = {}
        """Bytes by file name that are sent in place of those the checksums are of."""
        self.breaks_after: float | None = None
        """The share of a file after which the connection ends."""
        self.ignores_range = False
        self.silent_after: float | None = None
        """The share of a file after which nothing more comes, as long as `silence` isn't set."""
        self.silence = threading.Event()
        self.reached = threading.Event()
        """Set where nothing more comes."""
        self.refuses: tuple[int, str] | None = None
        """A status and the hub's code for it, for every question."""
        self.ranges: list[str] = []
        """The ranges that were asked for."""

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def add(self, repository: str, **files: bytes) -> None:
        """Add files; a name's `__` is a slash and `_dot_` a dot."""
        for name, content in files.items():
            self.files[repository, name.replace("__", "/").replace("_dot_", ".")] = content

    def point(self, monkeypatch: pytest.MonkeyPatch, cache: Path) -> None:
        """Have the hub's client in this process ask here, and keep files in `cache`."""
        point(monkeypatch, cache, self.address)


def point(monkeypatch: pytest.MonkeyPatch, cache: Path, address: str) -> None:
    """Have the hub's client in this process ask a server, and keep files in `cache`."""
    constants = "huggingface_hub.constants"
    monkeypatch.setattr(f"{constants}.ENDPOINT", address)
    template = address + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(f"{constants}.HUGGINGFACE_CO_URL_TEMPLATE", template)
    monkeypatch.setattr(f"{constants}.HF_HUB_CACHE", str(cache / "hub"))
    monkeypatch.setattr(f"{constants}.HF_HUB_OFFLINE", False)


@contextmanager
def serving() -> Iterator[LoopbackHub]:
    """Yield a hub that answers."""
    with LoopbackHub() as hub:
        thread = threading.Thread(target=hub.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield hub
        finally:
            hub.silence.set()
            hub.shutdown()
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: LoopbackHub

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def _answer(self) -> None:
        hub, path = self.server, unquote(urlsplit(self.path).path)
        if hub.refuses:
            status, code = hub.refuses
            return self._send(status, b"{}", {"X-Error-Code": code})
        if path.startswith(STORE):
            return self._content(path.removeprefix(STORE))
        if path.startswith("/api/models/"):
            return self._listing(path.removeprefix("/api/models/"))
        repository, _, rest = path[1:].partition("/resolve/")
        content = hub.files.get((repository, name := rest.partition("/")[2]))
        if content is None:
            return self._send(404, b"", {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": COMMIT})
        headers = {
            # Another host than the hub's, as the real one's store.
            "Location": f"http://localhost:{hub.server_port}{STORE}{repository}/{name}",
            "X-Repo-Commit": COMMIT,
            "X-Linked-Etag": f'"{hashlib.sha256(content).hexdigest()}"',
            "X-Linked-Size": str(len(content)),
        }
        return self._send(302, b"", headers)

    def _listing(self, path: str) -> None:
        repository = "/".join(path.split("/")[:2])
        names = {name: content for (owner, name), content in self.server.files.items() if owner == repository}
        if "/tree/" in path:
            entries = [
                {"type": "file", "path": name, "size": len(content), "oid": "0" * 40}
                for name, content in names.items()
            ]
            return self._send(200, json.dumps(entries).encode())
        siblings = [{"rfilename": name, "size": len(content)} for name, content in names.items()]
        listed = {"id": repository, "sha": COMMIT, "siblings": siblings}
        return self._send(200, json.dumps(listed).encode())

    def _content(self, path: str) -> None:
        hub = self.server
        owner, repository, name = path.split("/", 2)
        content = hub.sent.get(name, hub.files[f"{owner}/{repository}", name])
        asked, start = self.headers.get("Range", ""), 0
        if asked:
            hub.ranges.append(asked)
            start = 0 if hub.ignores_range else int(asked.removeprefix("bytes=").partition("-")[0])
        status = 206 if asked and not hub.ignores_range else 200
        rest = content[start:]
        for share in (hub.breaks_after, hub.silent_after):
            if share is not None:
                rest = rest[: max(0, int(len(content) * share) - start)]
        self.send_response(status)
        self.send_header("Content-Length", str(len(content) - start))
        if status == 206:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(rest)
            self.wfile.flush()
        if hub.silent_after is not None:
            hub.reached.set()
            hub.silence.wait()
        self.close_connection = len(rest) < len(content) - start

    def _send(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in ({"Content-Length": str(len(body))} | (headers or {})).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass
