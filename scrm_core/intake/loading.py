"""A body checked by a marshmallow schema, with the first thing wrong told by its path."""

from __future__ import annotations

import difflib
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
        words += _near(schema, path)
        field = ".".join(part for part in (at, path) if part)
        raise Invalid(f"{field}: {words}" if field else words, field=field or None) from None
    return loaded


def _near(schema: Schema, path: str) -> str:
    """For a member of the body itself that the schema does not know: the one that was probably meant, if any."""
    if "." in path or path in schema.load_fields:
        return ""
    known = [field.data_key or name for name, field in schema.load_fields.items()]
    near = difflib.get_close_matches(path, known, n=1)
    return f" Did you mean {near[0]!r}?" if near else ""


def _first(messages: Any, path: tuple[str, ...] = ()) -> tuple[str, str]:
    if isinstance(messages, dict):
        key, value = next(iter(messages.items()))
        return _first(value, path if key == "_schema" else (*path, str(key)))
    return ".".join(path), str(messages[0] if isinstance(messages, list) else messages)
