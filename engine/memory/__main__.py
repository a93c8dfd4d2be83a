"""Device facts and a model's plan as JSON: `python -m engine.memory MODEL [DEVICE [DTYPE [WEIGHTS]]]`.

Runs in a process of its own, so that the one who asks needs no torch.
"""

import json
import sys
from dataclasses import asdict
from typing import Any

from engine.load import OURS, kind
from engine.memory import sizes
from engine.memory.choosing import choose_largest
from engine.memory.plan import Wish
from engine.memory.probe import Facts, probe
from engine.memory.sizes import Z_IMAGE, Sizes
from engine.profiles import locate, profile
from engine.types import EngineError


def told(model: str, device: str = "auto", dtype: str = "auto", weights: str = "auto") -> dict[str, Any]:
    """Return the facts, and `plan`, `peak`, `host`, `why`, `side`, or `refusal` where no plan fits."""
    facts = probe(device)
    return asdict(facts) | {"device": facts.kind} | _planned(facts, model, dtype, weights)


def _planned(facts: Facts, model: str, dtype: str, weights: str) -> dict[str, Any]:
    try:
        side = profile(model).base_size
        measured = _sizes(model)
        if measured is None:
            return {}
        plan = choose_largest(facts, measured, Wish(side, side, dtype, weights))
    except EngineError as error:
        return {"refusal": str(error)}
    found = {"plan": plan.describe(), "peak": plan.peak, "host": plan.host, "why": plan.why}
    return found | {"side": plan.wish.width, "dtype": plan.dtype}


def _sizes(model: str) -> Sizes | None:
    """Measure a Z-Image model that is here; before a download it is taken for one if its name says so.

    Other models have no plan: diffusers' own offloading is all there is for them.
    """
    folder = locate(model)
    if folder is not None:
        return sizes.read(folder) if kind(model) in OURS else None
    return Z_IMAGE if "z-image" in model.casefold() else None


if __name__ == "__main__":
    json.dump(told(*sys.argv[1:]), sys.stdout)
