"""Routes of the seven steps, below ``/api/v1/<brand>/plugins/package-card/campaigns/<code>/steps``.

Who acts is the person that the body names in ``by``, through the API key of
the request: the history keeps both, and an approval by a second person needs
another name and another key.
"""

from __future__ import annotations

import base64
from dataclasses import asdict
from typing import Any

import flask
from marshmallow import Schema

from scrm_core.api import Brand, Invalid, current_actor, current_brand, load_body, permission

from ..claims import NAME
from . import schemas, views
from .fit import FitIn, fit_view
from .machine import Steps
from .policy import HookIn
from .records import HISTORY_PAGE, By
from .trial import arm_of, cards_needed, equal_weights

READ = "package-card:read"
WRITE = "package-card:write"
APPROVE = "package-card:approve"
BASE = "/campaigns/<code>/steps"


def _steps(seen: int | None = None) -> Steps:
    brand = current_brand()
    return Steps(brand, brand.plugins[NAME].settings, seen=seen)


def _body(schema: Schema) -> tuple[dict[str, Any], By, Steps]:
    """The checked body, who acts (its ``by``), and the steps as the caller saw them (its ``version``)."""
    body = load_body(schema, flask.request.get_json())
    return body, By(body.pop("by"), current_actor()), _steps(body.pop("version"))


def _status(steps: Steps, code: str) -> Any:
    return flask.jsonify(views.status_view(steps.status(code), steps.brand))


def _number(name: str, default: int | None) -> int | None:
    text = flask.request.args.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) <= 15):
        raise Invalid(f"{name}: {text[:40]!r} is no whole number", field=name)
    return int(text)


@permission(READ)
def status(code: str) -> Any:
    """Where the campaign stands, what each step has and what it lacks."""
    return _status(_steps(), code)


@permission(READ)
def history(code: str) -> Any:
    """Who did what and when, newest first; ``before`` is an entry's id to page on from."""
    steps = _steps()
    entries = steps.history(code, before=_number("before", None), limit=_number("limit", HISTORY_PAGE) or 0)
    return flask.jsonify({"history": views.history_view(entries, steps.brand)})


@permission(WRITE)
def begin(code: str) -> Any:
    """Take the campaign through the steps."""
    _, by, steps = _body(schemas.BeginBody())
    return flask.jsonify(views.status_view(steps.begin(code, by), steps.brand)), 201


@permission(WRITE)
def advance(code: str) -> Any:
    """Go on to the next step."""
    body, by, steps = _body(schemas.AdvanceBody())
    return flask.jsonify(views.status_view(steps.advance(code, by=by, **body), steps.brand))


@permission(WRITE)
def back(code: str) -> Any:
    """Go back to an earlier step, for a reason."""
    body, by, steps = _body(schemas.BackBody())
    return flask.jsonify(views.status_view(steps.back(code, by=by, **body), steps.brand))


@permission(WRITE)
def goal(code: str) -> Any:
    """Set the one primary goal."""
    body, by, steps = _body(schemas.GoalBody())
    steps.set_goal(code, body["primary"], by)
    return _status(steps, code)


@permission(WRITE)
def channels(code: str) -> Any:
    """Name the channels of the campaign."""
    body, by, steps = _body(schemas.ChannelsBody())
    return flask.jsonify({"channels": list(steps.policy.set_channels(code, body["channels"], by))})


@permission(WRITE)
def hook(code: str) -> Any:
    """Settle the hook product after its margin check, or only check it (``dry_run``)."""
    body, by, steps = _body(schemas.HookBody())
    dry_run = body.pop("dry_run")
    policy = steps.policy
    check = policy.check_hook(HookIn(**body)) if dry_run else policy.set_hook(code, HookIn(**body), by)
    return flask.jsonify(asdict(check))


@permission(WRITE)
def material(code: str) -> Any:
    """Settle one item of material for one channel."""
    body, by, steps = _body(schemas.MaterialBody())
    body["value"] = steps.policy.set_material(code, by=by, **body)
    return flask.jsonify(body)


@permission(WRITE)
def facts(code: str) -> Any:
    """Enter what people know of product and brand, for the fit report."""
    body, by, steps = _body(schemas.FitBody())
    fit = steps.fit
    fit.set_facts(code, FitIn(**body), by)
    return flask.jsonify(body)


@permission(READ)
def fit_report(code: str) -> Any:
    """The fit report: each factor, what it adds and why."""
    return flask.jsonify(fit_view(_steps().fit.report(code)))


@permission(WRITE)
def trial(code: str) -> Any:
    """Start the A/B trial."""
    body, by, steps = _body(schemas.TrialBody())
    arms, weights = body["arms"], body["weights"]
    if weights is not None and len(weights) != len(arms):
        raise Invalid("weights: give one weight per arm", field="weights")
    if len(set(arms)) != len(arms):
        raise Invalid("arms: each arm is named once", field="arms")
    shares = equal_weights(arms) if weights is None else dict(zip(arms, weights, strict=True))
    started = steps.trials.start(code, shares, by, **{name: body[name] for name in ("minimum", "base", "lift")})
    return flask.jsonify({"trial": started.number, "arms": shares, "minimum": started.minimum}), 201


@permission(READ)
def trial_size(code: str) -> Any:
    """How many cards each arm needs: ``base`` and ``lift`` in hundredths of a percent."""
    _steps().records.plan(code)
    base, lift = _number("base", None), _number("lift", None)
    if base is None or lift is None:
        name = "base" if base is None else "lift"
        raise Invalid(f"{name}: give it in hundredths of a percent", field=name)
    return flask.jsonify({"base": base, "lift": lift, "cards_per_arm": cards_needed(base, lift)})


