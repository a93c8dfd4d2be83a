"""Jobs and pictures as table rows and back. Knows the column names, runs no SQL."""

import json
import sqlite3
from dataclasses import asdict, replace
from typing import Any

import msgspec

from bot.requests.tasks import Resolved
from bot.types import Address, Job, JobPicture, Params, Request, User
from engine.types import SEEDS, Variation

Value = str | int | float | None


_SIGNED = 2**63
"""SQLite's integers are signed: the upper half of the seeds is kept as negative numbers."""


def request_row(request: Request, resolved: Resolved, now: float) -> dict[str, Value]:
    """Return the columns of a new queued job."""
    return {
        "platform": request.user.platform,
        "event_id": request.event_id,
        "person": request.user.person,
        "user": _dump(replace(request.user, account="")),
        "address_platform": request.address.platform,
        "place": request.address.place,
        "kind": request.kind,
        "params": _dump(request.params),
        "image": request.image,
        "parent": request.parent,
        "picture": request.index,
        "variation": request.variation and _dump(request.variation),
        "original": request.original,
        "state": "queued",
        "created": now,
        "charge": resolved.cost,
        **asdict(resolved),
        "seed": _signed(resolved.seed),
    }


def picture_row(job: int, picture: JobPicture) -> dict[str, Value]:
    """Return the columns of a picture."""
    return {
        "job": job,
        "number": picture.index,
        "file": picture.file,
        "width": picture.width,
        "height": picture.height,
        "seed": _signed(picture.seed),
        "seconds": picture.seconds,
        "report": _dump(dict(picture.report)),
        "deleted": int(picture.deleted),
    }


def to_job(row: sqlite3.Row) -> Job:
    """Return the job of a row whose column `pictures` is a JSON list of `JobPicture`s in order."""
    return Job(
        id=row["id"],
        request=_to_request(row),
        state=row["state"],
        created=row["created"],
        width=row["width"],
        height=row["height"],
        seed=row["seed"] % SEEDS,
        cost=row["cost"],
        attempts=row["attempts"],
        used_prompt=row["used_prompt"],
        negative_used=row["negative_used"],
        notes=tuple(json.loads(row["notes"])),
        pictures=tuple(map(_to_picture, json.loads(row["pictures"]))),
        error=row["error"],
        error_detail=row["error_detail"],
        started=row["started"],
        finished=row["finished"],
        favourite=bool(row["favourite"]),
    )


def _signed(seed: int) -> int:
    return seed - SEEDS if seed >= _SIGNED else seed


def _to_picture(values: dict[str, Any]) -> JobPicture:
    return JobPicture(**{**values, "seed": values["seed"] % SEEDS})


def _to_request(row: sqlite3.Row) -> Request:
    return Request(
        user=_to_user(row),
        address=Address(row["address_platform"], row["place"]),
        event_id=row["event_id"],
        kind=row["kind"],
        params=_to_params(json.loads(row["params"])),
        image=row["image"],
        parent=row["parent"],
        index=row["picture"],
        variation=_to_variation(json.loads(row["variation"] or "null")),
        original=row["original"],
    )


def _to_params(values: dict[str, Any]) -> Params:
    loras = tuple((name, weight) for name, weight in values.get("loras", ()))
    return Params(**{**values, "ignored": tuple(values["ignored"]), "loras": loras})


def _to_user(row: sqlite3.Row) -> User:
    """Return who asked; whom they count as may have changed since, and the column says."""
    values = json.loads(row["user"])
    user = User(**{**values, "groups": tuple(values.get("groups", ()))})
    return user if row["person"] == user.person else replace(user, account=row["person"])


def _to_variation(values: dict[str, Any] | None) -> Variation | None:
    return Variation(**{**values, "base": _to_variation(values["base"])}) if values else None


def _dump(value: object) -> str:
    return msgspec.json.encode(value).decode()
