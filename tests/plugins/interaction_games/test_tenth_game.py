"""A third party's game: written against the public API alone, played through the same engine as the nine."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from games_scene import Scene
from signing import PAGE, fields, sign_in

from scrm_core.web.app import create_app
from scrm_interaction_games.recommend import recommend
from scrm_scratch_card import ScratchCards

BASE = "/p/acme/interaction-games"


@pytest.fixture
def table(games_installation) -> Iterator[Scene]:
    installation = games_installation(plugins=(ScratchCards,), more="[plugins.scratch-card]\n")
    with installation.brand("acme") as brand:
        yield Scene(brand)


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_its_draws_have_odds_stock_and_a_proof_like_all_others(table):
    code = table.campaign(
        "scratch-card", [table.prize("tea", weight=1, stock=5), table.none(1)], settings={"cover": "刮开"},
        chances={"daily": 5},
    )  # fmt: skip
    anna = table.person()
    assert table.view(code, None)["cards"] == 0
    assert table.view(code, anna) == {"cover": "刮开", "cards": 5, "last": ""}
    draws = [table.act(code, "scratch", anna) for _ in range(5)]
    wins = sum(draw["prize"] == "TEA" for draw in draws)
    assert (len(table.rewards(anna)), table.stock(code, "tea")) == (wins, 5 - wins)
    table.games.end(code, reason="over")
    table.games.reveal(code)
    for draw in draws:
        _, checks = table.games.verify(draw["draw"])
        assert checks
        assert all(check.holds for check in checks)


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_its_page_is_its_own_and_plays_once_per_form(table):
    code = table.campaign("scratch-card", [table.prize("tea", weight=1)], chances={"daily": 2})
    anna = table.person()
    client = create_app(table.brand.installation).test_client()
    sign_in(client, table.brand, anna)
    page = client.get(f"{BASE}/g/{code}?lang=en", headers=PAGE)
    assert "scratch here" in page.get_data(as_text=True)
    form = fields(page, "/scratch")
    answers = [client.post(f"{BASE}/g/{code}/scratch", data=form, headers=PAGE) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [303, 303]
    assert len(table.rewards(anna)) == 1
    again = client.get(f"{BASE}/g/{code}?lang=en", headers=PAGE).get_data(as_text=True)
    assert "data-last>TEA<" in again and ">card left<" in again


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_its_page_shows_a_prize_once_it_is_given(table):
    code = table.campaign("scratch-card", [table.prize("tea", weight=1, review=True)], chances={"daily": 2})
    anna = table.person()
    draw = table.act(code, "scratch", anna)
    assert (draw["word"], table.view(code, anna)["last"]) == ("review", "")
    table.games.reviews.approve(draw["draw"], actor="mia")
    assert table.view(code, anna)["last"] == "TEA"


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_it_is_recommended_beside_the_practices_own(table):
    options = recommend(table.brand, "member-order-share")
    assert [option.game for option in options] == ["wheel", "egg", "grab", "scratch-card", "joingift"]
    assert all(option.usable for option in options)
