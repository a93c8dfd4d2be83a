"""Scores for finished pictures by an image-classification model, so that the bot can judge them.

Knows encoded pictures and a `transformers` classifier; knows no rule of what is allowed. The classifier runs
on the CPU in float32, to leave the card to the drawing. torch and transformers are imported only where one is
configured, since the bot's own process imports this module's neighbours.
"""

import io
from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import replace
from typing import Any

from PIL import Image

from engine.files import hub, quantized, shards
from engine.pipeline import Join, Redraw
from engine.types import EngineError, Picture, Progress, Upscale

Score = Callable[[bytes], dict[str, float]]
"""Label to score in [0, 1] of an encoded picture."""


class Checked:
    """A pipeline whose finished pictures carry `report["scores"]`; everything else is the pipeline's own.

    A picture that cannot be scored is not handed out: the error is its task's answer.
    """

    def __init__(self, pipeline: Any, score: Score) -> None:
        self._pipeline = pipeline
        self._score = score

    def __getattr__(self, name: str) -> Any:
        return getattr(self._pipeline, name)

    def finish(self, drawing: Any) -> Callable[[], Picture]:
        """Decode and check the finished drawing; the function returned encodes and scores it."""
        encode = self._pipeline.finish(drawing)
        return lambda: self._scored(encode())

    def upscale(self, task: Upscale) -> Generator[Progress | Picture | Redraw, None, None]:
        """Enlarge an encoded image and score it; one that is drawn over is scored as a whole, too."""
        with closing(self._pipeline.upscale(task)) as events:
            for event in events:
                match event:
                    case Picture():
                        yield self._scored(event)
                    case Redraw(join=join):
                        yield replace(event, join=self._scoring(join))
                    case _:
                        yield event

    def _scoring(self, join: Join) -> Join:
        return lambda drawn: self._scored(join(drawn))

    def _scored(self, picture: Picture) -> Picture:
        return replace(picture, report={**picture.report, "scores": self._score(picture.png)})


def checked(pipeline: Any, classifier: str) -> Any:
    """Return the pipeline with its pictures scored by `classifier`, a directory or hub id; as it is for none.

    Raises `EngineError` (`model_missing`) for a classifier that cannot be loaded.
    """
    return Checked(pipeline, load(classifier)) if classifier else pipeline


WANTED = "name a directory or hub id of a transformers image-classification model in moderation.classifier"


def _check(name: str) -> None:
    """Look at the files of a classifier that is here; other forms than safetensors are torch's to check."""
    folder = hub.folder(name, WANTED)
    if folder is not None and any(folder.glob("[!.]*.safetensors")):
        quantized.refuse(shards.read(folder), shards.json_object(folder / "config.json"))


def load(name: str) -> Score:
    """Load a classifier; labels of a multi-label one are scored each by itself, else they share 1."""
    import torch
    from transformers import AutoImageProcessor, AutoModelForImageClassification

    try:
        _check(name)
        prepare: Any = AutoImageProcessor.from_pretrained(name)
        found: Any = AutoModelForImageClassification.from_pretrained(
            name, dtype=torch.float32, output_loading_info=True
        )
        model, told = found[0].eval(), found[1]
        quantized.loaded(name, len(model.state_dict()), told)
    except (EngineError, *shards.UNREADABLE) as error:
        raise EngineError(
            "model_missing", f"the classifier {name!r} cannot be loaded ({shards.reason(error)}); {WANTED}"
        ) from error
    independent = model.config.problem_type == "multi_label_classification"

    def score(image: bytes) -> dict[str, float]:
        with Image.open(io.BytesIO(image)) as opened:
            inputs = prepare(images=opened.convert("RGB"), return_tensors="pt")
        with torch.inference_mode():
            logits = model(**inputs).logits[0]
        shares = logits.sigmoid() if independent else logits.softmax(-1)
        if not bool(torch.isfinite(shares).all()):
            # No number is above any limit, and so nothing would be refused.
            raise EngineError("numerics", f"the classifier {name!r} gives scores that are no numbers")
        return {model.config.id2label[at]: float(share) for at, share in enumerate(shares)}

    return score
