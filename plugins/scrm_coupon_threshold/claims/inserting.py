"""Coupons as rows: each is inserted only for somebody who is there, once per key, number and code."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any

from scrm_core.api import execute, new_uid

from ..batches.validity import Validity
from .taking import Taken
from .views import CouponView
from .wishes import Wish

if TYPE_CHECKING:
    from scrm_core.api import Brand

_COLUMNS = (
    "uid, code, batch_id, contact_id, nth, state, valid_from, valid_to, claimed_at, day, source, actor, reason, "
    "grant_key, gated, sku, reserved_minor"
)
# Selected from the contact, so that a coupon only ever goes to somebody who is there, and held against being merged or
# erased at this moment: on PostgreSQL a row that somebody else changes right now would be read as it was before.
_INSERT = (
    f"INSERT INTO coupon_threshold_coupon ({_COLUMNS}) "
    "SELECT ?, ?, CAST(? AS BIGINT), c.id, CAST(? AS BIGINT), 'claimed', CAST(? AS BIGINT), CAST(? AS BIGINT), "
    "CAST(? AS BIGINT), CAST(? AS BIGINT), ?, ?, ?, ?, CAST(? AS BIGINT), ?, CAST(? AS BIGINT) "
    "FROM contact c WHERE c.id = ? AND c.state = 'active' {only}{held}ON CONFLICT DO NOTHING RETURNING id"
)
# Merges leave coupons under numbers above 1: the number alone would not hold the limit of one.
_HAS_NONE = (
    "AND NOT EXISTS (SELECT 1 FROM coupon_threshold_coupon k WHERE k.batch_id = ? AND k.contact_id = c.id "
    "AND k.nth > 0) "
)
_HELD = "FOR KEY SHARE OF c "
_INSERT_ANY, _INSERT_ONLY = (
    {"sqlite": _INSERT.format(only=only, held=""), "postgresql": _INSERT.format(only=only, held=_HELD)}
    for only in ("", _HAS_NONE)
)
# Many first coupons by one statement: every statement more is a journey, or another thread's chance to step in.
_WISHES = "uid, code, contact_id, source, actor, reason, grant_key, sku"
_SELECT_MANY = (
    "w.uid, w.code, CAST(? AS BIGINT), c.id, 1, 'claimed', CAST(? AS BIGINT), CAST(? AS BIGINT), "
    "CAST(? AS BIGINT), CAST(? AS BIGINT), w.source, w.actor, w.reason, w.grant_key, 0, w.sku, CAST(? AS BIGINT) "
)
_INSERT_MANY = (
    f"INSERT INTO coupon_threshold_coupon ({_COLUMNS}) SELECT {_SELECT_MANY}"
    "FROM unnest(?::text[], ?::text[], ?::bigint[], ?::text[], ?::text[], ?::text[], ?::text[], ?::text[]) "
    f"AS w ({_WISHES}) JOIN contact c ON c.id = w.contact_id WHERE c.state = 'active' {_HAS_NONE}{_HELD}"
    "ON CONFLICT DO NOTHING RETURNING id, uid"
)
_ROW = "(?, ?, ?, ?, ?, ?, ?, ?, ?)"
_NOBODY = (None,) * 9
MOST_ROWS = 128


@functools.cache
def _insert_rows(count: int) -> str:
    """SQLite's statement for so many rows, ids among them."""
    return (
        f"INSERT INTO coupon_threshold_coupon (id, {_COLUMNS}) "
        f"WITH w (id, {_WISHES}) AS (VALUES {', '.join([_ROW] * count)}) SELECT w.id, {_SELECT_MANY}"
        f"FROM w CROSS JOIN contact c WHERE c.id = w.contact_id AND c.state = 'active' {_HAS_NONE}"
        "ON CONFLICT DO NOTHING"
    )


