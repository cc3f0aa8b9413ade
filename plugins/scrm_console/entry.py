"""Signing in and out, and the choice of a brand."""

from __future__ import annotations

import flask
from flask import Response, request

from scrm_core.api import TooMany, Unauthorized, for_visitors, staff_visit

from .frame import home, page, pages, words


@pages.get("/sign-in")
@for_visitors
def sign_in() -> Response:
    return page("sign_in.html", next=request.args.get("next", ""), name="", problem="")


@pages.post("/sign-in")
@for_visitors
def sign_in_post() -> Response:
    """Refused, the page comes again with the name that was typed; what an ended session kept is offered behind it."""
    visit, form = staff_visit(), request.form
    name, back = form.get("name", ""), form.get("next", "")
    try:
        visit.sign_in(name, form.get("password", ""))
    except (Unauthorized, TooMany) as error:
        problem = words()["refusals"][error.code]
        answer = page("sign_in.html", error.status, next=back, name=name, problem=problem)
        if isinstance(error, TooMany):
            answer.headers["Retry-After"] = str(error.retry_after)
        return answer
    if visit.kept is not None:
        return page("kept.html", kept=visit.kept)
    return flask.redirect(visit.safe_next(back), 303)  # type: ignore[return-value]


@pages.post("/sign-out")
def sign_out() -> Response:
    staff_visit().sign_out(everywhere="everywhere" in request.form)
    return flask.redirect(flask.url_for("console.sign_in"), 303)  # type: ignore[return-value]


@pages.get("/")
def index() -> Response:
    """The one brand that there is, or which."""
    visit = staff_visit()
    found = [(brand, home(visit, brand)) for brand in visit.brands()]
    if len(found) == 1:
        return flask.redirect(found[0][1], 303)  # type: ignore[return-value]
    return page("brands.html", brands=found)
