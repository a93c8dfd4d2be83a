"""From tables of text and numbers to frozen dataclasses: types, checks, and one line that says what is wrong.

Reads any dataclass as a section of a configuration; which sections there are is `bot.setup.config`'s. A field
that `repr` leaves out is a secret: its value is in no message.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from types import UnionType
from typing import Any, Literal, get_args, get_origin, get_type_hints


class ConfigError(Exception):
    """A setting that cannot be used; the message is one readable line."""


Check = Callable[[Any], str]
"""Returns what a value must be, where it is not; else nothing."""


def one_of(*choices: str) -> Check:
    """Allow these texts."""
    return lambda value: "" if value in choices else f"one of {', '.join(choices)}"


def between(low: float, high: float, or_unset: float | None = None) -> Check:
    """Allow a number, or a table of numbers, from `low` to `high`, and `or_unset`, which leaves it unset."""
    other = "" if or_unset is None else f", or {or_unset}"

    def check(value: Any) -> str:
        numbers = value.values() if isinstance(value, Mapping) else (value,)
        fits = all(low <= number <= high for number in numbers if number != or_unset)
        return "" if fits else f"from {low} to {high}{other}"

    return check


def matching(pattern: str, fix: str) -> Check:
    """Allow a text that the whole pattern matches; `fix` describes such texts."""
    return lambda value: "" if re.fullmatch(pattern, value) else fix


def each_matching(pattern: str, fix: str) -> Check:
    """Allow a list of what the whole pattern matches."""
    return lambda value: "" if all(re.fullmatch(pattern, str(each)) for each in value) else f"a list of {fix}"


def leaves(section: Any, prefix: str = "") -> Iterator[tuple[str, Any, bool]]:
    """Yield (dotted key, value, whether it is a secret) of every setting in `section`."""
    for item in fields(section):
        value = getattr(section, item.name)
        if is_dataclass(value):
            yield from leaves(value, f"{prefix}{item.name}.")
        else:
            yield prefix + item.name, value, not item.repr


@dataclass(frozen=True, slots=True)
class Schema:
    """How tables are read. `checks` are by dotted key, a list's tables under its own key (`rules.per_day`).

    `origin` returns where the operator wrote a dotted key.
    """

    checks: Mapping[str, Check]
    origin: Callable[[str], str]

    def read(self, section: type, table: Mapping[str, Any], prefix: str = "") -> Any:
        """Return the section that a table describes; `prefix` is the table's dotted key and a dot.

        Raises `ConfigError` for an unknown key or a bad value, and with the message of the section's own
        ValueError where values do not go together.
        """
        known, hints = {item.name: item for item in fields(section)}, get_type_hints(section)
        values: dict[str, Any] = {}
        for name, value in table.items():
            key = prefix + name
            if name not in known:
                raise self._error(key, f"unknown key {key}; known here: {', '.join(known)}")
            inner = (*get_args(hints[name]), None)[0]
            if is_dataclass(hints[name]):
                if not isinstance(value, Mapping):
                    raise self._error(key, f"{key} must be a table, [{key}], not a value")
                values[name] = self.read(hints[name], value, f"{key}.")
            elif isinstance(inner, type) and is_dataclass(inner):
                if not isinstance(value, list) or not all(isinstance(each, Mapping) for each in value):
                    raise self._error(key, f"{key} must be tables, each under a line [[{key}]]")
                values[name] = tuple(
                    self.read(inner, each, f"{key}[{at}].") for at, each in enumerate(value, start=1)
                )
            else:
                values[name] = self._value(key, value, hints[name], is_secret=not known[name].repr)
        try:
            return section(**values)
        except ValueError as error:
            raise ConfigError(f"{prefix}{error}") from None

    def _value(self, key: str, value: Any, hint: Any, is_secret: bool) -> Any:
        if isinstance(hint, UnionType):
            hint, _ = get_args(hint)  # … | None
        choices = get_args(hint) if get_origin(hint) is Literal else ()
        convert, must_be = _TYPES[str if choices else hint]
        try:
            found = convert(value)
        except (TypeError, ValueError, KeyError):
            pass
        else:
            check = one_of(*choices) if choices else self.checks.get(re.sub(r"\[\d+\]", "", key))
            must_be = check(found) if check else ""
            if not must_be:
                return found
        raise self._error(key, f"{key} = {'(hidden)' if is_secret else repr(value)} must be {must_be}")

    def _error(self, key: str, message: str) -> ConfigError:
        return ConfigError(f"{self.origin(key)}: {message}")


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value.strip()


def _whole(value: Any) -> int:
    if isinstance(value, bool | float):
        raise TypeError
    return int(value)


def _number(value: Any) -> float:
    if isinstance(value, bool):
        raise TypeError
    return float(value)


def _switch(value: Any) -> bool:
    return value if isinstance(value, bool) else _SWITCHES[_text(value).lower()]


def _list(value: Any) -> tuple[str, ...]:
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    return tuple(_text(part) for part in value)


def _table(value: Any, convert: Callable[[Any], Any]) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise TypeError
    return {str(name): convert(each) for name, each in value.items()}


_SWITCHES = dict.fromkeys(("true", "on", "yes", "1"), True) | dict.fromkeys(
    ("false", "off", "no", "0"), False
)
_TEXTS = 'a list of texts, ["a", "b"] (in the environment: a,b)'
_TYPES: Mapping[Any, tuple[Callable[[Any], Any], str]] = {
    str: (_text, "text in quotes"),
    int: (_whole, "a whole number"),
    float: (_number, "a number"),
    bool: (_switch, "true or false"),
    Path: (lambda value: Path(_text(value)).expanduser(), "a path in quotes"),
    tuple[str, ...]: (_list, _TEXTS),
    frozenset[str]: (lambda value: frozenset(_list(value)), _TEXTS),
    frozenset[int]: (
        lambda value: frozenset(map(_whole, _list(value) if isinstance(value, str) else value)),
        "a list of whole numbers, [1, 2] (in the environment: 1,2)",
    ),
    Mapping[str, float]: (lambda value: _table(value, _number), "a table of numbers, { name = 0.5 }"),
    Mapping[str, str]: (lambda value: _table(value, _text), 'a table of texts, { name = "text" }'),
}
