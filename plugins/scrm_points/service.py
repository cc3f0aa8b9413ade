"""Points (积分): what people have, what they are given, what they set aside for a checkout and spend.

Every method is one transaction; entries carry a key and are made once. People
are named by contact ids; a contact that was merged away stands for its survivor.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from scrm_core.api import Conflict, Invalid, NotFound, RewardOrder, clean_text, execute, page_size, transactional

from .ledger import Entry, Ledger, checked_key, need_points

if TYPE_CHECKING:
    from scrm_core.api import Brand

NAME = "points"
KIND = "points"
MINUTE_MS = 60_000
MOST_MINUTES = 7 * 24 * 60
BATCH = 200
MOST_ROWS = 200

_HOLD = "SELECT id, contact_id, key, points, state, until, source, number, returned, entry_id FROM points_hold "


@dataclass(frozen=True, slots=True)
class Balance:
    """What a person can spend now, owes, and what of the spendable points lapses next, and when."""

    balance: int
    debt: int
    lapsing: int
    lapses_at: int | None


@dataclass(frozen=True, slots=True)
class Hold:
    """Points set aside; ``state`` held, spent, released or expired."""

    id: int
    contact_id: int
    key: str
    points: int
    state: str
    until: int
    source: str
    number: str
    returned: int
    entry_id: int


@dataclass(frozen=True, slots=True)
class Difference:
    """A person for whom the ledger does not add up; ``contact`` is the uid."""

    contact: str
    balance: int
    debt: int
    entries: int
    lots: int


class PointsBook:
    """One brand's points; use it inside ``with brand:``."""

    def __init__(self, brand: Brand, settings: dict[str, Any]) -> None:
        self.brand = brand
        self.settings = settings
        self.ledger = Ledger(brand, settings["expire_days"])

    # Rewards ------------------------------------------------------------------

    def issue(self, order: RewardOrder) -> dict[str, Any]:
        """Issue a reward of the kind ``points``: ``quantity`` is how many. Returns the key of the entry."""
        check_item(order.item)
        need_points(order.quantity, "quantity")
        key = f"reward:{order.grant_key}"
        self.ledger.credit(order.contact_id, order.quantity, key=key, kind="grant", reason=order.reason)
        return {"entry": key}

    def take_reward_back(self, order: RewardOrder) -> None:
        """Reverse what :meth:`issue` gave; points that are spent already become a debt."""
        entry = self.ledger.entry(str((order.issued or {}).get("entry", f"reward:{order.grant_key}")))
        self.ledger.take_back(entry, entry.amount, key=f"reversal:{order.grant_key}", reason=order.reason)

    # By hand ------------------------------------------------------------------

    @transactional
    def adjust(self, contact_id: int, points: int, *, key: str, reason: str, actor: str) -> Entry:
        """Give (above 0) or take (below 0) points by hand, once per key, with a reason.

        Raises Invalid without key, reason or actor, Conflict when there are fewer
        than are to be taken, or when the key was used for something else.
        """
        key = f"adjust:{checked_key(key)}"
        reason = clean_text(reason, field="reason")
        actor = clean_text(actor, field="actor", max_length=200)
        if not reason:
            raise Invalid("an adjustment needs a reason", field="reason")
        if not actor:
            raise Invalid("an adjustment needs an actor: who makes it", field="actor")
        need_points(-points if type(points) is int and points < 0 else points)
        contact_id = self.brand.contacts.survivor(contact_id)
        if points > 0:
            return self.ledger.credit(contact_id, points, key=key, kind="adjust", reason=reason, actor=actor)
        return self.ledger.debit(contact_id, -points, key=key, kind="adjust", reason=reason, actor=actor)

    # Checkout -----------------------------------------------------------------

    @transactional
    def hold(self, contact_id: int, points: int, *, key: str, minutes: int | None = None) -> Hold:
        """Set points aside for a checkout in flight, once per key; they are gone from the balance at once.

        Not captured within ``minutes`` (default: the setting) they come back.
        Raises Conflict ``not_enough_points``, ``points_step`` when the brand takes
        only multiples, ``redeem_off`` when it takes none.
        """
        key = checked_key(key)
        need_points(points)
        minutes = self.settings["hold_minutes"] if minutes is None else minutes
        if type(minutes) is not int or not 1 <= minutes <= MOST_MINUTES:
            raise Invalid(f"minutes is a whole number from 1 to {MOST_MINUTES}", field="minutes")
        if not self.settings["redeem_minor"]:
            raise Conflict("points are not taken as payment: redeem_minor is 0", code="redeem_off")
        if points % self.settings["redeem_step"]:
            raise Conflict(f"points are used in multiples of {self.settings['redeem_step']}", code="points_step")
        contact_id = self.brand.contacts.survivor(contact_id)
        self.ledger.lock(contact_id)
        known = self._find_hold(key)
        if known is not None:
            if (known.contact_id, known.points) != (contact_id, points):
                raise Conflict(f"the key {key!r} was used for another hold", code="key_used")
            return known
        entry = self.ledger.debit(contact_id, points, key=f"hold:{key}", kind="spend")
        execute(
            "INSERT INTO points_hold (contact_id, key, points, state, until, source, number, returned, entry_id) "
            "VALUES (?, ?, ?, 'held', ?, '', '', 0, ?)",
            (contact_id, key, points, self.brand.now() + minutes * MINUTE_MS, entry.id),
        )
        return self.held(key)

    @transactional
    def capture(self, key: str, source: str, number: str) -> Hold:
        """Spend held points on an order, named by its source and number; the same again changes nothing.

        Refunds of the order, also earlier ones, put points back in proportion.
        Raises NotFound, and Conflict when the hold has ended or was spent on another order.
        """
        source = clean_text(source, field="source", max_length=200)
        number = clean_text(number, field="number", max_length=200)
        if not source or not number:
            raise Invalid("name the order by its source and number", field="number" if source else "source")
        changed = execute(
            "UPDATE points_hold SET state = 'spent', source = ?, number = ? WHERE key = ? AND state = 'held' "
            "AND until > ?",
            (source, number, key, self.brand.now()),
        ).rowcount
        hold = self.held(key)
        if not changed and (hold.state, hold.source, hold.number) != ("spent", source, number):
            if hold.state == "spent":
                raise Conflict(f"the hold was spent on order {hold.number!r}", code="hold_spent")
            raise Conflict("the hold has ended; its points are back: hold anew", code="hold_ended")
        if changed:
            self.return_spent(source, number)
            hold = self.held(key)
        return hold

    @transactional
    def release(self, key: str) -> Hold:
        """Give held points back: the checkout was left. A hold that has ended stays as it is.

        Raises NotFound, and Conflict for a spent one: the order's refund returns its points.
        """
        hold = self.held(key)
        if hold.state == "held":
            self._end(hold, "released")
            hold = self.held(key)
        if hold.state == "spent":
            raise Conflict(f"the points were spent on order {hold.number!r}; refund it", code="hold_spent")
        return hold

    def held(self, key: str) -> Hold:
        """The hold with this key; raises NotFound."""
        found = self._find_hold(key)
        if found is None:
            raise NotFound(f"no points are held under {key!r}")
        return found

    def return_spent(self, source: str, number: str) -> None:
        """Put back points spent on an order in proportion to its refunds, whatever was put back before.

        Of S points spent on an order paid with B of which T was refunded, floor(S*T/B)
        are back after it: parts never return more than S, and all of it is exactly S.
        An order that was closed is one that was refunded in full.
        """
        # Held until the transaction ends: a refund written meanwhile meets the capture, or the capture the refund.
        held = "" if self.brand.handle.engine == "sqlite" else " FOR SHARE"
        order = execute(
            f"SELECT paid_minor, refund_minor, status FROM orders WHERE source = ? AND number = ?{held}",
            (source, number),
        ).fetchone()
        # One that was closed may have been paid with points alone.
        paid, refunded, status = (0, 0, "") if order is None else order
        if status == "closed":
            paid = refunded = 1
        if paid <= 0 or refunded <= 0:
            return
        holds = execute(
            _HOLD + "WHERE source = ? AND number = ? AND state = 'spent' ORDER BY id", (source, number)
        ).fetchall()
        for hold in (Hold(*row) for row in holds):
            back = min(hold.points * refunded // paid, hold.points)
            changed = execute(
                "UPDATE points_hold SET returned = ? WHERE id = ? AND returned = ? AND returned < ?",
                (back, hold.id, hold.returned, back),
            ).rowcount
            if changed:
                self.ledger.give_back(
                    self.ledger.by_id(hold.entry_id), back - hold.returned, key=f"return:{hold.id}:{back}"
                )

    def _end(self, hold: Hold, state: str) -> bool:
        changed = execute(
            "UPDATE points_hold SET state = ?, returned = points WHERE id = ? AND state = 'held'", (state, hold.id)
        ).rowcount
        if changed:
            entry = self.ledger.by_id(hold.entry_id)
            self.ledger.give_back(entry, hold.points, key=f"return:{hold.id}:{hold.points}")
        return bool(changed)

    @staticmethod
    def _find_hold(key: str) -> Hold | None:
        row = execute(_HOLD + "WHERE key = ?", (key,)).fetchone()
        return Hold(*row) if row is not None else None

    # Upkeep -------------------------------------------------------------------

    def end_holds(self) -> int:
        """Give back what was held too long; returns how many holds ended."""
        ended = 0
        while True:
            rows = execute(
                _HOLD + "WHERE state = 'held' AND until <= ? ORDER BY until, id LIMIT ?", (self.brand.now(), BATCH)
            ).fetchall()
            for row in rows:
                with self.brand.transaction():
                    ended += self._end(Hold(*row), "expired")
            if len(rows) < BATCH:
                return ended

    def lapse(self) -> int:
        """Let points go whose time is over; returns how many people lost some."""
        last = people = 0
        while True:
            due = self.ledger.due(last, BATCH)
            for contact_id in due:
                with self.brand.transaction():
                    self.ledger.lock(contact_id)
                people += 1
            if len(due) < BATCH:
                return people
            last = due[-1]

    def settle_merge(self, *contact_ids: int) -> None:
        """Make the accounts of merged, or parted, contacts what their entries say."""
        for contact_id in sorted(set(contact_ids)):
            (state,) = execute("SELECT state FROM contact WHERE id = ?", (contact_id,)).fetchone()
            if state == "active":
                self.ledger.recount(self.brand.contacts.survivor(contact_id))
            else:
                execute("UPDATE points_account SET balance = 0, debt = 0 WHERE contact_id = ?", (contact_id,))

    # Reading ------------------------------------------------------------------

    def balance(self, contact_id: int) -> Balance:
        """What the person has now; nothing for somebody who never had points."""
        now = self.brand.now()
        row = execute("SELECT debt FROM points_account WHERE contact_id = ?", (contact_id,)).fetchone()
        soon = execute(
            "SELECT sum(remaining), expires_at FROM points_lot WHERE contact_id = ? AND remaining > 0 "
            "AND expires_at > ? GROUP BY expires_at ORDER BY expires_at LIMIT 1",
            (contact_id, now),
        ).fetchone()
        lapsing, at = (int(soon[0]), soon[1]) if soon is not None else (0, None)
        return Balance(self.ledger.spendable(contact_id), int(row[0]) if row is not None else 0, lapsing, at)

    def entries(self, contact_id: int, *, after: int = 0, limit: int = 50) -> list[Entry]:
        """The person's entries with ids above ``after``, oldest first, at most ``limit``."""
        page_size(limit, MOST_ROWS)
        return self.ledger.entries("e.contact_id = ? AND e.id > ? ORDER BY e.id LIMIT ?", contact_id, after, limit)

    def latest(self, contact_id: int, *, limit: int = 50) -> list[Entry]:
        """The person's last entries that moved points, newest first, at most ``limit``."""
        return self.ledger.entries("e.contact_id = ? AND e.amount <> 0 ORDER BY e.id DESC LIMIT ?", contact_id, limit)

    def differences(self) -> list[Difference]:
        """Everybody for whom balance less debt is not the sum of entries, or the balance not that of the lots.

        Also a closed account of the erased as a whole, named "erased": what people
        had when they were erased ended with an entry, so their entries sum to 0.
        """
        rows = execute(
            "SELECT c.uid, coalesce(a.balance, 0), coalesce(a.debt, 0), coalesce(e.total, 0), coalesce(l.total, 0) "
            "FROM contact c LEFT JOIN points_account a ON a.contact_id = c.id "
            "LEFT JOIN (SELECT contact_id, sum(amount) AS total FROM points_entry WHERE contact_id IS NOT NULL "
            "GROUP BY contact_id) e ON e.contact_id = c.id "
            "LEFT JOIN (SELECT contact_id, sum(remaining) AS total FROM points_lot GROUP BY contact_id) l "
            "ON l.contact_id = c.id "
            "WHERE coalesce(a.balance, 0) - coalesce(a.debt, 0) <> coalesce(e.total, 0) "
            "OR coalesce(a.balance, 0) <> coalesce(l.total, 0) ORDER BY c.id"
        ).fetchall()
        found = [Difference(uid, *(int(number) for number in numbers)) for uid, *numbers in rows]
        (erased,) = execute("SELECT sum(amount) FROM points_entry WHERE contact_id IS NULL").fetchone()
        if erased:
            found.append(Difference("erased", 0, 0, int(erased), 0))
        return found

    def erase(self, contact_ids: Sequence[int]) -> None:
        """Part the ledger from an erased person; accounts, lots and holds are deleted by the core."""
        self.ledger.close(contact_ids)


def check_item(item: str) -> None:
    """A brand has one kind of points: the item of such a reward is empty. Raises Invalid for another."""
    if item:
        raise Invalid("rewards of the kind 'points' have no item; quantity says how many", field="item")
