"""The stages that train transformer and text encoder together, on cached latents and captions.

Small pictures first, then all sizes. The objective is in `flow`.
"""

import math
from copy import deepcopy
from dataclasses import dataclass, replace
from random import Random

import numpy as np
import torch
from diffusers.models.transformers.transformer_z_image import ZImageTransformerBlock
from safetensors.torch import load_file
from torch import nn

from lab.render.book.scenes import parts
from lab.render.world import World
from lab.train import parallel
from lab.train.blocks import compile_blocks
from lab.train.coupling import build_reader, choices, couple, reading_loss, stated_flags
from lab.train.dataset import PictureSet
from lab.train.flow import TAPPED, Taps, flow_loss, gather, sample_sigmas
from lab.train.latents import latent_scaling, load_latents
from lab.train.loop import Average, Plan, Stage, set_rate
from lab.train.model import build_text_encoder, build_transformer
from lab.train.muon import Muon
from lab.train.pointer import WEIGHT, Pointer, attention_loss, first_parts, holding_loss, named, pointer_loss
from lab.train.references import (
    References,
    encode,
    features,
    first_reference,
    references_of,
)
from lab.train.train_vae import descend, load_vae
from lab.train.warm import warm_embeddings, warm_start
from lab.train.where import HINT, build_head, error_weights, hint_loss, subject_indices, tokens_to_keep
from lab.train.wordings import Wordings, kept_tokenizer, worded

BATCH, BOOK_BATCH = 32, 16
MUON_PEAK = 2.5e-3
ADAM_PEAK = 1e-3
GATE = 0.3
SMALL_SHARE = 0.02
GENTLE = 0.05
TOKENS = 64
KEPT = 0.375
"""Share of the tokens that pass through the transformer until a stage turns to whole pictures."""
MEAN = 1.7
"""Mean logit of a small picture's noise levels: most lie above 0.7, where forms are decided."""
VISIBLE = 0.85
"""Noise level below which a picture can be made out."""
LOUDER = 3.0
"""How much larger than in the earlier weights captions enter the transformer where they hold drawings."""
READING = 0.2
"""Weight of the reader's cross entropy beside the flow's error."""


@dataclass(frozen=True)
class Course:
    """How a stage learns: peak rate, care at its start and end, from which share of it on pictures are whole.

    `mean` is the mean logit of a small picture's noise levels.
    """

    peak: float
    care: tuple[float, float] = (1.0, 1.0)
    whole_from: float = 0.0
    mean: float = MEAN


FLOW = Course(peak=1.0)
BOOK_FLOW = Course(peak=1.0, whole_from=0.85)
LARGE = Course(peak=0.7, care=(1.0, 0.0), whole_from=0.7)
POLISH = Course(peak=0.6, care=(0.3, 0.0), whole_from=0.35, mean=1.0)


@dataclass(frozen=True)
class Material:
    """One set ready for training: sampler-space latents, wordings, and which subjects stand where.

    Latents (N, 16, h, w) lie on the device; silhouettes (N, 2, 2h, 2w) in bytes, subjects (N, 2) and
    what each scene chose (N, choices) beside. Of the picture book `shown` (N, 2, T) says what each patch
    shows, as `parts` does, and `first` (N, 2) the things' first references.
    """

    latents: torch.Tensor
    wordings: Wordings
    share: float
    silhouettes: torch.Tensor
    subjects: torch.Tensor
    chosen: torch.Tensor
    world: World
    shown: torch.Tensor | None = None
    first: torch.Tensor | None = None

    @property
    def weight(self) -> float:
        """Tokens of a picture relative to those of a small one."""
        return self.latents.shape[2] * self.latents.shape[3] / 4 / TOKENS


def build_flow(world: World) -> nn.ModuleDict:
    """Transformer and text encoder, every gate a little open, and the head for where things are."""
    torch.manual_seed(5)
    transformer = build_transformer()
    encoder = build_text_encoder(vocab_size=world.vocabulary)
    for name, parameter in transformer.named_parameters():
        if "adaLN_modulation" in name or name.startswith("all_final_layer"):
            nn.init.normal_(parameter, std=0.01)
    for block in [*transformer.layers, *transformer.noise_refiner]:
        scale, gate = torch.zeros(transformer.dim), torch.full((transformer.dim,), GATE)
        block.adaLN_modulation[0].bias.data = torch.cat([scale, gate, scale, gate])
    nn.init.normal_(transformer.cap_pad_token, std=0.02)
    nn.init.normal_(transformer.x_pad_token, std=0.02)
    models = nn.ModuleDict(
        {
            "transformer": transformer,
            "text_encoder": encoder,
            "where": Pointer(transformer.dim) if world.is_book else build_head(transformer.dim, world),
            "reader": build_reader(transformer.dim, world.groups),
        }
    )
    if world.is_book:
        models["references"] = References(world, encoder.config.hidden_size)
    return models


