"""The stage that refines the decoder alone, on the cached latents of the finished encoder."""

from random import Random

import torch

from engine.embedded.dataset import to_tensor
from engine.embedded.latents import load_latents
from engine.embedded.loop import Average, Plan, Stage, set_rate
from engine.embedded.train_vae import build_optimizers, descend, load_pictures, load_vae, picture_loss

BATCH = 3
NOISE = 0.1


def train_decoder(plan: Plan, peak: float = 2e-3) -> None:
    """Decode whole pictures from slightly noisy latents, as a sampler leaves them."""
    torch.manual_seed(3)
    pictures = load_pictures(plan)
    latents = load_latents(plan)
    vae = load_vae(plan, "vae").to(plan.device, memory_format=torch.channels_last)
    optimizers = build_optimizers(vae.decoder, peak)
    average = Average(vae)
    parts = {"model": vae, "muon": optimizers[0], "adam": optimizers[1], "average": average}
    stage = Stage("decoder", plan, parts)
    rng = Random(4)

    def step() -> torch.Tensor:
        set_rate(optimizers, stage.rate)
        picks = [rng.randrange(len(latents)) for _ in range(BATCH)]
        codes = latents[picks].float().to(plan.device, memory_format=torch.channels_last)
        codes = codes + NOISE * torch.randn_like(codes)
        loss = picture_loss(vae.decode(codes).sample, to_tensor(pictures[picks]).to(plan.device))
        return descend(vae, loss, optimizers, average, stage)

    stage.run(step, samples=BATCH)
