"""Where a model is looked for, and what is said where it isn't: a real server stands in the hub's place."""

import errno
import hashlib
import json
import socket
import threading
from collections.abc import Callable, Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from engine.files import hub
from engine.files.parts import ModelFiles
from engine.models import classifier
from engine.models.diffusers.load import fetch
from engine.models.profiles import locate
from engine.models.registry import kind
from engine.models.zimage.load import find as find_zimage
from engine.types import EngineError, EngineSettings
from tests.loopback_hub import point


def find(name: str) -> ModelFiles:
    return find_zimage(EngineSettings(model=name))


Answer = tuple[int, str, bytes, dict[str, str]]
HTML = "text/html; charset=utf-8"
JSON = "application/json"


class Server(ThreadingHTTPServer):
    """Answers everything alike."""

    answer: Answer


class Handler(BaseHTTPRequestHandler):
    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        assert isinstance(self.server, Server)
        self._answer()
        self.wfile.write(self.server.answer[2])

    def _answer(self) -> None:
        assert isinstance(self.server, Server)
        status, kind, body, headers = self.server.answer
        self.send_response(status)
        for name, value in ({"Content-Type": kind, "Content-Length": str(len(body))} | headers).items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    with Server(("127.0.0.1", 0), Handler) as server:
        point(monkeypatch, tmp_path, f"http://127.0.0.1:{server.server_port}")
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def refused(ask: Callable[[str], object] = find, name: str = "some/model") -> str:
    with pytest.raises(EngineError) as caught:
        ask(name)
    assert caught.value.code == "model_missing"
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("ask", [find, fetch, kind, classifier.load])
@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ((200, HTML, b"<html>Sign in to the network</html>", {}), "is no hub's; check HF_ENDPOINT, a proxy"),
        ((200, JSON, b"[]", {}), "is no hub's"),
        ((200, JSON, b"{}", {}), "is no hub's"),
        ((200, JSON, b'"words"', {}), "is no hub's"),
        ((200, JSON, b'{"id": 3, "sha": [], "siblings": 7}', {}), "is no hub's"),
        ((200, JSON, b'{"id":', {"Content-Length": "999"}), "cannot be reached or breaks off"),
        ((500, HTML, b"<html>oh</html>", {}), "answered 500; try again later"),
        ((404, JSON, b"{}", {"X-Error-Code": "RepoNotFound"}), "is neither a directory nor on the hub"),
        ((401, JSON, b"{}", {"X-Error-Code": "RepoNotFound"}), "private ones need HF_TOKEN"),
        ((403, JSON, b"{}", {"X-Error-Code": "GatedRepo"}), "is gated: accept its terms"),
        ((429, JSON, b"{}", {}), "answered 429; try again later"),
    ],
)
def test_a_hub_that_answers_otherwise_is_one_line(
    server: Server, ask: Callable[[str], object], answer: Answer, reason: str
) -> None:
    server.answer = answer
    message = refused(ask)
    assert "'some/model'" in message
    assert reason in message


def test_the_size_of_a_model_is_that_of_the_files_that_are_downloaded(server: Server) -> None:
    sizes = {
        "model_index.json": 500,
        "transformer/diffusion_pytorch_model-00001-of-00003.safetensors": 12_000_000_000,
        "text_encoder/model.safetensors.index.json": 30,
        "tokenizer/merges.txt": 4,
        "transformer/diffusion_pytorch_model.bin": 10**12,
        "transformer/diffusion_pytorch_model.fp16.safetensors": 10**12,
        "assets/showcase.jpg": 10**12,
    }
    listed = [{"rfilename": name, "size": size} for name, size in sizes.items()]
    server.answer = 200, JSON, json.dumps({"id": "some/model", "siblings": listed}).encode(), {}
    assert hub.download_size("some/model") == 12_000_000_534


@pytest.mark.parametrize(
    "answer",
    [
        (200, HTML, b"<html>Sign in to the network</html>", {}),
        (200, JSON, b"[]", {}),
        (200, JSON, b'{"id": 3, "siblings": 7}', {}),
        (200, JSON, b'{"id": "some/model", "siblings": []}', {}),
        (200, JSON, b'{"id": "some/model", "siblings": [{"rfilename": "model_index.json"}]}', {}),
        (200, JSON, b'{"id":', {"Content-Length": "999"}),
        (404, JSON, b"{}", {"X-Error-Code": "RepoNotFound"}),
        (500, HTML, b"<html>oh</html>", {}),
    ],
)
def test_a_hub_that_does_not_tell_the_size_makes_it_unknown(server: Server, answer: Answer) -> None:
    server.answer = answer
    assert hub.download_size("some/model") is None
    assert hub.download_size("no such/model/here") is None


