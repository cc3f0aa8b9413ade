"""Views of contacts (客户). Identities leave masked: a caller that needs one in clear already has it."""

from __future__ import annotations

from typing import Any

from ..clock import iso
from ..intake.fields import Flag, Identity, Text
from ..intake.inputs import identities_of
from ..intake.schemas import IntakeSchema
from ..limits import LIMITS
from ..services.contacts import ContactView
from ..values.masking import mask
from . import orders
from .calls import Answer, Call
from .leads import SOURCE
from .pages import page_of


class IdentityInputSchema(IntakeSchema):
    """Identities to add to a contact; ``source`` is where buyer, openid and member mean something."""

    source = Text(max_length=LIMITS.name, load_default=None)
    phone = Identity("phone", load_default=None)
    external_userid = Identity("external_userid", load_default=None)
    unionid = Identity("unionid", load_default=None)
    openid = Identity("openid", load_default=None)
    buyer = Identity("buyer", load_default=None)
    member = Identity("member", load_default=None)


class ConsentDecisionInputSchema(IntakeSchema):
    """What a person decided: ``source`` is where they said so, ``reason`` why it is recorded by hand."""

    purpose = Text(max_length=LIMITS.name, blank=False, required=True)
    channel = Text(max_length=LIMITS.name, load_default="")
    granted = Flag(required=True)
    source = Text(max_length=LIMITS.name, blank=False, required=True)
    reason = Text(max_length=LIMITS.name, blank=False, required=True)


def save_contact(call: Call) -> Answer:
    row = call.body
    at = row["at"]
    resolved = call.brand.contacts.resolve(
        identities_of(row),
        at=call.brand.now() if at is None else at,
        origin=row["source"] or SOURCE,
        name=row["name"] or "",
    )
    view = call.brand.contacts.get_by_id(resolved.contact_id)
    return (201 if resolved.created else 200), _shown(call, view)


def list_contacts(call: Call) -> Answer:
    rows = call.brand.contacts.page(call.after, call.limit)
    return 200, page_of(rows, call.limit, lambda view: view.id, lambda view: _shown(call, view))


def find_contact(call: Call) -> Answer:
    """The lookup is a POST, because an identity must not stand in an address that proxies log."""
    resolved = call.brand.contacts.resolve(
        identities_of(call.body), at=call.brand.now(), origin=SOURCE, create=False
    )
    return 200, _shown(call, call.brand.contacts.get_by_id(resolved.contact_id))


def get_contact(call: Call) -> Answer:
    view = _named(call)
    zone = call.brand.zone
    return 200, {
        **_shown(call, view),
        "identities": [
            {
                "kind": identity.kind,
                "source": identity.namespace,
                "masked": mask(identity.kind, identity.value),
                "verified": identity.verified,
                "created_at": iso(identity.created_at, zone),
            }
            for identity in call.brand.contacts.identities(view.id)
        ],
        "tags": [
            {"group": tag.group, "tag": tag.name, "origin": tag.origin, "at": iso(tag.at, zone)}
            for tag in call.brand.tags.of(view.id)
        ],
    }


def add_identities(call: Call) -> Answer:
    view = _named(call)
    for identity in identities_of(call.body):
        call.brand.contacts.add_identity(view.id, identity, origin=call.body["source"] or SOURCE)
    return get_contact(call)


def list_touches(call: Call) -> Answer:
    view = _named(call)
    items = [
        {
            "kind": touch.kind,
            "ref": touch.ref,
            "at": iso(touch.at, call.brand.zone),
            "channel": touch.channel,
            "link": touch.link,
        }
        for touch in call.brand.contacts.touches(view.id)
    ]
    return 200, {"items": items}


def list_consents(call: Call) -> Answer:
    zone = call.brand.zone
    items = [
        {
            "purpose": each.purpose,
            "channel": each.channel,
            "granted": each.granted,
            "at": iso(each.at, zone),
            "source": each.source,
        }
        for each in call.brand.consent.history(_named(call).id)
    ]
    return 200, {"items": items}


def decide_consent(call: Call) -> Answer:
    call.brand.consent.decide(_named(call).id, **call.body, actor=call.key.actor)
    return list_consents(call)


def list_contact_orders(call: Call) -> Answer:
    return orders.page_of_orders(call, _named(call).id)


def _named(call: Call) -> ContactView:
    return call.brand.contacts.get(call.path["uid"])


def _shown(call: Call, view: ContactView) -> dict[str, Any]:
    zone = call.brand.zone
    return {
        "uid": view.uid,
        "name": view.name,
        "origin": view.origin,
        "created_at": iso(view.created_at, zone),
        "updated_at": iso(view.updated_at, zone),
        "lead_at": iso(view.lead_at, zone),
        "lead_channel": view.lead_channel or None,
        "orders": view.orders,
        "occasions": view.occasions,
        "money_minor": view.money,
        "first_order_at": iso(view.first_order_at, zone),
        "last_order_at": iso(view.last_order_at, zone),
        "cycle_days": view.cycle_days,
    }
