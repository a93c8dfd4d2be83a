"""The slash commands and message menus as Discord is told them. Knows options and texts; does nothing."""

import inspect
from collections.abc import Callable, Collection, Coroutine
from typing import TYPE_CHECKING, Any, Literal

import discord
from discord import Locale, app_commands
from discord.app_commands import Range, locale_str

from adapters.discord.names import PLACES, localized
from adapters.discord.permissions import Asked
from bot.locales.texts import Texts
from bot.locales.traditional import traditional
from bot.requests.upscale_options import UpscaleOptions, UpscaleRequest

if TYPE_CHECKING:
    from adapters.discord.responder import Responder

Callback = Callable[..., Coroutine[Any, Any, None]]
Aspect = Literal["1:1", "3:2", "2:3", "4:3", "3:4", "16:9", "9:16", "21:9"]
Prompt = Range[str, 1, 2000]
Negative = Range[str, 1, 1000]
Count = Range[int, 1, 4]
Steps = Range[int, 1, 50]
Cfg = Range[float, 0.0, 5.0]
Seed = Range[int, -1, 2**53 - 1]  # Discord's integers end here; --seed in the prompt takes all of them
Factor = Literal[2, 4]
Method = Literal["auto", "sr", "lanczos", "redraw"]
Strength = Range[float, 0.05, 1.0]
Number = Range[int, 1, 2**53 - 1]
Days = Range[int, 1, 3650]
Word = Range[str, 1, 100]
OPTIONS = {
    "prompt": "discord-option-prompt",
    "aspect": "flag-ar",
    "count": "flag-count",
    "steps": "flag-steps",
    "fast": "flag-fast",
    "cfg": "flag-cfg",
    "seed": "flag-seed",
    "negative": "flag-no",
    "enhance": "flag-enhance",
    "optimize": "flag-optimize",
    "image": "discord-option-image",
    "strength": "flag-strength",
    "job": "discord-option-job",
    "picture": "discord-option-picture",
    "spoiler": "flag-spoiler",
    "factor": "discord-option-factor",
    "method": "discord-option-method",
    "code": "discord-option-code",
    "person": "discord-option-person",
    "name": "discord-option-name",
    "days": "discord-option-days",
    "reason": "discord-option-reason",
}
"""The message that describes each option."""


def declare(tree: app_commands.CommandTree[Any], desk: "Responder", imagine_name: str) -> None:
    """Add every command to the tree; `imagine_name` is what `/imagine` is called."""
    texts = desk.core.replies.texts
    for command in (*_makers(desk), *_questions(desk), *_personal(desk), *_administrators(desk)):
        name = command.__name__
        tree.add_command(_command(texts, command, imagine_name if name == "imagine" else name, name))
    for name, callback in _menus(desk).items():
        tree.add_command(app_commands.ContextMenu(name=name, callback=callback))


def _makers(desk: "Responder") -> tuple[Callback, ...]:
    """Return the commands that make a job."""

    async def imagine(
        asked: Asked,
        prompt: Prompt,
        aspect: Aspect | None = None,
        count: Count | None = None,
        steps: Steps | None = None,
        fast: bool | None = None,
        cfg: Cfg | None = None,
        seed: Seed | None = None,
        negative: Negative | None = None,
        enhance: bool | None = None,
        optimize: bool | None = None,
        image: discord.Attachment | None = None,
        strength: Strength | None = None,
        spoiler: bool | None = None,
    ) -> None:
        said: dict[str, Any] = {"ar": aspect, "count": count, "steps": steps, "cfg": cfg, "seed": seed}
        said |= {"no": negative, "enhance": enhance, "optimize": optimize, "strength": strength}
        said |= {"spoiler": spoiler, "fast": fast}
        await desk.draw(asked, "imagine", prompt, _options_said(said), image)

    async def optimize(asked: Asked, prompt: Prompt, spoiler: bool | None = None) -> None:
        await desk.draw(asked, "optimize", prompt, _options_said({"spoiler": spoiler}))

    async def upscale(
        asked: Asked,
        image: discord.Attachment | None = None,
        job: Number | None = None,
        picture: Count | None = None,
        factor: Factor = 2,
        method: Method = "auto",
        spoiler: bool | None = None,
    ) -> None:
        chosen = UpscaleRequest(job, (picture or 1) - 1, UpscaleOptions(factor, method))
        await desk.upscale(asked, image, chosen, _options_said({"spoiler": spoiler}))

    async def reroll(asked: Asked) -> None:
        await desk.reroll(asked)

    return imagine, optimize, upscale, reroll


