"""``scrm coupon-threshold``: carts priced, coupons redeemed and taken back, shops and their clerks."""

from __future__ import annotations

import json
from pathlib import Path

import click

from scrm_core.api import Brand, CommandSession, Conflict, Invalid, find_contact, json_option, load_body, of_brand

from ..service import coupons_of
from .basket import cart_view
from .schemas import QuoteBody, cart_of
from .service import Carts
from .stores import ROLES
from .views import clerk_view, redeemed_view, redemption_view, store_view

ACTOR = "operator"


def _carts(brand: Brand) -> Carts:
    return coupons_of(brand).carts


@click.command("quote")
@of_brand
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@json_option
def quote(session: CommandSession, brand_id: str, file: Path, as_json: bool) -> None:
    """Price the cart of a JSON FILE, as POST /quotes takes it; writes nothing."""
    with session.brand(brand_id) as brand:
        try:
            value = json.loads(file.read_text("utf-8"))
        except ValueError as exc:
            raise Invalid(f"{file}: is no JSON: {exc}") from None
        body = load_body(QuoteBody(), value)
        contact = None if body["contact"] is None else brand.contacts.get(body["contact"]).id
        cart = cart_of(body, brand.now(), contact)
        priced = _carts(brand).best(cart).cart if body["best"] else brand.carts.quote(cart)
        view = cart_view(priced)
    if as_json:
        session.show_record(view, as_json=True)
        return
    rows = [[each["offer"], each["title"], each["discount_minor"], each["payer"]] for each in view["discounts"]]
    rows += [[each["code"], f"{each['reason']}: {each['message']}", 0, ""] for each in view["refusals"]]
    rows.append(["payable", "", view["payable_minor"], ""])
    session.show(["offer", "title", "minor", "payer"], rows, as_json=False)


@click.command("redeem")
@of_brand
@click.argument("code", metavar="CODE")
@click.option("--store", required=True, help="Code of the shop.")
@click.option("--clerk", required=True, help="Code of the clerk.")
@click.option("--terminal", required=True, help="Code of the till.")
@click.option("--ticket", required=True, help="Number of the till's ticket; one coupon per ticket.")
@click.option("--amount", "amount_minor", type=int, required=True, help="What the eligible goods cost, in minor units.")
@click.option("--order", "order_number", default="", help="The till's order number: its refund gives the coupon back.")
@json_option
def redeem(
    session: CommandSession,
    brand_id: str,
    code: str,
    store: str,
    clerk: str,
    terminal: str,
    ticket: str,
    amount_minor: int,
    order_number: str,
    as_json: bool,
) -> None:
    """Redeem a coupon in a shop 到店核销; the same ticket again answers the same.

    What cannot be redeemed ends the command with the reason and its message.
    """
    with session.brand(brand_id) as brand:
        done = _carts(brand).counter.redeem_in_store(
            code, store=store, clerk=clerk, terminal=terminal, ticket=ticket, amount_minor=amount_minor,
            order_number=order_number,
        )  # fmt: skip
        if not done.redeemed:
            raise Conflict(f"{done.scan.reason}: {done.scan.message}", code=done.scan.reason)
        view = redeemed_view(done, brand.zone)
    if not as_json:
        view = {**view, **view.pop("redemption")}
    session.show_record(view, as_json=as_json)


@click.command("reverse")
@of_brand
@click.argument("redemption", metavar="REDEMPTION")
@click.option("--reason", required=True, help="Why it is taken back.")
@click.option("--by", "actor", default=ACTOR, show_default=True, help="Who takes it back.")
@json_option
def reverse(session: CommandSession, brand_id: str, redemption: str, reason: str, actor: str, as_json: bool) -> None:
    """Take a redemption back 撤销核销 with a linked entry, once; the coupon returns by its batch's terms."""
    with session.brand(brand_id) as brand:
        view = redemption_view(_carts(brand).reversing.reverse(redemption, reason=reason, actor=actor), brand.zone)
    session.show_record(view, as_json=as_json)


@click.group("store")
def store_group() -> None:
    """Shops 门店 that redeem coupons."""


@store_group.command("add")
@of_brand
@click.argument("code", metavar="STORE")
@click.option("--name", default="", help="A name for people.")
@json_option
def add_store(session: CommandSession, brand_id: str, code: str, name: str, as_json: bool) -> None:
    """Add a shop, rename it, or open it again."""
    with session.brand(brand_id) as brand:
        view = store_view(_carts(brand).stores.add_store(code, name))
    session.show_record(view, as_json=as_json)


@store_group.command("close")
@of_brand
@click.argument("code", metavar="STORE")
@json_option
def close_store(session: CommandSession, brand_id: str, code: str, as_json: bool) -> None:
    """Close a shop: nothing is redeemed in it any more."""
    with session.brand(brand_id) as brand:
        view = store_view(_carts(brand).stores.close_store(code))
    session.show_record(view, as_json=as_json)


@store_group.command("list")
@of_brand
@json_option
def list_stores(session: CommandSession, brand_id: str, as_json: bool) -> None:
    """The shops of a brand."""
    with session.brand(brand_id) as brand:
        views = [store_view(store) for store in _carts(brand).stores.stores()]
    headings = ["code", "name", "state"]
    session.show(headings, [[view[name] for name in headings] for view in views], as_json=as_json)


@click.group("clerk")
def clerk_group() -> None:
    """Clerks 店员 and managers 店长 of shops."""


@clerk_group.command("add")
@of_brand
@click.argument("code", metavar="CLERK")
@click.option(
    "--pin", prompt=True, hide_input=True, confirmation_prompt=True, help="4 to 12 digits; asked for when not given."
)
@click.option("--name", default="", help="A name for people.")
@click.option("--store", default=None, help="Code of the shop; without it the clerk works in every one.")
@click.option("--role", type=click.Choice(ROLES), default="clerk", show_default=True, help="A manager may undo.")
@click.option(
    "--contact", default=None, help="The clerk as a customer (uid, phone=NUMBER): no coupon of their own is redeemed."
)
@json_option
def add_clerk(
    session: CommandSession,
    brand_id: str,
    code: str,
    pin: str,
    name: str,
    store: str | None,
    role: str,
    contact: str | None,
    as_json: bool,
) -> None:
    """Add a clerk, or give one a new PIN, shop and role."""
    with session.brand(brand_id) as brand:
        uid = None if contact is None else find_contact(brand, contact).uid
        made = _carts(brand).stores.add_clerk(code, pin, name=name, store=store, role=role, contact=uid)
    session.show_record(clerk_view(made), as_json=as_json)


@clerk_group.command("disable")
@of_brand
@click.argument("code", metavar="CLERK")
@json_option
def disable_clerk(session: CommandSession, brand_id: str, code: str, as_json: bool) -> None:
    """Let a clerk redeem no more."""
    with session.brand(brand_id) as brand:
        view = clerk_view(_carts(brand).stores.disable_clerk(code))
    session.show_record(view, as_json=as_json)


@clerk_group.command("list")
@of_brand
@json_option
def list_clerks(session: CommandSession, brand_id: str, as_json: bool) -> None:
    """The clerks of a brand."""
    with session.brand(brand_id) as brand:
        views = [clerk_view(clerk) for clerk in _carts(brand).stores.clerks()]
    headings = ["code", "name", "store", "role", "state"]
    session.show(headings, [[view[name] for name in headings] for view in views], as_json=as_json)


def add_commands(group: click.Group) -> None:
    """Add the commands to the plugin's group."""
    for command in (quote, redeem, reverse, store_group, clerk_group):
        group.add_command(command)
