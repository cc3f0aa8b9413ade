"""The clerk's page (店员核销页): signed in with shop, code and PIN; scan, see whose coupon it is, confirm."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import flask
import itsdangerous

from scrm_core.api import (
    Forbidden,
    Invalid,
    NotFound,
    ScrmError,
    clean_text,
    consumer_language,
    consumer_page,
    current_brand,
    device,
    network,
)

from ..carts.counter import Scan
from ..carts.guessing import secret_of
from ..carts.redeeming import redemption
from ..carts.stores import ClerkView, StoreView
from .here import coupons, root, sights

COOKIE = "scrm_clerk"
HOURS = 12
# Commas part thousands or are refused: 12,50 is not 1250.
_AMOUNT = re.compile(r"(?:[0-9]{1,10}|[0-9]{1,3}(?:,[0-9]{3}){1,3})(?:\.[0-9]{1,3})?\Z", re.ASCII)


@dataclass(frozen=True, slots=True)
class OnDuty:
    """Who redeems, where."""

    clerk: ClerkView
    store: StoreView


def add_pages(blueprint: flask.Blueprint) -> None:
    """Add the clerk's routes."""
    blueprint.add_url_rule("/clerk", "clerk", show)
    blueprint.add_url_rule("/clerk/sign-in", "clerk_sign_in", sign_in, methods=["POST"])
    blueprint.add_url_rule("/clerk/leave", "clerk_leave", leave, methods=["POST"])
    blueprint.add_url_rule("/clerk/scan", "clerk_scan", scan, methods=["POST"])
    blueprint.add_url_rule("/clerk/redeem", "clerk_redeem", redeem, methods=["POST"])
    blueprint.add_url_rule("/clerk/r/<uid>", "clerk_result", result)
    blueprint.add_url_rule("/clerk/r/<uid>/undo", "clerk_undo", undo, methods=["POST"])


def show() -> Any:
    """The field for the code, or who the clerk is. A scanned address brings its token along; nothing changes yet."""
    duty = _on_duty()
    given = flask.request.args.get("t", "")[:500]
    return _page("coupons_clerk.html", duty=duty, given=given)


def _page(template: str, status: int = 200, **context: Any) -> Any:
    return consumer_page(template, status, t=sights().own, here=root(), **context)


# Signing in ----------------------------------------------------------------------


def sign_in() -> Any:
    """Begin a shift."""
    device()  # a form of this browser's page, or Forbidden
    form, stores = flask.request.form, coupons().carts.stores
    code, shop = form.get("clerk", "")[:40].strip(), form.get("store", "")[:40].strip()
    clerk = stores.sign_in(shop, code, form.get("pin", "")[:20], network=network())
    given = form.get("given", "")[:500]
    if clerk is None:
        until = stores.locked_until(code, network())
        seen = sights()
        problem = seen.own["sign_in_wrong"]
        if until is not None:
            problem = seen.own["sign_in_locked"].format(seen.words.time(until))
        # 200, so that the wrong PIN is counted: an error would roll it back.
        return _page("coupons_clerk.html", duty=None, given=given, problem=problem, store=shop, clerk=code)
    address = f"{root()}clerk?{urlencode({'t': given})}" if given else f"{root()}clerk"
    answer = flask.redirect(address, 303)
    until = current_brand().now() + HOURS * 3_600_000
    answer.set_cookie(
        COOKIE,
        str(_seal().dumps([clerk.code, shop, until, stores.pin_mark(clerk.code)])),
        max_age=HOURS * 3_600,
        path=root(),
        httponly=True,
        samesite="Lax",
        secure=current_brand().installation.config.base_url.startswith("https:"),
    )
    return answer


def leave() -> Any:
    """End the shift in this browser."""
    device()
    answer = flask.redirect(f"{root()}clerk", 303)
    answer.delete_cookie(COOKIE, path=root())
    return answer


def _seal() -> itsdangerous.URLSafeSerializer:
    return itsdangerous.URLSafeSerializer(secret_of(current_brand()), salt="coupon-threshold.clerk")


