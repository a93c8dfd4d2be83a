"""JSON in and out: what a client may send, and how jobs and replies look on the wire. Asks nobody."""

import asyncio
import base64
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from aiohttp import web

from adapters.web import bodies
from bot.replies.format import cut, guidance, steps
from bot.requests import edits, flags
from bot.requests.tasks import edited
from bot.types import (
    Action,
    Button,
    Choice,
    Fetch,
    Image,
    Job,
    JobPicture,
    Params,
    PictureSearch,
    Refused,
    Reply,
    Shape,
    Verb,
)
from engine.pictures import masks
from engine.types import EngineError

Json = dict[str, Any]

PAGE_PREFIX = "page-"
"""Messages whose id begins so were sent by the page; only they end when the user leaves it."""
BOX_PREFIX = "page-box-"
"""Of these, the ones whose answer goes into the text box and not into the conversation."""

CONTROLS: dict[str, tuple[type, ...]] = {
    "prompt": (str,),
    "optimize": (bool,),
    "enhance": (bool,),
    "fast": (bool,),
    "steps": (int,),
    "guidance_scale": (int, float),
    "aspect": (str,),
    "count": (int,),
    "strength": (int, float),
    "seed": (str, int),
    "loras": (str,),
    "negative_prompt": (str,),
}
FLAGS = {
    **{name: name for name in ("optimize", "enhance", "fast", "steps", "count", "strength", "seed")},
    "guidance_scale": "cfg",
    "aspect": "ar",
    "loras": "lora",
    "negative_prompt": "no",
}
"""The flag that each control sets; an empty text sets none."""
NUMBER = re.compile("[0-9]{1,18}")
"""What a column of the database holds."""
LONGEST_SEARCH = 200
EXACT = 2**53
"""From here on a browser rounds numbers; seeds beyond are strings of digits."""
MESSAGE_ID = re.compile(r"[A-Za-z0-9_-]{8,64}")
LONGEST_TEXT = 8_000
"""Characters of a message: a prompt, what shall not be in it, and flags."""
LARGEST_NUMBER = 10**6
SHOWN_VALUE = 60


@dataclass(frozen=True, slots=True)
class Message:
    """What a user sent: words, the controls they set, a picture, and the sender's own id for it all.

    Where `mask` is white the picture is drawn anew.
    """

    id: str
    text: str
    controls: Json
    image: bytes | None
    mask: bytes | None = None

    @property
    def fetch(self) -> Fetch | None:
        """Return what brings the picture, None where there is none."""
        image, mask = self.image, self.mask
        if image is None:
            return None

        async def fetch() -> bytes:
            if mask is None:
                return image
            try:
                return await asyncio.to_thread(masks.painted, image, mask)
            except EngineError as error:
                raise Refused("bad-mask") from error

        return fetch

    def presets(self) -> dict[str, str]:
        """Return the flags that the controls stand for, by their names."""
        values: Json = {"strength": edits.BRUSH} if self.mask else {}
        values |= {
            FLAGS[name]: value for name, value in self.controls.items() if name in FLAGS and value != ""
        }
        return {
            name: ("on" if value else "off") if isinstance(value, bool) else str(value)
            for name, value in values.items()
        }


async def read_message(request: web.Request) -> Message:
    """Read `POST /api/messages`.

    Raises HTTPUnprocessableEntity naming the value and the fix, `Refused` (`prompt-too-long`).
    """
    body = await bodies.read_object(request, bodies.PICTURE_BODY)
    controls = body.get("controls") or {}
    if not isinstance(controls, dict):
        raise _bad(f"controls must be an object, not {_shown(controls)}.")
    for name, value in controls.items():
        _check_control(name, value)
    text = body.get("text", controls.get("prompt"))
    if not isinstance(text, str):
        raise _bad(f"text must be a string, not {_shown(text)}.")
    text = text or controls.get("prompt", "")
    if len(text) > LONGEST_TEXT:
        raise Refused("prompt-too-long", length=len(text), limit=LONGEST_TEXT)
    image, mask = (_image(body.get(name), name) for name in ("image", "mask"))
    if mask is not None and image is None:
        raise _bad("mask needs the image that it belongs to.")
    return Message(_message_id(body), text, controls, image, mask)


