"""Deliveries as Shopify makes them: signed, twice, late, in any order; the totals are the same."""

from __future__ import annotations

import base64
import hashlib
import hmac
import itertools
import json

import pytest

from scrm_core.api import ScrmError
from scrm_core.testing import assert_plugin_ok
from scrm_shopify_orders import ShopifyOrders

SECRET, OLD = "0123456789abcdef0123456789abcdef", "fedcba9876543210fedcba9876543210"
SETTINGS = {"shop": "acme.myshopify.com", "secrets": [SECRET, OLD]}

# As much of Shopify's objects as matters, with members that nobody asks for.
ORDER = {
    "id": 5_012_345_678_901, "admin_graphql_api_id": "gid://shopify/Order/5012345678901", "name": "#1001",
    "currency": "CNY", "total_price": "120.00", "current_total_price": "120.00", "total_tax": "0.00",
    "financial_status": "pending", "fulfillment_status": None, "test": False, "phone": None, "refunds": [],
    "created_at": "2026-03-08T10:00:00+08:00", "processed_at": "2026-03-08T10:00:00+08:00", "cancelled_at": None,
    "updated_at": "2026-03-08T10:00:00+08:00",
    "customer": {"id": 7_001, "first_name": "Ada", "last_name": "Li", "phone": "+8613800138000", "email": None},
    "line_items": [
        {"sku": "TEA", "title": "Tea", "quantity": 2, "price": "50.00", "discount_allocations": [{"amount": "10.00"}]},
        {"sku": None, "title": "Cup", "quantity": 1, "price": "30.00", "discount_allocations": []},
    ],
}  # fmt: skip
REFUND = {
    "id": 9_001, "order_id": ORDER["id"], "created_at": "2026-03-10T09:00:00+08:00", "processed_at": None, "note": "broken",
    "transactions": [
        {"kind": "refund", "status": "success", "amount": "20.50", "currency": "CNY"},
        {"kind": "refund", "status": "failure", "amount": "99.00", "currency": "CNY"},
    ],
}  # fmt: skip


def order(hour, **change):
    return {**ORDER, "updated_at": f"2026-03-{8 + hour // 24:02d}T{hour % 24:02d}:00:00+08:00", **change}


CREATED = ("orders/create", order(10))
PAID = ("orders/paid", order(11, financial_status="paid"))
SHIPPED = ("orders/fulfilled", order(30, financial_status="paid", fulfillment_status="fulfilled"))
REFUNDED = ("refunds/create", REFUND)
UPDATED = ("orders/updated", order(50, financial_status="partially_refunded", fulfillment_status="fulfilled", refunds=[REFUND]))


@pytest.fixture
def app(scrm_app):
    return scrm_app(ShopifyOrders, settings=SETTINGS)


def mark(body, secret=SECRET):
    return base64.b64encode(hmac.new(secret.encode(), body, hashlib.sha256).digest()).decode()


def deliver(shop, topic, told, *, secret=SECRET, **headers):
    """A delivery, signed over the bytes that go over the wire."""
    body = told if isinstance(told, bytes) else json.dumps(told, indent=1).encode()
    given = {
        "Content-Type": "application/json", "X-Shopify-Topic": topic, "X-Shopify-Hmac-Sha256": mark(body, secret),
        "X-Shopify-Shop-Domain": "acme.myshopify.com", **headers,
    }  # fmt: skip
    return shop.app.web.test_client().post(f"/p/{shop.id}/shopify-orders/webhook", data=body, headers=given)


def stored(shop):
    """What the brand has of the order, and what its buyer's figures are."""
    with shop as brand:
        view = brand.orders.by_number("shopify", str(ORDER["id"]))
        buyer = brand.contacts.get_by_id(view.contact_id)
        lines = [(line.sku, line.title, line.qty, line.paid_minor) for line in view.lines]
        refunds = [(refund.number, refund.amount_minor, refund.reason) for refund in view.refunds]
        return view.status, view.paid_minor, view.refund_minor, lines, refunds, buyer.orders, buyer.money


def rows(shop):
    with shop as brand:
        return brand.orders.page()


