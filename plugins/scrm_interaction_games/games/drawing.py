"""What wheel and egg share: a draw through the engine and how it is told to the page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from scrm_core.api import Invalid, execute, iso

from ..engine import players

if TYPE_CHECKING:
    from ..engine.definition import CampaignView, PrizeView
    from ..engine.records import DrawView
    from ..engine.turns import Turn

LONGEST_NUMBER = 12
SHOWN = 50


def told(turn: Turn, draw: DrawView) -> dict[str, Any]:
    """A draw as the page shows it: the prize that was recorded and, on a wheel, the slice that stands for it."""
    given = draw.prize if draw.state != "void" else None
    return {
        "draw": draw.uid,
        "state": draw.state,
        "word": draw.word,
        "won": given is not None,
        "prize": given.code if given is not None else None,
        "title": given.title if given is not None else "",
        "slice": given.code if given is not None else _none_slice(turn, draw.picked),
    }


def on_wheel(campaign: CampaignView) -> list[PrizeView]:
    """The prizes that a draw can come to: those with a weight, and what the guarantee or a fallback gives instead."""
    guarantee = campaign.guarantee
    instead = {guarantee.prize, guarantee.substitute} if guarantee is not None else set()
    instead |= {prize.fallback for prize in campaign.prizes}
    return [prize for prize in campaign.prizes if prize.weight or prize.code in instead]


def _none_slice(turn: Turn, picked: str) -> str | None:
    """The slice of "no prize": the picked one, or the first there is when what was picked was gone."""
    nothing = [prize.code for prize in on_wheel(turn.campaign) if not prize.wins]
    if picked in nothing:
        return picked
    return nothing[0] if nothing else None


def lock_player(turn: Turn) -> None:
    """Lock the player's row, so that two of their requests at once look one after the other."""
    players.lock(turn.campaign.id, turn.person(None), turn.now)


def draw_new(turn: Turn, key: str | None = None) -> DrawView:
    """Draw, and tell all plugins that this person played."""
    draw = turn.draw(key=key)
    turn.emit("played", {"draw": draw.uid, "prize": draw.prize.code if draw.prize is not None else ""})
    return draw


def draw_after(turn: Turn, known: str) -> DrawView:
    """The draw that follows the ``known`` draws of which a page knew when it was opened."""
    if not (known.isascii() and known.isdigit() and len(known) <= LONGEST_NUMBER):
        raise Invalid("after: the number of draws so far is a whole number, as the page showed it", field="after")
    lock_player(turn)
    if int(known) > draws_of(turn):
        raise Invalid("after: so many draws have not been made; open the page again", field="after")
    key = f"after:{int(known)}"
    found = turn.engine_draws.find(turn.person(None), f"draw:{key}")
    return found if found is not None else draw_new(turn, key)


def draws_of(turn: Turn) -> int:
    """How many draws a person has had in the campaign; merged contacts count together."""
    row = execute(
        "SELECT count(*) FROM interaction_games_draw WHERE contact_id = ? AND campaign_id = ? AND kind = 'draw'",
        (turn.contact_id, turn.campaign.id),
    ).fetchone()
    return int(row[0])


def drawn(turn: Turn) -> dict[str, Any]:
    """What every page of a draw shows of this person: chances left, draws so far, the last one and what was won."""
    if turn.contact_id is None:
        return {"chances": None, "after": 0, "last": None, "mine": []}
    rows = execute(
        "SELECT d.uid, d.state, p.code, p.title, p.kind, d.at FROM interaction_games_draw d "
        "LEFT JOIN interaction_games_prize p ON p.id = d.prize_id "
        "WHERE d.contact_id = ? AND d.campaign_id = ? AND d.kind = 'draw' ORDER BY d.id DESC LIMIT ?",
        (turn.contact_id, turn.campaign.id, SHOWN),
    ).fetchall()
    mine = [
        {
            "draw": uid,
            "state": state,
            "prize": code,
            "title": title or "",
            "won": state not in ("none", "void") and kind not in (None, "none"),
            "at": iso(at, turn.brand.zone),
        }
        for uid, state, code, title, kind, at in rows
    ]
    return {
        "chances": turn.tickets.balance(),
        "after": draws_of(turn),
        "last": mine[0] if mine else None,
        "mine": [each for each in mine if each["won"]],
    }
