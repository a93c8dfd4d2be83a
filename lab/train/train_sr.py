"""Trains the built-in ×2 super-resolution: `python -m lab.train.train_sr`.

Uses scenes of the training side of the split only, drawn at the sizes that the small model's pictures are
upscaled to.
"""

import argparse
from dataclasses import dataclass
from pathlib import Path
from random import Random

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional

from engine.upscale.network import BUILT_IN, SRVGGNetCompact
from lab.render.scene import sample_scene
from lab.render.scenes import render_array
from lab.train import parallel
from lab.train.damage import CLEAN, HEAVY, LIGHT, SOFT, decoded, redrawn
from lab.train.loop import Average, Plan, Stage, set_rate
from lab.train.muon import Muon
from lab.train.train_vae import descend

SIDE = 512
CROP = 80
BATCH = 10
FEATURES, CONVS = 48, 10
DATA_SEED = 60
MIXTURE = (CLEAN, SOFT, SOFT, LIGHT, LIGHT, HEAVY)
DRAWN = 0.5
"""Share of the crops that the small model drew."""
Bytes = NDArray[np.uint8]


@dataclass(frozen=True)
class Material:
    """Sharp scenes (N, h, w, 3) at `SIDE` and at half of it, and these as the small model draws them.

    Every other one of `drawn` went through its autoencoder only, the rest was drawn over.
    """

    large: Bytes
    small: Bytes
    drawn: Bytes


