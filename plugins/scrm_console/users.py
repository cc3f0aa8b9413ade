"""Users of the brand: made, given roles, disabled, signed out everywhere. For owners."""

from __future__ import annotations

from typing import Any

import flask
from flask import Response, request

from scrm_core.api import (
    Conflict,
    Forbidden,
    Invalid,
    NotFound,
    current_brand,
    own_transactions,
    permission,
    staff_visit,
)

from .frame import page, pages

ROLES = ("owner", "operator", "clerk", "analyst")
_ACTS = 30


@pages.get("/b/<brand>/users")
@permission("users:read")
def users() -> Response:
    return _shown()


@pages.post("/b/<brand>/users/create")
@own_transactions
@permission("users:write")
def create_user() -> Response:
    """Make a user with a role; refused, the page comes again with all that was typed but the password."""
    form = request.form
    name, role = form.get("name", "").strip(), form.get("role", "")
    try:
        _staffing().create(name, form.get("password", ""), role)
    except (Conflict, Invalid) as error:
        wrong = getattr(error, "field", None) or "name"
        return _shown(error.status, typed=name, role=role, wrong=wrong, told=error.code, words=error.message)
    return _done("created")


@pages.post("/b/<brand>/users/role")
@own_transactions
@permission("users:write")
def give_role() -> Response:
    """Another role for a user of the brand, or one for a user of another brand, or none."""
    name, role = request.form.get("name", "").strip().lower(), request.form.get("role", "")
    try:
        _staffing().give(name, role if role != "none" else None)
    except (Conflict, Invalid, NotFound) as error:
        return _shown(error.status, refused=error.code, given=name)
    return _done("role")


@pages.post("/b/<brand>/users/<act>")
@own_transactions
@permission("users:write")
def act_on_user(act: str) -> Response:
    staffing, name = _staffing(), request.form.get("name", "")
    acts = {"disable": staffing.disable, "enable": staffing.enable, "sign-out": staffing.end_sessions}
    if act not in acts:
        raise NotFound("there is nothing at this address")
    try:
        acts[act](name)
    except (Conflict, Forbidden, NotFound) as error:
        return _shown(error.status, refused=error.code, given=name)
    return _done(act)


def _staffing() -> Any:
    visit, brand = staff_visit(), current_brand()
    assert visit.user is not None
    return brand.installation.users.staffing(visit.user, brand.id)


def _done(what: str) -> Response:
    return flask.redirect(flask.url_for("console.users", done=what), 303)  # type: ignore[return-value]


def _shown(status: int = 200, **context: Any) -> Response:
    brand, visit = current_brand(), staff_visit()
    people = brand.installation.users.list(brand.id)
    names = {f"user:{user.name}" for user in people}
    acts = [
        each
        for each in brand.installation.users.audit()
        if each.target in names and (each.detail or {}).get("brand", brand.id) == brand.id
    ]
    shown = {"typed": "", "role": "", "wrong": "", "told": "", "words": "", "refused": "", "given": "", **context}
    return page(
        "users.html",
        status,
        users=[(user, user.roles[brand.id]) for user in people],
        roles=ROLES,
        acts=acts[:_ACTS],
        may_write=visit.allows("users:write"),
        done=request.args.get("done", ""),
        **shown,
    )
