"""Checked rows as the inputs of services: the same for the API, files and anything else.

A row is what a checker of :mod:`.schemas` gives: every field present, None for
"not given".
"""

from __future__ import annotations

from typing import Any

from scrm_core.services.consent import ConsentIn
from scrm_core.services.leads import LeadIn
from scrm_core.services.order_types import LineIn, OrderIn, RefundIn
from scrm_core.services.resolving import WORLDWIDE, IdentityIn
from scrm_core.values.identities import KINDS

Row = dict[str, Any]


def identities_of(row: Row, source: str | None = None) -> tuple[IdentityIn, ...]:
    """The identities that a row names; ``source`` (else the row's) is the namespace of local kinds."""
    namespace = row["source"] or source or ""
    return tuple(
        [
            IdentityIn(kind, value, "" if kind in WORLDWIDE else namespace)
            for kind in KINDS
            if (value := row[kind]) is not None
        ]
    )


def lead_of(row: Row, *, source: str, now: int, backfill: bool = False, reference: str = "") -> LeadIn:
    """A lead; without a source it is of ``source``, without an instant it is of ``now``.

    ``reference`` stands in for a row without a key.
    """
    return LeadIn(
        source=row["source"] or source,
        identities=identities_of(row, source),
        at=now if row["at"] is None else row["at"],
        reference=row["key"] or reference,
        state=row["state"] or "",
        name=row["name"] or "",
        fields=row["fields"] or {},
        consents=tuple(ConsentIn(**consent) for consent in row["consents"] or ()),
        backfill=backfill,
        channel=row["channel"] or "",
        link=row["link"] or "",
    )


def order_of(row: Row) -> OrderIn:
    """An order with its lines and its buyer's identities."""
    return OrderIn(
        source=row["source"],
        number=row["number"],
        status=row["status"],
        paid_at=row["paid_at"],
        paid_minor=row["paid_minor"],
        items=row["items"],
        platform=row["platform"] or "",
        buyer=identities_of(row),
        lines=tuple([LineIn(**line) for line in row["lines"]]) if row["lines"] else (),
        version=row["updated_at"],
        name=row["name"] or "",
    )


def refund_of(row: Row, *, now: int) -> RefundIn:
    """A refund; without an instant it is of ``now``."""
    return RefundIn(
        source=row["source"],
        order_number=row["order_number"],
        number=row["number"],
        amount_minor=row["amount_minor"],
        at=now if row["at"] is None else row["at"],
        reason=row["reason"] or "",
    )
