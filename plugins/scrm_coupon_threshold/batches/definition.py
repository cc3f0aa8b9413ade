"""What a batch is made of, as a brand writes it (JSON), checked to the last field.

Everything a batch promises is decided here and frozen with its first coupon:
rule, scope, validity, limits, budget, how it stacks and what a person must
have done to claim it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from marshmallow import fields, validate

from scrm_core.api import Invalid, clean_text, load_body, read_instant

from ..gates.definition import Gate, gate_view, read_gate
from ..rules import Rule
from ..schemas import Strict, text, whole
from .codes import CODES, MADE
from .ruling import most_discount, rule_of, scope_of, stacking_of
from .validity import ABSOLUTE, KINDS, MOST_DAYS, Validity

CODE = r"^[A-Za-z0-9][A-Za-z0-9_-]{0,39}\Z"
MOST = 2**53
BP = 10_000
UNSAID = -1
"""A limit that a definition does not name."""
BRAKES = ("per_minute", "speed_bp", "speed_from_minor")
"""The columns of a batch's brakes."""
RETURN_POLICIES = {
    "live": "a refund in full gives a coupon back that has not expired 未过期才退券",
    "extend": "also an expired one, good for `extend_days` more 过期延长",
    "never": "a used coupon never comes back 不退券",
}


class ValiditySchema(Strict):
    """``{"kind": "absolute", "from": ..., "to": ...}`` or ``{"kind": "natural", "days": 7}``."""

    kind = fields.String(required=True, validate=validate.OneOf(list(KINDS)))
    since = fields.String(data_key="from", load_default=None, allow_none=True)
    until = fields.String(data_key="to", load_default=None, allow_none=True)
    days = whole(1, MOST_DAYS, "see the kinds", load_default=None, allow_none=True)


class LimitsSchema(Strict):
    """Coupons per person, day, device and network; null: no limit, 0: none."""

    per_person = whole(
        0, 10_000, "in a lifetime, of a promotion uses; 1 unless named, none for a promotion", load_default=UNSAID,
        allow_none=True,
    )
    per_person_day = whole(0, 10_000, "on one calendar day of the brand", load_default=None, allow_none=True)
    per_day = whole(0, MOST, "of all persons on one calendar day of the brand", load_default=None, allow_none=True)
    per_device = whole(0, 10_000, "from one browser", load_default=None, allow_none=True)
    per_network_day = whole(0, 1_000_000, "from one network (/24) on one day", load_default=None, allow_none=True)


class BrakesSchema(Strict):
    """What slows a batch down or stops it for a person to look; all off by default."""

    per_minute = whole(1, MOST, "claims by people in one minute", load_default=None, allow_none=True)
    speed_bp = whole(
        BP, 1_000 * BP, "of the even use of the budget at which the batch is paused", load_default=None, allow_none=True
    )
    from_minor = whole(0, MOST, "used before it pauses; a tenth of the budget", load_default=None, allow_none=True)


class ReturnsSchema(Strict):
    """What a refund in full gives back."""

    policy = fields.String(load_default="live", validate=validate.OneOf(list(RETURN_POLICIES)))
    extend_days = whole(0, MOST_DAYS, "days that an expired coupon is good again", load_default=0)


