"""A small classifier that names what it sees in a picture: one or two subjects, their colours, and the rest.

Trained on rendered scenes only.
"""

from dataclasses import replace
from itertools import pairwise, product
from pathlib import Path
from random import Random

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from torch import nn
from torch.nn import functional

from lab.render.book.scene import BookScene
from lab.render.scene import Scene, Thing
from lab.render.vocabulary import COLOURS, DISTANCES, POSITIONS, STYLES, TIMES, WEATHERS
from lab.render.world import SMALL_WORLD, World
from lab.train import parallel
from lab.train.dataset import PictureSet, sets_of, to_tensor
from lab.train.loop import Average, Plan, Stage, set_rate

JUDGE_WEIGHTS = Path(__file__).parent / "judge.safetensors"
NONE, OWN = "none", "own"
"""What is not there, and the colour of a drawing that was not recoloured."""
COUNTS = ("one", "two", "three")
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
"""Scenes that only the judge sees, beside those of the model; it sees any picture at 128 by 128 pixels."""
FORMS = 2.0
"""How much more the heads that name subjects weigh in training: forms are hardest to recognise."""
SHIFT = 4
"""Pixels by which a picture is moved at most while the judge learns."""
LOOKS = (-3, 0, 3)
"""Pixels by which a picture is moved, across and down, when the judge looks at it."""


def heads_of(world: World) -> dict[str, tuple[str, ...]]:
    """The judge's questions about pictures of a world, and the words that answer each."""
    own, relation = ((OWN,), {"relation": ("beside", "front", "under", NONE)}) if world.is_book else ((), {})
    return {
        "subject": world.subjects,
        "colour": (*COLOURS, *own),
        "place": world.places,
        "time": TIMES,
        "weather": WEATHERS,
        "style": STYLES,
        "count": COUNTS if world.is_book else COUNTS[:2],
        "position": (*POSITIONS, NONE),
        "distance": DISTANCES,
        "second subject": (*world.subjects, NONE),
        "second colour": (*COLOURS, *own, NONE),
        **relation,
    }


def judge_sets(world: World) -> tuple[PictureSet, ...]:
    """The pictures that a world's judge learns from: its own, and those of the model."""
    return (*(replace(part, world=world) for part in OWN_SETS), *sets_of(world))


def truth_order(scene: Scene) -> tuple[Thing, ...]:
    """A scene's subjects as the judge names them: the left one first, or the one in front or under."""
    return scene.things if scene.position == "left" or not scene.is_beside else scene.things[::-1]


def truth(scene: Scene) -> dict[str, str]:
    """What the judge should say of a scene; in the picture book the count is of one subject."""
    things = truth_order(scene)
    second = things[1] if len(things) == 2 else None
    more = {}
    count = "two" if second else "one"
    if isinstance(scene, BookScene):
        more = {"relation": scene.relation if second else NONE}
        count = COUNTS[scene.count - 1]
    return {
        "subject": things[0].subject,
        "colour": things[0].colour or OWN,
        "place": scene.place,
        "time": scene.time,
        "weather": scene.weather,
        "style": scene.style,
        "count": count,
        "position": NONE if second else scene.position,
        "distance": scene.distance,
        "second subject": second.subject if second else NONE,
        "second colour": (second.colour or OWN) if second else NONE,
        **more,
    }


def mirrored(values: dict[str, str]) -> dict[str, str]:
    """What the judge should say of the same picture seen in a mirror."""
    if values["second subject"] != NONE and values.get("relation", "beside") == "beside":
        names = ("subject", "colour", "second subject", "second colour")
        return values | dict(zip(names, (values[names[at]] for at in (2, 3, 0, 1)), strict=True))
    return values | {
        "position": {"left": "right", "right": "left"}.get(values["position"], values["position"])
    }


class Judge(nn.Module):
    """Convolutions over pictures brought to a small square, and one linear head for each question."""

    def __init__(self, world: World = SMALL_WORLD) -> None:
        super().__init__()
        self.questions = heads_of(world)
        layers: list[nn.Module] = []
        for before, after in pairwise((3, 24, 48, 96, 128)):
            layers += [nn.Conv2d(before, after, 3, stride=2, padding=1), nn.GroupNorm(8, after), nn.ReLU()]
        for _ in range(DEEP):
            layers += [nn.Conv2d(128, 128, 3, padding=1), nn.GroupNorm(8, 128), nn.ReLU()]
        self.body = nn.Sequential(*layers, nn.Conv2d(128, NARROW, 1), nn.ReLU())
        width = NARROW * (SIDE // 16) ** 2
        self.heads = nn.ModuleDict(
            {name: nn.Linear(width, len(words)) for name, words in self.questions.items()}
        )

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
        likely = {name: scores[name].log_softmax(1).sum(0) for name in self.questions}
        return {name: words[int(likely[name].argmax())] for name, words in self.questions.items()}


def accuracy(verdicts: list[dict[str, str]], scenes: list[Scene]) -> dict[str, float]:
    """Share of pictures in which each of the judge's heads names what the scene has."""
    truths = [truth(scene) for scene in scenes]
    return {
        name: sum(seen[name] == true[name] for seen, true in zip(verdicts, truths, strict=True)) / len(scenes)
        for name in verdicts[0]
    }


def held_out_scenes(count: int, seed: int, world: World = SMALL_WORLD) -> list[Scene]:
    """Scenes of the evaluation side of the split."""
    rng = Random(seed)
    return [world.sample(rng, True) for _ in range(count)]


def render_accuracy(
    judge: Judge, side: int = SIDE, count: int = 1000, world: World = SMALL_WORLD
) -> dict[str, float]:
    """The judge's own accuracy on renders of held-out combinations, `side` pixels square."""
    scenes = held_out_scenes(count, 31, world)
    return accuracy(judge.verdicts([world.picture(scene, side, side) for scene in scenes]), scenes)


def train_judge(plan: Plan, path: Path = JUDGE_WEIGHTS, batch: int = BATCH) -> None:
    """Learn from the plan's rendered scenes, mirrored, moved, blurred and noised at random; save in float16.

    Goes on from the weights at `path` where there are some.
    """
    torch.manual_seed(7 + parallel.rank())
    judge, peak = (Judge(plan.world), PEAK)
    if path.exists():
        judge, peak = load_judge(path, plan.world).train(), GENTLE
    sets = [
        (part.pictures(plan.scenes, plan.out), _labels(part.scenes(plan.scenes), judge.questions))
        for part in plan.sets
    ]
    names = list(judge.questions)
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


def load_judge(path: Path = JUDGE_WEIGHTS, world: World = SMALL_WORLD) -> Judge:
    """The judge of the small world that lies beside this file, or another."""
    judge = Judge(world)
    judge.load_state_dict({name: value.float() for name, value in load_file(path).items()})
    return judge.eval()


def _labels(scenes: list[Scene], questions: dict[str, tuple[str, ...]]) -> torch.Tensor:
    """Index of every head's true word as rendered and in a mirror, (2, N, heads)."""

    def row(values: dict[str, str]) -> list[int]:
        return [words.index(values[name]) for name, words in questions.items()]

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
