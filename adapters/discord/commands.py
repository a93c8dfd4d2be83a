"""The slash commands and message menus as Discord gets them. Knows options and texts; does nothing."""

import inspect
from collections.abc import Callable, Coroutine, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import discord
from discord import Locale, app_commands
from discord.app_commands import Range, locale_str

from adapters.discord.permissions import Interaction
from bot.locales.texts import LANGUAGES, TAIWAN, Texts
from bot.requests.commands import COMMANDS, Command
from bot.requests.edits import VALUES, ViewVerb
from bot.requests.flag_syntax import PROMPT_LIMIT
from bot.requests.flag_table import FLAGS, MOST_PICTURES, Values
from bot.requests.upscale_options import METHODS, UpscaleOptions
from engine.types import UPSCALE_FACTORS

if TYPE_CHECKING:
    from adapters.discord.responder import Responder

Callback = Callable[..., Coroutine[Any, Any, None]]
EXACT = 2**53 - 1
"""Discord's integers end here; a seed typed into the prompt may be larger."""
FIRST = (
    "prompt", "ar", "count", "steps", "fast", "cfg", "seed", "no", "enhance", "optimize", "image", "strength",
)  # fmt: skip
"""The options of `/imagine` that are offered first, in this order; all others follow."""


@dataclass(frozen=True, slots=True)
class Option:
    """An option of a command: its type as the library reads it, and the message that describes it."""

    type: Any
    key: str
    required: bool = False


def _of_flag(values: Values) -> Any:
    """Return the type of a flag's option."""
    if values.choices:
        return Literal[values.choices]
    if values.type is bool:
        return bool
    high = min(values.high or EXACT, EXACT) if values.type is int else values.high
    return Range[values.type, values.low, high]


FLAG_OPTIONS = {
    flag.names[0]: Option(_of_flag(flag.values), f"flag-{flag.names[0]}") for flag in FLAGS if flag.values
}
NUMBER, WORD = Range[int, 1, EXACT], Range[str, 1, 100]
OPTIONS = {
    name: Option(type, f"discord-option-{name}", required=name in ("prompt", "change"))
    for name, type in {
        "prompt": Range[str, 1, PROMPT_LIMIT],
        "change": Range[str, 1, PROMPT_LIMIT],
        "image": discord.Attachment,
        "job": NUMBER,
        "asker": NUMBER,
        "picture": Range[int, 1, MOST_PICTURES],
        "factor": Literal[UPSCALE_FACTORS],
        "zoom": Literal[tuple(VALUES["zoom"])],
        "direction": Literal[tuple(VALUES["pan"])],
        "method": Literal[("auto", *METHODS)],
        "code": WORD,
        "person": discord.User,
        "name": WORD,
        "days": Range[int, 1, 3650],
        "reason": WORD,
    }.items()
} | {"lora": Option(Range[str, 1, 300], "flag-lora"), **FLAG_OPTIONS}


def declare(tree: app_commands.CommandTree[Any], responder: "Responder", imagine_name: str) -> None:
    """Add every command to the tree; `imagine_name` is what `/imagine` is called."""
    texts = responder.texts
    commands = _commands(responder)
    for entry in COMMANDS:
        callback, options = commands[entry.name]
        name = imagine_name if entry.name == "imagine" else entry.name
        command = _command(texts, entry.name, name, callback, options)
        if "lora" in options:
            command.autocomplete("lora")(responder.complete_lora)
        if entry.admins:
            # Hidden from a server's members; only the core knows who may.
            command.default_permissions = discord.Permissions(manage_guild=True)
            command.allowed_installs = app_commands.AppInstallationType(guild=True, user=False)
            command.allowed_contexts = app_commands.AppCommandContext(
                guild=True, dm_channel=False, private_channel=False
            )
        tree.add_command(command)
    for key, menu in (
        ("discord-menu-info", responder.read),
        ("discord-menu-upscale", responder.upscale_message),
    ):
        tree.add_command(app_commands.ContextMenu(name=_text(texts, key), callback=_on_message(menu)))


def _commands(responder: "Responder") -> dict[str, tuple[Callback, Iterable[str]]]:
    """Return what each command does with its options, and their names."""
    return _answering(responder) | _making(responder)


def _making(responder: "Responder") -> dict[str, tuple[Callback, Iterable[str]]]:
    """Return the commands that make jobs."""

    async def imagine(
        interaction: Interaction, prompt: str, image: discord.Attachment | None = None, **flags: object
    ) -> None:
        await responder.make(interaction, Command("imagine", prompt), image, _flag_values(flags))

    async def optimize(interaction: Interaction, prompt: str, **flags: object) -> None:
        await responder.make(interaction, Command("optimize", prompt), options=_flag_values(flags))

    async def upscale(
        interaction: Interaction,
        image: discord.Attachment | None = None,
        job: int | None = None,
        picture: int | None = None,
        factor: int | None = None,
        method: Any = None,
        **flags: object,
    ) -> None:
        how = UpscaleOptions(factor or UPSCALE_FACTORS[0], method or "auto").words()
        command = Command("upscale", _rest(job, job and picture, how))
        await responder.make(interaction, command, image, _flag_values(flags))

    async def edit(
        interaction: Interaction,
        change: str,
        job: int | None = None,
        picture: int | None = None,
        image: discord.Attachment | None = None,
    ) -> None:
        await responder.make(interaction, Command("edit", _rest(job, job and picture, change)), image)

    def view(verb: ViewVerb) -> Callback:
        async def seen(
            interaction: Interaction,
            job: int | None = None,
            picture: int | None = None,
            zoom: str | None = None,
            direction: str | None = None,
        ) -> None:
            value = zoom and f"x{zoom}"
            await responder.make(interaction, Command(verb, _rest(job, job and picture, value, direction)))

        return seen

    async def reroll(interaction: Interaction) -> None:
        await responder.make(interaction, Command("reroll", ""))

    drawn = dict.fromkeys((*FIRST, "lora", *FLAG_OPTIONS))
    return {
        "imagine": (imagine, drawn),
        "optimize": (optimize, ("prompt", "spoiler")),
        "upscale": (upscale, ("image", "job", "picture", "factor", "method", "spoiler")),
        "edit": (edit, ("change", "job", "picture", "image")),
        "zoom": (view("zoom"), ("job", "picture", "zoom")),
        "pan": (view("pan"), ("job", "picture", "direction")),
        "reroll": (reroll, ()),
    }


