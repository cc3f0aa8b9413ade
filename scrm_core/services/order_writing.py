"""Orders are written in bulk: a thousand of them in about a dozen statements.

Every order goes one way. It is checked, compared with what is stored, its buyer
is resolved to a contact, rows are inserted or updated, refunds that came before
it are applied, an ``order.paid`` event is appended when it is first seen paid,
and the order columns of the contacts concerned are computed anew.

Which of two tellings of an order holds: the one with the later ``version``;
with equal versions the one further along; a telling without version counts as
older than any with one, and among tellings without version the last to arrive
holds. So the order of delivery does not matter for a source that gives versions
and does not take a payment back.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from json.encoder import encode_basestring
from typing import TYPE_CHECKING, Any, NamedTuple

from .. import eventlog
from ..db import current_handle
from ..db.bulk import allocate_ids, fetch_in, insert_rows, update_rows
from ..errors import Conflict, Invalid, ScrmError, Veto
from ..facts import OrderDraft
from ..models import Order, OrderLine
from .order_checks import Names, checked_order, digest, item_count
from .order_matching import NOBODY, Match, known_buyer, match_buyers
from .order_totals import is_valid, recompute
from .order_types import COUNTED, PROGRESS, OrderIn, OrderResult
from .refunds import apply_waiting, share_orders
from .resolving import LostRace, settle

if TYPE_CHECKING:
    from ..brands import Brand

_UID_CHARS = 24

_COLUMNS = (
    "id", "uid", "source", "number", "platform", "contact_id", "matched_by", "buyer", "status", "paid_at", "day",
    "paid_minor", "refund_minor", "items", "valid", "version", "digest", "created_at", "updated_at",
)  # fmt: skip
_LINE_COLUMNS = ("order_id", "position", "sku", "title", "qty", "paid_minor", "gift")


class _Stored(NamedTuple):
    order_id: int
    uid: str
    number: str
    contact_id: int | None
    status: str
    platform: str
    paid_at: int | None
    paid_minor: int
    refund_minor: int
    items: int
    valid: int
    version: int | None
    digest: str


_STORED = (
    "SELECT id, uid, number, contact_id, status, platform, paid_at, paid_minor, refund_minor, items, valid, "
    "version, digest FROM orders WHERE source = ? AND number IN ({in})"
)


@dataclass(slots=True)
class _Row:
    """One order on its way into the tables."""

    index: int
    order: OrderIn
    digest: str
    stored: _Stored | None = None
    match: Match | None = None
    order_id: int = 0
    uid: str = ""


Answer = OrderResult | ScrmError


def write_orders(brand: Brand, orders: Sequence[OrderIn], *, backfill: bool, create_contacts: bool) -> list[Answer]:
    """Write orders in the open transaction; one answer per order, in their order."""
    answers: list[Answer | None] = [None] * len(orders)
    names = Names()
    salt = brand.contacts.suppressions.salt
    # An order that occurs twice in one call is written twice, one after the other.
    waves: list[dict[tuple[str, str], _Row]] = [{}]
    first = waves[0]
    for index, given in enumerate(orders):
        try:
            order = checked_order(given, names)
        except Invalid as error:
            answers[index] = error
            continue
        key = order[:2]  # source and number
        row = _Row(index, order, digest(order, salt))
        if key not in first:
            first[key] = row
            continue
        wave = next((wave for wave in waves if key not in wave), None)
        if wave is None:
            waves.append(wave := {})
        wave[key] = row
    share_orders()
    for wave in waves:
        if wave:
            found = settle(lambda wave=wave: _Wave(brand, wave, backfill, create_contacts).write())  # type: ignore[misc]
            for index, answer in found.items():
                answers[index] = answer
    return answers  # type: ignore[return-value]


class _Wave:
    """One attempt at writing orders of which no two are the same."""

    def __init__(self, brand: Brand, rows: dict[tuple[str, str], _Row], backfill: bool, create_contacts: bool) -> None:
        self.brand = brand
        self.rows = rows
        self.backfill = 1 if backfill else 0
        self.create_contacts = create_contacts
        self.count_zero = brand.config.rfm_count_zero_orders
        self.now = brand.now()
        self.answers: dict[int, Answer] = {}
        self.days: dict[int, int] = {}
        self.touched: set[int] = set()
        self.events: list[tuple[str, int | None, int, int, str]] = []

    def write(self) -> dict[int, Answer]:
        self._compare()
        fresh, changed = [], []
        for row in self.rows.values():
            if row.index in self.answers:
                continue
            (fresh if row.stored is None else changed).append(row)
        fresh = self._guard(fresh)
        if fresh or changed:
            match_buyers(self.brand, [*fresh, *changed], create=self.create_contacts)
            self._insert(fresh)
            self._update(changed)
            paid = {row.order_id for row in [*fresh, *changed] if row.order.status != "unpaid"}
            self._append_events()
            if paid:
                self.touched |= apply_waiting(self.brand, self._numbers(paid), backfill=self.backfill)
            recompute(self.touched)
        return self.answers

    # Deciding ----------------------------------------------------------------

    def _compare(self) -> None:
        """Find what is stored, and answer every order that changes nothing or cannot be."""
        hold = "" if current_handle().engine == "sqlite" else " ORDER BY id FOR UPDATE"
        by_source: dict[str, list[str]] = {}
        for source, number in self.rows:
            by_source.setdefault(source, []).append(number)
        for source, numbers in by_source.items():
            for found in fetch_in(_STORED + hold, numbers, (source,)):
                stored = _Stored(*found)
                self.rows[source, stored.number].stored = stored
        renewed = []
        for row in self.rows.values():
            refusal = self._refusal(row)
            if refusal is not None:
                self.answers[row.index] = refusal
                continue
            stored = row.stored
            if stored is None:
                continue
            row.order_id, row.uid = stored.order_id, stored.uid
            if not _holds(row.order, row.digest, stored):
                if _later(row.order, stored):
                    renewed.append((row.order.version, stored.order_id))
                self.answers[row.index] = OrderResult(stored.order_id, stored.uid, "unchanged", stored.contact_id)
        update_rows("UPDATE orders SET version = ? WHERE id = ?", renewed)

    def _refusal(self, row: _Row) -> ScrmError | None:
        order, stored = row.order, row.stored
        if order.status in COUNTED and order.paid_at is None and (stored is None or stored.paid_at is None):
            return Invalid(f"order {order.number!r} is {order.status} but has no time of payment", field="paid_at")
        if stored is not None and _holds(order, row.digest, stored) and order.paid_minor < stored.refund_minor:
            return Conflict(
                f"order {order.number!r}: {stored.refund_minor} were refunded already, "
                f"more than {order.paid_minor} paid",
                code="refund_exceeds_paid",
            )
        return None

    def _guard(self, fresh: list[_Row]) -> list[_Row]:
        """The new orders that no plugin vetoes; asked before a contact is made for the buyer."""
        if not fresh or not self.brand.hooks.implementations("check_order"):
            return fresh
        passed = []
        for row, contact_id in zip(fresh, known_buyer([row.order.buyer for row in fresh]), strict=True):
            order = row.order
            draft = OrderDraft(
                order.source, order.number, order.platform, order.status, order.paid_at, order.paid_minor, contact_id
            )
            try:
                self.brand.hooks.check("check_order", draft)
            except Veto as veto:
                self.answers[row.index] = veto
            else:
                passed.append(row)
        return passed

    def _day(self, instant: int | None) -> int | None:
        if instant is None:
            return None
        day = self.days.get(instant)
        if day is None:
            day = self.days[instant] = self.brand.day(instant)
        return day

    # Writing -----------------------------------------------------------------

    def _insert(self, fresh: list[_Row]) -> None:
        if not fresh:
            return
        uids = secrets.token_hex(_UID_CHARS // 2 * len(fresh))
        rows, lines, now = [], [], self.now
        for position, (row, order_id) in enumerate(zip(fresh, allocate_ids(Order, len(fresh)), strict=True)):
            source, number, status, paid_at, paid_minor, items, platform, _, given_lines, version, _ = row.order
            contact_id, method, buyer = row.match or NOBODY
            row.order_id = order_id
            row.uid = uid = uids[position * _UID_CHARS : (position + 1) * _UID_CHARS]
            if status == "unpaid":
                paid_at = None
            if items is None:
                items = item_count(row.order) or 0
            valid = is_valid(status, paid_minor, 0, self.count_zero)
            rows.append((
                order_id, uid, source, number, platform, contact_id, method, buyer, status, paid_at,
                self._day(paid_at), paid_minor, 0, items, 1 if valid else 0, version, row.digest, now, now,
            ))  # fmt: skip
            if given_lines:
                lines += _line_rows(row)
            if valid and contact_id is not None:
                self.touched.add(contact_id)
            if status in COUNTED:
                assert paid_at is not None
                self._note_paid(row, contact_id, paid_at, platform, items)
            self.answers[row.index] = OrderResult(order_id, uid, "created", contact_id)
        tail = ""
        if current_handle().engine != "sqlite":
            # One order for everybody: two calls that insert the same orders wait and never deadlock.
            rows.sort(key=lambda row: row[2:4])
            tail = "ON CONFLICT (source, number) DO NOTHING"
        if insert_rows(Order, _COLUMNS, rows, on_conflict=tail) != len(rows):
            raise LostRace
        insert_rows(OrderLine, _LINE_COLUMNS, lines)

    def _update(self, changed: list[_Row]) -> None:
        if not changed:
            return
        plain, matched, relined = [], [], []
        for row in changed:
            order, stored, match = row.order, row.stored, row.match
            assert stored is not None and match is not None
            # A payment does not unhappen: a source that takes it back keeps its time.
            paid_at = order.paid_at if order.paid_at is not None and order.status != "unpaid" else stored.paid_at
            items = item_count(order)
            valid = is_valid(order.status, order.paid_minor, stored.refund_minor, self.count_zero)
            plain.append((
                order.platform or stored.platform, order.status, paid_at, self._day(paid_at), order.paid_minor,
                stored.items if items is None else items, 1 if valid else 0,
                stored.version if order.version is None else order.version, row.digest, self.now, stored.order_id,
            ))  # fmt: skip
            if match.contact_id is not None:
                matched.append((match.contact_id, match.method, None, stored.order_id))
            elif match.buyer is not None and stored.contact_id is None:
                matched.append((None, "", match.buyer, stored.order_id))
            if order.lines:
                relined.append(row)
        update_rows(
            "UPDATE orders SET platform = ?, status = ?, paid_at = ?, day = ?, paid_minor = ?, items = ?, valid = ?, "
            "version = ?, digest = ?, updated_at = ? WHERE id = ?",
            plain,
        )
        update_rows("UPDATE orders SET contact_id = ?, matched_by = ?, buyer = ? WHERE id = ?", matched)
        update_rows("DELETE FROM order_line WHERE order_id = ?", [(row.order_id,) for row in relined])
        insert_rows(OrderLine, _LINE_COLUMNS, [line for row in relined for line in _line_rows(row)])
        # Read back: resolving the buyers of this very call may have merged or matched contacts.
        owners = dict(fetch_in("SELECT id, contact_id FROM orders WHERE id IN ({in})", [r.order_id for r in changed]))
        for row, values in zip(changed, plain, strict=True):
            stored = row.stored
            assert stored is not None
            contact_id = owners[row.order_id]
            self.touched.update(c for c in (contact_id, stored.contact_id) if c is not None)
            if row.order.status in COUNTED and stored.paid_at is None:
                self._note_paid(row, contact_id, values[2], values[0], values[5])
            self.answers[row.index] = OrderResult(row.order_id, row.uid, "updated", contact_id)

    # Events ------------------------------------------------------------------

    def _note_paid(self, row: _Row, contact_id: int | None, paid_at: int, platform: str, items: int) -> None:
        order = row.order
        text = encode_basestring
        lines = "[]"
        if order.lines:
            lines = json.dumps([(i.sku, i.qty, i.paid_minor, i.gift) for i in order.lines], ensure_ascii=False)
        data = (
            f'{{"order_id":{row.order_id},"source":{text(order.source)},"number":{text(order.number)},'
            f'"platform":{text(platform)},"paid_minor":{order.paid_minor},"items":{items},"lines":{lines}}}'
        )
        self.events.append(("order.paid", contact_id, paid_at, self.backfill, data))

    def _append_events(self) -> None:
        eventlog.append_encoded(self.events, recorded_at=self.now)

    def _numbers(self, order_ids: set[int]) -> dict[str, list[str]]:
        out: dict[str, list[str]] = {}
        for (source, number), row in self.rows.items():
            if row.order_id in order_ids:
                out.setdefault(source, []).append(number)
        return out


def _later(order: OrderIn, stored: _Stored) -> bool:
    return order.version is not None and (stored.version is None or order.version > stored.version)


def _holds(order: OrderIn, new_digest: str, stored: _Stored) -> bool:
    """Whether this telling replaces what is stored."""
    if new_digest == stored.digest:
        return False
    if order.version is None or stored.version is None:
        return stored.version is None
    if order.version == stored.version:
        return PROGRESS[order.status] > PROGRESS[stored.status]
    return order.version > stored.version


def _line_rows(row: _Row) -> Iterable[tuple[Any, ...]]:
    return [
        (row.order_id, position, line.sku, line.title, line.qty, line.paid_minor, 1 if line.gift else 0)
        for position, line in enumerate(row.order.lines, 1)
    ]
