"""What a message may be: the real Discord's limits, with its error codes."""

from typing import TYPE_CHECKING, Any

from tests.adapters.discord.fake_discord import LOADING, Message, Wrong

if TYPE_CHECKING:
    from tests.adapters.discord.fake_discord import FakeDiscord, Json


def check(world: "FakeDiscord", message: Message, body: "Json", files: list[bytes], limit: int) -> None:
    """Refuse what Discord refuses; note what it takes but this bot must not send."""
    _words(body)
    _components(body.get("components") or [])
    attachments = body.get("attachments", [])
    _must(len(attachments) <= 10, "attachments: at most 10")
    new = [told for told in attachments if len(str(told["id"])) < 10]
    _must(len(new) == len(files), "attachments: every file is named once")
    if files and world.refused_files and message.channel is not world.spares:
        raise world.refused_files
    if any(len(data) > min(limit, world.most_bytes) for data in files):
        raise Wrong(413, 40005, "Request entity too large")
    if (body.get("allowed_mentions") or {}).get("parse") != [] and body.keys() - {"flags"}:
        world.broken.append(f"mentions are allowed: {body}")
    empty = not any(body.get(key) for key in ("content", "embeds", "attachments"))
    if empty and not message.body and not message.flags & LOADING:
        raise Wrong(400, 50006, "Cannot send an empty message")


def _words(body: "Json") -> None:
    _must(len(body.get("content") or "") <= 2000, "content: 2000 characters")
    embeds = body.get("embeds") or []
    _must(len(embeds) <= 10, "embeds: at most 10")
    total = 0
    for embed in embeds:
        description, footer = embed.get("description") or "", embed.get("footer", {}).get("text", "")
        _must(len(description) <= 4096, "embed description: 4096 characters")
        _must(len(footer) <= 2048, "embed footer: 2048 characters")
        _must(bool(description or footer), "embed: must not be empty")
        total += len(description) + len(footer)
    _must(total <= 6000, "embeds: 6000 characters")


def _components(rows: list[Any]) -> None:
    _must(len(rows) <= 5, "components: at most 5 rows")
    ids = [item["custom_id"] for row in rows for item in row["components"]]
    _must(len(ids) == len(set(ids)), "components: custom ids must differ")
    for row in rows:
        _must(1 <= len(row["components"]) <= 5, "row: 1 to 5 buttons")
        for item in row["components"]:
            _must(1 <= len(item["custom_id"]) <= 100, "custom_id: 100 characters")
            if item["type"] == 3:
                _must(len(row["components"]) == 1, "row: a select stands alone")
                _select(item["options"])
                continue
            _must(len(item.get("label") or "") <= 80, "label: 80 characters")
            _must(bool(item.get("label") or item.get("emoji")), "button: label or emoji")


def _select(options: list[Any]) -> None:
    _must(1 <= len(options) <= 25, "select: 1 to 25 options")
    _must(sum(bool(each.get("default")) for each in options) <= 1, "select: one default")
    _must(len({each["value"] for each in options}) == len(options), "select: values must differ")
    for each in options:
        _must(1 <= len(each["label"]) <= 100 and 1 <= len(each["value"]) <= 100, "option: 100 characters")


def modal(body: "Json") -> None:
    """Refuse a window that Discord refuses."""
    _must(1 <= len(body["title"]) <= 45, "title: 45 characters")
    _must(1 <= len(body["custom_id"]) <= 100, "custom_id: 100 characters")
    for label in body["components"]:
        field = label["component"]
        _must(len(label["label"]) <= 45, "label: 45 characters")
        _must(len(label.get("description") or "") <= 100, "description: 100 characters")
        _must(len(field.get("value") or "") <= field.get("max_length", 4000) <= 4000, "value: too long")


def commands(told: list[Any]) -> None:
    """Refuse commands that Discord refuses."""
    for command in told:
        for name in (command["name"], *(command.get("name_localizations") or {}).values()):
            _must(1 <= len(name) <= 32, "name: 32 characters")
            if command["type"] == 1:
                _must(name == name.lower() and " " not in name, f"name: {name!r}")
        options = command.get("options", [])
        _must(len(options) <= 25, "options: at most 25")
        required = [bool(option.get("required")) for option in options]
        _must(required == sorted(required, reverse=True), "options: required ones come first")
        for each in (command, *options) if command["type"] == 1 else ():
            for words in (each["description"], *(each.get("description_localizations") or {}).values()):
                _must(1 <= len(words) <= 100, f"description: 100 characters: {words!r}")


def _must(holds: bool, rule: str) -> None:
    if not holds:
        raise Wrong(400, 50035, f"Invalid Form Body: {rule}")
