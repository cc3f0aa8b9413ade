"""Golden eggs (砸金蛋): the engine of the wheel with eggs to choose from, each broken once a day."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from scrm_core.api import Invalid, execute

from .days_schemas import EggSettings
from .drawing import draw_new, drawn, lock_player, told

if TYPE_CHECKING:
    from ..engine.records import DrawView
    from ..engine.turns import Turn


class Egg:
    """As many draws a day as there are eggs; the egg is the draw's key, so nobody breaks one twice.

    An egg whose prize has just gone is not broken: the chance is kept, and the next stroke is a new draw.
    """

    kind = "egg"
    title = {"zh": "砸金蛋", "en": "Golden egg"}
    mechanics: frozenset[str] = frozenset()
    draws = True
    Settings = EggSettings
    actions = {"play": "play"}
    page = "games_draw.html"

    def view(self, turn: Turn) -> dict[str, Any]:
        """The eggs, with what was in the broken ones, and the chances that are left; writes nothing."""
        broken = self._broken(turn)
        eggs = [{"number": number, "broken": broken.get(number)} for number in range(1, turn.settings["eggs"] + 1)]
        return {"eggs": eggs, "eggs_left": len(eggs) - len(broken), **drawn(turn)}

    def play(self, turn: Turn) -> dict[str, Any]:
        """Break egg number ``data["egg"]``; one that this person broke today gives its first draw again."""
        most = turn.settings["eggs"]
        number = turn.data.get("egg", "")
        if number not in {str(each) for each in range(1, most + 1)}:
            raise Invalid(f"choose an egg from 1 to {most}", field="egg")
        lock_player(turn)
        return {"egg": int(number), **told(turn, self._strike(turn, int(number)))}

    def _strike(self, turn: Turn, number: int) -> DrawView:
        """The draw that broke an egg today, or a new one: a draw that did not count broke nothing."""
        mine = [each for each in self._struck(turn) if each.number == number]
        counted = next((each for each in mine if each.counted), None)
        if counted is not None:
            return turn.engine_draws.get(counted.uid)
        key = f"egg:{turn.day}:{number}"
        return draw_new(turn, f"{key}:{max(each.attempt for each in mine) + 1}" if mine else key)

    def _broken(self, turn: Turn) -> dict[int, dict[str, Any]]:
        """Egg number -> the prize that was in it, for the eggs this person broke today."""
        struck = self._struck(turn) if turn.contact_id is not None else []
        return {each.number: {"title": each.title, "won": each.won} for each in struck if each.counted}

    @staticmethod
    def _struck(turn: Turn) -> list[Struck]:
        """This person's draws of today's eggs, first to last; of merged players the draws of all of them."""
        rows = execute(
            "SELECT d.uid, d.key, d.counted, d.state, p.title FROM interaction_games_draw d "
            "LEFT JOIN interaction_games_prize p ON p.id = d.prize_id "
            "WHERE d.contact_id = ? AND d.campaign_id = ? AND d.key LIKE ? ORDER BY d.id",
            (turn.contact_id, turn.campaign.id, f"%draw:egg:{turn.day}:%"),
        ).fetchall()
        found = []
        for uid, key, counted, state, title in rows:
            number, attempt = [*key.partition(f"egg:{turn.day}:")[2].split(":"), "0"][:2]
            won = state not in ("none", "void")
            found.append(Struck(uid, int(number), int(attempt), bool(counted), won, title if won and title else ""))
        return found


@dataclass(frozen=True, slots=True)
class Struck:
    """A draw of an egg, the ``attempt``-th after those that did not count; ``title`` is what was won."""

    uid: str
    number: int
    attempt: int
    counted: bool
    won: bool
    title: str
