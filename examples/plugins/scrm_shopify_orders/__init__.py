"""Orders from Shopify (Shopify 订单): the platform's webhooks become orders and refunds of the brand.

The plugin has no table. What it is told it hands to the core's order services, which know an order by its number and a
refund by its own: twice, late or in another order, the same deliveries end in the same rows.
"""

from __future__ import annotations

import base64
import hmac
import json
from collections.abc import Sequence
from typing import Any

import flask
from marshmallow import RAISE, Schema, fields, validate

from scrm_core.api import Invalid, Plugin, RefundIn, ScrmError, current_plugin, load_body

from .telling import OrderTold, RefundTold, order_of, refund_of, refunds_in

TOPICS = ("orders/create", "orders/paid", "orders/updated", "orders/fulfilled", "orders/cancelled")
"""Each tells the whole order as it then was, with its refunds so far."""

pages = flask.Blueprint("shopify_orders", __name__)


class Settings(Schema):
    class Meta:
        unknown = RAISE

    shop = fields.String(
        required=True, validate=validate.Regexp(r"[a-z0-9][a-z0-9-]*\.myshopify\.com\Z"),
        metadata={"description": "the shop's own domain, such as acme.myshopify.com"},
    )  # fmt: skip
    secrets = fields.List(
        fields.String(validate=validate.Length(16, 200)), required=True, validate=validate.Length(1, 4),
        metadata={"description": "client secrets of the app; while one is replaced, the old and the new"},
    )  # fmt: skip
    source = fields.String(
        load_default="shopify", validate=validate.Length(1, 40),
        metadata={"description": "the source under which orders and buyers are kept; one per shop"},
    )  # fmt: skip


class ShopifyOrders(Plugin):
    """Takes orders and refunds of one Shopify shop."""

    name = "shopify-orders"
    version = "1.0"
    summary = "Orders from Shopify 订单接入: signed webhooks become orders and refunds"
    requires_core = ">=0.1.0.dev0"
    Settings = Settings
    pages = pages

    def take(self, topic: str, told: Any) -> str:
        """Write what a delivery tells; returns what became of it. Raises Invalid for another shape, Conflict, Veto."""
        if topic in TOPICS:
            given = load_body(OrderTold(), told)
            if given["test"]:
                return "ignored"
            outcome = self.brand.orders.upsert(order_of(given, self.brand, self.settings["source"])).outcome
            for refused in self._refund(refunds_in(given, self.brand, self.settings["source"])):
                # The order stands; its refund is told again by refunds/create, whose answer Shopify sees.
                self.log.warning("order %s: a refund is not taken: %s", given["id"], refused)
            return outcome
        if topic == "refunds/create":
            refund = refund_of(load_body(RefundTold(), told), self.brand, self.settings["source"])
            for refused in self._refund([refund] if refund is not None else []):
                raise refused
            return "taken"
        return "ignored"

    def _refund(self, refunds: Sequence[RefundIn]) -> list[ScrmError]:
        """Write refunds, each once whoever tells it; returns why some could not be."""
        return [answer for answer in self.brand.orders.refund_many(refunds) if isinstance(answer, ScrmError)]


def signed(body: bytes, given: str, secrets: Sequence[str]) -> bool:
    """Whether the header is the body's signature: base64 of its HMAC-SHA256 under the app's client secret.

    The body is signed as it came, so nobody may have read and written it again. Every secret is tried and compared in
    constant time: how long a refusal takes tells nothing of how near a guess was.
    """
    found = False
    for secret in secrets:
        expected = base64.b64encode(hmac.digest(secret.encode(), body, "sha256"))
        found |= hmac.compare_digest(given.encode("utf-8", "replace"), expected)
    return found


@pages.post("/webhook")
def webhook() -> Any:
    """A delivery. The core has read the body, up to its limit; what a view does is one transaction."""
    plugin, headers = current_plugin(ShopifyOrders), flask.request.headers
    body = flask.request.get_data()
    if not signed(body, headers.get("X-Shopify-Hmac-Sha256", ""), plugin.settings["secrets"]):
        return flask.Response("the signature does not fit\n", 401, content_type="text/plain; charset=utf-8")
    if headers.get("X-Shopify-Shop-Domain", "") != plugin.settings["shop"]:
        raise Invalid("the delivery is another shop's", code="other_shop")
    try:
        # Not the strict reader of our own API: the ids of Shopify's sample deliveries are beyond 2**53.
        told = json.loads(body)
    except (ValueError, RecursionError):
        raise Invalid("the delivery is no JSON", code="no_json") from None
    return {"outcome": plugin.take(headers.get("X-Shopify-Topic", ""), told)}
