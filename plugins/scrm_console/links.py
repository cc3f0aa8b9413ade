"""Channels and short links: what each brought, made, ended, with its QR code as a file for print."""

from __future__ import annotations

from typing import Any

import flask
from flask import Response, request

from scrm_core.api import (
    Conflict,
    Invalid,
    LinkView,
    NotFound,
    code_file,
    current_actor,
    current_brand,
    cut_page,
    day_start,
    fetch_in,
    permission,
    query_number,
    staff_visit,
)

from .frame import page, pages
from .orders import midnight

ROWS = 50
CHANNELS = 200
BEST = 20
DAYS = 28
MOST_VISITS = 100_000
_LONGEST = 2_000
_FILES = {"png": "image/png", "svg": "image/svg+xml"}


@pages.get("/b/<brand>/links")
@permission("channels:read")
def links() -> Response:
    """The newest links, all or those of a channel, and what channels brought in four weeks."""
    return _shown()


@pages.post("/b/<brand>/links/create")
@permission("channels:write")
def create_link() -> Response:
    """Make a link of a channel: the same act as ``POST /links``."""
    form, names = request.form, ("channel", "target", "campaign", "ends")
    typed = {name: form.get(name, "").strip()[:_LONGEST] for name in names}
    try:
        made = current_brand().links.create(
            typed["channel"],
            typed["target"],
            campaign=typed["campaign"],
            expires_at=midnight(typed["ends"], 1, "ends"),
            actor=current_actor(),
        )
    except NotFound as error:
        return _shown(error.status, typed=typed, wrong="channel")
    except Invalid as error:
        return _shown(error.status, typed=typed, wrong=error.field or "target")
    return _to_link(made.code, "made")


@pages.post("/b/<brand>/links/channel")
@permission("channels:write")
def create_channel() -> Response:
    """Make a channel: the same act as ``POST /channels``."""
    typed = {name: request.form.get(name, "").strip()[:_LONGEST] for name in ("code", "name", "kind")}
    try:
        made = current_brand().channels.create(typed["code"], typed["name"], typed["kind"], actor=current_actor())
    except (Conflict, Invalid) as error:
        return _shown(error.status, channel=typed, wrong=getattr(error, "field", None) or "code", refused=error.code)
    return flask.redirect(flask.url_for("console.links", channel=made.code, done="channel"), 303)  # type: ignore[return-value]


@pages.get("/b/<brand>/links/<code>")
@permission("channels:read")
def link(code: str) -> Response:
    """One link with what it brought and its QR code."""
    return _one(current_brand().links.get(code))


@pages.get("/b/<brand>/links/<code>/qr.<kind>")
@permission("channels:read")
def link_code(code: str, kind: str) -> Response:
    """The QR code of a link's own address, and of no other, as a file."""
    if kind not in _FILES:
        raise NotFound("there is nothing at this address")
    found = current_brand().links.get(code)
    answer = Response(code_file(_address(found), kind, extra="console"), content_type=_FILES[kind])
    if "shown" not in request.args:
        answer.headers["Content-Disposition"] = f'attachment; filename="{found.code}.{kind}"'
    return answer


@pages.post("/b/<brand>/links/<code>/disable")
@permission("channels:write")
def end_link(code: str) -> Response:
    """End a link for good: the same act as ``POST /links/<code>/disable``."""
    brand = current_brand()
    if brand.links.get(code).disabled_at is not None:
        return _one(brand.links.get(code), 409, refused="link_ended")
    brand.links.disable(code, actor=current_actor())
    return _to_link(code, "ended")


def _to_link(code: str, done: str) -> Response:
    return flask.redirect(flask.url_for("console.link", code=code, done=done), 303)  # type: ignore[return-value]


def _address(view: LinkView) -> str:
    return current_brand().installation.config.base_url + view.path


def _one(view: LinkView, status: int = 200, refused: str = "") -> Response:
    brand = current_brand()
    last = next(iter(brand.audit.page(target=f"link:{view.code}", action="link.disable", limit=1)), None)
    return page(
        "link.html",
        status,
        link=view,
        address=_address(view),
        state=_state(view),
        ends=_last_instant(view),
        figures=brand.links.figures([view.id], most=MOST_VISITS)[view.id],
        may_write=staff_visit().allows("channels:write"),
        refused=refused,
        ended_by=last.actor if last is not None and staff_visit().allows("audit:read") else "",
        done=request.args.get("done", ""),
    )


def _last_instant(view: LinkView) -> int | None:
    """When the link was ended, else the last instant before it expires: in the last day, and not at its midnight."""
    if view.disabled_at is not None or view.expires_at is None:
        return view.disabled_at
    return view.expires_at - 1


def _state(view: LinkView) -> str:
    if view.disabled_at is not None:
        return "ended"
    return "expired" if view.expires_at is not None and view.expires_at <= current_brand().now() else "open"


def _shown(status: int = 200, **context: Any) -> Response:
    brand, channel = current_brand(), request.args.get("channel", "").strip()[:_LONGEST]
    before, missing = query_number("before", 0), False
    found: list[LinkView] = []
    try:
        found = brand.links.newest(channel=channel or None, before=before or None, limit=ROWS + 1)
    except NotFound:
        missing = True
    rows, older = cut_page(found, ROWS)
    nothing: dict[str, str] = {}
    return page(
        "links.html",
        404 if missing and status == 200 else status,
        rows=[(each, _state(each)) for each in rows],
        figures=brand.links.figures([each.id for each in rows]),
        of_channel=channel,
        missing=missing,
        before=before,
        older=older,
        channels=brand.channels.page(limit=CHANNELS),
        best=_best(),
        days=DAYS,
        may_write=staff_visit().allows("channels:write"),
        done=request.args.get("done", ""),
        **{"typed": {"channel": channel}, "channel": nothing, "wrong": "", "refused": "", **context},
    )


def _best() -> list[tuple[str, str, Any]]:
    """The channels that brought most people in the last days: code, name, figures."""
    brand = current_brand()
    figures = brand.channels.figures(day_start(brand.day(brand.now()) - DAYS + 1, brand.zone))
    best = sorted(figures, key=lambda key: (-figures[key].people, key))[:BEST]
    names = {row[0]: row[1:] for row in fetch_in("SELECT id, code, name FROM channel WHERE id IN ({in})", best)}
    return [(*names[key], figures[key]) for key in best if key in names]
