"""The claim page (领券页): what the coupon is, what has to be done for it, and the button."""

from __future__ import annotations

import re
from typing import Any

import flask

from scrm_core.api import consumer, consumer_answer, consumer_page, device, need_consumer, network

from .here import coupons, root, sights


def add_pages(blueprint: flask.Blueprint) -> None:
    """Add the claim page's routes."""
    blueprint.add_url_rule("/b/<code>", "offer", show)
    blueprint.add_url_rule("/b/<code>/claim", "claim", claim, methods=["POST"])


def show(code: str) -> Any:
    """A batch before whoever looks."""
    person, seen = consumer(), sights()
    offered = seen.offered(code, None if person is None else person.contact_id)
    return consumer_page(
        "coupons_offer.html",
        offer=offered,
        rule=seen.rule(offered.batch),
        facts=seen.facts(offered.batch),
        t=seen.own,
        here=root(),
    )


def claim(code: str) -> Any:
    """Claim a coupon, and go on to it; whoever has the only one already is led to it."""
    person, form = need_consumer(), flask.request.form
    # Two tabs have two forms; both ask for the coupon after those that they knew of.
    had = form.get("had", "")
    press = f"after {int(had)}" if re.fullmatch(r"[0-9]{1,6}", had, re.ASCII) else form.get("once", "")
    coupon = coupons().claims.claim_by_press(code, person.contact_id, press=press, device=device(), network=network())
    place = f"{root()}c/{coupon.uid}?claimed=1"
    return consumer_answer({"coupon": coupon.uid, "location": place}, place)
