"""A small classifier that names what it sees in a picture: one or two subjects, their colours, and the rest.

Trained on rendered scenes of the small world only; of the picture book `likeness` judges.
"""

from itertools import pairwise, product
from pathlib import Path
from random import Random

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from torch import nn
from torch.nn import functional

from lab.render.scene import Scene, Thing, sample_scene
from lab.render.scenes import render_array
from lab.render.vocabulary import (
    COLOURS,
    DISTANCES,
    PLACES,
    POSITIONS,
    STYLES,
    SUBJECTS,
    TIMES,
    WEATHERS,
)
from lab.train import parallel
from lab.train.dataset import SETS, PictureSet, to_tensor
from lab.train.loop import Average, Plan, Stage, set_rate

JUDGE_WEIGHTS = Path(__file__).parent / "judge.safetensors"
NONE = "none"
HEADS: dict[str, tuple[str, ...]] = {
    "subject": SUBJECTS,
    "colour": COLOURS,
    "place": PLACES,
    "time": TIMES,
    "weather": WEATHERS,
    "style": STYLES,
    "count": ("one", "two"),
    "position": (*POSITIONS, NONE),
    "distance": DISTANCES,
    "second subject": (*SUBJECTS, NONE),
    "second colour": (*COLOURS, NONE),
}
"""The judge's questions, and the words that answer each."""
SIDE = 128
DEEP, NARROW = 2, 64
"""Convolutions at a sixteenth of the side, and the channels that the heads read."""
BATCH = 24
PEAK, GENTLE = 2e-3, 1e-3
"""The rate from nothing, and from weights that are good already."""
OWN_SETS = (
    PictureSet("judge", SIDE, SIDE, 1.5, seed=27),
    PictureSet("judge-wide", 160, 104, 0.3, seed=28),
    PictureSet("judge-tall", 104, 160, 0.3, seed=29),
    PictureSet("judge-broad", 168, 96, 0.3, seed=30),
    PictureSet("judge-high", 96, 168, 0.3, seed=31),
)
"""Scenes that only the judge sees."""
JUDGE_SETS = (*OWN_SETS, *SETS)
"""What it learns from: its own pictures and those of the model, each brought to 128 by 128 pixels."""
FORMS = 2.0
"""How much more the heads that name subjects weigh in training: forms are hardest to recognise."""
SHIFT = 4
"""Pixels by which a picture is moved at most while the judge learns."""
LOOKS = (-3, 0, 3)
"""Pixels by which a picture is moved, across and down, when the judge looks at it."""


def truth_order(scene: Scene) -> tuple[Thing, ...]:
    """A scene's subjects as a judge names them: the left one first, or the one in front or under."""
    return scene.things if scene.position == "left" or not scene.is_beside else scene.things[::-1]


def truth(scene: Scene) -> dict[str, str]:
    """What the judge should say of a scene."""
    first, *others = truth_order(scene)
    second = others[0] if others else None
    return {
        "subject": first.subject,
        "colour": first.colour,
        "place": scene.place,
        "time": scene.time,
        "weather": scene.weather,
        "style": scene.style,
        "count": "two" if second else "one",
        "position": NONE if second else scene.position,
        "distance": scene.distance,
        "second subject": second.subject if second else NONE,
        "second colour": second.colour if second else NONE,
    }


def mirrored(values: dict[str, str]) -> dict[str, str]:
    """What the judge should say of the same picture seen in a mirror."""
    if values["second subject"] != NONE:
        names = ("subject", "colour", "second subject", "second colour")
        return values | dict(zip(names, (values[names[at]] for at in (2, 3, 0, 1)), strict=True))
    return values | {
        "position": {"left": "right", "right": "left"}.get(values["position"], values["position"])
    }


class Judge(nn.Module):
    """Convolutions over pictures brought to a small square, and one linear head for each question."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for before, after in pairwise((3, 24, 48, 96, 128)):
            layers += [nn.Conv2d(before, after, 3, stride=2, padding=1), nn.GroupNorm(8, after), nn.ReLU()]
        for _ in range(DEEP):
            layers += [nn.Conv2d(128, 128, 3, padding=1), nn.GroupNorm(8, 128), nn.ReLU()]
        self.body = nn.Sequential(*layers, nn.Conv2d(128, NARROW, 1), nn.ReLU())
        width = NARROW * (SIDE // 16) ** 2
        self.heads = nn.ModuleDict({name: nn.Linear(width, len(words)) for name, words in HEADS.items()})

    def forward(self, pictures: torch.Tensor) -> dict[str, torch.Tensor]:
        """Scores of each head for pictures (N, 3, H, W) in [-1, 1]."""
        if pictures.shape[-2:] != (SIDE, SIDE):
            pictures = functional.interpolate(pictures, (SIDE, SIDE), mode="area")
        flat = functional.dropout(self.body(pictures).flatten(1), 0.2, self.training)
        return {name: head(flat) for name, head in self.heads.items()}

    @torch.inference_mode()
    def verdicts(self, pictures: list[NDArray[np.uint8]]) -> list[dict[str, str]]:
        """What each picture (H, W, 3) shows."""
        return [self._verdict(picture) for picture in pictures]

    def _verdict(self, picture: NDArray[np.uint8]) -> dict[str, str]:
        """The words that are likeliest over nine looks, each moved by some pixels."""
        small = functional.interpolate(to_tensor(picture[None]), (SIDE, SIDE), mode="area")
        scores = self(torch.cat([_moved(small, across, down) for across, down in product(LOOKS, LOOKS)]))
        likely = {name: scores[name].log_softmax(1).sum(0) for name in HEADS}
        return {name: words[int(likely[name].argmax())] for name, words in HEADS.items()}


def accuracy(verdicts: list[dict[str, str]], scenes: list[Scene]) -> dict[str, float]:
    """Share of pictures in which each of the judge's heads names what the scene has."""
    truths = [truth(scene) for scene in scenes]
    return {
        name: sum(seen[name] == true[name] for seen, true in zip(verdicts, truths, strict=True)) / len(scenes)
        for name in verdicts[0]
    }


