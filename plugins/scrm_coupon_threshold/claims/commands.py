"""``scrm coupon-threshold``: coupons given, shown, voided and expired by hand."""

from __future__ import annotations

import click

from scrm_core.api import CommandSession, json_option

from ..gates.service import progress_view
from ..service import coupons_of
from .views import coupon_view

ACTOR = "operator"


@click.command("give")
@click.argument("brand_id", metavar="BRAND")
@click.argument("batch", metavar="BATCH")
@click.argument("contact", metavar="CONTACT")
@click.option("--key", required=True, help="What names this gift, so that it is given once.")
@click.option("--reason", required=True, help="Why the person gets it.")
@click.option("--sku", default="", help="Bind the coupon to this article.")
@click.option("--by", "actor", default=ACTOR, show_default=True, help="Who gives it.")
@json_option
@click.pass_obj
def give(
    session: CommandSession, brand_id: str, batch: str, contact: str, key: str, reason: str, sku: str, actor: str,
    as_json: bool,
) -> None:  # fmt: skip
    """Give a person (contact uid) a coupon by hand 人工发券; the claim gate is not asked."""
    with session.brand(brand_id) as brand:
        coupons = coupons_of(brand)
        person = brand.contacts.get(contact)
        coupon = coupons.claims.claim(
            batch, person.id, key=key, source="staff", actor=actor, reason=reason, sku=sku
        )
        view = coupon_view(coupon, brand.zone, contact=coupons.claims.owner_uid(coupon))
    session.show_record(view, as_json=as_json)


@click.command("coupons")
@click.argument("brand_id", metavar="BRAND")
@click.argument("contact", metavar="CONTACT")
@json_option
@click.pass_obj
def coupons(session: CommandSession, brand_id: str, contact: str, as_json: bool) -> None:
    """A person's coupons (contact uid), oldest first."""
    with session.brand(brand_id) as brand:
        found = coupons_of(brand).claims.of(brand.contacts.get(contact).id)
        views = [coupon_view(coupon, brand.zone, contact=contact) for coupon in found]
    headings = ["uid", "shown_code", "batch", "state", "valid_from", "valid_to", "source", "sku"]
    session.show(headings, [[view[name] for name in headings] for view in views], as_json=as_json)


@click.command("progress")
@click.argument("brand_id", metavar="BRAND")
@click.argument("batch", metavar="BATCH")
@click.argument("contact", metavar="CONTACT")
@json_option
@click.pass_obj
def progress(session: CommandSession, brand_id: str, batch: str, contact: str, as_json: bool) -> None:
    """How far a person is with a batch's claim gate 领取门槛."""
    with session.brand(brand_id) as brand:
        here = coupons_of(brand)
        view = progress_view(here.gates.progress(brand.contacts.get(contact).id, here.batches.get(batch)))
    if as_json:
        session.show_record(view, as_json=True)
        return
    headings = ["title", "needed", "done", "met"]
    session.show(headings, [[step[name] for name in headings] for step in view["steps"]])


@click.command("void")
@click.argument("brand_id", metavar="BRAND")
@click.argument("uid", metavar="COUPON")
@click.option("--reason", required=True, help="Why it is voided.")
@click.option("--by", "actor", default=ACTOR, show_default=True, help="Who voids it.")
@json_option
@click.pass_obj
def void(session: CommandSession, brand_id: str, uid: str, reason: str, actor: str, as_json: bool) -> None:
    """Void an unused coupon; a void one stays void."""
    with session.brand(brand_id) as brand:
        coupon = coupons_of(brand).voiding.void(uid, reason=reason, actor=actor)
        view = coupon_view(coupon, brand.zone)
    session.show_record({"uid": view["uid"], "state": view["state"]}, as_json=as_json)


@click.command("expire")
@click.argument("brand_id", metavar="BRAND")
@json_option
@click.pass_obj
def expire(session: CommandSession, brand_id: str, as_json: bool) -> None:
    """Expire coupons whose validity is over; a job does so every five minutes."""
    with session.brand(brand_id) as brand:
        expired = coupons_of(brand).voiding.expire()
    session.show_record({"expired": expired}, as_json=as_json)


def add_commands(group: click.Group) -> None:
    """Put the commands of coupons on the plugin's group."""
    for command in (give, coupons, progress, void, expire):
        group.add_command(command)
