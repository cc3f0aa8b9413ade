"""The claim page (领券页): what the coupon is, what has to be done for it, and the button."""

from __future__ import annotations

from typing import Any

import flask

from scrm_core.api import consumer, consumer_answer, consumer_page, need_consumer

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
    """Claim a coupon, and go on to it.

    Where one is all that a person may have, every press asks for that one:
    whoever has it already is led to it.
    """
    person = need_consumer()
    batch = coupons().batches.get(code)
    press = str(person.contact_id) if batch.per_person == 1 else flask.request.form.get("once", "")
    coupon = coupons().claims.claim(code, person.contact_id, key=f"{code}:{press}", source="page")
    place = f"{root()}c/{coupon.uid}"
    return consumer_answer({"coupon": coupon.uid, "location": place}, place)
