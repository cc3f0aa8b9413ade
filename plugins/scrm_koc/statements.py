"""Settlement (结算): a statement takes a KOC's unsettled entries once; what is below 0 is carried over, not claimed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from scrm_core.api import Conflict, Invalid, NotFound, clean_text, execute, new_uid, page_size, transactional

if TYPE_CHECKING:
    from scrm_core.api import Brand

    from .ledger import Ledger

MOST_ROWS = 500
STEP = 100
"""So many changed orders and statements are one step of a settlement."""
# A KOC's own entries and those of memberships merged into theirs.
_OF = "member_id IN (SELECT id FROM koc_member WHERE id = ? OR merged_into_id = ?) AND statement_id IS NULL"
_VIEW = (
    "SELECT s.id, s.number, m.code, s.opening_minor, s.total_minor, s.payable_minor, s.carry_minor, s.entries, "
    "s.state, s.reference, s.actor, s.at, s.paid_at, s.paid_by FROM koc_statement s "
    "JOIN koc_member m ON m.id = s.member_id "
)


@dataclass(frozen=True, slots=True)
class Statement:
    """``opening`` (carried over, at most 0) + ``total`` of its entries = ``payable`` (at least 0) + ``carry``.

    ``carry`` is at most 0 and the next one's opening. ``number`` is empty for a statement that was only tried.
    """

    id: int
    number: str
    member: str
    opening_minor: int
    total_minor: int
    payable_minor: int
    carry_minor: int
    entries: int
    state: str
    reference: str
    actor: str
    at: int
    paid_at: int | None
    paid_by: str


@dataclass(frozen=True, slots=True)
class Balance:
    """Where a KOC's money stands: ``waiting`` orders not earned yet, entries that no statement has, and what was paid.

    ``carry_minor`` (at most 0) is deducted from the next statement.
    """

    waiting: int
    unsettled_minor: int
    carry_minor: int
    paid_minor: int


class Statements:
    """One brand's statements; use it inside ``with brand:``."""

    def __init__(self, brand: Brand, ledger: Ledger) -> None:
        self.brand = brand
        self.ledger = ledger

    def settle(self, *, actor: str) -> list[Statement]:
        """Earn what is due, then make a statement for everybody with unsettled entries, each in its own transaction."""
        _acting(actor)
        made: list[Statement] = []
        more = True
        while more:
            found, more = self.step(actor=actor)
            made += found
        return made

    def step(self, *, actor: str, most: int = STEP) -> tuple[list[Statement], bool]:
        """One step of :meth:`settle`: its statements, and whether there may be more to do.

        It changes ``most`` orders and writes ``most`` statements at most; nobody gets a
        statement before every order that is due has been looked at. Whoever was
        interrupted, or meets another settlement, goes on from what is there: an
        order is earned and an entry is taken once.
        """
        actor = _acting(actor)
        page_size(most, MOST_ROWS)
        done = 0
        for look in (self.ledger.recheck, self.ledger.note_completed, self.ledger.earn):
            done += look(most - done)
            if done >= most:
                return [], True
        waiting = self._waiting(most - done)
        made = (self._settle(member_id, actor) for member_id in waiting)
        return [statement for statement in made if statement is not None], len(waiting) == most - done

    def preview(self) -> list[Statement]:
        """What :meth:`settle` would say now; nothing is written and nobody's writes wait for it."""
        now, sums = self.brand.now(), {}
        waiting = "SELECT member_id, count(*), sum(amount_minor) FROM koc_entry WHERE statement_id IS NULL GROUP BY 1"
        told = [(row[0], row[1], int(row[2])) for row in execute(waiting).fetchall()]
        for member_id, entries, amount in (*told, *((member, 1, amount) for member, amount in self.ledger.coming())):
            payee = self.ledger.members.standing(member_id)
            had, whole, _ = sums.get(payee.id, (0, 0, payee))
            sums[payee.id] = had + entries, whole + amount, payee
        found = []
        for _, (entries, whole, payee) in sorted(sums.items()):
            balance = payee.carry_minor + whole
            found.append(
                Statement(0, "", payee.code, payee.carry_minor, whole, max(balance, 0), min(balance, 0), entries,
                          "dry_run", "", "", now, None, "")
            )  # fmt: skip
        return found

    @staticmethod
    def _waiting(most: int) -> list[int]:
        rows = execute(
            "SELECT DISTINCT coalesce(m.merged_into_id, m.id) AS payee FROM koc_entry e "
            "JOIN koc_member m ON m.id = e.member_id WHERE e.statement_id IS NULL ORDER BY payee LIMIT ?",
            (most,),
        ).fetchall()
        return [row[0] for row in rows]

    @transactional
    def _settle(self, member_id: int, actor: str) -> Statement | None:
        """One statement; None when another process has just taken the entries."""
        # The rows are locked first: two settlements of one KOC follow one another, and whoever adds an entry of
        # theirs (its foreign key shares the row) waits or is waited for, so that what is counted is what is taken.
        lock = "" if self.brand.handle.engine == "sqlite" else " FOR UPDATE"
        rows = execute(
            f"SELECT id, carry_minor FROM koc_member WHERE id = ? OR merged_into_id = ? ORDER BY id{lock}",
            (member_id, member_id),
        ).fetchall()
        opening = dict(rows)[member_id]
        count, total = execute(
            f"SELECT count(*), coalesce(sum(amount_minor), 0) FROM koc_entry WHERE {_OF}", (member_id, member_id)
        ).fetchone()
        if not count:
            return None
        balance = opening + int(total)
        payable, carry = max(balance, 0), min(balance, 0)
        now = self.brand.now()
        (statement_id,) = execute(
            "INSERT INTO koc_statement (number, member_id, opening_minor, total_minor, payable_minor, carry_minor, "
            "entries, state, reference, actor, at, day) VALUES (?, ?, ?, ?, ?, ?, ?, ?, '', ?, ?, ?) RETURNING id",
            (
                f"K{new_uid(now)}", member_id, opening, int(total), payable, carry, count,
                "due" if payable else "carried", actor, now, self.brand.day(now),
            ),
        ).fetchone()  # fmt: skip
        execute(f"UPDATE koc_entry SET statement_id = ? WHERE {_OF}", (statement_id, member_id, member_id))
        execute("UPDATE koc_member SET carry_minor = ? WHERE id = ?", (carry, member_id))
        return self._known("s.id = ?", statement_id)

    @transactional
    def pay(self, number: str, *, reference: str, actor: str) -> Statement:
        """Say that a statement was paid, once; the same reference again changes nothing.

        Raises NotFound, and Conflict when it was paid under another reference (``paid``)
        or has nothing to pay (``nothing_due``).
        """
        reference = clean_text(reference, field="reference", max_length=200)
        actor = clean_text(actor, field="actor", max_length=200)
        if not reference or not actor:
            raise Invalid("a payment needs a reference and an actor", field="reference" if actor else "actor")
        execute(
            "UPDATE koc_statement SET state = 'paid', reference = ?, paid_by = ?, paid_at = ? "
            "WHERE number = ? AND state = 'due'",
            (reference, actor, self.brand.now(), number),
        )
        found = self.get(number)
        if found.state == "carried":
            raise Conflict(f"statement {number} has nothing to pay", code="nothing_due")
        if found.reference != reference:
            raise Conflict(f"statement {number} was paid under {found.reference!r}", code="paid")
        return found

    # Reading ------------------------------------------------------------------

    def get(self, number: str) -> Statement:
        """The statement with this number; raises NotFound."""
        return self._known("s.number = ?", number)

    def page(self, *, member_id: int | None = None, after: int = 0, limit: int = 50) -> list[Statement]:
        """Statements with ids above ``after``, at most ``limit``; of one KOC when given."""
        page_size(limit, MOST_ROWS)
        of = "" if member_id is None else "AND s.member_id = ? "
        params: tuple[Any, ...] = (after, limit) if member_id is None else (after, member_id, limit)
        rows = execute(f"{_VIEW}WHERE s.id > ? {of}ORDER BY s.id LIMIT ?", params).fetchall()
        return [Statement(*row) for row in rows]

    def newest(self, *, before: int = 0, limit: int = 50) -> list[Statement]:
        """Statements, newest first; ``before`` is the last id of the page before."""
        page_size(limit, MOST_ROWS)
        where, values = ("WHERE s.id < ? ", (before,)) if before else ("", ())
        rows = execute(f"{_VIEW}{where}ORDER BY s.id DESC LIMIT ?", (*values, limit)).fetchall()
        return [Statement(*row) for row in rows]

    def unsettled(self, *, limit: int = 50) -> list[Statement]:
        """What the ledger holds for each KOC that no statement has, as :meth:`preview` tells it.

        Orders that become due with the settlement itself are not in it: :meth:`preview` looks at each of them.
        """
        page_size(limit, MOST_ROWS)
        now = self.brand.now()
        rows = execute(
            "SELECT p.code, p.carry_minor, count(*), sum(e.amount_minor) FROM koc_entry e "
            "JOIN koc_member m ON m.id = e.member_id JOIN koc_member p ON p.id = coalesce(m.merged_into_id, m.id) "
            "WHERE e.statement_id IS NULL GROUP BY p.id, p.code, p.carry_minor ORDER BY p.id LIMIT ?",
            (limit,),
        ).fetchall()
        found = []
        for code, carry, entries, total in rows:
            balance = int(carry) + int(total)
            found.append(
                Statement(0, "", code, int(carry), int(total), max(balance, 0), min(balance, 0), int(entries),
                          "dry_run", "", "", now, None, "")
            )  # fmt: skip
        return found

    @staticmethod
    def latest(member_id: int, limit: int) -> list[Statement]:
        """A KOC's statements, also of memberships merged into theirs, newest first."""
        rows = execute(
            f"{_VIEW}WHERE s.member_id IN (SELECT id FROM koc_member WHERE id = ? OR merged_into_id = ?) "
            "ORDER BY s.id DESC LIMIT ?",
            (member_id, member_id, limit),
        ).fetchall()
        return [Statement(*row) for row in rows]

    @staticmethod
    def balance(member_id: int) -> Balance:
        """Where a KOC's money stands, memberships merged into theirs included."""
        of = "member_id IN (SELECT id FROM koc_member WHERE id = ? OR merged_into_id = ?)"
        row = execute(
            f"SELECT (SELECT count(*) FROM koc_order WHERE state = 'open' AND {of}), "
            f"(SELECT coalesce(sum(amount_minor), 0) FROM koc_entry WHERE {_OF}), "
            "(SELECT carry_minor FROM koc_member WHERE id = ?), "
            f"(SELECT coalesce(sum(payable_minor), 0) FROM koc_statement WHERE state = 'paid' AND {of})",
            (*(member_id,) * 5, *(member_id,) * 2),
        ).fetchone()
        return Balance(*(int(value) for value in row))

    @staticmethod
    def _known(where: str, value: Any) -> Statement:
        row = execute(f"{_VIEW}WHERE {where}", (value,)).fetchone()
        if row is None:
            raise NotFound("no such statement")
        return Statement(*row)


def _acting(actor: str) -> str:
    actor = clean_text(actor, field="actor", max_length=200)
    if not actor:
        raise Invalid("a settlement needs an actor: who makes it", field="actor")
    return actor
