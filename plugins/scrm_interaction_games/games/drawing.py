"""What wheel and egg share: a draw through the engine and how it is told to the page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from scrm_core.api import Invalid, execute, iso

if TYPE_CHECKING:
    from ..engine.turns import Turn

LONGEST_SEED = 64
LONGEST_NUMBER = 12
SHOWN = 50


def client_seed(turn: Turn) -> str:
    """The player's own part of the draw's proof, as the page sent it; empty when it sent none."""
    seed = turn.data.get("client_seed", "")
    if len(seed) > LONGEST_SEED or not seed.isprintable() or not seed.isascii():
        raise Invalid(f"write up to {LONGEST_SEED} plain letters and digits", field="client_seed")
    return seed


def told(draw: Any) -> dict[str, Any]:
    """A draw as the page shows it: the prize that was recorded, and its number for whoever checks it later."""
    won = draw.state != "none" and draw.prize is not None and draw.prize.kind != "none"
    return {
        "draw": draw.uid,
        "n": draw.n,
        "state": draw.state,
        "won": won,
        "prize": draw.prize.code if draw.prize is not None else None,
        "title": draw.prize.title if draw.prize is not None else "",
        "word": draw.word,
    }


def draw_key(turn: Turn) -> str:
    """The key of the draw that a page asks for: the one that follows the draws which the page knew of.

    A caller that names none is held to the idempotency key of its request.
    """
    known = turn.data.get("after", "")
    if not known:
        return turn.key
    if not (known.isascii() and known.isdigit() and len(known) <= LONGEST_NUMBER) or int(known) > draws_of(turn):
        raise Invalid("the number of draws so far is the one that the page showed", field="after")
    return f"after:{int(known)}"


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