class Inserting:
    """Inserts the coupons of pieces that a batch gave away at one instant."""

    def __init__(self, brand: Brand, taken: Taken, now: int) -> None:
        self.brand, self.taken, self.now = brand, taken, now
        self.day = brand.day(now)
        validity = Validity(taken.validity, taken.valid_from, taken.valid_to, taken.valid_days)
        self.valid_from, self.valid_to = validity.span(now, brand.zone)

    def one(self, wish: Wish, code: str, nth: int, gated: bool) -> CouponView | None:
        """The coupon of a wish; None when a unique key or the contact's state refused it, with nothing written."""
        taken, uid = self.taken, new_uid(self.now)
        values = (
            uid, code, taken.id, nth, self.valid_from, self.valid_to, self.now, self.day, wish.source, wish.actor,
            wish.reason, wish.grant_key, int(gated), wish.sku, taken.promise_minor, wish.contact_id,
        )  # fmt: skip
        if taken.per_person == 1 and nth > 0:
            row = execute(_INSERT_ONLY[self.brand.handle.engine], (*values, taken.id)).fetchone()
        else:
            row = execute(_INSERT_ANY[self.brand.handle.engine], values).fetchone()
        return None if row is None else self._view(row[0], uid, code, wish, nth, int(gated))

    def first(self, wishes: Sequence[Wish]) -> list[CouponView | None]:
        """Everybody's first coupon of a plain batch, in order; None for a wish that was refused."""
        rows = [
            (w.uid, w.new_code, w.contact_id, w.source, w.actor, w.reason, w.grant_key, w.sku) for w in wishes
        ]
        made = self._write_here(rows) if self.brand.handle.engine == "sqlite" else self._write_there(rows)
        return [
            self._view(made[wish.uid], wish.uid, wish.new_code, wish, 1, 0) if wish.uid in made else None
            for wish in wishes
        ]

    def _write_here(self, rows: Sequence[tuple[Any, ...]]) -> dict[str, int]:
        """Insert rows on SQLite; returns the ids of those that were not refused, by uid."""
        # The batch was changed, so the transaction is the only writer: the next ids are known.
        (top,) = execute("SELECT coalesce(max(id), 0) FROM coupon_threshold_coupon").fetchone()
        numbered = [(top + place, *row) for place, row in enumerate(rows, 1)]
        written = 0
        for start in range(0, len(numbered), MOST_ROWS):
            chunk = numbered[start : start + MOST_ROWS]
            # A power of two, so that few different statements are ever prepared.
            size = max(4, 1 << (len(chunk) - 1).bit_length())
            chunk += [_NOBODY] * (size - len(chunk))
            written += execute(_insert_rows(size), (*chain.from_iterable(chunk), *self._values, self.taken.id)).rowcount
        ids = {row[1]: row[0] for row in numbered}
        if written < len(rows):
            there = execute("SELECT uid FROM coupon_threshold_coupon WHERE id > ?", (top,)).fetchall()
            return {uid: ids[uid] for (uid,) in there}
        return ids

    def _write_there(self, rows: Sequence[tuple[Any, ...]]) -> dict[str, int]:
        """Insert rows on PostgreSQL; returns the ids of those that were not refused, by uid."""
        # Merges lock contacts in the order of their ids.
        columns = [list(column) for column in zip(*sorted(rows, key=lambda row: row[2]), strict=True)]
        made = execute(_INSERT_MANY, (*self._values, *columns, self.taken.id)).fetchall()
        return {uid: coupon_id for coupon_id, uid in made}

    @property
    def _values(self) -> tuple[int | None, ...]:
        """What all coupons of a batch and instant have in common, as the statements for many bind it."""
        taken = self.taken
        return taken.id, self.valid_from, self.valid_to, self.now, self.day, taken.promise_minor

    def _view(self, coupon_id: int, uid: str, code: str, wish: Wish, nth: int, gated: int) -> CouponView:
        taken = self.taken
        return CouponView(
            coupon_id, uid, code, taken.id, taken.code, taken.title, wish.contact_id, nth, "claimed", self.valid_from,
            self.valid_to, self.now, wish.source, wish.actor, wish.reason, wish.grant_key, gated, wish.sku,
            taken.promise_minor, None, None,
        )  # fmt: skip
