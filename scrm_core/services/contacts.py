"""Contacts (客户): who they are, how they are found, where they came from.

``uid`` is the unguessable id for use outside; ids and uids of a merged contact
keep answering with the contact that stayed. An erased contact is not found.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..db import current_handle, transactional
from ..db.bulk import execute, fetch_in, insert_rows
from ..errors import Conflict, Invalid, NotFound, ScrmError, Veto
from ..limits import LIMITS
from ..models import Touch
from ..values.text import clean_text
from . import leads, merges, resolving
from .audit import record
from .consent import ConsentIn
from .leads import LeadIn, LeadResult
from .merges import MergePreview
from .resolving import IdentityIn, Resolved
from .suppression import Suppressions
from .survivors import begin_writing, survivor, survivors

if TYPE_CHECKING:
    from ..brands import Brand

__all__ = [
    "ConsentIn",
    "ContactView",
    "Contacts",
    "IdentityIn",
    "IdentityView",
    "LeadIn",
    "LeadResult",
    "MergeView",
    "Resolved",
    "TouchView",
]

DERIVED_TOUCHES = frozenset({"lead", "order", "visit", "group"})
"""Touches that follow from leads, orders, visits and group stays; nobody adds them by hand."""


@dataclass(frozen=True, slots=True)
class ContactView:
    """A contact. ``money`` is in minor units; instants are epoch milliseconds, days ``date.toordinal()``.

    ``occasions`` counts distinct purchase days, ``cycle_days`` is the mean number
    of days between them; ``lead_channel`` is the code of the channel through
    which the contact first came.
    """

    id: int
    uid: str
    name: str
    state: str
    origin: str
    created_at: int
    updated_at: int
    lead_at: int | None
    lead_channel: str
    orders: int
    occasions: int
    money: int
    first_order_at: int | None
    last_order_at: int | None
    first_day: int | None
    last_day: int | None
    cycle_days: int | None


@dataclass(frozen=True, slots=True)
class IdentityView:
    """An identity of a contact, in clear: mask it before showing it."""

    kind: str
    namespace: str
    value: str
    verified: bool
    origin: str
    created_at: int


@dataclass(frozen=True, slots=True)
class TouchView:
    """One step of a contact's chain of touches (触点链路): lead, visit, group, order or a caller's own kind."""

    kind: str
    ref: str
    at: int
    channel: str
    link: str


@dataclass(frozen=True, slots=True)
class MergeView:
    """A recorded merge; ``undone_at`` is None while it is in force."""

    id: int
    winner_id: int
    loser_id: int
    at: int
    actor: str
    reason: str
    undone_at: int | None


_VIEW = (
    "SELECT c.id, c.uid, c.name, c.state, c.origin, c.created_at, c.updated_at, c.lead_at, "
    "coalesce(ch.code, ''), c.orders, c.occasions, c.money, c.first_order_at, c.last_order_at, "
    "c.first_day, c.last_day, c.cycle_days FROM contact c LEFT JOIN channel ch ON ch.id = c.lead_channel_id "
)
# Each step asks the index of (kind, namespace, value) for the next kind or namespace; what scans is nowhere.
_KNOWN_BY = """
WITH RECURSIVE kinds(kind) AS (
    SELECT min(kind) FROM identity
    UNION ALL SELECT (SELECT min(i.kind) FROM identity i WHERE i.kind > k.kind) FROM kinds k WHERE k.kind IS NOT NULL
), spaces(kind, namespace) AS (
    SELECT k.kind, (SELECT min(i.namespace) FROM identity i WHERE i.kind = k.kind) FROM kinds k WHERE k.kind IS NOT NULL
    UNION ALL
    SELECT s.kind, (SELECT min(i.namespace) FROM identity i WHERE i.kind = s.kind AND i.namespace > s.namespace)
    FROM spaces s WHERE s.namespace IS NOT NULL
)
SELECT (SELECT i.contact_id FROM identity i WHERE i.kind = s.kind AND i.namespace = s.namespace AND i.value = ?)
FROM spaces s WHERE s.namespace IS NOT NULL
"""
_CHAIN = """
SELECT kind, ref, at, channel_id, link_id, id FROM touch WHERE contact_id = ?
UNION ALL SELECT 'order', source || '/' || number, paid_at, NULL, NULL, id
FROM orders WHERE contact_id = ? AND paid_at IS NOT NULL
UNION ALL SELECT 'visit', l.code, v.at, l.channel_id, l.id, v.id
FROM visit v JOIN link l ON l.id = v.link_id WHERE v.contact_id = ?
UNION ALL SELECT 'group', g.code, m.joined_at, NULL, NULL, m.id
FROM group_member m JOIN chat_group g ON g.id = m.group_id WHERE m.contact_id = ?
"""


class Contacts:
    """The contacts of a brand; use it inside ``with brand:``."""

    def __init__(self, brand: Brand) -> None:
        self.brand = brand
        self.suppressions = Suppressions(brand)

    # Finding and making ------------------------------------------------------

    @transactional
    def resolve_many(
        self,
        rows: Sequence[Sequence[IdentityIn]],
        *,
        at: Sequence[int],
        origin: str,
        names: Sequence[str] | None = None,
    ) -> list[Resolved | None]:
        """The contact of each row of identities, in a few statements for all of them.

        Rows that share an identity, with one another or with what is stored, give
        one contact; contacts that turn out to be one are merged, the oldest
        winning (the policy is in :mod:`.resolving`). ``at`` holds the instant of
        each row: a new contact is first seen at the earliest. ``names`` fill empty
        names. The answer is None for a row without identities and for a row that
        would bring back an erased person.
        """
        return resolving.settle(
            lambda: resolving.resolve_rows(self.brand, rows, at=at, origin=origin, names=names)
        )

    def resolve(
        self, identities: Sequence[IdentityIn], *, at: int, origin: str, name: str = "", create: bool = True
    ) -> Resolved:
        """The contact that has the identities; created, completed or merged as needed.

        With ``create`` false nothing is written: the oldest contact that has one of
        them is the answer, and NotFound is raised when none has. Raises Invalid
        without identities, Veto (code ``suppressed``) for an erased person.
        """
        if not identities:
            raise Invalid("no identity is given")
        if not create:
            known = resolving.look_up({(i.kind, i.namespace, i.value) for i in identities})
            if not known:
                raise NotFound("no contact has this identity; an order, a lead or POST /contacts makes one")
            oldest = min(known.values(), key=lambda person: person.contact_id)
            return Resolved(oldest.contact_id, oldest.uid)
        (answer,) = self.resolve_many([identities], at=[at], origin=origin, names=[name])
        if answer is None:
            raise Veto("this person was erased and must not come back", code="suppressed")
        return answer

    def suppressed(self, identities: Iterable[IdentityIn]) -> set[IdentityIn]:
        """Those of the identities that belong to an erased person and must not be stored."""
        by_key = {(i.kind, i.namespace, i.value): i for i in identities}
        return {by_key[key] for key in self.suppressions.among(by_key)}

    @transactional
    def capture_leads(self, rows: Sequence[LeadIn]) -> list[LeadResult | Invalid | Veto]:
        """Capture leads; each answer is a result, or the error that refuses that lead alone.

        A lead whose name is known changes nothing and answers ``updated=False``.
        Otherwise the contact is resolved, its first arrival noted by event time, the
        tags of the channel set, consents recorded and ``lead.captured`` appended, all
        in this transaction.
        """
        return resolving.settle(lambda: leads.capture_rows(self.brand, rows))

    @transactional
    def capture_lead(self, lead: LeadIn) -> LeadResult:
        """Capture one lead; raises what refuses it (Invalid, or Veto of a plugin or for an erased person)."""
        (answer,) = self.capture_leads([lead])
        if isinstance(answer, ScrmError):
            raise answer
        return answer

    @transactional
    def add_identity(self, contact_id: int, identity: IdentityIn, *, origin: str, at: int | None = None) -> bool:
        """Give a contact one more identity; True when it was new.

        Raises Conflict (code ``identity_taken``) when another contact has it: merge
        the two instead. Raises Veto when it is suppressed, NotFound for the contact.
        """
        return resolving.settle(lambda: self._add_identity(contact_id, identity, origin, at))

    def _add_identity(self, contact_id: int, identity: IdentityIn, origin: str, at: int | None) -> bool:
        contact_id = survivor(contact_id)
        key = (identity.kind, identity.namespace, identity.value)
        owner = resolving.look_up([key], hold=True).get(key)
        if owner is not None:
            if owner.contact_id != contact_id:
                raise Conflict(f"another contact has this {identity.kind}", code="identity_taken")
            return False
        if self.suppressions.among([key]):
            raise Veto("this identity belongs to an erased person", code="suppressed")
        at = self.brand.now() if at is None else at
        stored = execute(
            "INSERT INTO identity (contact_id, kind, namespace, value, verified, origin, created_at) "
            "VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (kind, namespace, value) DO NOTHING",
            (contact_id, *key, int(identity.verified), origin, at),
        )
        if stored.rowcount != 1:
            raise resolving.LostRace
        self.match_waiting([contact_id])
        return True

    def match_waiting(self, contact_ids: Iterable[int]) -> None:
        """Give contacts that gained identities the orders that were waiting for them."""
        ids = sorted(contact_ids)
        if ids:
            self.brand.orders.match_waiting(ids)

    @transactional
    def rename(self, contact_id: int, name: str) -> bool:
        """Set a contact's name; True when it changed."""
        name = clean_text(name, field="name", max_length=LIMITS.name)
        begin_writing()
        changed = execute(
            "UPDATE contact SET name = ?, updated_at = ? WHERE id = ? AND name <> ?",
            (name, self.brand.now(), survivor(contact_id), name),
        )
        return bool(changed.rowcount)

    # Merging -----------------------------------------------------------------

    def preview_merge(self, winner_id: int, loser_id: int) -> MergePreview:
        """What a merge would move; writes nothing. Raises what :meth:`merge` raises."""
        return merges.preview(self.brand, winner_id, loser_id)

    @transactional
    def merge(self, winner_id: int, loser_id: int, *, actor: str, reason: str) -> int:
        """Merge two contacts; returns the id that undoes it. See :mod:`.merges` for the rules and errors."""
        merge_id = merges.merge(self.brand, winner_id, loser_id, actor=actor, reason=reason)
        record(self.brand, actor, "contact.merge", f"contact:{winner_id}", {"merge": merge_id, "loser": loser_id})
        return merge_id

    @transactional
    def undo_merge(self, merge_id: int, *, actor: str) -> None:
        """Undo a merge exactly; see :mod:`.merges` for the rules and errors."""
        winner_id = merges.undo(self.brand, merge_id, actor=actor)
        record(self.brand, actor, "contact.undo_merge", f"contact:{winner_id}", {"merge": merge_id})

    def merges(self, contact_id: int) -> list[MergeView]:
        """Every merge that a contact took part in, oldest first."""
        rows = execute(
            "SELECT id, winner_id, loser_id, at, actor, reason, undone_at FROM contact_merge "
            "WHERE winner_id = ? OR loser_id = ? ORDER BY id",
            (contact_id, contact_id),
        ).fetchall()
        return [MergeView(*row) for row in rows]

    # Reading -----------------------------------------------------------------

    def get(self, uid: str) -> ContactView:
        """The contact with this uid, or the one it was merged into; NotFound otherwise."""
        row = execute("SELECT id FROM contact WHERE uid = ?", (uid,)).fetchone()
        if row is None:
            raise NotFound("no such contact")
        return self.get_by_id(row[0])

    def get_by_id(self, contact_id: int) -> ContactView:
        """The contact with this id, or the one it was merged into; NotFound otherwise."""
        standing = survivors((contact_id,), hold=False)
        row = execute(_VIEW + "WHERE c.id = ?", (standing.get(contact_id, 0),)).fetchone()
        if row is None:
            raise NotFound("no such contact")
        return ContactView(*row)

    def names(self, contact_ids: Iterable[int | None]) -> dict[int | None, tuple[str, str]]:
        """(uid, name) of whom each id stands for now, for a list of people; who was erased is missing.

        As many statements for three hundred ids as for one, unless people were merged.
        """
        standing = survivors({each for each in contact_ids if each is not None}, hold=False)
        rows = fetch_in("SELECT id, uid, name FROM contact WHERE id IN ({in})", sorted(set(standing.values())))
        told = {row[0]: (str(row[1]), str(row[2] or "")) for row in rows}
        return {asked: told[now] for asked, now in standing.items() if now in told}

    def survivor(self, contact_id: int) -> int:
        """The active contact that an id stands for; NotFound when it is unknown or erased.

        Call it at the start of a write: the contact then stays unmerged until the transaction ends.
        """
        begin_writing()
        return survivor(contact_id)

    def present(self, contact_id: int | None) -> int | None:
        """The contact that an event's ``contact_id`` stands for now; None for nobody, or somebody erased meanwhile.

        Begin a handler with it: merged contacts are followed, and like :meth:`survivor` it keeps the contact from being
        merged until the transaction ends.
        """
        if contact_id is None:
            return None
        begin_writing()
        return survivors([contact_id]).get(contact_id)

    def find(self, kind: str, value: str, namespace: str = "") -> ContactView | None:
        """The contact that has an identity in its normal form, or None."""
        row = execute(
            _VIEW + "JOIN identity i ON i.contact_id = c.id WHERE i.kind = ? AND i.namespace = ? AND i.value = ?",
            (kind, namespace, value),
        ).fetchone()
        return ContactView(*row) if row is not None else None

    def known_by(self, value: str) -> list[int]:
        """Ids of the contacts that have this value, in its normal form, as an identity of any kind.

        It asks once for each kind and namespace that the brand has, and never reads all identities.
        """
        return sorted({row[0] for row in execute(_KNOWN_BY, (value,)) if row[0] is not None})

    def named(self, beginning: str, limit: int = 50) -> list[ContactView]:
        """Active contacts whose name begins so, whatever the case of Latin letters, by name; at most ``limit``.

        An index answers: what stands in the middle of a name is not looked for.
        """
        name = "lower(c.name)" if current_handle().engine == "sqlite" else 'lower(c.name) COLLATE "C"'
        rows = execute(
            f"{_VIEW}WHERE c.name <> '' AND {name} >= lower(CAST(? AS TEXT)) AND {name} < lower(CAST(? AS TEXT)) "
            f"AND c.state = 'active' ORDER BY {name}, c.id LIMIT ?",
            (beginning, f"{beginning}\U0010ffff", limit),
        ).fetchall()
        return [ContactView(*row) for row in rows]

    def page(self, after_id: int | None = None, limit: int = 50) -> list[ContactView]:
        """Active contacts by id; ``after_id`` is the last id of the page before."""
        rows = execute(
            _VIEW + "WHERE c.id > ? AND c.state = 'active' ORDER BY c.id LIMIT ?",
            (after_id or 0, min(limit, LIMITS.page_rows)),
        ).fetchall()
        return [ContactView(*row) for row in rows]

    def identities(self, contact_id: int) -> list[IdentityView]:
        """A contact's identities by kind, oldest first."""
        rows = execute(
            "SELECT kind, namespace, value, verified, origin, created_at FROM identity "
            "WHERE contact_id = ? ORDER BY kind, id",
            (contact_id,),
        ).fetchall()
        return [IdentityView(*row[:3], row[3] == 1, *row[4:]) for row in rows]

    # The chain of touches ----------------------------------------------------

    @transactional
    def add_touch(
        self,
        contact_id: int,
        kind: str,
        ref: str,
        *,
        at: int,
        key: str,
        channel_id: int | None = None,
        link_id: int | None = None,
    ) -> bool:
        """Add a step such as ``ad``, ``page`` or ``live_room``; False when ``key`` was used before.

        Leads, visits, group stays and orders enter the chain by themselves. Raises
        Invalid for those kinds and for an empty kind or key.
        """
        kind = clean_text(kind, field="kind", max_length=LIMITS.name)
        key = clean_text(key, field="key", max_length=LIMITS.name)
        if not kind or kind in DERIVED_TOUCHES:
            raise Invalid(f"a touch of kind {kind!r} cannot be added by hand", field="kind")
        if not key or key.startswith("lead:"):
            raise Invalid("a touch needs a key of its own", field="key")
        begin_writing()
        row = (survivor(contact_id), kind, clean_text(ref, field="ref"), channel_id, link_id, at, key)
        columns = ("contact_id", "kind", "ref", "channel_id", "link_id", "at", "key")
        return insert_rows(Touch, columns, [row], on_conflict="ON CONFLICT (key) DO NOTHING") == 1

    def touches(self, contact_id: int) -> list[TouchView]:
        """The contact's chain in the order of time: ad, page, visit, group, lead, order and so on."""
        rows = execute(
            "SELECT chain.kind, chain.ref, chain.at, coalesce(ch.code, ''), coalesce(l.code, '') "
            f"FROM ({_CHAIN}) AS chain LEFT JOIN channel ch ON ch.id = chain.channel_id "
            "LEFT JOIN link l ON l.id = chain.link_id ORDER BY chain.at, chain.kind, chain.id",
            (contact_id,) * 4,
        ).fetchall()
        return [TouchView(*row) for row in rows]
