"""API keys of the brand: made with chosen scopes, shown once, revoked. For owners."""

from __future__ import annotations

from itertools import groupby
from typing import Any

import flask
from flask import Response, request

from scrm_core.api import Conflict, Invalid, current_actor, current_brand, permission, staff_visit

from .frame import page, pages

EVERYTHING = "*"


@pages.get("/b/<brand>/keys")
@permission("keys:read")
def keys() -> Response:
    return _shown()


@pages.post("/b/<brand>/keys/create")
@permission("keys:write")
def create_key() -> Response:
    """Make a key and show it in this answer alone: sent again, the form makes no second one."""
    form, brand = request.form, current_brand()
    name, scopes = form.get("name", "").strip(), form.getlist("scope")
    try:
        _, key = brand.keys.create(name, scopes, actor=current_actor(), newest=form.get("newest", ""))
    except Conflict as error:
        return _shown(error.status, typed=name, chosen=scopes, refused=error.code)
    except Invalid as error:
        return _shown(error.status, typed=name, chosen=scopes, wrong=error.field or "")
    return _shown(made=key)


@pages.post("/b/<brand>/keys/revoke")
@permission("keys:write")
def revoke_key() -> Response:
    current_brand().keys.revoke(request.form.get("key", ""), actor=current_actor())
    return flask.redirect(flask.url_for("console.keys", done="revoked"), 303)  # type: ignore[return-value]


def _shown(status: int = 200, **context: Any) -> Response:
    brand = current_brand()
    found = brand.keys.list()
    areas = groupby(sorted(brand.keys.permissions().items()), key=lambda each: each[0].partition(":")[0])
    return page(
        "keys.html",
        status,
        keys=found[::-1],
        newest=found[-1].key_id if found else "",
        areas=[(area, list(scopes)) for area, scopes in areas],
        everything=EVERYTHING,
        may_write=staff_visit().allows("keys:write"),
        done=request.args.get("done", ""),
        **{"made": "", "typed": "", "chosen": [], "wrong": "", "refused": "", **context},
    )
