"""Reading JSON objects strictly: wrong types, amounts out of range and unknown keys name their field."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from scrm_core.api import Invalid, clean_text

MOST = 2**53
MOST_ITEMS = 1_000
_MISSING = object()


class Fields:
    """The members of one JSON object, each read once; :meth:`done` refuses what nobody read."""

    def __init__(self, value: Any, path: str = "") -> None:
        if not isinstance(value, Mapping):
            raise Invalid(f"{path or 'rule'} is a JSON object, not {_kind(value)}", field=path or None)
        self._value = value
        self._path = path
        self._read: set[str] = set()

    def name(self, key: str) -> str:
        """The full name of a member, for messages."""
        return f"{self._path}.{key}" if self._path else key

    def has(self, key: str) -> bool:
        """Whether the member is there and not null."""
        return self._value.get(key) is not None

    def _get(self, key: str, default: Any) -> Any:
        self._read.add(key)
        value = self._value.get(key)
        if value is None:
            if default is _MISSING:
                raise Invalid(f"{self.name(key)} is required", field=self.name(key))
            return default
        return value

    def whole(self, key: str, least: int, most: int = MOST, default: Any = _MISSING) -> Any:
        """A whole number in [least, most], or the default when absent or null."""
        value = self._get(key, default)
        if value is default:
            return value
        if type(value) is not int:
            raise Invalid(f"{self.name(key)} is a whole number, not {_kind(value)}", field=self.name(key))
        if not least <= value <= most:
            limit = f"at least {least}" if value < least else f"at most {most}"
            raise Invalid(f"{self.name(key)} is {limit}, not {value}", field=self.name(key))
        return value

    def text(self, key: str, default: Any = _MISSING) -> Any:
        """A text of 1 to 200 characters, or the default."""
        value = self._get(key, default)
        return value if value is default else self._text(value, self.name(key))

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of distinct texts, sorted; empty when absent."""
        value = self._get(key, ())
        if not isinstance(value, (list, tuple)):
            raise Invalid(f"{self.name(key)} is a list of texts, not {_kind(value)}", field=self.name(key))
        if len(value) > MOST_ITEMS:
            raise Invalid(f"{self.name(key)} has at most {MOST_ITEMS} items", field=self.name(key))
        return tuple(sorted({self._text(item, f"{self.name(key)}.{i}") for i, item in enumerate(value)}))

    def flag(self, key: str) -> bool:
        """True or false; false when absent."""
        value = self._get(key, False)
        if type(value) is not bool:
            raise Invalid(f"{self.name(key)} is true or false, not {_kind(value)}", field=self.name(key))
        return value

    def objects(self, key: str, most: int, least: int = 1) -> list[Fields]:
        """A list of ``least`` to ``most`` JSON objects; with ``least`` 0 it may be absent."""
        value = self._get(key, _MISSING if least else ())
        if not isinstance(value, (list, tuple)) or not least <= len(value) <= most:
            raise Invalid(f"{self.name(key)} is a list of {least} to {most} objects", field=self.name(key))
        return [Fields(item, f"{self.name(key)}.{i}") for i, item in enumerate(value)]

    def done(self) -> None:
        """Refuse members that are not known."""
        for key in self._value:
            if key not in self._read:
                known = ", ".join(sorted(self._read))
                name = self.name(str(key)[:100])
                raise Invalid(f"{name} is not known here; known are {known}", field=name)

    @staticmethod
    def _text(value: Any, name: str) -> str:
        if not isinstance(value, str):
            raise Invalid(f"{name} is a text, not {_kind(value)}", field=name)
        text = clean_text(value, field=name, max_length=200)
        if not text:
            raise Invalid(f"{name} is empty", field=name)
        return text


def _kind(value: Any) -> str:
    names = {
        bool: "true or false",
        int: "a number",
        float: "a fraction",
        str: "a text",
        list: "a list",
        type(None): "null",
    }
    return names.get(type(value), type(value).__name__)
