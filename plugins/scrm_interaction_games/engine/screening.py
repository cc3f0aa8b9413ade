"""Signals of cheating (防羊毛): scored together, never one alone; a high score holds the prize for a person's review.

Nobody is moved into a pool of losers: the draw and its prize stand, and only
the granting waits. Families share a network and honest people play in the first
hour of their account, so one signal below the line holds nothing.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from scrm_core.api import execute, from_instant, is_virtual_mobile

if TYPE_CHECKING:
    from scrm_core.api import Brand

MINUTE_MS = 60_000
HOUR_MS = 3_600_000
DAY_MS = 86_400_000

# Weights from practice.
SAME_DEVICE = 40
SAME_NETWORK = 20
VIRTUAL_NUMBER = 15
NEW_WITHOUT_ORDER = 10
REGULAR = 20
BUSY_NETWORK = 15
NEW_TOGETHER = 20
PHONE_RUN = 25
TOO_FAST = 20
MANY_CHANCES = 15
AT_NIGHT = 10

NETWORK_ACCOUNTS = 3
NETWORK_MS = 10 * MINUTE_MS
REGULAR_DRAWS = 5
REGULAR_MS = 250
BUSY_ACCOUNTS = 5
"""Accounts of one network within an hour."""
NEW_ACCOUNTS = 3
NEIGHBOURS = 10
"""Phone numbers up to so many above or below are neighbours: they were bought together."""
RUN_ACCOUNTS = 3
FAST_DRAWS = 5
FAST_MS = 2_000
MANY = 10
"""Chances of one source within a day."""
GIVEN_TO_ALL = ("daily", "start", "staff", "bought")
"""Sources that say nothing: everybody has them, a person gave them, or they were paid for."""
NIGHT = range(1, 5)
NIGHT_DRAWS = 10


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
        found += _of_network(campaign_id, contact_id, network, now)
    if _virtual(brand, contact_id):
        found.append((VIRTUAL_NUMBER, "phone of a virtual operator's range"))
    person = brand.contacts.get_by_id(contact_id)
    if not person.orders and now - person.created_at < DAY_MS:
        found.append((NEW_WITHOUT_ORDER, "first seen within a day and without an order"))
    if _regular(campaign_id, contact_id, now):
        found.append((REGULAR, f"{REGULAR_DRAWS} draws at the same interval"))
    found += _of_person(brand, campaign_id, contact_id, now)
    return sum(weight for weight, _ in found), [text for _, text in found]


def _of_network(campaign_id: int, contact_id: int, network: str, now: int) -> list[tuple[int, str]]:
    found = []
    others = _others("network = ? AND at > ?", campaign_id, contact_id, network, now - HOUR_MS)
    if others + 1 >= BUSY_ACCOUNTS:
        found.append((BUSY_NETWORK, f"{others + 1} accounts of one network within an hour"))
    (new,) = execute(
        "SELECT count(DISTINCT d.contact_id) FROM interaction_games_draw d JOIN contact c ON c.id = d.contact_id "
        "WHERE d.campaign_id = ? AND d.network = ? AND d.at > ? AND d.contact_id <> ? AND c.created_at > ? "
        "AND EXISTS (SELECT 1 FROM contact me WHERE me.id = ? AND me.created_at > ?)",
        (campaign_id, network, now - DAY_MS, contact_id, now - DAY_MS, contact_id, now - DAY_MS),
    ).fetchone()
    if new + 1 >= NEW_ACCOUNTS:
        found.append((NEW_TOGETHER, f"{new + 1} accounts of one network, all first seen within a day"))
    return found


def _of_person(brand: Brand, campaign_id: int, contact_id: int, now: int) -> list[tuple[int, str]]:
    found = []
    neighbours = _neighbours(brand, campaign_id, contact_id)
    if neighbours + 1 >= RUN_ACCOUNTS:
        found.append((PHONE_RUN, f"{neighbours + 1} players with neighbouring phone numbers"))
    moments = [now, *_moments(campaign_id, contact_id, NIGHT_DRAWS)]
    # One act may draw ten times at one instant; a hand cannot act five times in two seconds.
    hand = sorted(set(moments), reverse=True)[:FAST_DRAWS]
    if len(hand) == FAST_DRAWS and hand[0] - hand[-1] <= FAST_MS:
        found.append((TOO_FAST, f"{FAST_DRAWS} draws within {FAST_MS // 1000} seconds"))
    nightly = [from_instant(at, brand.zone).hour in NIGHT for at in moments[:NIGHT_DRAWS]]
    if len(nightly) == NIGHT_DRAWS and all(nightly):
        found.append((AT_NIGHT, f"the last {NIGHT_DRAWS} draws all between {NIGHT.start}:00 and {NIGHT.stop}:00"))
    row = execute(
        "SELECT source, sum(delta) AS given FROM interaction_games_ticket WHERE contact_id = ? AND campaign_id = ? "
        f"AND delta > 0 AND source NOT IN ('returned', {', '.join('?' * len(GIVEN_TO_ALL))}) AND at > ? "
        "GROUP BY source ORDER BY given DESC, source LIMIT 1",
        (contact_id, campaign_id, *GIVEN_TO_ALL, now - DAY_MS),
    ).fetchone()
    if row is not None and row[1] >= MANY:
        found.append((MANY_CHANCES, f"{int(row[1])} chances from {row[0]} within a day"))
    return found


def _neighbours(brand: Brand, campaign_id: int, contact_id: int) -> int:
    """Other players of the campaign whose phone number lies beside this person's."""
    phones = [each.value for each in brand.contacts.identities(contact_id) if each.kind == "phone"]
    others: set[int] = set()
    for phone in phones:
        digits = phone.removeprefix("+")
        if not digits.isdigit():
            continue
        beside = [f"+{int(digits) + step}" for step in range(-NEIGHBOURS, NEIGHBOURS + 1) if step]
        rows = execute(
            "SELECT DISTINCT i.contact_id FROM identity i JOIN interaction_games_player p "
            "ON p.contact_id = i.contact_id AND p.campaign_id = ? WHERE i.kind = 'phone' "
            f"AND i.namespace = '' AND i.value IN ({', '.join('?' * len(beside))}) AND i.contact_id <> ?",
            (campaign_id, *beside, contact_id),
        ).fetchall()
        others |= {row[0] for row in rows}
    return len(others)


