"""Jobs in every state, for tests of what people are shown."""

from dataclasses import replace
from typing import Any

from bot.types import Address, Job, JobPicture, Kind, Params, Request, User

ADDRESS = Address("web", "somewhere")


def picture(index: int = 0, seed: int = 1234567, **changes: Any) -> JobPicture:
    """A finished picture of one and a half seconds."""
    return replace(JobPicture(index, f"{index}.png", 128, 128, seed, 1.44), **changes)


def job(prompt: str = "a cat", kind: Kind = "imagine", locale: str = "en", **changes: Any) -> Job:
    """A delivered job of one picture; `changes` replace fields of the job, its request or its parameters."""
    params, request = Params(prompt), {}
    for name in list(changes):
        if name in Params.__dataclass_fields__:
            params = replace(params, **{name: changes.pop(name)})
        elif name in ("image", "parent", "variation", "original"):
            request[name] = changes.pop(name)
    asked = Request(User("web", "1", "Ann", locale), ADDRESS, "e1", kind, params, **request)
    done = Job(17, asked, "delivered", 100.0, 128, 128, 1234567, 512, pictures=(picture(),))
    return replace(done, **changes)
