"""Every key of the configuration with its default and meaning, read from the schemas that check the files."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from marshmallow import Schema, fields, missing


@dataclass(frozen=True, slots=True)
class Setting:
    """A key of a table. ``default`` is as TOML has it, ``required`` where there is none; a secret's is not shown."""

    table: str
    key: str
    default: str
    meaning: str


def project_settings() -> list[Setting]:
    """``scrm.toml``, whose keys stand in no table."""
    from .config import ProjectSchema

    return list(settings_of(ProjectSchema, ""))


def brand_settings() -> list[Setting]:
    """The tables of a brand's file but those of plugins; NAME stands for a name of one's own."""
    from .config import BrandSchema

    return list(settings_of(BrandSchema, ""))


def plugin_settings(classes: Iterable[Any]) -> list[Setting]:
    """``[plugins.NAME]`` of plugin classes."""
    with_settings = (cls for cls in classes if cls.Settings is not None)
    return [each for cls in with_settings for each in settings_of(cls.Settings, f"plugins.{cls.name}")]


def settings_of(schema: type[Schema], table: str) -> Iterator[Setting]:
    """The keys of a schema as the table ``table``, then those of the tables below it."""
    below: list[tuple[type[Schema], str]] = []
    for name, item in schema().fields.items():
        inner = item.value_field if isinstance(item, fields.Dict) else item
        place = f"{table}.{name}" if table else name
        if isinstance(inner, fields.Nested):
            below.append((type(inner.schema), f"{place}.NAME" if inner is not item else place))
        elif table or not isinstance(inner, fields.Dict):
            yield Setting(table, name, _default(item), _meaning(item))
    for inner_schema, place in below:
        yield from settings_of(inner_schema, place)


def _default(item: Any) -> str:
    if item.required:
        return "required"
    return "" if item.load_default is missing else toml(item.load_default)


def _meaning(item: Any) -> str:
    text = str(item.metadata.get("description", ""))
    return f"{text} (secret)" if item.metadata.get("secret") else text


def toml(value: Any) -> str:
    """A value as one writes it in a TOML file; ``none`` for a default that no file can write."""
    if callable(value):
        value = value()
    if value is None:
        return "none"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(toml(each) for each in value) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_key(key)} = {toml(each)}" for key, each in value.items()) + "}"
    # JSON's texts, numbers and truth values are TOML's.
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str | bool | int | float) else str(value)


def _key(name: object) -> str:
    return str(name) if re.fullmatch("[A-Za-z0-9_-]+", str(name)) else json.dumps(str(name), ensure_ascii=False)
