"""Checked rows as the inputs of services: the one place where a row's keys get their meaning.

A row comes from the API or from a file alike; :mod:`.schemas` has checked it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..services.contacts import ConsentIn, IdentityIn, LeadIn
from ..services.order_types import LineIn, OrderIn, RefundIn
from ..services.products import ProductIn
from ..services.resolving import WORLDWIDE
from .schemas import IDENTITY_FIELDS

Row = Mapping[str, Any]


def identities_of(row: Row) -> tuple[IdentityIn, ...]:
    """The identities a row names; the row's source is the namespace of those that need one."""
    source = row.get("source") or ""
    # A list first: a generator costs as much again as the identities.
    return tuple(
        [
            IdentityIn(kind, value, "" if kind in WORLDWIDE else source)
            for kind in IDENTITY_FIELDS
            if (value := row[kind]) is not None
        ]
    )


def lead_of(row: Row, *, source: str, now: int, backfill: bool = False, reference: str = "") -> LeadIn:
    """A lead; ``source``, ``now`` and ``reference`` stand in for the source, instant and key of a row without."""
    at = row["at"]
    return LeadIn(
        row["source"] or source,
        identities_of(row),
        now if at is None else at,
        row["key"] or reference,
        row["state"] or "",
        row["name"] or "",
        row["fields"] or {},
        tuple(ConsentIn(**consent) for consent in row["consents"] or ()),
        backfill,
        row["channel"] or "",
        row["link"] or "",
    )


def order_of(row: Row) -> OrderIn:
    """An order; what the row leaves out stays unknown."""
    lines = row["lines"] or ()
    return OrderIn(
        row["source"],
        row["number"],
        row["status"],
        row["paid_at"],
        row["paid_minor"],
        row["items"],
        row["platform"] or "",
        identities_of(row),
        tuple([LineIn(line["sku"], line["title"], line["qty"], line["paid_minor"], line["gift"]) for line in lines]),
        row["updated_at"],
        row["name"] or "",
    )


def refund_of(row: Row, *, now: int) -> RefundIn:
    """A refund; ``now`` stands in for an instant that the row does not give."""
    at = row["at"]
    return RefundIn(
        row["source"],
        row["order_number"],
        row["number"],
        row["amount_minor"],
        now if at is None else at,
        row["reason"] or "",
    )


def product_of(row: Row) -> ProductIn:
    """A product; what the row leaves out stays as it is known."""
    return ProductIn(
        row["sku"], row["title"], row["category"], row["price_minor"], row["cost_minor"], row["attributes"]
    )
