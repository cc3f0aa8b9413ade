"""What an answer of a gateway means for the message, as tables.

Every table maps a code, or the beginning of codes (``AuthFailure*``; the longest
beginning speaks), to one of these:

=========  ====================================================================
verdict    what is done
=========  ====================================================================
refused    this message failed with the code; the others go on
halt       it failed, and the run is paused: account, signature, template or text
retry      certainly not sent: busy or throttled; again after some seconds
unknown    the platform does not know itself: never sent again, a receipt decides
=========  ====================================================================

A code that is in no table is ``refused``: the platform said no. Answers that
cannot be read are judged by their status, see :func:`unreadable`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from scrm_core.api import SendResult

from ..copywriting.carriers import CarrierTable
from .calls import Answer

REFUSED, HALT, RETRY, UNKNOWN = "refused", "halt", "retry", "unknown"
BUSY_SECONDS = 5
LONG_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a code means; ``after_s`` is for ``retry``."""

    kind: str
    after_s: int = BUSY_SECONDS


_REFUSED, _HALT, _UNKNOWN = Verdict(REFUSED), Verdict(HALT), Verdict(UNKNOWN)
_BUSY, _LATER = Verdict(RETRY), Verdict(RETRY, LONG_SECONDS)

ALIYUN: Mapping[str, Verdict] = {
    "isv.BUSINESS_LIMIT_CONTROL": _REFUSED,
    "isv.DAY_LIMIT_CONTROL": _REFUSED,
    "isv.MOBILE_NUMBER_ILLEGAL": _REFUSED,
    "isv.MOBILE_COUNT_OVER_LIMIT": _HALT,
    "isv.SMS_SIGN*": _HALT,
    "isv.SMS_TEMPLATE*": _HALT,
    "isv.TEMPLATE_MISSING_PARAMETERS": _HALT,
    "isv.INVALID_PARAMETERS": _HALT,
    "isv.INVALID_JSON_PARAM": _HALT,
    "isv.BLACK_KEY_CONTROL_LIMIT": _HALT,
    "isv.AMOUNT_NOT_ENOUGH": _HALT,
    "isv.OUT_OF_SERVICE": _HALT,
    "isv.ACCOUNT*": _HALT,
    "isv.PRODUCT*": _HALT,
    "isp.SYSTEM_ERROR": Verdict(RETRY, 10),
    "isp.RAM_PERMISSION_DENY": _HALT,
    "Throttling*": _BUSY,
    "ServiceUnavailable": _BUSY,
    "SignatureNonceUsed": _BUSY,
    "SignatureDoesNotMatch": _HALT,
    "IncompleteSignature": _HALT,
    "InvalidTimeStamp*": _HALT,
    "InvalidAccessKeyId*": _HALT,
    "Forbidden*": _HALT,
    "Missing*": _HALT,
    "InvalidVersion": _HALT,
    "InvalidAction*": _HALT,
    "InternalError": _UNKNOWN,
}
"""Aliyun's ``Code``; ``OK`` is accepted."""

TENCENT: Mapping[str, Verdict] = {
    "LimitExceeded.PhoneNumber*": _REFUSED,
    "LimitExceeded.PhoneNumberCountLimit": _HALT,
    "LimitExceeded.DeliveryFrequencyLimit": _REFUSED,
    "LimitExceeded.GlobalSmsSendingRateLimit": _BUSY,
    "LimitExceeded*": _HALT,
    "RequestLimitExceeded*": _BUSY,
    "ResourceInsufficient*": _LATER,
    "ResourceUnavailable*": _LATER,
    "FailedOperation.PhoneNumber*": _REFUSED,
    "InvalidParameterValue.IncorrectPhoneNumber": _REFUSED,
    "FailedOperation.MarketingSendTimeConstraint": _HALT,
    "FailedOperation*": _HALT,
    "InvalidParameter*": _HALT,
    "MissingParameter*": _HALT,
    "UnauthorizedOperation*": _HALT,
    "AuthFailure*": _HALT,
    "UnsupportedOperation*": _HALT,
    "InternalError.SigFieldMissing": _HALT,
    "InternalError.SigVerificationFail": _HALT,
    "InternalError.RequestTimeException": _HALT,
    "InternalError.RestApiInterfaceNotExist": _HALT,
    "InternalError.JsonParseFail": _HALT,
    "InternalError*": _UNKNOWN,
}
"""Tencent's ``Code`` of a number or of the whole request; ``Ok`` is accepted."""

