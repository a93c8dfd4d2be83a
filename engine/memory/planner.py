"""Which layout a device gets: a pure function of device facts, model sizes and the requested picture.

Exact layouts come first: weights in fewer bits are chosen only where streaming whole ones would not fit in
main memory.
"""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace

from engine.memory.plan import DTYPE_BYTES, KEPT_FREE, MIB, SLOTS, Plan, PlanRequest, gib
from engine.memory.probe import Facts
from engine.memory.sizes import Sizes, Weights
from engine.types import EngineError

WORKSPACE = 300 * MIB
"""Matrix libraries' workspaces and what the allocator loses to rounding."""
SMALLER = (768, 512)
INT8_SINCE, FLOAT8_SINCE = (7, 5), (8, 9)
"""The compute capabilities from which on cards multiply in int8 and in float8 with a scale per row."""
_TWO_BYTES = ("bfloat16", "float16")


def choose(facts: Facts, sizes: Sizes, request: PlanRequest) -> Plan:
    """Return the best plan that fits.

    Raises `EngineError("out_of_memory")` naming the smallest plan and what it needs, and
    `EngineError("bad_input")` for a dtype or a form of weights the device does not have.
    """
    last = None
    for plan in _candidates(facts, sizes, request):
        if fits(plan, facts):
            return replace(plan, why=_why(plan, facts))
        last = plan
    assert last is not None
    raise EngineError("out_of_memory", _refusal(last, facts))


def choose_largest(facts: Facts, sizes: Sizes, request: PlanRequest) -> Plan:
    """Like `choose`, but for a smaller picture where the requested one fits no plan."""
    try:
        return choose(facts, sizes, request)
    except EngineError as refusal:
        for side in SMALLER:
            if refusal.code == "out_of_memory" and side < max(request.width, request.height):
                with suppress(EngineError):
                    return choose(facts, sizes, replace(request, width=side, height=side))
        raise


def fits(plan: Plan, facts: Facts) -> bool:
    """Say whether device and main memory hold the plan."""
    return plan.peak <= budget(facts) and plan.host <= facts.host_free


