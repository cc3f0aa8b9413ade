"""Whom to thank: on the page, on the card, of one brand; drawn and escaped."""

from __future__ import annotations

from scrm_core.api import ConsoleQuery, console_part
from scrm_core.testing import assert_plugin_ok
from scrm_first_orders import FirstOrders


def drawn(shop, part, language="en"):
    """What the console would show."""
    with shop as brand:
        plugin = brand.plugins["first-orders"]
        return console_part(plugin, part, ConsoleQuery(language))


PAGE, CARD = FirstOrders.console_pages["thanks"], FirstOrders.console_cards["due"]


def test_first_buyers_are_on_the_page_until_they_were_thanked(scrm_app):
    app = scrm_app(FirstOrders)
    ada, ben, cy = app.brand.lead(name="Ada"), app.brand.lead(name="<b>Ben</b>"), app.brand.lead(name="Cy")
    app.brand.order(ada, 5_000)
    app.clock.advance(hours=1)
    app.brand.order(ben, 5_000)
    page = str(drawn(app.brand, PAGE))
    assert page.index(ada.uid) < page.index(ben.uid) and cy.uid not in page
    assert "&lt;b&gt;Ben&lt;/b&gt;" in page
    assert drawn(app.brand, CARD).rows == [{"due": 2}]
    app.brand.tag(ada, "first order", "thanked")
    assert ada.uid not in str(drawn(app.brand, PAGE))
    assert drawn(app.brand, CARD).rows == [{"due": 1}]


def test_thanks_are_due_for_so_many_days_and_a_second_brand_has_its_own(scrm_app):
    app = scrm_app(FirstOrders, settings={"days": 2})
    app.brand.order(app.brand.lead(), 5_000)
    app.clock.advance(days=2)
    assert drawn(app.brand, CARD).rows == [{"due": 1}]
    app.clock.advance(seconds=1)
    assert drawn(app.brand, CARD).rows == [{"due": 0}]
    assert drawn(app.second_brand, CARD).rows == [{"due": 0}]
    assert "没有待致谢的首单" in str(drawn(app.brand, PAGE, "zh"))


def test_the_plugin_meets_the_checklist():
    assert_plugin_ok(FirstOrders)
