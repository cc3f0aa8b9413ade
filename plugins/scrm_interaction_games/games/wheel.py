"""Lucky wheel (大转盘): the engine draws, the wheel turns to what was recorded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .days_schemas import WheelSettings
from .drawing import draw_after, draw_new, drawn, on_wheel, told
from .slices import slices

if TYPE_CHECKING:
    from ..engine.turns import Turn


class Wheel:
    """One draw per turn of the wheel; the page names the draw it was opened for, so two tabs never draw twice."""

    kind = "wheel"
    title = {"zh": "大转盘", "en": "Lucky wheel"}
    mechanics: frozenset[str] = frozenset()
    draws = True
    Settings = WheelSettings
    actions = {"play": "play"}
    page = "games_draw.html"

    def view(self, turn: Turn) -> dict[str, Any]:
        """The slices of what can be drawn, the chances that are left and the draws so far; writes nothing."""
        return {
            "slices": [
                {"code": each.code, "path": each.path, "middle": each.middle, "lines": each.lines, "shade": each.shade}
                for each in slices([(prize.code, prize.title) for prize in on_wheel(turn.campaign)])
            ],
            **drawn(turn),
        }

    def play(self, turn: Turn) -> dict[str, Any]:
        """Draw. ``data["after"]`` is how many draws this person had when the page was opened.

        A page that is older than the last draw gets the draw that followed it,
        and costs nothing. ``data["client_seed"]`` goes into the proof.
        """
        known = turn.data.get("after", "")
        return told(turn, draw_after(turn, known) if known else draw_new(turn))
