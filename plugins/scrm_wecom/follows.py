"""Who has whom (好友关系): the relation of a member of staff and a customer, and what its changes mean for the core.

A relation is the pair (staff, customer): a customer may have several members of
staff, and is lost (流失) when none is left. Callbacks may be late, twice or in
any order, and the full sync reads the same facts: whoever comes first writes,
and the others change nothing. Adding back after a half add (免验证) is the same
acquisition; adding again after a loss is another one, with a lead of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from scrm_core.api import IdentityIn, LeadIn, Veto, execute, page_size

from .schemas import NAME

if TYPE_CHECKING:
    from scrm_core.api import Brand

CUSTOMER, STAFF, TRANSFER, SYNC = "customer", "staff", "transfer", "sync"
TRANSFER_MS = 86_400_000
"""How long after a transfer (继承) the new member's add counts as a part of it."""

SUPPRESSED = "suppressed"
_COLUMNS = "id, contact_id, external, staff, state, source, since, lost_at, lost_by"


@dataclass(frozen=True, slots=True)
class Follow:
    """A relation; see :class:`.models.WecomFollow`."""

    id: int
    contact_id: int
    external: str
    staff: str
    state: str
    source: str
    since: int | None
    lost_at: int | None
    lost_by: str


def pair(external: str, staff: str) -> Follow | None:
    """The relation of a pair, or None."""
    row = execute(f"SELECT {_COLUMNS} FROM wecom_follow WHERE external = ? AND staff = ?", (external, staff)).fetchone()
    return None if row is None else Follow(*row)


def of_contact(contact_id: int) -> list[Follow]:
    """Every relation of a contact, lost ones too, oldest first."""
    rows = execute(f"SELECT {_COLUMNS} FROM wecom_follow WHERE contact_id = ? ORDER BY id", (contact_id,)).fetchall()
    return [Follow(*row) for row in rows]


def page(*, after: int = 0, limit: int = 50) -> list[Follow]:
    """Relations with ids above ``after``, ascending. Raises Invalid for a limit that there is not."""
    page_size(limit, 200)
    rows = execute(f"SELECT {_COLUMNS} FROM wecom_follow WHERE id > ? ORDER BY id LIMIT ?", (after, limit)).fetchall()
    return [Follow(*row) for row in rows]


