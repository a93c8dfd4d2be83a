"""A small classifier that names what it sees: subject, colour, place and time of a picture.

Learnt from rendered scenes only; it never sees a generated picture before it judges one.
"""

from itertools import pairwise
from pathlib import Path
from random import Random

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from torch import nn
from torch.nn import functional

from engine.embedded.dataset import rendered, to_tensor, training_scenes
from engine.embedded.loop import Plan, Stage, set_rate
from engine.embedded.scenes import render_array
from engine.embedded.world import COLOURS, PLACES, SUBJECTS, TIMES, Scene, sample_scene

JUDGE_WEIGHTS = Path(__file__).parent / "judge.safetensors"
HEADS: dict[str, tuple[str, ...]] = {"subject": SUBJECTS, "colour": COLOURS, "place": PLACES, "time": TIMES}
SIDE = 64


class Judge(nn.Module):
    """Five convolutions and four heads over pictures reduced to 64 pixels."""

    def __init__(self) -> None:
        super().__init__()
        widths = (3, 24, 48, 96, 128)
        layers: list[nn.Module] = []
        for before, after in pairwise(widths):
            layers += [nn.Conv2d(before, after, 3, stride=2, padding=1), nn.GroupNorm(8, after), nn.ReLU()]
        self.body = nn.Sequential(*layers, nn.Conv2d(128, 128, 3, padding=1), nn.ReLU())
        self.heads = nn.ModuleDict({name: nn.Linear(128 * 16, len(words)) for name, words in HEADS.items()})

    def forward(self, pictures: torch.Tensor) -> dict[str, torch.Tensor]:
        """Scores of each head for pictures (N, 3, H, W) in [-1, 1]."""
        small = functional.interpolate(pictures, (SIDE, SIDE), mode="area")
        flat = functional.dropout(self.body(small).flatten(1), 0.2, self.training)
        return {name: head(flat) for name, head in self.heads.items()}

    @torch.inference_mode()
    def verdicts(self, pictures: NDArray[np.uint8]) -> dict[str, list[str]]:
        """The named word of every head for pictures (N, H, W, 3)."""
        scores = [self(to_tensor(pictures[i : i + 50])) for i in range(0, len(pictures), 50)]
        return {
            name: [words[i] for part in scores for i in part[name].argmax(1).tolist()]
            for name, words in HEADS.items()
        }


def accuracy(judge: Judge, pictures: NDArray[np.uint8], scenes: list[Scene]) -> dict[str, float]:
    """Share of pictures in which each head names what the scene asked for."""
    verdicts = judge.verdicts(pictures)
    return {
        name: float(
            np.mean([word == getattr(scene, name) for word, scene in zip(words, scenes, strict=True)])
        )
        for name, words in verdicts.items()
    }


def held_out_scenes(count: int, seed: int) -> list[Scene]:
    """Scenes of the evaluation side of the split."""
    rng = Random(seed)
    return [sample_scene(rng, held_out=True) for _ in range(count)]


def render_accuracy(judge: Judge, count: int = 1000) -> dict[str, float]:
    """The judge's own accuracy on renders of held-out combinations."""
    scenes = held_out_scenes(count, seed=31)
    return accuracy(judge, np.stack([render_array(scene) for scene in scenes]), scenes)


def train_judge(plan: Plan, path: Path = JUDGE_WEIGHTS, batch: int = 48) -> Judge:
    """Learn from rendered training scenes, a little blurred and noised at random; save in float16."""
    torch.manual_seed(7)
    scenes = training_scenes(plan.scenes)
    pictures = rendered(scenes, plan.out / f"scenes-{plan.scenes}.npy")
    labels = {
        name: torch.tensor([words.index(getattr(s, name)) for s in scenes]) for name, words in HEADS.items()
    }
    judge, rng = Judge(), Random(8)
    optimizer = torch.optim.AdamW([{"params": list(judge.parameters()), "peak": 2e-3}], weight_decay=0.01)
    stage = Stage("judge", plan, {"model": judge, "optimizer": optimizer})

    def step() -> torch.Tensor:
        set_rate([optimizer], stage.rate)
        picks = [rng.randrange(len(scenes)) for _ in range(batch)]
        scores = judge(_roughen(to_tensor(pictures[picks])))
        loss = torch.stack(
            [functional.cross_entropy(scores[name], labels[name][picks]) for name in HEADS]
        ).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.detach()

    stage.run(step, samples=batch)
    judge.half().float().eval()
    save_file({name: value.half() for name, value in judge.state_dict().items()}, path)
    return judge


def load_judge(path: Path = JUDGE_WEIGHTS) -> Judge:
    """The judge that ships with the package."""
    judge = Judge()
    judge.load_state_dict({name: value.float() for name, value in load_file(path).items()})
    return judge.eval()


def _roughen(pictures: torch.Tensor) -> torch.Tensor:
    """Pictures at half size, some blurred, all with a little noise."""
    small = functional.avg_pool2d(pictures, 2)
    blurred = functional.avg_pool2d(small, 3, stride=1, padding=1, count_include_pad=False)
    pick = torch.rand(len(small), 1, 1, 1)
    return small.lerp(blurred, pick) + 0.04 * torch.randn_like(small)
