"""Mechanics are held to the rules of the surface they run on."""

from __future__ import annotations

import pytest

from scrm_core.api import Invalid
from scrm_interaction_games.engine import surfaces

# Written down from the platforms' rules, not read from the table under test.
FORBIDDEN = {
    ("sharing_reward", "h5"),
    ("helping", "h5"),
    ("cutting_price", "h5"),
    ("inviting", "h5"),
    ("sharing_reward", "mini_program"),
}
PAIRS = [
    (mechanic, surface)
    for mechanic in ("sharing_reward", "helping", "cutting_price", "grouping", "inviting")
    for surface in ("h5", "mini_program", "offline_code", "app")
]


@pytest.mark.parametrize(("mechanic", "surface"), PAIRS)
def test_a_forbidden_pair_has_a_reason_with_its_source_and_every_other_pair_is_allowed(mechanic, surface):
    said = surfaces.refusal(mechanic, surface)
    if (mechanic, surface) not in FORBIDDEN:
        assert said is None
        return
    assert "微信" in said
    assert "2019-10-28" in said or "小程序平台运营规范" in said
    assert "may run on" in said
    assert "不" in surfaces.refusal(mechanic, surface, "zh")


def test_the_reason_names_where_the_mechanic_may_run():
    assert surfaces.refusal("cutting_price", "h5").endswith("it may run on mini_program, offline_code, app")
    assert surfaces.refusal("sharing_reward", "h5").endswith("it may run on offline_code, app")


def test_a_misspelt_name_is_never_taken_for_an_allowed_pair():
    with pytest.raises(Invalid, match="mini_program") as wrong:
        surfaces.refusal("helping", "miniprogram")
    assert wrong.value.field == "surface"
    with pytest.raises(Invalid, match="cutting_price") as wrong:
        surfaces.refusal("cut_price", "app")
    assert wrong.value.field == "mechanics"


def test_each_ground_of_a_game_is_named():
    assert surfaces.refusals(frozenset({"cutting_price", "helping"}), "offline_code") == []
    both = surfaces.refusals(frozenset({"cutting_price", "helping"}), "h5")
    assert [("cut a price" in reason, "help" in reason) for reason in both] == [(True, False), (False, True)]


def test_an_allowed_pair_may_still_ask_for_something():
    assert "refund" in surfaces.condition("grouping", "h5")
    assert surfaces.condition("grouping", "app") == ""
