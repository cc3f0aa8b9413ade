"""What the shop's system asks and tells: the price of a ticket, that an order paid for it, refunds that are due.

A ticket is the uid of a seat or a bargain, which the shop gets as its order's
reference. Routes, commands and pages call these functions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from scrm_core.api import NotFound, clean_text, execute

from ..engine import registry
from ..engine.turns import Desk
from . import payments
from .payments import PaymentView

if TYPE_CHECKING:
    from ..service import Games

_TICKET = (
    "SELECT 'seat', campaign_id FROM interaction_games_seat WHERE uid = ? "
    "UNION ALL SELECT 'bargain', campaign_id FROM interaction_games_bargain WHERE uid = ?"
)

_TERMS = (
    "SELECT 'seat', campaign_id, state, price_minor, until FROM interaction_games_seat WHERE uid = ? "
    "UNION ALL SELECT 'bargain', campaign_id, state, coalesce(bought_minor, list_minor - cut_minor), held_until "
    "FROM interaction_games_bargain WHERE uid = ?"
)


def pay(
    games: Games, ticket: str, *, source: str, number: str, amount_minor: int, paid_at: int | None = None
) -> dict[str, Any]:
    """An order paid for a ticket; the same order told again answers the same and changes nothing.

    ``amount_minor`` is what was paid for the goods, ``paid_at`` an instant
    (now when it is None). The answer's ``state`` is bought, paid or refund (or
    refund_due): the money is then on the list of refunds, with the reason.
    Raises NotFound for an unknown ticket, Invalid for another amount than its
    price, Conflict when the order paid for another ticket.
    """
    ticket = clean_text(ticket, field="ticket", max_length=64)
    now = games.brand.now()
    paid = payments.read_paid(source, number, amount_minor, now if paid_at is None else min(paid_at, now))

    def work() -> dict[str, Any]:
        row = execute(_TICKET, (ticket, ticket)).fetchone()
        if row is None:
            raise NotFound(f"no ticket {ticket!r}")
        campaign = games.campaigns.by_id(row[1])
        game = registry.game(games.brand, campaign.game)
        answer: dict[str, Any] = game.pay(Desk(games.engine, campaign, now), ticket, paid)
        return answer

    return games.brand.group(work)


def ticket(games: Games, uid: str) -> dict[str, Any]:
    """What the shop needs to know of a ticket: what it is for, its price in minor units, and until when it is held.

    ``held`` says whether an order placed now gets that price. Raises NotFound.
    """
    row = execute(_TERMS, (uid, uid)).fetchone()
    if row is None:
        raise NotFound(f"no ticket {uid!r}")
    thing, campaign_id, state, price_minor, until = row
    campaign = games.campaigns.by_id(campaign_id)
    held = state in ("pending", "ordered") and until is not None and games.brand.now() < until
    return {
        "ticket": uid, "thing": thing, "campaign": campaign.code, "sku": campaign.settings["sku"], "state": state,
        "price_minor": price_minor, "held": held, "until": until,
    }  # fmt: skip


def refunds_due(games: Games, campaign: str = "", *, after: int = 0, limit: int = 100) -> list[PaymentView]:
    """What the shop has to pay back, the oldest first; of one campaign when its code is given."""
    found = games.campaigns.get(campaign).id if campaign else None
    return payments.due(found, after=after, limit=limit)


def confirm_refund(games: Games, payment: str, *, actor: str) -> PaymentView:
    """The shop has paid it back; see :func:`payments.confirm_refund`."""
    with games.brand.transaction():
        return payments.confirm_refund(games.brand, payment, actor)
