"""The ledger (账本): entries are only ever added, and the balance moves with them in one transaction.

Points lie in lots, one per entry that brought some, and are taken from the lot
that lapses soonest. A balance is never negative: what is taken back beyond it
is kept as a debt and netted against the next points that come. So for every
person ``balance - debt`` is the sum of the entries, and ``balance`` the sum of
the lots.

Every change locks the person's account first, and lets lapsed points go before
anything is decided: points that lapsed at midnight are not spendable a
millisecond later, whether or not a job has run.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from scrm_core.api import Conflict, Invalid, NotFound, clean_text, day_start, execute

if TYPE_CHECKING:
    from scrm_core.api import Brand

MOST_POINTS = 1_000_000_000_000

_ENTRY = (
    "SELECT e.id, e.contact_id, e.kind, e.amount, e.key, origin.key, e.reason, e.actor, e.at, l.expires_at "
    "FROM points_entry e LEFT JOIN points_entry origin ON origin.id = e.reverses_id "
    "LEFT JOIN points_lot l ON l.entry_id = e.id "
)
# One statement makes the row where there is none, locks it and reads it, on both databases.
_LOCK = (
    "INSERT INTO points_account (contact_id, balance, debt) VALUES (?, 0, 0) ON CONFLICT (contact_id) "
    "DO UPDATE SET balance = points_account.balance RETURNING contact_id, balance, debt"
)
# Whether anybody who was merged into this person still has an account with something in it.
_LOCK_MERGED = (
    f"{_LOCK}, EXISTS (SELECT 1 FROM points_account a JOIN contact c ON c.id = a.contact_id "
    "WHERE c.merged_into_id = ? AND (a.balance <> 0 OR a.debt <> 0))"
)
_OPEN = "SELECT id, remaining FROM points_lot WHERE contact_id = ? AND remaining > 0 "
_SOONEST = "ORDER BY CASE WHEN expires_at IS NULL THEN 1 ELSE 0 END, expires_at, id"


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of the ledger. ``reverses`` is the key of the entry that it takes back.

    ``contact_id`` is None once the person was erased; ``expires_at`` is when points that it brought lapse.
    """

    id: int
    contact_id: int | None
    kind: str
    amount: int
    key: str
    reverses: str | None
    reason: str
    actor: str
    at: int
    expires_at: int | None


@dataclass(frozen=True, slots=True)
class Account:
    """A locked account: what its person has and owes."""

    contact_id: int
    balance: int
    debt: int


Taken = list[list[int]]
"""``[[lot, points], ...]``."""


def need_points(points: object, field: str = "points") -> None:
    """Raises Invalid for anything but an integer from 1 to a million millions."""
    if type(points) is not int or not 1 <= points <= MOST_POINTS:
        raise Invalid(f"{field} is a whole number from 1 to {MOST_POINTS}, not {points!r}", field=field)


def checked_key(key: object) -> str:
    """The cleaned key of an entry; raises Invalid for an empty one."""
    text = clean_text(key, field="key", max_length=200)
    if not text:
        raise Invalid("give a key: it says what the points are for, and works once", field="key")
    return text


