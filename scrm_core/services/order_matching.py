"""Whose order is it: buyers resolved to contacts when orders arrive, or later.

An order whose buyer is not a contact yet (an import that makes no contacts of
anonymous buyers) keeps the buyer's identities and waits. It is matched as soon
as a contact gains one of them. ``matched_by`` records how: the kinds of
identities that the order named (``buyer+phone``), with ``late:`` before them
when it had to wait. Identities of suppressed people are not kept.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol

from ..db.bulk import execute, fetch_in, update_rows
from ..errors import Conflict, Veto
from .order_totals import recompute
from .order_types import OrderIn
from .resolving import IdentityIn, look_up
from .suppression import IdentityKey
from .survivors import survivor, survivors

if TYPE_CHECKING:
    from ..brands import Brand

log = logging.getLogger("scrm.orders")

LATE = "late:"
_FEW = 8


class Match(NamedTuple):
    """What is known of an order's buyer: the contact and how it was found, or identities to wait with."""

    contact_id: int | None
    method: str
    buyer: list[list[str]] | None


NOBODY = Match(None, "", None)


class Matchable(Protocol):
    """An order on its way that takes a match."""

    order: OrderIn
    match: Match | None


def match_buyers(brand: Brand, rows: Sequence[Matchable], *, create: bool) -> None:
    """Give every row its match; with ``create`` unknown buyers become contacts."""
    named: dict[str, list[Matchable]] = {}
    for row in rows:
        row.match = NOBODY
        if row.order.buyer:
            named.setdefault(row.order.source, []).append(row)
    for source, group in named.items():
        if not create:
            group = _only_known(brand, group)
        if group:
            _resolve(brand, source, group)
    if len(named) > 1:
        _follow_merges(rows)


def _follow_merges(rows: Sequence[Matchable]) -> None:
    """Point matches at the survivors: the buyers of one source may have merged contacts found for another."""
    standing = survivors({row.match.contact_id for row in rows if row.match and row.match.contact_id is not None})
    for row in rows:
        if row.match is not None and row.match.contact_id is not None:
            row.match = row.match._replace(contact_id=standing[row.match.contact_id])


def _resolve(brand: Brand, source: str, rows: Sequence[Matchable]) -> None:
    now = brand.now()
    orders = [row.order for row in rows]
    names = [order.name for order in orders]
    found = brand.contacts.resolve_many(
        [order.buyer for order in orders],
        at=[order.paid_at if order.paid_at is not None else now for order in orders],
        origin=source,
        names=names if any(names) else None,
    )
    for row, resolved in zip(rows, found, strict=True):
        if resolved is not None:
            row.match = Match(resolved.contact_id, _method(row.order.buyer), None)


def _only_known(brand: Brand, rows: Sequence[Matchable]) -> list[Matchable]:
    """The rows of which a contact has some identity; the others are told to wait."""
    keys = {_key(identity) for row in rows for identity in row.order.buyer}
    known = look_up(keys, hold=True)
    suppressed = brand.contacts.suppressions.among(keys)
    matchable = []
    for row in rows:
        buyer = [_key(identity) for identity in row.order.buyer]
        if any(key in known for key in buyer):
            matchable.append(row)
        elif suppressed.isdisjoint(buyer):
            row.match = Match(None, "", [list(key) for key in buyer])
    return matchable


def known_buyer(buyers: Sequence[Sequence[IdentityIn]]) -> list[int | None]:
    """Per order the oldest contact that has one of the buyer's identities, or None."""
    known = look_up({_key(identity) for buyer in buyers for identity in buyer})
    out = []
    for buyer in buyers:
        ids = [known[key].contact_id for key in map(_key, buyer) if key in known]
        out.append(min(ids) if ids else None)
    return out


