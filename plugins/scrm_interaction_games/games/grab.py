"""Daily grab (每日抢): stock drops at fixed times of the day; first come, first served, one per person and day."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from scrm_core.api import Conflict, execute, iso

from .certain import award, state_of, title_of, unknown_prizes
from .days_schemas import GrabSettings, drops_of
from .drops import Drop, next_drop, open_drop

if TYPE_CHECKING:
    from ..engine.turns import Turn

SOLD_OUT = "drop_sold_out"
_STOCK = "SELECT id, stock, taken FROM interaction_games_drop WHERE campaign_id = ? AND day = ? AND minute = ?"
_LEFT = "SELECT minute, stock - taken FROM interaction_games_drop WHERE campaign_id = ? AND day = ?"


class Grab:
    """Whoever comes first gets a piece; "sold out" is answered from one indexed read.

    Three limits of the database decide, in this order: one row per (campaign,
    person, day), no more taken from a drop than its stock, and the prize's own
    stock. What one of them refuses leaves nothing behind.
    """

    kind = "grab"
    title = {"zh": "每日抢", "en": "Daily grab"}
    mechanics: frozenset[str] = frozenset()
    draws = False
    Settings = GrabSettings
    actions = {"grab": "grab"}
    page = "games_grab.html"
    refusals = {
        "closed": {"zh": "还没有开抢，请看倒计时", "en": "Not open yet; watch the countdown"},
        SOLD_OUT: {"zh": "手慢了，已抢光", "en": "Sold out"},
        "grabbed": {"zh": "今天已经抢到了，明天再来", "en": "You have had one today; come back tomorrow"},
    }

    def check(self, campaign: Any) -> Iterable[str]:
        """Problems that refuse publishing: drops of prizes that the campaign does not have."""
        yield from unknown_prizes(campaign, [drop.prize for drop in drops_of(campaign.settings)])

    def view(self, turn: Turn) -> dict[str, Any]:
        """Today's drops with what is left, the server's time and what this person grabbed; writes nothing."""
        drops = drops_of(turn.settings)
        zone = turn.brand.zone
        running = open_drop(drops, turn.now, turn.day, zone)
        coming = next_drop(drops, turn.now, turn.day, zone)
        mine = self._grabbed(turn)
        left = dict(execute(_LEFT, (turn.campaign.id, turn.day)).fetchall())
        return {
            "now": turn.now,
            "open": running.at if running is not None else None,
            "next": {"at": coming[0].at, "opens": coming[1], "in_ms": coming[1] - turn.now} if coming else None,
            "grabbed": None
            if mine is None
            else {"prize": mine, "title": title_of(turn, mine), "state": state_of(turn, f"grab:{turn.day}")},
            "drops": [self._shown(turn, drop, running, left.get(drop.minute, drop.stock)) for drop in drops],
        }

    def grab(self, turn: Turn) -> dict[str, Any]:
        """Take one piece of the drop that is open.

        Raises Conflict: ``closed`` (none is open; ``opens`` says when the next
        one is), ``drop_sold_out`` or ``grabbed`` (this person had one today).
        """
        drops = drops_of(turn.settings)
        drop = open_drop(drops, turn.now, turn.day, turn.brand.zone)
        if drop is None:
            coming = next_drop(drops, turn.now, turn.day, turn.brand.zone)
            opens = iso(coming[1], turn.brand.zone) if coming else None
            raise Conflict(f"nothing can be grabbed now; the next drop opens at {opens}", code="closed", opens=opens)
        drop_id = self._stock(turn, drop)
        made = execute(
            "INSERT INTO interaction_games_grab (campaign_id, contact_id, drop_id, day, prize, at) "
            "VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (campaign_id, contact_id, day) DO NOTHING",
            (turn.campaign.id, turn.contact_id, drop_id, turn.day, drop.prize, turn.now),
        ).rowcount
        if not made:
            raise Conflict("this person has grabbed one today; the next chance is tomorrow", code="grabbed")
        took = execute(
            "UPDATE interaction_games_drop SET taken = taken + 1 WHERE id = ? AND taken < stock", (drop_id,)
        ).rowcount
        if not took:
            raise _sold_out(drop)
        try:
            reward = award(turn, drop.prize, f"grab:{turn.day}", f"daily grab 每日抢 {drop.at}")
        except Conflict as exc:
            if exc.code != "sold_out":
                raise
            raise _sold_out(drop) from exc
        turn.emit("played", {"prize": drop.prize})
        return {"drop": drop.at, **reward}

    def _stock(self, turn: Turn, drop: Drop) -> int:
        """The row of the drop today, made by whoever comes first; Conflict when nothing is left of it."""
        place = (turn.campaign.id, turn.day, drop.minute)
        row = execute(_STOCK, place).fetchone()
        if row is None:
            execute(
                "INSERT INTO interaction_games_drop (campaign_id, day, minute, stock, taken) "
                "VALUES (?, ?, ?, ?, 0) ON CONFLICT (campaign_id, day, minute) DO NOTHING",
                (*place, drop.stock),
            )
            row = execute(_STOCK, place).fetchone()
        drop_id, stock, taken = row
        if taken >= stock:
            raise _sold_out(drop)
        return int(drop_id)

    def _shown(self, turn: Turn, drop: Drop, running: Drop | None, left: int) -> dict[str, Any]:
        opens, closes = drop.window(turn.day, turn.brand.zone)
        state = "coming" if turn.now < opens else "over" if turn.now >= closes else "open"
        if state == "open" and left == 0:
            state = "sold_out"
        return {
            "at": drop.at,
            "prize": drop.prize,
            "title": title_of(turn, drop.prize),
            "stock": drop.stock,
            "left": left,
            "opens": opens,
            "closes": closes,
            "state": state,
            "running": drop is running,
        }

    def _grabbed(self, turn: Turn) -> str | None:
        if turn.contact_id is None:
            return None
        row = execute(
            "SELECT prize FROM interaction_games_grab WHERE campaign_id = ? AND contact_id = ? AND day = ?",
            (turn.campaign.id, turn.contact_id, turn.day),
        ).fetchone()
        return None if row is None else str(row[0])


def _sold_out(drop: Drop) -> Conflict:
    return Conflict(f"the drop at {drop.at} is sold out", code=SOLD_OUT)
