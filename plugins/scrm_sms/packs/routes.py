"""Routes of number packs, below ``/api/v1/<brand>/plugins/sms/packs``."""

from __future__ import annotations

from typing import Any

import flask
from marshmallow import Schema, ValidationError

from scrm_core.api import Invalid, current_brand, permission

from ..schemas import NAME
from .schemas import PackBody, RowsBody, pack_record
from .service import Packs

READ = "sms:read"
WRITE = "sms:write"
ACTOR = "api"
MOST_SHOWN = 1_000


def add_routes(blueprint: flask.Blueprint) -> None:
    """Put the routes of packs on the plugin's blueprint."""
    blueprint.get("/packs")(list_packs)
    blueprint.post("/packs")(open_pack)
    blueprint.get("/packs/<code>")(show_pack)
    blueprint.post("/packs/<code>/rows")(add_rows)
    blueprint.post("/packs/<code>/seal")(seal_pack)
    blueprint.get("/packs/<code>/dropped")(dropped_rows)


def _packs() -> Packs:
    brand = current_brand()
    return Packs(brand, brand.plugins[NAME].settings)


@permission(READ)
def list_packs() -> Any:
    """Packs, newest first; ``after`` is the ``cursor`` of the page before."""
    packs = _packs()
    after = _number("after", 0, 2**53)
    page = packs.list(after=after or None, limit=_number("limit", 100, MOST_SHOWN))
    cursor = page[-1].id if page else None
    return flask.jsonify({"packs": [pack_record(packs.brand, each) for each in page], "cursor": cursor})


@permission(WRITE)
def open_pack() -> Any:
    """Open a pack that takes rows; the same one again answers the same."""
    body = _load(PackBody(), flask.request.get_json())
    packs = _packs()
    made = packs.open(body["code"], actor=ACTOR, foreign_allowed=body["foreign_numbers"])
    return flask.jsonify(pack_record(packs.brand, made)), 201


@permission(READ)
def show_pack(code: str) -> Any:
    """One pack with its counts by reason."""
    packs = _packs()
    return flask.jsonify(pack_record(packs.brand, packs.get(code)))


@permission(WRITE)
def add_rows(code: str) -> Any:
    """Add up to 1,000 rows to an open pack; send an Idempotency-Key, because a row sent twice counts twice."""
    body = _load(RowsBody(), flask.request.get_json())
    packs = _packs()
    return flask.jsonify(pack_record(packs.brand, packs.add_rows(code, body["rows"])))


@permission(WRITE)
def seal_pack(code: str) -> Any:
    """Seal a pack: every person once, and nothing changes any more."""
    packs = _packs()
    return flask.jsonify(pack_record(packs.brand, packs.seal(code, actor=ACTOR, at_once=True)))


@permission(READ)
def dropped_rows(code: str) -> Any:
    """Dropped rows with masked numbers, in the order of their lines; ``after`` is a line."""
    rows = _packs().dropped(code, _number("after", 0, 2**53), _number("limit", 100, MOST_SHOWN))
    return flask.jsonify(
        {
            "rows": [
                {"line": r.line, "number": r.number, "reason": r.reason, "text": r.text, "winner": r.winner}
                for r in rows
            ],
            "cursor": rows[-1].line if rows else None,
        }
    )


def _number(name: str, default: int, most: int) -> int:
    text = flask.request.args.get(name, "")
    if not text:
        return default
    if not (text.isascii() and text.isdigit() and len(text) <= 16 and int(text) <= most):
        raise Invalid(f"{name} is a whole number from 0 to {most}", field=name)
    return int(text)


def _load(schema: Schema, body: Any) -> dict[str, Any]:
    try:
        loaded: dict[str, Any] = schema.load(body)
    except ValidationError as error:
        field, text = _first(error.messages)
        raise Invalid(f"{field}: {text}" if field else text, field=field or None) from None
    return loaded


def _first(messages: Any, path: tuple[str, ...] = ()) -> tuple[str, str]:
    if isinstance(messages, dict):
        key, value = next(iter(messages.items()))
        return _first(value, path if key == "_schema" else (*path, str(key)))
    return ".".join(path), str(messages[0] if isinstance(messages, list) else messages)
