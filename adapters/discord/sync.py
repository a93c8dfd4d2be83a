"""Registers the commands with Discord, only when they changed: there is a limit on how often one may."""

import asyncio
import hashlib
import json
from pathlib import Path
from typing import Any

from discord import app_commands

FILE = "discord-commands.json"


async def sync(tree: app_commands.CommandTree[Any], file: Path) -> bool:
    """Register the tree's commands unless `file` has them for this application; say whether it did."""
    application, found = str(tree.client.application_id), await _hash(tree)
    known = await asyncio.to_thread(_read, file)
    if known.get(application) == found:
        return False
    await tree.sync()
    await asyncio.to_thread(file.write_text, json.dumps({application: found}), "utf-8")
    return True


async def _hash(tree: app_commands.CommandTree[Any]) -> str:
    translator = tree.translator
    assert translator is not None
    payload = [await command.get_translated_payload(tree, translator) for command in tree.get_commands()]
    return hashlib.sha256(json.dumps(payload, sort_keys=True).encode()).hexdigest()


def _read(file: Path) -> dict[str, str]:
    try:
        found: dict[str, str] = json.loads(file.read_text("utf-8"))
    except (FileNotFoundError, json.JSONDecodeError):
        return {}
    return found
