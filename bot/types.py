"""The types that the whole bot shares: users, requests, jobs, addresses, replies, refusals.

Frozen data and one protocol; no behaviour beyond packing, no platform and no database.
"""

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from engine.types import UpscaleMethod, Variation

Kind = Literal["imagine", "optimize", "upscale"]
State = Literal["queued", "running", "finished", "delivered", "failed", "cancelled"]
Verb = Literal[
    "reroll", "vary", "upscale", "edit", "info", "delete", "cancel", "favourite",
    "use", "original", "another", "set", "forget", "zoom", "pan",
]  # fmt: skip
Edit = Literal[
    "", "zoom 1.5", "zoom 2", "pan left", "pan right", "pan up", "pan down", "brush", "words", "prompt",
]  # fmt: skip
"""What becomes of a picture: a view of it, a part drawn anew, changed as words say, or drawn again from its
prompt with words added. Nothing where there is none, or where it is drawn over."""
Shape = Literal["", "square", "wide", "tall"]
Fetch = Callable[[], Awaitable[bytes]]
"""Brings an attached file from where it lies."""
RefusalCode = Literal[
    "admins-only", "bad-code", "bad-image", "bad-name", "bad-value", "banned",
    "banned-words", "burst", "draining", "empty-prompt", "flag-needs-value", "image-too-large", "internal",
    "link-not-fetched", "too-many-requests", "bad-mask", "no-inpainting", "no-instruction", "view-of-upload",
    "missing-permissions", "needs-image", "no-job-yet", "no-parameters", "no-picture", "no-such-job",
    "not-banned", "not-finished", "not-here", "not-linked", "not-yours", "nothing-to-cancel",
    "nothing-to-redraw", "own-code", "per-day", "picture-gone", "prompt-gone", "prompt-too-long",
    "queue-full", "too-large", "too-long", "too-many", "too-many-loras", "too-many-tries", "unfit-picture",
    "unknown-command", "unknown-flag", "waiting",
]  # fmt: skip
MOST_BYTES = 64
"""Of a packed action: what Telegram lets a button carry."""
_PACKED = re.compile(
    r"(?P<verb>[a-z]+):(?P<job>[0-9]{1,18}):(?P<index>[0-9]{1,3})(?::(?P<value>.*))?", re.DOTALL
)


@dataclass(frozen=True, slots=True)
class User:
    """A user on one platform, in the chat of the request. `locale` is a BCP 47 tag such as `zh-CN`.

    `groups` are the chat and the roles in there, as the configuration names them: `discord:role:5`,
    `discord:server:1`, `discord:channel:2`, `discord:age-restricted`, `telegram:chat:-100`. A `moderator` may
    remove others' messages there. `account` is the account they are linked to, filled in by the core.
    """

    platform: str
    id: str
    name: str
    locale: str = "en"
    groups: tuple[str, ...] = ()
    moderator: bool = False
    account: str = ""

    @property
    def person(self) -> str:
        """The key under which limits, fairness and history are kept."""
        return self.account or f"{self.platform}:{self.id}"

    @property
    def names(self) -> frozenset[str]:
        """Every name by which the configuration may mean this user: `discord:user:7` and their groups."""
        return frozenset((f"{self.platform}:user:{self.id}", *self.groups))


@dataclass(frozen=True, slots=True)
class Address:
    """Where a reply lives. `place` is opaque and storable; only the platform that made it can read it."""

    platform: str
    place: str


@dataclass(frozen=True, slots=True)
class Params:
    """Everything a user can choose about a picture. None means that the model or chance decides.

    `factor` and `method` are of an upscale. `reword` is the operator's choice: a reroll rewrites the prompt
    anew. `repeat` is how often a message's request is made; what is `pasted` was read from another program's
    generation data; `edit` says what of an image is drawn anew. With `fast` the prompt's complexity chooses
    at most `steps` steps. `locale` is of whoever wrote the prompt, where a button was pressed since.
    """

    prompt: str
    negative_prompt: str = ""
    aspect: str | None = None
    width: int | None = None
    height: int | None = None
    steps: int = 8
    guidance_scale: float = 1.8
    seed: int | None = None
    count: int = 1
    strength: float = 0.6
    optimize: bool = True
    enhance: bool = True
    spoiler: bool = False
    factor: int = 2
    method: UpscaleMethod = "auto"
    reword: bool = False
    loras: tuple[tuple[str, float], ...] = ()
    fast: bool = False
    repeat: int = 1
    pasted: bool = False
    ignored: tuple[str, ...] = ()
    edit: Edit = ""
    locale: str = ""


@dataclass(frozen=True, slots=True)
class Request:
    """A user's request, already parsed, not yet judged.

    `event_id` is the platform's own id of the event: the same event twice is one job. `image` is the name
    of a kept input picture, filled in by the core. `parent`, `index` and `variation` are set when it came
    from a button; of an `optimize`, `index` counts the wordings asked for. `original` is the user's wording
    when `params.prompt` was already rewritten.
    """

    user: User
    address: Address
    event_id: str
    kind: Kind
    params: Params
    image: str | None = None
    parent: int | None = None
    index: int = 0
    variation: Variation | None = None
    original: str = ""


