"""Draws and awards as they were written down: read back, and shown to those who made them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from scrm_core.api import NotFound, execute

if TYPE_CHECKING:
    from .campaigns import Campaigns
    from .definition import CampaignView, PrizeView

_COLUMNS = (
    "d.id, d.uid, d.campaign_id, d.contact_id, d.player, d.kind, d.n, d.client_seed, d.x, d.picked, p.code, d.why, "
    "d.state, d.counted, d.value_minor, d.reason, d.deadline, d.at, d.move"
)
FROM = f"SELECT {_COLUMNS} FROM interaction_games_draw d LEFT JOIN interaction_games_prize p ON p.id = d.prize_id "


@dataclass(frozen=True, slots=True)
class DrawView:
    """A draw, or an award. ``prize`` is what was given (null for none), ``picked`` what the number points to.

    ``state``: none, won, held, granted, failed or void. ``word`` says it for the
    page: none, sold_out (the chance was given back), won, review, void or forfeited.
    ``proof`` holds what is needed to check the number after the reveal.
    """

    uid: str
    contact_id: int
    kind: str
    n: int | None
    prize: PrizeView | None
    state: str
    word: str
    picked: str
    why: str
    counted: bool
    reason: str
    deadline: int | None
    at: int
    proof: dict[str, Any]

    def shown(self) -> dict[str, Any]:
        """The draw as its player may see it, in JSON values."""
        return {
            "uid": self.uid, "n": self.n, "prize": self.prize.shown() if self.prize else None, "state": self.state,
            "word": self.word, "why": self.why, "counted": self.counted, "reason": self.reason,
            "deadline": self.deadline, "at": self.at, "proof": self.proof,
        }  # fmt: skip


AwardView = DrawView
"""An award looks like a draw without a number."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a draw or an award before anything is granted."""

    uid: str
    contact_id: int
    player: str
    kind: str
    n: int | None
    key: str
    client_seed: str
    x: int | None
    picked: str
    why: str
    counted: bool
    reason: str = ""


def of_person(
    campaigns: Campaigns, contact_id: int, *, campaign_id: int | None = None, limit: int = 100
) -> list[tuple[CampaignView, DrawView]]:
    """A person's wins and what has become of them, newest first."""
    where, params = "", [contact_id]
    if campaign_id is not None:
        where = " AND d.campaign_id = ?"
        params.append(campaign_id)
    rows = execute(
        f"{FROM}WHERE d.contact_id = ?{where} AND d.state <> 'none' ORDER BY d.id DESC LIMIT ?", [*params, limit]
    ).fetchall()
    kept: dict[int, CampaignView] = {}
    for row in rows:
        if row[2] not in kept:
            kept[row[2]] = campaigns.by_id(row[2])
    return [(kept[row[2]], draw_view(row, kept[row[2]])) for row in rows]


def by_uid(campaigns: Campaigns, uid: str) -> tuple[CampaignView, DrawView]:
    """A draw and its campaign; raises NotFound."""
    row = execute(f"{FROM}WHERE d.uid = ?", (uid,)).fetchone()
    if row is None:
        raise NotFound(f"no draw {uid!r}")
    campaign = campaigns.by_id(row[2])
    return campaign, draw_view(row, campaign)


def draw_view(row: tuple[Any, ...], campaign: CampaignView) -> DrawView:
    """A draw from its row."""
    (
        _, uid, _, contact_id, player, kind, n, client_seed, x, picked, prize, why, state, counted, _, reason,
        deadline, at, move,
    ) = row  # fmt: skip
    facts = Facts(uid, contact_id, player, kind, n, "", client_seed, x, picked, why, bool(counted), reason)
    return view(campaign, facts, campaign.prize(prize) if prize else None, state, deadline, at, move)


def view(
    campaign: CampaignView,
    facts: Facts,
    prize: PrizeView | None,
    state: str,
    deadline: int | None,
    at: int,
    move: int | None,
) -> DrawView:
    """A draw as its player sees it; only one that drew a number has a proof."""
    proof = {}
    if facts.kind == "draw":
        proof = {
            "campaign": campaign.code, "person": facts.player, "n": facts.n, "client_seed": facts.client_seed,
            "x": facts.x, "total_weight": campaign.total_weight, "picked": facts.picked,
            "given": prize.code if prize else None, "why": facts.why, "move": move,
            "commitment": campaign.commitment, "table_hash": campaign.table_hash, "rules_hash": campaign.rules_hash,
        }  # fmt: skip
    return DrawView(
        facts.uid, facts.contact_id, facts.kind, facts.n, prize, state,
        _word(state, facts.counted, facts.reason), facts.picked, facts.why, facts.counted, facts.reason, deadline,
        at, proof,
    )  # fmt: skip


def _word(state: str, counted: bool, reason: str) -> str:
    if state == "none":
        return "none" if counted else "sold_out"
    if state == "held":
        return "review"
    if state == "void":
        return "forfeited" if reason == "not claimed in time" else "void"
    return "won"
