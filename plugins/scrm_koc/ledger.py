"""The commission ledger (佣金账本): entries are only ever added, whole minor units, floor per order.

An attributed order is worth floor(base left x rate) once it was completed and
its refund window is over. What is left of the base B when T of what was paid P
went back is floor(B x (P - T) / P). From then on an entry is made of the
difference whenever something changes what the order is worth: a refund, a
merge that makes it the KOC's own order or no first order any more. So entries of
an order sum to what it is worth, never below 0, and doing it again adds nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from scrm_core.api import Conflict, Invalid, clean_text, execute, transactional

from .models import NAME
from .tracking import MS_PER_DAY, first_orders

if TYPE_CHECKING:
    from scrm_core.api import Brand

    from .members import Members

BATCH = 200
ALL = 2**53
MOST_ROWS = 500
BP = 10_000
_ENTRY = (
    "SELECT e.id, m.code, e.kind, e.amount_minor, e.key, e.order_id, e.base_minor, e.rate_bp, s.number, e.reason, "
    "e.actor, e.at FROM koc_entry e JOIN koc_member m ON m.id = e.member_id "
    "LEFT JOIN koc_statement s ON s.id = e.statement_id "
)
# Of an order ``o`` and what it is put down to, ``k``: earned, and counts no more; or clawed back, and counts again.
_CHANGED = "((k.earned_minor > 0 AND o.valid = 0) OR (k.earned_minor = 0 AND k.entries > 0 AND o.valid = 1))"
_VALID_AGAIN = "(k.state = 'void' AND k.entries = 0 AND k.reason = 'not_valid' AND o.valid = 1)"


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry: ``member`` and ``statement`` are codes; ``order_id`` is None for fees and adjustments."""

    id: int
    member: str
    kind: str
    amount_minor: int
    key: str
    order_id: int | None
    base_minor: int
    rate_bp: int
    statement: str | None
    reason: str
    actor: str
    at: int


@dataclass(frozen=True, slots=True)
class Worth:
    """What an attributed order is worth now; ``reason`` says why nothing."""

    amount_minor: int
    base_minor: int
    reason: str = ""


