"""Scratch cards (刮刮卡): a game that a third party adds to the interaction games."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from marshmallow import RAISE, Schema, fields, validate

from scrm_core.api import Plugin


class ScratchSettings(Schema):
    class Meta:
        unknown = RAISE

    cover = fields.String(
        load_default="scratch here",
        validate=validate.Length(1, 20),
        metadata={"description": "what is written on the cover of a card"},
    )


class ScratchCard:
    """One card, one chance, one draw: odds, stock, budget and proof are the engine's."""

    kind = "scratch-card"
    title = {"zh": "刮刮卡", "en": "Scratch card"}
    mechanics: frozenset[str] = frozenset()
    draws = True
    Settings = ScratchSettings
    actions = {"scratch": "scratch"}
    page = str(Path(__file__).with_name("card.html"))

    def view(self, turn: Any) -> dict[str, Any]:
        """What the person sees now; a visitor has no cards."""
        last = next(iter(turn.mine(1)), None)
        return {
            "cover": turn.settings["cover"],
            "cards": turn.tickets.balance() if turn.contact_id is not None else 0,
            # What is under review, on its way or withdrawn is not told as given; "my prizes" says how it stands.
            "last": last.prize.title if last is not None and last.state == "granted" else "",
        }

    def scratch(self, turn: Any) -> dict[str, Any]:
        """Scratch a card; a refusal of the engine (no card left, a limit) passes through and nothing is written."""
        draw = turn.draw()
        return {"draw": draw.uid, "prize": draw.prize.title if draw.prize else "", "word": draw.word}


class ScratchCards(Plugin):
    name = "scratch-card"
    version = "1.0"
    summary = "Scratch cards 刮刮卡, a tenth game"
    requires_core = ">=0.1.0.dev0"
    extensions = {
        "interaction-games.games": (ScratchCard,),
        "interaction-games.recommendations": (
            {"goal": "member-order-share", "game": "scratch-card", "role": "main"},
        ),
    }
