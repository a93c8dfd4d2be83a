"""Tells Discord the commands, but only where it has others: there is a limit on how often one may."""

import asyncio
import hashlib
import json
from pathlib import Path
from typing import Any

import discord
from discord import app_commands

FILE = "discord-commands.json"
SLASH = discord.AppCommandType.chat_input


async def sync(tree: app_commands.CommandTree[Any], file: Path, anew: bool = False) -> bool:
    """Register the tree's commands; return whether that was needed.

    It is not where `file` says that they were registered so and Discord still lists every one of them, and
    `anew` does not ask for it.
    """
    application, found = str(tree.client.application_id), await _hash(tree)
    known = await asyncio.to_thread(_read, file)
    if not anew and known.get(application) == found and await _are_listed(tree):
        return False
    await tree.sync()
    await asyncio.to_thread(file.write_text, json.dumps({application: found}), "utf-8")
    return True


async def _are_listed(tree: app_commands.CommandTree[Any]) -> bool:
    """Say whether Discord lists these commands: another program may have changed the list."""
    listed = {(command.name, command.type) for command in await tree.fetch_commands()}
    ours = {(command.name, getattr(command, "type", SLASH)) for command in tree.get_commands()}
    return ours <= listed


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
