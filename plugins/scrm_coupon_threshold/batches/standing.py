"""How a batch stands now: its coupons by state, and the money that may still be asked of the brand."""

from __future__ import annotations

from typing import Any

from scrm_core.api import execute

from ..rules import read_rule
from .ruling import most_discount
from .service import Batch

MOST = 200_000
"""So many coupons, and redemptions, of a batch are counted when somebody asks."""


def standing(batch: Batch) -> dict[str, Any]:
    """Coupons by state, money in minor units; ``whole`` is false where only the first 200,000 were counted.

    ``refunded``: given back by a refund, whatever became of them since. ``given_minor``: discounts of redemptions that
    stand. ``exposed_minor``: what the coupons that are out may still cost at most, None where only a cart decides.
    """
    states: dict[str, int] = {"claimed": 0, "held": 0, "used": 0, "expired": 0, "void": 0}
    refunded = 0
    rows = execute(
        "SELECT t.state, count(*), count(t.returns_id) FROM (SELECT state, returns_id FROM coupon_threshold_coupon "
        "WHERE batch_id = ? LIMIT ?) t GROUP BY t.state",
        (batch.id, MOST),
    ).fetchall()
    for state, count, returned in rows:
        states[state] = int(count)
        refunded += int(returned)
    uses, given = execute(
        "SELECT count(*), coalesce(sum(t.discount_minor), 0) FROM (SELECT discount_minor "
        "FROM coupon_threshold_redemption WHERE batch_id = ? LIMIT ?) t",
        (batch.id, MOST),
    ).fetchone()
    most, out = most_discount(read_rule(batch.rule)), states["claimed"] + states["held"]
    return {
        **states,
        "refunded": refunded,
        "given_minor": int(given),
        "exposed_minor": None if most is None else out * most,
        "whole": sum(states.values()) < MOST and uses < MOST,
    }
