"""Whether a chat model fits beside the one that draws, in which form, and how many texts it writes at a time.

Pure functions of device facts, the drawing model's plan and the chat model's size. Knows no module.
"""

from dataclasses import dataclass

from engine.memory.choosing import budget
from engine.memory.plan import DTYPE_BYTES, HOST_BASE, UNPACKING, Form, Plan, Weights
from engine.memory.probe import Facts
from engine.memory.sizes import Stack

FORMS: tuple[Weights, ...] = ("plain", "int8", "4bit")


@dataclass(frozen=True, slots=True)
class Guest:
    """A chat model: parameters in its linear layers, all others, and numbers cached for one text."""

    linear: int
    other: int
    cached: int


@dataclass(frozen=True, slots=True)
class Lodging:
    """How a chat model lives: the form of its linear layers and how many texts it writes together.

    One that does not stay leaves the device whenever a picture computes; `kept` says that main memory holds
    it meanwhile, else it is read from disk again.
    """

    weights: Weights
    stays: bool
    kept: bool
    together: int


def lodge(facts: Facts, plan: Plan, guest: Guest, most: int) -> Lodging | None:
    """Return the best lodging that fits what is free now, the drawing model being loaded, or None.

    Fewer bits come before leaving: a model that has to come and go cannot write while pictures are drawn.
    """
    for stays, room in ((True, beside(facts, plan)), (False, budget(facts))):
        for form in FORMS:
            held = _bytes(guest, plan, form)
            rows = together(room - held, guest, plan, most)
            if rows:
                kept = not facts.shared and held + HOST_BASE <= facts.host_free
                return Lodging(form, stays, kept, rows)
    return None


def beside(facts: Facts, plan: Plan) -> int:
    """Bytes that are free now, with the drawing model loaded, and stay so while it draws."""
    return budget(facts) - plan.transient(plan.wish.width, plan.wish.height)


def together(room: int, guest: Guest, plan: Plan, most: int) -> int:
    """How many texts, `most` at most, have their caches in `room` bytes."""
    return max(0, min(most, int(room // max(1, guest.cached * DTYPE_BYTES[computed_in(plan)]))))


def computed_in(plan: Plan) -> str:
    """The dtype a chat model computes in: like the text encoder, for it leaves float16's range as well."""
    return plan.form("text_encoder").dtype


def _bytes(guest: Guest, plan: Plan, weights: Weights) -> int:
    unpacking = 0 if weights == "plain" else UNPACKING
    return int(Form(computed_in(plan), weights).block(Stack(1, guest.linear, guest.other, 0))) + unpacking
