"""The HTTP handlers: each turns a request into one call of the core and the answer into JSON.

Keeps nothing; knows how requests look, not who may send them.
"""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial

from aiohttp import web
from aiohttp.typedefs import Handler

from adapters.web.address import address_of, event_of, message_of, read_place
from adapters.web.events import Hub
from adapters.web.identity import Gate, locale_of
from adapters.web.payload import (
    BOX_PREFIX,
    NUMBER,
    PAGE_PREFIX,
    Json,
    controls_json,
    draft_json,
    entry_json,
    job_json,
    kept_pictures,
    picture_json,
    read_action,
    read_before,
    read_message,
    read_search,
    reply_json,
)
from adapters.web.presence import Presence
from bot.commands.answers import history_length
from bot.core import Core
from bot.locales.texts import LANGUAGES, answer_locale
from bot.replies.format import cut, introduced, original
from bot.replies.refusals import REFUSALS, Refusal
from bot.replies.replies import Replies
from bot.requests import commands
from bot.requests.ask import Invocation, Question, dispatch
from bot.storage.pictures import MAX_BYTES
from bot.types import Address, Job, PictureSearch, Refused, Reply, User

HEARTBEAT = 15.0
HISTORY = 20
GALLERY = 24
THUMBNAIL = 400
"""Pixels on the longer side, for a screen of twice the density."""
LONGEST_PAGE = 64
STREAM_HEADERS = {"Content-Type": "text/event-stream", "X-Accel-Buffering": "no"}
Models = Callable[[], Awaitable[Sequence[Json]]]
"""Returns the models that the operator can choose."""


async def no_models() -> Sequence[Json]:
    """Return nothing to choose."""
    return ()


