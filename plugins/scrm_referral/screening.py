"""Signals of farming (防羊毛党): scored together and told with what was seen; a high score holds, it never bans.

Families share an address and honest people buy at once, so a single signal below
the line holds nobody. Values that were shared are kept as keyed hashes.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING, Any

from scrm_core.api import SAME_PEOPLE, Invalid, execute, fetch_in, folded, is_virtual_mobile

from . import inviters, relations
from .campaigns import Campaign
from .schemas import TRAITS

if TYPE_CHECKING:
    from scrm_core.api import Brand

    from .relations import Relation

BURST_MS = 10 * 60_000
BURST = 3
RUN = 2
SEEN = 1_000
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
    inviter = inviters.by_id(relation.inviter_id)
    me = _person(relation.contact_id)
    _shared(found, campaign, relation, me, _person(inviter.contact_id))
    _numbers(found, relation, me)
    _timing(found, relation)
    if relation.refunds:
        found.append(("refunded", f"{relation.refunds} first orders went back before"))
    added, counted = _bound(inviter.id)
    if added >= LOW_ADDS and counted * LOW_SHARE < added:
        found.append(("low_rate", f"{counted} of the inviter's latest {added} invitees became customers"))
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
    found: list[tuple[str, str]], campaign: Campaign, relation: Relation, me: set[int], above: set[int]
) -> None:
    marks = ", ".join("?" * len(me))
    rows = execute(
        f"SELECT kind, digest, at FROM referral_trait WHERE campaign_id = ? AND contact_id IN ({marks})",
        (campaign.id, *sorted(me)),
    ).fetchall()
    for name, kind in (("same_device", "device"), ("same_payer", "payer")):
        mine = [row for row in rows if row[0] == kind]
        if _seen_with(campaign, mine, above):
            found.append((name, f"{kind} of the inviter"))
        elif others := _invited(relation, mine, me):
            found.append((name, f"{kind} of {others} other invitees"))
    addresses = [row for row in rows if row[0] == "address"]
    if _seen_with(campaign, addresses, above):
        found.append(("address_of_inviter", "delivery address of the inviter"))
    elif (others := _invited(relation, addresses, me)) >= RUN:
        found.append(("address_of_invitees", f"delivery address of {others} other invitees"))
    near = _invited(relation, [row for row in rows if row[0] == "network"], me, BURST_MS)
    if near + 1 >= BURST:
        found.append(("network_burst", f"{near + 1} invitees of one network within 10 minutes"))


def _seen_with(campaign: Campaign, traits: list[tuple[str, str, int]], people: set[int]) -> bool:
    """Whether one of the people was seen with one of the traits."""
    if not traits or not people:
        return False
    marks = ", ".join("?" * len(people))
    sql = (
        "SELECT 1 FROM referral_trait WHERE campaign_id = ? AND kind = ? AND digest = ? "
        f"AND contact_id IN ({marks}) LIMIT 1"
    )
    return any(execute(sql, (campaign.id, *trait[:2], *sorted(people))).fetchone() for trait in traits)


def _invited(relation: Relation, traits: list[tuple[str, str, int]], me: set[int], within: int = 2**52) -> int:
    """How many other invitees of the inviter were seen with one of the traits, at about the same time when asked.

    Each counts once, and of one trait the :data:`SEEN` that were seen last are looked at: a shop's network or a
    counter's device may have been seen with a million people.
    """
    others: set[int] = set()
    for kind, value, at in traits:
        found = execute(
            "SELECT r.id, r.contact_id FROM (SELECT contact_id FROM referral_trait WHERE campaign_id = ? AND kind = ? "
            "AND digest = ? AND at BETWEEN ? AND ? ORDER BY at DESC LIMIT ?) t JOIN referral_relation r "
            "ON r.campaign_id = ? AND r.contact_id = t.contact_id WHERE r.inviter_id = ? AND r.state <> 'void'",
            (
                relation.campaign_id, kind, value, at - within, at + within, SEEN,
                relation.campaign_id, relation.inviter_id,
            ),
        ).fetchall()  # fmt: skip
        others |= {row[0] for row in found if row[1] not in me}
    return len(others)


def _numbers(found: list[tuple[str, str]], relation: Relation, me: set[int]) -> None:
    sql = "SELECT value FROM identity WHERE kind = 'phone' AND contact_id IN ({in})"
    phones = [value for (value,) in fetch_in(sql, sorted(me))]
    if any(is_virtual_mobile(value) for value in phones):
        found.append(("virtual_number", "phone of a virtual operator's range"))
    same: set[int] = set()
    for run in {value[:10] for value in phones if value.startswith("+86") and len(value) == 14}:
        # Ten thousand numbers share seven digits: that many are looked at, however many the inviter brought.
        rows = execute(
            "SELECT r.id, r.contact_id FROM identity i JOIN referral_relation r ON r.campaign_id = ? "
            "AND r.contact_id = i.contact_id WHERE i.kind = 'phone' AND i.namespace = '' AND i.value BETWEEN ? AND ? "
            "AND r.inviter_id = ? AND r.state <> 'void'",
            (relation.campaign_id, f"{run}0000", f"{run}9999", relation.inviter_id),
        ).fetchall()
        same |= {row[0] for row in rows if row[1] not in me}
    if len(same) >= RUN:
        found.append(("phone_run", f"first seven digits of the phone shared with {len(same)} other invitees"))


def _timing(found: list[tuple[str, str]], relation: Relation) -> None:
    passed = relations.steps(relation.id)
    order = passed.get("first_order")
    if order is not None and 0 <= order.at - relation.bound_at < HASTY_MS:
        found.append(("hasty", f"first order {(order.at - relation.bound_at) // 1_000} seconds after the add"))


def _person(contact_id: int | None) -> set[int]:
    if contact_id is None:
        return set()
    return {row[0] for row in execute(f"{SAME_PEOPLE}SELECT id FROM same", (contact_id,)).fetchall()}


def _bound(inviter_id: int) -> tuple[int, int]:
    """(latest invitees of an inviter, those who count): with the one who is looked at, whose gates are complete."""
    states = dict(
        execute(
            "SELECT t.state, count(*) FROM (SELECT state FROM referral_relation WHERE inviter_id = ? "
            "AND state <> 'void' ORDER BY bound_day DESC, id DESC LIMIT ?) t GROUP BY t.state",
            (inviter_id, SEEN),
        ).fetchall()
    )
    return sum(states.values()), states.get("qualified", 0) + states.get("held", 0) + 1
