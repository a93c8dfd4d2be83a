"""`python -m bot models`: what draws and writes prompts, what is here, what each takes."""

from collections.abc import Iterator, Sequence
from typing import Any

from bot.setup import doctor
from bot.setup.build import engine_settings
from bot.setup.config import Config, ConfigError
from engine.files import hub, published
from engine.files.hub import RemoteFile
from engine.files.published import FORMS, PRESET, form_of
from engine.models import presets
from engine.models.presets import Offer
from engine.models.profiles import Z_IMAGE
from engine.progress import Show
from engine.types import EngineError

_LEGEND = (
    "whole: the transformer stays on the card. A number: GiB that are copied there in every step, each about",
    "0.05 s over PCIe 4. Estimates for 1024×1024, of which none was measured on such a card.",
)


async def listed(settings: Config) -> list[dict[str, Any]]:
    """Return what there is, with what suits this machine as far as torch starts."""
    return await doctor.ask("engine.models.presets", engine_settings(settings).device) or presets.listed(None)


def table(rows: Sequence[dict[str, Any]]) -> str:
    """Return what there is in lines for people."""
    drawing = [row for row in rows if row["does"] == "draws"]
    others = [row for row in rows if row["does"] != "draws"]
    place, free = hub.free_space()
    cards = drawing[0]["cards"]
    held = sum(row["size"] - row["missing"] for row in others) + _held(drawing)
    return "\n".join(
        (
            f"{PRESET} draws anything, in English and Chinese.",
            f'[model] name = "{PRESET}" takes the form marked *, "{PRESET}:q4_k" that one.',
            "",
            *_aligned(
                ("", "form", "download", "here", *(f"{card} card" for card in cards), "this machine"),
                [
                    (
                        "*" if row["is_chosen"] else "",
                        row["name"].partition(":")[2],
                        *_amounts(row),
                        *(place or "no" for place in (*row["cards"].values(), row["machine"])),
                    )
                    for row in drawing
                ],
            ),
            *_LEGEND,
            "",
            *_aligned(
                ("", "other models", "download", "here", "does", "licence"),
                [("", row["name"], *_amounts(row), row["does"], row["licence"]) for row in others],
            ),
            "",
            f"{held / 1e9:.1f} GB of these are at {place}, where {free / 1e9:.1f} GB are free.",
        )
    )


async def wanted(settings: Config, name: str) -> Offer:
    """Return what a name stands for: of a preset in several forms the one that suits this machine.

    `name` is a preset's, or OWNER/REPOSITORY/FILE. Raises `ConfigError` for a name that nobody knows.
    """
    offers = _named(name)
    if len(offers) == 1:
        return offers[0]
    chosen = [row["name"] for row in await listed(settings) if row.get("is_chosen")]
    if not chosen:
        raise ConfigError(f"no form of {PRESET} suits this machine; name one of {', '.join(FORMS)} by --form")
    return next(offer for offer in offers if offer.name == chosen[0])


def amount(offer: Offer) -> str:
    """Say in one line what a download takes, and what the disk has."""
    place, free = hub.free_space()
    size = (
        f"{offer.missing / 1e9:.1f} of {offer.size / 1e9:.1f} GB to download" if offer.size else "downloaded"
    )
    return f"{offer.name}: {size} to {place}, where {free / 1e9:.1f} GB are free"


def setting(offer: Offer, name: str) -> str:
    """Return what uses a download that was asked for by a name."""
    if not offer.does:
        return f"{offer.name} is here"
    key = {"draws": "name", "upscales": "upscalers"}.get(offer.does, "optimizer")
    return f'[model] {key} = "{PRESET if name.casefold() == PRESET else offer.name}"'


def fetch(offer: Offer, show: Show) -> None:
    """Download what isn't here; raises `EngineError` as downloads do."""
    hub.ensure_room(offer.missing)
    for file in offer.files:
        file.fetch(show)
    if form_of(offer.name) is not None:
        hub.download(Z_IMAGE, hub.CONFIGS)


def remove(name: str) -> int:
    """Delete what a name stands for, all forms where it names none; return the bytes that this frees.

    What another form that is here needs is kept. Raises `ConfigError` for a name that nobody knows.
    """
    offers = _named(name)
    kept = {
        file
        for other in presets.offers()
        if other.name not in [offer.name for offer in offers] and other.is_here
        for file in other.files
    }
    files = dict.fromkeys(file for offer in offers for file in offer.files)
    return sum(file.remove() for file in files if file not in kept)


def _named(name: str) -> list[Offer]:
    """Return the offers that a name stands for."""
    offers = presets.offers()
    wanted = name.casefold()
    found = [each for each in offers if wanted in (each.name.casefold(), each.name.partition(":")[0])]
    if found:
        return found
    try:
        form = form_of(name)
    except EngineError as error:
        raise ConfigError(str(error)) from None
    if form is None and isinstance(file := hub.single(name), RemoteFile):
        return [Offer(name, "", (published.known(file),), "")]
    names = dict.fromkeys(offer.name.partition(":")[0] for offer in offers)
    raise ConfigError(f"{name!r} is none of {', '.join(names)}, and no OWNER/REPOSITORY/FILE")


def _held(drawing: Sequence[dict[str, Any]]) -> int:
    """Return the bytes on the disk of the forms, which share files."""
    names = {row["name"].partition(":")[2] for row in drawing}
    files = {file for name in names for file in FORMS[name]}
    return sum(file.size for file in files if file.here())


def _amounts(row: dict[str, Any]) -> tuple[str, str]:
    here = "yes" if row["is_here"] else "in part" if row["missing"] < row["size"] else "no"
    return f"{row['size'] / 1e9:.1f} GB", here


def _aligned(head: Sequence[str], lines: Sequence[Sequence[str]]) -> Iterator[str]:
    """Yield the lines of a table whose third column stands to the right."""
    widths = [max(map(len, column)) for column in zip(head, *lines, strict=True)]
    for line in (head, *lines):
        cells = (
            cell.rjust(width) if at == 2 else cell.ljust(width)
            for at, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        yield "  ".join(cells).rstrip()
