"""Erasing a person (PIPL article 47): everything that identifies them goes, in one transaction.

What the law demands stays without identity: orders and rewards keep their
amounts under a number that leads to nobody (E-Commerce Law article 31), and
consents keep what was agreed and when. Keyed hashes of the identities stay so
that a later import does not bring the person back. A plugin that cannot erase
fails the whole request: nothing is half erased.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import peewee

from ..clock import iso
from ..db import brand_db, current_handle
from ..db.bulk import execute, fetch_in, update_rows
from ..errors import Incomplete
from ..facts import PersonQuery
from .personal_data import person_of
from .references import Reference, references, unclaimed_references
from .suppression import IdentityKey

if TYPE_CHECKING:
    from ..brands import Brand

KEPT = (
    {"what": "orders and refunds without identity", "why": "E-Commerce Law article 31, accounting records"},
    {"what": "rewards without identity", "why": "the ledger's sums must stay right"},
    {"what": "that messages were sent, without address and text", "why": "reports must stay right"},
    {"what": "consent decisions without evidence", "why": "proof of what was agreed"},
    {"what": "keyed hashes of the identities", "why": "a later import must not bring the person back"},
)
DELETED = ("identity", "contact_tag", "touch", "group_member", "membership", "consumer_session", "consumer_link")
"""Core tables whose rows about the person go."""

STRIPPED = ("consent", "message", "message_in", "orders", "reward", "visit")
"""Core tables whose rows stay without what identifies the person."""

_SCAN = 5_000
_EMPTY_MERGE = '{"rows":{},"kept":{},"name":["",""],"consents":[]}'


def erase(brand: Brand, contact_id: int, *, actor: str) -> dict[str, Any]:
    """Erase an active contact and all contacts merged into it; returns the receipt.

    Raises Incomplete when a plugin did not erase its part.
    """
    if current_handle().engine == "sqlite":
        # Deleted rows are overwritten: a freed page must not keep a phone number.
        execute("PRAGMA secure_delete = ON")
    query = person_of(contact_id)
    ids = query.contact_ids
    _lock(ids)
    now = brand.now()
    keys: list[IdentityKey] = [
        (row[0], row[1], row[2])
        for row in fetch_in("SELECT kind, namespace, value FROM identity WHERE contact_id IN ({in})", ids)
    ]
    plugins = _erase_plugins(brand, query)
    marks = ", ".join("?" * len(ids))
    execute(
        f"UPDATE contact SET state = 'erased', merged_into_id = NULL, name = '', origin = '', updated_at = ? "
        f"WHERE id IN ({marks})",
        (now, *ids),
    )
    brand.contacts.suppressions.add(keys, reason="erased", at=now)
    _forget_forms(ids)
    erased = {
        table: execute(f'DELETE FROM "{table}" WHERE contact_id IN ({marks})', ids).rowcount
        for table in DELETED
    }
    _forget_orders(ids, keys)
    erased["do_not_contact"] = _forget_messages(brand, ids, keys, now)
    execute(f"UPDATE reward SET reason = '' WHERE contact_id IN ({marks})", ids)
    execute(f"UPDATE consent SET evidence = NULL WHERE contact_id IN ({marks})", ids)
    execute(
        f"UPDATE contact_merge SET moved = ?, reason = '' WHERE winner_id IN ({marks}) OR loser_id IN ({marks})",
        (_EMPTY_MERGE, *ids, *ids),
    )
    erased["visit"] = _forget_visits(ids)
    _forget_events(ids)
    uids = [row[0] for row in fetch_in("SELECT uid FROM contact WHERE id IN ({in})", ids)]
    _forget_answers(uids)
    return _receipt(brand, query, uids, erased, plugins, len(keys), actor)


def receipt_of(contact_id: int) -> dict[str, Any] | None:
    """The receipt of a contact erased earlier, or None."""
    row = execute(
        "SELECT e.receipt FROM erasure e JOIN contact c ON c.uid = e.uid WHERE c.id = ?", (contact_id,)
    ).fetchone()
    return None if row is None else dict(json.loads(row[0]))


def receipt_by_uid(uid: str) -> dict[str, Any] | None:
    """The receipt of a person erased earlier, by a uid the person's contacts had, or None."""
    row = execute("SELECT receipt FROM erasure WHERE uid = ?", (uid,)).fetchone()
    return None if row is None else dict(json.loads(row[0]))


