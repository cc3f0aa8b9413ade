"""The example plugins' own tests run on SQLite; what they ask of a database holds on PostgreSQL too."""

from __future__ import annotations

from datetime import date

from scrm_big_spenders import BigSpenders
from scrm_core.api import ConsoleQuery, console_part
from scrm_coupon_threshold import CouponThreshold
from scrm_daily_figures import DailyFigures
from scrm_first_orders import FirstOrders
from scrm_goods_by_post import GoodsByPost
from scrm_nth_order import NthOrder
from scrm_shopify_orders import ShopifyOrders

SHOPIFY = {"shop": "acme.myshopify.com", "secrets": ["0123456789abcdef0123456789abcdef"]}
PAID = {
    "id": 1, "currency": "CNY", "total_price": "120.00", "financial_status": "paid", "customer": {"id": 7_001},
    "created_at": "2026-03-08T10:00:00+08:00", "updated_at": "2026-03-08T11:00:00+08:00",
}  # fmt: skip
CREATED = {**PAID, "financial_status": "pending", "updated_at": PAID["created_at"]}
REFUND = {
    "id": 9, "order_id": 1, "created_at": "2026-03-10T09:00:00+08:00",
    "transactions": [{"kind": "refund", "status": "success", "amount": "20.50", "currency": "CNY"}],
}  # fmt: skip


def test_figures_fields_parcels_and_deliveries_are_the_same(empty_postgres_url, scrm_app):
    settings = {
        "big-spenders": {}, "daily-figures": {"folder": "reports"}, "goods-by-post": {"goods": {"MUG": "Mug"}},
        "shopify-orders": SHOPIFY, "first-orders": {"days": 90},
    }  # fmt: skip
    plugins = (BigSpenders, DailyFigures, FirstOrders, GoodsByPost, ShopifyOrders)
    app = scrm_app(*plugins, settings=settings, database_url=empty_postgres_url)
    shop = app.brand
    with shop as brand:
        for topic, told in (("refunds/create", REFUND), ("orders/paid", PAID), ("orders/create", CREATED)) * 2:
            with brand.transaction():
                brand.plugins["shopify-orders"].take(topic, told)
        order = brand.orders.by_number("shopify", "1")
    assert (order.status, order.paid_minor, order.refund_minor) == ("paid", 12_000, 2_050)
    ada = shop.lead(at="2026-03-08T09:00")
    shop.order(ada, 5_000, at="2026-03-08T09:30")
    shop.reward(ada, "goods", "MUG")
    with shop as brand:
        day = date(2026, 3, 8).toordinal()
        brand.plugins["daily-figures"].keep(day)
        brand.plugins["daily-figures"].keep(day)
        buyer = brand.contacts.find("buyer", "7001", "shopify")
        assert brand.segments.page("big-spenders.largest >= 5001") == [buyer.id]
    assert shop.report("daily-figures") == [
        {"day": "2026-03-08", "leads": 1, "orders": 2, "revenue_minor": 17_000, "refunds_minor": 0}
    ]
    assert len(shop.client("goods-by-post:read").get("plugins/goods-by-post/parcels", state="open").json["parcels"]) == 1
    with shop as brand:
        first, parts = brand.plugins["first-orders"], FirstOrders
        assert console_part(first, parts.console_cards["due"], ConsoleQuery()).rows == [{"due": 2}]
        assert ada.uid in console_part(first, parts.console_pages["thanks"], ConsoleQuery())


def test_a_coupon_of_the_third_order_is_given_taken_back_and_given_by_the_job(empty_postgres_url, scrm_app):
    settings = {"coupon-threshold": {}, "nth-order": {"tag": "value/regular", "batch": "THIRD"}}
    app = scrm_app(CouponThreshold, NthOrder, settings=settings, database_url=empty_postgres_url)
    shop = app.brand
    rule = {"kind": "threshold", "min_minor": 10_000, "off_minor": 3_000}
    batch = {"code": "THIRD", "title": "第三单", "stock": 5, "validity": {"kind": "natural", "days": 7}, "rule": rule}
    door = shop.client()
    assert door.post("plugins/coupon-threshold/batches", batch).status_code in (200, 201)
    assert door.post("plugins/coupon-threshold/batches/THIRD/state", {"state": "open"}).status_code == 200
    ada = shop.lead()
    shop.tag(ada, "value", "regular")
    orders = [shop.order(ada, 20_000, at=f"2026-03-0{day}T10:00") for day in (1, 2, 3)]
    shop.deliver_twice()
    shop.refund(orders[1])
    shop.deliver_twice()
    late = shop.order(None, 20_000, at="2026-03-05T10:00")
    shop.deliver()
    with shop as brand:
        brand.orders.claim(late.order_id, ada.id, method="card serial")
    app.clock.advance(days=1)
    shop.run_jobs()
    found = shop.client("nth-order:read").get("plugins/nth-order/gifts").json["gifts"]
    assert [(gift["order"], gift["state"]) for gift in found] == [
        (orders[2].number, "taken-back"), (late.number, "given"),
    ]  # fmt: skip
