"""Before a person is erased: what they held and never got goes back to the campaigns; the core deletes the rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from scrm_core.api import fetch_in

from . import moves

if TYPE_CHECKING:
    from .desks import Desks

ERASED = "erased"


def forget(desks: Desks, contact_ids: Sequence[int]) -> None:
    """Give back reservations, prizes that were not granted and what games hold; call it in the erasure's transaction.

    What was granted stays taken. Campaigns that ended long ago are included.
    """
    for game, desk in desks.all("forget"):
        game.forget(desk, tuple(contact_ids))
    _release(desks, contact_ids)
    _void(desks, contact_ids)
    moves.keep(contact_ids, desks.engine.brand.now())


def _release(desks: Desks, contact_ids: Sequence[int]) -> None:
    engine = desks.engine
    rows = fetch_in(
        "SELECT campaign_id, contact_id, key FROM interaction_games_reservation WHERE state = 'open' "
        "AND contact_id IN ({in})",
        list(contact_ids),
    )
    for campaign_id, contact_id, key in sorted(rows):
        engine.draws(engine.campaigns.by_id(campaign_id), engine.brand.now()).release(contact_id, key)


def _void(desks: Desks, contact_ids: Sequence[int]) -> None:
    fulfilment = desks.engine.fulfilment
    rows = fetch_in(
        "SELECT campaign_id, uid FROM interaction_games_draw WHERE state IN ('won', 'held', 'failed') "
        "AND contact_id IN ({in})",
        list(contact_ids),
    )
    for _, uid in sorted(rows):
        fulfilment.void_row(fulfilment.locked(uid), ERASED, ERASED)
