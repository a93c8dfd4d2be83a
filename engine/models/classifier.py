"""Scores of finished pictures by an image-classification model; the bot decides what they mean.

The classifier runs on the CPU in float32, so that the card is left to drawing. torch and transformers are
imported only where a classifier is configured, since the bot's own process imports this module's neighbours.
"""

import io
from pathlib import Path
from typing import Any

from PIL import Image

from engine.files import hub, quantized, shards
from engine.pipeline import Score
from engine.types import EngineError

WANTED = "name a directory or hub id of a transformers image-classification model in moderation.classifier"
FILES = ("*.json", "*.safetensors")


def load(name: str) -> Score:
    """Load a classifier; labels of a multi-label one are scored each by itself, else they share 1."""
    import torch
    from transformers import AutoImageProcessor, AutoModelForImageClassification

    folder = hub.folder(name, WANTED) or hub.download(name, FILES, advice=WANTED)
    try:
        if any(folder.glob("[!.]*.safetensors")):
            quantized.refuse(shards.read(folder), shards.json_object(folder / "config.json"))
        elif not Path(name).expanduser().is_dir():
            # Other forms than safetensors are torch's to check.
            folder = hub.download(name, (*FILES, "pytorch_model.bin"), advice=WANTED)
        prepare: Any = AutoImageProcessor.from_pretrained(folder)
        found: Any = AutoModelForImageClassification.from_pretrained(
            folder, dtype=torch.float32, output_loading_info=True
        )
        model, info = found[0].eval(), found[1]
        quantized.loaded(name, len(model.state_dict()), info)
    except (EngineError, *shards.UNREADABLE) as error:
        raise EngineError(
            "model_missing", f"the classifier {name!r} cannot be loaded ({shards.reason(error)}); {WANTED}"
        ) from error
    independent = model.config.problem_type == "multi_label_classification"

    def score(image: bytes) -> dict[str, float]:
        with Image.open(io.BytesIO(image)) as picture:
            inputs = prepare(images=picture.convert("RGB"), return_tensors="pt")
        with torch.inference_mode():
            logits = model(**inputs).logits[0]
        shares = logits.sigmoid() if independent else logits.softmax(-1)
        if not bool(torch.isfinite(shares).all()):
            # No number is above any limit, and so nothing would be refused.
            raise EngineError("numerics", f"the classifier {name!r} gives scores that are no numbers")
        return {model.config.id2label[at]: float(share) for at, share in enumerate(shares)}

    return score