def train_flow(plan: Plan, batch: int | None = None) -> None:
    """Rectified flow on the first set of pictures."""
    course, usual = (BOOK_FLOW, BOOK_BATCH) if plan.world.is_book else (FLOW, BATCH)
    if plan.gently:
        course = replace(course, peak=GENTLE)
    _train("flow", plan, (plan.small,), batch or usual, course)


def train_large(plan: Plan, batch: int = BATCH) -> None:
    """The same on pictures of full size in every shape, from the averaged weights of `flow`."""
    _train("large", plan, plan.sets, batch, LARGE, "flow")


def train_polish(plan: Plan, batch: int = BATCH) -> None:
    """On from `large` with noise levels spread: below 0.7 clears up what a few steps leave in a picture."""
    _train("polish", plan, plan.sets, batch, POLISH, "large", "flow")


def prepare(plan: Plan, part: PictureSet) -> Material:
    """A set's latents and wordings; both are made and kept where they are missing."""
    scale = latent_scaling(plan)
    latents = ((load_latents(plan, part).float() - scale.shift) * scale.scale).half().to(plan.device)
    scenes = part.scenes(plan.scenes)
    silhouettes = part.silhouettes(plan.scenes, plan.out)
    material = Material(
        latents,
        word(plan, part),
        SMALL_SHARE if part is plan.small and not plan.world.is_book else part.share,
        torch.from_numpy(np.array(silhouettes)),
        subject_indices(scenes, plan.world),
        choices(scenes, plan.world),
        plan.world,
    )
    if not plan.world.is_book:
        return material
    shown = [
        parts(scene, part.width, part.height, covers)
        for scene, covers in zip(scenes, silhouettes, strict=True)
    ]
    return replace(
        material,
        shown=torch.from_numpy(np.stack(shown)).flatten(2),
        first=first_parts(scenes, plan.world),
    )


def word(plan: Plan, part: PictureSet) -> Wordings:
    """The wordings of a set's scenes."""
    path = plan.out / f"{part.name}-wordings.npy"
    return worded(part, plan.scenes, kept_tokenizer(plan.out, plan.world), path)


def _train(
    name: str, plan: Plan, sets: tuple[PictureSet, ...], batch: int, course: Course, *starts: str
) -> None:
    compile_blocks(plan)
    materials = [prepare(plan, part) for part in sets]
    models = load_flow(plan, *starts).to(plan.device)
    optimizers = build_optimizers(models, course.peak)
    average = Average(models)
    parts = {"model": models, "muon": optimizers[0], "adam": optimizers[1], "average": average}
    stage = Stage(name, plan, parts)
    rng = Random(6 + 1000 * parallel.rank())
    torch.manual_seed(7 + parallel.rank())
    chances = [material.share for material in materials]

    def step() -> torch.Tensor:
        set_rate(optimizers, stage.rate)
        material = rng.choices(materials, chances)[0]
        first, last = course.care
        care = first + (last - first) * stage.share
        kept = KEPT if stage.share < course.whole_from else 1.0
        stage.samples = count = max(2, round(batch * plan.scale / material.weight / kept**0.5))
        with plan.autocast():
            loss = batch_loss(models, material, count, rng, care, kept, course.mean)
        return descend(models, loss, optimizers, average, stage)

    stage.resume()
    before = probe(average, models, materials[0], plan) if plan.session else 0.0
    stage.run(step, samples=batch * plan.scale)
    if plan.session and not parallel.rank():
        after = probe(average, models, materials[0], plan)
        print(f"{name}: loss on a fixed sample {before:.4f} before, {after:.4f} after", flush=True)


def probe(average: Average, models: nn.ModuleDict, material: Material, plan: Plan, count: int = 16) -> float:
    """The averaged model's loss on one fixed sample of pictures, captions, noise and noise levels."""
    models = deepcopy(models)
    average.copy_to(models)
    with torch.random.fork_rng(), torch.no_grad(), plan.autocast():
        torch.manual_seed(9)
        return batch_loss(models, material, count, Random(9)).item()


def batch_loss(
    models: nn.ModuleDict,
    material: Material,
    count: int,
    rng: Random,
    care: float = 0.0,
    kept_share: float = 1.0,
    mean: float = MEAN,
) -> torch.Tensor:
    """The loss of `count` random pictures of a set.

    `care`, from 0 to 1, is how much the subjects' places count: 0 is the plain error of the flow. Only about
    `kept_share` of a picture's tokens go through the transformer.
    """
    picks, ids, valid, stated = material.wordings.pick(count, rng)
    device, groups = material.latents.device, material.world.groups
    sigmas = sample_sigmas(count, mean=mean + 0.5 * math.log(material.weight) / 2).to(device)
    features = encode(models, ids.to(device))
    latents = material.latents[picks.to(device)].float()
    covers = material.silhouettes[picks].to(device).float() / 255
    weights = error_weights(covers, care)
    kept = tokens_to_keep(covers, kept_share)
    chosen, loose = material.chosen[picks], is_loose(sigmas)
    free = stated_flags(stated, len(groups)) | loose[:, None]
    noise = couple(torch.randn_like(latents), chosen, free, groups)
    model = models["transformer"]
    loss, taps = flow_loss(model, latents, noise, features, valid.to(device), sigmas, weights, kept)
    if care:
        hint = _hint(models, material, picks, ids, taps, covers, kept)
        reading = reading_loss(models["reader"], taps[:3], chosen, ~loose, groups)
        loss = loss + care * (hint + READING * reading)
    return loss


