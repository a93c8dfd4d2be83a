"""Who is present: what each worker says of itself every few seconds, and who has been silent for too long."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Annotated

import msgspec

from engine.cluster import wire
from engine.types import ModelProfile, image_tokens

BEAT = 2.0
"""Seconds between two signs of life of a worker."""
MANY, SLOWER_BEAT = 500, 5.0
"""Beyond so many workers, the seconds between two."""
MISSED = 3
"""So many missed ones, and a worker counts as gone."""
SLOW = 2.0
"""A worker that takes so many times as long as the fastest draws only what others have no room for."""

Room = Annotated[int, msgspec.Meta(ge=1, le=1 << 20)]
Text = Annotated[str, msgspec.Meta(max_length=200)]


def beat(workers: int) -> float:
    """Return the seconds between two signs of life of each of so many workers."""
    return BEAT if workers <= MANY else SLOWER_BEAT


def lane(name: str) -> str:
    """Return the token under which tasks for this capability go; of two versions, two lanes."""
    return (
        f"v{wire.VERSION}-{''.join(c if c.isascii() and (c.isalnum() or c in '-_') else '-' for c in name)}"
    )


@dataclass(frozen=True, slots=True)
class Presence:
    """What a worker says of itself.

    `rooms` are its devices as in `Engine.rooms`, empty while it leaves; `speed` is in image tokens times
    steps a second, 0 before the first picture. `classifier` scores its pictures, `loras` are its LoRA files.
    """

    rooms: Annotated[tuple[Room, ...], msgspec.Meta(max_length=64)]
    device: Text = ""
    model: Text = ""
    version: Text = ""
    classifier: Text = ""
    loras: Annotated[tuple[Text, ...], msgspec.Meta(max_length=1000)] = ()
    running: Annotated[int, msgspec.Meta(ge=0)] = 0
    drawn: Annotated[int, msgspec.Meta(ge=0)] = 0
    speed: Annotated[float, msgspec.Meta(ge=0)] = 0.0

    def seconds(self, profile: ModelProfile) -> float | None:
        """Return how long a picture of the model's own size and steps takes, None before the first."""
        cost = image_tokens(profile.base_size, profile.base_size) * profile.steps
        return cost / self.speed if self.speed else None

    def pack(self) -> bytes:
        """Return it as JSON."""
        return msgspec.json.encode(self)

    @staticmethod
    def unpack(data: bytes) -> "Presence":
        """Read one; raises `ValueError`."""
        try:
            return msgspec.json.decode(data, type=Presence)
        except msgspec.MsgspecError as error:
            raise ValueError(f"this is no presence: {error}") from error


@dataclass(slots=True)
class Present:
    """A worker that was heard: `name` is `USER.LIFE`, `at` the clock's seconds."""

    name: str
    lane: str
    presence: Presence
    at: float


@dataclass(slots=True)
class Roster:
    """All workers heard lately, of every lane; `clock` gives monotonic seconds."""

    clock: Callable[[], float]
    _present: dict[str, Present] = field(default_factory=dict)

    def hear(self, subject: str, data: bytes) -> Present | None:
        """Take note of a sign of life, a message `here.LANE.USER.LIFE`; None for one that cannot be read."""
        _, lane, user, life = subject.split(".")
        name = f"{user}.{life}"
        try:
            present = Present(name, lane, Presence.unpack(data), self.clock())
        except ValueError:
            return None
        if present.presence.rooms:
            self._present[name] = present
        else:
            self._present.pop(name, None)
        return present

    def expire(self) -> list[str]:
        """Forget and return those that have said nothing for too long."""
        oldest = self.clock() - MISSED * beat(len(self._present))
        gone = [name for name, present in self._present.items() if present.at < oldest]
        for name in gone:
            del self._present[name]
        return gone

    def __iter__(self) -> Iterator[Present]:
        return iter(self._present.values())

    def of(self, lane: str) -> list[Present]:
        """Return those of a lane."""
        return [present for present in self if present.lane == lane]