def _questions(desk: "Responder") -> tuple[Callback, ...]:
    """Return the commands that are answered at once."""

    async def queue(asked: Asked) -> None:
        await desk.answer(asked, "queue")

    async def cancel(asked: Asked, job: Number | None = None) -> None:
        await desk.answer(asked, "cancel", _rest(job))

    async def history(asked: Asked) -> None:
        await desk.answer(asked, "history")

    async def show(asked: Asked, job: Number | None = None) -> None:
        await desk.show_job(asked, _rest(job))

    async def info(asked: Asked, job: Number | None = None) -> None:
        await desk.answer(asked, "info", _rest(job))

    async def quota(asked: Asked) -> None:
        await desk.answer(asked, "quota")

    async def help(asked: Asked) -> None:
        await desk.answer(asked, "help")

    return queue, cancel, history, show, info, quota, help


def _personal(desk: "Responder") -> tuple[Callback, ...]:
    """Return the commands about oneself."""

    async def settings(asked: Asked) -> None:
        await desk.answer(asked, "settings")

    async def forget(asked: Asked) -> None:
        await desk.answer(asked, "forget")

    async def link(asked: Asked, code: Word | None = None) -> None:
        await desk.answer(asked, "link", code or "")

    return settings, forget, link


def _administrators(desk: "Responder") -> tuple[Callback, ...]:
    """Return the operator's commands: hidden from a server's members, and only the core knows who may."""

    async def pause(asked: Asked) -> None:
        await desk.answer(asked, "pause")

    async def resume(asked: Asked) -> None:
        await desk.answer(asked, "resume")

    async def drain(asked: Asked) -> None:
        await desk.answer(asked, "drain")

    async def stats(asked: Asked) -> None:
        await desk.answer(asked, "stats")

    async def ban(
        asked: Asked,
        person: discord.User | None = None,
        job: Number | None = None,
        name: Word | None = None,
        days: Days | None = None,
        reason: Word | None = None,
    ) -> None:
        said = (_named(person, job, name), _rest(days), reason or "")
        await desk.answer(asked, "ban", " ".join(filter(None, said)))

    async def unban(
        asked: Asked, person: discord.User | None = None, job: Number | None = None, name: Word | None = None
    ) -> None:
        await desk.answer(asked, "unban", _named(person, job, name))

    commands = (pause, resume, drain, stats, ban, unban)
    for command in commands:
        app_commands.default_permissions(manage_guild=True)(command)
        app_commands.allowed_installs(guilds=True, users=False)(command)
        app_commands.allowed_contexts(guilds=True, dms=False, private_channels=False)(command)
    return commands


def _menus(desk: "Responder") -> dict[str, Callback]:
    """Return the menus of a message."""

    async def read_message(asked: Asked, message: discord.Message) -> None:
        await desk.read(asked, message)

    async def upscale_message(asked: Asked, message: discord.Message) -> None:
        await desk.upscale_message(asked, message)

    return {"Picture info": read_message, "Upscale picture": upscale_message}


class Names(app_commands.Translator):
    """Names from the table of names, descriptions from the message files."""

    def __init__(self, texts: Texts) -> None:
        super().__init__()
        self._texts = texts

    async def translate(
        self, string: locale_str, locale: Locale, context: app_commands.TranslationContextTypes
    ) -> str | None:
        """Return the text in a locale, None where the English one stands."""
        key = string.extras.get("key")
        if key is None or locale not in PLACES:
            return localized(string.message, locale)
        text = self._texts.say(locale.value, key)
        return traditional(text) if locale is Locale.taiwan_chinese else text


def _command(texts: Texts, callback: Any, name: str, meaning: str) -> app_commands.Command[Any, Any, Any]:
    described = {option: _text(texts, key) for option, key in OPTIONS.items() if option in _options(callback)}
    app_commands.describe(**described)(callback)
    description = _text(texts, f"command-{meaning}")
    return app_commands.Command(name=name, description=description, callback=callback)


def _options(callback: Callable[..., Any]) -> Collection[str]:
    return inspect.signature(callback).parameters


def _text(texts: Texts, key: str) -> locale_str:
    return locale_str(texts.say("en", key), key=key)


def _options_said(said: dict[str, Any]) -> dict[str, str]:
    return {name: _word(value) for name, value in said.items() if value is not None}


def _named(person: discord.User | None, job: int | None, name: str | None) -> str:
    """Return who is meant in the configuration's words, or by a job of theirs."""
    if person is not None:
        return f"discord:user:{person.id}"
    return f"#{job}" if job is not None else name or ""


def _word(value: str | float | bool) -> str:
    return ("on" if value else "off") if isinstance(value, bool) else str(value)


def _rest(job: int | None) -> str:
    return "" if job is None else str(job)
