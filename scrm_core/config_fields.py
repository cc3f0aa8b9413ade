"""Fields of the tables of ``scrm.toml`` and of brand files; descriptions end up in the settings reference."""

from __future__ import annotations

from typing import Any

from marshmallow import fields, validate


def text(description: str, default: str | None = None, **kwargs: Any) -> fields.String:
    """A text; required when it has no default."""
    if default is None:
        return fields.String(required=True, metadata={"description": description}, **kwargs)
    return fields.String(load_default=default, metadata={"description": description}, **kwargs)


def flag(description: str, default: bool) -> fields.Boolean:
    """``true`` or ``false``, and nothing that only looks like it."""
    return fields.Boolean(truthy={True}, falsy={False}, load_default=default, metadata={"description": description})


def number(description: str, default: int, low: int, high: int) -> fields.Integer:
    """A whole number from ``low`` to ``high``."""
    return fields.Integer(
        strict=True,
        load_default=default,
        validate=validate.Range(low, high),
        metadata={"description": description},
    )
