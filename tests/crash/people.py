"""Three people who ask for pictures, one on the page and two on Telegram, and what became of each ask."""

import asyncio
import io
import re
from collections import Counter
from collections.abc import Awaitable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal

import aiohttp
from PIL import Image

from tests.adapters.telegram.chats import ANN, BOB, Json
from tests.adapters.telegram.server import Telegram
from tests.crash.house import House

Fate = Literal["delivered", "doubled", "failed", "refused", "lost", "stuck"]
PEOPLE = (None, ANN, BOB)
"""None sits at the machine itself and uses the page."""
CANCEL = re.compile("cancel:")
"""The button of a job that has not ended."""


@dataclass
class Ask:
    """What somebody said in `message`, the `job` that was made of it, its `fate`, and `why` it was that."""

    who: Json | None
    words: str
    count: int
    message: str = ""
    job: int | None = None
    fate: Fate | None = None
    why: str = ""


class Town:
    """The people around one house."""

    def __init__(self, house: House, server: Telegram) -> None:
        self.asks: list[Ask] = []
        self._house = house
        self._server = server
        self._saying: set[asyncio.Task[None]] = set()

    def ask(self, who: Json | None, words: str, count: int) -> None:
        """Let somebody ask for so many pictures, as often as it takes to get an answer."""
        ask = Ask(who, f"{words} --count {count}", count, f"message-{len(self.asks)}")
        self.asks.append(ask)
        self._saying.add(asyncio.create_task(self._say(ask)))

    async def begun(self, *states: str) -> None:
        """Wait until the page's newest job is in one of these states."""
        [*_, ask] = [ask for ask in self.asks if ask.who is None]
        while (await self._job(ask)).get("state") not in states:  # noqa: ASYNC110  (another process)
            await asyncio.sleep(0.05)

    async def settle(self, seconds: float) -> None:
        """Give every ask its fate; what has not ended after so many seconds is stuck, or nobody knows it."""
        await _within(seconds, [*self._saying, *map(self._end, self.asks)])
        waiting = {str(update["message"]["message_id"]) for update in self._server.chats.updates}
        for ask in [ask for ask in self.asks if ask.fate is None]:
            known = ask.who is None or ask.message in waiting or self._answers(ask)
            ask.fate = "stuck" if known else "lost"
        if not await _within(20, [self._count()]):
            self._house.notes.add("the history cannot be read")

    async def _say(self, ask: Ask) -> None:
        if ask.who is not None:
            ask.message = str((await self._server.chats.says(ask.words, ask.who))["message_id"])
            return
        body = {"text": ask.words, "message": ask.message}
        status, said = await self._page("POST", "/api/messages", json=body)
        if status < 300:
            ask.job = said["job"]
        else:
            ask.fate, ask.why = "refused", said["error"]

    async def _end(self, ask: Ask) -> None:
        if ask.who is not None:
            await self._server.until(lambda: self._ended_in_chat(ask))
        while ask.fate is None:
            job = await self._job(ask)
            if job.get("state") == "delivered":
                pictures = [(await self._page("GET", url))[1] for url in job["images"]]
                self._delivered(ask, pictures, ask.count)
            elif job.get("state") in ("failed", "cancelled"):
                ask.fate, ask.why = "failed", job["error"] or job["state"]
            await asyncio.sleep(0.1)

    async def _job(self, ask: Ask) -> Json:
        """Return what the page is told of a job; nothing before there is one, or where nobody knows it."""
        if ask.job is None:
            return {}
        status, job = await self._page("GET", f"/api/jobs/{ask.job}")
        if status == 404:
            ask.fate = "lost"
        return job

    def _ended_in_chat(self, ask: Ask) -> bool:
        """Note what the answers to an ask come to; False while they promise more."""
        last = [message for message in self._answers(ask) if not any(map(CANCEL.match, _buttons(message)))]
        if not last:
            return False
        message = next((message for message in last if message.get("photo")), last[0])
        ask.job = next((int(button.split(":")[1]) for button in _buttons(message)), None)
        if photo := message.get("photo"):
            self._delivered(ask, [self._server.chats.files[photo[-1]["file_id"]]], 1)
        else:
            ask.fate, ask.why = "failed" if ask.job else "refused", message["text"].splitlines()[0]
        return True

    def _delivered(self, ask: Ask, pictures: list[bytes], count: int) -> None:
        if len(pictures) == count and all(map(_shows_something, pictures)):
            ask.fate = "delivered"
        else:
            ask.fate, ask.why = "failed", f"with {len(pictures)} of {count} pictures, or black ones"

    def _answers(self, ask: Ask) -> list[Json]:
        of_bot = self._server.chats.of_bot()
        return [m for m in of_bot if str(m.get("reply_to_message", {}).get("message_id")) == ask.message]

    async def _count(self) -> None:
        """Note what there is twice."""
        _, history = await self._page("GET", "/api/history")
        shown = Counter(entry["message"] for entry in history["messages"])
        for ask in self.asks:
            if shown[ask.message] > 1 or sum("photo" in message for message in self._answers(ask)) > 1:
                ask.fate = "doubled"

    async def _page(self, method: str, path: str, **more: Any) -> tuple[int, Any]:
        """Ask the API until it says yes or no, as the page does; return the status and what was said."""
        while True:
            await self._house.up.wait()
            with suppress(aiohttp.ClientError, TimeoutError):
                async with self._house.bot.session.request(method, path, **more) as answer:
                    as_json = answer.content_type == "application/json"
                    said = await (answer.json() if as_json else answer.read())
                if answer.status < 500:
                    return answer.status, said
                if not as_json:
                    self._house.notes.add(f"{method} was answered {answer.status} and no JSON: {said[:80]}")
            await asyncio.sleep(0.2)


def _buttons(message: Json) -> list[str]:
    rows = message.get("reply_markup", {}).get("inline_keyboard", [])
    return [button["callback_data"] for row in rows for button in row if "callback_data" in button]


def _shows_something(picture: bytes) -> bool:
    with Image.open(io.BytesIO(picture)) as image:
        low, high = image.convert("L").getextrema()
    return high - low > 20


async def _within(seconds: float, work: Iterable[Awaitable[None]]) -> bool:
    """Do what can be done in so many seconds; return whether that was all."""
    tasks = [asyncio.ensure_future(each) for each in work]
    _, late = await asyncio.wait(tasks, timeout=seconds)
    for task in late:
        task.cancel()
    for result in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(result, Exception):
            raise result
    return not late
