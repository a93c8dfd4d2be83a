"""Four people who ask, press, cancel and leave, and what becomes of each ask.

One sits at the machine and uses the page, two are on Telegram and one on Discord. What they were promised is
read from the database, what they got from the platforms.
"""

import asyncio
import io
import random
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal

import aiohttp
from PIL import Image

from engine.fake import striped
from tests.adapters.discord.people import Chat
from tests.adapters.telegram.chats import ANN, BOB, Json
from tests.crash.house import House

Fate = Literal["delivered", "cancelled", "failed", "refused", "unheard", "gone", "doubled", "lost", "stuck"]
PEOPLE = ("page", "Ann", "Bob", "Cy")
WORDS = ("a red sailboat on the sea at sunset", "a blue house in the snow", "夕阳下海上的一艘红色帆船")
ENDED = ("delivered", "failed", "cancelled")


@dataclass
class Ask:
    """What somebody asked for at once: the `event` by which its job is known, and what became of it.

    `answered` is None until the platform said something: an HTTP status, or whether it acknowledged.
    """

    who: str
    words: str
    event: str
    platform: str
    count: int = 1
    answered: int | None = None
    cancelled: bool = False
    fate: Fate | None = None
    why: str = ""


class Town:
    """The people around one house; each acts as a seed says."""

    def __init__(self, house: House, seed: int) -> None:
        self.asks: list[Ask] = []
        self.left: set[str] = set()
        self.cy = Chat(house.discord, "Cy")
        self._house = house
        self._seed = seed
        self._numbers: dict[str, int] = {}
        self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(30))

    async def close(self) -> None:
        """Leave the page."""
        await self._session.close()

    async def live(self, who: str, seconds: float, asks: int) -> None:
        """Let somebody do so many things over about so many seconds."""
        dice = random.Random(f"{self._seed} {who}")
        leaves = who != "page" and dice.random() < 0.15
        for _ in range(asks):
            await asyncio.sleep(dice.uniform(0.0, 2 * seconds / asks))
            earlier = [ask for ask in self.asks if ask.who == who]
            if earlier and dice.random() < 0.25:
                await self._cancel(dice.choice(earlier))
            elif earlier and dice.random() < 0.1:
                await self._delete(who, dice)
            elif earlier and dice.random() < 0.3 and await self._press(who, dice):
                pass
            else:
                await self._ask(who, dice)
        if leaves:
            await asyncio.sleep(dice.uniform(0.0, seconds / asks))
            self._leave(who)

    async def say_again(self, dice: random.Random) -> None:
        """Have the platforms say once more what some people said before."""
        chats, gateway = self._house.telegram.chats, self._house.discord.gateway
        for ask in dice.sample(self.asks, min(3, len(self.asks))):
            chat, _, number = ask.event.partition("/")
            if ask.platform == "web" and " " in ask.words and ask.answered == 200:
                await self._say(ask)
            elif ask.platform == "telegram" and chat.isdigit():
                await chats.tell({"message": chats.messages[int(chat), int(number)]})
            elif ask.platform == "discord":
                told = [e for session in gateway.sessions.values() for e in session.events]
                for name, event in told:
                    if event.get("id") == ask.event:
                        await gateway.tell(name, event)

    async def page(self, method: str, path: str, **more: Any) -> tuple[int, Any]:
        """Ask the API until it says yes or no, as the page does; return the status and what was said."""
        while True:
            await self._house.bot.up.wait()
            url = self._house.bot.ready
            with suppress(aiohttp.ClientError, TimeoutError):
                async with self._session.request(method, f"{url}{path}", **more) as answer:
                    as_json = answer.content_type == "application/json"
                    said = await (answer.json() if as_json else answer.read())
                if answer.status < 500:
                    return answer.status, said
                if not as_json:
                    self._house.notes.add(f"{method} was answered {answer.status} and no JSON: {said[:80]!r}")
            await asyncio.sleep(0.2)

    async def judge(self, rows: dict[tuple[str, str], Json]) -> None:
        """Give every ask its fate, by its job's row and by what its person sees."""
        for ask in self.asks:
            row = rows.get((ask.platform, ask.event))
            ask.fate = await self._fate(ask, row)
            ask.why = ask.why or str(row["error"] if row else ask.answered)

    # What they do

    async def _ask(self, who: str, dice: random.Random) -> None:
        size, steps, count = dice.choice((64, 128)), dice.randint(1, 5), dice.choice((1, 1, 2))
        words = f"{dice.choice(WORDS)} --size {size}x{size} --steps {steps} --count {count}"
        number = self._numbers[who] = self._numbers.get(who, 0) + 1
        if who == "page":
            ask = Ask(who, words, f"local/message-{number}", "web", count)
            self.asks.append(ask)
            await self._say(ask)
        elif who == "Cy":
            with suppress(StopIteration):  # the bot's commands are not known yet
                said = {"prompt": words.partition(" --")[0], "steps": steps, "count": count}
                asked = await self.cy.slash("imagine", **said)
                self.asks.append(Ask(who, words, str(asked.id), "discord", count))
        else:
            person, more = (ANN if who == "Ann" else BOB), {}
            if dice.random() < 0.2:
                more["photo"] = striped(words, 96, 96)
            message = await self._house.telegram.chats.says(words, person, **more)
            event = f"{person['id']}/{message['message_id']}"
            self.asks.append(Ask(who, words, event, "telegram", count))

    async def _say(self, ask: Ask) -> None:
        message = ask.event.partition("/")[2]
        body = {"text": ask.words, "message": message}
        ask.answered, said = await self.page("POST", "/api/messages", json=body)
        ask.why = said.get("error", "")

    async def _press(self, who: str, dice: random.Random) -> bool:
        """Press a button below one of one's pictures; False where there is none yet."""
        verb = dice.choice(("reroll", "vary", "upscale"))
        number = self._numbers[who] = self._numbers.get(who, 0) + 1
        if who == "page":
            status, history = await self.page("GET", "/api/history")
            done = [entry["job"] for entry in history.get("messages", []) if entry.get("images")]
            if status != 200 or not done:
                return False
            ask = Ask(who, verb, f"local/message-{number}", "web")
            self.asks.append(ask)
            body = {"verb": verb, "index": 0, "message": f"message-{number}"}
            ask.answered, said = await self.page("POST", f"/api/jobs/{dice.choice(done)}/actions", json=body)
            ask.why = said.get("error", "")
            return True
        if who == "Cy":
            shown = [m for m in self.cy.sees() if any(f":{verb}:" in each for each in m.custom_ids)]
            if shown:
                asked = await self.cy.press(dice.choice(shown), verb)
                self.asks.append(Ask(who, verb, str(asked.id), "discord"))
            return bool(shown)
        person = ANN if who == "Ann" else BOB
        messages = self._house.telegram.chats.of_bot(person["id"])
        pressed = [
            (m, b) for m in messages for b in buttons(m) if b.startswith(f"{verb}:") and m.get("photo")
        ]
        if pressed:
            query = await self._house.telegram.chats.presses(*dice.choice(pressed), person)
            self.asks.append(Ask(who, verb, f"query/{query['id']}", "telegram"))
        return bool(pressed)

    async def _cancel(self, ask: Ask) -> None:
        """Press the button that cancels, where it still stands."""
        if ask.platform == "web":
            status, history = await self.page("GET", "/api/history")
            message = ask.event.partition("/")[2]
            found = [e["job"] for e in history.get("messages", []) if e["message"] == message]
            if status == 200 and found:
                ask.cancelled = True
                body = {"verb": "cancel", "message": f"cancel-{found[0]}-0"}
                await self.page("POST", f"/api/jobs/{found[0]}/actions", json=body)
        elif ask.platform == "telegram":
            number = ask.event.rpartition("/")[2]
            person = ANN if ask.who == "Ann" else BOB
            for message in self._house.telegram.chats.of_bot(person["id"]):
                replied = str(message.get("reply_to_message", {}).get("message_id"))
                pressed = [button for button in buttons(message) if button.startswith("cancel:")]
                if replied == number and pressed:
                    ask.cancelled = True
                    await self._house.telegram.chats.presses(message, pressed[0], person)
        else:
            asked = next(i for i in self._house.discord.world.interactions.values() if str(i.id) == ask.event)
            message = asked.original
            if message and any(":cancel:" in each for each in message.custom_ids):
                ask.cancelled = True
                await self.cy.press(message, "cancel")

    async def _delete(self, who: str, dice: random.Random) -> None:
        """Press the button that deletes a picture, where there is one."""
        if who == "page":
            status, history = await self.page("GET", "/api/history")
            done = [entry["job"] for entry in history.get("messages", []) if entry.get("images")]
            if status == 200 and done:
                body = {"verb": "delete", "message": f"delete-{len(done)}-0"}
                await self.page("POST", f"/api/jobs/{dice.choice(done)}/actions", json=body)
        elif who == "Cy":
            shown = [m for m in self.cy.sees() if any(":delete:" in each for each in m.custom_ids)]
            if shown:
                await self.cy.press(dice.choice(shown), "delete")
        else:
            person = ANN if who == "Ann" else BOB
            shown_there = self._house.telegram.chats.of_bot(person["id"])
            found = [(m, b) for m in shown_there for b in buttons(m) if b.startswith("delete:")]
            if found:
                await self._house.telegram.chats.presses(*dice.choice(found), person)

    def _leave(self, who: str) -> None:
        """Have nothing to do with the bot any more."""
        self.left.add(who)
        if who == "Cy":
            self.cy.channel.permissions, self.cy.person.takes_messages = 0, False
        else:
            self._house.telegram.chats.blocked.add((ANN if who == "Ann" else BOB)["id"])

    # What becomes of it

    async def _fate(self, ask: Ask, row: Json | None) -> Fate:
        if row is None:
            return await self._unknown(ask)
        if row["state"] not in ENDED:
            return "stuck"
        if row["removed"]:
            return "delivered"
        if row["error"] == "refused" and row["lacking"]:
            return "gone"  # what it was to be made of was deleted meanwhile
        if row["state"] != "delivered":
            return "failed" if row["state"] == "failed" else "cancelled"
        seen = await self._pictures(ask, row)
        if seen == 1:
            return "delivered"
        return "gone" if ask.who in self.left and not seen else "doubled" if seen else "lost"

    async def _unknown(self, ask: Ask) -> Fate:
        """Say what became of an ask of which there is no job."""
        if ask.who in self.left:
            return "gone"
        if ask.platform == "web":
            return "refused" if ask.answered and ask.answered >= 400 else "lost"
        if ask.platform == "discord":
            asked = next(i for i in self._house.discord.world.interactions.values() if str(i.id) == ask.event)
            return "refused" if asked.answer else "unheard"
        number = ask.event.rpartition("/")[2]
        chats = self._house.telegram.chats
        if ask.event.startswith("query/"):
            return "refused" if number in chats.answers else "unheard"
        answers = [
            m for m in chats.of_bot() if str(m.get("reply_to_message", {}).get("message_id")) == number
        ]
        ask.why = answers[0]["text"] if answers else ""
        return "refused" if answers else "lost"

    async def _pictures(self, ask: Ask, row: Json) -> int:
        """Return how often the person has the pictures of a job."""
        job = row["id"]
        if ask.platform == "web":
            status, told = await self.page("GET", f"/api/jobs/{job}")
            found = [(await self.page("GET", url))[1] for url in told["images"]] if status == 200 else []
            _, history = await self.page("GET", "/api/history")
            entries = [entry for entry in history["messages"] if entry["job"] == job]
            whole = len(found) == ask.count and all(map(shows_something, found))
            return len(entries) if whole else 0
        if ask.platform == "discord":
            shown = [
                m for m in self._house.discord.world.messages.values() if m.files and _job(m.custom_ids, job)
            ]
            return len(shown) if all(shows_something(m.files[0]) for m in shown) else 0
        chats = self._house.telegram.chats
        photos = [m["photo"] for m in chats.of_bot() if m.get("photo") and _job(buttons(m), job)]
        whole = all(shows_something(chats.files[photo[-1]["file_id"]]) for photo in photos)
        return len(photos) if whole else 0

    def promises(self, jobs: set[int]) -> list[str]:
        """Return the messages that still offer to cancel one of these jobs, which have ended."""
        chats, world = self._house.telegram.chats, self._house.discord.world
        shown = [buttons(m) for m in chats.of_bot() if m["chat"]["id"] not in chats.blocked]
        shown += [m.custom_ids for m in world.messages.values() if "Cy" not in self.left]
        cancels = [each.rpartition("cancel:")[2] for found in shown for each in found if "cancel:" in each]
        return [
            f"a message still offers to cancel job {each}"
            for each in cancels
            if int(each.split(":")[0]) in jobs
        ]


def buttons(message: Json) -> list[str]:
    """Return what the buttons of a message on Telegram carry."""
    rows = message.get("reply_markup", {}).get("inline_keyboard", [])
    return [button["callback_data"] for row in rows for button in row if "callback_data" in button]


def _job(found: list[str], job: int) -> bool:
    return any(f":{job}:" in each for each in found)


def shows_something(picture: bytes) -> bool:
    """Say whether a picture has more than a few colours."""
    with Image.open(io.BytesIO(picture)) as image:
        return len(image.convert("L").getcolors() or (None,) * 9) > 3
