"""``scrm coupon-threshold``: coupons claimed for people, given, shown, voided and expired by hand.

CONTACT is a contact's uid, or an identity such as ``phone=13800138000``.
"""

from __future__ import annotations

import click

from scrm_core.api import CommandSession, NotFound, find_contact, json_option, of_brand

from ..gates.service import progress_view
from ..service import coupons_of
from .typed import REASONS
from .views import coupon_view

ACTOR = "operator"


@click.command("claim")
@of_brand
@click.argument("batch", metavar="BATCH")
@click.argument("contact", metavar="CONTACT")
@click.option("--key", required=True, help="What names this claim, so that it is made once.")
@json_option
def claim(session: CommandSession, brand_id: str, batch: str, contact: str, key: str, as_json: bool) -> None:
    """Claim a coupon for a person 领券 as they would themselves: limits and the claim gate hold."""
    with session.brand(brand_id) as brand:
        claims = coupons_of(brand).claims
        coupon = claims.claim(batch, find_contact(brand, contact).id, key=key, source="api")
        view = coupon_view(coupon, brand.zone, contact=claims.owner_uid(coupon))
    session.show_record(view, as_json=as_json)


@click.command("enter")
@of_brand
@click.argument("code", metavar="CODE")
@click.argument("contact", metavar="CONTACT")
@json_option
def enter(session: CommandSession, brand_id: str, code: str, contact: str, as_json: bool) -> None:
    """Claim the coupon of a code that was handed out 兑换码, as the person would themselves."""
    with session.brand(brand_id) as brand:
        done = coupons_of(brand).typed.claim(code, find_contact(brand, contact).id, source="api")
        if done.coupon is None:
            raise NotFound(REASONS[done.reason])
        view = coupon_view(done.coupon, brand.zone)
    session.show_record(view, as_json=as_json)


@click.command("give")
@of_brand
@click.argument("batch", metavar="BATCH")
@click.argument("contact", metavar="CONTACT")
@click.option("--key", required=True, help="What names this gift, so that it is given once.")
@click.option("--reason", required=True, help="Why the person gets it.")
@click.option("--sku", default="", help="Bind the coupon to this article.")
@click.option("--by", "actor", default=ACTOR, show_default=True, help="Who gives it.")
@json_option
def give(
    session: CommandSession, brand_id: str, batch: str, contact: str, key: str, reason: str, sku: str, actor: str,
    as_json: bool,
) -> None:  # fmt: skip
    """Give a person a coupon by hand 人工发券; the claim gate is not asked."""
    with session.brand(brand_id) as brand:
        coupons = coupons_of(brand)
        person = find_contact(brand, contact).id
        coupon = coupons.claims.claim(batch, person, key=key, source="staff", actor=actor, reason=reason, sku=sku)
        view = coupon_view(coupon, brand.zone, contact=coupons.claims.owner_uid(coupon))
    session.show_record(view, as_json=as_json)


@click.command("coupons")
@of_brand
@click.argument("contact", metavar="CONTACT")
@json_option
def coupons(session: CommandSession, brand_id: str, contact: str, as_json: bool) -> None:
    """A person's coupons, oldest first."""
    with session.brand(brand_id) as brand:
        claims = coupons_of(brand).claims
        found = claims.of(find_contact(brand, contact).id)
        views = [coupon_view(coupon, brand.zone, contact=claims.owner_uid(coupon)) for coupon in found]
    headings = ["uid", "shown_code", "batch", "state", "valid_from", "valid_to", "source", "sku"]
    session.show(headings, [[view[name] for name in headings] for view in views], as_json=as_json)


@click.command("coupon")
@of_brand
@click.argument("code", metavar="CODE")
@json_option
def coupon(session: CommandSession, brand_id: str, code: str, as_json: bool) -> None:
    """The coupon with a code 查券, as it is printed or typed."""
    with session.brand(brand_id) as brand:
        claims = coupons_of(brand).claims
        found = claims.by_code(code)
        view = coupon_view(found, brand.zone, contact=claims.owner_uid(found))
    session.show_record(view, as_json=as_json)


@click.command("progress")
@of_brand
@click.argument("batch", metavar="BATCH")
@click.argument("contact", metavar="CONTACT")
@json_option
def progress(session: CommandSession, brand_id: str, batch: str, contact: str, as_json: bool) -> None:
    """How far a person is with a batch's claim gate 领取门槛."""
    with session.brand(brand_id) as brand:
        here = coupons_of(brand)
        view = progress_view(here.gates.progress(find_contact(brand, contact).id, here.batches.get(batch)))
    if as_json:
        session.show_record(view, as_json=True)
        return
    headings = ["title", "needed", "done", "met"]
    session.show(headings, [[step[name] for name in headings] for step in view["steps"]])


@click.command("void")
@of_brand
@click.argument("uid", metavar="COUPON")
@click.option("--reason", required=True, help="Why it is voided.")
@click.option("--by", "actor", default=ACTOR, show_default=True, help="Who voids it.")
@json_option
def void(session: CommandSession, brand_id: str, uid: str, reason: str, actor: str, as_json: bool) -> None:
    """Void an unused coupon; a void one stays void."""
    with session.brand(brand_id) as brand:
        coupon = coupons_of(brand).voiding.void(uid, reason=reason, actor=actor)
        view = coupon_view(coupon, brand.zone)
    session.show_record({"uid": view["uid"], "state": view["state"]}, as_json=as_json)


@click.command("expire")
@of_brand
@json_option
def expire(session: CommandSession, brand_id: str, as_json: bool) -> None:
    """Expire coupons whose validity is over; a job does so every five minutes."""
    with session.brand(brand_id) as brand:
        expired = coupons_of(brand).voiding.expire()
    session.show_record({"expired": expired}, as_json=as_json)


def add_commands(group: click.Group) -> None:
    """Put the commands of coupons on the plugin's group."""
    for command in (claim, enter, give, coupons, coupon, progress, void, expire):
        group.add_command(command)
