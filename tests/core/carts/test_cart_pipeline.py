"""Carts: every enabled plugin prices them in turn; none may change what was there or give away more than there is."""

from __future__ import annotations

from dataclasses import replace

import pytest

from scrm_core.api import Cart, CartDiscount, CartLine, CartRefusal, Plugin, hookimpl
from scrm_core.errors import Invalid, PluginError

LINES = (CartLine("1", "tea", 2, 3_000), CartLine("2", "cup", 1, 4_500))


def pricer(plugin_name, price):
    @hookimpl
    def filter_cart(self, cart: Cart) -> Cart | None:
        return price(cart)

    base = {"name": plugin_name, "version": "1", "summary": "s", "requires_core": ">=0.0"}
    return type(f"P{plugin_name.replace('-', '')}", (Plugin,), {**base, "filter_cart": filter_cart})


def off(plugin, minor):
    return lambda cart: cart.with_discount(CartDiscount(plugin, "o", "Off", (minor, 0)))


@pytest.fixture
def quote(new_installation):
    """A function that prices a cart of acme with these plugins; moonco has none of them."""

    def run(*prices, cart=Cart(LINES, at=0)):
        plugins = tuple(pricer(f"p-{n}", price) for n, price in enumerate(prices))
        text = "".join(f"[plugins.{cls.name}]\n" for cls in reversed(plugins))
        installation = new_installation(plugins=plugins, acme=text)
        with installation.brand("moonco") as other:
            assert other.carts.quote(cart) == cart
        with installation.brand("acme") as brand:
            return brand.carts.quote(cart)

    return run


pytestmark = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)


def test_plugins_price_in_the_order_of_the_file(quote):
    def half(cart):
        return cart.with_discount(CartDiscount("half", "h", "Half", tuple(cart.left(i) // 2 for i in range(2))))

    # p-1 comes first in the file: 1,000 off, then half of what is left.
    priced = quote(half, off("p-1", 1_000))
    assert [discount.shares for discount in priced.discounts] == [(1_000, 0), (2_500, 2_250)]
    assert (priced.goods_minor, priced.discount_minor, priced.payable_minor) == (10_500, 5_750, 4_750)


def test_a_gift_costs_nothing_and_a_code_that_does_not_apply_says_why(quote):
    def gift(cart):
        return cart.with_gift(CartLine("g", "bag", 1, 900)).with_refusal(CartRefusal("X", "expired", "It has expired."))

    priced = quote(gift)
    assert (priced.payable_minor, priced.lines[-1].gift) == (10_500, True)
    assert [refusal.reason for refusal in priced.refusals] == ["expired"]


@pytest.mark.parametrize(
    "price",
    [
        lambda cart: replace(cart, lines=cart.lines[:1]),
        lambda cart: replace(cart, lines=(*cart.lines, CartLine("3", "fee", 1, 100))),
        lambda cart: replace(cart, discounts=(CartDiscount("p", "o", "t", (6_001, 0)),)),
        lambda cart: replace(cart, discounts=(CartDiscount("p", "o", "t", (0, 0), shipping_minor=1),)),
        lambda cart: 1 // 0,
        lambda cart: "cart",
    ],
    ids=["loses a line", "adds a fee", "takes too much", "takes shipping that is not there", "fails", "no cart"],
)
def test_a_plugin_that_breaks_a_cart_is_named(quote, price):
    with pytest.raises(PluginError, match="'p-0' failed in filter_cart"):
        quote(price)


@pytest.mark.parametrize(
    ("cart", "field"),
    [
        (Cart((), at=0), "lines"),
        (Cart((LINES[0], LINES[0]), at=0), "lines"),
        (Cart((CartLine("1", "a", 0, 1),), at=0), "qty"),
        (Cart((CartLine("1", "a", 1, -1),), at=0), "unit_minor"),
        (Cart((CartLine("1", "a", 1_000, 2**53),), at=0), "unit_minor"),
        (Cart(LINES, at=0, shipping_minor=-1), "shipping_minor"),
    ],
)
def test_a_cart_that_cannot_be_is_refused(quote, cart, field):
    with pytest.raises(Invalid) as refused:
        quote(cart=cart) if cart.lines else quote(off("p", 1), cart=cart)
    assert refused.value.field == field


def test_a_discount_never_exceeds_what_is_left(engine):
    cart = Cart(LINES, at=0, shipping_minor=800).with_discount(CartDiscount("a", "o", "t", (6_000, 0), 300))
    assert (cart.left(0), cart.shipping_left, cart.payable_minor) == (0, 500, 5_000)
    for shares, shipping in (((1,), 0), ((0, 4_501), 0), ((0, -1), 0), ((0, 0, 0), 0), ((), 501)):
        with pytest.raises(Invalid):
            cart.with_discount(CartDiscount("a", "o", "t", shares, shipping))
