"""From tables of text and numbers to frozen dataclasses: types, ranges, choices, and what is wrong.

Knows how a setting is declared and checked, not which settings there are. An unknown key or a bad value is a
`ConfigError` of one line naming the key, the value and the fix.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import field, fields, is_dataclass
from pathlib import Path
from typing import Any, get_args, get_type_hints


class ConfigError(Exception):
    """A setting that cannot be used; the message is one readable line."""


def setting(default: Any, low: float | None = None, high: float | None = None, **metadata: Any) -> Any:
    """Declare a setting with its range or choices; a `secret` is never shown, in a repr or a log.

    Where `unset` is given, this number outside the range is allowed, too, and means: not said.
    """
    metadata |= {"low": low, "high": high}
    shown = not metadata.get("secret", False)
    if isinstance(default, dict):
        return field(default_factory=default.copy, repr=shown, metadata=metadata)
    return field(default=default, repr=shown, metadata=metadata)


def leaves(section: Any, prefix: str = "") -> Iterator[tuple[str, Any, Mapping[str, Any]]]:
    """Yield (dotted key, value, metadata) of every setting below `section`."""
    for item in fields(section):
        value = getattr(section, item.name)
        if is_dataclass(value):
            yield from leaves(value, f"{prefix}{item.name}.")
        else:
            yield prefix + item.name, value, item.metadata


def build(section: type, table: Mapping[str, Any], origin: str, prefix: str) -> Any:
    """Return the section a table describes; `prefix` is the dotted key of the table, `origin` its file."""
    known = {item.name: item for item in fields(section)}
    hints = get_type_hints(section)
    values: dict[str, Any] = {}
    for key, value in table.items():
        if key not in known:
            raise ConfigError(f"{origin}: unknown key {prefix}{key}; known here: {', '.join(known)}")
        hint = hints[key]
        if is_dataclass(hint):
            if not isinstance(value, Mapping):
                raise ConfigError(f"{origin}: {prefix}{key} must be a table, [{prefix}{key}], not a value")
            values[key] = build(hint, value, origin, f"{prefix}{key}.")  # type: ignore[arg-type]
        elif is_dataclass(get_args(hint)[0] if get_args(hint) else None):
            values[key] = _tables(get_args(hint)[0], value, origin, f"{prefix}{key}")
        else:
            values[key] = _check(f"{prefix}{key}", value, hint, known[key].metadata, origin)
    return section(**values)


def _tables(section: type, value: Any, origin: str, key: str) -> tuple[Any, ...]:
    if not isinstance(value, list) or not all(isinstance(each, Mapping) for each in value):
        raise ConfigError(f"{origin}: {key} must be tables, each under a line [[{key}]]")
    return tuple(build(section, each, origin, f"{key}[{at}].") for at, each in enumerate(value, start=1))


def _check(key: str, value: Any, hint: Any, rules: Mapping[str, Any], origin: str) -> Any:
    shown = "(hidden)" if rules.get("secret") else repr(value)
    try:
        found = _CONVERT[hint](value)
    except (TypeError, ValueError, KeyError):
        raise ConfigError(f"{origin}: {key} = {shown} must be {_NAMES[hint]}") from None
    if (choices := rules.get("choices")) and found not in choices:
        raise ConfigError(f"{origin}: {key} = {shown} must be one of {', '.join(choices)}")
    if (pattern := rules.get("pattern")) and not re.fullmatch(pattern, found):
        raise ConfigError(f"{origin}: {key} = {shown} must be {rules['fix']}")
    if (each := rules.get("each")) and not all(re.fullmatch(each, part) for part in found):
        raise ConfigError(f"{origin}: {key} = {shown} must be a list of {rules['fix']}")
    low, high = rules.get("low"), rules.get("high")
    numbers = found.values() if isinstance(found, Mapping) else (found,)
    unset = rules.get("unset")
    if low is not None and high is not None and not all(low <= n <= high for n in numbers if n != unset):
        other = "" if unset is None else f", or {unset}"
        raise ConfigError(f"{origin}: {key} = {shown} must be from {low} to {high}{other}")
    return found


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


def _numbers(value: Any) -> Mapping[str, float]:
    if not isinstance(value, Mapping):
        raise TypeError
    return {str(name): _number(number) for name, number in value.items()}


def _texts(value: Any) -> Mapping[str, str]:
    if not isinstance(value, Mapping):
        raise TypeError
    return {str(name): _text(text) for name, text in value.items()}


_SWITCHES = dict.fromkeys(("true", "on", "yes", "1"), True) | dict.fromkeys(
    ("false", "off", "no", "0"), False
)
_CONVERT: Mapping[Any, Any] = {
    str: _text,
    int: _whole,
    float: _number,
    bool: _switch,
    Path: lambda value: Path(_text(value)).expanduser(),
    tuple[str, ...]: _list,
    Mapping[str, float]: _numbers,
    Mapping[str, str]: _texts,
    int | None: _whole,
    float | None: _number,
}
_NAMES: Mapping[Any, str] = {
    str: "text in quotes",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    Path: "a path in quotes",
    tuple[str, ...]: 'a list of texts, ["a", "b"] (in the environment: a,b)',
    Mapping[str, float]: "a table of numbers, { name = 0.5 }",
    Mapping[str, str]: 'a table of texts, { name = "text" }',
    int | None: "a whole number",
    float | None: "a number",
}
