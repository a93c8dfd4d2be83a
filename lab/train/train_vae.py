"""The stage that trains both halves of the autoencoder; its end fixes the latent space."""

import math
from random import Random

import numpy as np
import torch
from diffusers import AutoencoderKL
from numpy.typing import NDArray
from torch.nn import functional

from lab.train import parallel
from lab.train.dataset import to_tensor
from lab.train.loop import Average, Plan, Stage, set_rate
from lab.train.model import build_vae
from lab.train.muon import Muon
from lab.train.warm import warm_start

KL_WEIGHT = 2e-4
SPREAD = 0.05
"""Standard deviation of the noise on latents that the decoder learns to live with."""
CROPS_UNTIL = 0.6


def train_vae(plan: Plan, peak: float = 2e-3) -> None:
    """Encoder and decoder together: crops of 64 first, crops of 128 for the last part."""
    torch.manual_seed(1 + parallel.rank())
    pictures = load_pictures(plan)
    vae = build_vae()
    if plan.warm:
        warm_start(vae, plan.warm / "vae")
    vae = vae.to(plan.device, memory_format=torch.channels_last)
    optimizers = build_optimizers(vae, peak)
    average = Average(vae)
    parts = {"model": vae, "muon": optimizers[0], "adam": optimizers[1], "average": average}
    stage = Stage("vae", plan, parts)
    rng = Random(2 + 1000 * parallel.rank())

    def step() -> torch.Tensor:
        set_rate(optimizers, stage.rate)
        side = 64 if stage.share < CROPS_UNTIL else 128
        batch = sample_batch(pictures, side, rng, plan.scale).to(plan.device)
        with plan.autocast():
            posterior = vae.encode(batch).latent_dist
            latents = posterior.mean + SPREAD * torch.randn_like(posterior.mean)
            drawn = vae.decode(latents).sample
        loss = picture_loss(drawn.float(), batch) + KL_WEIGHT * posterior.mean.float().square().mean()
        return descend(vae, loss, optimizers, average, stage)

    stage.run(step, samples=12 * plan.scale)


def build_optimizers(model: torch.nn.Module, peak: float) -> list[torch.optim.Optimizer]:
    """Muon for the kernels between hidden layers, AdamW for norms, biases and the outermost kernels."""
    hidden: list[torch.Tensor] = []
    rest: list[torch.Tensor] = []
    for name, parameter in model.named_parameters():
        outer = "coder.conv_" in name or name.startswith("conv_")
        (hidden if parameter.ndim == 4 and not outer else rest).append(parameter)
    return [Muon(hidden, peak), torch.optim.AdamW([{"params": rest, "peak": peak}], weight_decay=1e-4)]


def load_pictures(plan: Plan) -> list[NDArray[np.uint8]]:
    """The plan's training pictures, one array (N, H, W, 3) for each set."""
    return [part.pictures(plan.scenes, plan.out) for part in plan.sets]


def load_vae(plan: Plan, *names: str) -> AutoencoderKL:
    """The averaged autoencoder of the first of these stages with a checkpoint, or the plan's earlier one."""
    path = next((plan.out / f"{name}.pt" for name in names if (plan.out / f"{name}.pt").exists()), None)
    vae = build_vae()
    if path is None and plan.warm:
        warm_start(vae, plan.warm / "vae")
        return vae
    if path is None:
        raise FileNotFoundError(f"no checkpoint of {names} in {plan.out}; run --stage vae first")
    average = Average(vae)
    average.load_state_dict(torch.load(path, map_location="cpu", weights_only=True)["average"])
    average.copy_to(vae)
    return vae


@torch.no_grad()
def state_spread(vae: AutoencoderKL) -> None:
    """Have the encoder state `SPREAD` for every latent: training looks at its means only."""
    last = vae.encoder.conv_out
    last.weight[vae.config.latent_channels :] = 0.0
    last.bias[vae.config.latent_channels :] = 2 * math.log(SPREAD)


def sample_batch(pictures: list[NDArray[np.uint8]], side: int, rng: Random, scale: int = 1) -> torch.Tensor:
    """`scale` times twelve crops of 64 or three of 128: (N, 3, side, side) in [-1, 1], channels last."""
    crops = []
    for _ in range(scale * 12 * 64 * 64 // (side * side)):
        part = rng.choice(pictures)
        top, left = (rng.randint(0, room - side) for room in part.shape[1:3])
        crops.append(part[rng.randrange(len(part)), top : top + side, left : left + side])
    return to_tensor(np.stack(crops))


def picture_loss(drawn: torch.Tensor, real: torch.Tensor) -> torch.Tensor:
    """Absolute error of pixels, of their gradients, and of the picture at half size."""
    small = functional.l1_loss(functional.avg_pool2d(drawn, 2), functional.avg_pool2d(real, 2))
    across = functional.l1_loss(drawn.diff(dim=-1), real.diff(dim=-1))
    down = functional.l1_loss(drawn.diff(dim=-2), real.diff(dim=-2))
    return functional.l1_loss(drawn, real) + 0.5 * small + 0.5 * (across + down)


def descend(
    model: torch.nn.Module,
    loss: torch.Tensor,
    optimizers: list[torch.optim.Optimizer],
    average: Average,
    stage: Stage,
) -> torch.Tensor:
    """One clipped optimizer step and one step of the average; returns the loss."""
    loss.backward()
    parallel.average_gradients(model.parameters())
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    for optimizer in optimizers:
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
    average.update(model, stage.progress.step)
    return loss.detach()