@permission(WRITE)
def trial_link(code: str) -> Any:
    """Make the tracked link of one arm on one channel."""
    body, by, steps = _body(schemas.TrialLinkBody())
    link = steps.trials.add_link(code, by=by, **body)
    return flask.jsonify({**body, "code": link.code, "path": f"/l/{link.code}"}), 201


@permission(READ)
def result(code: str) -> Any:
    """The trial's result, counted up to now."""
    return flask.jsonify(views.result_view(_steps().trials.result(code)))


@permission(READ)
def arm(code: str) -> Any:
    """The arm whose card goes with an order (``source``, ``number``); null without a trial."""
    brand = current_brand()
    _steps().records.plan(code)
    source, number = (flask.request.args.get(name, "") for name in ("source", "number"))
    if not source or not number:
        raise Invalid("name the order: source and number", field="number" if source else "source")
    return flask.jsonify({"arm": arm_of(brand, code, source, number) or None})


@permission(APPROVE)
def winner(code: str) -> Any:
    """Choose the arm that is printed."""
    body, by, steps = _body(schemas.WinnerBody())
    return _signed(steps.trials.decide(code, body["arm"], by, reason=body["reason"]))


@permission(WRITE)
def design(code: str) -> Any:
    """Settle items of the design."""
    body, by, steps = _body(schemas.DesignBody())
    return flask.jsonify({"changed": list(steps.design.set_items(code, body["items"], by))})


@permission(WRITE)
def proof(code: str) -> Any:
    """Record that a proof was made."""
    body, by, steps = _body(schemas.ProofBody())
    content = _decoded(body["content"])
    return _signed(steps.proofs.make(code, body["file"], by, sha256=body["sha256"], content=content), 201)


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        raise Invalid("content: base64 of the file is expected", field="content") from None


@permission(READ)
def proof_file(code: str, sha256: str) -> Any:
    """The file of a proof, by its digest."""
    found = _steps().proofs.file(code, sha256)
    return flask.Response(found.content, mimetype=found.content_type)


@permission(APPROVE)
def approval(code: str) -> Any:
    """Approve the latest proof."""
    body, by, steps = _body(schemas.ApprovalBody())
    return _signed(steps.proofs.approve(code, body["number"], by), 201)


@permission(WRITE)
def print_order(code: str) -> Any:
    """Order the print."""
    body, by, steps = _body(schemas.PrintBody())
    return _signed(steps.proofs.order(code, body["quantity"], by, printer=body["printer"]), 201)


@permission(WRITE)
def departments(code: str) -> Any:
    """Name the departments of the launch."""
    body, by, steps = _body(schemas.DepartmentsBody())
    return flask.jsonify({"departments": list(steps.launches.set_departments(code, body["departments"], by))})


@permission(WRITE)
def texts(code: str) -> Any:
    """Give a department its FAQ, its SOP or both."""
    body, by, steps = _body(schemas.TextsBody())
    changed = steps.launches.set_texts(code, body["department"], by, faq=body["faq"], sop=body["sop"])
    return flask.jsonify({"changed": list(changed)})


@permission(WRITE)
def arrival(code: str) -> Any:
    """Confirm that the cards are in the warehouse."""
    _, by, steps = _body(schemas.BeginBody())
    return _signed(steps.launches.confirm_arrival(code, by), 201)


@permission(WRITE)
def acknowledgement(code: str) -> Any:
    """A department says that it has read its FAQ and SOP."""
    body, by, steps = _body(schemas.AcknowledgementBody())
    return _signed(steps.launches.acknowledge(code, body["department"], by), 201)


@permission(APPROVE)
def launch(code: str) -> Any:
    """Launch the campaign."""
    body, by, steps = _body(schemas.LaunchBody())
    day = None if body["day"] is None else body["day"].toordinal()
    return _signed(steps.launches.launch(code, by, automatic=body["automatic"], day=day), 201)


def _signed(signoff: Any, code: int = 200) -> Any:
    brand: Brand = current_brand()
    return flask.jsonify(views.signoff_view(signoff, brand)), code


_ROUTES = (
    ("GET", "", status),
    ("POST", "", begin),
    ("GET", "/history", history),
    ("POST", "/advance", advance),
    ("POST", "/back", back),
    ("PUT", "/goal", goal),
    ("PUT", "/channels", channels),
    ("PUT", "/hook", hook),
    ("PUT", "/material", material),
    ("GET", "/fit", fit_report),
    ("PUT", "/fit", facts),
    ("POST", "/trial", trial),
    ("GET", "/trial", result),
    ("GET", "/trial/size", trial_size),
    ("POST", "/trial/links", trial_link),
    ("GET", "/trial/arm", arm),
    ("POST", "/trial/winner", winner),
    ("PUT", "/design", design),
    ("POST", "/proof", proof),
    ("GET", "/proof/<sha256>", proof_file),
    ("POST", "/proof/approval", approval),
    ("POST", "/print", print_order),
    ("PUT", "/departments", departments),
    ("PUT", "/departments/texts", texts),
    ("POST", "/arrival", arrival),
    ("POST", "/acknowledgements", acknowledgement),
    ("POST", "/launch", launch),
)


def add_routes(blueprint: flask.Blueprint) -> None:
    """Register the routes of the steps on the plugin's blueprint."""
    for method, path, view in _ROUTES:
        blueprint.add_url_rule(BASE + path, f"steps_{view.__name__}", view, methods=[method])
