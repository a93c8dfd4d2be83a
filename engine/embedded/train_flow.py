"""The stage that trains transformer and text encoder together, on latents and freshly worded captions.

Knows which captions a batch gets. The objective itself lives in `flow`.
"""

from collections.abc import Callable
from functools import partial
from random import Random

import torch
from torch import nn
from transformers import PreTrainedTokenizerFast

from engine.embedded import parallel
from engine.embedded.dataset import training_scenes
from engine.embedded.flow import encode_text, flow_loss, tokenize
from engine.embedded.latents import load_latents, scaling
from engine.embedded.loop import Average, Plan, Stage, set_rate
from engine.embedded.model import build_text_encoder, build_tokenizer, build_transformer
from engine.embedded.muon import Muon
from engine.embedded.train_vae import descend
from engine.embedded.world import Scene, caption, long_caption

BATCH = 32
EMPTY_SHARE = 0.1
LONG_SHARE = 0.1
MUON_PEAK = 2.5e-3
ADAM_PEAK = 1e-3
GATE = 0.3


def build_flow() -> nn.ModuleDict:
    """Transformer and text encoder, initialised so that every block starts a little open."""
    torch.manual_seed(5)
    transformer, encoder = build_transformer(), build_text_encoder()
    for name, parameter in transformer.named_parameters():
        if "adaLN_modulation" in name or name.startswith("all_final_layer"):
            nn.init.normal_(parameter, std=0.01)
    for block in [*transformer.layers, *transformer.noise_refiner]:
        scale, gate = torch.zeros(transformer.dim), torch.full((transformer.dim,), GATE)
        block.adaLN_modulation[0].bias.data = torch.cat([scale, gate, scale, gate])
    nn.init.normal_(transformer.cap_pad_token, std=0.02)
    return nn.ModuleDict({"transformer": transformer, "text_encoder": encoder})


def train_flow(plan: Plan, batch: int = BATCH) -> None:
    """Flow matching on cached latents, a tenth of the captions empty, a tenth of the batches long."""
    raw = load_latents(plan)
    scale = scaling(raw)
    latents = (raw.float() - scale.shift) * scale.scale
    scenes = training_scenes(len(latents))
    tokenizer = build_tokenizer()
    models = build_flow().to(plan.device)
    optimizers = build_optimizers(models)
    average = Average(models)
    parts = {"model": models, "muon": optimizers[0], "adam": optimizers[1], "average": average}
    stage = Stage("flow", plan, parts)
    rng = Random(6 + 1000 * parallel.rank())
    torch.manual_seed(7 + parallel.rank())

    def step() -> torch.Tensor:
        set_rate(optimizers, stage.rate)
        picks = torch.tensor(rng.choices(range(len(latents)), k=batch))
        ids, valid = tokenize(tokenizer, word(tokenizer, [scenes[i] for i in picks.tolist()], rng))
        features = encode_text(models["text_encoder"], ids.to(plan.device))
        target = latents[picks].to(plan.device)
        loss = flow_loss(models["transformer"], target, features, valid.to(plan.device))
        return descend(models, loss, optimizers, average, stage)

    stage.run(step, samples=batch)


def word(tokenizer: PreTrainedTokenizerFast, scenes: list[Scene], rng: Random) -> list[str]:
    """Captions of a batch that pad to one length: all up to 32 tokens, some empty, or all 33 to 64."""
    if rng.random() < LONG_SHARE:
        return [_fitting(tokenizer, partial(long_caption, scene, rng), 33, 64) for scene in scenes]
    return [
        "" if rng.random() < EMPTY_SHARE else _fitting(tokenizer, partial(caption, scene, rng), 1, 32)
        for scene in scenes
    ]


def _fitting(tokenizer: PreTrainedTokenizerFast, draw: Callable[[], str], low: int, high: int) -> str:
    while not low <= tokenize(tokenizer, [text := draw()])[1].sum() <= high:
        pass
    return text


def build_optimizers(models: nn.ModuleDict) -> list[torch.optim.Optimizer]:
    """Muon for the hidden matrices, AdamW for embeddings, norms, modulation and the last layer."""
    hidden: list[torch.Tensor] = []
    rest: list[torch.Tensor] = []
    for name, parameter in models.named_parameters():
        inside = any(part in name for part in ("attention.", "feed_forward.", "layers."))
        is_hidden = inside and parameter.ndim == 2 and "adaLN" not in name
        (hidden if is_hidden else rest).append(parameter)
    adam = torch.optim.AdamW([{"params": rest, "peak": ADAM_PEAK}], betas=(0.9, 0.98), weight_decay=0.0)
    return [Muon(hidden, MUON_PEAK), adam]


def load_flow(plan: Plan) -> nn.ModuleDict:
    """The averaged models of the stage's checkpoint, or untrained ones where there is none."""
    models = build_flow()
    path = plan.out / "flow.pt"
    if path.exists():
        average = Average(models)
        average.load_state_dict(torch.load(path, map_location="cpu", weights_only=True)["average"])
        average.copy_to(models)
    return models