def train_sr(plan: Plan, peak: float = 3e-3) -> None:
    """Crops of sharp scenes from their damaged halves: absolute error of pixels and of their gradients."""
    torch.manual_seed(DATA_SEED)
    material = load_material(plan)
    network = SRVGGNetCompact(FEATURES, CONVS)
    network = network.to(plan.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizers = build_optimizers(network, peak)
    average = Average(network)
    parts = {"model": network, "muon": optimizers[0], "adam": optimizers[1], "average": average}
    stage = Stage("sr", plan, parts)
    rng = Random(DATA_SEED + 1 + 1000 * parallel.rank())

    def step() -> Tensor:
        set_rate(optimizers, stage.rate)
        damaged, sharp = sample_batch(material, rng)
        loss = error(network(damaged.to(plan.device)), sharp.to(plan.device))
        return descend(network, loss, optimizers, average, stage)

    stage.run(step, samples=BATCH)


def export(plan: Plan, path: Path = BUILT_IN) -> None:
    """Write the averaged weights in half precision."""
    network = SRVGGNetCompact(FEATURES, CONVS)
    average = Average(network)
    state = torch.load(plan.out / "sr.pt", map_location="cpu", weights_only=True)
    average.load_state_dict(state["average"])
    average.copy_to(network)
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file({name: tensor.half().contiguous() for name, tensor in network.state_dict().items()}, path)


def load_material(plan: Plan) -> Material:
    """The plan's training scenes, drawn into its folder where they are missing."""
    path, rng = plan.out / f"sr-{SIDE}-{plan.scenes}.npy", Random(DATA_SEED)
    scenes = [sample_scene(rng) for _ in range(plan.scenes)]
    if not path.exists():
        plan.out.mkdir(parents=True, exist_ok=True)
        np.save(path, np.stack([render_array(scene, SIDE) for scene in scenes]))
    large: Bytes = np.load(path, mmap_mode="r")
    small = np.stack([halved(picture) for picture in large])
    path = path.with_name(f"sr-{SIDE}-{plan.scenes}-drawn.npy")
    if not path.exists():
        pairs = enumerate(zip(small, scenes, strict=True))
        drawn = [
            redrawn(picture, scene.prompt, rng) if index % 2 else decoded(picture, rng)
            for index, (picture, scene) in pairs
        ]
        np.save(path, np.stack(drawn))
    return Material(large, small, np.load(path, mmap_mode="r"))


def build_optimizers(network: SRVGGNetCompact, peak: float) -> list[torch.optim.Optimizer]:
    """Muon for the inner kernels, AdamW for slopes, biases and the outermost kernels."""
    parameters = list(network.named_parameters())
    outer = {parameters[0][0], parameters[-2][0]}
    inner = [tensor for name, tensor in parameters if tensor.ndim == 4 and name not in outer]
    rest = [tensor for name, tensor in parameters if tensor.ndim != 4 or name in outer]
    return [Muon(inner, peak, decay=0.0), torch.optim.AdamW([{"params": rest, "peak": peak}], weight_decay=0)]


def sample_batch(material: Material, rng: Random) -> tuple[Tensor, Tensor]:
    """Return damaged crops `(N, 3, CROP/2, CROP/2)` and the sharp ones at twice the side, in [0, 1]."""
    ways = (_from_the_model, _from_damage)
    pairs = [ways[rng.random() >= DRAWN](material, rng) for _ in range(BATCH)]
    damaged, sharp = zip(*(_turned(pair, rng) for pair in pairs), strict=True)
    return to_tensor(np.stack(damaged)), to_tensor(np.stack(sharp))


def to_tensor(pictures: NDArray[np.uint8]) -> Tensor:
    """`(N, h, w, 3)` bytes → `(N, 3, h, w)` in [0, 1], channels last."""
    return torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 255


def halved(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Average every 2×2 pixels of `(h, w, 3)`."""
    return np.asarray(Image.fromarray(np.ascontiguousarray(picture)).reduce(2))


def error(drawn: Tensor, sharp: Tensor) -> Tensor:
    """What is wrong at the full size, and, because detail is averaged back, at half of it."""
    half = functional.avg_pool2d
    return _error(drawn, sharp) + _error(half(drawn, 2), half(sharp, 2))


def _error(drawn: Tensor, sharp: Tensor) -> Tensor:
    """Absolute error of pixels and, weighted a half, of their differences across and down."""
    across = functional.l1_loss(drawn.diff(dim=-1), sharp.diff(dim=-1))
    down = functional.l1_loss(drawn.diff(dim=-2), sharp.diff(dim=-2))
    return functional.l1_loss(drawn, sharp) + 0.5 * (across + down)


def _from_damage(material: Material, rng: Random) -> tuple[Bytes, Bytes]:
    """A sharp crop, the livelier of two tries, damaged and halved."""
    pictures = rng.choice((material.large, material.small))
    room = pictures.shape[1] - CROP
    tries = []
    for _ in range(2):
        top, left = rng.randint(0, room), rng.randint(0, room)
        tries.append(pictures[rng.randrange(len(pictures)), top : top + CROP, left : left + CROP])
    sharp = np.ascontiguousarray(max(tries, key=_liveliness))
    return rng.choice(MIXTURE).apply(sharp, rng), sharp


def _from_the_model(material: Material, rng: Random) -> tuple[Bytes, Bytes]:
    """A crop as the small model draws it and the same sharp at twice the side; the livelier of two."""
    side = CROP // 2
    room = material.drawn.shape[1] - side
    tries = []
    for _ in range(2):
        index, top, left = rng.randrange(len(material.large)), rng.randint(0, room), rng.randint(0, room)
        rough = material.drawn[index, top : top + side, left : left + side]
        sharp = material.large[index, 2 * top : 2 * top + CROP, 2 * left : 2 * left + CROP]
        tries.append((rough, sharp))
    return max(tries, key=lambda pair: _liveliness(pair[1]))


def _liveliness(crop: Bytes) -> float:
    return float(crop.std())


def _turned(pair: tuple[Bytes, Bytes], rng: Random) -> tuple[Bytes, ...]:
    """Both turned and mirrored by the same chance."""
    quarters, mirrored = rng.randrange(4), rng.random() < 0.5
    turned = (np.rot90(crop, quarters) for crop in pair)
    return tuple(np.ascontiguousarray(crop[:, ::-1] if mirrored else crop) for crop in turned)


def main() -> None:
    """Train, or go on training, and write the weights."""
    args = _arguments()
    torch.set_num_threads(args.threads)
    plan = Plan(args.out, args.minutes, args.device, args.scenes)
    load_material(plan)
    parallel.spread(args.device, train_sr, plan)
    export(plan)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m lab.train.train_sr", description=__doc__)
    parser.add_argument(
        "--minutes", type=float, default=20.0, help="minutes of every core, resumed parts included"
    )
    parser.add_argument("--out", type=Path, default=Path("checkpoints/embedded"), help="checkpoint folder")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads(), help="CPU cores")
    parser.add_argument("--scenes", type=int, default=200, help="rendered training scenes")
    return parser.parse_args()


if __name__ == "__main__":
    main()
