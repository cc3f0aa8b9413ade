"""Members of the API's answers, each with its description for the OpenAPI document."""

from __future__ import annotations

from typing import Any

from marshmallow import fields


def text(description: str = "", **kwargs: Any) -> fields.String:
    """A text that is always there."""
    return fields.String(required=True, metadata={"description": description} if description else {}, **kwargs)


def integer(description: str = "", **kwargs: Any) -> fields.Integer:
    """A whole number that is always there."""
    return fields.Integer(required=True, metadata={"description": description} if description else {}, **kwargs)


def flag(description: str = "") -> fields.Boolean:
    """True or false."""
    return fields.Boolean(required=True, metadata={"description": description} if description else {})


def instant(description: str = "", **kwargs: Any) -> fields.String:
    """An instant as ISO 8601 text in the brand's zone."""
    return fields.String(required=True, metadata={"format": "date-time", "description": description}, **kwargs)


def members(description: str) -> fields.Dict:
    """Members by name, of any kind."""
    return fields.Dict(keys=fields.String(), required=True, metadata={"description": description})
