"""A coupon as others see it."""

from __future__ import annotations

from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from scrm_core.api import NotFound, execute, iso

from ..rules import shown_code


class CouponView(NamedTuple):
    """A coupon with its batch. Instants [``valid_from``, ``valid_to``); ``contact_id`` null when its owner was erased.

    ``returns`` is the uid of the used coupon that a refund gave back as this one.
    """

    id: int
    uid: str
    code: str
    batch_id: int
    batch: str
    title: str
    contact_id: int | None
    nth: int
    state: str
    valid_from: int
    valid_to: int | None
    claimed_at: int
    source: str
    actor: str
    reason: str
    grant_key: str
    gated: int
    sku: str
    reserved_minor: int
    held_until: int | None
    returns: str | None


SELECT = (
    "SELECT c.id, c.uid, c.code, c.batch_id, b.code, b.title, c.contact_id, c.nth, c.state, c.valid_from, c.valid_to, "
    "c.claimed_at, c.source, c.actor, c.reason, c.grant_key, c.gated, c.sku, c.reserved_minor, c.held_until, o.uid "
    "FROM coupon_threshold_coupon c JOIN coupon_threshold_batch b ON b.id = c.batch_id "
    "LEFT JOIN coupon_threshold_coupon o ON o.id = c.returns_id "
)


def find(where: str, *values: Any) -> CouponView | None:
    """The coupon that a condition on ``c`` or ``b`` names, or None."""
    row = execute(f"{SELECT}WHERE {where}", values).fetchone()
    return None if row is None else CouponView(*row)


def by_uid(uid: str) -> CouponView:
    """A coupon by its uid; raises NotFound."""
    found = find("c.uid = ?", uid)
    if found is None:
        raise NotFound("no such coupon")
    return found


def coupon_view(coupon: CouponView, zone: ZoneInfo, *, contact: str | None = None) -> dict[str, Any]:
    """A coupon as JSON; ``contact`` is its owner's uid."""
    return {
        "uid": coupon.uid,
        "code": coupon.code,
        "shown_code": shown_code(coupon.code),
        "batch": coupon.batch,
        "title": coupon.title,
        "contact": contact,
        "state": coupon.state,
        "valid_from": iso(coupon.valid_from, zone),
        "valid_to": iso(coupon.valid_to, zone),
        "claimed_at": iso(coupon.claimed_at, zone),
        "source": coupon.source,
        "sku": coupon.sku,
        "held_until": iso(coupon.held_until, zone),
        "returns": coupon.returns,
    }
