"""From a request to its row: what was left open is decided, limits are judged, a picture is taken in.

Knows limits, words, costs and the store; shows nothing and enqueues nothing.
"""

from collections.abc import Callable
from functools import partial

from bot.jobs import sources
from bot.policy import limits
from bot.policy.limits import Rule, Usage
from bot.policy.moderation import BannedWords
from bot.requests import edits, tasks
from bot.storage.attached import Attached, Size
from bot.storage.jobs import JobStore
from bot.storage.pictures import PictureFolder
from bot.types import Fetch, Job, Params, Refused, Request, User
from engine.types import ModelProfile


class Admission:
    """Admits requests under the rule that holds for each user; none while `draining`."""

    def __init__(
        self,
        store: JobStore,
        images: PictureFolder,
        banned_words: BannedWords,
        profile: ModelProfile,
        operator_defaults: Params,
        rule: Callable[[User], Rule],
        now: Callable[[], float],
        new_seed: tasks.SeedSource,
    ) -> None:
        self.draining = False
        self.unit = tasks.picture_cost(profile, operator_defaults.steps)
        self.attached = Attached(store, images, profile.max_size)
        self._store = store
        self._images = images
        self._banned_words = banned_words
        self._profile = profile
        self._rule = rule
        self._now = now
        self._new_seed = new_seed

    async def admit(self, request: Request, fetch: Fetch | None) -> tuple[Job, bool]:
        """Store a job within limits; return it and whether it is new. Raises `Refused`."""
        if self.draining:
            raise Refused("draining")
        if request.kind != "upscale":
            if not request.params.prompt.strip():
                raise Refused("empty-prompt")
            self._banned_words.check(request.params.prompt)
        fetch = fetch or sources.viewed(self._store, self._images, request)
        if fetch is None:
            return await self._store_job(
                request, await sources.source_size(self._store, self._images, request)
            )
        async with self.attached.taken(request, fetch, self._check) as (kept, size):
            return await self._store_job(kept, size)

    async def _check(self, request: Request, size: Size | None) -> None:
        """Raise `Refused` for what is beyond limits with a picture of that size; None: of any size."""
        now, cost = self._now(), 0 if size is None else self._resolved(request, size).cost
        self._judge(self._rule(request.user), now, cost, await self._store.usage(request.user.person, now))

    async def _store_job(self, request: Request, source: Size | None) -> tuple[Job, bool]:
        resolved = self._resolved(request, source)
        if request.kind == "upscale" and request.params.method == "redraw":
            self._banned_words.check(await sources.embedded_prompt(self._store, self._images, request))
        now = self._now()
        judge = partial(self._judge, self._rule(request.user), now, resolved.cost)
        return await self._store.admit(request, resolved, now, judge)

    def _resolved(self, request: Request, source: Size | None) -> tasks.Resolved:
        if edits.mask(request.params.edit) and not self._profile.inpaints:
            raise Refused("no-inpainting")
        resolved = tasks.resolve(request, self._profile, source, self._new_seed)
        if request.kind == "imagine":
            limits.fits(self._rule(request.user), request.params.count, resolved.width, resolved.height)
        return resolved

    def _judge(self, rule: Rule, now: float, cost: int, usage: Usage) -> None:
        limits.judge(rule, limits.in_pictures(usage, self.unit), now, cost / self.unit)
