"""Contacts: searched, filtered by an expression, and one of them with what is known.

What is searched for is sent as a form: a phone or a name must not stand in an
address, which proxies and browsers keep.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import flask
from flask import Response, request

from scrm_core.api import (
    Brand,
    ContactView,
    Invalid,
    current_brand,
    cut_page,
    execute,
    fetch_in,
    mask,
    normalise_phone,
    permission,
    query_number,
    staff_visit,
)

from .frame import page, pages

ROWS = 50
SHOWN = 100
_LONGEST = 200
PURPOSES = ("marketing_sms", "marketing_wecom", "profiling")
"""What people are asked to agree to most; a purpose is any word."""


@dataclass(frozen=True, slots=True)
class Row:
    """A contact in the list."""

    id: int
    uid: str
    name: str
    lead_at: int | None
    orders: int
    money: int
    last_order_at: int | None


@pages.get("/b/<brand>/contacts")
@permission("contacts:read")
def contacts() -> Response:
    """Newest first, all or those of an expression; the page after a contact's id."""
    brand, expression = current_brand(), request.args.get("segment", "").strip()
    if expression:
        staff_visit().demand("segments:read")
    before, count, problem = query_number("before", 0), None, ""
    rows: list[Row] = []
    try:
        if expression:
            where = brand.segments.condition(expression)
            rows = _rows(where.text, where.params, before)
            count = brand.segments.count(expression)
        else:
            rows = _rows("1 = 1", (), before)
    except Invalid as error:
        problem = error.message
    return _list(rows, 422 if problem else 200, expression=expression, count=count, problem=problem)


@pages.post("/b/<brand>/contacts")
@permission("contacts:read")
def search() -> Response:
    """Whoever has the phone, id or name; the one person that it can only be is shown at once."""
    brand, text = current_brand(), request.form.get("q", "").strip()[:_LONGEST]
    if not text:
        return flask.redirect(flask.url_for("console.contacts"), 303)  # type: ignore[return-value]
    ids = _meant(brand, text)
    if ids:
        rows = _rows(f"c.id IN ({', '.join('?' * len(ids))})", tuple(ids), 0)
    else:
        rows = [Row(*_shown(each)) for each in brand.contacts.named(text, ROWS + 1)]
    if ids and len(rows) == 1:
        return flask.redirect(flask.url_for("console.contact", uid=rows[0].uid), 303)  # type: ignore[return-value]
    return _list(rows[:ROWS], q=text, more_named=len(rows) > ROWS)


def _meant(brand: Brand, text: str) -> list[int]:
    """The contacts whose phone, id or other identity somebody typed."""
    try:
        phone = normalise_phone(text, region=brand.config.phone_region)
    except Invalid:
        phone = ""
    by_phone = brand.contacts.find("phone", phone) if phone else None
    return [by_phone.id] if by_phone else [*_of_uid(text), *brand.contacts.known_by(text)]


def _shown(view: ContactView) -> tuple[Any, ...]:
    return view.id, view.uid, view.name, view.lead_at, view.orders, view.money, view.last_order_at


def names_of(contacts: Iterable[int]) -> dict[int, tuple[str, str]]:
    """Uid and name of people by their ids, where the role may look at contacts; who was erased is nobody."""
    wanted = sorted(set(contacts))
    if not wanted or not staff_visit().allows("contacts:read"):
        return {}
    rows = fetch_in("SELECT id, uid, name FROM contact WHERE state = 'active' AND id IN ({in})", wanted)
    return {row[0]: (row[1], row[2]) for row in rows}


def one_meant(text: str) -> int | None:
    """The id of the one person whom a uid, a phone or another identity means; None for nobody and for several."""
    found = _meant(current_brand(), text)
    return found[0] if len(found) == 1 else None


def _of_uid(uid: str) -> list[int]:
    return [row[0] for row in execute("SELECT id FROM contact WHERE uid = ?", (uid,)).fetchall()]


def _rows(where: str, params: tuple[Any, ...], before: int) -> list[Row]:
    """A page of active contacts and one more, which says that there is another page."""
    after = ("c.id < ? AND", (before,)) if before else ("", ())
    found = execute(
        "SELECT c.id, c.uid, c.name, c.lead_at, c.orders, c.money, c.last_order_at FROM contact c "
        f"WHERE {after[0]} c.state = 'active' AND ({where}) ORDER BY c.id DESC LIMIT ?",
        (*after[1], *params, ROWS + 1),
    ).fetchall()
    return [Row(*row) for row in found]


def _list(rows: list[Row], status: int = 200, **context: Any) -> Response:
    brand, visit = current_brand(), staff_visit()
    shown_rows, older = cut_page(rows, ROWS)
    filters = visit.allows("segments:read")
    shown: dict[str, Any] = {"expression": "", "count": None, "problem": "", "q": "", "more_named": False, **context}
    return page(
        "contacts.html",
        status,
        rows=shown_rows,
        older=older,
        filters=filters,
        segments=brand.segments.list() if filters else [],
        **shown,
    )


@pages.get("/b/<brand>/contacts/<uid>")
@permission("contacts:read")
def contact(uid: str) -> Response:
    """A person: identities masked; tags and orders where the role includes them."""
    return shown_contact(uid)


def shown_contact(uid: str, status: int = 200, *, consent: dict[str, str] | None = None) -> Response:
    """The page of a person; ``consent`` is what was typed of one and refused."""
    brand, visit = current_brand(), staff_visit()
    view = brand.contacts.get(uid)
    identities = [(each.kind, mask(each.kind, each.value)) for each in brand.contacts.identities(view.id)]
    touches = brand.contacts.touches(view.id)
    consents = {(each.purpose, each.channel): each for each in brand.consent.history(view.id)}
    may_orders = visit.allows("orders:read")
    orders = brand.orders.of_contact(view.id) if may_orders else []
    return page(
        "contact.html",
        status,
        person=view,
        identities=identities,
        member=brand.membership.current(view.id),
        touches=touches[-SHOWN:][::-1],
        left_out=max(0, len(touches) - SHOWN),
        consents=list(consents.values()),
        purposes=sorted({*PURPOSES, *(purpose for purpose, _ in consents)}),
        typed=consent or {},
        may_tags=visit.allows("tags:read"),
        tags=brand.tags.of(view.id) if visit.allows("tags:read") else [],
        may_orders=may_orders,
        orders=orders[:SHOWN],
        orders_left_out=max(0, len(orders) - SHOWN),
        rewards=brand.rewards.of_contact(view.id, SHOWN) if visit.allows("rewards:read") else None,
        messages=brand.outreach.of_contact(view.id, SHOWN) if visit.allows("outreach:read") else None,
        merges=brand.contacts.merges(view.id)[::-1],
        may_merge=visit.allows("contacts:write"),
        may_private=visit.allows("privacy:write"),
        done=request.args.get("done", ""),
    )