class Ledger:
    """The entries and accounts of one brand; call its methods inside a transaction, with active contacts."""

    def __init__(self, brand: Brand, expire_days: int) -> None:
        self.brand = brand
        self._expire_days = expire_days

    def expiry(self, at: int) -> int | None:
        """When points that come at an instant lapse: at a midnight of the brand; None for never.

        With N days the day on which they come is day 1, so they lapse when day N ends.
        """
        if not self._expire_days:
            return None
        return day_start(self.brand.day(at) + self._expire_days, self.brand.zone)

    # Changing -----------------------------------------------------------------

    def lock(self, contact_id: int) -> Account:
        """The person's account, held until the transaction ends, made if there was none, lapsed points gone."""
        *account, merged = execute(_LOCK_MERGED, (contact_id, contact_id)).fetchone()
        if not merged:
            return self._lapse(Account(*account))
        # A merge has moved the entries here; its event is still on its way.
        execute(
            "UPDATE points_account SET balance = 0, debt = 0 WHERE contact_id IN "
            "(SELECT id FROM contact WHERE merged_into_id = ?)",
            (contact_id,),
        )
        return self._lapse(self.recount(contact_id))

    def credit(
        self,
        contact_id: int,
        amount: int,
        *,
        key: str,
        kind: str,
        reason: str = "",
        actor: str = "",
        order_id: int | None = None,
    ) -> Entry:
        """Add points, once per key; a debt is paid first, the rest becomes a lot."""
        account, now = self.lock(contact_id), self.brand.now()
        entry_id = self._append_new(
            contact_id, kind, amount, key, reason=reason, actor=actor, order_id=order_id, at=now
        )
        if entry_id is None:
            return _same(self.entry(key), contact_id, amount, kind)
        usable, expires_at = self._raise(account, amount), None
        if usable:
            expires_at = self.expiry(now)
            self._new_lot(entry_id, contact_id, usable, expires_at)
        return Entry(entry_id, contact_id, kind, amount, key, None, reason, actor, now, expires_at)

    def debit(self, contact_id: int, amount: int, *, key: str, kind: str, reason: str = "", actor: str = "") -> Entry:
        """Take points that the person has, once per key; raises Conflict when there are too few."""
        account = self.lock(contact_id)
        found = self.find(key)
        if found is not None:
            return _same(found, contact_id, -amount, kind)
        changed = execute(
            "UPDATE points_account SET balance = balance - ? WHERE contact_id = ? AND balance >= ?",
            (amount, contact_id, amount),
        ).rowcount
        if not changed:
            raise Conflict(f"{amount} points are wanted and {account.balance} are there", code="not_enough_points")
        taken = self._take(contact_id, amount)
        self._append(contact_id, kind, -amount, key, reason=reason, actor=actor, lots=taken)
        return self.entry(key)

    def take_back(self, origin: Entry, amount: int, *, key: str, reason: str = "") -> None:
        """Take back ``amount`` of what an entry brought: from its own lot, then from others, the rest is a debt.

        Once per key. Nothing happens when the person was erased: their account is closed.
        """
        contact_id = self._owner(origin)
        if contact_id is None or amount <= 0:
            return
        account = self.lock(contact_id)
        if self.find(key) is not None:
            return
        there = min(amount, account.balance)
        taken = self._take(contact_id, there, first=origin.id)
        execute(
            "UPDATE points_account SET balance = balance - ?, debt = debt + ? WHERE contact_id = ? AND balance >= ?",
            (there, amount - there, contact_id, there),
        )
        self._append(contact_id, "reversal", -amount, key, reason=reason, lots=taken, reverses_id=origin.id)

    def give_back(self, origin: Entry, amount: int, *, key: str) -> None:
        """Put back ``amount`` of what an entry took, into the lots it came from, the longest-lived first.

        Once per key. Points whose lot has lapsed meanwhile lapse with it.
        """
        contact_id = self._owner(origin)
        if contact_id is None or amount <= 0:
            return
        account = self.lock(contact_id)
        if self.find(key) is not None:
            return
        usable = self._raise(account, amount)
        back, homeless = self._refill(contact_id, usable, self._taken_by(origin))
        entry_id = self._append(contact_id, "return", amount, key, lots=back, reverses_id=origin.id)
        if homeless:
            self._new_lot(entry_id, contact_id, homeless, None)
        self._lapse(self._lock(contact_id))

    def recount(self, contact_id: int) -> Account:
        """Make the account and the lots what the entries say: after a merge, or after one was undone."""
        self._lock(contact_id)
        net = _number(execute("SELECT sum(amount) FROM points_entry WHERE contact_id = ?", (contact_id,)))
        lots = _number(execute("SELECT sum(remaining) FROM points_lot WHERE contact_id = ?", (contact_id,)))
        balance = max(net, 0)
        if lots > balance:
            taken = self._take(contact_id, lots - balance)
            self._append(contact_id, "settle", 0, f"settle:{secrets.token_hex(8)}", lots=taken)
        elif lots < balance:
            entry_id = self._append(contact_id, "settle", 0, f"settle:{secrets.token_hex(8)}")
            self._new_lot(entry_id, contact_id, balance - lots, None)
        execute(
            "UPDATE points_account SET balance = ?, debt = ? WHERE contact_id = ?",
            (balance, max(-net, 0), contact_id),
        )
        return Account(contact_id, balance, max(-net, 0))

    def close(self, contact_ids: Sequence[int]) -> None:
        """Part the entries of erased people from them: what they had ends with an entry of its own."""
        for contact_id in contact_ids:
            net = _number(execute("SELECT sum(amount) FROM points_entry WHERE contact_id = ?", (contact_id,)))
            if net:
                self._append(None, "erase", -net, f"erase:{secrets.token_hex(8)}")
            execute("UPDATE points_entry SET contact_id = NULL, reason = '' WHERE contact_id = ?", (contact_id,))

    # Reading ------------------------------------------------------------------

    def find(self, key: str) -> Entry | None:
        """The entry with this key, or None."""
        row = execute(_ENTRY + "WHERE e.key = ?", (key,)).fetchone()
        return Entry(*row) if row is not None else None

    def entry(self, key: str) -> Entry:
        """The entry with this key; raises NotFound."""
        found = self.find(key)
        if found is None:
            raise NotFound(f"no points entry {key!r}")
        return found

    def by_id(self, entry_id: int) -> Entry:
        """The entry with this id."""
        return Entry(*execute(_ENTRY + "WHERE e.id = ?", (entry_id,)).fetchone())

    @staticmethod
    def entries(where: str, *params: int) -> list[Entry]:
        """Entries ``e`` by a condition and its order."""
        return [Entry(*row) for row in execute(f"{_ENTRY}WHERE {where}", params).fetchall()]

    def spendable(self, contact_id: int) -> int:
        """The points that the person can spend now: the balance without lapsed ones that no write has met yet."""
        row = execute(
            "SELECT a.balance - coalesce((SELECT sum(l.remaining) FROM points_lot l WHERE l.contact_id = a.contact_id "
            "AND l.remaining > 0 AND l.expires_at <= ?), 0) FROM points_account a WHERE a.contact_id = ?",
            (self.brand.now(), contact_id),
        ).fetchone()
        return max(int(row[0]), 0) if row is not None else 0

    def due(self, after: int, limit: int) -> list[int]:
        """Contacts with ids above ``after`` who have lapsed points, ascending."""
        rows = execute(
            "SELECT DISTINCT contact_id FROM points_lot WHERE remaining > 0 AND expires_at <= ? AND contact_id > ? "
            "ORDER BY contact_id LIMIT ?",
            (self.brand.now(), after, limit),
        ).fetchall()
        return [row[0] for row in rows]

    # Parts --------------------------------------------------------------------

    @staticmethod
    def _lock(contact_id: int) -> Account:
        return Account(*execute(_LOCK, (contact_id,)).fetchone())

    def _lapse(self, account: Account) -> Account:
        """Let points go whose time is over; returns the account as it is then."""
        if not account.balance:
            return account  # the balance is the sum of the lots: nothing is left in any
        lots = execute(
            "SELECT id, remaining, expires_at FROM points_lot WHERE contact_id = ? AND remaining > 0 "
            "AND expires_at <= ? ORDER BY expires_at, id",
            (account.contact_id, self.brand.now()),
        ).fetchall()
        gone = 0
        for lot_id, remaining, expires_at in lots:
            execute("UPDATE points_lot SET remaining = 0 WHERE id = ?", (lot_id,))
            self._append(
                account.contact_id, "lapse", -remaining, f"lapse:{lot_id}:{secrets.token_hex(6)}",
                lots=[[lot_id, remaining]], at=expires_at,
            )  # fmt: skip
            gone += remaining
        if gone:
            execute(
                "UPDATE points_account SET balance = balance - ? WHERE contact_id = ? AND balance >= ?",
                (gone, account.contact_id, gone),
            )
        return Account(account.contact_id, account.balance - gone, account.debt)

    @staticmethod
    def _raise(account: Account, amount: int) -> int:
        """Add points to a locked account, debt first; returns how many became balance."""
        paid = min(account.debt, amount)
        execute(
            "UPDATE points_account SET balance = balance + ?, debt = debt - ? WHERE contact_id = ? AND debt >= ?",
            (amount - paid, paid, account.contact_id, paid),
        )
        return amount - paid

    @staticmethod
    def _take(contact_id: int, amount: int, *, first: int | None = None) -> Taken:
        """Take points out of the lots, those that lapse soonest first; the lot of entry ``first`` before all."""
        lots = execute(_OPEN + _SOONEST, (contact_id,)).fetchall()
        if first is not None:
            own = execute("SELECT id FROM points_lot WHERE entry_id = ?", (first,)).fetchone()
            lots.sort(key=lambda lot: own is None or lot[0] != own[0])
        taken: Taken = []
        for lot_id, remaining in lots:
            if not amount:
                break
            part = min(amount, remaining)
            execute("UPDATE points_lot SET remaining = remaining - ? WHERE id = ?", (part, lot_id))
            taken.append([lot_id, part])
            amount -= part
        return taken

    @staticmethod
    def _taken_by(origin: Entry) -> Taken:
        """What is still out of each lot that an entry took from: taken, less what went back before."""
        out: dict[int, int] = {}
        rows = execute(
            "SELECT lots, CASE WHEN id = ? THEN 1 ELSE -1 END FROM points_entry WHERE (id = ? OR reverses_id = ?) "
            "AND lots IS NOT NULL ORDER BY id",
            (origin.id, origin.id, origin.id),
        ).fetchall()
        for text, sign in rows:
            for lot_id, points in json.loads(text):
                out[lot_id] = out.get(lot_id, 0) + sign * points
        return [[lot_id, points] for lot_id, points in reversed(list(out.items())) if points > 0]

    @staticmethod
    def _refill(contact_id: int, amount: int, places: Taken) -> tuple[Taken, int]:
        """Put points into lots as far as they are the person's; returns what went where and what found no place."""
        back: Taken = []
        for lot_id, room in places:
            if not amount:
                break
            part = min(amount, room)
            changed = execute(
                "UPDATE points_lot SET remaining = remaining + ? WHERE id = ? AND contact_id = ?",
                (part, lot_id, contact_id),
            ).rowcount
            if changed:
                back.append([lot_id, part])
                amount -= part
        return back, amount

    def _owner(self, entry: Entry) -> int | None:
        """The active contact whose entry it is, held against merging; None when erased."""
        return self.brand.contacts.present(entry.contact_id)

    @staticmethod
    def _new_lot(entry_id: int, contact_id: int, points: int, expires_at: int | None) -> None:
        execute(
            "INSERT INTO points_lot (entry_id, contact_id, remaining, expires_at) VALUES (?, ?, ?, ?)",
            (entry_id, contact_id, points, expires_at),
        )

    def _append(self, contact_id: int | None, kind: str, amount: int, key: str, **more: Any) -> int:
        """The id of a new entry; raises Conflict for a key that was used."""
        made = self._append_new(contact_id, kind, amount, key, **more)
        if made is None:
            raise Conflict(f"the key {key!r} was used for somebody else's points", code="key_used")
        return made

    def _append_new(
        self,
        contact_id: int | None,
        kind: str,
        amount: int,
        key: str,
        *,
        reason: str = "",
        actor: str = "",
        order_id: int | None = None,
        reverses_id: int | None = None,
        lots: Taken | None = None,
        at: int | None = None,
    ) -> int | None:
        """The id of a new entry; None when its key was used before."""
        at = self.brand.now() if at is None else at
        row = execute(
            "INSERT INTO points_entry (contact_id, kind, amount, key, reverses_id, order_id, lots, reason, actor, at, "
            "day) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (key) DO NOTHING RETURNING id",
            (
                contact_id, kind, amount, key, reverses_id, order_id, json.dumps(lots) if lots else None, reason,
                actor, at, self.brand.day(at),
            ),
        ).fetchone()  # fmt: skip
        return None if row is None else int(row[0])


def _same(entry: Entry, contact_id: int, amount: int, kind: str) -> Entry:
    """The entry that a key has already made; raises Conflict when it was made for something else."""
    if (entry.contact_id, entry.amount, entry.kind) != (contact_id, amount, kind):
        raise Conflict(f"the key {entry.key!r} was used for other points", code="key_used")
    return entry


def _number(cursor: Any) -> int:
    (value,) = cursor.fetchone()
    return int(value or 0)
