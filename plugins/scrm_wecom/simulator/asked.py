"""The parameters of a call, read one by one with the code of each mistake.

Types are the platform's: a number in quotes or a string without them is 40058,
as is a list that is too long (dev:90313 on 40058). What nobody read is kept:
the platform passes over unknown names in silence, which hides typing errors,
so the journal shows them (``ignored``).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .answers import Refused

WRONG = 40058
EMPTY = 40063


class Asked:
    """The query of a GET or the JSON object of a POST."""

    def __init__(self, values: dict[str, Any], prefix: str = "") -> None:
        self._values = values
        self._prefix = prefix
        self._read: set[str] = set()
        self._inside: list[Asked] = []

    def has(self, name: str) -> bool:
        """Whether the name was given."""
        self._read.add(name)
        return name in self._values

    def text(
        self,
        name: str,
        *,
        missing: int | None = None,
        most: int | None = None,
        most_bytes: int | None = None,
        wrong: int = WRONG,
    ) -> str:
        """A string, "" when absent; ``missing`` is the code when it may not be absent or empty.

        ``most`` counts characters and ``most_bytes`` bytes of UTF-8.
        """
        value = self._get(name, "")
        if not isinstance(value, str):
            raise Refused(wrong, f"{self._prefix}{name} is not a string")
        if missing is not None and not value:
            raise Refused(missing, f"{self._prefix}{name}")
        if most is not None and len(value) > most:
            raise Refused(wrong, f"{self._prefix}{name} is longer than {most} characters")
        if most_bytes is not None and len(value.encode()) > most_bytes:
            raise Refused(wrong, f"{self._prefix}{name} is longer than {most_bytes} bytes")
        return value

    def number(
        self,
        name: str,
        *,
        default: int | None = None,
        least: int = 0,
        most: int = 2**53,
        missing: int = WRONG,
        wrong: int = WRONG,
    ) -> int:
        """An integer within bounds; absent is ``default``, or ``missing`` without one."""
        if not self.has(name):
            if default is None:
                raise Refused(missing, f"{self._prefix}{name}")
            return default
        value = self._values[name]
        if type(value) is not int or not least <= value <= most:
            raise Refused(wrong, f"{self._prefix}{name} is not an integer of {least} to {most}")
        return value

    def flag(self, name: str, default: bool) -> bool:
        """A boolean; JSON's own, no number."""
        value = self._get(name, default)
        if not isinstance(value, bool):
            raise Refused(WRONG, f"{self._prefix}{name} is not a boolean")
        return value

    def texts(self, name: str, *, most: int, missing: int | None = None, too_many: int = WRONG) -> list[str]:
        """A list of strings without its repetitions."""
        value = self._list(name, most, too_many)
        if not all(isinstance(each, str) for each in value):
            raise Refused(WRONG, f"{self._prefix}{name} is not a list of strings")
        if missing is not None and not value:
            raise Refused(missing, f"{self._prefix}{name}")
        return list(dict.fromkeys(value))

    def numbers(self, name: str, *, most: int) -> list[int]:
        """A list of integers without its repetitions."""
        value = self._list(name, most, WRONG)
        if not all(type(each) is int for each in value):
            raise Refused(WRONG, f"{self._prefix}{name} is not a list of integers")
        return list(dict.fromkeys(value))

    def inside(self, name: str) -> Asked:
        """An object; without members when absent."""
        return self._nested(self._get(name, {}), name)

    def each(self, name: str, *, most: int, too_many: int = WRONG) -> list[Asked]:
        """A list of objects."""
        return [self._nested(value, f"{name}[{place}]") for place, value in enumerate(self._list(name, most, too_many))]

    def raw(self, name: str) -> Any:
        """A value that the simulator keeps and gives back as it came, or None."""
        return self._get(name, None)

    def ignored(self) -> Iterator[str]:
        """The names that were given and that nobody read."""
        yield from (f"{self._prefix}{name}" for name in self._values if name not in self._read)
        for inner in self._inside:
            yield from inner.ignored()

    def _get(self, name: str, default: Any) -> Any:
        self._read.add(name)
        return self._values.get(name, default)

    def _list(self, name: str, most: int, too_many: int) -> list[Any]:
        value = self._get(name, [])
        if not isinstance(value, list):
            raise Refused(WRONG, f"{self._prefix}{name} is not a list")
        if len(value) > most:
            raise Refused(too_many, f"{self._prefix}{name} has more than {most} items")
        return value

    def _nested(self, value: Any, name: str) -> Asked:
        if not isinstance(value, dict):
            raise Refused(WRONG, f"{self._prefix}{name} is not an object")
        inner = Asked(value, f"{self._prefix}{name}.")
        self._inside.append(inner)
        return inner
