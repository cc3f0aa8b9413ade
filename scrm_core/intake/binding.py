"""A mapping bound to the header of one file: turns its records into checked rows.

Cells are text; fields are typed. Each column gets one reader made beforehand,
and the resulting row goes through the same checker as a row of the API, so a
file and the API accept and refuse alike.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from marshmallow import ValidationError, fields

from scrm_core.errors import Invalid
from scrm_core.intake.csvfile import Record, Reject, normalise_header, plain_header
from scrm_core.intake.dates import date_reader
from scrm_core.intake.fields import Flag, Identity, Instant
from scrm_core.intake.mapping import Mapping
from scrm_core.intake.schemas import SCHEMAS, STATUSES, LineSchema, loader
from scrm_core.values.identities import undo_spreadsheet
from scrm_core.values.money import parse_minor
from scrm_core.values.text import csv_value

CheckedRow = tuple[int, dict[str, Any]]
"""The line on which a row (an order: its first line) starts, and its checked fields."""

Reader = Callable[[str], Any]
_TRUE = frozenset(("1", "true", "yes", "y", "是", "t"))
_FALSE = frozenset(("0", "false", "no", "n", "否", "f"))


@dataclass(frozen=True, slots=True)
class _Step:
    field: str
    column: str
    index: int
    read: Reader


class _BadCell(Exception):
    def __init__(self, column: str, reason: str) -> None:
        super().__init__(reason)
        self.column = column
        self.reason = reason


class Binding:
    """A mapping ready for files with one header.

    ``zone`` and ``region`` are the brand's (the mapping's zone comes first),
    ``exponent`` the decimals of its currency, ``source`` replaces the mapping's.
    Raises Invalid when a required field has neither a column nor a constant, or
    when an order, refund or tag would have no source where one is needed.
    """

    def __init__(
        self,
        mapping: Mapping,
        header: list[str],
        *,
        zone: ZoneInfo,
        region: str = "CN",
        exponent: int = 2,
        source: str | None = None,
    ) -> None:
        self.mapping = mapping
        zone = ZoneInfo(mapping.zone) if mapping.zone is not None else zone
        self._check = loader(mapping.kind, zone, region)
        self._index = {name: position for position, name in enumerate(header)}
        self._dates = date_reader(mapping.dates, zone)
        self._exponent = exponent
        schema = SCHEMAS[mapping.kind]()
        self._constants = self._constant_fields(schema, source)
        self._steps = self._steps_of(mapping.columns, schema.fields, skip=self._constants)
        self._line_steps = self._steps_of(mapping.lines, LineSchema().fields, skip=())
        self._detail_steps = [
            _Step(name, *place, _text)
            for name, headers in mapping.details.items()
            if (place := self._place(headers)) is not None
        ]
        self._columns = {step.field: step.column for step in (*self._steps, *self._line_steps)}
        self._sum_lines = mapping.one_row == "line" and not any(s.field == "paid_minor" for s in self._steps)
        self._refuse_missing(schema)

    def column_of(self, field: str | None) -> str:
        """The header from which a field is read, or the field itself where there is none."""
        return self._columns.get(field, field) if field else ""

    def rows(self, records: Iterable[Record]) -> Iterator[CheckedRow | Reject]:
        """Checked rows and rejects, in the order of the file."""
        if self.mapping.one_row == "line":
            yield from self._orders_of_lines(records)
            return
        for record in records:
            if isinstance(record, Reject):
                yield record
            else:
                line, cells = record
                yield self._checked(line, cells)

    def _checked(self, line: int, cells: list[str]) -> CheckedRow | Reject:
        try:
            row = self._convert(self._steps, cells, self._constants)
            if self._detail_steps:
                row[self.mapping.details_field or ""] = self._convert(self._detail_steps, cells, {})
        except _BadCell as bad:
            return Reject(line, bad.column, bad.reason)
        return self._load(line, row)

    def _load(self, line: int, row: dict[str, Any]) -> CheckedRow | Reject:
        try:
            return line, self._check(row)
        except ValidationError as error:
            name, reason = _first(error.messages)
            return Reject(line, self.column_of(name), reason)

    @staticmethod
    def _convert(steps: list[_Step], cells: list[str], constants: dict[str, Any]) -> dict[str, Any]:
        row = constants.copy()
        for step in steps:
            cell = cells[step.index]
            if cell:
                try:
                    value = step.read(cell)
                except Invalid as error:
                    raise _BadCell(step.column, error.message) from None
                if value is not None:
                    row[step.field] = value
        return row

    # One row per line of an order

    def _orders_of_lines(self, records: Iterable[Record]) -> Iterator[CheckedRow | Reject]:
        """Joins neighbouring rows of one order; an order with a bad row is rejected whole.

        An unreadable row belongs to the order before it or behind it, nobody knows
        to which, so neither is taken. Rows of an order that come back later in the
        file are rejected too: taking them would replace the lines taken before.
        """
        group: _OrderRows | None = None
        seen: set[int] = set()
        unreadable = False
        for record in records:
            if isinstance(record, Reject):
                yield record
                unreadable = True
                if group is not None:
                    group.spoil(Reject(group.line, "", f"stands beside the unreadable line {record.line}"))
                continue
            line, cells = record
            try:
                row = self._convert(self._steps, cells, self._constants)
            except _BadCell as bad:
                row = self._key_only(cells)
                problem: Reject | None = Reject(line, bad.column, bad.reason)
            else:
                problem = None
            key = (row.get("source"), row.get("number"))
            if group is None or group.key != key:
                if group is not None:
                    yield self._finish(group)
                group = _OrderRows(line, key, row)
                if hash(key) in seen:
                    group.spoil(Reject(line, "", "rows of one order must stand together"))
                elif unreadable:
                    group.spoil(Reject(line, "", f"stands beside an unreadable line before line {line}"))
                seen.add(hash(key))
            unreadable = False
            if problem is not None:
                group.spoil(problem)
            else:
                self._add_line(group, line, cells)
        if group is not None:
            yield self._finish(group)

    def _key_only(self, cells: list[str]) -> dict[str, Any]:
        row = self._constants.copy()
        for step in self._steps:
            if step.field in ("source", "number"):
                row[step.field] = undo_spreadsheet(cells[step.index])
        return row

    def _add_line(self, group: _OrderRows, line: int, cells: list[str]) -> None:
        try:
            order_line = self._convert(self._line_steps, cells, {})
        except _BadCell as bad:
            group.spoil(Reject(line, bad.column, bad.reason))
            return
        sku = order_line.get("sku", "")
        if sku in self.mapping.gift_skus or (sku and sku.startswith(self.mapping.gift_prefixes or ("\0",))):
            order_line["gift"] = True
        if self._sum_lines and "paid_minor" not in order_line and not order_line.get("gift"):
            group.spoil(Reject(line, self._columns.get("paid_minor", "paid_minor"), "an amount is missing"))
        group.lines.append(order_line)

    def _finish(self, group: _OrderRows) -> CheckedRow | Reject:
        if group.problem is not None:
            return group.problem
        row, lines = group.row, group.lines
        row["lines"] = lines
        if self._sum_lines:
            row["paid_minor"] = sum(line.get("paid_minor", 0) for line in lines)
        if "items" not in row:
            row["items"] = sum(line.get("qty", 0) for line in lines if not line.get("gift"))
        return self._load(group.line, row)

    # Made once per file

    def _place(self, headers: tuple[str, ...]) -> tuple[str, int] | None:
        for header in headers:
            for name in (plain_header(header), normalise_header(header)):
                if name in self._index:
                    return name, self._index[name]
        return None

    def _steps_of(self, columns: dict[str, tuple[str, ...]], known: dict[str, Any], skip: Iterable[str]) -> list[_Step]:
        return [
            _Step(name, *place, self._reader(name, known[name]))
            for name, headers in columns.items()
            if name not in skip and (place := self._place(headers)) is not None
        ]

    def _reader(self, name: str, field: fields.Field[Any]) -> Reader:
        if name == "status":
            return self._status_reader()
        if name == "consents":
            return _consents
        if name.endswith("_minor"):
            return _minor_units if self.mapping.money == "minor" else self._major_units
        if isinstance(field, Instant):
            return self._dates
        if isinstance(field, Flag):
            return _flag
        if isinstance(field, fields.Integer):
            return _whole_number
        if isinstance(field, Identity):
            return _phone if field.kind == "phone" else _identity
        return _text

    def _status_reader(self) -> Reader:
        words = {status: status for status in STATUSES} | self.mapping.status

        def read(cell: str) -> str:
            status = words.get(cell) or words.get(plain_header(cell))
            if status is None:
                raise Invalid(f"the status {cell[:40]!r} is not in the mapping's [status]")
            return status

        return read

    def _major_units(self, cell: str) -> int | None:
        return parse_minor(undo_spreadsheet(cell), self._exponent)

    def _constant_fields(self, schema: Any, source: str | None) -> dict[str, Any]:
        """What every row gets. The caller's source wins over the mapping's; the platform's name is the last resort."""
        mapping = self.mapping
        constants: dict[str, Any] = {}
        if mapping.platform is not None and "platform" in schema.fields:
            constants["platform"] = mapping.platform
        constants |= mapping.constants
        if "source" in schema.fields:
            fallback = None if "source" in mapping.columns else mapping.platform
            chosen = source or constants.get("source") or mapping.source or fallback
            if chosen is not None:
                constants["source"] = chosen
        return constants

    def _refuse_missing(self, schema: Any) -> None:
        wanted = {name for name, field in schema.fields.items() if field.required}
        if self._sum_lines:
            wanted.discard("paid_minor")
        wanted -= self._constants.keys() | {step.field for step in self._steps}
        if self.mapping.lines and not any(step.field == "qty" for step in self._line_steps):
            wanted.add("qty")
        if not wanted:
            return
        name = sorted(wanted)[0]
        headers = (self.mapping.columns | self.mapping.lines).get(name)
        if name == "source":
            hint = "name it with --source or in the mapping"
        elif headers:
            hint = f"no column is called {' or '.join(headers)}"
        else:
            hint = "name its column in [columns] of a mapping, or a value in [constants]"
        raise Invalid(
            f"the field {name} is missing: {hint}; the file has {', '.join(list(self._index)[:40])}",
            field=name,
            code="csv_column_missing",
        )


