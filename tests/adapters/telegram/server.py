"""A small Telegram Bot API on a loopback port, as strict as the real one; python-telegram-bot talks to it.

`calls` records every call in order. `fail` scripts faults: a flood error, a bad gateway, a conflict, or a
connection that is cut before (`cut`), in the middle of (`torn`) or after (`lost`) the call was done. `floods`
are chats that answer every message with a flood error of so many seconds, `hanging` the methods that never
answer, `foreign_webhook` the address that another program set.
"""

import asyncio
import re
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Literal

from aiohttp import web

from tests.adapters.telegram import rules
from tests.adapters.telegram.chats import BOT, GROUP, TOPIC, Chats, Json
from tests.adapters.telegram.forms import cut, read, refused
from tests.adapters.telegram.rules import Refusal, bad
from tests.adapters.telegram.spec import Spec

TOKEN = "4242424242:" + "AbCdE-_" * 5
GIFTS = dict.fromkeys(
    ("unlimited_gifts", "limited_gifts", "unique_gifts", "premium_subscription", "gifts_from_channels"), False
)
Fault = Literal["flood", "error", "gateway", "down", "conflict", "cut", "torn", "lost"]
ERRORS: dict[str | None, int] = {"error": 500, "gateway": 502, "down": 503}


class Telegram:
    """The server; `url` is where it listens once it runs."""

    def __init__(self) -> None:
        self.chats = Chats()
        self.spec = Spec.beside()
        self.calls: list[tuple[str, Json]] = []
        self.commands: dict[str, list[Json]] = {}
        self.menus: dict[tuple[int, str], list[Json]] = {}
        self.offsets: list[int] = []
        self.url = ""
        self.down = False
        self.too_old = False
        self.no_photos = False
        self.floods: dict[int, int] = {}
        self.hanging: set[str] = set()
        self.foreign_webhook = ""
        self._faults: defaultdict[str, list[Fault]] = defaultdict(list)
        self._poll: asyncio.Event | None = None
        self._revoked = 0

    async def revoke(self, status: int) -> None:
        """Answer every call with this status from now on, also the one that waits; 0 ends that."""
        self._revoked = status
        if self._poll is not None:
            self._poll.set()
        await self.chats.notify()

    def fail(self, method: str, *faults: Fault) -> None:
        """Let the next calls of `method` fail, one after the other."""
        self._faults[method] += faults

    def forgive(self) -> None:
        """Let no call fail any more."""
        self._faults.clear()

    def made(self, *methods: str) -> list[Json]:
        """Return what the calls of these methods carried."""
        return [said for method, said in self.calls if method in methods]

    async def until(self, true: Any) -> Any:
        """Wait until `true()` holds and return it."""
        async with self.chats.changed:
            while not (found := true()):
                await self.chats.changed.wait()
        return found

    async def serve(self, request: web.Request) -> web.StreamResponse:
        if self.down:
            cut(request)
        if request.match_info["token"] != TOKEN or self._revoked:
            return refused(Refusal(self._revoked or 401, "Unauthorized"))
        method = request.match_info["method"]
        fault = self._faults[method].pop(0) if self._faults[method] else None
        if fault == "torn":
            await request.content.readany()
        if fault in ("cut", "torn"):
            cut(request)
        said, files = await read(request)
        if fault in ERRORS:
            return web.Response(status=ERRORS[fault], text="<html>Error</html>", content_type="text/html")
        try:
            result = await self._do(method, said, files, fault)
        except Refusal as refusal:
            self.calls.append((f"refused {method}", said | {"why": refusal.description}))
            await self.chats.notify()
            return refused(refusal)
        if method != "getUpdates":
            self.calls.append((method, said))
        await self.chats.notify()
        if fault == "lost":
            cut(request)
        return web.json_response({"ok": True, "result": result})

    async def _do(self, method: str, said: Json, files: dict[str, bytes], fault: Fault | None) -> Any:
        if fault == "flood":
            raise Refusal(429, "Too Many Requests: retry after 1", retry_after=1)
        if fault == "conflict":
            raise Refusal(409, "Conflict: terminated by other getUpdates request")
        if method in self.hanging:
            await asyncio.Event().wait()
        if self.spec is not None:
            self.spec.check(method, said, set(files))
        if (seconds := self.floods.get(said.get("chat_id", 0))) and method.startswith(("send", "edit")):
            raise Refusal(429, f"Too Many Requests: retry after {seconds}", retry_after=seconds)
        return await getattr(self, f"do_{method}")(said, files)

    async def file(self, request: web.Request) -> web.StreamResponse:
        if self._faults["file"]:
            self._faults["file"].pop(0)
            cut(request)
        name = request.match_info["name"].removeprefix("photos/")
        if request.match_info["token"] != TOKEN or name not in self.chats.files:
            raise web.HTTPNotFound
        return web.Response(body=self.chats.files[name])

    async def do_getMe(self, said: Json, files: Json) -> Json:  # noqa: N802
        return {**BOT, "can_join_groups": True, "can_read_all_group_messages": False}

    async def do_getUpdates(self, said: Json, files: Json) -> list[Json]:  # noqa: N802
        if self.foreign_webhook:
            raise Refusal(
                409, "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook"
            )
        if self._poll is not None:
            self._poll.set()
        mine = self._poll = asyncio.Event()
        offset = said.get("offset", 0)
        self.offsets.append(offset)
        waiting = self.chats.updates
        waiting[:] = [update for update in waiting if update["update_id"] >= offset]
        await self.chats.notify()
        try:
            async with asyncio.timeout(said.get("timeout", 0)), self.chats.changed:
                while not waiting and not mine.is_set():
                    await self.chats.changed.wait()
        except TimeoutError:
            pass
        if self._revoked:
            raise Refusal(self._revoked, "Unauthorized")
        if mine.is_set():
            raise Refusal(409, "Conflict: terminated by other getUpdates request")
        allowed = said.get("allowed_updates") or []
        return [update for update in waiting if set(update) & {"update_id", *allowed} != {"update_id"}][:100]

    async def do_deleteWebhook(self, said: Json, files: Json) -> bool:  # noqa: N802
        self.foreign_webhook = ""
        return True

    async def do_getWebhookInfo(self, said: Json, files: Json) -> Json:  # noqa: N802
        url = self.foreign_webhook
        return {"url": url, "has_custom_certificate": False, "pending_update_count": 0}

    async def do_setMyCommands(self, said: Json, files: Json) -> bool:  # noqa: N802
        rules.check_commands(said["commands"])
        scope = said.get("scope", {"type": "default"})
        if scope["type"] == "chat":
            self.chats.chat(scope["chat_id"])
            self.menus[scope["chat_id"], said.get("language_code", "")] = said["commands"]
        else:
            self.commands[said.get("language_code", "")] = said["commands"]
        return True

    async def do_setWebhook(self, said: Json, files: Json) -> bool:  # noqa: N802
        if not re.fullmatch(r"[A-Za-z0-9_-]{1,256}", said["secret_token"]):
            raise bad("secret token contains unallowed characters")
        self.chats.webhook = said["url"], said["secret_token"]
        return True

    async def do_getChat(self, said: Json, files: Json) -> Json:  # noqa: N802
        chat = self.chats.chat(said["chat_id"])
        return {**chat, "accent_color_id": 1, "max_reaction_count": 1, "accepted_gift_types": GIFTS}

    async def do_getChatMember(self, said: Json, files: Json) -> Json:  # noqa: N802
        self.chats.chat(said["chat_id"])
        user = {"id": said["user_id"], "is_bot": False, "first_name": "x"}
        if said["user_id"] not in self.chats.admins:
            return {"status": "member", "user": user}
        return {"status": "creator", "user": user, "is_anonymous": False}

    async def do_sendChatAction(self, said: Json, files: Json) -> bool:  # noqa: N802
        self.chats.chat(said["chat_id"])
        return True

    async def do_answerCallbackQuery(self, said: Json, files: Json) -> bool:  # noqa: N802
        if self.chats.queries.pop(said["callback_query_id"], None) is None:
            raise bad("query is too old and response timeout expired or query ID is invalid")
        if len(said.get("text", "")) > 200:
            raise bad("MESSAGE_TOO_LONG")
        self.chats.answers[said["callback_query_id"]] = said
        return True

    async def do_sendMessage(self, said: Json, files: Json) -> Json:  # noqa: N802
        return self._send(said, text=rules.text_of(said, "text", rules.TEXT))

    async def do_sendPhoto(self, said: Json, files: Json) -> Json:  # noqa: N802
        photo = self._photo(files[said.get("photo", "attach://photo").removeprefix("attach://")])
        caption, spoiler = rules.text_of(said, "caption", rules.CAPTION), said.get("has_spoiler", False)
        return self._send(said, photo=photo, caption=caption, has_media_spoiler=spoiler)

    async def do_sendDocument(self, said: Json, files: Json) -> Json:  # noqa: N802
        data = files[said.get("document", "attach://document").removeprefix("attach://")]
        if len(data) > rules.DOCUMENT_BYTES:
            raise Refusal(413, "Request Entity Too Large")
        return self._send(said, document={**self.chats.keep(data), "mime_type": "image/png"})

    async def do_editMessageText(self, said: Json, files: Json) -> Json:  # noqa: N802
        message = self.chats.own(said["chat_id"], said["message_id"])
        if "text" not in message:
            raise bad("there is no text in the message to edit")
        return self._edit(message, said, text=rules.text_of(said, "text", rules.TEXT))

    async def do_editMessageMedia(self, said: Json, files: Json) -> Json:  # noqa: N802
        message = self.chats.own(said["chat_id"], said["message_id"])
        if self.no_photos:
            raise bad("not enough rights to send photos to the chat")
        media = said["media"]
        caption = rules.text_of(media, "caption", rules.CAPTION)
        photo = self._photo(files[media["media"].removeprefix("attach://")])
        message.pop("text", None)
        spoiler = media.get("has_spoiler", False)
        return self._edit(message, said, photo=photo, caption=caption, has_media_spoiler=spoiler)

    async def do_editMessageCaption(self, said: Json, files: Json) -> Json:  # noqa: N802
        message = self.chats.own(said["chat_id"], said["message_id"])
        if "photo" not in message:
            raise bad("there is no caption in the message to edit")
        return self._edit(message, said, caption=rules.text_of(said, "caption", rules.CAPTION))

    async def do_deleteMessage(self, said: Json, files: Json) -> bool:  # noqa: N802
        self.chats.own(said["chat_id"], said["message_id"])
        if self.too_old:
            raise bad("message can't be deleted for everyone")
        del self.chats.messages[said["chat_id"], said["message_id"]]
        return True

    async def do_getFile(self, said: Json, files: Json) -> Json:  # noqa: N802
        if said["file_id"] not in self.chats.files:
            raise bad("invalid file_id")
        name = said["file_id"]
        return {"file_id": name, "file_unique_id": f"u{name}", "file_path": f"photos/{name}"}

    def _photo(self, data: bytes) -> list[Json]:
        width, height = rules.check_photo(data)
        return [{**self.chats.keep(data), "width": width, "height": height}]

    def _send(self, said: Json, **content: Any) -> Json:
        chat = said["chat_id"]
        self.chats.chat(chat)
        rules.check_markup(said.get("reply_markup"))
        if said.get("message_thread_id") not in (None, TOPIC if chat == GROUP else None):
            raise bad("message thread not found")
        answered = said.get("reply_parameters", {}).get("message_id")
        there = (chat, answered) in self.chats.messages
        if answered and not there and not said["reply_parameters"].get("allow_sending_without_reply"):
            raise bad("message to be replied not found")
        shown = said.get("reply_markup", {})
        extra: Json = {"html": said.get("text") or said.get("caption", "")}
        extra |= {"reply_markup": shown} if "inline_keyboard" in shown else {}
        if there:
            extra["reply_to_message"] = self.chats.messages[chat, answered]
        if "message_thread_id" in said:
            extra |= {"message_thread_id": said["message_thread_id"], "is_topic_message": True}
        message = self.chats.post(chat, BOT, **content, **extra)
        return {key: value for key, value in message.items() if key != "reply_to_message"}

    def _edit(self, message: Json, said: Json, **content: Any) -> Json:
        rules.check_markup(said.get("reply_markup"))
        words = said.get("media", said)
        after = {**message, **content, "html": words.get("text") or words.get("caption", "")}
        after.pop("reply_markup", None)
        if said.get("reply_markup"):
            after["reply_markup"] = said["reply_markup"]
        if after == message:
            raise bad("message is not modified")
        message.clear()
        message.update(after)
        return {key: value for key, value in message.items() if key != "reply_to_message"}


@asynccontextmanager
async def telegram() -> AsyncIterator[Telegram]:
    """Run a server on a free port."""
    server = Telegram()
    app = web.Application(client_max_size=64 * 1024**2)
    app.router.add_post("/bot{token:[^/]+}/{method}", server.serve)
    app.router.add_get("/file/bot{token:[^/]+}/{name:.+}", server.file)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    server.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield server
    finally:
        await runner.cleanup()