class DefinitionSchema(Strict):
    """A batch to create."""

    code = fields.String(required=True, validate=validate.Regexp(CODE, error="1 to 40 letters, digits, '-' or '_'"))
    title = text(1, 100, required=True)
    terms = fields.String(load_default="", validate=validate.Length(0, 4_000))
    rule = fields.Dict(required=True)
    scope = fields.Dict(load_default=dict)
    stacking = fields.Dict(load_default=dict)
    channels = fields.List(text(1, 40), load_default=list, validate=validate.Length(0, 100))
    stores = fields.List(text(1, 40), load_default=list, validate=validate.Length(0, 2_000))
    gate = fields.Dict(load_default=None, allow_none=True)
    validity = fields.Nested(ValiditySchema, required=True)
    claim_from = fields.String(load_default=None, allow_none=True)
    claim_to = fields.String(load_default=None, allow_none=True)
    stock = whole(0, MOST, "coupons in all; null: no limit", load_default=None, allow_none=True)
    codes = fields.String(load_default="made", validate=validate.OneOf(list(CODES)))
    limits = fields.Nested(LimitsSchema, load_default=lambda: LimitsSchema().load({}))
    brakes = fields.Nested(BrakesSchema, load_default=lambda: BrakesSchema().load({}))
    budget_minor = whole(0, MOST, "most discount in minor units; null: no limit", load_default=None, allow_none=True)
    promise = fields.Boolean(load_default=False, truthy={True}, falsy={False})
    promise_minor = whole(1, MOST, "what one claim reserves of the budget", load_default=None, allow_none=True)
    returns = fields.Nested(ReturnsSchema, load_default=lambda: ReturnsSchema().load({}))


@dataclass(frozen=True, slots=True)
class Definition:
    """A checked batch; ``columns`` are the values of its table, JSON values as Python values."""

    code: str
    columns: dict[str, Any]
    gate: Gate | None


def read_definition(value: Any, zone: ZoneInfo) -> Definition:
    """A batch from its JSON; raises Invalid that names the field at fault.

    Times without an offset are the brand's wall clock. A budget whose claims
    promise it needs to know what one coupon can cost: ``promise_minor``, or the
    rule's own most where it has one.
    """
    body = load_body(DefinitionSchema(), value)
    validity = _validity(body["validity"], zone)
    claim_from = instant_of(body["claim_from"], zone, "claim_from")
    claim_to = instant_of(body["claim_to"], zone, "claim_to")
    _ordered(claim_from, claim_to, "claim_to", "the claims end before they begin")
    if validity.until is not None and claim_from is not None and claim_from >= validity.until:
        raise Invalid("claim_from: claims begin after the coupons' validity has ended", field="claim_from")
    rule = rule_of(body["rule"])
    scope = scope_of(body["scope"])
    stacking = stacking_of(body["stacking"], rule)
    automatic = bool(scope.get("automatic"))
    limits = body["limits"]
    if limits["per_person"] == UNSAID:
        limits["per_person"] = None if automatic else 1
    if automatic:
        _refuse_claiming(body)
    gate = None if body["gate"] is None else read_gate(body["gate"])
    codes = list(CODES).index(body["codes"])
    if codes != MADE and body["stock"] is not None:
        raise Invalid("stock: a code pool's stock is the number of its codes; leave it out", field="stock")
    stock = body["stock"] if codes == MADE else 0
    returns = body["returns"]
    if (returns["policy"] == "extend") != (returns["extend_days"] > 0):
        field = "returns.extend_days"
        raise Invalid(f"{field}: is needed by the policy extend, and by it alone", field=field)
    columns = {
        "title": clean_text(body["title"], field="title", max_length=100),
        "terms": clean_text(body["terms"], field="terms", max_length=4_000, multiline=True),
        "rule": rule.as_dict(),
        "scope": scope,
        **stacking,
        "channels": body["channels"],
        "stores": body["stores"],
        "gate": None if gate is None else gate_view(gate),
        "validity": validity.kind,
        "valid_from": validity.since,
        "valid_to": validity.until,
        "valid_days": validity.days,
        "claim_from": claim_from,
        "claim_to": claim_to,
        "stock_total": stock,
        "codes": codes,
        "per_person": limits["per_person"],
        "per_person_day": limits["per_person_day"],
        "per_day": limits["per_day"],
        "per_device": limits["per_device"],
        "per_network_day": limits["per_network_day"],
        **_brakes(body, claim_to if claim_to is not None else validity.until),
        "budget_minor": body["budget_minor"],
        **_promise(body, rule),
        "return_policy": returns["policy"],
        "extend_days": returns["extend_days"],
    }
    return Definition(body["code"], columns, gate)


def read_validity(value: Any, zone: ZoneInfo) -> Validity:
    """A validity from its JSON; raises Invalid naming the field."""
    try:
        return _validity(load_body(ValiditySchema(), value), zone)
    except Invalid as exc:
        name = exc.field or ""
        raise Invalid(str(exc), field=name if name.startswith("validity") else f"validity.{name}") from None


