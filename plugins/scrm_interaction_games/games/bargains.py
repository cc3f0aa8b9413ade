"""Rows of bargains (砍价): whose they are, how far they are cut down, and at which prices they may be bought.

A price is held for an order for a while. Every hold is kept, because the shop
may tell of a payment long after it was made: what counts is when it was paid.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from scrm_core.api import SAME_PEOPLE, execute

_COLUMNS = (
    "id, uid, contact_id, nth, list_minor, floor_minor, cuts, applied, cut_minor, state, opened_at, expires_at, "
    "held_until, bought_minor"
)
_SELECT = f"SELECT {_COLUMNS} FROM interaction_games_bargain"
_BUY = "UPDATE interaction_games_bargain SET state = 'bought', bought_at = ?, bought_minor = ?, held_until = NULL "


@dataclass(frozen=True, slots=True)
class BargainView:
    """A bargain as it stands; amounts in minor units, ``cuts`` with the owner's first."""

    id: int
    uid: str
    contact_id: int
    nth: int
    list_minor: int
    floor_minor: int
    cuts: list[int]
    applied: int
    cut_minor: int
    state: str
    opened_at: int
    expires_at: int
    held_until: int | None
    bought_minor: int | None

    @property
    def price_minor(self) -> int:
        """What it was bought for, else the price that it has come down to."""
        return self.bought_minor if self.bought_minor is not None else self.list_minor - self.cut_minor


def by_id(bargain_id: int) -> BargainView:
    """The bargain with this id."""
    return _read(execute(f"{_SELECT} WHERE id = ?", (bargain_id,)).fetchone())


def find(campaign_id: int, uid: str) -> BargainView | None:
    """The bargain of a campaign with this uid, or None."""
    row = execute(f"{_SELECT} WHERE campaign_id = ? AND uid = ?", (campaign_id, uid[:64])).fetchone()
    return _read(row) if row is not None else None


def of_person(campaign_id: int, contact_id: int) -> list[BargainView]:
    """A person's bargains in a campaign: the one that runs first, then the latest."""
    rows = execute(
        f"{SAME_PEOPLE}{_SELECT} WHERE campaign_id = ? AND contact_id IN (SELECT id FROM same) "
        "ORDER BY CASE WHEN state IN ('open', 'ordered') THEN 0 ELSE 1 END, nth DESC, id DESC",
        (contact_id, campaign_id),
    ).fetchall()
    return [_read(row) for row in rows]


def helped_last(campaign_id: int, contact_id: int) -> BargainView | None:
    """The bargain that a person helped with last."""
    row = execute(
        "SELECT b.id FROM interaction_games_bargain_cut k JOIN interaction_games_bargain b ON b.id = k.bargain_id "
        "WHERE b.campaign_id = ? AND k.contact_id = ? ORDER BY k.id DESC LIMIT 1",
        (campaign_id, contact_id),
    ).fetchone()
    return by_id(row[0]) if row is not None else None


# Holds and payments ------------------------------------------------------------


def hold(bargain_id: int, now: int, until: int) -> bool:
    """Hold the price of an open bargain for an order; False when it is not open any more."""
    held = execute(
        "UPDATE interaction_games_bargain SET state = 'ordered', held_until = ? "
        "WHERE id = ? AND state = 'open' AND expires_at > ?",
        (until, bargain_id, now),
    )
    if held.rowcount != 1:
        return False
    execute(
        "INSERT INTO interaction_games_bargain_hold (bargain_id, price_minor, at, until) "
        "SELECT id, list_minor - cut_minor, CAST(? AS BIGINT), CAST(? AS BIGINT) "
        "FROM interaction_games_bargain WHERE id = ?",
        (now, until, bargain_id),
    )
    return True


def too_late(bargain: BargainView, price_minor: int, paid_at: int) -> str | None:
    """Why a payment of a price at an instant cannot buy; an empty text when it can, None for no price of its own.

    It can while the price was held, and at the price of today until the bargain's end.
    """
    holds = execute(
        "SELECT at, until FROM interaction_games_bargain_hold WHERE bargain_id = ? AND price_minor = ?",
        (bargain.id, price_minor),
    ).fetchall()
    today = bargain.list_minor - bargain.cut_minor
    if any(at <= paid_at < until for at, until in holds) or (price_minor == today and paid_at < bargain.expires_at):
        return ""
    if holds:
        return "hold_lapsed"
    return "bargain_over" if price_minor == today else None


def buy_held(bargain_id: int, price_minor: int, at: int) -> bool:
    """Sell the piece that is held for a bargain; False when none is."""
    return bool(execute(f"{_BUY}WHERE id = ? AND state = 'ordered'", (at, price_minor, bargain_id)).rowcount == 1)


def buy_fresh(bargain_id: int, price_minor: int, at: int) -> str:
    """Sell a bargain for which no piece is held; returns the state it had, or an empty text when it was bought."""
    for state in ("open", "closed"):
        if execute(f"{_BUY}WHERE id = ? AND state = ?", (at, price_minor, bargain_id, state)).rowcount == 1:
            return state
    return ""


def not_bought(bargain_id: int, state: str) -> None:
    """There was nothing to sell: the bargain is again what it was."""
    execute(
        "UPDATE interaction_games_bargain SET state = ?, bought_at = NULL, bought_minor = NULL WHERE id = ?",
        (state, bargain_id),
    )


def paid_back(uid: str) -> bool:
    """The money of a bought bargain went back: it is over; False when it was not bought."""
    done = execute(
        "UPDATE interaction_games_bargain SET state = 'closed' WHERE uid = ? AND state = 'bought'", (uid,)
    )
    return bool(done.rowcount == 1)


def drop_holds(campaign_id: int, contact_ids: Sequence[int]) -> int:
    """Close the bargains of people for which a piece is held; returns how many."""
    marks = ", ".join("?" * len(contact_ids))
    done = execute(
        "UPDATE interaction_games_bargain SET state = 'closed', held_until = NULL "
        f"WHERE campaign_id = ? AND state = 'ordered' AND contact_id IN ({marks})",
        (campaign_id, *contact_ids),
    ).rowcount
    return int(done)


def _read(row: tuple[Any, ...]) -> BargainView:
    before, cuts, after = row[:6], json.loads(row[6]), row[7:]
    return BargainView(*(*before, cuts, *after))