def _moments(campaign_id: int, contact_id: int, most: int) -> list[int]:
    """When a person's last draws were made, the latest first; the one that is being made is not written yet."""
    rows = execute(
        "SELECT at FROM interaction_games_draw WHERE contact_id = ? AND campaign_id = ? AND kind = 'draw' "
        "ORDER BY id DESC LIMIT ?",
        (contact_id, campaign_id, most),
    ).fetchall()
    return [row[0] for row in rows]


def _others(where: str, campaign_id: int, contact_id: int, *params: object) -> int:
    (count,) = execute(
        "SELECT count(DISTINCT contact_id) FROM interaction_games_draw WHERE campaign_id = ? AND contact_id <> ? "
        f"AND {where}",
        (campaign_id, contact_id, *params),
    ).fetchone()
    return int(count)


def _virtual(brand: Brand, contact_id: int) -> bool:
    return any(
        identity.kind == "phone" and is_virtual_mobile(identity.value)
        for identity in brand.contacts.identities(contact_id)
    )


def _regular(campaign_id: int, contact_id: int, now: int) -> bool:
    """Whether the last draws, this one included, came at intervals that no hand keeps."""
    moments = [now, *_moments(campaign_id, contact_id, REGULAR_DRAWS - 1)]
    if len(moments) < REGULAR_DRAWS:
        return False
    gaps = [later - earlier for later, earlier in itertools.pairwise(moments)]
    return bool(max(gaps) > 0) and max(gaps) - min(gaps) <= REGULAR_MS
