"""What a person agreed to, recorded by hand: given or withdrawn, with where they said so and why it is written here."""

from __future__ import annotations

from typing import Any

import flask
from flask import Response, request

from scrm_core.api import Conflict, Invalid, current_actor, current_brand, permission

from .frame import pages
from .people import shown_contact

_FIELDS = ("purpose", "channel", "decision", "source", "reason")
_LONGEST = 200


@pages.post("/b/<brand>/contacts/<uid>/consent")
@permission("contacts:write")
def consent(uid: str) -> Response:
    """Record what the person decided: the same act as ``scrm contact consent`` and ``/contacts/<uid>/consents``."""
    brand, form = current_brand(), request.form
    person = brand.contacts.get(uid)
    typed = {name: form.get(name, "").strip()[:_LONGEST] for name in _FIELDS}
    try:
        if typed["decision"] not in ("give", "withdraw"):
            raise Invalid("say what the person decided", field="decision")
        brand.consent.decide(
            person.id,
            typed["purpose"],
            typed["channel"],
            granted=typed["decision"] == "give",
            source=typed["source"],
            reason=typed["reason"],
            actor=current_actor(),
            seen=_seen(typed["purpose"], typed["channel"]),
        )
    except (Conflict, Invalid) as error:
        wrong: dict[str, Any] = {"wrong": getattr(error, "field", None) or "", "refused": error.code}
        return shown_contact(uid, error.status, consent={**typed, **wrong})
    return flask.redirect(flask.url_for("console.contact", uid=person.uid, done="recorded"), 303)  # type: ignore[return-value]


def _seen(purpose: str, channel: str) -> int:
    """The newest record of this purpose and channel that the page showed; 0 where it showed none."""
    for each in request.form.getlist("seen"):
        number, _, names = each.partition(" ")
        if names == f"{purpose} {channel}" and number.isascii() and number.isdigit() and len(number) < 16:
            return int(number)
    return 0
