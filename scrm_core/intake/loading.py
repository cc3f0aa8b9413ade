"""A body checked by a marshmallow schema, with the first thing wrong told by its path."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, ValidationError

from scrm_core.errors import Invalid


def load_body(schema: Schema, value: Any, *, at: str = "") -> dict[str, Any]:
    """The checked value; raises Invalid naming the first field at fault (``prizes.0.kind``), below ``at``."""
    if not isinstance(value, dict):
        raise Invalid(f"{at}: an object is expected" if at else "an object is expected", field=at or None)
    try:
        loaded: dict[str, Any] = schema.load(value)
    except ValidationError as error:
        path, words = _first(error.messages)
        field = ".".join(part for part in (at, path) if part)
        raise Invalid(f"{field}: {words}" if field else words, field=field or None) from None
    return loaded


def _first(messages: Any, path: tuple[str, ...] = ()) -> tuple[str, str]:
    if isinstance(messages, dict):
        key, value = next(iter(messages.items()))
        return _first(value, path if key == "_schema" else (*path, str(key)))
    return ".".join(path), str(messages[0] if isinstance(messages, list) else messages)
