"""The preset `z-image-turbo`: which form of its published files suits a machine, and what takes their place.

Also what there is to download by name: `python -m engine.models.presets DEVICE` lists it as JSON, for callers
without torch.
"""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, Literal, NamedTuple, Protocol

from engine.embedded import NAME as EMBEDDED
from engine.files import hub, published, upscalers
from engine.files.hub import RemoteFile
from engine.files.published import FORMS, PRESET, Form, form_of
from engine.memory import sizes
from engine.memory.plan import GIB, Plan, PlanRequest, gib
from engine.memory.planner import choose, choose_largest
from engine.memory.probe import Facts, probe
from engine.memory.sizes import Sizes
from engine.progress import Show
from engine.prompts.llm import presets as writers
from engine.prompts.llm import translator
from engine.types import EngineError, EngineSettings

STREAMED = 11 * GIB // 10
"""Bytes that may cross to the device in every step: about 0.05 s over PCIe 4, less than a step computes."""
NARROW = ("int8", "float8", "4bit")
CARDS = (6, 8, 12, 16, 24)
_DRIVER, _MAIN_MEMORY = GIB // 2, 28 * GIB
"""Bytes that a card's driver is taken to use, and of main memory beside a card that nobody looked at."""
Does = Literal["draws", "writes prompts", "translates", "upscales", ""]


class Download(Protocol):
    """A file that can be downloaded, of `size` bytes."""

    @property
    def size(self) -> int: ...

    def here(self) -> Path | None:
        """Return the file where it is on this machine."""

    def fetch(self, show: Show | None = None) -> Path:
        """Return the file, downloaded where it isn't here; raises `EngineError("model_missing")`."""

    def remove(self) -> int:
        """Delete what was downloaded; return the bytes that this frees."""


class Offer(NamedTuple):
    """What can be downloaded by a name: the files, what for, under which licence."""

    name: str
    does: Does
    files: tuple[Download, ...]
    licence: str

    @property
    def size(self) -> int:
        """The bytes of all its files."""
        return sum(file.size for file in self.files)

    @property
    def missing(self) -> int:
        """The bytes that aren't on this machine yet."""
        return sum(file.size for file in self.files if file.here() is None)

    @property
    def is_here(self) -> bool:
        """Whether every file is on this machine."""
        return all(file.here() is not None for file in self.files)


def offers() -> list[Offer]:
    """Return all there is."""
    drawing = [Offer(f"{PRESET}:{name}", "draws", form, published.LICENCE) for name, form in FORMS.items()]
    writing = [Offer(name, "writes prompts", (file,), "Apache 2.0") for name, file in writers.PRESETS.items()]
    translating = Offer(translator.NAME, "translates", translator.FILES, "CC BY 4.0")
    upscaling = [Offer(name, "upscales", (file,), "BSD-3-Clause") for name, file in upscalers.PRESETS.items()]
    return [*drawing, *writing, translating, *upscaling]


def expanded(settings: EngineSettings, facts: Callable[[], Facts] | None) -> EngineSettings:
    """Return the settings with published files in place of the preset and of parts that nobody named.

    Without `facts` the preset stays where no form of it is on this machine. Raises
    `EngineError("out_of_memory")` where no form fits, `EngineError("model_missing")` for want of disk space.
    """
    form = form_of(settings.model)
    if form is None:
        return _completed(settings, facts)
    name = form or chosen(settings, facts)
    return _filled(settings, FORMS[name], FORMS[name].transformer) if name else settings


def chosen(settings: EngineSettings, facts: Callable[[], Facts] | None) -> str:
    """Return the form of the preset for a machine: one that is here, else the one to download.

    Of those here it is the best that suits, else the next larger one. "" is none, where there are no facts.
    """
    here = [name for name, form in FORMS.items() if not form.missing]
    if facts is None:
        return here[0] if here else ""
    if not here:
        return suited(facts(), _request(settings), hub.free_space()[1])
    names = list(FORMS)
    best = names.index(suited(facts(), _request(settings)))
    return next((name for name in here if names.index(name) >= best), here[-1])


def suited(facts: Facts, request: PlanRequest, room: int | None = None) -> str:
    """Return the best form that a device holds and for which the disk has so much room.

    bfloat16 has to stay there whole; a quantized transformer may stream a little. Where none does, it is the
    smallest one that can be streamed. Raises as `expanded` does.
    """
    refusal, last = None, ""
    for name, form in FORMS.items():
        if room is not None and form.missing > room:
            continue
        try:
            plan = choose_largest(facts, sizes_of(form), request)
        except EngineError as error:
            refusal = error
            continue
        if _suits(form, plan):
            return name
        last = name
    if last:
        return last
    if refusal is None:
        hub.ensure_room(min(form.missing for form in FORMS.values()))
    assert refusal is not None
    raise refusal


def sizes_of(form: Form) -> Sizes:
    """Return the sizes of a form before it is downloaded."""
    if not form.is_gguf:
        return sizes.Z_IMAGE
    return sizes.of_gguf(form.transformer.size, form.text_encoder.size)


