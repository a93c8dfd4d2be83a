"""Three people who ask for pictures, one on the page and two on Telegram, and what becomes of each ask."""

import asyncio
import io
from collections import Counter
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
        self._asking: list[asyncio.Task[None]] = []

    def ask(self, who: Json | None, words: str, count: int) -> None:
        """Let somebody ask for so many pictures, and wait for them."""
        ask = Ask(who, f"{words} --count {count}", count)
        self.asks.append(ask)
        live = self._in_chat(ask, who) if who else self._on_page(ask, f"message-{len(self.asks)}")
        self._asking.append(asyncio.create_task(live))

    async def begun(self, *states: str) -> None:
        """Wait until the page's newest job is in one of these states."""
        [*_, ask] = [ask for ask in self.asks if ask.who is None]
        while (await self._job(ask)).get("state") not in states:  # noqa: ASYNC110  (another process)
            await asyncio.sleep(0.05)

    async def settle(self, seconds: float) -> None:
        """Give every ask its fate; what has not ended after so many seconds is stuck, or nobody knows it."""
        await asyncio.wait(self._asking, timeout=seconds)
        for asking in self._asking:
            if not asking.cancel():
                asking.result()
        waiting = {str(update["message"]["message_id"]) for update in self._server.chats.updates}
        for ask in [ask for ask in self.asks if ask.fate is None]:
            known = ask.who is None or ask.message in waiting or self._answers(ask)
            ask.fate = "stuck" if known else "lost"
        _, history = await self._page("GET", "/api/history")
        shown = Counter(entry["message"] for entry in history["messages"])
        for ask in self.asks:
            if shown[ask.message] > 1 or sum("photo" in message for message in self._answers(ask)) > 1:
                ask.fate = "doubled"

    async def _on_page(self, ask: Ask, message: str) -> None:
        ask.message = message
        status, said = await self._page("POST", "/api/messages", json={"text": ask.words, "message": message})
        if status >= 400:
            ask.fate, ask.why = "refused", said["error"]
            return
        ask.job = said["job"]
        while (job := await self._job(ask)).get("state") not in ("delivered", "failed", "cancelled"):
            if not job:
                ask.fate = "lost"
                return
            await asyncio.sleep(0.1)
        if job["state"] == "delivered":
            self._delivered(ask, [(await self._page("GET", url))[1] for url in job["images"]], ask.count)
        else:
            ask.fate, ask.why = "failed", job["error"] or job["state"]

    async def _in_chat(self, ask: Ask, who: Json) -> None:
        ask.message = str((await self._server.chats.says(ask.words, who))["message_id"])
        last: Json = await self._server.until(lambda: self._last_word(ask))
        ask.job = next((int(button.split(":")[1]) for button in _buttons(last)), None)
        if photo := last.get("photo"):
            self._delivered(ask, [self._server.chats.files[photo[-1]["file_id"]]], 1)
        else:
            ask.fate, ask.why = "failed" if ask.job else "refused", last["text"].splitlines()[0]

    def _delivered(self, ask: Ask, pictures: list[bytes], count: int) -> None:
        if len(pictures) == count and all(map(_shows_something, pictures)):
            ask.fate = "delivered"
        else:
            ask.fate, ask.why = "failed", f"with {len(pictures)} of {count} pictures, or black ones"

    def _answers(self, ask: Ask) -> list[Json]:
        of_bot = self._server.chats.of_bot()
        return [m for m in of_bot if str(m.get("reply_to_message", {}).get("message_id")) == ask.message]

    def _last_word(self, ask: Ask) -> Json | None:
        """Return the answer that promises nothing more, which one with a button to cancel does."""
        last = [m for m in self._answers(ask) if not any("cancel:" in button for button in _buttons(m))]
        return next((message for message in last if message.get("photo")), last[0] if last else None)

    async def _job(self, ask: Ask) -> Json:
        """Return what the page is told of a job; nothing where there is none, or nobody knows it."""
        status, job = await self._page("GET", f"/api/jobs/{ask.job}") if ask.job else (404, {})
        return job if status == 200 else {}

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
                    self._house.notes.add(f"{method} was answered {answer.status} and no JSON: {said[:80]!r}")
            await asyncio.sleep(0.2)


def _buttons(message: Json) -> list[str]:
    rows = message.get("reply_markup", {}).get("inline_keyboard", [])
    return [button["callback_data"] for row in rows for button in row if "callback_data" in button]


def _shows_something(picture: bytes) -> bool:
    with Image.open(io.BytesIO(picture)) as image:
        return len(image.convert("L").getcolors() or ()) > 20
