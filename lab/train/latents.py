"""Training pictures as latents: encoded once, kept in chunks, with the statistics that scale them.

Sampler-space latents are (raw - shift) * scale.
"""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderKL
from numpy.typing import NDArray
from torch.nn import functional

from lab.train import parallel
from lab.train.dataset import PictureSet, to_tensor
from lab.train.loop import Plan
from lab.train.train_vae import load_vae

CHUNK = 1_000


@dataclass(frozen=True)
class Scaling:
    """Shift and scale that give sampler-space latents mean 0 and standard deviation 1."""

    shift: float
    scale: float


def encode_all(plan: Plan) -> None:
    """Encode the plan's pictures, where chunks are missing or short; processes share the chunks."""
    vae = load_vae(plan, "vae").to(plan.device, memory_format=torch.channels_last)
    todo = [(part, index) for part in plan.sets for index in range(_chunks(part, plan))]
    for part, index in todo[parallel.rank() :: parallel.count()]:
        path = _file(part, index, plan)
        pictures = part.pictures(plan.scenes, plan.out)[index * CHUNK : (index + 1) * CHUNK]
        if not path.exists() or len(np.load(path, mmap_mode="r")) < len(pictures):
            partial_path = path.with_suffix(".part.npy")
            np.save(partial_path, encode(vae, pictures, plan.device).numpy())
            partial_path.rename(path)
            print(f"encoded {path.name}", flush=True)


@torch.inference_mode()
def encode(
    vae: AutoencoderKL, pictures: NDArray[np.uint8], device: str = "cpu", batch: int = 10
) -> torch.Tensor:
    """Raw latent means of pictures (N, H, W, 3): (N, 16, H/8, W/8) in half precision."""
    parts = [
        vae.encode(to_tensor(pictures[i : i + batch]).to(device)).latent_dist.mean.half().cpu()
        for i in range(0, len(pictures), batch)
    ]
    return torch.cat(parts)


def load_latents(plan: Plan, part: PictureSet) -> torch.Tensor:
    """Raw latents of one set's pictures, (N, 16, H/8, W/8); `encode_all` has made the files."""
    files = [_file(part, index, plan) for index in range(_chunks(part, plan))]
    return torch.from_numpy(np.concatenate([np.load(file) for file in files])[: part.count(plan.scenes)])


def latent_scaling(plan: Plan) -> Scaling:
    """The scaling all sets share: the earlier weights' own where their autoencoder is used as it is."""
    if plan.warm and not (plan.out / "vae.pt").exists():
        config = json.loads((plan.warm / "vae" / "config.json").read_text("utf-8"))
        return Scaling(config["shift_factor"], config["scaling_factor"])
    return scaling(torch.from_numpy(np.load(_file(plan.small, 0, plan))))


def scaling(latents: torch.Tensor) -> Scaling:
    """Scaling of the first chunk, so that later chunks never change it."""
    first = latents[:CHUNK].float()
    return Scaling(round(first.mean().item(), 5), round(1 / first.std().item(), 5))


def preview_map(latents: torch.Tensor, pictures: NDArray[np.uint8]) -> tuple[torch.Tensor, torch.Tensor]:
    """Least-squares map from sampler-space latents (N, 16, h, w) to pictures: weight (3, 16), bias (3,)."""
    small = functional.avg_pool2d(to_tensor(pictures), 8).permute(0, 2, 3, 1).reshape(-1, 3)
    flat = latents.float().permute(0, 2, 3, 1).reshape(-1, latents.shape[1])
    with_one = torch.cat([flat, torch.ones(len(flat), 1)], 1)
    solution = torch.linalg.lstsq(with_one, small).solution
    return solution[:-1].T.contiguous(), solution[-1].contiguous()


def _chunks(part: PictureSet, plan: Plan) -> int:
    return -(-part.count(plan.scenes) // CHUNK)


def _file(part: PictureSet, index: int, plan: Plan) -> Path:
    return plan.out / f"{part.name}-latents-{index}.npy"
