"""Routes of batches: definitions, states, stock, codes, links and figures."""

from __future__ import annotations

from datetime import date
from typing import Any

import flask
from marshmallow import fields, validate

from scrm_core.api import Invalid, current_actor, current_brand, load_body, permission

from ..models import NAME
from ..report import EVER, comparison_view, coupon_report, expiring, gate_comparison
from ..requests import PAGE, READ, WRITE, coupons_here, number_asked, page
from ..schemas import Strict, text, whole
from .pool import MOST_CODES, PoolOutcome
from .service import Batch
from .standing import standing
from .views import batch_view

STATES = {"open": "open", "paused": "pause", "closed": "close"}
MOST_CODES_IN_BODY = 10_000


class StateBody(Strict):
    """Where a batch is to go."""

    state = fields.String(required=True, validate=validate.OneOf(list(STATES)))


class StockBody(Strict):
    """The stock that a batch is raised to, counted from its beginning."""

    total = whole(0, 2**53, "coupons ever", required=True)


class CodesBody(Strict):
    """Codes for the pool: given one by one, or drawn until the pool has had ``draw`` ever."""

    codes = fields.List(text(0, 100), validate=validate.Length(1, MOST_CODES_IN_BODY))
    draw = whole(1, MOST_CODES, "codes ever")
    dry_run = fields.Boolean(truthy={True}, falsy={False}, load_default=False)


class LinkBody(Strict):
    """A tracked link to the batch's claim page; its visitors are the persons exposed."""

    channel = text(1, 100, required=True)
    target = text(1, 2_000, required=True)
    variant = text(0, 100, load_default="")


def _view(batch: Batch) -> dict[str, Any]:
    return batch_view(batch, current_brand().zone)


@permission(READ)
def batches() -> Any:
    """Batches, oldest first; of one ``state`` when asked."""
    found, state = coupons_here().batches, flask.request.args.get("state")
    return page("batches", lambda after, limit: found.page(state=state, after=after, limit=limit), _view)


@permission(WRITE)
def create_batch() -> Any:
    """Create a batch as a draft; the same one again answers the same."""
    return flask.jsonify(_view(coupons_here().batches.create(flask.request.get_json(), actor=current_actor()))), 201


@permission(READ)
def dry_run_batch() -> Any:
    """What the batch of a definition would cost at worst, and what is to be known before; writes nothing."""
    return flask.jsonify(coupons_here().batches.dry_run(flask.request.get_json()))


@permission(READ)
def batch(code: str) -> Any:
    """One batch: its definition, state, stock and budget."""
    return flask.jsonify(_view(coupons_here().batches.get(code)))


@permission(READ)
def batch_standing(code: str) -> Any:
    """Its coupons by state, what they gave, and what those that are out may still cost."""
    return flask.jsonify(standing(coupons_here().batches.get(code)))


@permission(WRITE)
def change_batch(code: str) -> Any:
    """Change members of the definition; after the first coupon the title, brakes and a longer validity alone."""
    return flask.jsonify(_view(coupons_here().batches.update(code, flask.request.get_json(), actor=current_actor())))


@permission(WRITE)
def move_batch(code: str) -> Any:
    """Open, pause or close a batch."""
    body = load_body(StateBody(), flask.request.get_json())
    return flask.jsonify(_view(getattr(coupons_here().batches, STATES[body["state"]])(code, actor=current_actor())))


@permission(WRITE)
def raise_stock(code: str) -> Any:
    """Raise a batch's stock to a total; the same total again changes nothing."""
    body = load_body(StockBody(), flask.request.get_json())
    return flask.jsonify(_view(coupons_here().batches.raise_stock(code, body["total"], actor=current_actor())))


@permission(WRITE)
def add_codes(code: str) -> Any:
    """Add codes to a batch's pool, or draw them; every code is added, there already or rejected with its reason."""
    body = load_body(CodesBody(), flask.request.get_json())
    if ("codes" in body) == ("draw" in body):
        raise Invalid("give either codes or draw", field="codes")
    pools = coupons_here().pools
    if "draw" in body:
        if body["dry_run"]:
            raise Invalid("dry_run: drawing has nothing to tell in advance", field="dry_run")
        return flask.jsonify(_view(pools.draw(code, body["draw"])))
    outcome = pools.add(code, body["codes"], dry_run=body["dry_run"])
    return flask.jsonify(outcome_view(outcome) | ({"dry_run": True} if body["dry_run"] else {}))


@permission(WRITE)
def create_link(code: str) -> Any:
    """Create a tracked link to the batch's claim page; without it nobody knows how many saw the coupon."""
    body = load_body(LinkBody(), flask.request.get_json())
    found = coupons_here().batches.get(code)
    link = current_brand().links.create(
        body["channel"], body["target"], variant=body["variant"], owner=NAME, campaign=found.code
    )
    answer = {"code": link.code, "path": f"/l/{link.code}", "channel": body["channel"], "variant": body["variant"]}
    return flask.jsonify(answer), 201


@permission(READ)
def report() -> Any:
    """Claims, redemptions and rates per batch, of coupons claimed on the days ``since`` to ``until``."""
    table = coupon_report(current_brand(), batch=flask.request.args.get("batch"), days=_days())
    return flask.jsonify(table.record())


@permission(READ)
def gates_report() -> Any:
    """Redemption of gated against ungated coupons, by persons, validity over; of the ``batch``es named or all."""
    minimum = number_asked("minimum", coupons_here().settings["min_sample"])
    named = tuple(flask.request.args.getlist("batch")[:PAGE])
    return flask.jsonify(comparison_view(gate_comparison(current_brand(), minimum, batches=named, days=_days())))


@permission(READ)
def expiring_report() -> Any:
    """Claimed coupons by their last day, within ``days`` days (7) from today on."""
    return flask.jsonify({"expiring": expiring(current_brand(), number_asked("days", 7))})


def outcome_view(outcome: PoolOutcome) -> dict[str, Any]:
    """What became of codes, as JSON."""
    rejects = [{"line": line, "reason": reason} for line, reason in outcome.rejects]
    return {
        "added": outcome.added,
        "unchanged": outcome.unchanged,
        "rejected": outcome.rejected,
        "rejects": rejects,
    }


def _days() -> tuple[int, int]:
    return _day("since", EVER[0]), _day("until", EVER[1])


def _day(name: str, otherwise: int) -> int:
    given = flask.request.args.get(name)
    if given is None:
        return otherwise
    try:
        return date.fromisoformat(given).toordinal()
    except ValueError:
        raise Invalid(f"{name}: {given[:40]!r} is no day such as 2026-03-01", field=name) from None


def add_routes(blueprint: flask.Blueprint) -> None:
    """Put the routes of batches on the plugin's blueprint."""
    blueprint.get("/batches")(batches)
    blueprint.post("/batches")(create_batch)
    blueprint.post("/batches/dry-run")(dry_run_batch)
    blueprint.get("/batches/<code>")(batch)
    blueprint.get("/batches/<code>/standing")(batch_standing)
    blueprint.post("/batches/<code>/changes")(change_batch)
    blueprint.post("/batches/<code>/state")(move_batch)
    blueprint.post("/batches/<code>/stock")(raise_stock)
    blueprint.post("/batches/<code>/codes")(add_codes)
    blueprint.post("/batches/<code>/links")(create_link)
    blueprint.get("/report")(report)
    blueprint.get("/report/gates")(gates_report)
    blueprint.get("/report/expiring")(expiring_report)
