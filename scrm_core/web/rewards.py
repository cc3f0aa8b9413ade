"""Views of rewards (奖励): grants and their reversals."""

from __future__ import annotations

from typing import Any

from ..clock import iso
from ..errors import NotFound
from ..intake.fields import Text, integer, minor
from ..intake.schemas import IntakeSchema
from ..limits import LIMITS
from ..services.rewards import RewardView
from .calls import Answer, Call
from .pages import page_of


class RewardInputSchema(IntakeSchema):
    """A reward to grant; ``grant_key`` says what it is for, and is granted once; ``item`` which one of its kind."""

    kind = Text(max_length=LIMITS.name, blank=False, required=True)
    contact = Text(max_length=LIMITS.name, blank=False, required=True)
    grant_key = Text(max_length=LIMITS.name, blank=False, required=True)
    item = Text(max_length=LIMITS.name, load_default="")
    quantity = integer(1, load_default=1)
    cost_minor = minor(load_default=0)
    reason = Text(load_default="")


class ReversalInputSchema(IntakeSchema):
    """Why a reward is taken back."""

    reason = Text(blank=False, required=True)


def grant_reward(call: Call) -> Answer:
    body = call.body
    view = call.brand.rewards.grant(
        body["kind"],
        call.brand.contacts.get(body["contact"]).id,
        grant_key=body["grant_key"],
        item=body["item"],
        quantity=body["quantity"],
        cost_minor=body["cost_minor"],
        reason=body["reason"],
        actor=call.key.actor,
    )
    return 200, _shown(call, view)


def reverse_reward(call: Call) -> Answer:
    view = call.brand.rewards.take_back(call.path["uid"], reason=call.body["reason"], actor=call.key.actor)
    return 200, _shown(call, view)


def list_rewards(call: Call) -> Answer:
    uid = call.query["contact"]
    contact_id = None if uid is None else call.brand.contacts.get(uid).id
    rows = call.brand.rewards.page(contact_id=contact_id, after=call.after, limit=call.limit)
    return 200, page_of(rows, call.limit, lambda view: view.id, lambda view: _shown(call, view))


def get_reward(call: Call) -> Answer:
    return 200, _shown(call, call.brand.rewards.get(call.path["uid"]))


def _shown(call: Call, view: RewardView) -> dict[str, Any]:
    return {
        "uid": view.uid,
        "kind": view.kind,
        "item": view.item,
        "contact": _contact(call, view.contact_id),
        "quantity": view.quantity,
        "cost_minor": view.cost_minor,
        "grant_key": view.grant_key,
        "issuer": view.issuer,
        "issued": view.issued,
        "reason": view.reason,
        "at": iso(view.at, call.brand.zone),
        "reverses": view.reverses,
        "reversed_by": view.reversed_by,
    }


def _contact(call: Call, contact_id: int) -> str | None:
    try:
        return call.brand.contacts.get_by_id(contact_id).uid
    except NotFound:
        return None  # erased: the ledger keeps the amount without the person
