"""What people do on a small Discord: commands, buttons, menus, edit windows and reactions."""

import functools
import operator
import secrets
import time
from typing import Any

from tests.adapters.discord.fake_discord import LOADING, Interaction, Json, Message, Person
from tests.adapters.discord.gateway import channel_json
from tests.adapters.discord.rest import Discord

KINDS: dict[type, int] = {str: 3, int: 4, bool: 5, Person: 6, float: 10, bytes: 11}


class Chat:
    """One person at a client. `installed` says whether the bot is a member of the server, or theirs alone."""

    def __init__(self, discord: Discord, name: str = "Ann", locale: str = "en-US") -> None:
        self.discord = discord
        self.world = discord.world
        self.person = Person(self.world.id(), name, locale)
        self.channel = self.world.channel
        self.installed = True
        self.limit = 10 * 1024**2

    async def slash(self, name: str, **options: Any) -> Interaction:
        """Use a slash command, as far as the bot has registered it."""
        command = next(told for told in self.world.commands if told["name"] == name and told["type"] == 1)
        known = {option["name"]: option["type"] for option in command.get("options", [])}
        files: Json = {}
        said = []
        for key, value in options.items():
            assert known[key] == KINDS[type(value)], f"/{name} has no such option {key}"
            said.append({"name": key, "type": known[key], "value": self._value(value, files)})
        data = {"id": command["id"], "name": name, "type": 1, "options": said}
        people = {str(each.id): each.json() for each in options.values() if isinstance(each, Person)}
        return await self._ask(2, {**data, "resolved": {"attachments": files, "users": people}})

    async def completes(self, name: str, option: str, typed: str) -> list[str]:
        """Type into an option of a slash command; return what is offered."""
        command = next(told for told in self.world.commands if told["name"] == name and told["type"] == 1)
        focused = {"name": option, "type": 3, "value": typed, "focused": True}
        asked = await self._ask(4, {"id": command["id"], "name": name, "type": 1, "options": [focused]})
        await self.world.until(lambda: asked.answer == 8)
        return [choice["value"] for choice in asked.choices or ()]

    async def menu(self, name: str, message: Message) -> Interaction:
        """Use a message's context menu."""
        command = next(told for told in self.world.commands if told["name"] == name and told["type"] == 3)
        resolved = {"messages": {str(message.id): self._told(message)}}
        data = {"id": command["id"], "name": name, "type": 3, "target_id": str(message.id)}
        return await self._ask(2, {**data, "resolved": resolved})

    async def press(
        self, message: Message, verb: str, index: int | None = None, value: str = ""
    ) -> Interaction:
        """Press a button of a message by its verb, and by what its value begins with."""
        ids = [each for each in message.custom_ids if each.split(":")[1] == verb]
        if index is not None:
            ids = [each for each in ids if each.endswith(f":{index}")]
        ids = [each for each in ids if ":".join(each.split(":")[4:]).startswith(value)]
        data = {"custom_id": ids[0], "component_type": 2}
        return await self._ask(3, data, message)

    async def pick(self, message: Message, name: str, words: str) -> Interaction:
        """Pick the option of a select by words in its label."""
        select = next(item for item in message.items if item["custom_id"].endswith(f":{name}"))
        [value] = [each["value"] for each in select["options"] if words in each["label"]]
        data = {"custom_id": select["custom_id"], "component_type": 3, "values": [value]}
        return await self._ask(3, data, message)

    async def send_off(self, asked: Interaction, words: str) -> Interaction:
        """Change the words of an edit window and send it off."""
        window = asked.modal
        assert window is not None
        field = window["components"][0]["component"]
        value = {"type": 4, "id": 2, "custom_id": field["custom_id"], "value": words}
        components = [{"type": 18, "id": 1, "component": value}]
        data = {"custom_id": window["custom_id"], "components": components}
        return await self._ask(5, data, asked.pressed)

    async def react(self, message: Message, emoji: str, remove: bool = False) -> None:
        """Put a reaction under a message, or take it back."""
        event = {
            "user_id": str(self.person.id), "channel_id": str(message.channel.id), "burst": False, "type": 0,
            "message_id": str(message.id), "message_author_id": message.author["id"],
            "emoji": {"id": None, "name": emoji},
        }  # fmt: skip
        if message.channel.guild:
            event |= {"guild_id": str(message.channel.guild)}
        if message.channel.guild and not remove:
            event |= {"member": self._member()}
        name = "MESSAGE_REACTION_REMOVE" if remove else "MESSAGE_REACTION_ADD"
        await self.discord.gateway.tell(name, event, message.channel.guild)

    async def post(self, data: bytes, kind: str | None = "image/png", where: str = "attachments") -> Message:
        """Post a picture of one's own: attached, in a forwarded message (`snapshots`) or in an embed."""
        message = Message(self.world.id(), self.channel, self.person.json(), {})
        files: Json = {}
        number = self._value(data, files)
        attachment = {**files[number], "content_type": kind}
        if where == "snapshots":
            forwarded = {**Message(self.world.id(), self.channel, self.person.json(), {}).json()}
            message.body = {"message_snapshots": [{"message": {**forwarded, "attachments": [attachment]}}]}
        elif where == "embed":
            image = {"url": "https://example.org/c.png", "proxy_url": attachment["url"]}
            message.body = {"embeds": [{"type": "rich", "image": image}]}
        else:
            message.body = {"attachments": [attachment]}
        self.world.messages[message.id] = message
        return message

    def sees(self) -> list[Message]:
        """Every message of the bot that this person can see, oldest first."""
        mine = (0, self.person.id)
        return [message for message in self.world.messages.values() if message.seen_by in mine]

    async def answered(self, asked: Interaction) -> Message:
        """Wait for the message that answers an interaction."""
        found: Message = await self.world.until(lambda: asked.answer and asked.original)
        return found

    async def told(self, count: int = 1) -> str:
        """Wait for so many answers for this person's eyes only; return the newest one's words."""
        mine = await self.world.until(lambda: len(self.whispers()) >= count and self.whispers())
        return words(mine[-1])

    def whispers(self) -> list[Message]:
        """Every message for this person's eyes only."""
        said = [message for message in self.world.messages.values() if not message.flags & LOADING]
        return [message for message in said if message.seen_by == self.person.id]

    async def _ask(self, kind: int, data: Json, pressed: Message | None = None) -> Interaction:
        number, token, now = self.world.id(), f"aW50{secrets.token_urlsafe(40)}", self.world.now()
        asked = Interaction(number, token, now, self.person, self.channel, kind, self.limit, pressed)
        self.world.interactions[asked.token] = asked
        asked.sent = time.monotonic()
        await self.discord.gateway.tell("INTERACTION_CREATE", self._event(asked, data), self.channel.guild)
        return asked

    def _event(self, asked: Interaction, data: Json) -> Json:
        channel, person, guild = asked.channel, asked.person, asked.channel.guild
        owners = {"0": str(guild)} if guild and self.installed else {"1": str(person.id)}
        event = {
            "id": str(asked.id), "application_id": str(self.world.application), "type": asked.kind,
            "version": 1, "token": asked.token, "data": data, "channel": channel_json(channel),
            "entitlements": [], "channel_id": str(channel.id), "app_permissions": str(channel.permissions),
            "locale": person.locale, "authorizing_integration_owners": owners,
            "context": 0 if guild else 1, "attachment_size_limit": asked.limit,
        }  # fmt: skip
        if asked.pressed:
            event["message"] = self._told(asked.pressed)
        if not guild:
            return event | {"user": person.json()}
        server = {"id": str(guild), "features": [], "locale": "en-US"}
        return event | {"guild_id": str(guild), "guild": server, "member": self._member()}

    def _member(self) -> Json:
        roles, known = self.person.roles, self.world.roles
        permissions = str(functools.reduce(operator.or_, (known[each] for each in roles), 0))
        return {"user": self.person.json(), "roles": list(map(str, roles)), "deaf": False, "mute": False,
                "joined_at": "2026-01-01T00:00:00+00:00", "flags": 0, "permissions": permissions,
                "nick": None}  # fmt: skip

    def _value(self, value: Any, files: Json) -> Any:
        if isinstance(value, Person):
            return str(value.id)
        if not isinstance(value, bytes):
            return value
        number = str(self.world.id())
        self.world.files[number] = value
        url = f"{self.discord.base}/cdn/{number}"
        files[number] = {"id": number, "filename": "mine.png", "size": len(value), "url": url, "width": 64,
                         "proxy_url": url, "content_type": "image/png", "height": 64}  # fmt: skip
        return number

    def _told(self, message: Message) -> Json:
        told = message.json()
        base = self.discord.base
        told["attachments"] = [
            {**one, "url": one["url"] if "://" in one["url"] else base + one["url"]}
            for one in told["attachments"]
        ]
        return told


def words(message: Message) -> str:
    """Everything a message says."""
    embeds = message.body.get("embeds", [])
    parts = [message.text, *(embed.get("description") or "" for embed in embeds)]
    parts += [embed["footer"]["text"] for embed in embeds if "footer" in embed]
    return "\n".join(part for part in parts if part)
