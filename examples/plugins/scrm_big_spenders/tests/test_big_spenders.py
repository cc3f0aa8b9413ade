"""Who pays a lot is tagged, and found by the largest order."""

from __future__ import annotations

from scrm_big_spenders import BigSpenders
from scrm_core.testing import assert_plugin_ok


def test_who_pays_a_lot_in_one_order_is_tagged(scrm_app):
    app = scrm_app(BigSpenders, settings={"least": 5_000})
    ada, ben = app.brand.lead(), app.brand.lead()
    app.brand.order(ada, 5_000)
    app.brand.order(ben, 4_999)
    app.brand.order(ben, 4_999)
    app.brand.order(None, 9_000)
    app.brand.deliver_twice()
    assert app.brand.tags(ada) == {("value", "big spender")}
    assert app.brand.tags(ben) == set()


def test_a_segment_asks_for_the_largest_order_that_stands(scrm_app):
    app = scrm_app(BigSpenders)
    ada, ben = app.brand.lead(), app.brand.lead()
    app.brand.lead()  # has bought nothing
    app.brand.order(ada, 3_000)
    app.brand.refund(app.brand.order(ada, 8_000))
    app.brand.order(ben, 6_000)
    app.second_brand.order(app.second_brand.lead(), 9_000)
    with app.brand as brand:
        found = {least: brand.segments.page(f"big-spenders.largest >= {least}") for least in (3_000, 3_001, 6_001)}
    assert found == {3_000: [ada.id, ben.id], 3_001: [ben.id], 6_001: []}


def test_the_plugin_meets_the_checklist():
    assert_plugin_ok(BigSpenders)
