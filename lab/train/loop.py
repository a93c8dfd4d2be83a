"""What every training stage shares: a clock that anneals by time, checkpoints, averages, a log.

The clock is the processor's where one computes, so that a busy machine makes a stage longer, not worse.
"""

import math
import time
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn

from engine.progress import bars
from lab.render.world import World
from lab.train import parallel
from lab.train.dataset import SETS, PictureSet

SAVE_SECONDS = 60.0
LOG_SECONDS = 20.0
WARMUP_STEPS = 80


@dataclass(frozen=True)
class Plan:
    """Where a stage keeps its files, on what it runs, and for how long.

    `minutes` is the whole stage's, resumed parts included, and anneals it; `session` limits one call;
    `gently` asks for small steps from weights that are good already; `warm` is a folder of weights that a
    new stage starts from; `sets` are the pictures to see.
    """

    out: Path
    minutes: float
    device: str = "cpu"
    scenes: int = 20_000
    max_steps: int | None = None
    warm: Path | None = None
    session: float | None = None
    gently: bool = False
    sets: tuple[PictureSet, ...] = SETS

    @property
    def small(self) -> PictureSet:
        """The set that training begins with: small pictures, or the picture book's squares."""
        return self.sets[0]

    @property
    def world(self) -> World:
        """The world whose pictures these are."""
        return self.small.world

    @property
    def scale(self) -> int:
        """How many times the batch of a CPU core one step takes."""
        return 8 if self.device.startswith("cuda") else 1

    def autocast(self) -> AbstractContextManager[None]:
        """bfloat16 where the device is fast at it."""
        if self.device.startswith("cuda"):
            return torch.autocast("cuda", torch.bfloat16)
        return nullcontext()


@dataclass
class Progress:
    """How far a stage has come, over all its resumed parts."""

    step: int = 0
    seconds: float = 0.0


def minutes_spent(name: str, plan: Plan) -> float:
    """Minutes that went into a stage's checkpoint so far; 0 without one."""
    path = plan.out / f"{name}.pt"
    return torch.load(path, map_location="cpu", weights_only=True)["seconds"] / 60 if path.exists() else 0.0


@dataclass
class Stage:
    """One resumable training run: named parts with a state, and a step that returns its loss."""

    name: str
    plan: Plan
    parts: dict[str, Any]
    progress: Progress = field(default_factory=Progress)
    samples: int = 0

    @property
    def checkpoint(self) -> Path:
        """The file that holds this stage's state."""
        return self.plan.out / f"{self.name}.pt"

    @property
    def share(self) -> float:
        """Share of the planned time that has passed, 0 to 1."""
        return min(1.0, self.progress.seconds / (self.plan.minutes * 60))

    @property
    def rate(self) -> float:
        """Learning rate relative to its peak: linear warm-up in steps, cosine to zero in time."""
        warm = min(1.0, (self.progress.step + 1) / WARMUP_STEPS)
        return warm * (0.5 + 0.5 * math.cos(math.pi * self.share)) + 1e-4

    def run(self, step: Callable[[], torch.Tensor], samples: int) -> None:
        """Repeat `step` until the planned time has passed.

        It draws `samples` samples in each process, or as many as it says in `self.samples`.
        """
        self.resume()
        self.samples = samples
        log, saved = _Log(self.name), time.monotonic()
        until = self.progress.seconds + 60 * (self.plan.session or math.inf)
        with ExitStack() as stack:
            show = None if parallel.rank() else stack.enter_context(bars())
            while (
                self.share < 1.0
                and self.progress.step != self.plan.max_steps
                and self.progress.seconds < until
            ):
                began = self._clock()
                loss = step()
                log.add(loss, self.samples * parallel.count(), self)
                self.progress.step += 1
                self.progress.seconds += parallel.mean(self._clock() - began)
                if show:
                    show(self.name, self.share, 1.0)
                if time.monotonic() - saved > SAVE_SECONDS:
                    self._save()
                    saved = time.monotonic()
        self._save()

    def _clock(self) -> float:
        """Seconds of one core's work on a CPU, wall seconds elsewhere."""
        if self.plan.device == "cpu":
            return time.process_time() / torch.get_num_threads()
        return time.monotonic()

    def resume(self) -> None:
        """Take up the checkpoint's state, where there is one."""
        if self.checkpoint.exists():
            state = torch.load(self.checkpoint, map_location=self.plan.device, weights_only=True)
            self.progress = Progress(state["step"], state["seconds"])
            for name, part in self.parts.items():
                part.load_state_dict(state[name])

    def _save(self) -> None:
        if parallel.rank():
            return
        self.plan.out.mkdir(parents=True, exist_ok=True)
        state = {name: part.state_dict() for name, part in self.parts.items()}
        partial_path = self.checkpoint.with_suffix(".part")
        torch.save(state | {"step": self.progress.step, "seconds": self.progress.seconds}, partial_path)
        partial_path.rename(self.checkpoint)


class Average(nn.Module):
    """An exponential average of a model's weights, its horizon growing with the step count."""

    def __init__(self, model: nn.Module, horizon: int = 300) -> None:
        super().__init__()
        self.horizon = horizon
        self.shadow = nn.ParameterList(
            nn.Parameter(p.detach().clone(), requires_grad=False) for p in model.parameters()
        )

    @torch.no_grad()
    def update(self, model: nn.Module, step: int) -> None:
        """Move the average towards the model's present weights."""
        keep = 1 - 1 / min(self.horizon, step / 6 + 1)
        torch._foreach_lerp_(list(self.shadow), list(model.parameters()), 1 - keep)

    @torch.no_grad()
    def copy_to(self, model: nn.Module) -> None:
        """Write the average into `model`."""
        for target, source in zip(model.parameters(), self.shadow, strict=True):
            target.copy_(source)


def set_rate(optimizers: Iterable[torch.optim.Optimizer], rate: float) -> None:
    """Set every group's learning rate to `rate` times its own peak (`peak` in the group)."""
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["lr"] = group["peak"] * rate


class _Log:
    def __init__(self, name: str) -> None:
        self.name = name
        self.began, self.samples, self.losses = time.monotonic(), 0, [0.0]
        self.losses.clear()

    def add(self, loss: torch.Tensor, samples: int, stage: Stage) -> None:
        self.samples += samples
        self.losses.append(loss.item())
        passed = time.monotonic() - self.began
        if passed < LOG_SECONDS or parallel.rank():
            return
        mean = sum(self.losses) / len(self.losses)
        print(
            f"{self.name} step {stage.progress.step} {stage.share:.1%} loss {mean:.4f} "
            f"{self.samples / passed:.1f} samples/s",
            flush=True,
        )
        self.began, self.samples = time.monotonic(), 0
        self.losses.clear()
