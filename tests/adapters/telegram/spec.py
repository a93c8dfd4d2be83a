"""Telegram's published specification, where it lies beside the repository: what a call may carry."""

import json
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[3]
NAME = "telegram-api.min.json"
PLAIN: dict[str, tuple[type, ...]] = {
    "Integer": (int,),
    "Float": (int, float),
    "String": (str,),
    "Boolean": (bool,),
    "True": (bool,),
}


class Spec:
    """Checks calls; `violations` collects what the specification does not allow."""

    def __init__(self, document: dict[str, Any]) -> None:
        self._methods, self._types = document["methods"], document["types"]
        self.violations: list[str] = []
        self.checked = 0

    @classmethod
    def beside(cls) -> "Spec | None":
        """Return the specification, None where it is not at hand."""
        file = ROOT.parent / "shared" / "specs" / NAME
        return cls(json.loads(file.read_text("utf-8"))) if file.exists() else None

    def check(self, method: str, said: dict[str, Any], files: set[str]) -> None:
        self.checked += 1
        if method not in self._methods:
            self.violations.append(f"{method}: no such method")
            return
        self._fields(
            method, self._methods[method].get("fields", []), said | dict.fromkeys(files, "attach://")
        )

    def _fields(self, where: str, fields: list[dict[str, Any]], said: dict[str, Any]) -> None:
        known = {field["name"]: field for field in fields}
        attached = {str(value).removeprefix("attach://") for value in _leaves(said)}
        for name in said.keys() - known.keys() - attached:
            self.violations.append(f"{where}: unknown field {name}")
        for name, field in known.items():
            if name not in said:
                if field["required"]:
                    self.violations.append(f"{where}: {name} is missing")
            elif not any(self._fits(said[name], kind) for kind in field["types"]):
                self.violations.append(f"{where}: {name} = {said[name]!r} is no {field['types']}")

    def _fits(self, value: Any, kind: str) -> bool:
        if kind.startswith("Array of "):
            inner = kind.removeprefix("Array of ")
            return isinstance(value, list) and all(self._fits(each, inner) for each in value)
        if kind in PLAIN:
            return isinstance(value, PLAIN[kind]) and (kind in ("Boolean", "True") or type(value) is not bool)
        if kind == "InputFile":
            return isinstance(value, str)
        described = self._types[kind]
        if described.get("subtypes"):
            return any(self._fits(value, subtype) for subtype in described["subtypes"])
        if not isinstance(value, dict):
            return False
        nested = Spec({"methods": self._methods, "types": self._types})
        nested._fields(kind, described.get("fields", []), value)
        return not nested.violations


def _leaves(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [leaf for each in value.values() for leaf in _leaves(each)]
    if isinstance(value, list):
        return [leaf for each in value for leaf in _leaves(each)]
    return [value]
