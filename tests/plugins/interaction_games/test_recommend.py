"""Games by north-star metric: the practice's table, rows of other plugins, and options a brand cannot use."""

from __future__ import annotations

import pytest

from scrm_core.api import Invalid, Plugin
from scrm_interaction_games import InteractionGames
from scrm_interaction_games.recommend import goals, problems, recommend

pytestmark = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)

PRACTICE = {
    "new-friends": (["invite"], ["joingift"]),
    "new-members": (["bargain", "groupbuy"], ["joingift"]),
    "fewer-lost-friends": (["nurture"], ["checkin"]),
    "member-order-share": (["wheel", "egg", "grab"], ["joingift"]),
}


def test_each_goal_has_the_practices_main_and_assisting_games(scene):
    assert list(goals(scene.brand)) == list(PRACTICE)
    for goal, (main, assist) in PRACTICE.items():
        options = recommend(scene.brand, goal)
        assert [option.game for option in options if option.role == "main"] == main
        assert [option.game for option in options if option.role == "assist"] == assist
        assert all(option.usable for option in options)
    with pytest.raises(Invalid, match="new-friends") as wrong:
        recommend(scene.brand, "fame")
    assert wrong.value.field == "goal"


def test_an_option_forbidden_on_every_surface_of_the_brand_is_marked_with_the_reason(scene):
    bargain, group, gift = recommend(scene.brand, "new-members", on=("h5",))
    assert not bargain.usable
    assert "2019-10-28" in bargain.problems[0]
    assert (group.usable, gift.usable) == (True, True)
    bargain = recommend(scene.brand, "new-members", on=("h5", "mini_program"))[0]
    assert bargain.usable
    assert bargain.surfaces == ("mini_program",)
    assert list(bargain.refusals) == ["h5"]
    with pytest.raises(Invalid) as wrong:
        recommend(scene.brand, "new-members", on=("billboard",))
    assert wrong.value.field == "surface"


def test_a_brand_that_issues_no_prize_sees_what_is_missing(new_installation):
    installation = new_installation(plugins=(InteractionGames,), acme="\n[plugins.interaction-games]\n")
    with installation.brand("acme") as brand:
        wheel = recommend(brand, "member-order-share")[0]
        assert "coupon" in wheel.problems[0]
        assert "points" in wheel.problems[0]
        # What is sold needs no prize.
        assert [option.usable for option in recommend(brand, "new-members")] == [True, True, False]


class Advisor(Plugin):
    """Knows another goal, and another game for a known one."""

    name = "advisor"
    version = "1"
    summary = "recommends"
    requires_core = ">=0.1.0.dev0"
    extensions = {
        "interaction-games.recommendations": (
            {"goal": "new-members", "game": "scratch-card", "role": "assist"},
            {"goal": "store-visits", "game": "wheel", "role": "main", "prizes": ("product-voucher",)},
            # The practice's own row stays as it is.
            {"goal": "new-friends", "game": "invite", "role": "assist"},
        )
    }


def test_plugins_add_rows_and_a_game_nobody_offers_is_marked(games_installation):
    installation = games_installation(plugins=(Advisor,), more="[plugins.advisor]\n")
    with installation.brand("acme") as brand:
        *_, added = recommend(brand, "new-members")
        assert (added.game, added.source) == ("scratch-card", "advisor")
        assert added.problems == ("no enabled plugin offers the game 'scratch-card'",)
        (visit,) = recommend(brand, "store-visits")
        assert visit.usable
        assert recommend(brand, "new-friends")[0].role == "main"
        assert problems(brand) == []


def test_a_row_that_cannot_be_read_is_a_problem_of_the_brand_and_names_its_plugin(games_installation, monkeypatch):
    installation = games_installation(plugins=(Advisor,), more="[plugins.advisor]\n")
    row = {"goal": "new-members", "game": "wheel", "role": "star"}
    monkeypatch.setattr(Advisor, "extensions", {"interaction-games.recommendations": (row,)})
    with installation.brand("acme") as brand:
        (said,) = problems(brand)
        assert "'advisor'" in said
        assert "main or assist" in said
        # What is asked whenever the brand's configuration is taken into use, and refuses it.
        assert said in brand.plugins["interaction-games"].brand_problems()