@pytest.mark.parametrize("ask", [find, fetch, kind, classifier.load])
def test_a_hub_that_nobody_serves_is_one_line(
    ask: Callable[[str], object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        endpoint = f"http://127.0.0.1:{unused.getsockname()[1]}"
    point(monkeypatch, tmp_path, endpoint)
    assert f"{endpoint} cannot be reached or breaks off; check the network" in refused(ask)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "the disk is full; free some space at"),
        (OSError(errno.EDQUOT, "Disk quota exceeded"), "the disk is full; free some space at"),
        (RuntimeError("IO error: No space left on device (os error 28)"), "the disk is full"),
        (PermissionError(errno.EACCES, "Permission denied"), "cannot be written; change its permissions"),
    ],
)
def test_a_disk_that_takes_nothing_is_told_as_that(
    error: Exception, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*given: object, **named: object) -> None:
        raise error

    monkeypatch.setattr("huggingface_hub.snapshot_download", full)
    assert reason in refused()


def test_a_model_that_was_downloaded_in_part_is_found_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    point(monkeypatch, tmp_path, "http://127.0.0.1:9")
    store = tmp_path / "hub" / "models--some--model"
    snapshot = store / "snapshots" / ("0" * 40)
    snapshot.mkdir(parents=True)
    (store / "refs").mkdir()
    (store / "refs" / "main").write_text("0" * 40)
    (snapshot / "model_index.json").write_text(json.dumps({"_class_name": "FluxPipeline"}))
    assert locate("some/model") == snapshot
    assert kind("some/model") == "FluxPipeline"


@pytest.mark.parametrize(
    ("name", "kind_of_file"),
    [
        ("z_image-Q4_K_M.gguf", " (GGUF)"),
        ("z_image.safetensors", " (one checkpoint)"),
        ("model.CKPT", " (a pickled checkpoint)"),
        ("model_index.json", ""),
    ],
)
def test_a_file_in_place_of_a_model_is_told_as_a_file(tmp_path: Path, name: str, kind_of_file: str) -> None:
    (tmp_path / name).write_bytes(b"GGUF")
    message = refused(fetch, str(tmp_path / name))
    assert message.startswith(
        f"{tmp_path / name} is a file{kind_of_file}; give the folder of a model in diffusers layout"
    )
    assert locate(str(tmp_path / name)) is None


def test_a_folder_with_a_single_file_of_another_program_is_told_as_that(tmp_path: Path) -> None:
    (tmp_path / "z_image_turbo_bf16.safetensors").touch()
    (tmp_path / "._z_image_turbo_bf16.safetensors").touch()
    message = refused(name=str(tmp_path))
    assert "holds z_image_turbo_bf16.safetensors, a single file of another program" in message
    assert "._" not in message


@pytest.mark.parametrize("content", ["[]", "<html>", "3", ""])
def test_a_model_index_that_is_none_is_named(tmp_path: Path, content: str) -> None:
    (tmp_path / "model_index.json").write_text(content)
    assert str(tmp_path / "model_index.json") in refused(kind, str(tmp_path))


def test_a_name_that_cannot_be_looked_at_is_named(tmp_path: Path) -> None:
    assert "cannot be reached" in refused(hub.folder, str(tmp_path / ("x" * 300)))


@pytest.mark.parametrize("pinned", [True, False], ids=["our checksum", "the hub's"])
def test_a_file_is_downloaded_once_and_compared_with_its_checksum(server: Server, pinned: bool) -> None:
    body = b"GGUF and more"
    true = hashlib.sha256(body).hexdigest()
    fetched = partial(hub.download_file, "some/model", "a.gguf", true if pinned else "")
    server.answer = (
        200,
        "binary/octet-stream",
        b"other bytes!!",
        {"ETag": f'"{true}"', "X-Repo-Commit": "c" * 40},
    )
    assert "came with other bytes" in refused(lambda name: fetched())
    server.answer = (200, "binary/octet-stream", body, server.answer[3])
    path = fetched()
    assert path.read_bytes() == body
    server.answer = (500, HTML, b"", {})
    assert hub.cached("some/model", "a.gguf") == path.parent
