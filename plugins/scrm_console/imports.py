"""Imports of files: sent in, tried, started; how far they are while they go on, and the rows that they refused."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from typing import Any

import flask
from flask import Response, request

from scrm_core.api import (
    IMPORT_PIECE_BYTES,
    MOST_UPLOAD_BYTES,
    Conflict,
    Invalid,
    NotFound,
    ScrmError,
    csv_cell,
    current_actor,
    current_brand,
    import_mappings,
    permission,
    query_number,
    staff_visit,
)

from .frame import attachment, fragment, page, pages, words

ROWS = 50
KINDS = ("orders", "contacts", "leads", "tags", "products", "refunds")
_LONGEST = 200
# A batch takes seconds: an import without one for so long was broken off, and the same command goes on with it.
_STILL_MS = 600_000


@pages.get("/b/<brand>/imports")
@permission("imports:read")
def imports() -> Response:
    before = query_number("before", 0)
    done = request.args.get("done", "")
    return page("imports.html", before=before, typed={}, wrong="", told="", done=done, **_found(before))


@pages.get("/b/<brand>/imports/progress")
@permission("imports:read")
def import_progress() -> Response:
    """The list by itself, for the console's script, which asks for it while something goes on."""
    return fragment("imports_list.html", **_found(0))


@pages.get("/b/<brand>/imports/<number>/rejected.csv")
@permission("imports:read")
def import_rejected(number: str) -> Response:
    """The refused rows as a file: line, column and reason, in the shape of ``scrm import --rejects``."""
    brand = current_brand()
    view = brand.imports.get(_number(number))
    text = io.StringIO()
    lines = csv.writer(text)
    lines.writerow(("line", "column", "reason"))
    for each in brand.imports.rejected(view.id):
        lines.writerow((each.line, csv_cell(each.column), csv_cell(each.reason)))
    return attachment(text.getvalue(), f"rejected-{view.id}.csv")


# Files that are sent in ------------------------------------------------------------


@pages.post("/b/<brand>/imports/send")
@permission("imports:write")
def send_file() -> Response:
    """Take a file, or with ``more`` its first piece: tried next, and imported when somebody starts it."""
    brand, form, sent = current_brand(), request.form, request.files.get("file")
    typed = {name: form.get(name, "").strip()[:_LONGEST] for name in ("kind", "mapping", "source", "backfill")}
    more = "more" in form
    try:
        if sent is None or not sent.filename:
            raise Invalid("choose a file", field="file", code="no_file")
        number = brand.sent_files.begin(
            form.get("name") or sent.filename,
            typed["kind"],
            sent.stream.read(IMPORT_PIECE_BYTES + 1),
            mapping=typed["mapping"],
            source=typed["source"],
            backfill=bool(typed["backfill"]),
            actor=current_actor(),
            more=more,
        )
    except Invalid as error:
        return _refused(error, typed, more)
    except ScrmError as error:
        if error.status != 400:
            raise
        return _refused(error, typed, more)
    return _went(number, more)


@pages.post("/b/<brand>/imports/<number>/piece")
@permission("imports:write")
def send_piece(number: str) -> Response:
    """Take the next piece of a file; behind the last one the file is whole. Sent by the console's script."""
    sent, nth, last = request.files.get("file"), request.form.get("nth", ""), "last" in request.form
    piece = sent.stream.read(IMPORT_PIECE_BYTES + 1) if sent is not None else b""
    file_id = _number(number)
    try:
        current_brand().sent_files.add(file_id, _number(nth), piece, actor=current_actor(), last=last)
    except (Conflict, Invalid) as error:
        return _refused(error, {}, True)
    except ScrmError as error:
        if error.status != 400:
            raise
        return _refused(error, {}, True)
    return _went(file_id, True)


def _refused(error: ScrmError, typed: dict[str, str], in_pieces: bool) -> Response:
    told = words()["refusals"].get(error.code) or error.message
    if in_pieces:
        answer = flask.jsonify(problem=told)
        answer.status_code = error.status
        return answer
    wrong = getattr(error, "field", None) or "file"
    return page("imports.html", error.status, before=0, typed=typed, wrong=wrong, told=told, done="", **_found(0))


def _went(number: int, in_pieces: bool) -> Response:
    """Where the file is looked at: as a redirect, or told to the script."""
    place = flask.url_for("console.sent_file", number=number)
    if in_pieces:
        return flask.jsonify(place=place, piece=flask.url_for("console.send_piece", number=number))
    return flask.redirect(place, 303)  # type: ignore[return-value]


@pages.get("/b/<brand>/imports/file/<number>")
@permission("imports:read")
def sent_file(number: str) -> Response:
    """One file: how far it is, what the try found, and what can be done with it."""
    return _file(_number(number))


@pages.get("/b/<brand>/imports/file/<number>/progress")
@permission("imports:read")
def sent_file_progress(number: str) -> Response:
    """The same by itself, for the console's script, which asks for it while a worker reads the file."""
    return fragment("import_file_state.html", **_of_file(_number(number)))


@pages.post("/b/<brand>/imports/file/<number>/<act>")
@permission("imports:write")
def act_on_file(number: str, act: str) -> Response:
    """Import a file that was tried, go on with one that was broken off, or forget one."""
    files, file_id = current_brand().sent_files, _number(number)
    acts: dict[str, Callable[..., object]] = {"start": files.start, "go-on": files.go_on, "forget": files.forget}
    if act not in acts:
        raise NotFound("there is nothing at this address")
    try:
        acts[act](file_id, actor=current_actor())
    except Conflict as error:
        return _file(file_id, error.status, error.code)
    if act == "forget":
        return flask.redirect(flask.url_for("console.imports", done="forgotten"), 303)  # type: ignore[return-value]
    return flask.redirect(flask.url_for("console.sent_file", number=file_id, done=act), 303)  # type: ignore[return-value]


def _file(file_id: int, status: int = 200, refused: str = "") -> Response:
    done = request.args.get("done", "")
    return page("import_file.html", status, refused=refused, done=done, **_of_file(file_id))


def _of_file(file_id: int) -> dict[str, Any]:
    brand = current_brand()
    found = brand.sent_files.get(file_id)
    still = brand.now() - found.updated_at < _STILL_MS
    return {"file": found, "still": still, "may_write": staff_visit().allows("imports:write")}


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else 0


def _found(before: int) -> dict[str, Any]:
    brand = current_brand()
    may_write = staff_visit().allows("imports:write")
    sending: dict[str, Any] = {
        "files": brand.sent_files.newest() if not before else [],
        "may_write": may_write,
        "kinds": KINDS,
        "mappings": import_mappings("orders") if may_write else (),
        "most": MOST_UPLOAD_BYTES,
        "piece": IMPORT_PIECE_BYTES,
    }
    return {**sending, **_listed(before)}


def _listed(before: int) -> dict[str, Any]:
    brand = current_brand()
    found = brand.imports.newest(ROWS + 1, before=before or None)
    still = brand.now() - _STILL_MS
    states = {each.id: each.state for each in found}
    states.update((each.id, "stopped") for each in found if each.state == "running" and each.updated_at < still)
    return {"rows": found[:ROWS], "states": states, "older": found[ROWS - 1].id if len(found) > ROWS else None}