class _OrderRows:
    """The rows of one order as they are collected."""

    def __init__(self, line: int, key: tuple[Any, Any], row: dict[str, Any]) -> None:
        self.line = line
        self.key = key
        self.row = row
        self.lines: list[dict[str, Any]] = []
        self.problem: Reject | None = None

    def spoil(self, problem: Reject) -> None:
        """Keep the first reason why this order cannot be taken."""
        if self.problem is None:
            self.problem = problem


def _first(messages: Any, name: str = "") -> tuple[str, str]:
    """The first field and message of marshmallow's messages, however deep."""
    while not isinstance(messages, str):
        if isinstance(messages, dict):
            key, messages = next(iter(messages.items()))
            name = key if isinstance(key, str) else name
        else:
            messages = messages[0]
    return name, messages


def _text(cell: str) -> str | None:
    text = csv_value(cell) if cell[0] == "'" else cell
    return text if text.strip() else None


def _identity(cell: str) -> str | None:
    return cell if cell.isalnum() else undo_spreadsheet(cell) or None


def _phone(cell: str) -> str | None:
    """A phone cell; a masked or encrypted number identifies nobody and counts as not given."""
    text = undo_spreadsheet(cell)
    return None if not text or "*" in text or text[0] in "$#~" else text


def _minor_units(cell: str) -> int | None:
    if len(cell) <= 15 and cell.isascii() and cell.isdigit():
        return int(cell)
    return parse_minor(undo_spreadsheet(cell), 0)


def _whole_number(cell: str) -> int | None:
    if len(cell) <= 15 and cell.isascii() and cell.isdigit():
        return int(cell)
    return parse_minor(undo_spreadsheet(cell).removesuffix(".0"), 0)


def _consents(cell: str) -> list[dict[str, str]]:
    found = []
    for part in (csv_value(cell) if cell[0] == "'" else cell).replace("；", ";").split(";"):
        if part.strip():
            purpose, at, version = (each.strip() for each in part.partition("@"))
            if at and not version:
                raise Invalid(f"{part.strip()[:40]!r} names no version behind @")
            found.append({"purpose": purpose, "text_version": version})
    return found


def _flag(cell: str) -> bool:
    word = cell.strip().casefold()
    if word in _TRUE:
        return True
    if word in _FALSE:
        return False
    raise Invalid(f"{cell[:20]!r} is neither yes nor no")
