"""Public weights by name: fetched once with their checksum, chosen by what a picture is."""

import hashlib
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path
from threading import Thread
from typing import ClassVar

import pytest
import torch
from PIL import Image

from engine.files import upscalers as presets
from engine.files.upscalers import PRESETS, Preset
from engine.pictures import codec, metadata
from engine.types import Picture, Upscale
from engine.upscale import UpscalePlan, choose, upscale
from engine.upscale.network import SRVGGNetCompact

CPU = torch.device("cpu")


class Releases(BaseHTTPRequestHandler):
    """Serves `files`; what is not among them is not there."""

    files: ClassVar[dict[str, bytes]] = {}
    asked: ClassVar[list[str]] = []
    is_cut: ClassVar[bool] = False

    def do_GET(self) -> None:
        self.asked.append(self.path)
        body = self.files.get(self.path)
        self.send_response(404 if body is None else 200)
        if body and self.is_cut:
            self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.wfile.write(b"%x\r\n" % (2 * len(body)) + body if body and self.is_cut else body or b"")

    def log_message(self, *_: object) -> None:
        """Print nothing."""


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, bytes]]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Releases)
    thread = Thread(target=server.serve_forever)
    thread.start()
    monkeypatch.setattr(presets, "RELEASES", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setattr("huggingface_hub.constants.HF_HOME", str(tmp_path))
    monkeypatch.setattr(presets, "_failed", {})
    monkeypatch.setattr(Releases, "files", {})
    monkeypatch.setattr(Releases, "asked", [])
    yield Releases.files
    server.shutdown()
    thread.join()
    server.server_close()


def preset(served: dict[str, bytes], name: str = "small", kind: presets.Kind = "drawing") -> Preset:
    """Return a preset whose file is served."""
    stream = BytesIO()
    torch.manual_seed(0)
    torch.save({"params": SRVGGNetCompact(features=8, convs=1, scale=4).state_dict()}, stream)
    served[f"/v1/{name}.pth"] = body = stream.getvalue()
    return Preset(name, f"v1/{name}.pth", len(body), hashlib.sha256(body).hexdigest(), kind)


def upscaled(plan: UpscalePlan, prompt: str) -> Picture:
    picture = codec.png(Image.linear_gradient("L").resize((24, 16)).convert("RGB"))
    *_, last = upscale(Upscale(metadata.write(picture, metadata.Parameters(prompt)), 2), plan)
    assert isinstance(last, Picture)
    return last


def test_a_preset_is_fetched_on_first_use_and_never_again(served: dict[str, bytes]) -> None:
    plan = UpscalePlan(presets=(preset(served),))
    larger = upscaled(plan, "a cartoon fox")
    assert (larger.report["model"], larger.width) == ("small", 48)
    served.clear()
    assert upscaled(plan, "a cartoon cat").report["model"] == "small"
    assert Releases.asked == ["/v1/small.pth"]


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda body: body[:-1], "other bytes came than were published"),
        (lambda body: body + b"more", "other bytes came than were published"),
        (lambda body: bytes(len(body)), "other bytes came than were published"),
        (lambda body: None, "HTTP Error 404"),
    ],
)
def test_what_cannot_be_fetched_is_upscaled_with_lanczos_and_said(
    served: dict[str, bytes], tmp_path: Path, change: object, why: str
) -> None:
    plan = UpscalePlan(presets=(preset(served),))
    body = change(served.pop("/v1/small.pth"))  # type: ignore[operator]
    if body is not None:
        served["/v1/small.pth"] = body
    larger = upscaled(plan, "a cartoon fox")
    assert larger.report["method"] == "lanczos"
    [fault] = larger.report["guards"]
    assert fault.startswith("small could not be downloaded")
    assert why in fault
    assert not list((tmp_path / "upscalers").iterdir())


def test_an_answer_that_breaks_off_is_a_failed_download(
    served: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Releases, "is_cut", True)
    larger = upscaled(UpscalePlan(presets=(preset(served),)), "a cartoon fox")
    assert larger.report["method"] == "lanczos"
    assert "small could not be downloaded" in larger.report["guards"][0]


def test_after_a_failure_nobody_waits_for_the_same_file_until_ten_minutes_have_passed(
    served: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = UpscalePlan(presets=(preset(served),))
    body = served.pop("/v1/small.pth")
    upscaled(plan, "a cartoon fox")
    upscaled(plan, "a cartoon fox")
    assert len(Releases.asked) == 1
    served["/v1/small.pth"] = body
    monkeypatch.setattr(presets, "TRY_AGAIN", 0.0)
    assert upscaled(plan, "a cartoon fox").report["model"] == "small"


def test_photographs_and_drawings_get_the_network_made_for_them(served: dict[str, bytes]) -> None:
    plan = UpscalePlan(presets=(preset(served, "photos", "photograph"), preset(served, "drawings")))
    assert upscaled(plan, "photograph of a fox").report["model"] == "photos"
    assert upscaled(plan, "a fox, anime").report["model"] == "drawings"
    assert upscaled(plan, "a fox in watercolour").report["method"] == "lanczos"


def test_a_folder_tells_by_the_names_of_its_files_what_they_are_for(tmp_path: Path) -> None:
    for name in ("4x-AnimeSharp", "general", "zebra"):
        torch.save(SRVGGNetCompact(features=8, convs=1).state_dict(), tmp_path / f"{name}.pth")
    plan = UpscalePlan(models=tmp_path)
    assert plan.network("drawing").name == "4x-AnimeSharp"
    assert plan.network("photograph").name == "general"


def test_where_there_is_a_network_for_drawings_only_photographs_get_lanczos(served: dict[str, bytes]) -> None:
    plan = UpscalePlan(presets=(preset(served),))
    assert choose("auto", metadata.Parameters("photograph of a fox"), plan) == "lanczos"
    assert choose("sr", metadata.Parameters("photograph of a fox"), plan) == "sr"


def test_the_setting_takes_one_preset_several_or_the_pair() -> None:
    assert UpscalePlan.of(CPU, "RealESRGAN_x2plus").presets == (PRESETS["RealESRGAN_x2plus"],)
    pair = (PRESETS["realesr-general-x4v3"], PRESETS["realesr-animevideov3"])
    assert UpscalePlan.of(CPU, "real-esrgan").presets == pair
    assert UpscalePlan.of(CPU, "realesr-general-x4v3, realesr-animevideov3").presets == pair
    assert UpscalePlan.of(CPU, "").presets == ()
    assert UpscalePlan.of(CPU, "models/real-esrgan").models == Path("models/real-esrgan")


def test_of_two_presets_for_one_kind_the_first_is_used() -> None:
    plan = UpscalePlan.of(CPU, "RealESRGAN_x2plus realesr-general-x4v3")
    assert plan.weights() == {"photograph": PRESETS["RealESRGAN_x2plus"]}
