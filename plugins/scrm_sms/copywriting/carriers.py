"""What the code of a receipt (状态报告) means, as data.

A code belongs to one class, and the class decides what is done:

=============  ===============================================================
class          what it is, what is done
=============  ===============================================================
``delivered``  arrived
``wait``       not final: another receipt is expected, after 72 hours unknown
``soft``       failed this time; the third in a row counts as hard
``hard``       the number cannot get messages: suppress it
``blacklist``  the number is on a list of the platform or carrier: suppress it
``content``    the text was refused: stop the batch and look at the copy
``stop``       refused without saying why: stop and look at the content
``unknown``    failed with a code that is not in the table
=============  ===============================================================

Meanings of carrier codes differ between gateways and years; a brand adds its
own or overrides these in its settings, with ``MK:*`` for all that begin so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from marshmallow import Schema, fields, validate

CLASSES = ("delivered", "wait", "soft", "hard", "blacklist", "content", "stop", "unknown")
"""Every class of a receipt code."""

HARD_AFTER = 3
"""This many soft failures in a row, of one number, count as a hard one."""


@dataclass(frozen=True, slots=True)
class CarrierCode:
    """A code of the table with its class and its sense in words."""

    code: str
    kind: str
    sense: str


_STATES = (
    ("DELIVRD", "delivered", "delivered"),
    ("DELIVERED", "delivered", "delivered"),
    ("SUCCESS", "delivered", "delivered"),
    ("ACCEPTD", "wait", "accepted by the carrier"),
    ("ENROUTE", "wait", "on its way"),
    ("UNKNOWN", "wait", "unclear"),
    ("EXPIRED", "soft", "phone off or out of reach until the validity ended"),
    ("UNDELIV", "soft", "not delivered"),
    ("DELETED", "soft", "removed before delivery"),
    ("REJECTD", "stop", "refused by the message centre or carrier"),
)
_LISTS = (
    ("BLACK", "blacklist", "on a blacklist"),
    ("黑名单", "blacklist", "on a blacklist"),
    ("IN_BLACKLIST", "blacklist", "on a blacklist"),
    ("KEYWORD", "content", "a forbidden word in the text"),
    ("关键词", "content", "a forbidden word in the text"),
)
_CHINA = (
    ("MK:0000", "hard", "empty number or unsubscribed user 空号"),
    ("MK:0001", "hard", "empty number or unsubscribed user 空号"),
    ("MK:0036", "hard", "not a user of this carrier"),
    ("CB:0001", "hard", "not a user of this carrier"),
    ("MK:0012", "soft", "shut down or suspended 停机"),
    ("MK:0013", "soft", "shut down or suspended 停机"),
    ("MI:0013", "soft", "shut down or suspended 停机"),
    ("MI:0029", "soft", "shut down or suspended 停机"),
    ("MB:1078", "blacklist", "on the carrier's blacklist"),
    ("DB:0141", "blacklist", "on the carrier's blacklist"),
    ("DB:0144", "content", "a forbidden word in the text"),
)
_PLATFORMS = (
    ("isv.MOBILE_NUMBER_ILLEGAL", "hard", "Aliyun: not a mobile number"),
    ("isv.BUSINESS_LIMIT_CONTROL", "soft", "Aliyun: too many messages to this number"),
    ("isv.DAY_LIMIT_CONTROL", "soft", "Aliyun: too many messages today"),
    ("isv.BLACK_KEY_CONTROL_LIMIT", "content", "Aliyun: a forbidden word in a variable"),
    ("isv.SMS_SIGNATURE_ILLEGAL", "stop", "Aliyun: the signature is not approved"),
    ("isv.SMS_TEMPLATE_ILLEGAL", "stop", "Aliyun: the template is not approved"),
    ("FailedOperation.PhoneNumberInBlacklist", "blacklist", "Tencent: on the platform's blacklist"),
    ("FailedOperation.ContainSensitiveWord", "content", "Tencent: a forbidden word in the text"),
    ("FailedOperation.TemplateUnapprovedOrNotExist", "stop", "Tencent: the template is not approved"),
    ("FailedOperation.SignatureIncorrectOrUnapproved", "stop", "Tencent: the signature is not approved"),
    ("LimitExceeded.PhoneNumberDailyLimit", "soft", "Tencent: too many messages today"),
    ("LimitExceeded.PhoneNumberOneHourLimit", "soft", "Tencent: too many messages this hour"),
    ("LimitExceeded.PhoneNumberThirtySecondLimit", "soft", "Tencent: too many messages in 30 seconds"),
    ("InvalidParameterValue.IncorrectPhoneNumber", "hard", "Tencent: not a phone number"),
    ("21211", "hard", "Twilio: not a valid number"),
    ("21614", "hard", "Twilio: not a mobile number"),
    ("21610", "blacklist", "Twilio: the recipient has opted out"),
    ("30003", "soft", "Twilio: unreachable"),
    ("30004", "blacklist", "Twilio: blocked"),
    ("30005", "hard", "Twilio: unknown handset"),
    ("30006", "hard", "Twilio: a landline"),
    ("30007", "content", "Twilio: filtered by the carrier"),
    ("30008", "unknown", "Twilio: failed without a reason"),
)
CARRIER_CODES = tuple(CarrierCode(*row) for row in (*_STATES, *_LISTS, *_CHINA, *_PLATFORMS))
"""The codes known to everybody."""

_KNOWN = {each.code.upper(): each.kind for each in CARRIER_CODES}


class CarrierSettings(Schema):
    """Settings of a brand about receipts."""

    receipt_codes = fields.Dict(
        keys=fields.String(validate=validate.Length(1, 100)),
        values=fields.String(validate=validate.OneOf(CLASSES)),
        load_default=dict,
        metadata={"description": "class of further receipt codes of the gateway; a code may end in * for all such"},
    )


class CarrierTable:
    """The class of every code for one brand; ``additions`` is the setting ``receipt_codes``."""

    def __init__(self, additions: Mapping[str, str] | None = None) -> None:
        own = {code.strip().upper(): kind for code, kind in (additions or {}).items()}
        self._exact = _KNOWN | {code: kind for code, kind in own.items() if not code.endswith("*")}
        # The longest beginning speaks first.
        self._beginnings = sorted(
            ((code[:-1], kind) for code, kind in own.items() if code.endswith("*")), key=lambda each: -len(each[0])
        )

    def kind_of(self, code: str) -> str:
        """The class of a code in any case; ``unknown`` for one that is in no table."""
        text = code.strip().upper()
        known = self._exact.get(text)
        if known is not None:
            return known
        return next((kind for beginning, kind in self._beginnings if text.startswith(beginning)), "unknown")
