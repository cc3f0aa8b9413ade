"""Signals of cheating (防羊毛): scored together, never one alone; a high score holds the prize for a person's review.

Nobody is moved into a pool of losers: the draw and its prize stand, and only
the granting waits. Families share a network and honest people play in the first
hour of their account, so one signal below the line holds nothing.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from scrm_core.api import execute

if TYPE_CHECKING:
    from scrm_core.api import Brand

MINUTE_MS = 60_000
DAY_MS = 86_400_000

# Weights from practice.
SAME_DEVICE = 40
SAME_NETWORK = 20
VIRTUAL_NUMBER = 15
NEW_WITHOUT_ORDER = 10
REGULAR = 20

VIRTUAL_RANGES = ("162", "165", "167", "170", "171")
NETWORK_ACCOUNTS = 3
NETWORK_MS = 10 * MINUTE_MS
REGULAR_DRAWS = 5
REGULAR_MS = 250


def screen(
    brand: Brand, campaign_id: int, contact_id: int, *, device: str, network: str, now: int
) -> tuple[int, list[str]]:
    """(score, signals) of a person who has just won; the signals say in words what was seen."""
    found: list[tuple[int, str]] = []
    if device:
        others = _others("device = ?", campaign_id, contact_id, device)
        if others:
            found.append((SAME_DEVICE, f"{others + 1} accounts on one device"))
    if network:
        others = _others("network = ? AND at > ?", campaign_id, contact_id, network, now - NETWORK_MS)
        if others + 1 >= NETWORK_ACCOUNTS:
            found.append((SAME_NETWORK, f"{others + 1} accounts of one network within 10 minutes"))
    if _virtual(brand, contact_id):
        found.append((VIRTUAL_NUMBER, "phone of a virtual operator's range"))
    person = brand.contacts.get_by_id(contact_id)
    if not person.orders and now - person.created_at < DAY_MS:
        found.append((NEW_WITHOUT_ORDER, "first seen within a day and without an order"))
    if _regular(campaign_id, contact_id, now):
        found.append((REGULAR, f"{REGULAR_DRAWS} draws at the same interval"))
    return sum(weight for weight, _ in found), [text for _, text in found]


def _others(where: str, campaign_id: int, contact_id: int, *params: object) -> int:
    (count,) = execute(
        "SELECT count(DISTINCT contact_id) FROM interaction_games_draw WHERE campaign_id = ? AND contact_id <> ? "
        f"AND {where}",
        (campaign_id, contact_id, *params),
    ).fetchone()
    return int(count)


def _virtual(brand: Brand, contact_id: int) -> bool:
    return any(
        identity.kind == "phone" and identity.value.startswith("+86") and identity.value[3:6] in VIRTUAL_RANGES
        for identity in brand.contacts.identities(contact_id)
    )


def _regular(campaign_id: int, contact_id: int, now: int) -> bool:
    """Whether the last draws, this one included, came at intervals that no hand keeps."""
    rows = execute(
        "SELECT at FROM interaction_games_draw WHERE contact_id = ? AND campaign_id = ? AND kind = 'draw' "
        "ORDER BY id DESC LIMIT ?",
        (contact_id, campaign_id, REGULAR_DRAWS - 1),
    ).fetchall()
    moments = [now, *(row[0] for row in rows)]
    if len(moments) < REGULAR_DRAWS:
        return False
    gaps = [later - earlier for later, earlier in itertools.pairwise(moments)]
    return bool(max(gaps) > 0) and max(gaps) - min(gaps) <= REGULAR_MS
