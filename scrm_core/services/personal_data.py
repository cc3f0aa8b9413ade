"""The copy of what a brand holds about a person (PIPL article 45): one JSON-able dict.

Everything is told of the contact and of all contacts merged into it. Instants
are ISO 8601 texts in the brand's zone, money is integer minor units. Each
plugin has a section; one that fails is named in ``incomplete``.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ..clock import iso
from ..db import InstantField
from ..db.bulk import execute, fetch_in
from ..facts import PersonQuery
from .references import references, unclaimed_references

if TYPE_CHECKING:
    from ..brands import Brand


def person_of(contact_id: int) -> PersonQuery:
    """A contact with every contact that was merged into it, directly or not."""
    ids, ring = [contact_id], [contact_id]
    while ring:
        rows = fetch_in("SELECT id FROM contact WHERE merged_into_id IN ({in}) ORDER BY id", ring)
        ring = [row[0] for row in rows]
        ids += ring
    return PersonQuery(contact_id, tuple(ids))


def collect(brand: Brand, contact_id: int) -> dict[str, Any]:
    """The export of an active contact."""
    query = person_of(contact_id)
    ids = query.contact_ids
    contacts = brand.contacts
    answer: dict[str, Any] = {
        "contact": _contact(brand, contact_id),
        "identities": [
            {"kind": i.kind, "namespace": i.namespace, "value": i.value, "verified": i.verified, "origin": i.origin}
            for i in contacts.identities(contact_id)
        ],
        "tags": [
            {"group": t.group, "tag": t.name, "origin": t.origin, "since": iso(t.at, brand.zone)}
            for t in brand.tags.of(contact_id)
        ],
        "consents": [
            {
                "purpose": c.purpose,
                "channel": c.channel,
                "granted": c.granted,
                "at": iso(c.at, brand.zone),
                "source": c.source,
                "text_version": c.text_version,
                "evidence": c.evidence,
            }
            for each in ids
            for c in brand.consent.history(each)
        ],
        "orders": _orders(brand, ids),
        "rewards": _told(
            brand,
            "SELECT kind, quantity, cost_minor, issued, reason, at, reverses_id IS NOT NULL AS reversal "
            "FROM reward WHERE contact_id IN ({in}) ORDER BY at, id",
            ids,
        ),
        "touches": [
            {"kind": t.kind, "ref": t.ref, "at": iso(t.at, brand.zone), "channel": t.channel, "link": t.link}
            for each in ids
            for t in contacts.touches(each)
        ],
        "leads": _leads(brand, ids),
        "groups": _told(
            brand,
            "SELECT g.code, g.name, m.joined_at, m.left_at, m.source FROM group_member m "
            "JOIN chat_group g ON g.id = m.group_id WHERE m.contact_id IN ({in}) ORDER BY m.joined_at, m.id",
            ids,
        ),
        "membership": _told(
            brand,
            "SELECT identity, joined_at, left_at, source FROM membership WHERE contact_id IN ({in}) "
            "ORDER BY joined_at, id",
            ids,
        ),
        "messages": _told(
            brand,
            "SELECT r.channel, r.kind, m.address, m.body, m.state, m.reason, m.sent_at, m.final_at FROM message m "
            "JOIN outreach_run r ON r.id = m.run_id WHERE m.contact_id IN ({in}) ORDER BY m.id",
            ids,
        ),
        "messages_received": _told(
            brand,
            "SELECT channel, address, text, handled, at FROM message_in WHERE contact_id IN ({in}) ORDER BY at, id",
            ids,
        ),
        "merges": _told(
            brand,
            "SELECT at, reason, undone_at FROM contact_merge WHERE winner_id IN ({in}) ORDER BY id",
            ids,
        ),
    }
    answer["plugins"], answer["incomplete"] = _plugins(brand, query)
    off = {each.name: len(_rows_of(each.table, each.column, ids)) for each in unclaimed_references(brand)}
    answer["plugins_switched_off"] = {name: count for name, count in off.items() if count}
    return answer


def _contact(brand: Brand, contact_id: int) -> dict[str, Any]:
    view = brand.contacts.get_by_id(contact_id)
    return {
        "uid": view.uid,
        "name": view.name,
        "origin": view.origin,
        "first_seen": iso(view.created_at, brand.zone),
        "lead_at": iso(view.lead_at, brand.zone),
        "lead_channel": view.lead_channel,
        "orders": view.orders,
        "money_minor": view.money,
        "currency": brand.currency,
        "first_order_at": iso(view.first_order_at, brand.zone),
        "last_order_at": iso(view.last_order_at, brand.zone),
    }


def _told(brand: Brand, sql: str, ids: Sequence[int]) -> list[dict[str, Any]]:
    """Rows of core tables as dicts: columns named ``at`` or ``*_at`` are instants, ``issued`` is JSON."""
    marks = ", ".join("?" * len(ids))
    cursor = execute(sql.replace("{in}", marks), tuple(ids))
    names = [column[0] for column in cursor.description]
    return [
        {name: _shown(brand, name, value) for name, value in zip(names, row, strict=True)}
        for row in cursor.fetchall()
    ]


def _shown(brand: Brand, name: str, value: Any) -> Any:
    if name == "at" or name.endswith("_at"):
        return iso(value, brand.zone)
    if name == "issued" and value is not None:
        return json.loads(value)
    return bool(value) if name == "reversal" else value


def _orders(brand: Brand, ids: Sequence[int]) -> list[dict[str, Any]]:
    rows = _told(
        brand,
        "SELECT id, source, number, platform, status, paid_at, paid_minor, refund_minor, items FROM orders "
        "WHERE contact_id IN ({in}) ORDER BY paid_at, id",
        ids,
    )
    lines: dict[int, list[dict[str, Any]]] = {}
    for order_id, sku, title, qty, paid_minor, gift in fetch_in(
        "SELECT order_id, sku, title, qty, paid_minor, gift FROM order_line WHERE order_id IN ({in}) "
        "ORDER BY order_id, position",
        [row["id"] for row in rows],
    ):
        line = {"sku": sku, "title": title, "qty": qty, "paid_minor": paid_minor, "gift": gift == 1}
        lines.setdefault(order_id, []).append(line)
    return [{**row, "lines": lines.get(row.pop("id"), [])} for row in rows]


def _leads(brand: Brand, ids: Sequence[int]) -> list[dict[str, Any]]:
    """What came with each lead, from the event log."""
    rows = _told(
        brand,
        "SELECT at, data FROM event WHERE type = 'lead.captured' AND contact_id IN ({in}) ORDER BY id",
        ids,
    )
    told = []
    for row in rows:
        data = json.loads(row["data"])
        told.append({"at": row["at"], **{key: data.get(key) for key in ("source", "state", "channel", "fields")}})
    return told


def _plugins(brand: Brand, query: PersonQuery) -> tuple[dict[str, Any], list[str]]:
    """One section per enabled plugin: rows with a foreign key to the person, and what the plugin adds."""
    sections: dict[str, Any] = {name: {} for name in brand.plugins}
    models = {
        model._meta.table_name: (name, model) for name, plugin in brand.plugins.items() for model in plugin.models
    }
    for reference in references(brand):
        if reference.table in models:
            name, model = models[reference.table]
            instants = {f.column_name for f in model._meta.sorted_fields if isinstance(f, InstantField)}
            rows = [
                {key: iso(value, brand.zone) if key in instants else value for key, value in row.items()}
                for row in _rows_of(reference.table, reference.column, query.contact_ids)
            ]
            sections[name][reference.name] = rows
    incomplete = []
    for name, more, problem in brand.hooks.collect("collect_personal_data", query):
        if problem is not None:
            sections[name]["unavailable"] = True
            incomplete.append(name)
        else:
            sections[name]["data"] = more
    return sections, incomplete


def _rows_of(table: str, column: str, ids: Sequence[int]) -> list[dict[str, Any]]:
    marks = ", ".join("?" * len(ids))
    cursor = execute(f'SELECT * FROM "{table}" WHERE "{column}" IN ({marks})', tuple(ids))
    names = [each[0] for each in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