def test_an_order_is_created_paid_shipped_and_refunded_in_part(app):
    shop = app.brand
    assert deliver(shop, *CREATED).json == {"outcome": "created"}
    assert stored(shop)[:3] == ("unpaid", 12_000, 0)
    for delivery in (PAID, SHIPPED, REFUNDED, UPDATED):
        assert deliver(shop, *delivery).status_code == 200
    assert stored(shop) == (
        "shipped", 12_000, 2_050,
        [("TEA", "Tea", 2, 9_000), ("", "Cup", 1, 3_000)],  # 2 x 50.00 less a discount of 10.00
        [("9001", 2_050, "broken")],
        1, 9_950,
    )  # fmt: skip
    with shop as brand:
        buyer = brand.contacts.find("phone", "+8613800138000")
        assert buyer == brand.contacts.find("buyer", "7001", "shopify")
        assert buyer.name == "Ada Li"
        assert brand.orders.by_number("shopify", str(ORDER["id"])).platform == "shopify"
    assert rows(app.second_brand) == []


def test_duplicates_and_any_order_of_delivery_give_the_same_totals(scrm_app):
    told = (CREATED, PAID, REFUNDED, UPDATED)
    app = scrm_app(ShopifyOrders, settings=SETTINGS)
    shop, wanted = app.brand, None
    for number, deliveries in enumerate(itertools.permutations(told), 1):
        # Each order of delivery is that of an order of its own, told whole twice.
        for topic, body in (*deliveries, *deliveries[:2]):
            text = json.dumps(body).replace(str(ORDER["id"]), str(number)).replace("9001", str(9_000 + number))
            assert deliver(shop, topic, text.encode()).status_code == 200
        with shop as brand:
            view = brand.orders.by_number("shopify", str(number))
        found = (view.status, view.paid_at, view.paid_minor, view.refund_minor, view.version, len(view.refunds))
        assert found == (wanted := wanted or found)
    assert wanted[0] == "shipped" and wanted[2:4] == (12_000, 2_050)
    with shop as brand:
        assert brand.contacts.find("buyer", "7001", "shopify").orders == 24
        assert brand.contacts.find("buyer", "7001", "shopify").money == 24 * 9_950


def test_a_full_refund_and_a_cancellation_leave_no_order_that_counts(app):
    shop = app.brand
    whole = {**REFUND, "transactions": [{"kind": "refund", "status": "success", "amount": "120.00", "currency": "CNY"}]}
    deliver(shop, *PAID)
    deliver(shop, "refunds/create", whole)
    deliver(shop, "orders/updated", order(60, financial_status="refunded", refunds=[whole]))
    deliver(shop, "orders/cancelled", order(61, financial_status="refunded", cancelled_at="2026-03-10T13:00:00+08:00"))
    assert stored(shop)[:3] == ("refunded", 12_000, 12_000)
    assert stored(shop)[5:] == (0, 0)
    deliver(shop, "orders/cancelled", order(62, id=7, cancelled_at="2026-03-10T13:00:00+08:00", financial_status="voided"))
    with shop as brand:
        assert brand.orders.by_number("shopify", "7").status == "closed"


def test_a_refund_that_was_pending_at_first_is_learnt_from_the_order(app):
    shop = app.brand
    deliver(shop, *PAID)
    pending = {**REFUND, "transactions": [{**REFUND["transactions"][0], "status": "pending"}]}
    deliver(shop, "refunds/create", pending)
    assert stored(shop)[2] == 0
    deliver(shop, *UPDATED)
    deliver(shop, *REFUNDED)
    assert stored(shop)[2] == 2_050


def test_a_refund_of_more_than_was_paid_is_told_to_shopify_and_keeps_no_order_back(app):
    shop = app.brand
    deliver(shop, *PAID)
    big = {**REFUND, "transactions": [{"kind": "refund", "status": "success", "amount": "120.01", "currency": "CNY"}]}
    assert deliver(shop, "refunds/create", big).status_code == 409
    changed = order(70, financial_status="paid", fulfillment_status="fulfilled", refunds=[big])
    assert deliver(shop, "orders/updated", changed).status_code == 200
    assert stored(shop)[:3] == ("shipped", 12_000, 0)