def _hint(
    models: nn.ModuleDict,
    material: Material,
    picks: torch.Tensor,
    ids: torch.Tensor,
    taps: Taps,
    covers: torch.Tensor,
    kept: torch.Tensor | None,
) -> torch.Tensor:
    """The loss of what patches say they show: which reference, or which subject in the small world."""
    device, head = taps.tokens.device, models["where"]
    if not isinstance(head, Pointer) or material.shown is None or material.first is None:
        subjects = material.subjects[picks].to(device)
        return HINT * hint_loss(head, taps.tokens, covers, subjects, material.world, kept)
    shown, within = material.shown[picks].to(device).unbind(1)
    if kept is not None:
        shown, within = gather(shown, kept), gather(within, kept)
    references, ids = references_of(models), ids.to(device)
    if references is None:
        raise TypeError("a pointer is for references")
    target = named(shown, material.first[picks].to(device), ids, references.first)
    looking = models["transformer"].get_submodule(f"layers.{TAPPED}")
    if not isinstance(looking, ZImageTransformerBlock):
        raise TypeError(f"{looking} is no block of a transformer")
    pointed = pointer_loss(head, taps.tokens, taps.caption, target, within)
    held = taps.entering.tokens[:, -ids.shape[1] :]
    holding = holding_loss(head, held, ids - references.first, references.features)
    return WEIGHT * (pointed + holding + attention_loss(looking, taps.entering, target))


def is_loose(sigmas: torch.Tensor) -> torch.Tensor:
    """Which pictures (B,) at noise levels `sigmas` get noise that tells nothing of them.

    Below `VISIBLE` half of them: there a picture shows what it is, and image-to-image starts from such noise.
    """
    return (sigmas.cpu() < VISIBLE) & (torch.rand(len(sigmas)) < 0.5)


def build_optimizers(models: nn.ModuleDict, scale: float = 1.0) -> list[torch.optim.Optimizer]:
    """Muon for the hidden matrices, AdamW for embeddings, norms, modulation and the last layer."""
    hidden: list[torch.Tensor] = []
    rest: list[torch.Tensor] = []
    for name, parameter in models.named_parameters():
        inside = any(part in name for part in ("attention.", "feed_forward.", "layers."))
        is_hidden = inside and parameter.ndim == 2 and "adaLN" not in name
        (hidden if is_hidden else rest).append(parameter)
    groups = [{"params": rest, "peak": ADAM_PEAK * scale}]
    adam = torch.optim.AdamW(groups, betas=(0.9, 0.98), weight_decay=0.0, fused=True)
    return [Muon(hidden, MUON_PEAK * scale), adam]


def fresh_flow(plan: Plan) -> nn.ModuleDict:
    """Untrained models, with whatever fits of the plan's earlier weights."""
    models = build_flow(plan.world)
    if references := references_of(models):
        references.features = features(plan.world, load_vae(plan, "vae"), latent_scaling(plan))
        references.first = first_reference(kept_tokenizer(plan.out, plan.world))
    if plan.warm:
        warm_start(models["transformer"], plan.warm / "transformer")
        warm_start(models["text_encoder"], plan.warm / "text_encoder")
        warm_embeddings(models["text_encoder"], plan.warm, kept_tokenizer(plan.out, plan.world))
        if references and not references.read(load_file(plan.warm / "text_encoder" / "model.safetensors")):
            even_out(models["transformer"].get_parameter("cap_embedder.1.weight"), LOUDER)
    return models


@torch.no_grad()
def even_out(matrix: torch.Tensor, factor: float) -> None:
    """Make all directions of a matrix equally large: `factor` times their root mean square.

    The earlier weights let through a dozen directions of captions, too few to see a drawing by, and what
    layers add is as large as a caption: so references come louder.
    """
    left, sizes, right = torch.linalg.svd(matrix, full_matrices=False)
    matrix.copy_(left @ right * sizes.square().mean().sqrt() * factor)


def load_flow(plan: Plan, *names: str) -> nn.ModuleDict:
    """The averaged models of the first of these stages with a checkpoint, or what a new stage starts from.

    What a stage learnt beside them comes last in its average, and is left.
    """
    models = fresh_flow(plan)
    path = next((plan.out / f"{name}.pt" for name in names if (plan.out / f"{name}.pt").exists()), None)
    if path:
        average = Average(models)
        found = torch.load(path, map_location="cpu", weights_only=True)["average"]
        average.load_state_dict({name: found[name] for name in average.state_dict()})
        average.copy_to(models)
    return models
