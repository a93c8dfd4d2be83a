"""What loading would find on this machine and in its files, as JSON: `python -m engine.models.examine
SETTINGS`.

SETTINGS is `EngineSettings` as JSON. Runs in a process of its own, so that the caller needs no torch. Every
check is the code that loading runs; nothing is downloaded and nothing is drawn.
"""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any, Literal, NamedTuple

import torch

from engine.fake import striped
from engine.files import hub, shards
from engine.files.upscalers import Preset
from engine.memory.probe import probe
from engine.models import classifier, presets, sources
from engine.models.describe import describe
from engine.models.registry import OURS, kind
from engine.models.zimage.lora import Loras, lora_folder
from engine.pictures import codec
from engine.pictures.metadata import Parameters, write
from engine.prompts.llm import choose
from engine.sampling.steps import SamplingOptions
from engine.types import EngineError, EngineSettings, Picture, Upscale
from engine.upscale import upscale
from engine.upscale.plan import UpscalePlan

Grade = Literal["ok", "note", "problem"]
SHOWN = 5
"""How many LoRA files that cannot be used are named."""


class Check(NamedTuple):
    """The result of one check; where it is a problem, the text says what to do."""

    grade: Grade
    subject: str
    text: str


Look = Callable[[EngineSettings], Iterator[Check]]


def examine(settings: EngineSettings) -> dict[str, Any]:
    """Return the device's facts and the plan as `describe` does, and `checks`."""
    found = describe(settings)
    with suppress(EngineError):
        settings = presets.expanded(settings, lambda: probe(settings.device))
    checks = [*_checked("model", check_model, settings), *_checked("prompts", check_writer, settings)]
    for subject, look in (
        ("loras", check_loras),
        ("upscalers", check_upscalers),
        ("classifier", check_classifier),
    ):
        if getattr(settings, subject):
            checks += _checked(subject, look, settings)
    if found.get("refusal") in [check.text for check in checks]:
        del found["refusal"]
    return found | {"checks": [check._asdict() for check in checks]}


def _checked(subject: str, look: Look, settings: EngineSettings) -> Iterator[Check]:
    try:
        yield from look(settings)
    except (EngineError, *shards.UNREADABLE) as error:
        yield Check("problem", subject, shards.reason(error))


def check_model(settings: EngineSettings) -> Iterator[Check]:
    """Look at the model's files, where there are any."""
    SamplingOptions.of(settings.experimental)
    files = sources.here(settings)
    if files is None:
        return
    if kind(settings.model) in OURS:
        from engine.models.zimage.load import check

        remarks = check(files)
    else:
        from engine.models.diffusers.load import check as check_generic

        remarks = check_generic(files.base)
    for remark in remarks:
        yield Check("note", "model", remark)


def check_writer(settings: EngineSettings) -> Iterator[Check]:
    """Check the chat model for models of other families; for Z-Image the plan says how it fits."""
    if sources.here(settings) is not None and kind(settings.model) not in OURS:
        choose.look_apart(settings.optimizer)
    yield from ()


def check_loras(settings: EngineSettings) -> Iterator[Check]:
    """Read every LoRA file for the model."""
    folder, found = lora_folder(settings.loras), sources.here(settings)
    if found is None or kind(settings.model) not in OURS:
        return
    from engine.models.zimage.load import outline

    files = Loras(folder, outline(found, "transformer"))
    faults: list[str] = [fault for name in files.names() if (fault := _fault(files, name))]
    for fault in faults[:SHOWN]:
        yield Check("note", "loras", fault)
    count = len(files.names())
    bad = f", {len(faults)} of them cannot be used" if faults else ""
    yield Check("ok" if count > len(faults) else "note", "loras", f"{count} files in {folder}{bad}")


def check_upscalers(settings: EngineSettings) -> Iterator[Check]:
    """Upscale a small picture with each of the weights that are used and on this machine."""
    plan = UpscalePlan.of(torch.device("cpu"), settings.upscalers)
    weights = plan.weights()
    if not weights:
        yield Check("note", "upscalers", f"{settings.upscalers} holds no weights; the built-in ones are used")
    for purpose, found in weights.items():
        if isinstance(found, Preset) and not found.file.is_file():
            text = f"is not here yet; the first upscale of a {purpose} downloads {found.size / 1e6:.1f} MB"
            text = f"{found.name} {text} to {found.file}"
            yield Check("note", "upscalers", text)
            continue
        image = codec.png(codec.read(striped("upscalers", 64, 64)))
        parameters = Parameters("a flat illustration" if purpose == "drawing" else "a photograph")
        *_, larger = upscale(Upscale(write(image, parameters), 2, "sr"), plan)
        assert isinstance(larger, Picture)
        if faults := larger.report.get("guards"):
            text = f"{faults[0]}; choose other weights for {settings.upscalers}"
            yield Check("problem", "upscalers", text)
        else:
            yield Check("ok", "upscalers", f"{larger.report['model']} upscales {purpose}s")


def check_classifier(settings: EngineSettings) -> Iterator[Check]:
    """Score a small picture."""
    name = settings.classifier
    is_here = hub.folder(name, classifier.WANTED) or hub.cached(name, "config.json")
    if not is_here and hub.is_id(name):
        yield Check("note", "classifier", f"{name} is not on this machine yet; the first start downloads it")
        return
    scores = classifier.load(name)(striped("classifier", 64, 64))
    yield Check("ok", "classifier", f"{name} tells {', '.join(scores)}")


def _fault(files: Loras, name: str) -> str:
    try:
        files.look(((name, 1.0),))
    except EngineError as error:
        return str(error)
    return ""


if __name__ == "__main__":
    json.dump(examine(EngineSettings(**json.loads(sys.argv[1]))), sys.stdout)