def _validity(body: dict[str, Any], zone: ZoneInfo) -> Validity:
    kind, days = body["kind"], body["days"]
    since = instant_of(body["since"], zone, "validity.from")
    until = instant_of(body["until"], zone, "validity.to")
    if kind == ABSOLUTE:
        if days is not None:
            raise Invalid("validity.days: an absolute validity has dates, not days", field="validity.days")
        _ordered(since, until, "validity.to", "the validity ends before it starts")
        return Validity(kind, since, until)
    if days is None:
        raise Invalid(f"validity.days: is needed by the kind {kind}", field="validity.days")
    if since is not None or until is not None:
        field = "validity.from" if since is not None else "validity.to"
        raise Invalid(f"{field}: the kind {kind} counts days from the claim and has no dates", field=field)
    return Validity(kind, days=days)


def _refuse_claiming(body: dict[str, Any]) -> None:
    """Raise Invalid for what only claimed coupons have: a promotion takes part in every cart, and nobody claims it."""
    named = {
        **{name: body[name] is not None for name in ("gate", "claim_from", "claim_to", "stock")},
        "codes": body["codes"] != list(CODES)[MADE],
        **{f"limits.{name}": value is not None for name, value in body["limits"].items() if name != "per_person"},
        "brakes.per_minute": body["brakes"]["per_minute"] is not None,
        "promise": body["promise"],
        "promise_minor": body["promise_minor"] is not None,
        "validity.kind": body["validity"]["kind"] != ABSOLUTE,
    }
    field = next((name for name, given in named.items() if given), None)
    if field is not None:
        raise Invalid(
            f"{field}: an automatic promotion is not claimed, so this would hold nothing back; leave it out, or "
            "make a batch of coupons (scope.automatic false). budget_minor and limits.per_person (uses of one "
            "customer) limit a promotion, and validity with dates says when it runs",
            field=field,
        )


def _brakes(body: dict[str, Any], until: int | None) -> dict[str, int | None]:
    given, budget = body["brakes"], body["budget_minor"]
    speed, least = given["speed_bp"], given["from_minor"]
    if speed is None and least is not None:
        raise Invalid("brakes.from_minor: belongs to brakes.speed_bp", field="brakes.from_minor")
    if speed is not None and (budget is None or until is None):
        raise Invalid(
            "brakes.speed_bp: a plan needs a budget_minor and an end: claim_to, or an absolute validity with to",
            field="brakes.speed_bp",
        )
    if speed is not None and least is None:
        least = budget // 10
    return dict(zip(BRAKES, (given["per_minute"], speed, least), strict=True))


def _promise(body: dict[str, Any], rule: Rule) -> dict[str, int]:
    if not body["promise"]:
        if body["promise_minor"] is not None:
            raise Invalid("promise_minor: nothing is promised; set promise to true", field="promise_minor")
        return {"promise": 0, "promise_minor": 0}
    if body["budget_minor"] is None:
        raise Invalid("promise: claims can only promise a budget; give budget_minor", field="promise")
    most = most_discount(rule)
    each = body["promise_minor"] if body["promise_minor"] is not None else most
    if each is None:
        raise Invalid(
            "promise_minor: the rule has no most of its own; say what one claim reserves", field="promise_minor"
        )
    if most is not None and each < most:
        raise Invalid(
            f"promise_minor: a coupon can cost {most}; {each} would promise too little", field="promise_minor"
        )
    return {"promise": 1, "promise_minor": each}


def _ordered(since: int | None, until: int | None, field: str, problem: str) -> None:
    if since is not None and until is not None and since >= until:
        raise Invalid(f"{field}: {problem}", field=field)


def instant_of(given: str | None, zone: ZoneInfo, field: str) -> int | None:
    """The instant of an ISO text, without an offset the brand's wall clock; None for None; raises Invalid."""
    return None if given is None else read_instant(given, zone, field)