def empty_log() -> None:
    """Empty SQLite's write-ahead log, which still holds pages from before; call it after the commit."""
    if current_handle().engine == "sqlite":
        execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


def _lock(ids: Sequence[int]) -> None:
    hold = "" if current_handle().engine == "sqlite" else " ORDER BY id FOR UPDATE"
    fetch_in(f"SELECT id FROM contact WHERE id IN ({{in}}){hold}", sorted(ids))


def _erase_plugins(brand: Brand, query: PersonQuery) -> dict[str, int]:
    """Let every plugin erase, then delete its rows about the person; returns rows deleted per plugin."""
    for name, plugin in brand.plugins.items():
        try:
            plugin.erase_personal_data(query)
        except Exception as exc:
            raise Incomplete(
                f"plugin {name!r} did not erase its part ({type(exc).__name__}): nothing was erased", plugin=name
            ) from exc
    owners = {m._meta.table_name: name for name, plugin in brand.plugins.items() for m in plugin.models}
    theirs = [each for each in references(brand) if each.table in owners]
    theirs += unclaimed_references(brand)
    deleted = dict.fromkeys(brand.plugins, 0)
    for reference, count in _delete_all(theirs, query.contact_ids):
        owner = owners.get(reference.table, "switched off")
        deleted[owner] = deleted.get(owner, 0) + count
    return deleted


def _delete_all(waiting: list[Reference], ids: Sequence[int]) -> list[tuple[Reference, int]]:
    """Delete the rows behind references, those first that no other row needs; returns how many of each."""
    marks = ", ".join("?" * len(ids))
    done = []
    while waiting:
        refused = []
        for reference in waiting:
            sql = f'DELETE FROM "{reference.table}" WHERE "{reference.column}" IN ({marks})'
            try:
                with brand_db.atomic():
                    done.append((reference, execute(sql, tuple(ids)).rowcount))
            except peewee.IntegrityError:
                refused.append(reference)
        if len(refused) == len(waiting):
            raise Incomplete(
                f"rows of table {refused[0].table!r} are needed by others and cannot be deleted: nothing was "
                "erased; the plugin must take them apart in erase_personal_data()",
                table=refused[0].table,
            )
        waiting = refused
    return done


def _forget_orders(ids: Sequence[int], keys: Iterable[IdentityKey]) -> None:
    """Take the buyer's identities out of orders, also of those that still wait for the buyer."""
    marks = ", ".join("?" * len(ids))
    execute(f"UPDATE orders SET buyer = NULL, digest = '' WHERE contact_id IN ({marks})", tuple(ids))
    gone = set(keys)
    waiting = execute("SELECT id, buyer FROM orders WHERE contact_id IS NULL AND buyer IS NOT NULL").fetchall()
    named = [
        (order_id,) for order_id, buyer in waiting if not gone.isdisjoint(tuple(key) for key in json.loads(buyer))
    ]
    update_rows("UPDATE orders SET buyer = NULL, digest = '' WHERE id = ?", named)


def _forget_messages(brand: Brand, ids: Sequence[int], keys: Iterable[IdentityKey], now: int) -> int:
    """Cancel what waits, take address and text out of what was sent and received; returns entries deleted.

    Messages to and from a number of the person, told when it was nobody's, are theirs too. The keyed
    hash that stays keeps commercial messages away, so the entries in clear can go.
    """
    addresses = sorted({value for _, _, value in keys})
    received: dict[int, tuple[str, str]] = {}
    for column, values in (("contact_id", list(ids)), ("address", addresses)):
        sent = fetch_in(f"SELECT id FROM message WHERE {column} IN ({{in}})", values)
        update_rows(
            "UPDATE message SET state = 'canceled', reason = 'erased', final_at = ?, updated_at = ? "
            "WHERE id = ? AND state = 'queued'",
            [(now, now, message_id) for (message_id,) in sent],
        )
        update_rows("UPDATE message SET address = NULL, body = NULL, params = NULL WHERE id = ?", sent)
        for message_id, channel, ref in fetch_in(
            f"SELECT id, channel, ref FROM message_in WHERE {column} IN ({{in}})", values
        ):
            received[message_id] = channel, ref
    stands_for = brand.contacts.suppressions.erased_reference
    update_rows(
        "UPDATE message_in SET address = '', text = '', ref = ? WHERE id = ?",
        [(stands_for(*received[key]), key) for key in sorted(received)],
    )
    if received:
        for page in _log_pages("type = 'message.received'", ()):
            _rewrite((key, {**data, "text": ""}) for key, data in page if data.get("message_in_id") in received)
    return update_rows("DELETE FROM do_not_contact WHERE address = ?", [(address,) for address in addresses])


