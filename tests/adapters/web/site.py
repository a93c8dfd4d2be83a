"""The web chat on a real loopback socket, over the real core and store; only the engine is the fake one."""

import asyncio
import io
import json
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import aiohttp
from PIL import Image

from adapters.web.api import Models, no_models
from adapters.web.server import WebPlatform
from bot.core import Core, CoreSettings
from bot.policy.access import Access
from bot.policy.limits import Rule
from bot.policy.moderation import BannedWords
from bot.replies.replies import Replies
from bot.setup.config import WebConfig
from bot.storage.jobs import JobStore
from bot.storage.pictures import PictureFolder
from bot.types import Params
from engine.fake import FakeEngine
from engine.files.loras import LoraFolder
from engine.types import Event, Generate, ModelProfile, Progress, PromptReady, Task

PROFILE = ModelProfile(
    "embedded", 128, 256, ("a red sailboat on the sea at sunset", "a white house in the snow at night"),
    "This small model draws picture-book scenes.", inpaints=True,
)  # fmt: skip
TOKEN = "correct horse battery staple"
LOOPBACK = WebConfig(port=0)
GUARDED = WebConfig(port=0, token=TOKEN, hosts=("pictures.example",))
BEARER = {"Authorization": f"Bearer {TOKEN}"}


class GatedEngine(FakeEngine):
    """A fake engine that shows previews, knows no dragon and, told to, holds its brush before step `hold`."""

    def __init__(self) -> None:
        super().__init__(room=64, pace=self._before)
        self.hold = 0
        self._go_on = asyncio.Event()

    def release(self) -> None:
        """Draw on."""
        self.hold = 0
        self._go_on.set()

    async def run(self, task: Task) -> AsyncGenerator[Event, None]:
        async with aclosing(super().run(task)) as events:
            async for event in events:
                match event:
                    case Progress():
                        yield replace(event, preview=_preview())
                    case PromptReady() if "dragon" in event.original:
                        yield replace(event, notes=("nearest=dragon → bird", "near=cat, fish"))
                    case PromptReady() if "blorb" in event.original:
                        yield replace(event, notes=("outside-world",))
                    case _:
                        yield event

    async def _before(self, task: Generate, step: int) -> None:
        if step == self.hold:
            self._go_on.clear()
            await self._go_on.wait()


class Grace:
    """A wait that ends when the test says so."""

    def __init__(self) -> None:
        self.over = asyncio.Event()
        self.begun = asyncio.Event()

    async def __call__(self, seconds: float) -> None:
        self.begun.set()
        await self.over.wait()


@dataclass(frozen=True, slots=True)
class Site:
    """A running web chat and a client of it."""

    url: str
    core: Core
    store: JobStore
    easel: GatedEngine
    web: WebPlatform
    client: aiohttp.ClientSession

    async def get(self, path: str, **options: Any) -> tuple[int, Any]:
        """Return status and JSON of a GET."""
        async with self.client.get(path, **options) as answer:
            return answer.status, await answer.json()

    async def post(self, path: str, body: Any, **options: Any) -> tuple[int, Any]:
        """Return status and JSON of a POST."""
        async with self.client.post(path, json=body, **options) as answer:
            return answer.status, await answer.json()

    async def draw(self, text: str, **body: Any) -> int:
        """Send words, wait for the picture, return the job."""
        status, answer = await self.post("/api/messages", {"text": text, **body})
        assert status == 200, answer
        await self.core.idle()
        return int(answer["job"])


@asynccontextmanager
async def serving(
    directory: Path,
    settings: WebConfig = LOOPBACK,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    rule: Rule | None = None,
    access: Access | None = None,
    loras: Path | None = None,
    models: Models = no_models,
) -> AsyncIterator[Site]:
    """Run the web chat in `directory`, then stop it; `sleep` is how the page's grace is waited for."""
    easel = GatedEngine()
    replies = Replies(PROFILE)
    web = WebPlatform(settings, directory, replies, sleep=sleep, models=models)
    async with JobStore.open(directory) as store:
        core = Core(
            store=store,
            images=PictureFolder(directory / "pictures"),
            engine=easel,
            replies=replies,
            banned_words=BannedWords(()),
            settings=CoreSettings(
                PROFILE,
                Params(""),
                rule or Rule(per_minute=100, waiting=50),
                access=access or Access(),
                loras=LoraFolder(loras),
            ),
            platforms={"web": web},
        )
        await core.recover()
        tasks = [asyncio.create_task(core.run()), asyncio.create_task(web.run(core))]
        try:
            url = await web.started()
            async with aiohttp.ClientSession(url, cookie_jar=aiohttp.DummyCookieJar()) as client:
                yield Site(url, core, store, easel, web, client)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


async def passing(site: Site, token: str = TOKEN) -> dict[str, str]:
    """Open the page with a token as a fresh browser would; return the header with its cookie."""
    async with site.client.get("/", params={"token": token}, allow_redirects=False) as answer:
        return {"Cookie": f"zimage_person={answer.cookies['zimage_person'].value}"}


async def next_event(stream: aiohttp.ClientResponse) -> dict[str, Any]:
    """Return the next server-sent event that carries data."""
    async for line in stream.content:
        if line.startswith(b"data: "):
            event: dict[str, Any] = json.loads(line[6:])
            return event
    raise AssertionError("the stream ended")


def picture_file(width: int = 64, height: int = 48) -> bytes:
    """Return a small PNG a person might attach."""
    buffer = io.BytesIO()
    Image.new("RGB", (width, height), "orange").save(buffer, "PNG")
    return buffer.getvalue()


def _preview() -> bytes:
    buffer = io.BytesIO()
    Image.linear_gradient("L").resize((32, 32)).convert("RGB").save(buffer, "JPEG")
    return buffer.getvalue()
