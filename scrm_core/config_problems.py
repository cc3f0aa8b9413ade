"""What is wrong with a configuration file, in words of the file that is to be mended."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Any

from marshmallow import Schema, fields


def explain(path: Path, table: str, messages: Any, raw: Any, schema: Schema) -> list[str]:
    """One line per error: file, table, key, what was found, what is allowed."""
    problems = []
    for key, message in messages.items():
        nested = schema.fields.get(key)
        found = raw.get(key) if isinstance(raw, dict) else None
        if isinstance(message, dict) and isinstance(nested, fields.Nested):
            inner = f"{table}.{key}".lstrip(".")
            problems.extend(explain(path, inner, message, found, nested.schema))
            continue
        below = nested.value_field if isinstance(nested, fields.Dict) else None
        if isinstance(below, fields.Nested) and isinstance(found, dict):
            # [table.NAME]: each table is explained by its own schema, which knows what is secret.
            for name, words in message.items():
                inner = f"{table}.{key}.{name}".lstrip(".")
                inside = words.get("value", words) if isinstance(words, dict) else {"_schema": words}
                problems.extend(explain(path, inner, inside, found.get(name), below.schema))
            continue
        if not table and key == "plugins" and isinstance(found, dict):
            problems += [
                f"{path}: [plugins] {name}: found {found.get(name)!r}; must be a table of its own: [plugins.{name}]"
                for name in message
            ]
            continue
        where = f"{path}: [{table}] {key}" if table else f"{path}: {key}"
        secret = nested is not None and nested.metadata.get("secret")
        shown = "" if found is None else f"found {'(secret)' if secret else repr(found)}; "
        for words in _flat(message):
            if words == "Unknown field.":
                near = difflib.get_close_matches(str(key), list(schema.fields), n=1)
                hint = f"; did you mean {near[0]!r}?" if near else ""
                words = f"unknown key; allowed are {', '.join(sorted(schema.fields)) or 'none'}{hint}"
            problems.append(f"{where}: {shown}{_PLAIN.get(words, words)}")
    return problems


# What marshmallow says.
_PLAIN = {
    "Missing data for required field.": "is required; add it",
    "Not a valid integer.": "must be a whole number, without quotation marks",
    "Not a valid number.": "must be a number, without quotation marks",
    "Not a valid string.": "must be a text, in quotation marks",
    "Not a valid boolean.": "must be true or false",
    "Not a valid list.": "must be a list, in square brackets",
    "Not a valid mapping type.": "must be a table",
    "Invalid input type.": "must be a table",
}


def _flat(message: Any) -> list[str]:
    if isinstance(message, dict):
        return [f"{key}: {words}" for key, value in message.items() for words in _flat(value)]
    if isinstance(message, list):
        return [text for value in message for text in _flat(value)]
    return [str(message)]
