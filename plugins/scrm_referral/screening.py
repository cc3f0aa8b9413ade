"""Signals of farming (防羊毛党): scored together and told with what was seen; a high score holds, it never bans.

Families share an address and honest people buy at once, so a single signal below
the line holds nobody. Values that were shared are kept as keyed hashes.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING, Any

from scrm_core.api import SAME_PEOPLE, Invalid, execute, fetch_in, folded, is_virtual_mobile

from . import campaigns, relations
from .campaigns import Campaign
from .schemas import TRAITS

if TYPE_CHECKING:
    from scrm_core.api import Brand

    from .relations import Relation

BURST_MS = 10 * 60_000
BURST = 3
RUN = 2
HASTY_MS = 60_000
LOW_ADDS = 30
LOW_SHARE = 5  # one of five: 20 %


def digest(campaign: Campaign, kind: str, value: str) -> str:
    """The keyed hash of a value; another campaign's key makes another hash of it."""
    return hmac.new(campaign.salt.encode(), f"{kind}|{folded(value)}".encode(), hashlib.sha256).hexdigest()


def add_trait(campaign: Campaign, contact_id: int, kind: str, value: str, at: int) -> None:
    """Note what somebody was seen with, once per value; raises Invalid for an unknown kind or an empty value."""
    if kind not in TRAITS or not value.strip():
        raise Invalid(f"kind is one of {', '.join(TRAITS)}, and value is not empty", field="kind")
    execute(
        "INSERT INTO referral_trait (campaign_id, contact_id, kind, digest, at) VALUES (?, ?, ?, ?, ?) "
        "ON CONFLICT (campaign_id, kind, digest, contact_id) DO UPDATE SET at = excluded.at",
        (campaign.id, contact_id, kind, digest(campaign, kind, value), at),
    )


def screen(brand: Brand, campaign: Campaign, relation: Relation) -> list[dict[str, Any]]:
    """What was seen of an invitee whose gates are complete: signal, weight and the evidence in words."""
    found: list[tuple[str, str]] = []
    inviter = campaigns.by_id(relation.inviter_id)
    people = _invitees(inviter.id)
    me = _person(relation.contact_id)
    above = _person(inviter.contact_id)
    _shared(found, campaign, me, above, people)
    _numbers(found, brand, me, people)
    _timing(found, relation)
    if relation.refunds:
        found.append(("refunded", f"{relation.refunds} first orders went back before"))
    added, counted = len(people), _counted(inviter.id)
    if added >= LOW_ADDS and counted * LOW_SHARE < added:
        found.append(("low_rate", f"{counted} of the inviter's {added} invitees became customers"))
    weights = campaign.definition.weights
    seen = [{"signal": name, "weight": weights[name], "evidence": text} for name, text in found]
    if relation.over_cap:
        seen.append(
            {
                "signal": "day_cap",
                "weight": campaign.definition.hold,
                "evidence": f"more than {campaign.definition.per_day} invitees of the inviter on that day",
            }
        )
    return seen


def _shared(
    found: list[tuple[str, str]], campaign: Campaign, me: set[int], above: set[int], people: dict[int, int]
) -> None:
    rows = [
        (kind, value, at)
        for kind, value, at in fetch_in(
            "SELECT kind, digest, at FROM referral_trait WHERE contact_id IN ({in})", sorted(me)
        )
    ]
    for name, kind in (("same_device", "device"), ("same_payer", "payer")):
        with_me = _with(campaign, [row for row in rows if row[0] == kind])
        if with_me & above:
            found.append((name, f"{kind} of the inviter"))
        elif len(_invited(with_me, people, me)) >= 1:
            found.append((name, f"{kind} of {len(_invited(with_me, people, me))} other invitees"))
    addresses = _with(campaign, [row for row in rows if row[0] == "address"])
    if addresses & above:
        found.append(("address_of_inviter", "delivery address of the inviter"))
    elif len(others := _invited(addresses, people, me)) >= RUN:
        found.append(("address_of_invitees", f"delivery address of {len(others)} other invitees"))
    networks = [row for row in rows if row[0] == "network"]
    near = _invited(_with(campaign, networks, BURST_MS), people, me)
    if len(near) + 1 >= BURST:
        found.append(("network_burst", f"{len(near) + 1} invitees of one network within 10 minutes"))


def _with(campaign: Campaign, rows: list[tuple[str, str, int]], within: int | None = None) -> set[int]:
    """Contacts who were seen with the same, at about the same time when asked."""
    seen: set[int] = set()
    for kind, value, at in rows:
        found = execute(
            "SELECT contact_id, at FROM referral_trait WHERE campaign_id = ? AND kind = ? AND digest = ?",
            (campaign.id, kind, value),
        ).fetchall()
        seen |= {row[0] for row in found if within is None or abs(row[1] - at) <= within}
    return seen


def _invited(contacts: set[int], people: dict[int, int], me: set[int]) -> set[int]:
    """Which other invitees of the inviter are among the contacts, each once."""
    return {people[each] for each in contacts - me if each in people}


def _numbers(found: list[tuple[str, str]], brand: Brand, me: set[int], people: dict[int, int]) -> None:
    phones = _phones(sorted(me)).values()
    mine = {_local(value) for value in phones}
    if any(is_virtual_mobile(value) for value in phones):
        found.append(("virtual_number", "phone of a virtual operator's range"))
    runs = {number[:7] for number in mine if len(number) == 11}
    same = {
        people[contact] for contact, value in _phones(sorted(people.keys() - me)).items() if _local(value)[:7] in runs
    }
    if len(same) >= RUN:
        found.append(("phone_run", f"first seven digits of the phone shared with {len(same)} other invitees"))


def _phones(contacts: list[int]) -> dict[int, str]:
    sql = "SELECT contact_id, value FROM identity WHERE kind = 'phone' AND contact_id IN ({in})"
    return dict(fetch_in(sql, contacts))


def _local(value: str) -> str:
    return value.removeprefix("+86")


def _timing(found: list[tuple[str, str]], relation: Relation) -> None:
    passed = relations.steps(relation.id)
    order = passed.get("first_order")
    if order is not None and 0 <= order.at - relation.bound_at < HASTY_MS:
        found.append(("hasty", f"first order {(order.at - relation.bound_at) // 1_000} seconds after the add"))


def _person(contact_id: int | None) -> set[int]:
    if contact_id is None:
        return set()
    return {row[0] for row in execute(f"{SAME_PEOPLE}SELECT id FROM same", (contact_id,)).fetchall()}


def _invitees(inviter_id: int) -> dict[int, int]:
    """Contacts of everybody whom an inviter brought, each with the relation that it stands in."""
    rows = execute(
        "SELECT contact_id, id FROM referral_relation WHERE inviter_id = ? AND contact_id IS NOT NULL "
        "AND state <> 'void'",
        (inviter_id,),
    ).fetchall()
    return dict(rows)


def _counted(inviter_id: int) -> int:
    """Invitees who count, the one who is looked at included: their gates are complete."""
    (count,) = execute(
        "SELECT count(*) FROM referral_relation WHERE inviter_id = ? AND state IN ('qualified', 'held')", (inviter_id,)
    ).fetchone()
    return int(count) + 1