class Api:
    """The routes under `/api`."""

    def __init__(
        self,
        core: Core,
        replies: Replies,
        gate: Gate,
        hub: Hub,
        presence: Presence,
        models: Models = no_models,
    ) -> None:
        self.core = core
        self.replies = replies
        self.gate = gate
        self.hub = hub
        self.presence = presence
        self._models = models

    def routes(self) -> list[web.RouteDef]:
        """Return every route with its handler."""
        number = "{job:[0-9]+}"
        return [
            web.get("/api/hello", self.hello),
            web.get("/api/models", self.models),
            web.get("/api/events", self.events),
            web.get("/api/history", self.history),
            web.get("/api/gallery", self.gallery),
            web.post("/api/messages", self.messages),
            web.post("/api/leave", self.leave),
            web.get(f"/api/jobs/{number}", self.job),
            web.get(f"/api/jobs/{number}/images/" + "{index:[0-9]{1,4}}.png", self.image),
            web.get(f"/api/jobs/{number}/images/" + "{index:[0-9]{1,4}}.jpg", self.thumbnail),
            web.get(f"/api/jobs/{number}/input.png", self.input),
            web.get(f"/api/jobs/{number}/message", self.message),
            web.post(f"/api/jobs/{number}/actions", self.actions),
        ]

    @web.middleware
    async def refusals(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Answer what the core refuses, in the language of the browser."""
        try:
            return await handler(request)
        except Refused as refused:
            if request.writer.output_size:  # a stream of events has begun
                raise
            return refusal(self.replies, refused, locale_of(request))

    async def hello(self, request: web.Request) -> web.Response:
        """What the page needs to know before the first message."""
        user = self.gate.user(request)
        profile, defaults = self.replies.profile, await self.core.defaults(user)
        settings = await self.core.answer(user, commands.Command("settings", ""))
        world, suggestions = introduced(profile, user.locale)
        return web.json_response(
            {
                "name": profile.name,
                "world": world,
                "suggestions": suggestions,
                "largest_picture": MAX_BYTES,
                "inpaints": profile.inpaints,
                "defaults": controls_json(defaults),
                "choices": reply_json(settings)["choices"],
                "commands": self._commands(user),
                "loras": list(self.core.loras.files()),
                "languages": [self.replies.texts.say(name, "language-tag") for name in LANGUAGES],
            }
        )

    async def models(self, request: web.Request) -> web.Response:
        """What the operator can choose, with what it takes to download and to run."""
        self.gate.user(request)
        return web.json_response({"models": await self._models()})

    def _commands(self, user: User) -> list[Json]:
        """Return what a user may type behind a slash, in their language; `whole` is all there is to type."""
        texts, admin = self.replies.texts, self.core.administers(user)
        return [
            {
                "word": f"/{texts.words(user.locale, f'command-{entry.name}.words')[0]}",
                "meaning": texts.say(user.locale, f"command-{entry.name}"),
                "whole": entry.takes == "nothing",
            }
            for entry in commands.COMMANDS
            if admin or not entry.admins
        ]

    async def messages(self, request: web.Request) -> web.Response:
        """Take a message: a job, or a reply for a command that makes none."""
        user = self.gate.user(request)
        message = await read_message(request)
        user = replace(user, locale=answer_locale(message.text, user.locale))
        try:
            command = commands.parse(message.text)
            answer = await dispatch(
                self.core,
                Invocation(
                    user,
                    event_of(user, message.id),
                    command,
                    partial(_place, user, message.id),
                    message.fetch,
                    presets=message.presets(),
                    edit="brush" if message.mask else "",
                ),
            )
            if isinstance(answer, Question):
                raise Refused("empty-prompt")
        except Refused as refused:
            return refusal(self.replies, refused, user.locale)
        if command.name == "history" and isinstance(answer, Reply):
            jobs = await self.core.pictures(user, PictureSearch(), history_length(command.rest))
            return web.json_response(
                {"reply": reply_json(answer) | {"images": _pictures(jobs)}, "message": message.id}
            )
        return await self._answer(user, answer, message.id)

    async def actions(self, request: web.Request) -> web.Response:
        """Press a button: a new job, a private reply, or nothing but a changed message."""
        user = self.gate.user(request)
        action, message = await read_action(request, _number(request, "job"))
        answer = await self.core.press(user, action, address_of(user, message), event_of(user, message))
        if action.verb == "edit" and isinstance(answer, Reply):
            job = await self.core.job_for_action(user, action)
            return web.json_response(
                {"reply": reply_json(answer), "message": message, "draft": draft_json(job, answer)}
            )
        return await self._answer(user, answer, message)

    async def job(self, request: web.Request) -> web.Response:
        """One of the user's own jobs."""
        user = self.gate.user(request)
        job = await self.core.job(user, _number(request, "job"))
        return web.json_response(job_json(job))

    async def image(self, request: web.Request) -> web.StreamResponse:
        """One original PNG of the user's own."""
        user = self.gate.user(request)
        path = await self.core.picture(user, _number(request, "job"), _number(request, "index"))
        return web.FileResponse(path, headers={"Cache-Control": "private, max-age=3600"})

    async def thumbnail(self, request: web.Request) -> web.Response:
        """One picture of the user's own, small."""
        user, job, index = self.gate.user(request), _number(request, "job"), _number(request, "index")
        try:
            jpeg = await self.core.thumbnail(user, job, index, THUMBNAIL)
        except FileNotFoundError:
            raise Refused("picture-gone") from None
        headers = {"Cache-Control": "private, max-age=86400"}
        return web.Response(body=jpeg, content_type="image/jpeg", headers=headers)

    async def message(self, request: web.Request) -> web.Response:
        """How the message of one of the user's own jobs looks now."""
        user = self.gate.user(request)
        job = await self.core.job(user, _number(request, "job"))
        return web.json_response(await self._entry(user, job, self.hub.version()))

    async def gallery(self, request: web.Request) -> web.Response:
        """The user's pictures, newest first: those that a search finds, `before` a job's number."""
        user = self.gate.user(request)
        jobs = await self.core.pictures(user, read_search(request.query), GALLERY + 1)
        last = jobs[GALLERY - 1].id if len(jobs) > GALLERY else None
        return web.json_response({"pictures": _pictures(jobs[:GALLERY]), "before": last})

    async def input(self, request: web.Request) -> web.Response:
        """The image that came with one of the user's own jobs."""
        png = await self.core.input(self.gate.user(request), _number(request, "job"))
        return web.Response(body=png, content_type="image/png")

    async def history(self, request: web.Request) -> web.Response:
        """The user's latest exchanges, oldest first, without what was deleted or went into the text box.

        `before` is a job number for earlier ones; so is the answer's, for those before these.
        """
        user = self.gate.user(request)
        before = read_before(request.query)
        version = self.hub.version()
        jobs = await self.core.jobs(user, HISTORY + 1, before)
        found = [job for job in reversed(jobs[:HISTORY]) if not is_for_box(job)]
        entries = [entry for job in found if not (entry := await self._entry(user, job, version))["deleted"]]
        last = jobs[:HISTORY][-1].id if len(jobs) > HISTORY else None
        return web.json_response({"messages": entries, "more": last is not None, "before": last})

    async def events(self, request: web.Request) -> web.StreamResponse:
        """Server-sent events: first every unfinished message as it looks now, then each change."""
        user = self.gate.user(request)
        response = web.StreamResponse(headers=STREAM_HEADERS)
        await response.prepare(request)
        page = request.query.get("page", "")[:LONGEST_PAGE]
        try:
            with self.hub.open(user.id) as stream, self.presence.page(user.id, page):
                await response.write(b"retry: 2000\n\n")
                version = self.hub.version()
                for unfinished in await self.core.open_jobs(user):
                    await response.write(_event_bytes(await self._entry(user, unfinished, version)))
                async for shown in stream.updates(HEARTBEAT):
                    job = await self._job_of(user, shown.reply) if shown else None
                    if shown and job:
                        entry = self._entry_json(user, job, shown.reply, shown.version)
                        await response.write(_event_bytes(entry))
                    else:
                        await response.write(b": still here\n\n")
        except ConnectionResetError:  # the page went away, which is how most streams end
            return response
        return response

    async def leave(self, request: web.Request) -> web.Response:
        """The page says goodbye."""
        self.presence.goodbye(self.gate.user(request).id, request.query.get("page", "")[:LONGEST_PAGE])
        return web.Response(status=204)

    async def left(self, person: str) -> None:
        """Cancel the jobs that a user who left requested on the page; those of other clients stay."""
        user = User("web", person, person)
        for job in await self.core.open_jobs(user):
            if message_of(job, person).startswith(PAGE_PREFIX):
                await self.core.cancel(user, job.id, "left")

    async def _answer(self, user: User, answer: Job | Reply | None, message: str) -> web.Response:
        if isinstance(answer, Job):
            return web.json_response({"job": answer.id, "message": message_of(answer, user.id)})
        if isinstance(answer, Reply):
            job = await self.core.job(user, answer.job) if answer.images and answer.job else None
            return web.json_response({"reply": reply_json(answer, job), "message": message})
        return web.json_response({"message": message})

    async def _entry(self, user: User, job: Job, version: int) -> Json:
        latest = self.hub.latest(user.id, message_of(job, user.id))
        if latest is not None:
            return self._entry_json(user, job, latest.reply, latest.version)
        return self._entry_json(user, job, await self.core.reply(job), version)

    def _entry_json(self, user: User, job: Job, reply: Reply, version: int) -> Json:
        typed = self.core.typed(job)
        return entry_json(job, reply, message_of(job, user.id), typed, self.hub.run, version)

    async def _job_of(self, user: User, reply: Reply) -> Job | None:
        with suppress(Refused):  # forgotten meanwhile
            return await self.core.job(user, reply.job) if reply.job is not None else None
        return None


def refusal(replies: Replies, refused: Refused, locale: str) -> web.Response:
    """Return the exact reason in the user's language; 429 where the same request may succeed later."""
    body: Json = {"error": replies.refused(refused, locale).text, "code": refused.code}
    headers, status = {}, REFUSALS.get(refused.code, Refusal()).status
    if refused.retry_after is not None:
        status = 429
        body["retry_after"] = round(refused.retry_after, 1)
        headers["Retry-After"] = str(max(1, round(refused.retry_after)))
    return web.json_response(body, status=status, headers=headers)


async def _place(user: User, message: str, number: int, count: int) -> Address:
    """Return where the page shows a message's request; the first in the message that answers it."""
    return address_of(user, f"{message}+{number}" if number else message)


def is_for_box(job: Job) -> bool:
    """Say whether a job's answer goes into the page's text box."""
    address = job.request.address
    return address.platform == "web" and read_place(address)[1].startswith(BOX_PREFIX)


def _pictures(jobs: Sequence[Job]) -> list[Json]:
    """Return the pictures of jobs, as a gallery shows them: `small` is a thumbnail's address."""
    return [
        {
            **(shown := picture_json(job, picture, original(job))),
            "small": shown["url"].removesuffix("png") + "jpg",
            "favourite": job.favourite,
        }
        for job in jobs
        for picture in kept_pictures(job)
    ]


def _number(request: web.Request, name: str) -> int:
    number = request.match_info[name]
    if not NUMBER.fullmatch(number):
        raise Refused("no-such-job", job=cut(number, 24))
    return int(number)


def _event_bytes(entry: Json) -> bytes:
    return b"data: " + web.json_response(entry).body + b"\n\n"  # type: ignore[operator]
