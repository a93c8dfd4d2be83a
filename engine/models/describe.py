"""Device facts, and the plan of a model in memory."""

from contextlib import suppress
from dataclasses import asdict, replace
from typing import Any

import torch

from engine import guards
from engine.files import shards
from engine.files.published import FORMS, form_of
from engine.memory import estimate, sizes
from engine.memory.plan import Plan, PlanRequest
from engine.memory.planner import choose_largest
from engine.memory.probe import Facts, probe
from engine.memory.residency import free_memory
from engine.memory.sizes import Sizes
from engine.models import presets, sources
from engine.models.profiles import profile
from engine.models.registry import OURS, kind
from engine.models.zimage.load import DTYPES, threads
from engine.prompts.llm import choose
from engine.prompts.llm import presets as writers
from engine.sampling.flow import guided_steps
from engine.types import EngineError, EngineSettings, ModelProfile


def describe(settings: EngineSettings) -> dict[str, Any]:
    """Return the facts, `model`, its name in reports, and `plan`, `peak`, `host`, `why`, `side`, `dtype`.

    Also its own `steps` and `guidance`, their `source` and its `licence`; `guided_steps`, the forwards that
    guidance adds to those steps, and whether the model `spares_guidance`; `forward`, the seconds of one at
    best, and `ceiling`, the operations per second it was derived from, where a matrix product finds room. In
    place of all that `refusal` where no plan fits. For the preset, `form` is the one that is taken, `size`
    its bytes and `missing` those that aren't here. Where a chat model is to write prompts, `writer` is how,
    empty where it fits no memory, `writer_refusal` why it cannot; `writer_chosen` is what `auto` chose beside
    an encoder that does not write, `writer_better` what would write better, or "".
    """
    facts = probe(settings.device)
    found = asdict(facts) | {"device": facts.kind}
    try:
        if form_of(settings.model) is not None:
            form = form_of(settings.model) or presets.chosen(settings, lambda: facts)
            found |= {"form": form, "size": FORMS[form].size, "missing": FORMS[form].missing}
        settings = presets.expanded(settings, lambda: facts)
    except EngineError as error:
        return found | {"refusal": str(error)}
    return found | _planned(facts, settings)


def _planned(facts: Facts, settings: EngineSettings) -> dict[str, Any]:
    model, device = settings.model, settings.device
    try:
        described = profile(model, base=settings.base)
        side = described.drawn_side
        measured = _sizes(settings)
        if measured is None:
            return {"model": described.name} | _defaults(described)
        plan = choose_largest(facts, measured, PlanRequest(side, side, settings.dtype, settings.weights))
    except EngineError as error:
        return {"refusal": str(error)}
    found = {"plan": plan.describe(), "peak": plan.peak, "host": plan.host, "why": plan.why}
    found |= {"model": described.name, "side": plan.request.width, "dtype": plan.dtype}
    found |= _defaults(described)
    if not described.composes:
        found |= _writer(settings.optimizer, plan, facts)
    return found | _speed(plan, torch.device(device if device.startswith(facts.kind) else facts.kind))


def _defaults(profile: ModelProfile) -> dict[str, Any]:
    guided = guided_steps(profile.steps, profile.guidance_scale, profile.guided_share)
    return {
        "guided_steps": guided,
        "spares_guidance": profile.spares_guidance,
        "steps": profile.steps,
        "guidance": profile.guidance_scale,
        "composes": profile.composes,
        "source": profile.source,
        "licence": profile.licence,
    }


def _writer(optimizer: str, plan: Plan, facts: Facts) -> dict[str, str]:
    transient = plan.transient(plan.request.width, plan.request.height)
    left, host = facts.free - plan.peak + transient, facts.host_free - plan.host
    free = free_memory(replace(facts, free=left, host_free=host), transient, plan.form("text_encoder").dtype)
    if optimizer == "auto" and not choose.stays(plan, facts.kind):
        chosen, better = writers.best(free, facts.kind)
        return {"writer_chosen": chosen, "writer_better": better}
    if optimizer in ("auto", "rules", "text-encoder"):
        return {}
    try:
        return {"writer": choose.outlook(optimizer, facts.kind, free)}
    except choose.UNUSABLE as error:
        return {"writer_refusal": shards.reason(error)}


def _speed(plan: Plan, device: torch.device) -> dict[str, float]:
    torch.set_num_threads(threads())
    with suppress(EngineError), guards.oom_as("there is no memory to measure in"):
        ceiling = estimate.ceiling(device, DTYPES[plan.dtype], plan.form("transformer").weights)
        side = plan.request.width
        return {"ceiling": ceiling, "forward": estimate.at_best(plan, side, side, ceiling)}
    return {}


def _sizes(settings: EngineSettings) -> Sizes | None:
    """Return the sizes of a Z-Image model on this machine; before a download, by a name that contains
    z-image.

    Other models have no plan: diffusers' own offloading is all there is for them.
    """
    files = sources.here(settings)
    if files is not None:
        return sizes.read(files) if kind(settings.model) in OURS else None
    return presets.sizes_before(settings)
