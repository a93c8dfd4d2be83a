"""The stage that makes the flow straight in pieces, so that few steps and no guidance are enough.

Piecewise rectified flow (Yan et al. 2024, arXiv:2405.07510): the path from noise to picture is cut into
windows; within each, the student learns the straight line to where the guided teacher ends.
"""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from functools import partial
from random import Random

import torch
from torch import nn

from lab.train import parallel
from lab.train.blocks import compile_blocks
from lab.train.coupling import couple, stated_flags
from lab.train.flow import MULTIPLE, forward
from lab.train.loop import Average, Plan, Stage, set_rate
from lab.train.references import encode
from lab.train.train_flow import BATCH, Material, build_optimizers, is_loose, load_flow, prepare
from lab.train.train_vae import descend
from lab.train.wordings import Wordings, valid_places

WINDOWS = 4
SHIFT = 3.0
TEACHER_STEPS = 2
GUIDANCE = 3.0
PEAK = 0.3


def train_distill(plan: Plan, batch: int = BATCH // 2) -> None:
    """Teach a copy of the trained flow the straight lines of its guided self, in every shape."""
    teacher = load_flow(plan, "polish", "large", "flow").to(plan.device).requires_grad_(False)
    student = deepcopy(teacher).requires_grad_(True)
    teach("distill", plan, student, batch, 16, partial(distill_loss, student, teacher))


def teach(
    name: str,
    plan: Plan,
    student: nn.ModuleDict,
    batch: int,
    seed: int,
    loss_of: Callable[[Material, int, Random], torch.Tensor],
) -> None:
    """Train `student` as stage `name` by `loss_of` batches of the plan's pictures, in every shape."""
    compile_blocks(plan)
    materials = [prepare(plan, part) for part in plan.sets]
    optimizers = build_optimizers(student, PEAK)
    average = Average(student)
    parts = {"model": student, "muon": optimizers[0], "adam": optimizers[1], "average": average}
    stage = Stage(name, plan, parts)
    rng = Random(seed + 1000 * parallel.rank())
    torch.manual_seed(seed + 1 + parallel.rank())
    chances = [material.share for material in materials]

    def step() -> torch.Tensor:
        set_rate(optimizers, stage.rate)
        material = rng.choices(materials, chances)[0]
        count = max(2, round(batch * plan.scale / material.weight))
        with plan.autocast():
            loss = loss_of(material, count, rng)
        return descend(student, loss, optimizers, average, stage)

    stage.run(step, samples=batch * plan.scale)


@dataclass(frozen=True)
class Guided:
    """A teacher that has read one batch of captions; those that say nothing stay unguided."""

    teacher: nn.ModuleDict
    caption: tuple[torch.Tensor, torch.Tensor]
    silent: tuple[torch.Tensor, torch.Tensor]
    scale: torch.Tensor

    def direction(self, latents: torch.Tensor, sigmas: torch.Tensor) -> torch.Tensor:
        """The guided direction from noise to picture (B, C, H, W) at noise levels (B, 1, 1, 1)."""
        model, time = self.teacher["transformer"], 1 - sigmas.flatten()
        towards = forward(model, latents, time, *self.caption)
        away = forward(model, latents, time, *self.silent)
        return (away + self.scale * (towards - away)).float()


def distill_loss(
    student: nn.ModuleDict, teacher: nn.ModuleDict, material: Material, count: int, rng: Random
) -> torch.Tensor:
    """Squared error of the student's direction against the teacher's line through one window a picture."""
    picks, ids, valid, stated = material.wordings.pick(count, rng)
    device, groups = material.latents.device, material.world.groups
    ids, valid = ids.to(device), valid.to(device)
    latents = material.latents[picks.to(device)].float()
    high, low = _window(count, device)
    free = stated_flags(stated, len(groups)) | is_loose(high.flatten())[:, None]
    noise = couple(torch.randn_like(latents), material.chosen[picks], free, groups)
    start = (1 - high) * latents + high * noise
    end = follow(read_captions(teacher, ids, valid, material.wordings), start, high, low)
    at = torch.rand(count, device=device)[:, None, None, None]
    time = 1 - (high + (low - high) * at).flatten()
    output = forward(student["transformer"], start.lerp(end, at), time, encode(student, ids), valid)
    return (output.float() - (end - start) / (high - low)).square().mean()


def edges(steps: int = WINDOWS, shift: torch.Tensor | float = SHIFT) -> torch.Tensor:
    """Noise levels (..., `steps` + 1) of a shifted schedule, 1 to 0, for shifts (..., 1)."""
    even = torch.linspace(1, 0, steps + 1)
    return shift * even / (1 + (shift - 1) * even)


def _window(count: int, device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
    """The noise levels (B, 1, 1, 1) at which one random window of each picture starts and ends."""
    index, levels = torch.randint(WINDOWS, (count,)), edges()
    high, low = (levels[index + side].to(device)[:, None, None, None] for side in (0, 1))
    return high, low


@torch.no_grad()
def follow(guided: Guided, start: torch.Tensor, high: torch.Tensor, low: torch.Tensor) -> torch.Tensor:
    """Where the teacher's Euler steps lead from `start` at `high` to `low`."""
    latents, width = start, (high - low) / TEACHER_STEPS
    for step in range(TEACHER_STEPS):
        latents = latents + width * guided.direction(latents, high - width * step)
    return latents


@torch.no_grad()
def read_captions(
    teacher: nn.ModuleDict,
    tokens: torch.Tensor,
    valid: torch.Tensor,
    wordings: Wordings,
    guidance: float | None = None,
) -> Guided:
    """The teacher with the captions and, for guidance, with no words."""
    empty = wordings.empty.long().to(tokens.device)
    size = -(-len(empty) // MULTIPLE) * MULTIPLE
    blank = torch.nn.functional.pad(empty, (0, size - len(empty)))[None]
    silent = encode(teacher, blank).expand(len(tokens), -1, -1)
    silent_valid = valid_places(torch.full((len(tokens),), len(empty)), size).to(tokens.device)
    unsaid = (valid.sum(1) == len(empty)) & (tokens[:, : len(empty)] == empty).all(1)
    scale = torch.where(unsaid, 1.0, GUIDANCE if guidance is None else guidance)[:, None, None, None]
    caption = encode(teacher, tokens)
    return Guided(teacher, (caption, valid), (silent, silent_valid), scale)
