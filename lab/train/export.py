"""Write the trained parts as a `ZImagePipeline` folder in float16, with the linear preview map.

Parts without a checkpoint keep the earlier weights.
"""

import shutil
from pathlib import Path

import numpy as np
from diffusers import ZImagePipeline
from safetensors.torch import save_file

from engine.embedded import WEIGHTS
from lab.render.vocabulary_file import write
from lab.train.latents import encode, latent_scaling, preview_map
from lab.train.loop import Plan
from lab.train.model import build_scheduler
from lab.train.references import references_of
from lab.train.train_flow import load_flow
from lab.train.train_vae import load_vae, state_spread
from lab.train.wordings import kept_tokenizer

LIMIT_BYTES = 30_000_000
PREVIEW_PICTURES = 1_000
FLOWS = ("distill", "polish", "large", "flow")


def export(plan: Plan, folder: Path = WEIGHTS, flows: tuple[str, ...] = FLOWS) -> None:
    """Write every component under `folder`, replacing what is there."""
    vae, scale = load_vae(plan, "decoder", "vae"), latent_scaling(plan)
    state_spread(vae)
    vae.register_to_config(scaling_factor=scale.scale, shift_factor=scale.shift)
    scenes = plan.small.scenes(plan.scenes)[:PREVIEW_PICTURES]
    pictures = np.stack([plan.world.picture(scene, plan.small.width, plan.small.height) for scene in scenes])
    latents = (encode(vae, pictures).float() - scale.shift) * scale.scale
    weight, bias = preview_map(latents, pictures)
    models = load_flow(plan, *flows)
    if references := references_of(models):
        references.write(models["text_encoder"])
    pipeline = ZImagePipeline(
        scheduler=build_scheduler(),
        vae=vae.half(),
        text_encoder=models["text_encoder"].half(),
        tokenizer=kept_tokenizer(plan.out, plan.world),
        transformer=models["transformer"].half(),
    )
    for part in folder.glob("*/"):
        shutil.rmtree(part)
    pipeline.save_pretrained(folder)
    write(plan.world, folder)
    save_file({"weight": weight, "bias": bias}, folder / "preview.safetensors")
    size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    if size > LIMIT_BYTES:
        raise ValueError(f"{folder} holds {size} bytes, more than {LIMIT_BYTES}; make the model smaller")
