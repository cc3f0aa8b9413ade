"""Rewards: the ledger of grants, filtered by kind, plugin, state and person, taken back with a reason, as a file."""

from __future__ import annotations

import csv
import io
from typing import Any

import flask
from flask import Response, request

from scrm_core.api import (
    REWARD_COLUMNS,
    Conflict,
    Invalid,
    NotFound,
    RewardFilter,
    Veto,
    current_actor,
    current_brand,
    cut_page,
    permission,
    query_number,
    staff_visit,
)

from .frame import attachment, page, pages
from .people import names_of, one_meant

ROWS = 50
STATES = ("given", "reversed", "reversal")
_FILTERS = ("kind", "issuer", "state", "contact")
_LONGEST = 200


@pages.get("/b/<brand>/rewards")
@permission("rewards:read")
def rewards() -> Response:
    """The newest first, all or those of a filter."""
    return _shown(_given())


@pages.post("/b/<brand>/rewards")
@permission("rewards:read")
def rewards_of() -> Response:
    """Those of whoever a phone or an id means: typed into a form, so that no phone stands in an address."""
    given = {**_given(), "contact": ""}
    text = request.form.get("person", "").strip()[:_LONGEST]
    if text:
        found = one_meant(text)
        if found is None:
            return _shown(given, 404, person=text, refused="no_person")
        given["contact"] = current_brand().contacts.get_by_id(found).uid
    return flask.redirect(flask.url_for("console.rewards", **{k: v for k, v in given.items() if v}), 303)  # type: ignore[return-value]


@pages.post("/b/<brand>/rewards/<uid>/reverse")
@permission("rewards:write")
def reverse_reward(uid: str) -> Response:
    """Take a grant back: the same act as ``POST /rewards/<uid>/reversal``; told where somebody was quicker."""
    brand, given, reason = current_brand(), _given(), request.form.get("reason", "").strip()[:_LONGEST]
    granted = brand.rewards.get(uid)
    told: dict[str, Any] = {"opened": uid, "reason": reason}
    if granted.reversed_by is not None:
        other = brand.rewards.get(granted.reversed_by)
        return _shown(given, 409, refused="reward_reversed", words=f"{other.actor} {other.reason}".strip(), **told)
    try:
        brand.rewards.take_back(uid, reason=reason, actor=current_actor())
    except (Conflict, Invalid, Veto) as error:
        return _shown(given, error.status, refused=error.code, words=error.message, **told)
    kept = {name: value for name, value in given.items() if value}
    return flask.redirect(flask.url_for("console.rewards", done="reversed", **kept), 303)  # type: ignore[return-value]


@pages.post("/b/<brand>/rewards.csv")
@permission("rewards:read")
def rewards_file() -> Response:
    """The rows of the filter as a file: a POST, since the export itself is an act that is noted."""
    brand, text = current_brand(), io.StringIO()
    lines = csv.writer(text)
    lines.writerow(REWARD_COLUMNS)
    lines.writerows(brand.rewards.export(by=current_actor(), matching=_matching(_given())))
    return attachment(text.getvalue(), f"rewards-{brand.id}.csv")


def _given() -> dict[str, str]:
    return {name: request.values.get(name, "").strip()[:_LONGEST] for name in _FILTERS}


def _matching(given: dict[str, str]) -> RewardFilter:
    """The filter; raises NotFound for a person who is not there, Invalid for an unknown state."""
    contact = given["contact"]
    who = current_brand().contacts.get(contact).id if contact else None
    return RewardFilter(given["kind"], given["issuer"], given["state"], who)


def _shown(given: dict[str, str], status: int = 200, **context: Any) -> Response:
    brand, visit = current_brand(), staff_visit()
    before = query_number("before", 0)
    found: list[Any] = []
    missing = ""
    try:
        found = brand.rewards.newest(matching=_matching(given), before=before or None, limit=ROWS + 1)
    except (Invalid, NotFound) as error:
        missing, status = error.code, error.status
    rows, older = cut_page(found, ROWS)
    kinds = brand.rewards.kinds()
    return page(
        "rewards.html",
        status,
        rows=rows,
        names=names_of(each.contact_id for each in rows),
        given=given,
        missing=missing,
        before=before,
        older=older,
        kinds=sorted(kinds),
        issuers=sorted(name for name, plugin in brand.plugins.items() if plugin.reward_kinds),
        states=STATES,
        may_reverse=visit.allows("rewards:write"),
        done=request.args.get("done", ""),
        **{"person": "", "refused": "", "words": "", "opened": "", "reason": "", **context},
    )
