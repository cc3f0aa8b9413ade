"""Recipients of a plan as CSV: what became of each message, read page by page.

Numbers are masked. Clear numbers are a matter of a permission of their own and
of the plan's history, which says who took them. No cell starts a formula.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from scrm_core.api import csv_cell, execute, fetch_in, iso, mask, transactional

from ..plans.book import OWNER
from ..plans.standing import standing_code
from ..plans.store import PlanRow, clean_actor, note
from .adds import ARRIVED
from .figures import is_repurchase

if TYPE_CHECKING:
    from scrm_core.api import Brand

HEADINGS = (
    *("number", "state", "reason", "code", "arm", "parts", "sent_at", "final_at"),
    *("clicked_at", "added_at", "orders", "revenue_minor"),
)
PAGE = 5_000
Row = tuple[Any, ...]


def pages(
    brand: Brand, plan: PlanRow, *, order_ms: int, clear: bool, after: int = 0, limit: int | None = None
) -> Iterator[tuple[int, list[list[str]]]]:
    """(id of the last message, cells) page by page; ``limit`` rows at most. Memory does not grow with the plan."""
    row = execute(
        "SELECT id FROM outreach_run WHERE owner = ? AND code = ?", (OWNER, standing_code(plan.code))
    ).fetchone()
    rescue: int | None = None if row is None else row[0]
    left = limit
    while left is None or left > 0:
        size = PAGE if left is None else min(PAGE, left)
        rows = execute(
            "SELECT m.id, m.address, m.state, m.reason, m.code, m.arm, m.parts, m.sent_at, m.final_at, "
            "coalesce(m.link_id, s.link_id) FROM message m LEFT JOIN sms_rescue s ON s.message_id = m.id "
            "WHERE m.run_id IN (?, ?) AND m.id > ? ORDER BY m.id LIMIT ?",
            (plan.run_id, rescue, after, size),
        ).fetchall()
        if not rows:
            return
        after = rows[-1][0]
        yield after, _cells(brand, plan, rows, order_ms, clear)
        if len(rows) < size:
            return
        left = None if left is None else left - len(rows)


def _cells(brand: Brand, plan: PlanRow, rows: Sequence[Row], order_ms: int, clear: bool) -> list[list[str]]:
    clicks = dict(
        fetch_in(
            "SELECT link_id, min(at) FROM visit WHERE bot = 0 AND link_id IN ({in}) GROUP BY link_id",
            [row[9] for row in rows if row[9] is not None],
        )
    )
    ids = [row[0] for row in rows]
    adds = dict(
        fetch_in(
            "SELECT a.message_id, min(a.at) FROM sms_add a JOIN contact c ON c.id = a.contact_id "
            "WHERE a.plan_id = ? AND c.state = 'active' AND a.message_id IN ({in}) GROUP BY a.message_id",
            ids,
            (plan.id,),
        )
    )
    money = _money(plan, ids, order_ms)
    cells = []
    for message_id, address, state, reason, code, arm, parts, sent_at, final_at, link_id in rows:
        sent = sent_at is not None
        orders, revenue = money.get(message_id, (0, 0))
        times = (iso(at, brand.zone) for at in (sent_at, final_at, clicks.get(link_id), adds.get(message_id)))
        sent_text, final_text, clicked_text, added_text = (csv_cell(text) for text in times)
        cells.append(
            [
                _number(address or "", clear),
                *(csv_cell(text) for text in (state, reason, code, arm)),
                *(csv_cell(parts if sent else 0), sent_text, final_text, clicked_text, added_text),
                *(csv_cell(orders), csv_cell(revenue)),
            ]
        )
    return cells


def _money(plan: PlanRow, ids: Sequence[int], order_ms: int) -> dict[int, tuple[int, int]]:
    """Orders and revenue by message, counted as the plan's figures count them."""
    what = "count(*), sum(o.paid_minor - o.refund_minor)"
    orders = "JOIN orders o ON o.valid = 1 AND o.contact_id ="
    if is_repurchase(plan):
        sql = (
            f"SELECT m.id, {what} FROM message m {orders} m.contact_id AND o.paid_at > m.sent_at "
            f"AND o.paid_at <= m.sent_at + CAST(? AS BIGINT) WHERE m.state IN {ARRIVED} AND m.id IN ({{in}}) "
            "GROUP BY m.id"
        )
        rows = fetch_in(sql, ids, (order_ms,))
    else:
        sql = (
            f"SELECT a.message_id, {what} FROM sms_add a {orders} a.contact_id AND o.paid_at > a.at "
            "AND o.paid_at <= a.at + CAST(? AS BIGINT) WHERE a.plan_id = ? AND a.message_id IN ({in}) "
            "GROUP BY a.message_id"
        )
        rows = fetch_in(sql, ids, (order_ms, plan.id))
    return {message_id: (count, int(revenue)) for message_id, count, revenue in rows}


def _number(address: str, clear: bool) -> str:
    """E.164 as it is, or masked; a masked number has no plus sign, since it is nothing to be calculated with."""
    return csv_cell(address, "phone") if clear else csv_cell((mask("phone", address) or "").removeprefix("+"))


def csv_text(cells: Sequence[Sequence[str]], *, heading: bool) -> str:
    """Lines of CSV as spreadsheets read them, with or without the headings."""
    out = io.StringIO()
    writer = csv.writer(out)
    if heading:
        writer.writerow(HEADINGS)
    writer.writerows(cells)
    return out.getvalue()


@transactional
def audit_clear(brand: Brand, plan: PlanRow, actor: str, *, after: int, limit: int | None) -> None:
    """Note who is about to take clear numbers out of a plan, before any leaves."""
    note(plan, clean_actor(actor), "export", {"numbers": "clear", "after": after, "limit": limit}, brand.now())
