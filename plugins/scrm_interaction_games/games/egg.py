"""Golden eggs (砸金蛋): the engine of the wheel with eggs to choose from, each broken once a day."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from scrm_core.api import Invalid, execute

from .days_schemas import EggSettings
from .drawing import draw_once, drawn, told

if TYPE_CHECKING:
    from ..engine.turns import Turn


class Egg:
    """As many draws a day as there are eggs; the egg is the draw's key, so nobody breaks one twice."""

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
        return {"egg": int(number), **told(turn, draw_once(turn, f"egg:{turn.day}:{number}"))}

    def _broken(self, turn: Turn) -> dict[int, dict[str, Any]]:
        """Egg number -> the prize that was in it, for the eggs this person broke today."""
        if turn.contact_id is None:
            return {}
        begins = f"draw:egg:{turn.day}:"
        rows = execute(
            "SELECT d.key, p.title, d.state FROM interaction_games_draw d "
            "LEFT JOIN interaction_games_prize p ON p.id = d.prize_id "
            "WHERE d.contact_id = ? AND d.campaign_id = ? AND d.key LIKE ?",
            (turn.contact_id, turn.campaign.id, f"{begins}%"),
        ).fetchall()
        return {
            int(key.removeprefix(begins)): {"title": title or "", "won": state != "none"} for key, title, state in rows
        }