class Ledger:
    """One brand's commission; use it inside ``with brand:``."""

    def __init__(self, brand: Brand, settings: Mapping[str, Any], members: Members) -> None:
        self.brand = brand
        self.settings = settings
        self.members = members

    # Orders -----------------------------------------------------------------------

    def earn_due(self) -> int:
        """Note completions, and earn what is due; returns how many orders were earned or came to nothing."""
        self.note_completed(ALL)
        return self.earn(ALL)

    def earn(self, most: int) -> int:
        """Earn what is due, of ``most`` orders at most; returns of how many."""
        after, done, until = 0, 0, self._until()
        while done < most:
            rows = execute(
                "SELECT order_id FROM koc_order WHERE state = 'open' AND completed_at <= ? AND order_id > ? "
                "ORDER BY order_id LIMIT ?",
                (until, after, min(BATCH, most - done)),
            ).fetchall()
            if not rows:
                break
            done += sum(self.settle_order(order_id) for (order_id,) in rows)
            after = rows[-1][0]
        return done

    def _until(self) -> int:
        """Orders completed up to then are earned."""
        return self.brand.now() - int(self.settings["refund_days"]) * MS_PER_DAY

    def coming(self) -> Iterator[tuple[int, int]]:
        """(member's id, amount) of each entry that :meth:`recheck` and :meth:`earn_due` would add; writes nothing."""
        now, days = self.brand.now(), self.settings["complete_after_days"] * MS_PER_DAY
        completed = (
            "CASE WHEN k.completed_at IS NOT NULL THEN k.completed_at "
            "WHEN o.status = 'completed' THEN CAST(? AS BIGINT) WHEN ? > 0 AND k.at + ? <= ? THEN k.at + ? END"
        )
        after = 0
        while True:
            rows = execute(
                "SELECT k.order_id, k.member_id, k.earned_minor FROM koc_order k JOIN orders o ON o.id = k.order_id "
                f"WHERE k.order_id > ? AND ((k.state = 'earned' AND {_CHANGED}) "
                f"OR ((k.state = 'open' OR {_VALID_AGAIN}) AND {completed} <= ?)) ORDER BY k.order_id LIMIT ?",
                (after, now, days, days, now, days, self._until(), BATCH),
            ).fetchall()
            for order_id, member_id, earned in rows:
                amount = self.worth(order_id, hold=False).amount_minor - int(earned)
                if amount:
                    yield member_id, amount
            if len(rows) < BATCH:
                return
            after = rows[-1][0]

    def note_completed(self, most: int) -> int:
        """Note which open orders are completed, ``most`` at most; returns how many.

        Found by reading, noted a batch at a time: open orders may be many, and most of them wait.
        """
        now, days = self.brand.now(), self.settings["complete_after_days"] * MS_PER_DAY
        after = done = 0
        while done < most:
            rows = execute(
                "SELECT k.order_id, CASE WHEN o.status = 'completed' THEN 1 ELSE 0 END FROM koc_order k "
                "JOIN orders o ON o.id = k.order_id WHERE k.state = 'open' AND k.completed_at IS NULL "
                "AND k.order_id > ? AND (o.status = 'completed' OR (? > 0 AND k.at + ? <= ?)) "
                "ORDER BY k.order_id LIMIT ?",
                (after, days, days, now, min(BATCH, most - done)),
            ).fetchall()
            if not rows:
                break
            with self.brand.transaction():
                for told, at, since in ((1, "?", now), (0, "at + ?", days)):
                    ids = [order_id for order_id, completed in rows if completed == told]
                    if ids:
                        execute(
                            f"UPDATE koc_order SET completed_at = {at} WHERE state = 'open' AND completed_at IS NULL "
                            f"AND order_id IN ({', '.join('?' * len(ids))})",
                            (since, *ids),
                        )
            done, after = done + len(rows), rows[-1][0]
        return done

    @transactional
    def settle_order(self, order_id: int) -> bool:
        """Earn an order whose time has come; whether it was open still. Others may try at the same moment."""
        worth = self.worth(order_id)
        state = "void" if worth.reason else "earned"
        changed = execute(
            "UPDATE koc_order SET state = ?, reason = ? WHERE order_id = ? AND state = 'open'",
            (state, worth.reason, order_id),
        ).rowcount
        if changed and state == "earned":
            self.review(order_id)
        return bool(changed)

    @transactional
    def review(self, order_id: int) -> int:
        """Add an entry of what an earned order is worth more or less than its entries say; returns the amount."""
        lock = "" if self.brand.handle.engine == "sqlite" else " FOR UPDATE"
        row = execute(
            "SELECT member_id, earned_minor, entries, rate_bp FROM koc_order WHERE order_id = ? "
            f"AND state = 'earned'{lock}",
            (order_id,),
        ).fetchone()
        if row is None:
            return 0
        member_id, earned, entries, rate = row
        worth = self.worth(order_id)
        difference = int(worth.amount_minor - earned)
        if not difference:
            return 0
        changed = execute(
            "UPDATE koc_order SET earned_minor = ?, entries = entries + 1 WHERE order_id = ? AND entries = ?",
            (worth.amount_minor, order_id, entries),
        ).rowcount
        if not changed:
            return 0
        kind = "earn" if difference > 0 else "clawback"
        self._add(
            member_id, kind, difference, f"order:{order_id}:{entries + 1}", order_id=order_id, base=worth.base_minor,
            rate=rate, reason=worth.reason,
        )  # fmt: skip
        if kind == "earn" and not entries:
            code = self.members.by_id(member_id).code
            self.brand.emit(NAME, "earned", None, {"order": order_id, "member": code, "amount_minor": difference})
        return difference

    def worth(self, order_id: int, *, hold: bool = True) -> Worth:
        """What an attributed order is worth by what is known of it now; ``hold`` keeps it so for the transaction."""
        held = " FOR SHARE OF o" if hold and self.brand.handle.engine != "sqlite" else ""
        member_id, paid, base, rate, first_only, total, refunded, valid, buyer, other = execute(
            "SELECT k.member_id, k.paid_minor, k.base_minor, k.rate_bp, k.first_only, o.paid_minor, o.refund_minor, "
            "o.valid, o.contact_id, EXISTS (SELECT 1 FROM koc_use u WHERE u.source = o.source AND u.number = o.number "
            f"AND u.via = 'other') FROM koc_order k JOIN orders o ON o.id = k.order_id WHERE k.order_id = ?{held}",
            (order_id,),
        ).fetchone()
        if other:
            return Worth(0, 0, "other_scheme")
        own = self.members.standing(member_id).contact_id
        if buyer is not None and buyer == own:
            return Worth(0, 0, "own_order")
        if not valid:
            return Worth(0, 0, "refunded" if refunded else "not_valid")
        # An order that was corrected downwards pays for no more than is left of it.
        left = max(0, min(paid, total) - refunded)
        base = base * left // paid
        if first_only and buyer is not None and first_orders([buyer]).get(buyer) != order_id:
            return Worth(0, 0, "not_first")
        return Worth(base * rate // BP, base)

    def reopen(self, contact_id: int) -> None:
        """A merge was undone: orders that were void for who their buyer was are decided again when they are due."""
        execute(
            "UPDATE koc_order SET state = 'open', reason = '' WHERE state = 'void' AND entries = 0 "
            "AND reason IN ('own_order', 'not_first') AND order_id IN (SELECT id FROM orders WHERE contact_id = ?)",
            (contact_id,),
        )

    def recheck(self, most: int = ALL) -> int:
        """Claw back what was earned of orders that count no more though no refund says so (closed, corrected).

        Orders that count again are given back, or decided again where they had not been earned yet.
        Returns how many were changed; when that is ``most``, there may be others: ask again.
        """
        after = done = 0
        while done < most:
            rows = execute(
                "SELECT k.order_id FROM koc_order k JOIN orders o ON o.id = k.order_id WHERE k.state = 'earned' "
                f"AND {_CHANGED} AND k.order_id > ? ORDER BY k.order_id LIMIT ?",
                (after, min(BATCH, most - done)),
            ).fetchall()
            if not rows:
                break
            # Some of these are worth nothing for another reason, and stay as they are.
            done += sum(self.review(order_id) != 0 for (order_id,) in rows)
            after = rows[-1][0]
        if done == most:
            return done
        with self.brand.transaction():
            again = execute(
                "UPDATE koc_order SET state = 'open', reason = '' WHERE order_id IN (SELECT k.order_id "
                f"FROM koc_order k JOIN orders o ON o.id = k.order_id WHERE {_VALID_AGAIN} "
                "ORDER BY k.order_id LIMIT ?)",
                (most - done,),
            ).rowcount
        return done + int(again)

    def settle_merge(self, contact_id: int) -> None:
        """Look again at every earned order of a buyer who turned out to be somebody else as well."""
        rows = execute(
            "SELECT k.order_id FROM koc_order k JOIN orders o ON o.id = k.order_id WHERE k.state = 'earned' "
            "AND o.contact_id = ? ORDER BY k.order_id",
            (contact_id,),
        ).fetchall()
        for (order_id,) in rows:
            self.review(order_id)

    def settle_member(self, member_id: int) -> None:
        """Look again at the earned orders of a KOC: some may have become their own."""
        rows = execute(
            "SELECT k.order_id FROM koc_order k JOIN koc_member m ON m.id = k.member_id WHERE k.state = 'earned' "
            "AND (m.id = ? OR m.merged_into_id = ?) ORDER BY k.order_id",
            (member_id, member_id),
        ).fetchall()
        for (order_id,) in rows:
            self.review(order_id)

    # Fees and by hand -----------------------------------------------------------------

    def fee(self, member_id: int, amount_minor: int, *, key: str, reason: str, actor: str) -> None:
        """A task's fee, once per key; below 0 it is taken back."""
        self._add(
            self.members.standing(member_id).id, "fee" if amount_minor > 0 else "reversal", amount_minor, key,
            reason=reason, actor=actor,
        )  # fmt: skip

    @transactional
    def adjust(self, code: str, amount_minor: int, *, key: str, reason: str, actor: str) -> Entry:
        """Give or take by hand, once per key, with a reason. Raises Conflict when the key was used for another."""
        member = self.members.standing(self.members.get(code).id)
        reason, actor = clean_text(reason, field="reason"), clean_text(actor, field="actor", max_length=200)
        key = f"adjust:{clean_text(key, field='key', max_length=100)}"
        if type(amount_minor) is not int or not amount_minor or abs(amount_minor) > 2**53:
            raise Invalid("amount_minor is a whole number of minor units, not 0", field="amount_minor")
        if not reason or not actor or key == "adjust:":
            raise Invalid("an adjustment needs a key, a reason and an actor", field="reason")
        self._add(member.id, "adjust", amount_minor, key, reason=reason, actor=actor)
        found = self.entries("e.key = ?", key)[0]
        if (found.member, found.amount_minor) != (member.code, amount_minor):
            raise Conflict(f"the key {key!r} was used for another adjustment", code="key_used")
        return found

    def _add(
        self, member_id: int, kind: str, amount: int, key: str, *, order_id: int | None = None, base: int = 0,
        rate: int = 0, reason: str = "", actor: str = "",
    ) -> None:  # fmt: skip
        now = self.brand.now()
        execute(
            "INSERT INTO koc_entry (member_id, kind, amount_minor, key, order_id, base_minor, rate_bp, reason, actor, "
            "at, day) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (key) DO NOTHING",
            (member_id, kind, amount, key, order_id, base, rate, reason, actor, now, self.brand.day(now)),
        )

    # Reading ------------------------------------------------------------------

    def entries(self, where: str, *params: Any, limit: int = MOST_ROWS) -> list[Entry]:
        """Entries by a condition on ``e`` and ``m``, oldest first, at most ``limit``."""
        rows = execute(f"{_ENTRY}WHERE {where} ORDER BY e.id LIMIT ?", (*params, limit)).fetchall()
        return [Entry(*row) for row in rows]

    @staticmethod
    def latest(member_id: int, limit: int) -> list[Entry]:
        """A KOC's entries, also under memberships merged into theirs, newest first."""
        rows = execute(
            f"{_ENTRY}WHERE e.member_id IN (SELECT id FROM koc_member WHERE id = ? OR merged_into_id = ?) "
            "ORDER BY e.id DESC LIMIT ?",
            (member_id, member_id, limit),
        ).fetchall()
        return [Entry(*row) for row in rows]

    def all_of(self, member_id: int) -> Iterator[Entry]:
        """All entries of a KOC, oldest first."""
        after = 0
        while page := self.entries("m.id = ? AND e.id > ?", member_id, after):
            yield from page
            after = page[-1].id

    def differences(self) -> list[str]:
        """What does not add up, a sentence each: orders against entries, statements against entries and carries."""
        found = []
        for order_id, earned, total in execute(
            "SELECT k.order_id, k.earned_minor, coalesce(sum(e.amount_minor), 0) FROM koc_order k "
            "LEFT JOIN koc_entry e ON e.order_id = k.order_id GROUP BY k.order_id, k.earned_minor "
            "HAVING k.earned_minor <> coalesce(sum(e.amount_minor), 0)"
        ).fetchall():
            found.append(f"order {order_id}: earned {earned}, entries sum to {total}")
        for number, total, summed in execute(
            "SELECT s.number, s.total_minor, coalesce(sum(e.amount_minor), 0) FROM koc_statement s "
            "LEFT JOIN koc_entry e ON e.statement_id = s.id GROUP BY s.number, s.total_minor "
            "HAVING s.total_minor <> coalesce(sum(e.amount_minor), 0)"
        ).fetchall():
            found.append(f"statement {number}: total {total}, entries sum to {summed}")
        (settled,) = execute(
            "SELECT coalesce(sum(amount_minor), 0) FROM koc_entry WHERE statement_id IS NOT NULL"
        ).fetchone()
        (payable,) = execute("SELECT coalesce(sum(payable_minor), 0) FROM koc_statement").fetchone()
        (carried,) = execute("SELECT coalesce(sum(carry_minor), 0) FROM koc_member").fetchone()
        if int(settled) != int(payable) + int(carried):
            found.append(f"settled entries sum to {settled}, payable and carried to {int(payable) + int(carried)}")
        return found
