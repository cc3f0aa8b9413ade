"""Routes of carts, counters and shops."""

from __future__ import annotations

from typing import Any

import flask

from scrm_core.api import (
    Brand,
    contended,
    current_actor,
    current_brand,
    load_body,
    permission,
)

from ..batches.definition import instant_of
from ..requests import MANAGE, READ, number_asked
from ..service import coupons_of
from .basket import cart_view
from .redeeming import redemption
from .schemas import (
    ClerkBody,
    CounterBody,
    HoldBody,
    OrderBody,
    OrderReasonBody,
    QuoteBody,
    ReasonBody,
    RedeemBody,
    RefundBody,
    ScanBody,
    StoreBody,
    UndoBody,
    cart_of,
    lines_of,
)
from .service import Carts
from .views import clerk_view, redeemed_view, redemption_view, scan_view, store_view
from .watch import DAYS, counter_report

REDEEM = "coupon-threshold:redeem"


def carts_here() -> Carts:
    """The services of the brand that is asked."""
    return coupons_of(current_brand()).carts


def _contact_id(brand: Brand, uid: str | None) -> int | None:
    return None if uid is None else brand.contacts.get(uid).id


@permission(REDEEM)
def quote() -> Any:
    """Price a cart with the codes it names, or with the best of all its customer's coupons (``best``)."""
    body = load_body(QuoteBody(), flask.request.get_json())
    carts = carts_here()
    brand = carts.brand
    cart = cart_of(body, brand.now(), _contact_id(brand, body["contact"]))
    if not body["best"]:
        return flask.jsonify(cart_view(brand.carts.quote(cart)))
    priced = carts.best(cart)
    return flask.jsonify({**cart_view(priced.cart), "capped": priced.capped})


@permission(REDEEM)
@contended
def hold() -> Any:
    """Keep what a cart uses for a checkout in flight; the same key answers the first time's."""
    body = load_body(HoldBody(), flask.request.get_json())
    carts = carts_here()
    brand = carts.brand
    cart = cart_of(body, brand.now(), _contact_id(brand, body["contact"]))
    answer = carts.holds.hold(
        body["key"],
        cart,
        source=body["source"],
        order_number=body["order_number"],
        expect_payable_minor=body["expect_payable_minor"],
    )
    return flask.jsonify(answer), 201


@permission(REDEEM)
def release(key: str) -> Any:
    """Give back what a hold keeps: its order was not paid."""
    return flask.jsonify(carts_here().holds.release(key))


@permission(REDEEM)
@contended
def redeem() -> Any:
    """Use what a hold keeps for a paid order; the same order again answers the same."""
    body = load_body(RedeemBody(), flask.request.get_json())
    carts = carts_here()
    answer = carts.redeeming.redeem(
        body["hold"],
        source=body["source"],
        order_number=body["order_number"],
        paid_at=instant_of(body["paid_at"], carts.brand.zone, "paid_at"),
        policy=body["policy"],
        actor=current_actor(),
    )
    return flask.jsonify(answer), 201


@permission(REDEEM)
@contended
def order() -> Any:
    """Hold and redeem in one step, for an order that is paid at once; the same key answers the same."""
    body = load_body(OrderBody(), flask.request.get_json())
    carts = carts_here()
    brand = carts.brand
    answer = carts.redeeming.redeem_cart(
        body["key"],
        cart_of(body, brand.now(), _contact_id(brand, body["contact"])),
        source=body["source"],
        order_number=body["order_number"],
        policy=body["policy"],
        actor=current_actor(),
    )
    return flask.jsonify(answer), 201


@permission(READ)
def show(uid: str) -> Any:
    """A redemption or reversal."""
    return flask.jsonify(redemption_view(redemption(uid), current_brand().zone))


@permission(REDEEM)
def reverse(uid: str) -> Any:
    """Take a redemption back with a linked entry, once; the coupon returns by its batch's terms."""
    body = load_body(ReasonBody(), flask.request.get_json())
    carts = carts_here()
    entry = carts.reversing.reverse(uid, reason=body["reason"], actor=current_actor())
    return flask.jsonify(redemption_view(entry, carts.brand.zone)), 201


@permission(REDEEM)
def reverse_order() -> Any:
    """Take every redemption of an order back: it was cancelled, or refunded in full."""
    body = load_body(OrderReasonBody(), flask.request.get_json())
    carts = carts_here()
    entries = carts.reversing.reverse_order(
        body["source"], body["order_number"], reason=body["reason"], actor=current_actor()
    )
    return flask.jsonify({"reversals": [redemption_view(entry, carts.brand.zone) for entry in entries]}), 201