async def read_action(request: web.Request, job: int) -> tuple[Action, str]:
    """Read `POST /api/jobs/N/actions` into the action and the id of the message its answer goes to.

    Raises HTTPUnprocessableEntity naming the value and the fix.
    """
    body = await bodies.read_object(request)
    verb, index, value = body.get("verb"), body.get("index", 0), body.get("value", "")
    verbs: tuple[str, ...] = Verb.__args__  # type: ignore[attr-defined]
    if verb not in verbs:
        raise _bad(f"verb must be one of {', '.join(verbs)}, not {_shown(verb)}.")
    if type(index) is not int or not 0 <= index <= LARGEST_NUMBER:
        raise _bad(f"index must be a whole number from 0 on, not {_shown(index)}.")
    if not isinstance(value, str) or len(value) > LONGEST_TEXT:
        raise _bad(f"value must be a string of at most {LONGEST_TEXT} characters, not {_shown(value)}.")
    return Action(verb, job, index, value), _message_id(body)


def read_before(query: Mapping[str, str]) -> int | None:
    """Return the job number that `before` is; raises HTTPUnprocessableEntity where it is none."""
    before = query.get("before", "")
    if before and not NUMBER.fullmatch(before):
        raise _bad(f"before must be a job number, not {cut(before, 24)!r}.")
    return int(before) if before else None


def read_search(query: Mapping[str, str]) -> PictureSearch:
    """Read the query of `GET /api/gallery`; raises HTTPUnprocessableEntity naming the value and the fix."""
    shapes: dict[str, Shape] = {"": "", "square": "square", "wide": "wide", "tall": "tall"}
    shape, since = query.get("shape", ""), query.get("since", "0")
    if shape not in shapes:
        raise _bad(f"shape must be square, wide or tall, not {_shown(shape)}.")
    if not NUMBER.fullmatch(since):
        raise _bad(f"since must be a time in Unix seconds, not {_shown(since)}.")
    words = query.get("words", "").strip()[:LONGEST_SEARCH]
    return PictureSearch(
        words, query.get("favourite") == "1", shapes[shape], float(since), read_before(query)
    )


def job_json(job: Job) -> Json:
    """Return a job as `GET /api/jobs/N` shows it."""
    params = job.request.params
    seconds = sum(picture.seconds for picture in job.pictures)
    return {
        "job": job.id,
        "kind": job.request.kind,
        "state": job.state,
        "prompt": job.request.original or params.prompt,
        "used_prompt": job.used_prompt,
        "negative_prompt": job.negative_used or params.negative_prompt,
        "seed": job.seed if job.seed < EXACT else str(job.seed),
        "width": job.width,
        "height": job.height,
        "steps": steps(job),
        "guidance_scale": guidance(job),
        "seconds": round(seconds, 3),
        "images": [picture_url(job, picture) for picture in kept_pictures(job)],
        "error": job.error,
    }


def entry_json(job: Job, reply: Reply, message: str, words: str, run: str, version: int) -> Json:
    """Return one exchange: the user's words and what the answer looks like as of `version` of a `run`."""
    return {
        "message": message,
        "run": run,
        "version": version,
        "job": job.id,
        "parent": job.request.parent,
        "words": words,
        "created": job.created,
        "width": job.width,
        "height": job.height,
        "favourite": job.favourite,
        "deleted": bool(job.pictures) and not kept_pictures(job),
        "reply": reply_json(reply, job),
    }


def controls_json(params: Params) -> Json:
    """Return the values of the page's controls for some parameters."""
    return {
        "optimize": params.optimize,
        "enhance": params.enhance,
        "steps": params.steps,
        "guidance_scale": params.guidance_scale,
        "aspect": params.aspect or "auto",
        "count": params.count,
        "strength": params.strength,
        "seed": flags.value(params, "seed"),
        "loras": flags.value(params, "lora"),
        "negative_prompt": params.negative_prompt,
    }


def draft_json(job: Job, reply: Reply) -> Json:
    """Return what the page's text box and controls hold to change a job.

    Flags that no control stands for stay in the text. A `rewritten` text is not optimized again. `image` is
    the address of the image that was attached whole. What the model itself changes is said to `/edit`.
    """
    if reply.prefill.startswith("/edit"):
        return {"text": reply.prefill, "rewritten": False, "image": None}
    params = edited(job)
    seen = {name: getattr(params, name) for name in controls_json(params)}
    text = flags.render(replace(params, ignored=()), replace(Params(""), **seen))
    is_rewritten = job.request.kind == "optimize" or bool(job.request.original and not params.optimize)
    is_whole = job.request.kind == "imagine" and not edits.mask(params.edit)
    return {
        "text": text,
        "controls": controls_json(params),
        "rewritten": is_rewritten,
        "image": f"/api/jobs/{job.id}/input.png" if is_whole and job.request.image else None,
    }


