"""Facts about the distillation into few steps."""

from random import Random

import pytest
import torch
from torch import nn

from engine.sampling.flow import Schedule
from lab.render.world import SMALL_WORLD
from lab.train import train_distill
from lab.train.model import build_scheduler
from lab.train.train_distill import WINDOWS, distill_loss, edges
from lab.train.train_flow import Material
from lab.train.wordings import LONGEST, PLAIN, Wordings


def material(words: torch.Tensor) -> Material:
    """Two pictures whose captions are `words`."""
    torch.manual_seed(1)
    ids = torch.zeros(2, PLAIN + 1, LONGEST, dtype=torch.int16)
    ids[..., : len(words)] = words
    lengths = torch.full((2, PLAIN + 1), len(words), dtype=torch.int16)
    wordings = Wordings(ids, lengths, torch.zeros(2, PLAIN + 1, dtype=torch.int16), torch.tensor([5, 6]))
    nowhere, nobody = torch.zeros(2, 2, 32, 32, dtype=torch.uint8), torch.zeros(2, 2, dtype=torch.long)
    chosen = torch.zeros(2, len(SMALL_WORLD.groups), dtype=torch.long)
    return Material(torch.randn(2, 16, 16, 16), wordings, 1.0, nowhere, nobody, chosen, SMALL_WORLD)


def test_the_windows_meet_at_the_steps_of_the_shortest_schedule() -> None:
    """The windows end where the sampler stops at as many steps, from pure noise to the picture."""
    schedule = Schedule.from_config(dict(build_scheduler().config))
    assert edges().tolist() == pytest.approx(schedule.sigmas(WINDOWS, tokens=64), abs=1e-6)


def test_a_straight_unguided_teacher_has_nothing_left_to_teach(
    models: nn.ModuleDict, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After one step without guidance, a student that is the teacher has no error where the window starts."""
    monkeypatch.setattr(train_distill, "TEACHER_STEPS", 1)
    monkeypatch.setattr(train_distill, "GUIDANCE", 1.0)
    monkeypatch.setattr(torch, "rand", lambda count, device=None: torch.zeros(count, device=device))
    torch.manual_seed(2)
    loss = distill_loss(models, models, material(torch.tensor([7, 8, 9])), 4, Random(1))
    assert loss < 1e-8


def test_guidance_is_what_the_student_has_to_learn(models: nn.ModuleDict) -> None:
    """With guidance the same student errs, and its error has a gradient."""
    torch.manual_seed(2)
    loss = distill_loss(models, models, material(torch.tensor([7, 8, 9])), 4, Random(1))
    loss.backward()
    assert loss > 1e-6
    assert any(p.grad is not None and p.grad.abs().sum() > 0 for p in models.parameters())
