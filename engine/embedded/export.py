"""Write the trained parts as a `ZImagePipeline` folder in float16, with the linear preview map.

Knows the layout on disk and its limit. Parts without a checkpoint are written untrained.
"""

import shutil
from pathlib import Path

import torch
from diffusers import ZImagePipeline
from safetensors.torch import save_file

from engine.embedded import WEIGHTS
from engine.embedded.dataset import SMALL
from engine.embedded.latents import latent_scaling, load_latents, preview_map
from engine.embedded.loop import Plan
from engine.embedded.model import build_scheduler, build_vae
from engine.embedded.train_flow import load_flow
from engine.embedded.train_vae import load_vae
from engine.embedded.wordings import kept_tokenizer

LIMIT_BYTES = 24_000_000
PREVIEW_PICTURES = 1_000
FLOWS = ("distill", "large", "flow")


def export(plan: Plan, folder: Path = WEIGHTS, flows: tuple[str, ...] = FLOWS) -> None:
    """Write every component under `folder`, replacing what is there."""
    trained = any((plan.out / f"{name}.pt").exists() for name in ("vae", "decoder"))
    vae = load_vae(plan, "decoder", "vae") if trained else build_vae()
    weight, bias = torch.zeros(3, 16), torch.zeros(3)
    if trained:
        scale = latent_scaling(plan)
        vae.register_to_config(scaling_factor=scale.scale, shift_factor=scale.shift)
        pictures = SMALL.pictures(plan.scenes, plan.out)[:PREVIEW_PICTURES]
        latents = (load_latents(plan)[: len(pictures)].float() - scale.shift) * scale.scale
        weight, bias = preview_map(latents, pictures)
    models = load_flow(plan, *flows)
    pipeline = ZImagePipeline(
        scheduler=build_scheduler(),
        vae=vae.half(),
        text_encoder=models["text_encoder"].half(),
        tokenizer=kept_tokenizer(plan.out),
        transformer=models["transformer"].half(),
    )
    shutil.rmtree(folder, ignore_errors=True)
    pipeline.save_pretrained(folder)
    save_file({"weight": weight, "bias": bias}, folder / "preview.safetensors")
    size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    if size > LIMIT_BYTES:
        raise ValueError(f"{folder} holds {size} bytes, more than {LIMIT_BYTES}; make the model smaller")