TWILIO: Mapping[str, Verdict] = {
    "20003": _HALT,
    "20404": _HALT,
    "20429": _BUSY,
    "21211": _REFUSED,
    "21408": _REFUSED,
    "21610": _REFUSED,
    "21612": _REFUSED,
    "21614": _REFUSED,
    "21212": _HALT,
    "21602": _HALT,
    "21603": _HALT,
    "21604": _REFUSED,
    "21606": _HALT,
    "21611": _LATER,
    "21617": _HALT,
    "21659": _HALT,
    "21701": _HALT,
    "21703": _HALT,
    "30001": _LATER,
    "30002": _HALT,
    "30007": _HALT,
}
"""Twilio's ``code`` of an error."""


def verdict_of(table: Mapping[str, Verdict], code: str) -> Verdict:
    """What a code means; ``refused`` for one that is in no table."""
    known = table.get(code)
    if known is not None:
        return known
    fitting = [each for each in table if each.endswith("*") and code.startswith(each[:-1])]
    return table[max(fitting, key=len)] if fitting else _REFUSED


def result_of(table: Mapping[str, Verdict], code: str, detail: str) -> SendResult:
    """The result that an error code stands for."""
    verdict = verdict_of(table, code)
    code, detail = visible(code, 100), visible(detail, 200)
    if verdict.kind == RETRY:
        return SendResult.retry(detail or code, code=code, after_s=verdict.after_s)
    if verdict.kind == UNKNOWN:
        return SendResult.unknown(detail or code, code=code)
    return SendResult.refused(code, detail, halt=verdict.kind == HALT)


def unreadable(answer: Answer) -> SendResult:
    """What an answer without a known body means, by its status.

    429 retry (after what the server asks for); 3xx, 401, 403, 404, 405, 407 and
    411 halt: the address or the account is wrong; other 4xx refused; everything
    else, above all 5xx and a 200 that cannot be read, unknown.
    """
    status, detail = answer.status, visible(answer.text, 160)
    code = f"http_{status}"
    if status == 429:
        return SendResult.retry(detail or "too many requests", code=code, after_s=answer.retry_after or BUSY_SECONDS)
    if 300 <= status < 400 or status in (401, 403, 404, 405, 407, 411):
        return SendResult.refused(code, detail, halt=True)
    if 400 <= status < 500 and status != 408:
        return SendResult.refused(code, detail)
    return SendResult.unknown(f"HTTP {status}: {detail}" if detail else f"HTTP {status}", code=code)


def json_object(answer: Answer) -> dict[str, Any] | None:
    """The JSON object of an answer, or None for anything else."""
    try:
        value = json.loads(answer.body)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def text_of(value: Any, name: str) -> str:
    """A member of a JSON object as text: numbers too, everything else is empty."""
    found = value.get(name) if isinstance(value, dict) else None
    if isinstance(found, str):
        return found
    return str(found) if isinstance(found, int) and not isinstance(found, bool) else ""


def visible(text: str, most: int) -> str:
    """A text of somebody else's in one line of at most ``most`` characters, fit to be stored."""
    shown = "".join(character if character.isprintable() else " " for character in text[: 4 * most])
    return " ".join(shown.split())[:most]


def suppression_of(code: str, carriers: CarrierTable) -> str | None:
    """Why a number is not to be written to any more after this code: "blacklist", "hard", or None.

    ``blacklist``: a list of the platform or carrier, to be copied into the
    brand's own (``brand.outreach.suppress(..., reason="blacklist")``); ``hard``:
    the number cannot get messages.
    """
    kind = carriers.kind_of(code) if code else "unknown"
    return kind if kind in ("blacklist", "hard") else None
