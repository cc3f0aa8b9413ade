"""Rows of a file or a request, read into candidates for a pack."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

from scrm_core.api import CsvReject, Invalid, date_reader, normalise_header

from .numbers import NumberRules, read_number, shown

FIELDS = ("phone", "name", "ordered_at", "order_number")
"""What a row can say."""

ALIASES = {
    "phone": (
        *("phone", "mobile", "phone number", "mobile phone", "手机号", "手机号码", "手机"),
        *("收货人手机", "收货人手机号", "收货人手机号码"),
        *("收件人手机", "收件人手机号", "买家手机", "买家手机号", "会员手机号", "联系手机"),
        *("收货人电话", "收件人电话", "联系电话", "联系方式", "电话", "电话号码", "号码", "tel", "telephone"),
    ),
    "name": (
        *("name", "姓名", "收货人", "收货人姓名", "收件人", "收件人姓名", "客户姓名", "会员姓名"),
        *("买家姓名", "联系人", "receiver"),
    ),
    "ordered_at": (
        *("ordered_at", "order_time", "paid_at", "下单时间", "订单创建时间", "订单付款时间", "付款时间", "支付时间"),
        *("订单支付时间", "成交时间", "创建时间", "order time", "paid at"),
    ),
    "order_number": (
        *("order_number", "order_no", "order_id", "number", "订单号", "订单编号", "主订单编号", "order number"),
        *("父订单号", "平台单号"),
    ),
}
"""Headings under which shops export a field, the likelier first."""

MOST_TEXT = 200


@dataclass(frozen=True, slots=True)
class Candidate:
    """A row whose number can be sent to; ``ordered_at`` is an instant or None."""

    line: int
    address: str
    name: str
    ordered_at: int | None
    order_number: str


@dataclass(frozen=True, slots=True)
class Dropped:
    """A row that is dropped at once, with its reason and masked number."""

    line: int
    reason: str
    shown: str = ""


@dataclass(slots=True)
class Batch:
    """Rows that were read together; ``undated`` of them have a time that could not be read."""

    candidates: list[Candidate] = field(default_factory=list)
    dropped: list[Dropped] = field(default_factory=list)
    undated: int = 0

    @property
    def size(self) -> int:
        """How many rows were read."""
        return len(self.candidates) + len(self.dropped)


def later(one: int | None, than: int | None) -> bool:
    """Whether a row's order time takes the place of another's: a time beats none, the first of equals stays."""
    return one is not None and (than is None or one > than)


def find_columns(header: Sequence[str], columns: Mapping[str, str]) -> dict[str, int]:
    """The place of every field that a file has.

    ``columns`` names headings outright, by field; the others are found by the
    headings that shops use. Raises Invalid for an unknown field, a heading that
    the file lacks, and a file without a column of numbers.
    """
    places: dict[str, int] = {}
    for name, heading in columns.items():
        if name not in FIELDS:
            raise Invalid(f"unknown field {name!r}; known are {', '.join(FIELDS)}", field="columns")
        wanted = next((each for each in (heading, normalise_header(heading)) if each in header), None)
        if wanted is None:
            raise Invalid(f"the file has no column {heading[:60]!r}; it has {_listed(header)}", field="columns")
        places[name] = header.index(wanted)
    for name, aliases in ALIASES.items():
        place = next((header.index(alias) for alias in aliases if alias in header), None)
        if name not in places and place is not None and place not in places.values():
            places[name] = place
    if "phone" not in places:
        if any(read_number(cell, NumberRules("CN"))[0] for cell in header):
            raise Invalid("the first line holds a number; a header line such as 手机号 must stand above", field="file")
        raise Invalid(f"no column of phone numbers found; name it (the file has {_listed(header)})", field="columns")
    return places


def _listed(header: Sequence[str]) -> str:
    return ", ".join(cell[:40] for cell in header[:20]) + (" ..." if len(header) > 20 else "")


class RowReader:
    """Reads rows under the rules of a pack; times without an offset are wall-clock times in ``zone``."""

    def __init__(self, rules: NumberRules, zone: ZoneInfo) -> None:
        self._rules = rules
        self._instant: Callable[[str], int | None] = date_reader(("auto",), zone)

    def records(self, records: Iterable[tuple[int, list[str]] | CsvReject], places: Mapping[str, int]) -> Batch:
        """Records of a CSV file, with the place of each field."""
        batch = Batch()
        where = [places.get(name) for name in FIELDS]
        for record in records:
            if isinstance(record, CsvReject):
                batch.dropped.append(Dropped(record.line, "unreadable"))
                continue
            line, cells = record
            self._add(batch, line, *("" if place is None else cells[place] for place in where))
        return batch

    def mappings(self, rows: Sequence[Mapping[str, str]], first_line: int) -> Batch:
        """Rows given as mappings of ``FIELDS``; the first one has the number ``first_line``."""
        batch = Batch()
        for line, row in enumerate(rows, first_line):
            self._add(batch, line, *(row.get(name, "") for name in FIELDS))
        return batch

    def _add(self, batch: Batch, line: int, phone: str, name: str, ordered_at: str, order_number: str) -> None:
        address, reason = read_number(phone, self._rules)
        if reason:
            batch.dropped.append(Dropped(line, reason, shown(phone, address)))
            return
        at = None
        if ordered_at:
            try:
                at = self._instant(ordered_at)
            except Invalid:
                batch.undated += 1  # the number is good, only the choice among duplicates cannot use the time
        batch.candidates.append(Candidate(line, address, _plain(name), at, _plain(order_number)))


def _plain(cell: str) -> str:
    """An optional text; one that is too long or has control characters is left out."""
    text = cell.strip("\t ")
    return text if len(text) <= MOST_TEXT and text.isprintable() else ""