def _forget_visits(ids: Sequence[int]) -> int:
    """Part the visits from the person, in the table and in the log; returns how many."""
    rows = fetch_in("SELECT id, visitor FROM visit WHERE contact_id IN ({in})", ids)
    visitors = sorted({visitor for _, visitor in rows if visitor})
    marks = ", ".join("?" * len(ids))
    execute(f"UPDATE visit SET contact_id = NULL, visitor = '' WHERE contact_id IN ({marks})", tuple(ids))
    if visitors:
        known = set(visitors)
        update_rows("UPDATE visit SET visitor = '' WHERE visitor = ?", [(visitor,) for visitor in visitors])
        for page in _log_pages("type = 'link.visited'", ()):
            _rewrite(
                (event_id, {**data, "visitor": ""}) for event_id, data in page if data.get("visitor") in known
            )
    return len(rows)


def _forget_events(ids: Sequence[int]) -> None:
    """Empty what leads said about the person, and the traces that failed handlers left of it."""
    marks = ", ".join("?" * len(ids))
    for page in _log_pages(f"type = 'lead.captured' AND contact_id IN ({marks})", ids):
        _rewrite((event_id, {**data, "lead": "", "state": "", "fields": {}}) for event_id, data in page)
    execute(
        "UPDATE parked SET error = 'erased', traceback = '' WHERE event_id IN "
        f"(SELECT id FROM event WHERE contact_id IN ({marks}))",
        tuple(ids),
    )


def _log_pages(where: str, params: Sequence[Any]) -> Iterator[list[tuple[int, dict[str, Any]]]]:
    last = 0
    while True:
        rows = execute(
            f"SELECT id, data FROM event WHERE id > ? AND {where} ORDER BY id LIMIT ?", (last, *params, _SCAN)
        ).fetchall()
        if not rows:
            return
        last = rows[-1][0]
        yield [(event_id, json.loads(text)) for event_id, text in rows]


def _rewrite(events: Iterable[tuple[int, dict[str, Any]]]) -> None:
    update_rows(
        "UPDATE event SET data = ? WHERE id = ?",
        [(json.dumps(data, ensure_ascii=False, separators=(",", ":")), event_id) for event_id, data in events],
    )


def _forget_answers(uids: Iterable[str]) -> None:
    """Delete kept answers to requests that speak of the person."""
    for uid in uids:
        execute("DELETE FROM idempotency WHERE body LIKE ?", (f"%{uid}%",))


def _forget_forms(ids: Sequence[int]) -> None:
    """Delete kept answers to forms that the person sent, while their sessions are still known."""
    for (uid,) in fetch_in("SELECT uid FROM consumer_session WHERE contact_id IN ({in})", ids):
        execute("DELETE FROM idempotency WHERE key_id = ?", (f"page:{uid}",))


def _receipt(
    brand: Brand,
    query: PersonQuery,
    uids: Sequence[str],
    erased: dict[str, int],
    plugins: dict[str, int],
    suppressed: int,
    actor: str,
) -> dict[str, Any]:
    now = brand.now()
    (uid,) = execute("SELECT uid FROM contact WHERE id = ?", (query.contact_id,)).fetchone()
    receipt = {
        "uid": uid,
        "at": iso(now, brand.zone),
        "actor": actor,
        "erased": erased,
        "plugins": plugins,
        "suppressed_identities": suppressed,
        "kept": list(KEPT),
    }
    text = json.dumps(receipt, ensure_ascii=False, separators=(",", ":"))
    update_rows(
        "INSERT INTO erasure (uid, at, receipt) VALUES (?, ?, ?) ON CONFLICT (uid) DO NOTHING",
        [(each, now, text) for each in sorted(uids)],
    )
    return receipt
