"""Exporting contacts and orders in the shape in which they are imported.

A file written here and imported again leaves every contact and order as it is
(an order whose shop told other identities of its buyer is answered "updated",
because the file says it in other words). Columns are the fields of the schemas
in :mod:`.schemas`; instants are ISO 8601 in the brand's zone, amounts minor
units, and no cell starts a spreadsheet formula.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

from scrm_core.clock import iso
from scrm_core.limits import LIMITS
from scrm_core.services.audit import record
from scrm_core.services.resolving import WORLDWIDE
from scrm_core.values.identities import KINDS
from scrm_core.values.text import Column, csv_cell

if TYPE_CHECKING:
    from scrm_core.brands import Brand
    from scrm_core.services.contacts import ContactView, IdentityView
    from scrm_core.services.order_types import OrderView

Row = dict[str, Any]

COLUMNS: dict[str, tuple[str, ...]] = {
    "contacts": ("source", *KINDS, "name", "at"),
    "orders": (
        *("source", "number", "status", "paid_minor", "paid_at", "items", "platform", "updated_at"),
        *("buyer", "phone"),
    ),
}
"""The columns of each kind that can be exported."""

_TYPED: dict[str, Column] = {"phone": "phone"}


def export_rows(brand: Brand, kind: str, *, actor: str) -> Iterator[Row]:
    """Rows of a kind in the order of their making; call it inside ``with brand:``.

    The export itself is noted in the audit, because its cells are personal
    data in clear. Rows are read in pages, so memory does not grow.
    """
    record(brand, actor, f"{kind}.export")
    return _contacts(brand) if kind == "contacts" else _orders(brand)


def csv_cells(kind: str, row: Row) -> list[str]:
    """The row as cells of a CSV file."""
    return [csv_cell(row.get(column), _TYPED.get(column, "text")) for column in COLUMNS[kind]]


def _contacts(brand: Brand) -> Iterator[Row]:
    after: int | None = None
    while page := brand.contacts.page(after_id=after, limit=LIMITS.page_rows):
        for contact in page:
            yield from contact_rows(brand, contact, brand.contacts.identities(contact.id))
        after = page[-1].id


def contact_rows(brand: Brand, contact: ContactView, identities: list[IdentityView]) -> list[Row]:
    """One row per contact, and further rows where it has several identities of one kind.

    Every further row repeats one identity of the first, by which an import
    finds the same contact again; identities of different sources that share
    no worldwide one cannot be tied together in a file.
    """
    worldwide: dict[str, list[str]] = {}
    sources: dict[str, dict[str, list[str]]] = {}
    for identity in identities:
        if identity.kind in WORLDWIDE:
            worldwide.setdefault(identity.kind, []).append(identity.value)
        else:
            sources.setdefault(identity.namespace, {}).setdefault(identity.kind, []).append(identity.value)
    # The kind with the fewest values ties the rows together.
    tie = min(worldwide, key=lambda kind: len(worldwide[kind]), default=None)
    rows: list[Row] = []
    for number, source in enumerate(sorted(sources) or [""]):
        columns = {**(worldwide if number == 0 else {}), **sources.get(source, {})}
        for values in zip_longest(*columns.values()):
            row = {kind: value for kind, value in zip(columns, values, strict=True) if value is not None}
            if tie is not None:
                row.setdefault(tie, worldwide[tie][0])
            elif rows and source == rows[0]["source"]:
                kind = min(columns, key=lambda name: len(columns[name]))
                row.setdefault(kind, columns[kind][0])
            rows.append({"source": source, **row, "name": contact.name, "at": iso(contact.created_at, brand.zone)})
    return rows


def _orders(brand: Brand) -> Iterator[Row]:
    after: int | None = None
    while page := brand.orders.page(after=after, limit=LIMITS.page_rows):
        people: dict[int, list[IdentityView]] = {}
        for order in page:
            if order.contact_id is not None and order.contact_id not in people:
                people[order.contact_id] = brand.contacts.identities(order.contact_id)
            yield _order_row(brand, order, people.get(order.contact_id or 0, []))
        after = page[-1].order_id


def _order_row(brand: Brand, order: OrderView, identities: list[IdentityView]) -> Row:
    buyer = next((i.value for i in identities if i.kind == "buyer" and i.namespace == order.source), None)
    phone = next((i.value for i in identities if i.kind == "phone"), None)
    return {
        "source": order.source,
        "number": order.number,
        "status": order.status,
        "paid_minor": order.paid_minor,
        "paid_at": iso(order.paid_at, brand.zone),
        "items": order.items,
        "platform": order.platform,
        "updated_at": iso(order.version, brand.zone),
        "buyer": buyer,
        "phone": phone,
    }
