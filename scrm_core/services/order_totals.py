"""Which orders count, and what a contact's order columns say of them.

A *valid* order was paid, is not closed, and has net money above zero: a full
refund is no order for frequency, a partial one counts with its net money. A
brand may count orders of zero cents too (``rfm.count_zero_orders``), but never
one that was refunded in full.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ..db import current_handle, transactional
from ..db.bulk import execute
from .order_types import COUNTED


def is_valid(status: str, paid_minor: int, refund_minor: int, count_zero: bool) -> bool:
    """Whether an order counts."""
    return status in COUNTED and (paid_minor > refund_minor or (count_zero and paid_minor == 0))


_COUNTED_SQL = ", ".join(f"'{status}'" for status in sorted(COUNTED))


def valid_sql(count_zero: bool) -> str:
    """The rule of :func:`is_valid` as SQL over a row of ``orders``, giving 1 or 0."""
    zero = " OR paid_minor = 0" if count_zero else ""
    return f"CASE WHEN status IN ({_COUNTED_SQL}) AND (paid_minor > refund_minor{zero}) THEN 1 ELSE 0 END"


# cycle_days: days between the first and last purchase day over the gaps between, rounded half up.
_RECOMPUTE = """
UPDATE contact SET orders = s.orders, occasions = s.occasions, money = s.money,
  first_order_at = s.first_at, last_order_at = s.last_at, first_day = s.first_day, last_day = s.last_day,
  cycle_days = CASE WHEN s.occasions > 1
    THEN (2 * (s.last_day - s.first_day) + s.occasions - 1) / (2 * (s.occasions - 1)) END
FROM (
  SELECT contact_id, count(*) AS orders, count(DISTINCT day) AS occasions,
    CAST(sum(paid_minor - refund_minor) AS BIGINT) AS money,
    min(paid_at) AS first_at, max(paid_at) AS last_at, min(day) AS first_day, max(day) AS last_day
  FROM orders WHERE valid = 1 AND contact_id IN ({in}) GROUP BY contact_id
) s
WHERE contact.id = s.contact_id
"""
_CLEAR = """
UPDATE contact SET orders = 0, occasions = 0, money = 0, first_order_at = NULL, last_order_at = NULL,
  first_day = NULL, last_day = NULL, cycle_days = NULL
WHERE orders <> 0 AND id IN ({in})
  AND NOT EXISTS (SELECT 1 FROM orders o WHERE o.contact_id = contact.id AND o.valid = 1)
"""
_CHUNK = 8_192


def recompute(contact_ids: Iterable[int]) -> None:
    """Set the order columns of contacts from their valid orders, in one statement.

    A second one is needed only when some contact has no valid order left. Call
    it inside the transaction that changed the orders, after the change.
    """
    ids = sorted(set(contact_ids))
    if not ids:
        return
    if current_handle().engine != "sqlite":
        # Held before the sums are taken: a statement that waits for a row keeps its old view of
        # the orders and would write over what another transaction has just counted.
        execute("SELECT id FROM contact WHERE id = ANY(?) ORDER BY id FOR NO KEY UPDATE", (ids,))
    if _run_in(_RECOMPUTE, ids) < len(ids):
        _run_in(_CLEAR, ids)


def _run_in(sql: str, ids: list[int]) -> int:
    """Run an UPDATE whose ``{in}`` is replaced by the ids; returns how many rows it changed."""
    if current_handle().engine != "sqlite":
        return int(execute(sql.replace("IN ({in})", "= ANY(?)"), (ids,)).rowcount)
    changed = 0
    for start in range(0, len(ids), _CHUNK):
        chunk = ids[start : start + _CHUNK]
        # Padded to a power of two by repeating an id, so that few different statements are prepared.
        chunk += chunk[-1:] * ((1 << (len(chunk) - 1).bit_length()) - len(chunk))
        changed += int(execute(sql.replace("{in}", ", ".join("?" * len(chunk))), chunk).rowcount)
    return changed


_MARK = "orders.count_zero"


def revalidate(count_zero: bool) -> int:
    """Make stored orders follow a changed ``rfm.count_zero_orders``; returns how many orders changed.

    The database remembers by which rule its flags were set, so that asking
    again costs one look and no lock.
    """
    return 0 if _counts_zero() == count_zero else _revalidate(count_zero)


def _counts_zero() -> bool:
    row = execute("SELECT value FROM meta WHERE key = ?", (_MARK,)).fetchone()
    return row is not None and row[0] == "1"


@transactional
def _revalidate(count_zero: bool) -> int:
    rule = valid_sql(count_zero)
    changed: Sequence[tuple[int | None]] = execute(
        f"UPDATE orders SET valid = {rule} WHERE paid_minor = 0 AND valid <> {rule} RETURNING contact_id"
    ).fetchall()
    recompute(row[0] for row in changed if row[0] is not None)
    execute(
        "INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
        (_MARK, "1" if count_zero else "0"),
    )
    return len(changed)