@permission(REDEEM)
def refund() -> Any:
    """What units that came back bring back, recorded once per key; never more than was paid in all."""
    body = load_body(RefundBody(), flask.request.get_json())
    carts = carts_here()
    if body["dry_run"]:
        amount = carts.refunding.preview(body["source"], body["order_number"], body["lines"], shipping=body["shipping"])
        return flask.jsonify({"refund_minor": amount, "dry_run": True})
    answer = carts.refunding.refund(
        body["source"],
        body["order_number"],
        body["key"],
        body["lines"],
        shipping=body["shipping"],
        reason=body["reason"],
        actor=current_actor(),
    )
    return flask.jsonify(answer), 201


@permission(REDEEM)
def scan() -> Any:
    """What a token or code is, at a shop's till; wrong ones are counted and lock the till."""
    body = load_body(ScanBody(), flask.request.get_json())
    carts = carts_here()
    found = carts.counter.scan(body.pop("code"), **body)
    return flask.jsonify(scan_view(found, carts.brand.zone))


@permission(REDEEM)
def redeem_in_store() -> Any:
    """Redeem a coupon on a ticket, once per till and ticket; what cannot be redeemed is told in the answer."""
    body = load_body(CounterBody(), flask.request.get_json())
    carts = carts_here()
    done = carts.counter.redeem_in_store(body.pop("code"), **{**body, "lines": lines_of(body["lines"])})
    return flask.jsonify(redeemed_view(done, carts.brand.zone)), 201 if done.redeemed else 200


@permission(REDEEM)
def undo(uid: str) -> Any:
    """Undo a redemption in a shop, by a manager with the PIN."""
    body = load_body(UndoBody(), flask.request.get_json())
    carts = carts_here()
    person = carts.stores.sign_in(body["store"], body["manager"], body["pin"], network=body["network"])
    if person is None:
        # No error: it would take the count of wrong PINs back.
        return flask.jsonify({"undone": False, "reason": "pin"})
    entry = carts.counter.undo(uid, store=body["store"], manager=body["manager"], reason=body["reason"])
    return flask.jsonify({"undone": True, "redemption": redemption_view(entry, carts.brand.zone)}), 201


@permission(READ)
def watch() -> Any:
    """Redemptions clerk by clerk, of the last ``days`` days, and who stands out."""
    table = counter_report(current_brand(), number_asked("days", DAYS))
    return flask.jsonify(table.record())


@permission(READ)
def stores() -> Any:
    """All shops."""
    return flask.jsonify({"stores": [store_view(store) for store in carts_here().stores.stores()]})


@permission(MANAGE)
def add_store() -> Any:
    """Add a shop or rename it."""
    body = load_body(StoreBody(), flask.request.get_json())
    return flask.jsonify(store_view(carts_here().stores.add_store(body["code"], body["name"]))), 201


@permission(MANAGE)
def close_store(code: str) -> Any:
    """Close a shop."""
    return flask.jsonify(store_view(carts_here().stores.close_store(code)))


@permission(READ)
def clerks() -> Any:
    """All clerks."""
    return flask.jsonify({"clerks": [clerk_view(clerk) for clerk in carts_here().stores.clerks()]})


@permission(MANAGE)
def add_clerk() -> Any:
    """Add a clerk, or give one a new PIN, shop and role."""
    body = load_body(ClerkBody(), flask.request.get_json())
    return flask.jsonify(clerk_view(carts_here().stores.add_clerk(body.pop("code"), body.pop("pin"), **body))), 201


@permission(MANAGE)
def disable_clerk(code: str) -> Any:
    """Let a clerk redeem no more."""
    return flask.jsonify(clerk_view(carts_here().stores.disable_clerk(code)))


def add_routes(blueprint: flask.Blueprint) -> None:
    """Add the routes to the plugin's blueprint."""
    for method, rule, view in (
        ("POST", "/quotes", quote),
        ("POST", "/holds", hold),
        ("POST", "/holds/<key>/release", release),
        ("POST", "/redemptions", redeem),
        ("POST", "/orders", order),
        ("GET", "/redemptions/<uid>", show),
        ("POST", "/redemptions/<uid>/reverse", reverse),
        ("POST", "/reversals", reverse_order),
        ("POST", "/refunds", refund),
        ("POST", "/counter/scan", scan),
        ("POST", "/counter/redemptions", redeem_in_store),
        ("POST", "/counter/redemptions/<uid>/undo", undo),
        ("GET", "/report/counter", watch),
        ("GET", "/stores", stores),
        ("POST", "/stores", add_store),
        ("POST", "/stores/<code>/close", close_store),
        ("GET", "/clerks", clerks),
        ("POST", "/clerks", add_clerk),
        ("POST", "/clerks/<code>/disable", disable_clerk),
    ):
        blueprint.add_url_rule(rule, f"carts_{view.__name__}", view, methods=[method])
