"""What somebody wants: one coupon of a batch, under a key that names the wish."""

from __future__ import annotations

from typing import NamedTuple

SOURCES = ("page", "api", "staff", "reward")
UNGATED_SOURCES = ("staff", "reward")
"""Sources that decide by themselves whom they give a coupon: neither the gate nor the person's limits are asked."""


class Wish(NamedTuple):
    """One claim: of which batch, for whom, under which grant key, from where."""

    batch: str
    contact_id: int
    grant_key: str
    source: str
    actor: str
    reason: str
    sku: str
    device: str
    network: str
    code: str