def _on_duty() -> OnDuty | None:
    """Who is signed in; nobody once the shift is over, the clerk disabled or given a new PIN, or the shop closed."""
    given = flask.request.cookies.get(COOKIE, "")
    if not given:
        return None
    try:
        code, shop, until, mark = _seal().loads(given)
    except (itsdangerous.BadData, TypeError, ValueError):
        return None
    if until <= current_brand().now():
        return None
    stores = coupons().carts.stores
    try:
        if stores.pin_mark(code) != mark:
            return None
        store = stores.store(shop)
        return OnDuty(stores.at_work(code, store), store)
    except ScrmError:
        return None


def _needed() -> OnDuty:
    """Who is signed in, for a form of this browser's page; raises Forbidden."""
    device()
    duty = _on_duty()
    if duty is None:
        raise Forbidden("sign in as a clerk first", code="clerk")
    return duty


def _terminal(duty: OnDuty) -> str:
    """This browser as a till of the shop: tickets are counted per till."""
    return f"{duty.store.code[:20]}-{device()[:16]}"


# Redeeming -----------------------------------------------------------------------


def scan() -> Any:
    """Look a code up."""
    duty = _needed()
    found = coupons().carts.counter.scan(
        _scanned(flask.request.form.get("text", "")),
        store=duty.store.code,
        terminal=_terminal(duty),
        network=network(),
        language=consumer_language(),
    )
    return _scan_page(duty, found)


def _scan_page(duty: OnDuty, found: Scan) -> Any:
    span = "" if found.coupon is None else sights().span(found.coupon)
    return _page("coupons_scan.html", duty=duty, scan=found, span=span, zero=sights().words.money(0))


def _scanned(text: str) -> str:
    """What was scanned or typed; of this brand's own address the token in it."""
    text = text.strip()[:1_000]
    if not text.startswith(("http://", "https://")):
        return text
    brand = current_brand()
    own = f"{brand.installation.config.base_url}/p/{brand.id}/coupon-threshold/clerk?"
    if not text.startswith(own):
        return "?"  # a foreign address is no code of ours, whatever it holds
    return parse_qs(urlsplit(text).query).get("t", ["?"])[0]


def redeem() -> Any:
    """Redeem on a ticket: the first press counts, every further one gets its answer."""
    duty, form = _needed(), flask.request.form
    done = coupons().carts.counter.redeem_in_store(
        form.get("text", "")[:500],
        store=duty.store.code,
        clerk=duty.clerk.code,
        terminal=_terminal(duty),
        ticket=form.get("ticket", ""),
        amount_minor=_amount(form.get("amount", "")),
        order_number=form.get("order", "")[:200],
        network=network(),
        device=device(),
        language=consumer_language(),
    )
    if done.redeemed and done.redemption is not None:
        again = "?again=1" if done.replayed else ""
        return flask.redirect(f"{root()}clerk/r/{done.redemption.uid}{again}", 303)
    return _scan_page(duty, done.scan)


def _amount(text: str) -> int:
    """Minor units of an amount as clerks type it; raises Invalid."""
    exponent = int(current_brand().segments.catalogue().exponent)
    plain = unicodedata.normalize("NFKC", text).strip().lstrip("¥$").lstrip()
    whole, _, part = plain.replace(",", "").partition(".")
    if not _AMOUNT.match(plain) or len(part) > exponent:
        raise Invalid("amount: what the goods cost, such as 299.00", field="amount", code="amount")
    return int(whole + part.ljust(exponent, "0"))


def result(uid: str) -> Any:
    """What was redeemed in this shop: a page that can be loaded again."""
    duty = _on_duty()
    if duty is None:
        return flask.redirect(f"{root()}clerk", 303)
    entry = redemption(uid)
    if entry.store != duty.store.code or entry.reverses_id is not None:
        raise NotFound("no such redemption")
    undoable = duty.clerk.role == "manager" and entry.reversed_by is None
    return _page(
        "coupons_result.html",
        duty=duty,
        entry=entry,
        again="again" in flask.request.args,
        undoable=undoable,
        words_of=sights().words,
    )


def undo(uid: str) -> Any:
    """Undo a redemption: a manager, in time, with a reason."""
    duty = _needed()
    reason = clean_text(flask.request.form.get("reason", ""), field="reason", max_length=200)
    if not reason:
        raise Invalid("reason: why it is undone", field="reason", code="reason")
    coupons().carts.counter.undo(uid, store=duty.store.code, manager=duty.clerk.code, reason=reason)
    return flask.redirect(f"{root()}clerk/r/{uid}", 303)
