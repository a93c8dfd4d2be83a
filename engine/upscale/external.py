"""Other people's super-resolution weights: files of the ESRGAN family in a folder.

`spandrel` is an extra and imported only when a file needs it: compact and RRDB networks are read without it.
"""

import re
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from engine.files import shards
from engine.files.upscalers import PAIR, PRESETS, Kind
from engine.types import EngineError
from engine.upscale import network, rrdb
from engine.upscale.tiling import Network, measured

SUFFIXES = (".safetensors", ".pth")
WRAPPED = ("params_ema", "params")
"""Under which keys training code keeps the state dict."""
REACH = 24
"""Halo in pixels for networks of unknown reach; what lies beyond fades out in the overlap."""
INSTALL = (
    "install it with `pip install 'zimage-bot[spandrel]'`, and with it the torchvision built for this torch: "
    "the same index, CPU with CPU, CUDA with CUDA"
)


_DRAWN = re.compile("anime|manga|cartoon|comic|illustration|drawing|digital.?art", re.IGNORECASE)


def find(folder: Path) -> dict[Kind, Path]:
    """Return the first weights file of a folder, by name, for each kind of picture; a name tells the kind.

    Raises `EngineError("model_missing")` for no folder.
    """
    if not folder.is_dir():
        raise EngineError(
            "model_missing",
            f"the folder {folder} is not there; create it, unset the setting, or give presets: "
            f"{PAIR}, {', '.join(PRESETS)}",
        )
    found: dict[Kind, Path] = {}
    for path in sorted(folder.iterdir()):
        if path.suffix in SUFFIXES and not path.name.startswith(".") and path.is_file():
            found.setdefault("drawing" if _DRAWN.search(path.stem) else "photograph", path)
    return found


def load(path: Path, device: torch.device) -> Network:
    """Read a weights file; raises `EngineError("model_missing")` that names what to do."""
    state = _state(path)
    ours = network if network.is_compact(state) else rrdb if rrdb.is_rrdb(state) else None
    if ours is not None:
        try:
            module = ours.from_state(state)
        except shards.UNREADABLE as error:
            raise _unusable(path, error) from error
        reach = getattr(module, "reach", REACH)
        return _network(path.stem, module, module, module.scale, reach, device, half=True)
    descriptor = _described(path, state)
    # The descriptor itself is what is called: it pads to the sizes its model needs.
    half = descriptor.supports_half
    return _network(path.stem, descriptor, descriptor.model, descriptor.scale, REACH, device, half)


def _network(
    name: str, module: Any, layers: nn.Module, scale: int, reach: int, device: torch.device, half: bool
) -> Network:
    if scale < 2:
        raise EngineError("model_missing", f"{name} does not upscale; choose weights for ×2 to ×4")
    dtype = torch.float16 if half and device.type == "cuda" else torch.float32
    module = module.to(device, dtype).eval()
    return measured(Network(name, module, scale, reach, device, dtype), layers)


def _state(path: Path) -> dict[str, Tensor]:
    """Return the tensors of a file; pickles are read as tensors only, never run."""
    try:
        if path.suffix == ".safetensors":
            return dict(load_file(path))
        stored = dict(torch.load(path, map_location="cpu", weights_only=True))
        return dict(next((stored[key] for key in WRAPPED if key in stored), stored))
    except (EOFError, UnpicklingError, *shards.UNREADABLE) as error:
        raise _unusable(path, error) from error


def _unusable(path: Path, error: Exception) -> EngineError:
    return EngineError(
        "model_missing", f"{path} cannot be read ({shards.reason(error)}); fetch the file again"
    )


def _described(path: Path, state: dict[str, Tensor]) -> Any:
    try:
        from spandrel import ImageModelDescriptor, ModelLoader, UnsupportedModelError
    except (ImportError, RuntimeError) as error:
        # RuntimeError: torchvision of another build than torch's lacks its own operators.
        raise EngineError("model_missing", f"{path.name} needs spandrel; {INSTALL}") from error
    try:
        descriptor = ModelLoader().load_from_state_dict(state)
    except (UnsupportedModelError, RuntimeError) as error:
        raise EngineError("model_missing", f"{path.name} is no model that spandrel knows") from error
    colours = (descriptor.input_channels, descriptor.output_channels)
    if not isinstance(descriptor, ImageModelDescriptor) or colours != (3, 3):
        raise EngineError("model_missing", f"{path.name} does not upscale colour pictures")
    return descriptor