def budget(facts: Facts) -> int:
    """Return the bytes a plan may take on the device; in main memory more is left for other programs."""
    margin = {"cuda": WORKSPACE, "cpu": facts.free // 25, "mps": 0}[facts.kind]
    return max(0, facts.free - KEPT_FREE - margin)


def compute_dtype(facts: Facts, name: str) -> str:
    """Return what to compute in: float32 on a CPU, else bfloat16 where the device has it, else float16.

    Raises `EngineError("bad_input")` for a name that is none of these, and for bfloat16 on a device that only
    emulates it or does not know it. A CPU computes in all of them.
    """
    if name == "auto":
        return "float32" if facts.kind == "cpu" else "bfloat16" if facts.bfloat16 else "float16"
    if name not in DTYPE_BYTES:
        raise EngineError("bad_input", f"dtype {name!r} is not known; use auto, {', '.join(DTYPE_BYTES)}")
    if name == "bfloat16" and not (facts.bfloat16 or facts.kind == "cpu"):
        raise EngineError(
            "bad_input", f"{facts.name} does not compute in bfloat16; use dtype auto, float16 or float32"
        )
    return name


def lacks(facts: Facts, weights: str) -> str:
    """Return why a device cannot keep or multiply weights in this form, or ""."""
    # Every other device converts float8 in software where it has no unit for it.
    if weights == "float8" and facts.kind == "mps":
        return f"{facts.name} does not hold float8; use weights auto, int8 or 4bit"
    has_float8 = (facts.capability or (0, 0)) >= FLOAT8_SINCE and "rocm" not in facts.torch
    if weights == "float8-fast" and not has_float8:
        return f"{facts.name} does not multiply in float8; use weights auto or int8-fast"
    is_too_old = facts.kind == "cuda" and (facts.capability or INT8_SINCE) < INT8_SINCE
    if weights == "int8-fast" and (is_too_old or facts.kind == "mps"):
        return f"{facts.name} does not multiply in int8; use weights auto or int8"
    return ""


def _candidates(facts: Facts, sizes: Sizes, request: PlanRequest) -> Iterator[Plan]:
    """Yield plans from the best to the smallest; decoding in tiles, which shows, is the last resort."""
    dtype = compute_dtype(facts, request.dtype)
    last: list[Plan] = []
    for weights in _forms(facts, dtype, request.weights, sizes):
        whole = Plan(
            kind=facts.kind,
            dtype=dtype,
            weights=weights,
            blocks=sizes.transformer.blocks,
            resident_blocks=sizes.transformer.blocks,
            text_encoder="resident",
            decode="whole",
            sizes=sizes,
            request=request,
        )
        yield whole
        if facts.kind != "cuda":
            yield replace(whole, decode="strips")
            last.append(replace(whole, decode="tiles"))
            continue
        yield replace(whole, text_encoder="streamed")
        yield (lean := replace(whole, text_encoder="streamed", decode="strips"))
        # Streaming float32 costs twice what the same weights cost as bfloat16.
        if dtype in _TWO_BYTES or weights != "plain" or request.weights == "plain":
            yield _streamed(lean, facts)
            last.append(_streamed(replace(lean, decode="tiles"), facts))
    yield from last


def _forms(facts: Facts, dtype: str, requested: str, sizes: Sizes) -> list[Weights]:
    """Return the forms to try in turn; wider ones than the files were prepared in bring nothing back."""
    prepared = sizes.weights
    if requested == "auto" and sizes.transformer.gguf and sizes.text_encoder.gguf:
        return ["gguf"]
    if lacking := lacks(facts, requested):
        raise EngineError("bad_input", lacking)
    if requested == "auto" and prepared != "plain" and not lacks(facts, prepared):
        return [prepared, "4bit"] if prepared != "4bit" else [prepared]
    if requested == "auto":
        return ["plain", "int8", "4bit"] if dtype in _TWO_BYTES else ["plain", "bfloat16", "int8", "4bit"]
    known: tuple[Weights, ...] = ("plain", "bfloat16", "int8", "float8", "4bit", "int8-fast", "float8-fast")
    for form in known:
        if form == requested:
            return ["plain" if form == dtype else form]
    raise EngineError("bad_input", f"weights {requested!r} are not known; use auto, {', '.join(known)}")


def _streamed(plan: Plan, facts: Facts) -> Plan:
    """Keep as many blocks resident as fit, beside two that are copied ahead where enough of them stay.

    One or two streamed ones have so many blocks between them that copying one ahead is early enough.
    """

    def most(slots: int) -> Plan:
        none = replace(plan, resident_blocks=0, slots=slots)
        room = (budget(facts) - none.peak) // max(1, plan.block_bytes)
        return replace(none, resident_blocks=max(0, min(plan.blocks - 1, room)))

    one, two = most(SLOTS), most(SLOTS + 1)
    return two if two.has_ahead and one.blocks - one.resident_blocks > SLOTS else one


def _why(plan: Plan, facts: Facts) -> str:
    free = f"{gib(facts.free)} free on {facts.name}"
    if plan.plain and plan.text_encoder == "resident":
        return f"{free}: everything fits"
    if plan.streams:
        return f"{free}: the transformer does not fit whole, main memory holds the rest"
    if "gguf" in (plan.weights, plan.form("transformer").weights):
        return f"{free}: weights stay as the GGUF files have them"
    if plan.weights == plan.request.weights:
        return f"{free}: model.weights is set to {plan.weights}"
    if plan.weights == plan.sizes.weights != "plain":
        return f"{free}: the model was prepared in {plan.weights}"
    if facts.shared:
        return f"{free}: the model does not fit in a wider form"
    if plan.weights not in ("plain", "bfloat16"):
        return f"{free}: whole weights fit neither there nor in {gib(facts.host_free)} of main memory"
    return f"{free}: transformer and text encoder do not fit together"


def _refusal(plan: Plan, facts: Facts) -> str:
    request = plan.request
    needs = f"{gib(plan.peak + facts.free - budget(facts))} on {facts.name}, which has {gib(facts.free)} free"
    if plan.host > facts.host_free:
        needs += f", and {gib(plan.host)} of main memory, of which {gib(facts.host_free)} are free"
    for side in SMALLER:
        small = replace(plan, request=replace(request, width=side, height=side))
        if side < max(request.width, request.height) and fits(small, facts):
            return (
                f"{request.width}×{request.height} needs {needs}; {side}×{side} would fit ({plan.describe()})"
            )
    free = replace(request, dtype="auto", weights="auto")
    with suppress(EngineError):
        other = choose(facts, plan.sizes, free) if request != free else None
        if other is not None:
            return (
                f"{plan.describe()} needs {needs}; {other.describe()} would fit: "
                "leave model.dtype and model.weights at auto"
            )
    return (
        f"the smallest plan ({plan.describe()}) needs {needs}; close other programs, use a larger device, "
        "or a smaller model"
    )
