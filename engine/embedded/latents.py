"""Training pictures as latents: encoded once, kept in chunks, with the statistics that scale them.

Knows the raw latents of the finished encoder. Sampler-space latents are (raw - shift) * scale.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderKL
from torch.nn import functional

from engine.embedded.dataset import to_tensor
from engine.embedded.loop import Plan
from engine.embedded.train_vae import load_pictures, load_vae

CHUNK = 4_000
CHUNKS = 3


@dataclass(frozen=True)
class Scaling:
    """Shift and scale that give sampler-space latents mean 0 and standard deviation 1."""

    shift: float
    scale: float


def encode_chunks(plan: Plan, chunks: int) -> None:
    """Encode the first `chunks` chunks of the plan's pictures, where their files are missing."""
    pictures = load_pictures(plan)
    vae = load_vae(plan, "vae").to(memory_format=torch.channels_last)
    for index in range(min(chunks, -(-len(pictures) // CHUNK))):
        path = plan.out / f"latents-{index}.npy"
        if not path.exists():
            partial_path = path.with_suffix(".part.npy")
            np.save(partial_path, encode(vae, pictures[index * CHUNK : (index + 1) * CHUNK]).numpy())
            partial_path.rename(path)


@torch.inference_mode()
def encode(vae: AutoencoderKL, pictures: np.ndarray, batch: int = 20) -> torch.Tensor:
    """Raw latent means of pictures (N, H, W, 3): (N, 16, H/8, W/8) in half precision."""
    parts = [
        vae.encode(to_tensor(pictures[i : i + batch])).latent_dist.mean
        for i in range(0, len(pictures), batch)
    ]
    return torch.cat(parts).half()


def load_latents(plan: Plan) -> torch.Tensor:
    """Raw latents of the first pictures, (N, 16, 16, 16), encoded where their files are missing."""
    encode_chunks(plan, CHUNKS)
    files = sorted(plan.out.glob("latents-?.npy"), key=_index)
    return torch.from_numpy(np.concatenate([np.load(file) for file in files]))


def _index(path: Path) -> int:
    return int(path.stem.split("-")[1])


def scaling(latents: torch.Tensor) -> Scaling:
    """Scaling of the first chunk, so that later chunks never change it."""
    first = latents[:CHUNK].float()
    return Scaling(round(first.mean().item(), 5), round(1 / first.std().item(), 5))


def preview_map(latents: torch.Tensor, pictures: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
    """Least-squares map from sampler-space latents (N, 16, h, w) to pictures: weight (3, 16), bias (3,)."""
    small = functional.avg_pool2d(to_tensor(pictures), 8).permute(0, 2, 3, 1).reshape(-1, 3)
    flat = latents.float().permute(0, 2, 3, 1).reshape(-1, latents.shape[1])
    with_one = torch.cat([flat, torch.ones(len(flat), 1)], 1)
    solution = torch.linalg.lstsq(with_one, small).solution
    return solution[:-1].T.contiguous(), solution[-1].contiguous()
