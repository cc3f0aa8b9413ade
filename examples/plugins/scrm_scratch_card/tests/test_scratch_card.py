"""A campaign with cards to scratch: one chance, one draw, one prize."""

from __future__ import annotations

import pytest

from scrm_core.testing import assert_plugin_ok
from scrm_interaction_games import InteractionGames
from scrm_points import Points
from scrm_scratch_card import ScratchCards

CAMPAIGN = """
code = "spring-cards"
game = "scratch-card"
title = "Spring cards"
surface = "h5"
ends_at = "2026-06-01T00:00"
rules = "One card a day."
organiser = "Acme"
organiser_contact = "400-000-0000"
total_weight = 1
chances = { daily = 1 }
settings = { cover = "scratch me" }

[[prizes]]
code = "points"
title = "10 points"
kind = "points"
quantity = 10
weight = 1
"""
PAGE = "interaction-games/g/spring-cards"


@pytest.fixture
def app(scrm_app, tmp_path):
    app = scrm_app(InteractionGames, Points, ScratchCards)
    (tmp_path / "cards.toml").write_text(CAMPAIGN, encoding="utf-8")
    app.command("games", "campaign", "create", "acme", str(tmp_path / "cards.toml"), "--as", "mia")
    app.command("games", "campaign", "publish", "acme", "spring-cards", "--as", "mia", "--confirm")
    return app


def test_a_card_is_scratched_once_a_day_and_its_prize_is_given(app):
    ada = app.brand.lead()
    browser = app.brand.visitor(ada)
    page = browser.get(PAGE, lang="en")
    assert "scratch me" in page.text and ">1<" in page.text
    assert [browser.submit(page, "/scratch").status_code for _ in range(2)] == [303, 303]  # a double tap
    assert [(each.kind, each.quantity) for each in app.brand.rewards(ada)] == [("points", 10)]
    page = browser.get(PAGE, lang="en")
    assert "data-last>10 points<" in page.text and "disabled" in page.text
    app.clock.advance(days=1)
    assert "disabled" not in browser.get(PAGE, lang="en").text
    assert app.second_brand.visitor().get(PAGE).status_code == 404


def test_the_plugin_meets_the_checklist():
    assert_plugin_ok(ScratchCards, InteractionGames)
