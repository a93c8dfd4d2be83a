"""The people's side of a small Telegram: chats, messages, files and the updates that wait for the bot."""

import asyncio
import itertools
import time
from dataclasses import dataclass, field
from typing import Any

from tests.adapters.telegram.rules import Refusal, bad

BOT = {"id": 4242, "is_bot": True, "first_name": "Painter", "username": "painter_bot"}
ANN = {"id": 7, "is_bot": False, "first_name": "Ann", "language_code": "en"}
BOB = {"id": 8, "is_bot": False, "first_name": "Bob", "language_code": "zh-hans"}
GROUP = -100500
TOPIC = 33

Json = dict[str, Any]


@dataclass
class Chats:
    """Everything Telegram knows; `updates` are those the bot has not confirmed."""

    messages: dict[tuple[int, int], Json] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    updates: list[Json] = field(default_factory=list)
    queries: dict[str, Json] = field(default_factory=dict)
    answers: dict[str, Json] = field(default_factory=dict)
    blocked: set[int] = field(default_factory=set)
    muted: set[int] = field(default_factory=set)
    vanished: set[int] = field(default_factory=set)
    admins: set[int] = field(default_factory=set)
    people: set[int] = field(default_factory=lambda: {ANN["id"], BOB["id"]})
    usernames: dict[int, str] = field(default_factory=dict)
    webhook: tuple[str, str] | None = None
    migrated: dict[int, int] = field(default_factory=dict)
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    def __post_init__(self) -> None:
        self._numbers = itertools.count(100)
        self._updates = itertools.count(9000)

    def chat(self, number: int) -> Json:
        """Return a chat the bot may write to."""
        if number in self.migrated:
            text = "Bad Request: group chat was upgraded to a supergroup chat"
            raise Refusal(400, text, migrate_to_chat_id=self.migrated[number])
        if number in self.muted:
            raise bad("not enough rights to send text messages to the chat")
        if number in self.vanished:
            raise bad("chat not found")
        if number in self.blocked:
            raise Refusal(403, "Forbidden: bot was blocked by the user")
        if number in self.people:
            return {"id": number, "type": "private", "first_name": "Somebody"}
        if number == GROUP or number in self.migrated.values():
            return {"id": number, "type": "supergroup", "title": "Painters", "is_forum": True}
        raise bad("chat not found")

    def own(self, chat: int, message: int) -> Json:
        """Return a message of the bot's own."""
        self.chat(chat)
        found = self.messages.get((chat, message))
        if found is None:
            raise bad("message to edit not found")
        if found["from"]["id"] != BOT["id"]:
            raise bad("message can't be edited")
        return found

    def post(self, chat: int, sender: Json, **content: Any) -> Json:
        """Put a message into a chat."""
        message = {"message_id": next(self._numbers), "date": int(time.time()), "from": sender, **content}
        message["chat"] = {"id": chat, "type": "private" if chat > 0 else "supergroup", "title": "x"}
        if chat in self.usernames:
            message["chat"]["username"] = self.usernames[chat]
        self.messages[chat, message["message_id"]] = message
        return message

    def keep(self, data: bytes) -> Json:
        """Keep a file and return how messages name it."""
        name = f"F{len(self.files)}"
        self.files[name] = data
        return {"file_id": name, "file_unique_id": f"u{name}", "file_size": len(data)}

    async def says(self, text: str = "", who: Json = ANN, chat: int | None = None, **more: Any) -> Json:
        """A person writes; `reply_to` is a message they answer, `photo` or `file` a picture's bytes."""
        content: Json = {}
        if (answered := more.pop("reply_to", None)) is not None:
            content["reply_to_message"] = {k: v for k, v in answered.items() if k != "reply_to_message"}
        if (photo := more.pop("photo", None)) is not None:
            content["photo"] = [{**self.keep(photo), "width": 64, "height": 64}]
        if (file := more.pop("file", None)) is not None:
            content["document"] = {**self.keep(file), "mime_type": "image/png", "file_name": "x.png"}
        if text:
            content["caption" if photo or file else "text"] = text
        message = self.post(chat or who["id"], who, **content, **more)
        await self.tell({"message": message})
        return message

    async def presses(self, message: Json, button: str, who: Json = ANN) -> Json:
        """A person presses the button whose words or data contain `button`; return the query."""
        rows = message["reply_markup"]["inline_keyboard"]
        [data] = [
            each["callback_data"]
            for row in rows
            for each in row
            if button in each["text"] or each.get("callback_data") == button
            if "callback_data" in each
        ][:1]
        query = {"id": str(next(self._numbers)), "from": who, "chat_instance": "1", "data": data}
        query["message"] = message
        self.queries[query["id"]] = query
        await self.tell({"callback_query": query})
        return query

    async def reacts(self, message: Json, emoji: str, who: Json = ANN, before: str = "") -> None:
        """A person changes their reaction; "" is none."""
        await self.tell(
            {
                "message_reaction": {
                    "chat": message["chat"],
                    "message_id": message["message_id"],
                    "user": who,
                    "date": int(time.time()),
                    "old_reaction": [{"type": "emoji", "emoji": before}] if before else [],
                    "new_reaction": [{"type": "emoji", "emoji": emoji}] if emoji else [],
                }
            }
        )

    async def album(self, *photos: bytes, text: str = "", who: Json = ANN, **more: Any) -> None:
        """A person sends several photos as one message."""
        parts = [{"photo": [{**self.keep(photo), "width": 64, "height": 64}]} for photo in photos]
        if text:
            parts[0]["caption"] = text
        album = str(next(self._numbers))
        chat = more.pop("chat", who["id"])
        messages = [self.post(chat, who, media_group_id=album, **part, **more) for part in parts]
        await self.tell(*({"message": message} for message in messages))

    async def tell(self, *updates: Json) -> None:
        """Queue updates for the bot, as they come together."""
        self.updates += [{"update_id": next(self._updates), **update} for update in updates]
        await self.notify()

    async def notify(self) -> None:
        async with self.changed:
            self.changed.notify_all()

    def of_bot(self, chat: int | None = None) -> list[Json]:
        """Return what the bot has in a chat, oldest first."""
        return [
            message
            for (number, _), message in sorted(self.messages.items(), key=lambda item: item[0][1])
            if message["from"]["id"] == BOT["id"] and chat in (None, number)
        ]
