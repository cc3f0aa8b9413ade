"""Events: those that a plugin could not handle, with another try, and the newest of the log."""

from __future__ import annotations

import json
from itertools import groupby

import flask
from flask import Response, request

from scrm_core.api import Invalid, current_actor, current_brand, cut_page, permission, query_number, scrub, staff_visit

from .frame import page, pages

ROWS = 50
_LONGEST = 200


@pages.get("/b/<brand>/events")
@permission("events:read")
def events() -> Response:
    brand = current_brand()
    parked = sorted(brand.events.parked(), key=lambda each: (each.plugin, each.event_id))
    before = query_number("before", 0)
    log, older = cut_page(brand.events.newest(ROWS + 1, before=before or None), ROWS, lambda row: row.position.event_id)
    return page(
        "events.html",
        parked=[(name, list(each)) for name, each in groupby(parked, key=lambda each: each.plugin)],
        done=query_number("done", 0) if "done" in request.args else None,
        discarded=query_number("discarded", 0) if "discarded" in request.args else None,
        scrub=scrub,
        may_retry=staff_visit().allows("events:write"),
        log=[(each, _short(scrub(json.dumps(each.data, ensure_ascii=False)))) for each in log],
        older=older,
        before=before,
    )


@pages.post("/b/<brand>/events/retry")
@permission("events:write")
def retry() -> Response:
    """Hand the chosen events to their plugin again: the same act as ``scrm events retry`` and ``/parked:retry``."""
    done = current_brand().events.retry(request.form.get("plugin", ""), _chosen(), actor=current_actor())
    return flask.redirect(flask.url_for("console.events", done=done), 303)  # type: ignore[return-value]


@pages.post("/b/<brand>/events/discard")
@permission("events:write")
def discard() -> Response:
    """Give the chosen events up: the same act as ``scrm events discard`` and ``/parked:discard``."""
    done = current_brand().events.discard(request.form.get("plugin", ""), _chosen(), actor=current_actor())
    return flask.redirect(flask.url_for("console.events", discarded=done), 303)  # type: ignore[return-value]


def _chosen() -> list[int]:
    given = request.form.getlist("event")
    numbers = all(each.isascii() and each.isdigit() and len(each) < 16 for each in given)
    if not given or not numbers:
        raise Invalid("choose the events to hand out again", field="event", code="no_event")
    return [int(each) for each in given]


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