def match_waiting(contact_ids: Collection[int] | None = None) -> int:
    """Give waiting orders to the contacts that have their buyer's identities; returns how many.

    Without ``contact_ids`` every waiting order is looked at: that finds the
    orders that arrived in one process while another stored the identity.
    """
    if contact_ids is not None and not contact_ids:
        return 0
    if execute(f"SELECT 1 FROM orders WHERE {_WAITS} LIMIT 1").fetchone() is None:
        return 0
    if contact_ids is None:
        return _match_all()
    rows = fetch_in(
        "SELECT i.kind, i.namespace, i.value, i.contact_id FROM identity i JOIN contact c ON c.id = i.contact_id "
        "WHERE c.state = 'active' AND i.contact_id IN ({in})",
        sorted(contact_ids),
    )
    owners: dict[IdentityKey, int] = {(kind, namespace, value): owner for kind, namespace, value, owner in rows}
    return _assign(_waiting(owners), owners)


def claim(brand: Brand, order_id: int, contact_id: int, method: str) -> bool:
    """Give an order without a buyer to a contact that proved it is theirs; True when it became theirs.

    What the order names of its buyer and nobody else has becomes the contact's
    too. An order that has a buyer keeps it: merge the two contacts instead.
    """
    contact_id = survivor(contact_id)
    row = execute(
        "UPDATE orders SET contact_id = ?, matched_by = ? WHERE id = ? AND contact_id IS NULL RETURNING buyer",
        (contact_id, method, order_id),
    ).fetchone()
    if row is None:
        return False
    for kind, namespace, value in json.loads(row[0] or "[]"):
        try:
            brand.contacts.add_identity(contact_id, IdentityIn(kind, value, namespace), origin=method)
        except (Conflict, Veto) as exc:
            log.info("order %s, claimed by contact %s: %s", order_id, contact_id, exc)
    execute("UPDATE orders SET buyer = NULL WHERE id = ?", (order_id,))
    recompute((contact_id,))
    return True


_WAITS = "contact_id IS NULL AND buyer IS NOT NULL"
Waiting = list[tuple[int, list[IdentityKey]]]


def _match_all() -> int:
    waiting = _waiting(())
    keys = {key for _, buyer in waiting for key in buyer}
    owners = {key: known.contact_id for key, known in look_up(keys, hold=True).items()}
    return _assign(waiting, owners)


def _waiting(keys: Collection[IdentityKey]) -> Waiting:
    """Waiting orders with their buyers' identities; for few keys only those that may have one of them."""
    sql, patterns = f"SELECT id, buyer FROM orders WHERE {_WAITS}", []
    if 0 < len(keys) <= _FEW:
        patterns = [f"%{_escaped(json.dumps(value, ensure_ascii=False))}%" for _, _, value in keys]
        sql += " AND (" + " OR ".join(["buyer LIKE ? ESCAPE '!'"] * len(patterns)) + ")"
    rows = execute(sql + " ORDER BY id", patterns).fetchall()
    return [(order_id, [(k, n, v) for k, n, v in json.loads(buyer)]) for order_id, buyer in rows]


def _assign(waiting: Waiting, owners: dict[IdentityKey, int]) -> int:
    matched, touched = [], set()
    for order_id, buyer in waiting:
        hits = [key for key in buyer if key in owners]
        if hits:
            contact_id = min(owners[key] for key in hits)
            matched.append((contact_id, LATE + "+".join(sorted({kind for kind, _, _ in hits})), order_id))
            touched.add(contact_id)
    update_rows(
        "UPDATE orders SET contact_id = ?, matched_by = ?, buyer = NULL WHERE id = ? AND contact_id IS NULL", matched
    )
    recompute(touched)
    return len(matched)


def _key(identity: IdentityIn) -> IdentityKey:
    return identity.kind, identity.namespace, identity.value


def _method(buyer: Sequence[IdentityIn]) -> str:
    if len(buyer) == 1:
        return buyer[0].kind
    return "+".join(sorted({identity.kind for identity in buyer}))


def _escaped(text: str) -> str:
    return text.replace("!", "!!").replace("%", "!%").replace("_", "!_")
