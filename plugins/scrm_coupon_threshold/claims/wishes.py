"""What somebody wants: one coupon of a batch, under a key that names the wish."""

from __future__ import annotations

from typing import NamedTuple

SOURCES = ("page", "api", "staff", "reward")
UNGATED_SOURCES = ("staff", "reward")
"""Sources that decide by themselves whom they give a coupon: neither the gate nor the person's limits are asked."""


class Wish(NamedTuple):
    """One claim: of which batch, for whom, under which grant key, from where.

    ``code`` is the one that the person entered, empty where none was. ``uid``
    and ``new_code`` are drawn in advance, while nobody waits for the database:
    a coupon that is made together with others gets them.
    """

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
    uid: str
    new_code: str