@pytest.mark.parametrize(
    ("secret", "headers"),
    [
        ("another secret that is as long!!", {}),
        (SECRET, {"X-Shopify-Hmac-Sha256": ""}),
        (SECRET, {"X-Shopify-Hmac-Sha256": "签名"}),
        (SECRET, {"X-Shopify-Hmac-Sha256": mark(b"another body")}),
        (SECRET, {"X-Shopify-Hmac-Sha256": hmac.new(SECRET.encode(), b"hex", hashlib.sha256).hexdigest()}),
    ],
)
def test_a_wrong_signature_is_refused_and_nothing_is_written(app, secret, headers):
    headers = {name: value.encode("utf-8").decode("latin-1") for name, value in headers.items()}
    assert deliver(app.brand, *PAID, secret=secret, **headers).status_code == 401
    assert rows(app.brand) == []


def test_every_secret_is_compared_in_constant_time(app, monkeypatch):
    compared = []
    whole = hmac.compare_digest
    monkeypatch.setattr(hmac, "compare_digest", lambda one, other: compared.append((one, other)) or whole(one, other))
    body = json.dumps(PAID[1]).encode()
    assert deliver(app.brand, PAID[0], body).status_code == 200
    given = mark(body).encode()
    # The second one too, though the first one fits.
    assert [pair for pair in compared if pair[0] == given] == [(given, given), (given, mark(body, OLD).encode())]


def test_a_secret_that_is_being_replaced_still_signs(app):
    assert deliver(app.brand, *PAID, secret=OLD).status_code == 200
    app.configure({**SETTINGS, "secrets": [SECRET]})
    assert deliver(app.brand, *SHIPPED, secret=OLD).status_code == 401
    assert deliver(app.brand, *SHIPPED).status_code == 200


@pytest.mark.parametrize(
    ("topic", "told", "status"),
    [
        ("orders/paid", b"{", 422),
        ("orders/paid", b"[" * 5_000, 422),
        ("orders/paid", [ORDER], 422),
        ("orders/paid", {"id": 1}, 422),
        ("orders/paid", order(11, financial_status="paid", currency="USD"), 422),
        ("orders/paid", order(11, financial_status="paid", total_price="12.345"), 422),
        ("orders/paid", order(11, financial_status="paid", total_price="NaN"), 422),
        ("refunds/create", {**REFUND, "transactions": [{"kind": "refund", "status": "success", "amount": "-1.00"}]}, 422),
        ("orders/paid", order(11, financial_status="paid", test=True), 200),
        ("products/update", {"id": 1}, 200),
        ("orders/paid", b" " * 1_000_001, 413),
    ],
)
def test_what_is_no_order_of_this_brand_has_no_effect(app, topic, told, status):
    assert deliver(app.brand, topic, told).status_code == status
    assert rows(app.brand) == []


def test_another_shops_deliveries_are_refused(app):
    headers = {"X-Shopify-Shop-Domain": "other.myshopify.com"}
    assert deliver(app.brand, *PAID, **headers).status_code == 422
    assert rows(app.brand) == []


def test_a_sample_delivery_with_a_number_beyond_what_json_keeps_exact_is_taken(app):
    assert deliver(app.brand, "orders/paid", order(11, financial_status="paid", id=820_982_911_946_154_508)).status_code == 200
    assert [view.number for view in rows(app.brand)] == ["820982911946154508"]


def test_a_phone_that_is_none_keeps_no_order_back(app):
    deliver(app.brand, "orders/paid", order(11, financial_status="paid", phone="call me"))
    (view,) = rows(app.brand)
    with app.brand as brand:
        assert [each.kind for each in brand.contacts.identities(view.contact_id)] == ["buyer"]


def test_a_shop_that_is_no_shop_and_a_short_secret_are_configuration_errors(scrm_app):
    with pytest.raises(ScrmError, match="shop"):
        scrm_app(ShopifyOrders, settings={**SETTINGS, "shop": "acme.example"}).brand.brand
    with pytest.raises(ScrmError, match="secrets"):
        scrm_app(ShopifyOrders, settings={**SETTINGS, "secrets": ["short"]}).brand.brand


def test_the_plugin_meets_the_checklist():
    assert_plugin_ok(ShopifyOrders, settings=SETTINGS)
