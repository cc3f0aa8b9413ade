"""Mechanics are held to the rules of the surface they run on."""

from __future__ import annotations

from pathlib import Path

import pytest

from scrm_core.api import Invalid, surfaces

# Written down from the platforms' rules, not read from the table under test.
FORBIDDEN = {
    ("sharing_reward", "h5"),
    ("helping", "h5"),
    ("cutting_price", "h5"),
    ("inviting", "h5"),
    ("joining_group", "h5"),
    ("following", "h5"),
    ("sharing_reward", "mini_program"),
    ("joining_group", "mini_program"),
    ("following", "mini_program"),
}
MECHANICS = ("sharing_reward", "helping", "cutting_price", "grouping", "inviting", "joining_group", "following")
PAIRS = [
    (mechanic, surface)
    for mechanic in MECHANICS
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


def test_the_documentation_shows_every_pair():
    text = (Path(__file__).parents[3] / "docs" / "consumer-pages.md").read_text("utf-8")
    shown = {}
    for line in text.splitlines():
        cells = [cell.strip(" `") for cell in line.strip("|").split("|")]
        if cells[0] in surfaces.MECHANICS:
            shown[cells[0]] = cells[2:]
    assert list(shown) == list(MECHANICS) == list(surfaces.MECHANICS)
    for mechanic, cells in shown.items():
        answers = zip(("h5", "mini_program", "offline_code", "app"), cells, strict=True)
        assert {surface for surface, cell in answers if cell == "no"} == {
            surface for each, surface in FORBIDDEN if each == mechanic
        }
