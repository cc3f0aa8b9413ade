"""Draws: one chance, one number, one prize; what was drawn is what is recorded."""

from __future__ import annotations

import pytest
from games_scene import Scene

from scrm_core.api import Conflict


def test_a_draw_spends_a_chance_takes_stock_and_budget_and_grants_the_prize(scene: Scene) -> None:
    anna = scene.person()
    code = scene.campaign(
        "wheel", [scene.prize("tea", item="tea", weight=10, stock=5, value_minor=300)], budget_minor=1_000,
        chances={"daily": 1},
    )  # fmt: skip
    answer = scene.act(code, "play", anna, key="k1")
    assert (answer["prize"], answer["state"], answer["word"]) == ("tea", "granted", "won")
    assert scene.act(code, "play", anna, key="k1") == answer
    assert (scene.stock(code, "tea"), scene.spent(code)) == (4, 300)
    assert scene.rewards(anna) == [("points", "tea", 1)]
    with pytest.raises(Conflict) as refused:
        scene.act(code, "play", anna, key="k2")
    assert refused.value.code == "no_ticket"
