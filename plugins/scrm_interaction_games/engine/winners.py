"""Who won what: results published with masked names and phones, and the record that is kept of them."""

from __future__ import annotations

from typing import Any

from scrm_core.api import execute, mask

from .definition import CampaignView

MOST = 1_000
_WON = "d.campaign_id = ? AND d.prize_id IS NOT NULL AND d.state IN ('won', 'granted', 'failed')"
_ROWS = (
    "SELECT d.id, d.uid, d.at, d.kind, p.code, p.title, d.value_minor, d.state, c.uid, c.name, "
    "(SELECT i.value FROM identity i WHERE i.contact_id = c.id AND i.kind = 'phone' ORDER BY i.id LIMIT 1) "
    "FROM interaction_games_draw d JOIN interaction_games_prize p ON p.id = d.prize_id "
    f"JOIN contact c ON c.id = d.contact_id WHERE {_WON} "
)
_NAMES = ("id", "draw", "at", "kind", "prize", "title", "value_minor", "state", "contact", "name", "phone")


def counts(campaign: CampaignView) -> dict[str, int]:
    """How many of each prize were won, by its code; what is under review or was taken back does not count."""
    rows = execute(
        "SELECT p.code, count(*) FROM interaction_games_draw d JOIN interaction_games_prize p ON p.id = d.prize_id "
        f"WHERE {_WON} GROUP BY p.code",
        (campaign.id,),
    ).fetchall()
    return {code: int(count) for code, count in rows}


def latest(campaign: CampaignView, *, limit: int = 100) -> list[dict[str, Any]]:
    """The last winners, newest first: ``prize``, ``title``, ``at``, and masked ``name`` and ``phone``."""
    rows = execute(f"{_ROWS}ORDER BY d.id DESC LIMIT ?", (campaign.id, min(limit, MOST))).fetchall()
    return [_record(row) for row in rows]


def before(campaign: CampaignView, last: int = 0, *, limit: int = 100) -> list[dict[str, Any]]:
    """Winners, newest first, with ids below ``last``; 0 begins with the newest."""
    where, values = ("AND d.id < ? ", (last,)) if last else ("", ())
    rows = execute(f"{_ROWS}{where}ORDER BY d.id DESC LIMIT ?", (campaign.id, *values, min(limit, MOST))).fetchall()
    return [_record(row) for row in rows]


def page(campaign: CampaignView, *, after: int = 0, limit: int = 100) -> list[dict[str, Any]]:
    """Winners in the order of their draws, with ids above ``after``."""
    rows = execute(f"{_ROWS}AND d.id > ? ORDER BY d.id LIMIT ?", (campaign.id, after, min(limit, MOST))).fetchall()
    return [_record(row) for row in rows]


def _record(row: tuple[Any, ...]) -> dict[str, Any]:
    record = dict(zip(_NAMES, row, strict=True))
    record["name"] = mask("name", record["name"] or "")
    record["phone"] = mask("phone", record["phone"]) if record["phone"] else ""
    return record