def reply_json(reply: Reply, job: Job | None = None) -> Json:
    """Return a reply with its buttons; finished pictures by their address, previews and others inline."""
    pictures = kept_pictures(job) if job is not None and reply.final else ()
    if job is not None and reply.images and pictures:
        alt = reply.images[0].alt
        images = [picture_json(job, picture, alt) for picture in pictures]
    else:
        images = [_inline_json(image) for image in reply.images]
    return {
        "text": reply.text,
        "prompt": reply.prompt,
        "note": reply.note,
        "images": images,
        "actions": [[_button_json(button) for button in row] for row in reply.actions],
        "choices": [_choice_json(choice) for choice in reply.choices],
        "progress": reply.progress,
        "eta": reply.eta,
        "private": reply.private,
        "spoiler": reply.spoiler,
        "prefill": reply.prefill,
        "final": reply.final,
        "suggestions": reply.suggestions,
    }


def kept_pictures(job: Job) -> Sequence[JobPicture]:
    """Return the finished pictures that still have a file."""
    return [picture for picture in job.pictures if not picture.deleted]


def picture_url(job: Job, picture: JobPicture) -> str:
    """Return the address of an original PNG."""
    return f"/api/jobs/{job.id}/images/{picture.index}.png"


def _check_control(name: str, value: object) -> None:
    if name not in CONTROLS:
        raise _bad(f"controls has no {_shown(name)}; it knows {', '.join(CONTROLS)}.")
    # bool is an int in Python, a step count of `true` is still a mistake.
    if not isinstance(value, CONTROLS[name]) or (isinstance(value, bool) and bool not in CONTROLS[name]):
        wanted = " or ".join(each.__name__ for each in CONTROLS[name])
        raise _bad(f"controls.{name} must be {wanted}, not {_shown(value)}.")
    if isinstance(value, int | float) and abs(value) > LARGEST_NUMBER:
        raise _bad(f"controls.{name} must be at most {LARGEST_NUMBER}, not {_shown(value)}.")


def _message_id(body: Json) -> str:
    message = body.get("message", secrets.token_hex(12))
    if not isinstance(message, str) or not MESSAGE_ID.fullmatch(message):
        raise _bad(f"message must be 8 to 64 letters, digits, - or _, not {_shown(message)}.")
    return message


def _image(value: object, name: str) -> bytes | None:
    if value is None:
        return None
    if not isinstance(value, str):
        raise _bad(f"{name} must be a picture file in base64.")
    text = value.partition(",")[2] if value.startswith("data:") else value
    try:
        return base64.b64decode(text, validate=True)
    except ValueError as error:
        raise _bad(f"{name} must be a picture file in base64: {error}.") from error


def _bad(sentence: str) -> web.HTTPUnprocessableEntity:
    return web.HTTPUnprocessableEntity(text=sentence)


def _shown(value: object) -> str:
    """Return a value as a sentence may hold it: nothing nested, nothing long."""
    return type(value).__name__ if isinstance(value, dict | list) else cut(repr(value), SHOWN_VALUE)


def _button_json(button: Button) -> Json:
    return {**_action_json(button.action), "emoji": button.emoji, "label": button.label, "hint": button.hint}


def _choice_json(choice: Choice) -> Json:
    options = [
        {"label": option.label, "chosen": option.chosen, **_action_json(option.action)}
        for option in choice.options
    ]
    return {"name": choice.name, "label": choice.label, "toggle": choice.toggle, "options": options}


def _action_json(action: Action) -> Json:
    return {"verb": action.verb, "job": action.job, "index": action.index, "value": action.value}


def picture_json(job: Job, picture: JobPicture, alt: str) -> Json:
    return {
        "url": picture_url(job, picture),
        "file": f"{job.id}-{picture.index}.png",
        "width": picture.width,
        "height": picture.height,
        "alt": alt,
        "job": job.id,
        "index": picture.index,
        "seed": str(picture.seed),
    }


def _inline_json(image: Image) -> Json:
    return {
        "url": f"data:{image.mime};base64,{base64.b64encode(image.data).decode()}",
        "file": image.name,
        "width": image.width,
        "height": image.height,
        "alt": image.alt,
    }
