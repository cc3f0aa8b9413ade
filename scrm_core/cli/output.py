"""How commands print: tables for people, one JSON document for programs."""

from __future__ import annotations

import dataclasses
import json
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any

import click

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, set | frozenset):
        return sorted(value)
    return str(value)


def print_json(value: Any) -> None:
    """Print one JSON document; dataclasses become objects, dates ISO 8601."""
    click.echo(json.dumps(value, ensure_ascii=False, indent=2, default=_plain, allow_nan=False))


def width(text: str) -> int:
    """Columns that a text takes on a terminal: a Chinese character takes two."""
    return sum(
        0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text
    )


def _has_members(value: Any) -> bool:
    return isinstance(value, list | tuple) and any(isinstance(item, Mapping | list | tuple) for item in value)


def _cell(value: Any) -> str:
    """A value in one line: objects, and lists of objects or lists, as compact JSON."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, Mapping) or _has_members(value):
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=_plain, allow_nan=False)
    elif isinstance(value, list | tuple | set | frozenset):
        text = ", ".join(str(item) for item in value) or "-"
    else:
        text = " ".join(str(value).split())
    # What others wrote must not move the cursor or colour the screen.
    return "".join(char if char.isprintable() else "?" for char in text)


def _is_number_column(values: Sequence[Any]) -> bool:
    given = [value for value in values if value is not None]
    return bool(given) and all(isinstance(value, int) and not isinstance(value, bool) for value in given)


def print_table(headings: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Print rows under headings; numbers stand right, None is a dash."""
    rows = [list(row) for row in rows]
    cells = [[_cell(value) for value in row] for row in rows]
    widths = [max([width(head), *(width(row[i]) for row in cells)]) for i, head in enumerate(headings)]
    right = [_is_number_column([row[i] for row in rows]) for i in range(len(headings))]

    def line(texts: Sequence[str]) -> str:
        parts = []
        for text, space, to_right in zip(texts, widths, right, strict=True):
            pad = " " * (space - width(text))
            parts.append(pad + text if to_right else text + pad)
        return "  ".join(parts).rstrip()

    click.echo(click.style(line(headings), bold=True))
    for row in cells:
        click.echo(line(row))


def show(headings: Sequence[str], rows: Iterable[Sequence[Any]], *, as_json: bool) -> None:
    """Print rows as a table, or as a JSON array of objects keyed by the headings."""
    if as_json:
        print_json([dict(zip(headings, row, strict=True)) for row in rows])
    else:
        print_table(headings, rows)


def show_record(record: Mapping[str, Any], *, as_json: bool) -> None:
    """Print one thing: its members below one another, or as a JSON object."""
    if as_json:
        print_json(dict(record))
        return
    space = max((width(key) for key in record), default=0)
    for key, value in record.items():
        click.echo(f"{key}{' ' * (space - width(key))}  {_cell(value)}")


def print_json_line(value: Any) -> None:
    """Print a JSON value in one line, for commands whose answer is a single small object."""
    click.echo(json.dumps(value, ensure_ascii=False, default=_plain, allow_nan=False))
