"""What people pay with besides money (points and the like): chances are bought with it, missed days made up for it.

A plugin that keeps such a thing offers it under the extension point
``interaction-games.means``; this plugin knows none of them by name. It is never
money: whoever charges money for a chance runs a lottery. ::

    class Spending:
        kind = "points"                                # what definitions call it
        title = {"zh": "积分", "en": "points"}
        def __init__(self, brand): ...
        def have(self, contact_id) -> int: ...         # what a person can spend now
        def take(self, contact_id, amount, *, key, reason): ...
        def give_back(self, key): ...

``take`` runs in the open transaction of what is paid for, once per key, and
raises Conflict (``not_enough``) when the person has too little. ``give_back``
puts back what was taken under a key, once; an unknown key changes nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from scrm_core.api import Conflict, Invalid, NotFound, execute, new_uid, transactional

from . import players
from .tickets import Tickets

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from scrm_core.api import Brand

    from .campaigns import Campaigns
    from .definition import CampaignView, Chances

POINT = "interaction-games.means"
BOUGHT = "bought"
ACTION = "buy-chance"
BATCH = 200


def find(brand: Brand, kind: str, *, field: str) -> Any:
    """The means of a kind; raises Invalid naming the field when no enabled plugin offers it."""
    offered = {made.kind: made for _, made in brand.extensions(POINT)}
    if kind not in offered:
        known = ", ".join(sorted(offered)) or "none"
        raise Invalid(f"{field}: no enabled plugin takes {kind!r} as payment; there are: {known}", field=field)
    return offered[kind](brand)


def _offered(brand: Brand, kind: str) -> bool:
    return any(made.kind == kind for _, made in brand.extensions(POINT))


def check(brand: Brand, chances: Chances) -> None:
    """Whether chances can be bought as the definition says; raises Invalid naming the field."""
    if bool(chances.buy_with) != bool(chances.buy_cost):
        raise Invalid("chances.buy_cost: buy_with and buy_cost go together", field="chances.buy_cost")
    if chances.buy_with:
        find(brand, chances.buy_with, field="chances.buy_with")


def problems(brand: Brand, campaigns: Iterable[CampaignView]) -> Iterator[str]:
    """Why chances of campaigns that are not over cannot be bought with the brand's configuration as it is."""
    for campaign in campaigns:
        if campaign.phase(brand.now()) != "over":
            try:
                check(brand, campaign.chances)
            except Invalid as exc:
                yield f"campaign {campaign.code!r}, {exc.message}"


def pay(brand: Brand, kind: str, contact_id: int, amount: int, *, reason: str) -> str:
    """Take from a person in the open transaction; returns the key that gives it back. Raises Conflict (``not_enough``).

    What is paid for runs once per act, so every payment has a key of its own.
    """
    uid = new_uid(brand.now())
    find(brand, kind, field="cost").take(contact_id, amount, key=f"interaction-games:{uid}", reason=reason)
    return uid


def buy(brand: Brand, campaign: CampaignView, contact_id: int, now: int) -> dict[str, Any]:
    """Pay for one chance and give it, in the open transaction: both happen or neither.

    Raises Conflict: ``not_for_sale``, ``buy_limit`` (today's are bought), ``not_enough``.
    """
    chances = campaign.chances
    if not chances.buy_with:
        raise Conflict(f"campaign {campaign.code!r} sells no chances", code="not_for_sale")
    # Locked, so that two purchases of one person at once are counted one after the other.
    players.lock(campaign.id, contact_id, now)
    if _bought_today(brand, campaign, contact_id, now) >= chances.buy_per_day:
        raise Conflict(f"{chances.buy_per_day} chances a day can be bought", code="buy_limit")
    key = pay(brand, chances.buy_with, contact_id, chances.buy_cost, reason=f"{campaign.code}: a chance")
    tickets = Tickets(brand, campaign, now)
    tickets.grant(contact_id, 1, BOUGHT, key)
    return {"bought": 1, "paid": chances.buy_cost, "with": chances.buy_with, "chances": tickets.balance(contact_id)}


def offer(brand: Brand, campaign: CampaignView, contact_id: int | None, language: str) -> dict[str, Any] | None:
    """What the page says of buying a chance; None where none is sold, or what it is bought with is switched off."""
    chances = campaign.chances
    if not chances.buy_with:
        return None
    try:
        means = find(brand, chances.buy_with, field="chances.buy_with")
    except Invalid:
        return None
    left = chances.buy_per_day
    if contact_id is not None:
        left = max(0, left - _bought_today(brand, campaign, contact_id, brand.now()))
    return {
        "with": chances.buy_with,
        "title": means.title[language],
        "cost": chances.buy_cost,
        "left_today": left,
        "have": means.have(contact_id) if contact_id is not None else None,
    }


def return_unused(brand: Brand, campaigns: Campaigns) -> int:
    """Give back what was paid for chances that nobody could use before a campaign's end; returns how many.

    Chances that had expired before it ended were theirs to use and stay paid.
    """
    returned = 0
    for campaign in campaigns.list(states=("published", "paused", "ended", "revealed")):
        over = campaign.closes_at <= brand.now() or campaign.phase(brand.now()) in ("over", "revealed")
        if not campaign.chances.buy_with or not over:
            continue
        if not _offered(brand, campaign.chances.buy_with):
            continue  # switched off after the end: they are given back when it is on again
        rows = execute(
            "SELECT contact_id, key FROM interaction_games_ticket WHERE campaign_id = ? AND source = 'bought' "
            "AND remaining > 0 AND (expires_at IS NULL OR expires_at > ?) ORDER BY id LIMIT ?",
            (campaign.id, campaign.closes_at, BATCH),
        ).fetchall()
        returned += sum(_return(brand, campaign, each) for each in rows)
    return returned


@transactional
def _return(brand: Brand, campaign: CampaignView, bought: tuple[int, str]) -> bool:
    contact_id, key = bought
    uid = key.removeprefix(f"{BOUGHT}:")
    try:
        brand.contacts.survivor(contact_id)  # held before the chance is, as a merge does
    except NotFound:
        return False
    if not Tickets(brand, campaign, brand.now()).revoke(contact_id, uid, BOUGHT):
        return False
    means = find(brand, campaign.chances.buy_with, field="chances.buy_with")
    means.give_back(f"interaction-games:{uid}")
    return True


def _bought_today(brand: Brand, campaign: CampaignView, contact_id: int, now: int) -> int:
    """Chances that a person bought on an instant's day; a clock that was moved back still counts a later day's."""
    (count,) = execute(
        "SELECT count(*) FROM interaction_games_ticket WHERE contact_id = ? AND campaign_id = ? "
        "AND source = 'bought' AND day >= ?",
        (contact_id, campaign.id, brand.day(now)),
    ).fetchone()
    return int(count)
