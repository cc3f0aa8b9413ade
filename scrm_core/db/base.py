"""The base class and the few field types of all models, core's and plugins'."""

from __future__ import annotations

import json
from typing import Any

import peewee

from .router import brand_db


class BrandModel(peewee.Model):  # type: ignore[misc]
    """A table in every brand's database. It has no brand column: a brand is a database."""

    class Meta:
        database = brand_db
        legacy_table_names = False


class InstantField(peewee.BigIntegerField):  # type: ignore[misc]
    """An instant: integer milliseconds since the epoch, UTC."""


class MinorField(peewee.BigIntegerField):  # type: ignore[misc]
    """Money: integer minor units (cents, 分) of the brand's currency."""


# Built once: json.dumps with options of its own makes an encoder per call.
compact_json = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode


class JSONField(peewee.TextField):  # type: ignore[misc]
    """A small JSON value stored as text, the same on every database. Not for querying."""

    def db_value(self, value: Any) -> str | None:
        return None if value is None else compact_json(value)

    def python_value(self, value: Any) -> Any:
        return None if value is None else json.loads(value)
