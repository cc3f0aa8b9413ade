"""Addresses to try a plugin's routes with."""

from __future__ import annotations

import re
from collections.abc import Iterable
from contextlib import suppress
from typing import Any
from uuid import UUID

_PART = re.compile(r"<(?:\w+(?:\([^)]*\))?:)?(\w+)>")


def addresses(app: Any, name: str) -> Iterable[tuple[str, str]]:
    """Each method and address of the plugin's routes; without those for whose parts no value is known."""
    from ..web.mounts import METHODS

    for rule in app.url_map.iter_rules():
        parts = {part: _fitting(converter) for part, converter in rule._converters.items()}
        if not rule.endpoint.endswith("static") and None not in parts.values():
            path = _PART.sub(lambda part: str(parts[part[1]]), rule.rule)  # noqa: B023  called at once
            for method in METHODS:
                if method in (rule.methods or ()):
                    yield method, f"plugins/{name}{path}"


def _fitting(converter: Any) -> str | None:
    """A value for a part of an address that its converter takes."""
    from werkzeug.routing import ValidationError

    ends = [end for end in (getattr(converter, "min", None), getattr(converter, "max", None)) if end is not None]
    digits = getattr(converter, "fixed_digits", 0)
    length = re.search(r"\{(\d+)", converter.regex)
    choices = re.findall(r"[\w-]+", converter.regex) if converter.regex.startswith("(?:") else []
    for value in (
        "x", "x" * int(length[1] if length else 1), *(str(end).zfill(digits) for end in (1, *ends)),
        *(str(float(end)) for end in (1, *ends)), str(UUID(int=1)), *choices,
    ):  # fmt: skip
        with suppress(ValidationError):
            if re.fullmatch(converter.regex, value):
                converter.to_python(value)
                return value
    return None
