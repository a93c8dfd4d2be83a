"""Facts about training for reused blocks and shifted schedules."""

from random import Random

import pytest
import torch
from torch import nn

from engine.sampling.reuse import FIRST
from lab.train import train_reuse
from lab.train.flow import forward
from lab.train.references import encode
from lab.train.train_distill import edges
from lab.train.train_reuse import STEPS, Gate, middle_residual, reuse_loss, reusing
from tests.lab.test_distill import material

WORDS = torch.tensor([7, 8, 9])


@pytest.fixture
def flow(models: nn.ModuleDict) -> nn.ModuleDict:
    models["gate"] = Gate()
    return models


def test_a_residual_of_the_same_step_stands_for_the_blocks_it_came_from(flow: nn.ModuleDict) -> None:
    """What the middle blocks added, added in their place, gives the same output without calling them."""
    latents, time = torch.randn(2, 16, 16, 16), torch.tensor([0.3, 0.6])
    caption = (encode(flow, torch.zeros(2, 32, dtype=torch.long)), torch.ones(2, 32) > 0)
    residual = middle_residual(flow["transformer"], latents, time, caption)
    whole = forward(flow["transformer"], latents, time, *caption)
    calls: list[int] = []
    flow["transformer"].layers[0].register_forward_hook(lambda *_: calls.append(1))
    again = forward(reusing(flow["transformer"], residual), latents, time, *caption)
    torch.testing.assert_close(again, whole, rtol=1e-4, atol=1e-4)
    assert not calls


@pytest.mark.parametrize(("step", "is_reused"), [(FIRST, True), (FIRST + 1, False), (FIRST + 2, True)])
def test_the_gate_learns_from_the_steps_that_reuse(
    flow: nn.ModuleDict, monkeypatch: pytest.MonkeyPatch, step: int, is_reused: bool
) -> None:
    """A step that reuses a residual has a gradient for the gate; a whole one has none."""
    rng = Random(1)
    monkeypatch.setattr(rng, "randrange", lambda *bounds: min(step, bounds[-1] - 1))
    torch.manual_seed(2)
    teacher = nn.ModuleDict({name: flow[name] for name in ("transformer", "text_encoder")})
    reuse_loss(flow, teacher, material(WORDS), 4, rng).backward()
    assert (flow["gate"].strength.grad is not None) == is_reused


def test_a_later_use_of_a_residual_adds_less_or_more_by_the_gate_again() -> None:
    """A residual of 2 with a gate of a half is 1 at its first use and a half at its second."""
    gate = Gate()
    gate.strength.data.fill_(0.5)
    assert [gate(torch.tensor(2.0), uses).item() for uses in (1, 2)] == [1.0, 0.5]


def test_every_shift_gives_a_schedule_from_noise_to_picture() -> None:
    """For each shift the levels fall from 1 to 0, and a greater shift stays at noise for longer."""
    low, high = edges(STEPS, torch.tensor([[train_reuse.SHIFTS[0]], [train_reuse.SHIFTS[1]]]))
    assert low[0] == high[0] == 1
    assert low[-1] == high[-1] == 0
    assert (low.diff() < 0).all()
    assert (high[1:-1] > low[1:-1]).all()
