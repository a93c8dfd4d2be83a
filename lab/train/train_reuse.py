"""A stage after the distillation: schedules of any shift, and steps that reuse an earlier one's blocks.

`engine.sampling.reuse` and `engine.sampling.dynamic_schedule` try both on weights that never saw them. Here
the student makes single steps of a schedule whose shift is drawn for each picture, and some of them with the
residual of its own earlier step times a gate that is learnt. The noise level is all that the model's class is
given of the schedule. The gate is printed when the stage ends: it is `engine.sampling.reuse.STRENGTH`.
"""

from copy import copy
from functools import partial
from random import Random

import torch
from diffusers import ZImageTransformer2DModel
from torch import nn

from engine.sampling.reuse import FIRST, Reuse, ReuseName, middle
from lab.train import parallel
from lab.train.coupling import couple, stated_flags
from lab.train.flow import forward
from lab.train.loop import Plan
from lab.train.references import encode
from lab.train.train_distill import GUIDANCE, edges, follow, read_captions, teach
from lab.train.train_flow import BATCH, Material, is_loose, load_flow

STEPS = 8
SHIFTS = (2.0, 4.5)
"""Between which the schedules' shifts are drawn; the static one has 3."""
NAME: ReuseName = "fast"


class Gate(nn.Module):
    """How strongly a residual is added where it is used again; once more for each use of it before."""

    def __init__(self) -> None:
        super().__init__()
        self.strength = nn.Parameter(torch.tensor(1.0))

    def forward(self, residual: torch.Tensor, uses: int) -> torch.Tensor:
        """The residual of a step that is the `uses`th to add it."""
        return residual * self.strength**uses


class Middle(nn.Module):
    """Stands in a row of blocks: it keeps the tokens that pass, or adds a residual to them."""

    def __init__(self, residual: torch.Tensor | None = None) -> None:
        super().__init__()
        self.residual, self.seen = residual, list[torch.Tensor]()

    def forward(self, joint: torch.Tensor, *_: object) -> torch.Tensor:
        """Hand on tokens (B, T, D)."""
        self.seen.append(joint)
        return joint if self.residual is None else joint + self.residual


def train_reuse(plan: Plan, batch: int = BATCH // 2) -> None:
    """Teach the distilled flow the steps of shifted schedules, half of the later ones with reused blocks.

    Without checkpoints of the flow before its distillation the distilled one is its own teacher, unguided.
    """
    stages = ("polish", "large", "flow")
    guidance = GUIDANCE if any((plan.out / f"{name}.pt").exists() for name in stages) else 1.0
    teacher = load_flow(plan, *stages).to(plan.device).requires_grad_(False)
    student = load_flow(plan, "distill", *stages).to(plan.device)
    student["gate"] = gate = Gate().to(plan.device)
    teach("reuse", plan, student, batch, 18, partial(reuse_loss, student, teacher, guidance=guidance))
    if not parallel.rank():
        print(f"reuse: learnt strength {gate.strength.item():.3f}", flush=True)


def reuse_loss(
    student: nn.ModuleDict,
    teacher: nn.ModuleDict,
    material: Material,
    count: int,
    rng: Random,
    guidance: float = GUIDANCE,
) -> torch.Tensor:
    """Squared error of the student's direction in one step of a schedule, the same step for all pictures."""
    picks, ids, valid, stated = material.wordings.pick(count, rng)
    device, groups, at = material.latents.device, material.world.groups, rng.randrange(STEPS)
    ids, valid = ids.to(device), valid.to(device)
    latents = material.latents[picks.to(device)].float()
    sigmas = edges(STEPS, torch.empty(count, 1).uniform_(*SHIFTS)).to(device)[..., None, None, None]
    free = stated_flags(stated, len(groups)) | is_loose(sigmas[:, at].flatten())[:, None]
    noise = couple(torch.randn_like(latents), material.chosen[picks], free, groups)
    high, low = sigmas[:, at], sigmas[:, at + 1]
    start = (1 - high) * latents + high * noise
    guided = read_captions(teacher, ids, valid, material.wordings, guidance)
    target = (follow(guided, start, high, low) - start) / (high - low)
    caption = (encode(student, ids), valid)
    model = student["transformer"]
    if at in Reuse.of(NAME, STEPS).steps:
        earlier = sigmas[:, FIRST - 2]
        begun = (1 - earlier) * latents + earlier * noise
        residual = middle_residual(model, begun, 1 - earlier.flatten(), caption)
        model = reusing(model, student["gate"](residual, (at - FIRST) // 2 + 1))
    return (forward(model, start, 1 - high.flatten(), *caption).float() - target).square().mean()


def middle_residual(
    model: ZImageTransformer2DModel,
    latents: torch.Tensor,
    time: torch.Tensor,
    caption: tuple[torch.Tensor, torch.Tensor],
) -> torch.Tensor:
    """What the middle blocks add to the tokens (B, T, D) at `time` (B,)."""
    before, after, (start, stop) = Middle(), Middle(), middle(len(model.layers))
    layers = list(model.layers)
    row = [*layers[:start], before, *layers[start:stop], after, *layers[stop:]]
    forward(_with_layers(model, row), latents, time, *caption)
    return after.seen[0] - before.seen[0]


def reusing(model: ZImageTransformer2DModel, residual: torch.Tensor) -> ZImageTransformer2DModel:
    """The same model, the residual in place of its middle blocks."""
    start, stop = middle(len(model.layers))
    return _with_layers(model, [*model.layers[:start], Middle(residual), *model.layers[stop:]])


def _with_layers(model: ZImageTransformer2DModel, layers: list[nn.Module]) -> ZImageTransformer2DModel:
    changed = copy(model)
    changed._modules = model._modules | {"layers": nn.ModuleList(layers)}
    return changed
