"""From identities to contacts (身份归一): look up, create, attach and merge, many rows at once.

Policy. Every identity kind of core names an account that one person uses, so
all of them are strong: a phone number, unionid, openid, external_userid, buyer
id or member number that two rows share makes them one contact, and a row whose
identities belong to several contacts merges those, the oldest contact winning.
A household may share a phone, so every such merge is recorded and can be
undone. Nicknames, addresses and masked numbers are never identities.

A suppressed identity is dropped before anything is stored. A row that names
one may still belong to a contact that is known by another identity, but never
makes a new contact.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from ..db import brand_db, current_handle
from ..db.bulk import Rows, allocate_ids, fetch_in, insert_together, update_rows
from ..errors import Busy
from ..models import Contact, Identity
from ..values.identities import normalise
from .suppression import IdentityKey
from .survivors import begin_writing, key_share

if TYPE_CHECKING:
    from ..brands import Brand

T = TypeVar("T")
Node = IdentityKey | int
"""An identity, or the id of a contact that has some."""

WORLDWIDE = frozenset({"phone", "unionid", "external_userid"})
"""Kinds whose values mean the same everywhere; they have no namespace."""

_ATTEMPTS = 10
_CONTACT_COLUMNS = ("id", "uid", "name", "state", "origin", "created_at", "updated_at")
_LEAD_COLUMNS = (*_CONTACT_COLUMNS, "lead_at", "lead_channel_id")
_IDENTITY_COLUMNS = ("contact_id", "kind", "namespace", "value", "verified", "origin", "created_at")


@dataclass(frozen=True, slots=True)
class IdentityIn:
    """One identity in its normal form. Make it with :meth:`of` from anything a person typed."""

    kind: str
    value: str
    namespace: str = ""
    verified: bool = False

    @classmethod
    def of(
        cls, kind: str, raw: object, namespace: str = "", *, verified: bool = False, region: str = "CN"
    ) -> IdentityIn:
        """Normalise ``raw``; raises Invalid when it cannot be an identity of this kind.

        ``namespace`` names the source for kinds that mean something only there
        (openid, buyer, member) and is dropped for the others. ``region`` is the
        country of phone numbers without a country code.
        """
        return cls(kind, normalise(kind, raw, region=region), "" if kind in WORLDWIDE else namespace, verified)


@dataclass(frozen=True, slots=True)
class Resolved:
    """The contact of a row. ``created`` and ``merged`` are told to the first row that caused them.

    ``merged`` holds the ids of contacts that were merged into this one.
    """

    contact_id: int
    uid: str
    created: bool = False
    merged: tuple[int, ...] = ()


class LostRace(Exception):
    """Somebody else wrote between our reading and our writing: read again."""


def settle(attempt: Callable[[], T]) -> T:
    """Run an attempt that reads, decides and writes, again when another process came first.

    Each attempt is a savepoint, so a lost one leaves nothing. SQLite has one
    writer: once the transaction has begun, nobody comes first.
    """
    begin_writing()
    if current_handle().engine == "sqlite":
        return attempt()
    for _ in range(_ATTEMPTS):
        try:
            with brand_db.atomic():
                return attempt()
        except LostRace:
            continue
    raise Busy("the same people are being written by many at once; try again", code="database_busy")


@dataclass(frozen=True, slots=True)
class _Known:
    contact_id: int
    uid: str
    name: str


class _Components:
    """Which identities and contacts of a batch are one person: union-find over keys and contact ids."""

    def __init__(self) -> None:
        self._parent: dict[Node, Node] = {}

    def find(self, node: Node) -> Node:
        parent = self._parent
        root = node
        while root in parent:
            root = parent[root]
        while node != root:
            parent[node], node = root, parent[node]
        return root

    def find_all(self, nodes: list[Node | None]) -> list[Node | None]:
        """The root of every node; None stays None."""
        if not self._parent:
            return nodes
        return [self.find(node) if node is not None else None for node in nodes]

    def union(self, one: Node, two: Node) -> None:
        """Join two nodes. The root of a set is its oldest contact or, without one, the key seen first."""
        one, two = self.find(one), self.find(two)
        if one == two:
            return
        if isinstance(two, int) and (not isinstance(one, int) or two < one):
            one, two = two, one
        self._parent[two] = one

    def merged(self) -> list[tuple[int, int]]:
        """(winner, loser) of every contact that is not the oldest of its set, in order of the losers."""
        losers = sorted(node for node in self._parent if isinstance(node, int))
        return [(self.find(loser), loser) for loser in losers]  # type: ignore[misc]


def resolve_rows(
    brand: Brand,
    rows: Sequence[Sequence[IdentityIn]],
    *,
    at: Sequence[int],
    origin: str,
    names: Sequence[str] | None = None,
    channels: Sequence[int | None] | None = None,
) -> list[Resolved | None]:
    """One attempt at :meth:`Contacts.resolve_many`; raises LostRace when it must be made again.

    ``channels`` says that the rows are leads, and through which channel each came:
    a new contact arrived with its earliest row.
    """
    keyed = [[(i.kind, i.namespace, i.value) for i in row] for row in rows]
    known = look_up({key for row in keyed for key in row}, hold=True)
    missing = {key for row in keyed for key in row if key not in known}
    # Asked after the look-up, which waits for an erasure that is under way: its hashes are seen here.
    suppressed = brand.contacts.suppressions.among(missing)

    sets, blocked = _connect(keyed, known, suppressed)
    roots = sets.find_all(blocked.first)
    barred = {sets.find(node) for node in blocked.barred}
    fresh: dict[IdentityKey, int] = {}
    for index, root in enumerate(roots):
        if isinstance(root, tuple) and root not in barred:
            fresh.setdefault(root, index)

    uids = {person.contact_id: person.uid for person in known.values()}
    ids = dict(zip(fresh, allocate_ids(Contact, len(fresh)) if fresh else (), strict=True))
    contacts = _new_contacts(brand, ids, roots, at, origin, names, channels, uids)
    gained = _store(contacts, keyed, rows, roots, known, suppressed, ids, at, origin)
    merges = sets.merged()
    for winner_id, loser_id in merges:
        brand.contacts.merge(winner_id, loser_id, actor=origin, reason="identities")
    if names is not None:
        _fill_names(brand, roots, names, known)
    brand.contacts.match_waiting(gained.difference(loser for _, loser in merges))

    absorbed: dict[int, list[int]] = {}
    for winner_id, loser_id in merges:
        absorbed.setdefault(winner_id, []).append(loser_id)
    answers: list[Resolved | None] = []
    for index, root in enumerate(roots):
        if isinstance(root, int):
            answers.append(Resolved(root, uids[root], False, tuple(absorbed.pop(root, ()))))
        elif root in ids:
            contact_id = ids[root]
            answers.append(Resolved(contact_id, uids[contact_id], fresh[root] == index))
        else:
            answers.append(None)
    return answers


def look_up(keys: Iterable[IdentityKey], *, hold: bool = False) -> dict[IdentityKey, _Known]:
    """The active contacts that have the identities.

    With ``hold`` they stay unmerged until the transaction ends; raises LostRace
    when one was merged at this very moment.
    """
    by_kind: dict[tuple[str, str], list[str]] = {}
    for kind, namespace, value in keys:
        by_kind.setdefault((kind, namespace), []).append(value)
    known: dict[IdentityKey, _Known] = {}
    tail = key_share() if hold else ""
    for (kind, namespace), values in by_kind.items():
        rows = fetch_in(
            "SELECT i.value, c.id, c.uid, c.name, c.state FROM identity i JOIN contact c ON c.id = i.contact_id "
            f"WHERE i.kind = ? AND i.namespace = ? AND i.value IN ({{in}}){tail}",
            values,
            (kind, namespace),
        )
        for value, contact_id, uid, name, state in rows:
            if state == "active":
                known[kind, namespace, value] = _Known(contact_id, uid, name)
            elif hold:
                raise LostRace
    return known


@dataclass(frozen=True, slots=True)
class _Rows:
    """Per row the first node it connects to (None for nobody), and nodes that may not become new contacts."""

    first: list[Node | None]
    barred: list[Node]


def _connect(
    keyed: Sequence[Sequence[IdentityKey]], known: dict[IdentityKey, _Known], suppressed: set[IdentityKey]
) -> tuple[_Components, _Rows]:
    sets = _Components()
    out = _Rows([], [])
    for row in keyed:
        nodes: list[Node] = [
            person.contact_id if (person := known.get(key)) is not None else key
            for key in row
            if key not in suppressed
        ]
        if not nodes:
            out.first.append(None)
            continue
        out.first.append(nodes[0])
        for node in nodes[1:]:
            sets.union(nodes[0], node)
        if len(nodes) < len(row):
            out.barred.append(nodes[0])
    return sets, out


def _new_contacts(
    brand: Brand,
    ids: dict[IdentityKey, int],
    roots: Sequence[Node | None],
    at: Sequence[int],
    origin: str,
    names: Sequence[str] | None,
    channels: Sequence[int | None] | None,
    uids: dict[int, str],
) -> Rows:
    """The rows of new contacts: first seen at the earliest instant of their rows, with the first name given."""
    earliest: dict[int, int] = {}
    first_name: dict[int, str] = {}
    for index, root in enumerate(roots):
        contact_id = ids.get(root) if isinstance(root, tuple) else None
        if contact_id is None:
            continue
        if contact_id not in earliest or at[index] < at[earliest[contact_id]]:
            earliest[contact_id] = index
        if names is not None and names[index]:
            first_name.setdefault(contact_id, names[index])
    now = brand.now()
    rows = []
    for contact_id, uid in zip(ids.values(), new_uids(len(ids)), strict=True):
        uids[contact_id] = uid
        name, first = first_name.get(contact_id, ""), earliest[contact_id]
        row = (contact_id, uid, name, "active", origin, at[first], now)
        rows.append(row if channels is None else (*row, at[first], channels[first]))
    return Rows(Contact, _CONTACT_COLUMNS if channels is None else _LEAD_COLUMNS, rows)


def new_uids(count: int) -> list[str]:
    """Unguessable ids of contacts for use outside: 96 random bits each, drawn at once."""
    text = secrets.token_hex(12 * count)
    return [text[start : start + 24] for start in range(0, len(text), 24)]


def _store(
    contacts: Rows,
    keyed: Sequence[Sequence[IdentityKey]],
    rows: Sequence[Sequence[IdentityIn]],
    roots: Sequence[Node | None],
    known: dict[IdentityKey, _Known],
    suppressed: set[IdentityKey],
    ids: dict[IdentityKey, int],
    at: Sequence[int],
    origin: str,
) -> set[int]:
    """Store new contacts and the identities that nobody had; returns the contacts that gained one."""
    new: dict[IdentityKey, tuple[int, str, str, str, int, str, int]] = {}
    proven: set[IdentityKey] = set()
    for index, root in enumerate(roots):
        contact_id = root if isinstance(root, int) else ids.get(root) if root is not None else None
        if contact_id is None:
            continue
        for key, identity in zip(keyed[index], rows[index], strict=True):
            if identity.verified:
                proven.add(key)
            if key not in known and key not in suppressed and key not in new:
                new[key] = (contact_id, *key, 0, origin, at[index])
    # Sorted, so that two transactions that store the same identities wait and never deadlock.
    ordered = [
        (*row[:4], 1, *row[5:]) if key in proven else row for key, row in sorted(new.items())
    ]
    identities = Rows(Identity, _IDENTITY_COLUMNS, ordered, "ON CONFLICT (kind, namespace, value) DO NOTHING")
    _, stored = insert_together(contacts, identities)
    if stored != len(ordered):
        raise LostRace
    update_rows(
        "UPDATE identity SET verified = 1 WHERE kind = ? AND namespace = ? AND value = ? AND verified = 0",
        sorted(proven & known.keys()),
    )
    return {row[0] for row in ordered}


def _fill_names(
    brand: Brand,
    roots: Sequence[Node | None],
    names: Sequence[str],
    known: dict[IdentityKey, _Known],
) -> None:
    """Give a name to contacts that have none; a name that is there stays."""
    nameless = {person.contact_id for person in known.values() if not person.name}
    if not nameless:
        return
    found: dict[int, str] = {}
    for root, name in zip(roots, names, strict=True):
        if name and root in nameless:
            found.setdefault(root, name)  # type: ignore[arg-type]
    now = brand.now()
    update_rows(
        "UPDATE contact SET name = ?, updated_at = ? WHERE id = ? AND name = ''",
        [(name, now, contact_id) for contact_id, name in sorted(found.items())],
    )
