"""The stage that refines the decoder alone, on the cached latents of the finished encoder."""

from random import Random

import numpy as np
import torch

from lab.train import parallel
from lab.train.dataset import to_tensor
from lab.train.latents import load_latents
from lab.train.loop import Average, Plan, Stage, set_rate
from lab.train.train_vae import build_optimizers, descend, load_pictures, load_vae, picture_loss

BATCH = 3
NOISE = 0.1
SIDE = 16


def train_decoder(plan: Plan, peak: float = 2e-3) -> None:
    """Decode crops of 128 pixels from slightly noisy latents, as a sampler leaves them."""
    torch.manual_seed(3 + parallel.rank())
    sets = [
        (load_latents(plan, part), pictures)
        for part, pictures in zip(plan.sets, load_pictures(plan), strict=True)
    ]
    vae = load_vae(plan, "vae").to(plan.device, memory_format=torch.channels_last)
    optimizers = build_optimizers(vae.decoder, peak)
    average = Average(vae)
    parts = {"model": vae, "muon": optimizers[0], "adam": optimizers[1], "average": average}
    stage = Stage("decoder", plan, parts)
    rng = Random(4 + 1000 * parallel.rank())

    def crop() -> tuple[torch.Tensor, np.ndarray]:
        latents, pictures = rng.choice(sets)
        index = rng.randrange(len(latents))
        top, left = (rng.randint(0, room - SIDE) for room in latents.shape[2:])
        rows, columns = slice(8 * top, 8 * (top + SIDE)), slice(8 * left, 8 * (left + SIDE))
        return latents[index, :, top : top + SIDE, left : left + SIDE], pictures[index, rows, columns]

    def step() -> torch.Tensor:
        set_rate(optimizers, stage.rate)
        codes, real = zip(*(crop() for _ in range(BATCH * plan.scale)), strict=True)
        noisy = torch.stack(codes).float().to(plan.device, memory_format=torch.channels_last)
        noisy = noisy + NOISE * torch.randn_like(noisy)
        with plan.autocast():
            drawn = vae.decode(noisy).sample
        loss = picture_loss(drawn.float(), to_tensor(np.stack(real)).to(plan.device))
        return descend(vae, loss, optimizers, average, stage)

    stage.run(step, samples=BATCH * plan.scale)
