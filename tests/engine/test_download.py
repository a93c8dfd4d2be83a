"""Downloads from a hub on loopback: what breaks off goes on, and what is wrong is named in one line."""

import hashlib
import shutil
from collections import namedtuple
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.files import hub
from engine.files.hub import RemoteFile
from engine.types import EngineError
from tests.loopback_hub import LoopbackHub, serving

CONTENT = bytes(range(256)) * 40
SUM = hashlib.sha256(CONTENT).hexdigest()
FILE = RemoteFile("some/model", "deep/weights.gguf", len(CONTENT), SUM)
Usage = namedtuple("Usage", "total used free")


@pytest.fixture
def remote(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LoopbackHub]:
    # The client waits a second before each of its own retries.
    monkeypatch.setattr("huggingface_hub.file_download.time.sleep", lambda seconds: None)
    # It writes whole chunks only.
    monkeypatch.setattr("huggingface_hub.constants.DOWNLOAD_CHUNK_SIZE", 1024)
    with serving() as server:
        server.point(monkeypatch, tmp_path)
        server.add(FILE.repository, deep__weights_dot_gguf=CONTENT)
        yield server


def refused(file: RemoteFile = FILE) -> str:
    with pytest.raises(EngineError) as caught:
        file.fetch()
    message = str(caught.value)
    assert (caught.value.code, "\n" in message) == ("model_missing", False)
    return message


def parts(folder: Path) -> list[int]:
    return [file.stat().st_size for file in folder.rglob(f"*{hub.PART}")]


def test_a_file_is_downloaded_once_and_found_again(remote: LoopbackHub) -> None:
    assert FILE.here() is None
    path = FILE.fetch()
    assert path.read_bytes() == CONTENT
    remote.refuses = (500, "")
    assert FILE.here() == path == FILE.fetch()


def test_without_links_a_file_is_kept_once(
    remote: LoopbackHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.file_download.are_symlinks_supported", lambda folder: False)
    path = FILE.fetch()
    assert path == FILE.here()
    large = [file for file in tmp_path.rglob("*") if file.is_file() and file.stat().st_size > 1000]
    assert large == [path]
    assert FILE.remove() == len(CONTENT)
    assert FILE.here() is None


def test_what_broke_off_at_forty_percent_goes_on_there(remote: LoopbackHub, tmp_path: Path) -> None:
    remote.breaks_after = 0.4
    assert "breaks off; check the network and try again" in refused()
    assert parts(tmp_path) == [len(CONTENT) * 4 // 10]
    remote.breaks_after, remote.ranges = None, []
    assert FILE.fetch().read_bytes() == CONTENT
    assert remote.ranges == [f"bytes={len(CONTENT) * 4 // 10}-"]
    assert parts(tmp_path) == []


def test_a_connection_that_falls_silent_is_taken_up_again(
    remote: LoopbackHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DOWNLOAD_TIMEOUT", 0.2)
    remote.silent_after = 0.5
    assert "cannot be reached or breaks off" in refused()
    remote.silent_after = None
    assert FILE.fetch().read_bytes() == CONTENT


def test_a_server_that_sends_everything_again_is_understood(remote: LoopbackHub) -> None:
    remote.breaks_after = 0.4
    refused()
    remote.breaks_after, remote.ignores_range = None, True
    assert FILE.fetch().read_bytes() == CONTENT


def test_other_bytes_than_published_are_thrown_away(remote: LoopbackHub, tmp_path: Path) -> None:
    remote.sent["deep/weights.gguf"] = CONTENT[::-1]
    assert (
        "some/model/deep/weights.gguf came with other bytes than were published; fetch it again" in refused()
    )
    assert parts(tmp_path) == []
    assert FILE.here() is None
    remote.sent = {}
    assert FILE.fetch().read_bytes() == CONTENT


def test_a_file_without_a_known_checksum_is_compared_with_the_hubs(remote: LoopbackHub) -> None:
    remote.sent["deep/weights.gguf"] = CONTENT[::-1]
    assert "came with other bytes" in refused(FILE._replace(sha256=""))


def test_a_file_that_was_replaced_is_refused_before_it_is_downloaded(
    remote: LoopbackHub, tmp_path: Path
) -> None:
    assert "was replaced by another file since its checksum was noted" in refused(
        FILE._replace(sha256="a" * 64)
    )
    assert list(tmp_path.rglob("blobs")) == []


def test_a_file_that_changed_since_it_broke_off_is_begun_anew(remote: LoopbackHub) -> None:
    remote.breaks_after = 0.4
    refused()
    remote.breaks_after, other = None, CONTENT[::-1]
    remote.add(FILE.repository, deep__weights_dot_gguf=other)
    assert FILE._replace(sha256="").fetch().read_bytes() == other


def test_a_disk_without_room_is_asked_before_anything_is_written(
    remote: LoopbackHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda place: Usage(10, 10, 99))
    message = refused()
    assert "the download takes 0.0 GB and 0.0 GB are free at" in message
    assert str(tmp_path / "hub") in message
    assert parts(tmp_path) == []


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ((404, "RepoNotFound"), "is neither a directory nor on the hub"),
        ((401, "GatedRepo"), "is gated: accept its terms"),
        ((403, "GatedRepo"), "is gated: accept its terms"),
        ((503, ""), "answered 503; try again later"),
    ],
)
def test_what_the_hub_refuses_is_one_line(remote: LoopbackHub, answer: tuple[int, str], reason: str) -> None:
    remote.refuses = answer
    assert reason in refused()


def test_a_file_that_the_repository_lacks_is_named(remote: LoopbackHub) -> None:
    assert "some/model/other.gguf is not on the hub (any more)" in refused(
        RemoteFile("some/model", "other.gguf")
    )


def test_how_far_it_is_is_shown_with_what_was_here_before(remote: LoopbackHub) -> None:
    remote.breaks_after = 0.4
    refused()
    remote.breaks_after = None
    seen: list[tuple[str, float, float]] = []
    FILE.fetch(lambda *each: seen.append(each))
    assert seen[-2:] == [(name, len(CONTENT), len(CONTENT)) for name in ("deep/weights.gguf", "checksum")]
    assert all(total == len(CONTENT) and done > len(CONTENT) * 0.4 for _, done, total in seen)


def test_what_was_downloaded_is_removed_with_what_broke_off(remote: LoopbackHub, tmp_path: Path) -> None:
    FILE.fetch()
    remote.add("some/model", other=CONTENT[::-1])
    remote.breaks_after = 0.4
    refused(RemoteFile("some/model", "other"))
    assert FILE.remove() == len(CONTENT) + len(CONTENT) * 4 // 10
    assert FILE.here() is None
    assert [file for file in tmp_path.rglob("*") if file.is_file() and file.stat().st_size > 1000] == []


def test_a_models_large_files_go_on_where_they_were(
    remote: LoopbackHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub, "LARGE", 1000)
    remote.add("whole/model", model_index_dot_json=b"{}", vae__model_dot_safetensors=CONTENT)
    remote.breaks_after = 0.4
    with pytest.raises(EngineError, match="breaks off"):
        hub.download("whole/model")
    remote.breaks_after, remote.ranges = None, []
    folder = hub.download("whole/model")
    assert (folder / "vae" / "model.safetensors").read_bytes() == CONTENT
    assert (folder / "model_index.json").read_bytes() == b"{}"
    assert remote.ranges == [f"bytes={len(CONTENT) * 4 // 10}-"]
