"""What leaves the engine upscaled is a picture, whatever the weights are."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from engine.pictures import codec, metadata
from engine.pictures.metadata import Parameters
from engine.pipeline import Redraw
from engine.sampling.flow import Schedule
from engine.types import EngineError, Picture, Upscale
from engine.upscale import UpscalePlan, upscale
from engine.upscale.detail import refine
from engine.upscale.external import find
from engine.upscale.network import SRVGGNetCompact, built_in
from engine.upscale.redraw import Redrawing

SOURCE = Image.linear_gradient("L").resize((90, 70)).convert("RGB")


def weights(folder: Path, value: float) -> Path:
    """Weights that make `value` of everything."""
    state = {name: tensor.contiguous() for name, tensor in built_in().state_dict().items()}
    last = max((name for name in state if name.endswith(".bias")), key=lambda name: int(name.split(".")[1]))
    state[last] = torch.full_like(state[last], value)
    save_file(state, folder / "spoilt.safetensors")
    return folder


def file(image: Image.Image = SOURCE) -> bytes:
    parameters = Parameters("a red boat", width=image.width, height=image.height, seed=3, model="embedded")
    return metadata.write(codec.png(image), parameters)


def upscaled(folder: Path | None, method: str = "sr", image: Image.Image = SOURCE) -> Picture:
    *_, last = upscale(Upscale(file(image), 2, method), UpscalePlan(tile=64, models=folder))  # type: ignore[arg-type]
    assert isinstance(last, Picture)
    return last


@pytest.mark.parametrize("method", ["sr", "auto"])
@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf"), -100.0, 100.0])
def test_weights_that_spoil_a_picture_leave_it_to_lanczos_and_the_report_says_so(
    tmp_path: Path, value: float, method: str
) -> None:
    found = upscaled(weights(tmp_path, value), method)
    assert found.png == upscaled(None, "lanczos").png
    assert (found.report["method"], found.report["model"]) == ("lanczos", "lanczos")
    [guard] = found.report["guards"]
    assert "the weights spoilt" in guard
    assert guard.endswith("; upscaled with Lanczos")
    parameters = metadata.read(found.png)
    assert parameters is not None
    assert parameters.upscaler == "lanczos"


def test_one_tile_without_numbers_is_enough(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    forward, calls = SRVGGNetCompact.forward, iter(range(1000))

    def once(network: SRVGGNetCompact, given: torch.Tensor) -> torch.Tensor:
        result = forward(network, given)
        return result * float("nan") if next(calls) == 5 else result

    weights(tmp_path, 0.0)
    monkeypatch.setattr(SRVGGNetCompact, "forward", once)
    assert upscaled(tmp_path).report["model"] == "lanczos"


def test_a_black_picture_may_stay_black() -> None:
    assert upscaled(None, image=Image.new("RGB", (40, 30))).report["model"] == "sr"


def test_a_redraw_goes_on_from_lanczos(tmp_path: Path) -> None:
    plan = UpscalePlan(models=weights(tmp_path, float("nan")), redraw=Redrawing(512, Schedule(shift=3.0)))
    *_, last = upscale(Upscale(file(), 2, "redraw"), plan)
    assert isinstance(last, Redraw)
    [piece] = last.pieces
    assert piece.init_image is not None
    assert np.asarray(codec.read(piece.init_image)).std() > 10
    found = last.join([Picture(codec.stored(codec.read(piece.init_image)), 192, 144, 3, 0.1)])
    assert found.report["method"] == "redraw"
    assert "upscaled with Lanczos" in found.report["guards"][0]


def test_a_pass_for_detail_without_numbers_is_refused_and_the_picture_stays(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="no numbers") as caught:
        refine(np.asarray(SOURCE), 1.0, UpscalePlan(models=weights(tmp_path, float("nan"))))
    assert caught.value.code == "numerics"


def test_weights_that_were_replaced_are_read_anew(tmp_path: Path) -> None:
    assert upscaled(weights(tmp_path, float("nan"))).report["model"] == "lanczos"
    assert upscaled(weights(tmp_path, 0.0)).report["model"] == "spoilt"


def test_files_that_macos_leaves_are_no_weights(tmp_path: Path) -> None:
    (tmp_path / "._x2.safetensors").write_bytes(b"macOS")
    (tmp_path / ".DS_Store").touch()
    (tmp_path / "folder.pth").mkdir()
    assert find(tmp_path) == {}


@pytest.mark.parametrize("content", [[1, 2], {"body.0.weight": torch.ones(8, 3, 3, 3)}, torch.ones(3)])
def test_a_file_that_holds_no_weights_is_named(tmp_path: Path, content: object) -> None:
    torch.save(content, tmp_path / "odd.pth")
    with pytest.raises(EngineError, match=f"{tmp_path / 'odd.pth'} cannot be read") as caught:
        upscaled(tmp_path)
    assert caught.value.code == "model_missing"
