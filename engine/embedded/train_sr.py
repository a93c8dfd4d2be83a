"""The command that trains the built-in ×2 super-resolution: `python -m engine.embedded.train_sr`.

Knows crops, loss and export. Sees scenes of the training side of the split only, drawn at the sizes that the
small model's pictures are enlarged to.
"""

import argparse
from pathlib import Path
from random import Random

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional

from engine.embedded.damage import CLEAN, HEAVY, LIGHT, SOFT
from engine.embedded.loop import Average, Plan, Stage, set_rate
from engine.embedded.muon import Muon
from engine.embedded.scene import sample_scene
from engine.embedded.scenes import render_array
from engine.upscale.network import BUILT_IN, SRVGGNetCompact

SIDE = 512
CROP = 80
BATCH = 10
DATA_SEED = 60
MIXTURE = (CLEAN, SOFT, SOFT, LIGHT, LIGHT, HEAVY)


def train_sr(plan: Plan, peak: float = 3e-3) -> None:
    """Crops of sharp scenes from their damaged halves: absolute error of pixels and of their gradients."""
    torch.manual_seed(DATA_SEED)
    pictures = load_pictures(plan)
    network = SRVGGNetCompact().to(plan.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizers = build_optimizers(network, peak)
    average = Average(network)
    parts = {"model": network, "muon": optimizers[0], "adam": optimizers[1], "average": average}
    stage = Stage("sr", plan, parts)
    rng = Random(DATA_SEED + 1)

    def step() -> Tensor:
        set_rate(optimizers, stage.rate)
        damaged, sharp = sample_batch(pictures, rng)
        loss = error(network(damaged.to(plan.device)), sharp.to(plan.device))
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        for optimizer in optimizers:
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        average.update(network, stage.progress.step)
        return loss.detach()

    stage.run(step, samples=BATCH)


def export(plan: Plan, path: Path = BUILT_IN) -> None:
    """Write the averaged weights in half precision."""
    network = SRVGGNetCompact()
    average = Average(network)
    state = torch.load(plan.out / "sr.pt", map_location="cpu", weights_only=True)
    average.load_state_dict(state["average"])
    average.copy_to(network)
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file({name: tensor.half().contiguous() for name, tensor in network.state_dict().items()}, path)


def load_pictures(plan: Plan) -> list[NDArray[np.uint8]]:
    """The plan's training scenes `(N, side, side, 3)` at both sizes, drawn into its folder where missing."""
    path = plan.out / f"sr-{SIDE}-{plan.scenes}.npy"
    if not path.exists():
        rng = Random(DATA_SEED)
        plan.out.mkdir(parents=True, exist_ok=True)
        np.save(path, np.stack([render_array(sample_scene(rng), SIDE) for _ in range(plan.scenes)]))
    large: NDArray[np.uint8] = np.load(path, mmap_mode="r")
    return [large, np.stack([halved(picture) for picture in large])]


def build_optimizers(network: SRVGGNetCompact, peak: float) -> list[torch.optim.Optimizer]:
    """Muon for the inner kernels, AdamW for slopes, biases and the outermost kernels."""
    parameters = list(network.named_parameters())
    outer = {parameters[0][0], parameters[-2][0]}
    inner = [tensor for name, tensor in parameters if tensor.ndim == 4 and name not in outer]
    rest = [tensor for name, tensor in parameters if tensor.ndim != 4 or name in outer]
    return [Muon(inner, peak, decay=0.0), torch.optim.AdamW([{"params": rest, "peak": peak}], weight_decay=0)]


def sample_batch(pictures: list[NDArray[np.uint8]], rng: Random) -> tuple[Tensor, Tensor]:
    """Return damaged crops `(N, 3, CROP/2, CROP/2)` and the sharp ones at twice the side, in [0, 1]."""
    sharp = [_crop(rng.choice(pictures), rng) for _ in range(BATCH)]
    damaged = [rng.choice(MIXTURE).apply(crop, rng) for crop in sharp]
    return to_tensor(np.stack(damaged)), to_tensor(np.stack(sharp))


def to_tensor(pictures: NDArray[np.uint8]) -> Tensor:
    """`(N, h, w, 3)` bytes → `(N, 3, h, w)` in [0, 1], channels last."""
    return torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 255


def halved(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Average every 2×2 pixels of `(h, w, 3)`."""
    return np.asarray(Image.fromarray(np.ascontiguousarray(picture)).reduce(2))


def error(drawn: Tensor, sharp: Tensor) -> Tensor:
    """Absolute error of pixels and, weighted a half, of their differences across and down."""
    across = functional.l1_loss(drawn.diff(dim=-1), sharp.diff(dim=-1))
    down = functional.l1_loss(drawn.diff(dim=-2), sharp.diff(dim=-2))
    return functional.l1_loss(drawn, sharp) + 0.5 * (across + down)


def _crop(pictures: NDArray[np.uint8], rng: Random) -> NDArray[np.uint8]:
    """A sharp crop, turned or mirrored by chance; the livelier of two tries."""
    room = pictures.shape[1] - CROP
    tries = []
    for _ in range(2):
        top, left = rng.randint(0, room), rng.randint(0, room)
        tries.append(pictures[rng.randrange(len(pictures)), top : top + CROP, left : left + CROP])
    turned = np.rot90(max(tries, key=lambda crop: float(crop.std())), rng.randrange(4))
    return np.ascontiguousarray(turned[:, ::-1] if rng.random() < 0.5 else turned)


def main() -> None:
    """Train, or go on training, and write the weights."""
    args = _arguments()
    torch.set_num_threads(args.threads)
    plan = Plan(args.out, args.minutes, args.device, args.scenes)
    train_sr(plan)
    export(plan)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m engine.embedded.train_sr", description=__doc__)
    parser.add_argument(
        "--minutes", type=float, default=20.0, help="minutes of one core, resumed parts included"
    )
    parser.add_argument("--out", type=Path, default=Path("checkpoints/embedded"), help="checkpoint folder")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads")
    parser.add_argument("--scenes", type=int, default=200, help="rendered training scenes")
    return parser.parse_args()


if __name__ == "__main__":
    main()
