"""Segments: an expression with its count and first members, kept under a name, renamed, forgotten.

A condition can be put together from parts without knowing the language. The
count follows what is typed where the browser runs the console's script, and
comes with a button where it does not.
"""

from __future__ import annotations

import json
from typing import Any

import flask
from flask import Response, request

from scrm_core.api import (
    Conflict,
    Invalid,
    current_actor,
    current_brand,
    own_transactions,
    permission,
    staff_visit,
)

from .frame import fragment, page, pages

MEMBERS = 10
OPERATORS = ("=", "!=", ">=", "<=", ">", "<", "has")
_MOST = 4_000


@pages.get("/b/<brand>/segments")
@permission("segments:read")
def segments() -> Response:
    """The saved ones, and one of them with who is in it."""
    name = request.args.get("name", "")
    seen = current_brand().segments.get(name).expression if name else ""
    return _shown(seen, name=name, seen=seen)


@pages.post("/b/<brand>/segments/check")
@own_transactions
@permission("segments:read")
def check_segment() -> Response:
    """What is typed, with who is in it; a condition that was put together is added first."""
    text = _plain(request.form.get("expression", ""))
    if "add" in request.form:
        text = _with_condition(text)
    name, seen = request.form.get("name", "").strip(), _plain(request.form.get("seen", ""))
    known = "known" in request.form
    return _shown(text, name=name if known else "", typed="" if known else name, seen=seen)


@pages.post("/b/<brand>/segments/found")
@own_transactions
@permission("segments:read")
def segment_found() -> Response:
    """The part of the page that follows what is typed."""
    return fragment("segment_found.html", **_found(_plain(request.form.get("expression", ""))))


@pages.post("/b/<brand>/segments/save")
@permission("segments:write")
def save_segment() -> Response:
    """Keep an expression; what somebody else changed meanwhile is shown and not overwritten."""
    form, brand = request.form, current_brand()
    name, text, seen = form.get("name", "").strip(), _plain(form.get("expression", "")), _plain(form.get("seen", ""))
    known = "known" in form
    try:
        saved = brand.segments.save(name, text, actor=current_actor(), seen=seen)
    except Conflict as error:
        theirs = next((each.expression for each in brand.segments.list() if each.name == name), "")
        return _shown(text, error.status, name=name, seen=theirs, theirs=theirs, refused=error.code)
    except Invalid as error:
        wrong = "name" if error.field == "name" else ""
        return _shown(text, 422, name=name if known else "", typed=name, seen=seen, wrong=wrong)
    return _done("saved", saved.name)


@pages.post("/b/<brand>/segments/rename")
@permission("segments:write")
def rename_segment() -> Response:
    brand, name, to = current_brand(), request.form.get("name", ""), request.form.get("to", "").strip()
    try:
        brand.segments.rename(name, to, actor=current_actor())
    except (Conflict, Invalid) as error:
        seen = brand.segments.get(name).expression
        return _shown(seen, error.status, name=name, seen=seen, typed=to, wrong="to", refused=error.code)
    return _done("renamed", to)


@pages.post("/b/<brand>/segments/delete")
@permission("segments:write")
def delete_segment() -> Response:
    current_brand().segments.delete(request.form.get("name", ""), actor=current_actor())
    return _done("deleted")


def _done(what: str, name: str = "") -> Response:
    return flask.redirect(flask.url_for("console.segments", done=what, name=name or None), 303)  # type: ignore[return-value]


def _shown(text: str, status: int = 200, **context: Any) -> Response:
    brand, found = current_brand(), _found(text)
    shown = {"name": "", "typed": "", "seen": "", "theirs": "", "wrong": "", "refused": "", **context, **found}
    return page(
        "segments.html",
        422 if status == 200 and found["problem"] else status,
        saved=brand.segments.list(),
        fields=_fields(),
        operators=OPERATORS,
        may_save=staff_visit().allows("segments:write"),
        done=request.args.get("done", ""),
        **shown,
    )


def _found(text: str) -> dict[str, Any]:
    """How many are in it and the first of them, or what is wrong with it, at its place."""
    brand, visit = current_brand(), staff_visit()
    found: dict[str, Any] = {"expression": text, "count": None, "members": None, "problem": ""}
    if not text:
        return found
    try:
        found["count"] = brand.segments.count(text)
    except Invalid as error:
        offset = min(int(error.extra.get("offset", len(text))), len(text))
        return {**found, "problem": error.message.partition("\n")[0], "before": text[:offset], "after": text[offset:]}
    if visit.allows("contacts:read"):
        found["members"] = brand.segments.members(text, limit=MEMBERS)
    return found


def _plain(text: str) -> str:
    """What a form gives, with line ends as they are kept."""
    return text.replace("\r\n", "\n").strip()[: _MOST + 1]


# Putting a condition together ----------------------------------------------------


def _fields() -> dict[str, str]:
    """Each field that an expression of this brand may name, with what it is."""
    catalogue = current_brand().segments.catalogue()
    of_plugins = {each.name: each.summary for fields in catalogue.plugins.values() for each in fields.values()}
    return {**{name: each.summary for name, each in catalogue.core.items()}, **of_plugins}


def _with_condition(text: str) -> str:
    """The expression with the condition that was put together; incomplete parts add nothing."""
    given = {each: request.form.get(each, "").strip() for each in ("field", "key", "operator", "value", "join")}
    catalogue = current_brand().segments.catalogue()
    plugin, _, own = given["field"].partition(".")
    spec = catalogue.core.get(given["field"]) or catalogue.plugins.get(plugin, {}).get(own)
    if spec is None or given["operator"] not in OPERATORS:
        return text
    name = f"{spec.name}.{_quoted(given['key'])}" if given["key"] and spec.keyed != "no" else spec.name
    if given["operator"] == "has":
        condition = f"has {name}"
    elif given["value"]:
        value = _quoted(given["value"]) if spec.kind.value == "text" else given["value"]
        condition = f"{name} {given['operator']} {value}"
    else:
        return text
    if not text:
        return condition
    if given["join"] == "or":
        return f"{text} or {condition}"
    # "and" binds closer than "or": what stood there stays together.
    return f"({text}) and {condition}" if " or " in text.lower() else f"{text} and {condition}"


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).replace("\\n", " ").replace("\\t", " ")
