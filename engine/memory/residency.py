"""Whether a chat model fits beside the one that draws, in which form, and how many texts it writes at a time.

Pure functions of device facts, what a picture takes and the chat model's size.
"""

from dataclasses import dataclass

from engine.memory.plan import DTYPE_BYTES, HOST_BASE, UNPACKING, Form
from engine.memory.planner import budget
from engine.memory.probe import Facts
from engine.memory.sizes import Stack, Weights

FORMS: tuple[Weights, ...] = ("plain", "int8", "4bit")


@dataclass(frozen=True, slots=True)
class ModelSize:
    """A chat model: parameters in its linear layers, all others, and numbers cached for one text."""

    linear: int
    other: int
    cached: int


@dataclass(frozen=True, slots=True)
class Residency:
    """How a chat model is kept: the form of its linear layers and how many texts it writes together.

    One that does not stay leaves the device whenever a picture computes; `kept` says that main memory holds
    it meanwhile, else it is read from disk again.
    """

    weights: Weights
    stays: bool
    kept: bool
    together: int

    def describe(self) -> str:
        """Return it in a few words."""
        form = "whole" if self.weights == "plain" else f"in {self.weights}"
        return f"{form}, {'beside' if self.stays else 'between'} pictures, up to {self.together} at a time"


@dataclass(frozen=True, slots=True)
class FreeMemory:
    """Memory that a loaded image model leaves free: bytes on the device `beside` a picture under way and
    between pictures (`alone`), and in a main memory that is another (`host`). It computes in `dtype`.
    """

    beside: int
    alone: int
    host: int
    dtype: str


def free_memory(facts: Facts, transient: int, dtype: str) -> FreeMemory:
    """Return what is free now, of which a picture takes `transient` bytes while it is drawn.

    A chat model leaves the range of float16, so it computes in float32 there.
    """
    alone = budget(facts)
    host = 0 if facts.shared else max(0, facts.host_free - HOST_BASE)
    return FreeMemory(alone - transient, alone, host, "float32" if dtype == "float16" else dtype)


def plan_residency(free: FreeMemory, size: ModelSize, most: int) -> Residency | None:
    """Return the best residency that fits, or None.

    Fewer bits come before leaving: a model that has to come and go cannot write while pictures are drawn.
    """
    for stays, room in ((True, free.beside), (False, free.alone)):
        for form in FORMS:
            held = _bytes(size, free.dtype, form)
            if rows := together(room - held, size.cached, free.dtype, most):
                return Residency(form, stays, held <= free.host, rows)
    return None


def together(room: int, cached: int, dtype: str, most: int) -> int:
    """How many texts, `most` at most, have their caches of so many numbers in `room` bytes."""
    return max(0, min(most, int(room // (cached * DTYPE_BYTES[dtype]))))


def _bytes(size: ModelSize, dtype: str, weights: Weights) -> int:
    unpacking = 0 if weights == "plain" else UNPACKING
    return int(Form(dtype, weights).block(Stack(1, size.linear, size.other, 0))) + unpacking
