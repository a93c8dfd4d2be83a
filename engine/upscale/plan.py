"""Where and with what upscaling is done: device, tile, other people's weights, redrawing.

A network is kept once it is loaded.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import torch

from engine import guards
from engine.files.upscalers import Kind, Preset
from engine.files.upscalers import named as named_presets
from engine.memory import allocator
from engine.memory.plan import KEPT_FREE
from engine.upscale import external
from engine.upscale.network import SRVGGNetCompact, built_in
from engine.upscale.redraw import Redrawing
from engine.upscale.tiling import Network, measured

BUILT_IN_NAME = "sr"
CPU = torch.device("cpu")
SHARE = 0.5
"""Of what is free, how much a tile may take: pictures are drawn meanwhile."""


@dataclass(frozen=True)
class UpscalePlan:
    """`tile` is the side in pixels of what goes through the network at once where memory allows it.

    `read` returns what is free on the device; a smaller tile is chosen by it before each picture.
    `models` is a folder with other weights of the ESRGAN family, or `presets` name public ones;
    `redraw` is how the loaded model draws over a picture, None where it cannot; `detail` is the share in
    [0, 1] of the pass for detail that is blended into new pictures.
    """

    device: torch.device = CPU
    tile: int = 512
    models: Path | None = None
    presets: tuple[Preset, ...] = ()
    redraw: Redrawing | None = None
    detail: float = 0.0
    read: Callable[[torch.device], allocator.Reading] = allocator.read

    @classmethod
    def of(cls, device: torch.device, upscalers: str, detail: float = 0.0) -> "UpscalePlan":
        """Return the plan for a device and the setting: presets or a folder, empty for neither."""
        named = named_presets(upscalers)
        folder = Path(upscalers).expanduser() if upscalers and not named else None
        return cls(device, models=folder, presets=named, detail=detail)

    def weights(self) -> Mapping[Kind, Path | Preset]:
        """Return the weights there are besides the built-in ones, by the kind of picture they are for.

        Raises `EngineError("model_missing")` for a folder that is not there.
        """
        if self.models is not None:
            return external.find(self.models)
        found: dict[Kind, Path | Preset] = {}
        for preset in self.presets:
            found.setdefault(preset.kind, preset)
        return found

    def network(self, kind: Kind = "photograph") -> Network:
        """Return the network for a kind of picture, of another kind where there is none for it.

        Raises `EngineError`: `model_missing` for an unusable one, `out_of_memory` for one that does not fit,
        `NotFetched` for a preset that cannot be downloaded now.
        """
        weights = self.weights()
        found = weights.get(kind) or next(iter(weights.values()), None)
        path = found.fetch() if isinstance(found, Preset) else found
        with guards.oom_as("the network that upscales does not fit in memory; try later"):
            stat = path.stat() if path is not None else None
            return _network(self.device, path, stat and (stat.st_mtime_ns, stat.st_size, stat.st_ino))

    def built_in(self) -> Network:
        """Return the network that comes with the program, for drawings."""
        return _network(self.device, None, None)

    def side(self, network: Network) -> int:
        """Return the side of the tiles that fit in a share of what is free now."""
        now = self.read(self.device)
        return network.fitting(self.tile, int(SHARE * max(0, now.free + now.idle - KEPT_FREE)))


@lru_cache(maxsize=3)
def _network(device: torch.device, path: Path | None, stamp: tuple[int, int, int] | None) -> Network:
    """Return the network of a file; `stamp` changes when the file is replaced."""
    if path is not None:
        return external.load(path, device)
    return compact(BUILT_IN_NAME, built_in(), device)


def compact(name: str, module: SRVGGNetCompact, device: torch.device) -> Network:
    """Put a compact network on a device: in half precision on CUDA, where its numbers stay near 1."""
    dtype = torch.float16 if device.type == "cuda" else torch.float32
    network = Network(name, module.to(device, dtype), module.scale, module.reach, device, dtype)
    return measured(network, module)
