"""What the plugin accepts: its settings, put together from those of its parts."""

from __future__ import annotations

import re

from marshmallow import RAISE, Schema, fields, validate

from .copywriting.carriers import CarrierSettings
from .copywriting.replies import ReplySettings
from .copywriting.rules import CopySettings
from .gateways.schemas import GatewaySettings
from .packs.schemas import PackSettings
from .results.schemas import ResultSettings

NAME = "sms"
WHOLE = 10_000
_E164 = re.compile(r"\+[1-9][0-9]{6,14}\Z")


def _whole(description: str, default: int, least: int, most: int) -> fields.Integer:
    return fields.Integer(
        strict=True,
        load_default=default,
        validate=validate.Range(least, most),
        metadata={"description": description},
    )


class PlanSettings(Schema):
    """Settings of a brand about plans (短信计划). Shares are hundredths of a percent: 100 is 1 %."""

    signature = fields.String(
        load_default="",
        validate=validate.Length(max=30),
        metadata={"description": "signature 签名 without brackets, for copies that name none"},
    )
    name_default = fields.String(
        load_default="会员",
        validate=validate.Length(0, 20),
        metadata={"description": "what {name} becomes for people without a name"},
    )
    seed_numbers = fields.List(
        fields.String(validate=validate.Regexp(_E164, error="must be E.164, for example +8613800138000")),
        load_default=list,
        validate=validate.Length(max=50),
        metadata={"description": "own numbers that every copy is sent to before anybody else, best one per carrier"},
    )
    materials = fields.List(
        fields.String(validate=validate.Length(1, 60)),
        load_default=lambda: ["product picture", "landing copy", "welcome"],
        validate=validate.Length(max=20),
        metadata={"description": "materials that a policy must name as ready"},
    )
    price_milli = _whole(
        "price of one part in thousandths of a minor unit; 4500 is 4.5 fen", 4_500, 0, 10_000_000
    )
    hook_share = _whole("percent of a claimant's margin that the hook may cost", 100, 1, 1_000)
    two_persons_above = _whole("messages above which a second person approves; 0: always", 1_000, 0, 100_000_000)
    canary_share = _whole("share of the messages that goes first", 100, 1, WHOLE)
    canary_minimum = _whole("messages that go first at least", 200, 1, 1_000_000)
    canary_wait_minutes = _whole("minutes to wait for the canary's receipts and recalls", 30, 0, 10_080)
    canary_measure = fields.String(
        load_default="add",
        validate=validate.OneOf(["add", "click"]),
        metadata={"description": "what the canary must bring: add (people who added the brand) or click"},
    )
    canary_recall = _whole("how many of them at least, otherwise the plan halts; 0: not asked for", 1, 0, 1_000_000)
    failure_limit = _whole("share of failures above which a plan halts; 10000: never", 1_000, 0, WHOLE)
    failure_minimum = _whole("failures before the share is looked at", 20, 1, 1_000_000)
    pace = _whole("messages a minute; 0: as fast as the gateway takes them", 0, 0, 10_000_000)
    grace_minutes = _whole(
        "minutes that nobody may have worked on a plan before what is left of it expires", 120, 1, 10_080
    )
    link_days = _whole("days that a recipient's short link works", 90, 1, 3_650)
    arm_minimum = _whole("people per text before a winner is named", 1_000, 1, 100_000_000)


class Settings(
    PlanSettings, PackSettings, CopySettings, ReplySettings, CarrierSettings, ResultSettings, GatewaySettings
):
    """``[plugins.sms]``."""

    class Meta:
        unknown = RAISE