@dataclass(frozen=True, slots=True)
class JobPicture:
    """One finished picture of a job; `file` is its name in the picture folder, gone when `deleted`."""

    index: int
    file: str
    width: int
    height: int
    seed: int
    seconds: float
    report: Mapping[str, Any] = field(default_factory=dict)
    deleted: bool = False


@dataclass(frozen=True, slots=True)
class Job:
    """A row. `width`, `height` and `seed` are the resolved ones; times are Unix seconds.

    `error` is a code: an `EngineError.code`, `refused`, or `left`. `used_prompt` is what the model was
    given. A `favourite` outlives the retention of pictures and prompts.
    """

    id: int
    request: Request
    state: State
    created: float
    width: int
    height: int
    seed: int
    cost: int
    attempts: int = 0
    used_prompt: str = ""
    negative_used: str = ""
    notes: tuple[str, ...] = ()
    pictures: tuple[JobPicture, ...] = ()
    error: str | None = None
    error_detail: str = ""
    started: float | None = None
    finished: float | None = None
    favourite: bool = False


@dataclass(frozen=True, slots=True)
class PictureSearch:
    """Which of a user's finished jobs to find: all of it must hold.

    `words` stand in the prompt, the user's own or the used one. `since` is in Unix seconds, `before` a job's
    number.
    """

    words: str = ""
    favourite: bool = False
    shape: Shape = ""
    since: float = 0.0
    before: int | None = None


@dataclass(frozen=True, slots=True)
class Action:
    """All a button ever carries. Packed form: `verb:job:index`, then `:value` if any; at most 64 bytes.

    `set` says `name=value` or `reset`, `forget` says `yes` or `no`, `favourite` may say `on` or `off`,
    `upscale` may say how: `x4 redraw`, `zoom` and `pan` how far and whither.
    """

    verb: Verb
    job: int
    index: int = 0
    value: str = ""

    def pack(self) -> str:
        """Return `verb:job:index`, followed by `:value` where there is one.

        Raises ValueError for what `unpack` could not read back and for more than 64 bytes.
        """
        packed = f"{self.verb}:{self.job}:{self.index}" + (f":{self.value}" if self.value else "")
        if not _PACKED.fullmatch(packed) or len(packed.encode()) > MOST_BYTES:
            raise ValueError(
                f"{packed!r} fits no button: at most {MOST_BYTES} bytes, 18 digits of a job, 3 of an index"
            )
        return packed

    @classmethod
    def unpack(cls, text: str) -> "Action":
        """Read a packed action; raises ValueError when it is not one."""
        found = _PACKED.fullmatch(text)
        if found is None or found["verb"] not in Verb.__args__:  # type: ignore[attr-defined]
            raise ValueError(f"{text!r} is no action")
        return cls(found["verb"], int(found["job"]), int(found["index"]), found["value"] or "")  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class Button:
    """An action with the words a user sees; `label` may be empty when the emoji says enough."""

    action: Action
    emoji: str
    label: str = ""
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Image:
    """An encoded picture to show: name, MIME type, size in pixels, and words for those who cannot see it."""

    name: str
    data: bytes
    mime: str
    width: int
    height: int
    alt: str = ""


@dataclass(frozen=True, slots=True)
class Option:
    """One thing a choice may be set to; pressing it is `action`."""

    label: str
    action: Action
    chosen: bool = False


@dataclass(frozen=True, slots=True)
class Choice:
    """A setting with its options, the present one `chosen`; a `toggle` has two, off first."""

    name: str
    label: str
    options: tuple[Option, ...]
    toggle: bool = False


@dataclass(frozen=True, slots=True)
class Reply:
    """What a message looks like, on every platform.

    `text` is the sentence, `prompt` the quoted prompt, `note` the small print, `progress` (step, steps),
    `eta` the Unix time when a waiting job is expected to be done, `choices` the settings in a settings panel,
    `prefill` a command to put into the user's text box or modal. A `spoiler` picture is covered. `job` is
    the number of the job that the message shows; `suggestions` are prompts to try instead; `final` says that
    nothing more will follow in its place.
    """

    text: str
    prompt: str = ""
    note: str = ""
    images: tuple[Image, ...] = ()
    actions: tuple[tuple[Button, ...], ...] = ()
    choices: tuple[Choice, ...] = ()
    progress: tuple[int, int] | None = None
    eta: float | None = None
    private: bool = False
    spoiler: bool = False
    prefill: str = ""
    suggestions: tuple[str, ...] = ()
    job: int | None = None
    final: bool = True


class Refused(Exception):
    """A request that cannot be met: the exact reason as a message key with its values.

    `code` names a message `refused-<code>` in the locales; `values` fill it. `retry_after` is seconds until
    the same request may succeed, where that is known.
    """

    def __init__(
        self, code: RefusalCode, retry_after: float | None = None, **values: str | int | float
    ) -> None:
        super().__init__(f"{code} {values}" if values else code)
        self.code = code
        self.values = values
        self.retry_after = retry_after


class Gone(Exception):
    """The message or its chat is out of reach for good: showing it again is no use."""


class Display(Protocol):
    """A chat service as far as jobs know it: it can make a message look like a reply."""

    name: str
    pace: float
    """Seconds that must lie between two updates of one message."""

    async def show(self, address: Address, reply: Reply) -> Address:
        """Make the message at `address` look like `reply`; return the address to use next time.

        Idempotent: it may be repeated, skipped, or redone after a restart. Raises `Gone` where no later try
        can succeed.
        """
