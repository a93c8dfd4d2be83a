"""A user's own defaults: what may be set, and the panel that shows them.

Pure functions of what is set, flag name to value as typed; knows no database and no platform. A flag in a
prompt still wins.
"""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass

from bot.locales.texts import Texts
from bot.requests import flag_syntax, flags
from bot.requests.flag_table import ASPECTS, MOST_PICTURES
from bot.types import Action, Choice, Option, Params, Refused

RESET = "reset"
AUTO = "auto"
GUIDANCE_OFF = 1.0


@dataclass(frozen=True, slots=True)
class Setting:
    """A row: the flag it stands for, the values offered (two for a toggle, off first)."""

    name: str
    values: tuple[str, ...]
    toggle: bool = False


SETTINGS = (
    Setting("aspect", (AUTO, *ASPECTS)),
    Setting("steps", ("4", "6", "8", "12", "16")),
    Setting("cfg", ("1.0", "1.4", "1.8", "2.2", "3.0")),
    Setting("count", tuple(map(str, range(1, MOST_PICTURES + 1)))),
    Setting("optimize", ("off", "on"), toggle=True),
    Setting("enhance", ("off", "on"), toggle=True),
    Setting("spoiler", ("off", "on"), toggle=True),
)
_BY_NAME = {setting.name: setting for setting in SETTINGS}


def applied(operator_defaults: Params, overrides: Mapping[str, str]) -> Params:
    """Return the operator's defaults with the user's overrides, as far as those are allowed today."""
    params = operator_defaults
    for name in _BY_NAME.keys() & overrides.keys():
        with suppress(Refused):
            params = flags.assign(params, name, overrides[name])
    return params


def changed(operator_defaults: Params, overrides: Mapping[str, str], change: str) -> dict[str, str]:
    """Return what is set after a press on `name=value` or `reset`; the operator's own value is unset.

    Raises `Refused` (`bad-value`, `unknown-flag`) for what the panel does not offer.
    """
    if change == RESET:
        return {}
    name, _, value = change.partition("=")
    if name not in _BY_NAME:
        raise Refused("unknown-flag", flag=flag_syntax.shorten(f"--{name}"))
    rest = {key: kept for key, kept in overrides.items() if key != name}
    if flags.assign(operator_defaults, name, value) == operator_defaults:
        return rest
    return {**rest, name: value}


def choices(
    texts: Texts, locale: str, operator_defaults: Params, user_params: Params, max_count: int
) -> tuple[Choice, ...]:
    """Return the panel's rows: every setting with its options, the one that holds now chosen."""
    return tuple(
        Choice(
            setting.name,
            texts.say(locale, f"setting-{setting.name}"),
            tuple(
                Option(
                    _label(texts, locale, setting, value),
                    Action("set", 0, 0, f"{setting.name}={value}"),
                    flags.assign(user_params, setting.name, value) == user_params,
                )
                for value in _offered(setting, (operator_defaults, user_params), max_count)
            ),
            setting.toggle,
        )
        for setting in SETTINGS
    )


def _offered(setting: Setting, present: Iterable[Params], max_count: int) -> list[str]:
    """Return the values of a row, those that hold now among them, in order."""
    if setting.toggle or setting.name == "aspect":
        return list(setting.values)
    values = {flags.value(params, setting.name) for params in present} | {*setting.values}
    if setting.name == "count" and max_count:
        values = {value for value in values if int(value) <= max_count}
    return sorted(values, key=float)


def _label(texts: Texts, locale: str, setting: Setting, value: str) -> str:
    if setting.toggle or value == AUTO:
        return texts.say(locale, f"setting-value-{value}")
    if setting.name == "cfg" and float(value) == GUIDANCE_OFF:
        return texts.say(locale, "setting-value-unguided", value=value)
    return value
