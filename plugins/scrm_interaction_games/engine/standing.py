"""How a campaign stands now: each prize's published odds, its stock against the pacing, and what became of its wins."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from scrm_core.api import execute

from .stock import released

if TYPE_CHECKING:
    from ..service import Games
    from .definition import CampaignView

MOST = 200_000
"""So many wins of a campaign are counted when somebody asks."""
STATES = ("held", "won", "granted", "failed", "void")


def standing(games: Games, campaign: CampaignView) -> list[dict[str, Any]]:
    """Prizes in the order of drawing: ``odds`` as published, ``given`` of the stock, wins by state.

    ``planned`` is how much of an evenly released stock is unlocked now, None for a stock without pacing.
    """
    counts: dict[int, dict[str, int]] = {}
    rows = execute(
        "SELECT t.prize_id, t.state, count(*) FROM (SELECT prize_id, state FROM interaction_games_draw "
        "WHERE campaign_id = ? AND prize_id IS NOT NULL LIMIT ?) t GROUP BY t.prize_id, t.state",
        (campaign.id, MOST),
    ).fetchall()
    for prize_id, state, count in rows:
        counts.setdefault(prize_id, {})[state] = int(count)
    found = []
    for prize in games.campaigns.prizes(campaign.id):
        total = prize.stock_total
        found.append(
            {
                "code": prize.code,
                "title": prize.title,
                "kind": prize.kind,
                "value_minor": prize.value_minor,
                "odds": prize.weight / campaign.total_weight if campaign.total_weight else None,
                "stock_total": total,
                "stock_left": prize.stock_left,
                "given": None if total is None else total - (prize.stock_left or 0),
                "planned": _planned(games, campaign, total) if prize.release == "even" and total is not None else None,
                **{state: counts.get(prize.id, {}).get(state, 0) for state in STATES},
            }
        )
    return found


def _planned(games: Games, campaign: CampaignView, total: int) -> int:
    now = games.brand.now()
    if campaign.state == "draft" or campaign.starts_at is None or now < campaign.starts_at:
        return 0
    minutes = campaign.release_minutes or games.settings["release_minutes"]
    return released(total, campaign.starts_at, campaign.paced_until or campaign.ends_at, now, minutes)
