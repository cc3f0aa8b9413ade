"""The example plugins' own tests run on SQLite; what they ask of a database holds on PostgreSQL too."""

from __future__ import annotations

from datetime import date

from scrm_big_spenders import BigSpenders
from scrm_core.api import console_part
from scrm_daily_figures import DailyFigures
from scrm_first_orders import FirstOrders
from scrm_goods_by_post import GoodsByPost
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
        assert console_part(first, parts.console_cards["due"], "en").rows == [{"due": 2}]
        assert ada.uid in console_part(first, parts.console_pages["thanks"], "en")
