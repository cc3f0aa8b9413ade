"""What is done with a person: merged with another record after a look at what would move, exported, erased."""

from __future__ import annotations

import json
from typing import Any

import flask
from flask import Response, request

from scrm_core.api import (
    Conflict,
    Invalid,
    NotFound,
    current_actor,
    current_brand,
    normalise_phone,
    own_transactions,
    permission,
)

from .frame import page, pages

_LONGEST = 200


@pages.post("/b/<brand>/contacts/<uid>/merge")
@permission("contacts:write")
def merge(uid: str) -> Response:
    """What merging another record into this one would move; ``sure`` does it, to the very record that was shown."""
    brand, form = current_brand(), request.form
    winner = brand.contacts.get(uid)
    typed, reason = form.get("other", "").strip()[:_LONGEST], form.get("reason", "").strip()[:_LONGEST]
    shown: dict[str, Any] = {"winner": winner, "typed": typed, "reason": reason, "refused": "", "other": None}
    try:
        loser = _meant(typed)
        preview = brand.contacts.preview_merge(winner.id, loser.id)
    except (Conflict, Invalid, NotFound) as error:
        return page("merge.html", error.status, preview=None, **{**shown, "refused": error.code})
    if "sure" in form and form.get("other_uid") == loser.uid and reason:
        brand.contacts.merge(winner.id, loser.id, actor=current_actor(), reason=reason)
        return flask.redirect(flask.url_for("console.contact", uid=winner.uid, done="merged"), 303)  # type: ignore[return-value]
    return page("merge.html", preview=preview, **{**shown, "other": loser})


@pages.post("/b/<brand>/contacts/<uid>/undo-merge")
@permission("contacts:write")
def undo_merge(uid: str) -> Response:
    brand, number = current_brand(), request.form.get("merge", "")
    person = brand.contacts.get(uid)
    known = {str(each.id) for each in brand.contacts.merges(person.id)}
    if number not in known:
        raise NotFound("no such merge")
    brand.contacts.undo_merge(int(number), actor=current_actor())
    return flask.redirect(flask.url_for("console.contact", uid=uid, done="undone"), 303)  # type: ignore[return-value]


@pages.post("/b/<brand>/contacts/<uid>/export")
@permission("privacy:write")
def export(uid: str) -> Response:
    """Everything that the brand holds about a person, in clear, as a file; the audit log notes it."""
    brand = current_brand()
    person = brand.contacts.get(uid)
    document = brand.privacy.export(person.id, actor=current_actor())
    text = json.dumps(document, ensure_ascii=False, indent=2, default=str)
    answer = Response(text + "\n", content_type="application/json")
    answer.headers["Content-Disposition"] = f'attachment; filename="{person.uid}.json"'
    return answer


@pages.post("/b/<brand>/contacts/<uid>/erase")
@own_transactions
@permission("privacy:write")
def erase(uid: str) -> Response:
    """Erase a person for good: the last six characters of the id are typed, so that no slip does it."""
    brand = current_brand()
    person = brand.contacts.get(uid)
    if request.form.get("confirm", "").strip().lower() != person.uid[-6:].lower():
        return flask.redirect(flask.url_for("console.contact", uid=uid, done="not_erased"), 303)  # type: ignore[return-value]
    receipt = brand.privacy.erase(person.id, actor=current_actor())
    return page("erased.html", receipt=json.dumps(receipt, ensure_ascii=False, indent=2, default=str), uid=person.uid)


def _meant(text: str) -> Any:
    """The one contact that a uid or a phone means."""
    brand = current_brand()
    try:
        phone = normalise_phone(text, region=brand.config.phone_region)
    except Invalid:
        return brand.contacts.get(text)
    found = brand.contacts.find("phone", phone)
    if found is None:
        raise NotFound("no such contact")
    return found