def held_out_scenes(count: int, seed: int) -> list[Scene]:
    """Scenes of the evaluation side of the split."""
    rng = Random(seed)
    return [sample_scene(rng, True) for _ in range(count)]


def render_accuracy(judge: Judge, side: int = SIDE, count: int = 1000) -> dict[str, float]:
    """The judge's own accuracy on renders of held-out combinations, `side` pixels square."""
    scenes = held_out_scenes(count, 31)
    return accuracy(judge.verdicts([render_array(scene, side, side) for scene in scenes]), scenes)


def train_judge(plan: Plan, path: Path = JUDGE_WEIGHTS, batch: int = BATCH) -> None:
    """Learn from the plan's rendered scenes, mirrored, moved, blurred and noised at random; save in float16.

    Goes on from the weights at `path` where there are some.
    """
    torch.manual_seed(7 + parallel.rank())
    judge, peak = Judge(), PEAK
    if path.exists():
        judge, peak = load_judge(path).train(), GENTLE
    sets = [(part.pictures(plan.scenes, plan.out), _labels(part.scenes(plan.scenes))) for part in plan.sets]
    names = list(HEADS)
    weights = torch.tensor([FORMS if "subject" in name else 1.0 for name in names], device=plan.device)
    judge, rng = judge.to(plan.device), Random(8 + 1000 * parallel.rank())
    average = Average(judge)
    optimizer = torch.optim.AdamW([{"params": list(judge.parameters()), "peak": peak}], weight_decay=0.01)
    stage = Stage("judge", plan, {"model": judge, "optimizer": optimizer, "average": average})

    def step() -> torch.Tensor:
        set_rate([optimizer], stage.rate)
        pictures, labels = rng.choices(sets, [len(part) for part, _ in sets])[0]
        picks = [rng.randrange(len(pictures)) for _ in range(batch * plan.scale)]
        seen, right = to_tensor(pictures[np.sort(picks)]), labels[:, sorted(picks)]
        is_mirrored = torch.rand(len(seen)) < 0.5
        seen = torch.where(is_mirrored[:, None, None, None], seen.flip(-1), seen)
        right = right[is_mirrored.long(), torch.arange(len(seen))].to(plan.device)
        scores = judge(_roughen(seen.to(plan.device)))
        losses = [functional.cross_entropy(scores[name], right[:, i]) for i, name in enumerate(names)]
        loss = torch.stack(losses) @ weights
        optimizer.zero_grad()
        loss.backward()
        parallel.average_gradients(judge.parameters())
        optimizer.step()
        average.update(judge, stage.progress.step)
        return loss.detach()

    stage.run(step, samples=batch * plan.scale)
    if not parallel.rank():
        average.copy_to(judge)
        save_judge(judge, path)


def save_judge(judge: Judge, path: Path) -> None:
    """Write weights in float16."""
    save_file({name: value.half().cpu() for name, value in judge.state_dict().items()}, path)


def load_judge(path: Path = JUDGE_WEIGHTS) -> Judge:
    """The judge that lies beside this file, or another."""
    judge = Judge()
    judge.load_state_dict({name: value.float() for name, value in load_file(path).items()})
    return judge.eval()


def _labels(scenes: list[Scene]) -> torch.Tensor:
    """Index of every head's true word as rendered and in a mirror, (2, N, heads)."""

    def row(values: dict[str, str]) -> list[int]:
        return [words.index(values[name]) for name, words in HEADS.items()]

    truths = [truth(scene) for scene in scenes]
    return torch.tensor([[row(each) for each in truths], [row(mirrored(each)) for each in truths]])


def _roughen(pictures: torch.Tensor) -> torch.Tensor:
    """Pictures at the judge's size, moved a little, some blurred, all with a little noise."""
    small = functional.interpolate(pictures, (SIDE, SIDE), mode="area")
    across, down = torch.randint(-SHIFT, SHIFT + 1, (2,)).tolist()
    small = _moved(small, across, down)
    blurred = functional.avg_pool2d(small, 3, stride=1, padding=1, count_include_pad=False)
    pick = torch.rand(len(small), 1, 1, 1, device=small.device)
    return small.lerp(blurred, pick) + 0.04 * torch.randn_like(small)


def _moved(pictures: torch.Tensor, across: int, down: int) -> torch.Tensor:
    """Pictures moved by at most `SHIFT` pixels, their edges repeated."""
    padded = functional.pad(pictures, (SHIFT,) * 4, mode="replicate")
    height, width = pictures.shape[-2:]
    return padded[:, :, SHIFT + down :, SHIFT + across :][:, :, :height, :width]