@cache
def on_cards(name: str) -> tuple[Plan | None, ...]:
    """Return the plans of a form for 1024×1024 on each of `CARDS`, None where it doesn't fit."""

    def plan(gigabytes: int) -> Plan | None:
        total = gigabytes * GIB
        card = Facts("cuda", f"{gigabytes} GB card", total - _DRIVER, total, True, _MAIN_MEMORY, _MAIN_MEMORY)
        return on(card, name)

    return tuple(map(plan, CARDS))


def on(facts: Facts, name: str) -> Plan | None:
    """Return the plan of a form for 1024×1024 on a machine, None where it doesn't fit."""
    with suppress(EngineError):
        return choose(facts, sizes_of(FORMS[name]), PlanRequest())
    return None


def remote(settings: EngineSettings) -> Iterator[RemoteFile]:
    """Yield the single files on the hub that settings name."""
    for name in (settings.model, settings.text_encoder, settings.vae):
        found = hub.single(name) if name else None
        if isinstance(found, RemoteFile):
            yield published.known(found)


def sizes_before(settings: EngineSettings) -> Sizes | None:
    """Return the sizes of a model that isn't here, by its name; None where that says nothing."""
    own = next(remote(settings), None)
    form = next((form for form in FORMS.values() if form.transformer == own), None)
    if form is not None:
        return sizes_of(form)
    return sizes.Z_IMAGE if "z-image" in settings.model.casefold() else None


def _suits(form: Form, plan: Plan) -> bool:
    is_narrowed = plan.weights in NARROW and plan.weights != plan.request.weights
    if not form.is_gguf:
        return not plan.streams and plan.text_encoder == "resident" and not is_narrowed
    return plan.streamed_bytes <= STREAMED and plan.decode != "tiles" and not is_narrowed


def _request(settings: EngineSettings) -> PlanRequest:
    return PlanRequest(dtype=settings.dtype, weights=settings.weights)


def _filled(settings: EngineSettings, form: Form, transformer: RemoteFile | None = None) -> EngineSettings:
    """Return the settings with a form's files for what is not named."""
    model = f"{transformer.repository}/{transformer.file}" if transformer else settings.model
    encoder, vae = (f"{file.repository}/{file.file}" for file in (form.text_encoder, form.vae))
    return replace(
        settings, model=model, text_encoder=settings.text_encoder or encoder, vae=settings.vae or vae
    )


def _completed(settings: EngineSettings, facts: Callable[[], Facts] | None) -> EngineSettings:
    """Return the settings of a transformer's single file with its other parts.

    They are those that belong to it, else what is here, else what suits the machine. A folder as `base` has
    them itself.
    """
    is_single = hub.single_name(settings.model)
    if not is_single or (settings.text_encoder and settings.vae):
        return settings
    if settings.base == EMBEDDED or (settings.base and hub.folder(settings.base)):
        return settings
    own = hub.single(settings.model)
    for form in FORMS.values():
        if isinstance(own, RemoteFile) and own[:2] == form.transformer[:2]:
            return _filled(settings, form)
    here = [form for form in FORMS.values() if form.text_encoder.here()]
    if here or facts is None:
        return _filled(settings, here[0] if here else FORMS["q4_k"])
    return _filled(settings, FORMS[suited(facts(), _request(settings))])


def listed(facts: Facts | None) -> list[dict[str, Any]]:
    """Return every offer in plain values: `name`, `does`, `licence`, `size`, `missing`, whether it `is_here`.

    For what draws, `cards` says how it lies on each of `CARDS` and `machine` how on this one; `is_chosen` is
    the form that the preset's plain name takes here.
    """
    taken = ""
    if facts is not None:
        with suppress(EngineError):
            taken = f"{PRESET}:{chosen(EngineSettings(model=PRESET), lambda: facts)}"
    rows = []
    for offer in offers():
        row = {
            "name": offer.name, "does": offer.does, "licence": offer.licence,
            "size": offer.size, "missing": offer.missing, "is_here": offer.is_here,
        }  # fmt: skip
        if offer.does == "draws":
            form = offer.name.partition(":")[2]
            row["cards"] = {
                f"{card} GB": in_short(plan) for card, plan in zip(CARDS, on_cards(form), strict=True)
            }
            row["machine"] = in_short(on(facts, form)) if facts else ""
            row["is_chosen"] = offer.name == taken
        rows.append(row)
    return rows


def in_short(plan: Plan | None) -> str:
    """Say of a layout whether the transformer stays `whole`, or what is streamed a step; "" for none."""
    if plan is None:
        return ""
    narrowed = f" in {plan.weights}" if plan.weights in NARROW else ""
    return (gib(plan.streamed_bytes) if plan.streams else "whole") + narrowed


if __name__ == "__main__":
    json.dump(listed(probe(sys.argv[1])), sys.stdout)
