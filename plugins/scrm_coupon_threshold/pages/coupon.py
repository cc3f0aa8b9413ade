"""A person's own coupons (我的优惠券), and the page of one with its QR code."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import flask

from scrm_core.api import Consumer, consumer_page, current_brand, device, need_consumer, network

from .here import coupons, root, sights
from .views import shown


def add_pages(blueprint: flask.Blueprint) -> None:
    """Add the routes of coupons."""
    blueprint.add_url_rule("/mine", "mine", mine)
    blueprint.add_url_rule("/mine/code", "enter", enter, methods=["POST"])
    blueprint.add_url_rule("/c/<uid>", "coupon", show)
    blueprint.add_url_rule("/c/<uid>/token", "token", token)


def mine() -> Any:
    """All coupons of the person, by drawer, and where a code is entered (a printed address may bring it along)."""
    return _mine(need_consumer(), given=flask.request.args.get("code", "")[:100])


def _mine(person: Consumer, *, given: str = "", problem: str = "") -> Any:
    seen = sights()
    return consumer_page(
        "coupons_mine.html",
        drawers=seen.drawers(person.contact_id),
        by_code=coupons().batches.any_by_code(),
        given=given,
        problem=problem,
        t=seen.own,
        here=root(),
    )


def enter() -> Any:
    """Claim the coupon of a code that was handed out, and go on to it."""
    person, text = need_consumer(), flask.request.form.get("code", "")[:100]
    done = coupons().typed.claim(text, person.contact_id, device=device(), network=network())
    if done.coupon is not None:
        return flask.redirect(f"{root()}c/{done.coupon.uid}?claimed=1", 303)
    seen = sights()
    problem = seen.own[f"code_{done.reason}"].format(seen.words.time(done.locked_until))
    # 200, so that the wrong code is counted: an error would roll it back.
    return _mine(person, given=text, problem=problem)


def show(uid: str) -> Any:
    """One coupon; while it is good, with a fresh QR code."""
    person, seen = need_consumer(), sights()
    coupon = seen.owned(uid, person.contact_id)
    batch = coupons().batches.get(coupon.batch)
    drawer = seen.drawer(coupon)
    return consumer_page(
        "coupons_coupon.html",
        coupon=coupon,
        claimed=drawer in ("usable", "early") and "claimed" in flask.request.args,
        drawer=drawer,
        rule=seen.rule(batch, coupon),
        facts=seen.facts(batch, coupon),
        terms=batch.terms,
        qr=_qr(uid, person.contact_id) if drawer == "usable" else "",
        seconds=coupons().carts.tokens.seconds,
        code=shown(coupon),
        used=seen.used(coupon) if drawer == "used" else "",
        when=seen.words.time(coupon.held_until if drawer == "held" else coupon.valid_from),
        t=seen.own,
        here=root(),
    )


def token(uid: str) -> Any:
    """A fresh QR code as JSON, for the page's script; ``usable`` false ends the asking."""
    person, seen = need_consumer(), sights()
    coupon = seen.owned(uid, person.contact_id)
    usable = seen.drawer(coupon) == "usable"
    answer = flask.jsonify(usable=usable, svg=_qr(uid, person.contact_id) if usable else "")
    answer.headers["Cache-Control"] = "no-store"
    return answer


def _qr(uid: str, contact_id: int) -> str:
    """The QR code: the clerk's page with a token that is good for a minute, so that any telephone can scan it."""
    import segno

    brand = current_brand()
    signed = coupons().carts.tokens.issue(uid, contact_id)
    base = f"{brand.installation.config.base_url}/p/{brand.id}/coupon-threshold"
    made = segno.make(f"{base}/clerk?{urlencode({'t': signed})}", error="m", micro=False)
    return str(made.svg_inline(border=4, omitsize=True, svgclass=None, lineclass=None))
