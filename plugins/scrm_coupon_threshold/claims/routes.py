"""Routes of claims and coupons, for trusted servers: the person is named by uid, never by a page of theirs."""

from __future__ import annotations

from typing import Any

import flask

from scrm_core.api import Invalid, contended, current_actor, current_brand, iso, load_body, permission

from ..gates.service import progress_view
from ..requests import CLAIM, MANAGE, READ, coupons_here, page
from ..schemas import Strict, text
from .typed import REASONS
from .views import CouponView, coupon_view


class _ForBody(Strict):
    batch = text(1, 40, required=True)
    contact = text(1, 200, required=True)
    key = text(1, 150, required=True)


class ClaimBody(_ForBody):
    """A claim: which batch, for whom, under which key; the same key answers the first coupon.

    ``device`` and ``network`` are the server's own hashes of where the person is, for the batch's limits.
    """

    device = text(0, 100, load_default="")
    network = text(0, 100, load_default="")


class CodeBody(Strict):
    """A code that a person entered; it names its claim by itself."""

    code = text(1, 100, required=True)
    contact = text(1, 200, required=True)
    device = text(0, 100, load_default="")
    network = text(0, 100, load_default="")


class GiveBody(_ForBody):
    """A coupon given by a member of staff, with the reason; the claim gate is not asked."""

    reason = text(1, 200, required=True)
    sku = text(0, 200, load_default="")


class VoidBody(Strict):
    """Why a coupon is voided."""

    reason = text(1, 200, required=True)


def _view(coupon: CouponView) -> dict[str, Any]:
    claims = coupons_here().claims
    return coupon_view(coupon, current_brand().zone, contact=claims.owner_uid(coupon))


@permission(CLAIM)
@contended
def claim() -> Any:
    """Claim a coupon for a person; many at once share a commit."""
    body = load_body(ClaimBody(), flask.request.get_json())
    contact = current_brand().contacts.get(body["contact"])
    coupon = coupons_here().claims.claim(
        body["batch"], contact.id, key=body["key"], source="api", device=body["device"], network=body["network"]
    )
    return flask.jsonify(_view(coupon)), 201


@permission(CLAIM)
@contended
def enter_code() -> Any:
    """Claim the coupon of a code that was handed out; what is wrong with the code is told in the answer."""
    body = load_body(CodeBody(), flask.request.get_json())
    contact = current_brand().contacts.get(body["contact"])
    done = coupons_here().typed.claim(
        body["code"], contact.id, source="api", device=body["device"], network=body["network"]
    )
    if done.coupon is not None:
        return flask.jsonify({"claimed": True, "coupon": _view(done.coupon)}), 201
    # No error: it would take the count of wrong codes back.
    until = iso(done.locked_until, current_brand().zone)
    answer = {"claimed": False, "reason": done.reason, "message": REASONS[done.reason], "locked_until": until}
    return flask.jsonify(answer)


@permission(MANAGE)
def give() -> Any:
    """Give a person a coupon by hand, with the reason (人工发券)."""
    body = load_body(GiveBody(), flask.request.get_json())
    contact = current_brand().contacts.get(body["contact"])
    coupon = coupons_here().claims.claim(
        body["batch"], contact.id, key=body["key"], source="staff", actor=current_actor(), reason=body["reason"],
        sku=body["sku"],
    )  # fmt: skip
    return flask.jsonify(_view(coupon)), 201


@permission(READ)
def coupons() -> Any:
    """Coupons, oldest first, of one ``contact`` or one ``batch``; or the one with this ``code``."""
    contact, batch, code = (flask.request.args.get(name) for name in ("contact", "batch", "code"))
    if code is not None and contact is None and batch is None:
        return flask.jsonify({"coupons": [_view(coupons_here().claims.by_code(code))], "next": None})
    if code is not None or (contact is None) == (batch is None):
        raise Invalid("name a contact, a batch or a code", field="contact")
    here = coupons_here()
    if contact is not None:
        contact_id = current_brand().contacts.get(contact).id
        return page("coupons", lambda after, limit: here.claims.of(contact_id, after=after, limit=limit), _view)
    assert batch is not None
    batch_id = here.batches.get(batch).id
    return page("coupons", lambda after, limit: here.claims.page(batch_id, after=after, limit=limit), _view)


@permission(READ)
def coupon(uid: str) -> Any:
    """One coupon."""
    return flask.jsonify(_view(coupons_here().claims.get(uid)))


@permission(MANAGE)
def void(uid: str) -> Any:
    """Void an unused coupon, with the reason; a void one stays void."""
    body = load_body(VoidBody(), flask.request.get_json())
    return flask.jsonify(_view(coupons_here().voiding.void(uid, reason=body["reason"], actor=current_actor())))


@permission(READ)
def progress(code: str) -> Any:
    """How far a ``contact`` is with the batch's claim gate."""
    here = coupons_here()
    contact = current_brand().contacts.get(flask.request.args.get("contact", ""))
    return flask.jsonify(progress_view(here.gates.progress(contact.id, here.batches.get(code))))


def add_routes(blueprint: flask.Blueprint) -> None:
    """Put the routes of claims and coupons on the plugin's blueprint."""
    blueprint.post("/claims")(claim)
    blueprint.post("/claims/code")(enter_code)
    blueprint.get("/coupons")(coupons)
    blueprint.post("/coupons")(give)
    blueprint.get("/coupons/<uid>")(coupon)
    blueprint.post("/coupons/<uid>/void")(void)
    blueprint.get("/batches/<code>/progress")(progress)
