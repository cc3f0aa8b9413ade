"""Arguments of acts and commands: which there are, of which type, which may not be missing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import UnionType
from typing import Any, get_args

from scrm_core.api import Invalid

MOST = 10_000
"""Items of a list, and the largest count: a slip shall not fill the memory."""

_CALLED = {
    str: "text",
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    list[str]: "a list of texts",
    dict[str, str]: "an object of texts, numbers and lists of texts",
}


@dataclass(frozen=True, slots=True)
class Arguments:
    """What ``name`` takes: ``types`` by argument; an optional one is ``type | None`` and may be null."""

    name: str
    types: Mapping[str, Any]
    required: frozenset[str] = frozenset()

    def checked(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """The arguments of a request; raises Invalid for a wrong type, an unknown name or a missing one."""
        for name, value in given.items():
            if name not in self.types:
                known = ", ".join(self.types) or "none"
                raise Invalid(f"{self.name} has no argument {name!r}; it has {known}", field=name)
            kinds = get_args(self.types[name]) if isinstance(self.types[name], UnionType) else (self.types[name],)
            if not any(_is(value, kind) for kind in kinds):
                raise Invalid(f"{name} is to be {_CALLED[kinds[0]]}", field=name)
        missing = self.required - set(given)
        if missing:
            raise Invalid(f"{self.name} needs {', '.join(sorted(missing))}", field=min(missing))
        return dict(given)


def _is(value: Any, kind: Any) -> bool:
    if kind in (str, bool, type(None)):
        return isinstance(value, kind)
    if kind is int:
        return type(value) is int and abs(value) <= 2**53
    if kind is float:
        return type(value) in (int, float) and abs(value) <= 2**53
    if kind == list[str]:
        return isinstance(value, list) and len(value) <= MOST and all(isinstance(each, str) for each in value)
    inner = (str, int, list[str])
    return isinstance(value, dict) and all(any(_is(each, one) for one in inner) for each in value.values())