def _answering(responder: "Responder") -> dict[str, tuple[Callback, Iterable[str]]]:
    """Return every command as one that is answered and makes no job, with the options of those that are."""

    def answer(command: str) -> Callback:
        async def answered(interaction: Interaction, **options: object) -> None:
            await responder.answer(interaction, Command(command, _rest(*options.values())))

        return answered

    async def ban(
        interaction: Interaction,
        person: discord.User | None = None,
        asker: int | None = None,
        name: str | None = None,
        days: int | None = None,
        reason: str | None = None,
    ) -> None:
        await responder.answer(interaction, Command("ban", _rest(_named(person, asker, name), days, reason)))

    async def unban(
        interaction: Interaction,
        person: discord.User | None = None,
        asker: int | None = None,
        name: str | None = None,
    ) -> None:
        await responder.answer(interaction, Command("unban", _named(person, asker, name)))

    whom = ("person", "asker", "name")
    return {entry.name: (answer(entry.name), ()) for entry in COMMANDS} | {
        "cancel": (answer("cancel"), ("job",)),
        "show": (answer("show"), ("job",)),
        "info": (answer("info"), ("job",)),
        "link": (answer("link"), ("code",)),
        "ban": (ban, (*whom, "days", "reason")),
        "unban": (unban, whom),
    }


class Names(app_commands.Translator):
    """Names and descriptions from the files of the languages."""

    def __init__(self, texts: Texts) -> None:
        super().__init__()
        self._texts = texts
        self._tags = {Locale.taiwan_chinese: TAIWAN}
        for language in LANGUAGES:
            with suppress(ValueError):  # one that Discord has no client in
                self._tags[Locale(texts.say(language, "language-tag"))] = language

    async def translate(
        self, string: locale_str, locale: Locale, context: app_commands.TranslationContextTypes
    ) -> str | None:
        """Return the text in a locale, None where the English one stands."""
        key = string.extras.get("key")
        if key is None or locale not in self._tags:
            return None
        text = self._texts.name(self._tags[locale], key)
        return text.split()[0] if key.endswith(".words") else text


def _command(
    texts: Texts, meaning: str, name: str, callback: Callback, options: Iterable[str]
) -> app_commands.Command[Any, Any, Any]:
    """Return the command `meaning`, called `name`, with the named options."""
    chosen = {option: OPTIONS[option] for option in options}

    async def called(interaction: Interaction, **values: object) -> None:
        await callback(
            interaction, **{option: value for option, value in values.items() if value is not None}
        )

    called.__signature__ = _signature(chosen)  # type: ignore[attr-defined]
    descriptions = {option: _text(texts, each.key) for option, each in chosen.items()}
    names = {option: _text(texts, f"{each.key}.name") for option, each in chosen.items()}
    described: Any = app_commands.describe(**descriptions)(app_commands.rename(**names)(called))
    own = _text(texts, f"command-{meaning}.words") if name == meaning else name
    return app_commands.Command(name=own, description=_text(texts, f"command-{meaning}"), callback=described)


def _signature(options: Mapping[str, Option]) -> inspect.Signature:
    """Return what the library reads options from: a function's parameters."""
    interaction = inspect.Parameter(
        "interaction", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=Interaction
    )
    return inspect.Signature(
        [
            interaction,
            *(
                inspect.Parameter(
                    name,
                    inspect.Parameter.KEYWORD_ONLY,
                    default=inspect.Parameter.empty if option.required else None,
                    annotation=option.type if option.required else option.type | None,
                )
                for name, option in options.items()
            ),
        ]
    )


def _on_message(menu: Callable[[Interaction, discord.Message], Coroutine[Any, Any, None]]) -> Callback:
    async def called(interaction: Interaction, message: discord.Message) -> None:
        await menu(interaction, message)

    return called


def _text(texts: Texts, key: str) -> locale_str:
    text = texts.say("en", key)
    return locale_str(text.split()[0] if key.endswith(".words") else text, key=key)


def _flag_values(flags: Mapping[str, object]) -> dict[str, str]:
    return {name: ("on" if value else "off") if isinstance(value, bool) else str(value)
            for name, value in flags.items()}  # fmt: skip


def _named(person: discord.User | None, job: int | None, name: str | None) -> str:
    """Return who is meant in the configuration's words, or by a job of theirs."""
    if person is not None:
        return f"discord:user:{person.id}"
    return f"#{job}" if job is not None else name or ""


def _rest(*values: object) -> str:
    """Return the options as one would type them behind the command."""
    return " ".join(str(value) for value in values if value)