class Follows:
    """Changes of relations in one brand, in the open transaction."""

    def __init__(self, brand: Brand) -> None:
        self.brand = brand

    def added(
        self, external: str, staff: str, at: int, *, source: str = "", half: bool = False, history: bool = False
    ) -> Follow | None:
        """Staff and customer are friends since ``at``; None when that was known, or is over by now.

        A lead is captured for it unless the customer was handed over by a colleague.
        ``history`` marks what a sync found: plugins that reward do not. Raises Veto
        (``suppressed``) for an erased person.
        """
        state = "half" if half else "active"
        known = pair(external, staff)
        if known is None:
            handed_over = self._handed_over(external, at)
            contact_id = self._came(external, staff, at, source, history, lead=not handed_over, half=half)
            row = execute(
                "INSERT INTO wecom_follow (contact_id, external, staff, state, source, since, lost_by) "
                "VALUES (?, ?, ?, ?, ?, ?, '') ON CONFLICT (external, staff) DO NOTHING RETURNING id",
                (contact_id, external, staff, state, source, at),
            ).fetchone()
            return self._told(external, staff, at, again=False, history=history) if row is not None else None
        if known.state == "lost":
            return self._added_again(known, at, source, state, history)
        if state == "active" and known.state == "half":
            self._approved(known, at)
        execute(
            "UPDATE wecom_follow SET state = CASE WHEN ? = 'active' THEN 'active' ELSE state END, "
            "source = CASE WHEN source = '' THEN ? ELSE source END, "
            # A loss between the two may be told yet: the later beginning says that it is over.
            "since = CASE WHEN since IS NULL OR since < CAST(? AS BIGINT) THEN CAST(? AS BIGINT) ELSE since END "
            "WHERE id = ? AND state <> 'lost'",
            (state, source, at, at, known.id),
        )
        return None

    def _approved(self, known: Follow, at: int) -> None:
        """The member of staff added back whoever had added them without being asked (免验证)."""
        done = execute("UPDATE wecom_follow SET state = 'active' WHERE id = ? AND state = 'half'", (known.id,))
        if done.rowcount:
            self.brand.emit(NAME, "approved", known.contact_id, {"staff": known.staff}, at=at)

    def _added_again(self, known: Follow, at: int, source: str, state: str, history: bool) -> Follow | None:
        assert known.lost_at is not None
        if known.since is not None and at <= known.lost_at:
            return None  # what began then is over, and known
        if at <= known.lost_at:
            # Its end was told before its beginning: they came, and are gone.
            self._came(known.external, known.staff, at, source, history, lead=True)
            execute("UPDATE wecom_follow SET since = ?, source = ? WHERE id = ?", (at, source, known.id))
            return None
        self._came(known.external, known.staff, at, source, history, lead=True, half=state == "half")
        changed = execute(
            "UPDATE wecom_follow SET state = ?, since = ?, source = ?, lost_at = NULL, lost_by = '', "
            "welcomed_at = NULL WHERE id = ? AND state = 'lost' AND lost_at = ?",
            (state, at, source, known.id, known.lost_at),
        )
        if not changed.rowcount:
            return None
        return self._told(known.external, known.staff, at, again=True, history=history)

    def lost(self, external: str, staff: str, at: int, by: str) -> bool:
        """The relation ended at ``at``; False when that was known, or it began anew since.

        ``by`` is customer, staff, transfer or sync. Raises Veto (``suppressed``) for an erased person.
        """
        known = pair(external, staff)
        if known is None:
            contact_id = self._person(external, at)
            made = execute(
                "INSERT INTO wecom_follow (contact_id, external, staff, state, source, lost_at, lost_by) "
                "VALUES (?, ?, ?, 'lost', '', ?, ?) ON CONFLICT (external, staff) DO NOTHING",
                (contact_id, external, staff, at, by),
            )
            changed = made.rowcount
        else:
            contact_id = known.contact_id
            changed = execute(
                "UPDATE wecom_follow SET state = 'lost', lost_at = ?, lost_by = ? "
                "WHERE id = ? AND state <> 'lost' AND (since IS NULL OR since <= ?)",
                (at, by, known.id, at),
            ).rowcount
        if not changed:
            return False
        left = execute(
            "SELECT count(*) FROM wecom_follow WHERE contact_id = ? AND state <> 'lost'", (contact_id,)
        ).fetchone()[0]
        self.brand.emit(NAME, "lost", contact_id, {"staff": staff, "by": by, "left": left}, at=at)
        return True

    def _told(self, external: str, staff: str, at: int, *, again: bool, history: bool) -> Follow:
        made = pair(external, staff)
        assert made is not None
        if not history:
            fields = {"staff": staff, "state": made.source, "half": int(made.state == "half"), "again": int(again)}
            self.brand.emit(NAME, "added", made.contact_id, fields, at=at)
        return made

    def _came(
        self, external: str, staff: str, at: int, source: str, history: bool, *, lead: bool, half: bool = False
    ) -> int:
        """The customer's contact; with ``lead`` they come as a lead, once per pair and beginning."""
        if lead:
            wanted = LeadIn(
                source=NAME,
                reference=f"{staff}/{external}/{at // 1_000}",
                identities=(IdentityIn.of("external_userid", external),),
                at=at,
                state=source,
                fields={"staff": staff, **({"approved": "no"} if half else {})},
                backfill=history,
            )
            try:
                return self.brand.contacts.capture_lead(wanted).contact_id
            except Veto as veto:
                if veto.code == SUPPRESSED:
                    raise
                # A guard keeps the lead out; that they are friends is a fact all the same.
        return self._person(external, at)

    def _person(self, external: str, at: int) -> int:
        return self.brand.contacts.resolve(
            (IdentityIn.of("external_userid", external),), at=at, origin=NAME
        ).contact_id

    def _handed_over(self, external: str, at: int) -> bool:
        row = execute(
            "SELECT 1 FROM wecom_follow WHERE external = ? AND lost_by = 'transfer' "
            "AND lost_at BETWEEN ? AND ? LIMIT 1",
            (external, at - TRANSFER_MS, at),
        ).fetchone()
        return row is not None


def counts() -> list[tuple[str, int, int, int, int, int]]:
    """Per member of staff: relations that began, that stand, half ones, lost by the customer, lost otherwise."""
    return [
        tuple(row)  # type: ignore[misc]
        for row in execute(
            "SELECT staff, sum(CASE WHEN since IS NOT NULL THEN 1 ELSE 0 END), "
            "sum(CASE WHEN state = 'active' THEN 1 ELSE 0 END), sum(CASE WHEN state = 'half' THEN 1 ELSE 0 END), "
            "sum(CASE WHEN lost_by = 'customer' THEN 1 ELSE 0 END), "
            "sum(CASE WHEN lost_by NOT IN ('', 'customer') THEN 1 ELSE 0 END) "
            "FROM wecom_follow GROUP BY staff ORDER BY staff"
        ).fetchall()
    ]
