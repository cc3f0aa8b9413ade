"""A tenth is off on Fridays of the brand, and who answers a question is tagged."""

from __future__ import annotations

from datetime import datetime

from scrm_core.api import Cart, CartLine, local_instant
from scrm_core.testing import assert_plugin_ok
from scrm_friday_discount import FridayDiscount
from scrm_interaction_games import InteractionGames


def payable(shop, time):
    lines = (CartLine("1", "TEA", 3, 333), CartLine("2", "BAG", 1, 500, gift=True))
    with shop as brand:
        at = local_instant(datetime.fromisoformat(time), brand.zone)
        return brand.carts.quote(Cart(lines, at)).payable_minor


def test_a_tenth_is_off_from_midnight_to_midnight_of_the_brand(scrm_app):
    app = scrm_app(FridayDiscount)
    # 1 May 2026 is a Friday: 999 // 10 = 99 off, and nothing off a gift.
    assert payable(app.brand, "2026-05-01T00:00") == payable(app.brand, "2026-05-01T23:59") == 900
    assert payable(app.brand, "2026-04-30T23:59") == payable(app.brand, "2026-05-02T00:00") == 999


def test_who_answers_a_question_is_tagged_once(scrm_app):
    app = scrm_app(InteractionGames, FridayDiscount)
    ada, ben = app.brand.lead(), app.brand.lead()
    app.brand.event("interaction-games", "answered", ada, award="x")
    app.brand.event("interaction-games", "played", ben)
    app.brand.event("interaction-games", "answered", None)
    app.brand.deliver_twice()
    assert [app.brand.tags(person) for person in (ada, ben)] == [{("talk", "answers")}, set()]


def test_the_plugin_meets_the_checklist():
    assert_plugin_ok(FridayDiscount)
