"""Tencent Cloud SMS (腾讯云短信), version 2021-01-11: SendSms, PullSmsSendStatus, PullSmsReplyStatus.

A call takes one template, one list of values, and numbers that are all from
the mainland or all from abroad. Messages that agree in these share a call.
HTTP 200 carries a code per number: some may fail while others are ``Ok``. One
message alone carries our id as ``SessionContext``, which receipts echo.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from scrm_core.api import OutMessage, SendResult

from .calls import Answer, Call, Calls
from .numbers import MAINLAND
from .outcomes import TENCENT, json_object, result_of, text_of, unreadable
from .signing import tc3_authorization
from .templates import positional, signature_of, unfit

PULL_ROWS = 100
_CONTENT_TYPE = "application/json; charset=utf-8"
_VERSION = "2021-01-11"
_WIDTH = 20


class Tencent:
    """Hands messages to Tencent Cloud; ``now`` tells the instant that requests are stamped with."""

    def __init__(self, table: Mapping[str, Any], *, now: Callable[[], int]) -> None:
        self.batch: int = table["at_once"]
        self._table = table
        self._now = now
        self._host = urlsplit(table["url"]).netloc
        self._calls = Calls(connect_s=table["connect_timeout"], read_s=table["read_timeout"], width=_WIDTH)

    def send(self, messages: Sequence[OutMessage]) -> list[SendResult]:
        """One request for all messages of equal template, values and country."""
        results = {each.uid: fault for each in messages if (fault := unfit(each, self._table["sign_name"]))}
        groups: dict[tuple[str, ...], list[OutMessage]] = {}
        for each in messages:
            if each.uid not in results:
                groups.setdefault(self._shared(each), []).append(each)
        answers = self._calls.run([self.request(group) for group in groups.values()])
        for group, answer in zip(groups.values(), answers, strict=True):
            results |= judged(group, answer)
        return [results[each.uid] for each in messages]

    def _shared(self, message: OutMessage) -> tuple[str, ...]:
        home = "mainland" if message.address.startswith(MAINLAND) else "abroad"
        return home, message.template, self._sign(message), *positional(message)

    def _sign(self, message: OutMessage) -> str:
        return signature_of(message, self._table["sign_name"])

    def request(self, messages: Sequence[OutMessage]) -> Call:
        """SendSms for messages that agree in everything but the number."""
        first = messages[0]
        body = {
            "PhoneNumberSet": [each.address for each in messages],
            "SmsSdkAppId": self._table["sdk_app_id"],
            "SignName": self._sign(first),
            "TemplateId": first.template,
            "TemplateParamSet": positional(first),
            "SessionContext": first.uid if len(messages) == 1 else "",
        }
        return self._call("SendSms", body)

    def pull(self, action: str) -> list[dict[str, Any]] | None:
        """What waits in Tencent's queue, up to 100 rows, which are gone there once read; None when it cannot be asked.

        ``action`` is ``PullSmsSendStatus`` or ``PullSmsReplyStatus``.
        """
        call = self._call(action, {"SmsSdkAppId": self._table["sdk_app_id"], "Limit": PULL_ROWS})
        (answer,) = self._calls.run([call])
        response = _response(answer) if isinstance(answer, Answer) else None
        rows = response.get(f"{action}Set") if response is not None else None
        return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else None

    def _call(self, action: str, body: Mapping[str, Any]) -> Call:
        payload = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
        timestamp = self._now() // 1_000
        headers = {
            "Authorization": tc3_authorization(
                secret_id=self._table["secret_id"],
                secret_key=self._table["secret_key"],
                service="sms",
                host=self._host,
                content_type=_CONTENT_TYPE,
                payload=payload,
                timestamp=timestamp,
            ),
            "Content-Type": _CONTENT_TYPE,
            "Host": self._host,
            "X-TC-Action": action,
            "X-TC-Version": _VERSION,
            "X-TC-Timestamp": str(timestamp),
            "X-TC-Region": self._table["region"],
        }
        return Call("POST", self._table["url"], headers, payload)


def judged(messages: Sequence[OutMessage], answer: Answer | SendResult) -> dict[str, SendResult]:
    """What Tencent's answer means for each message, by uid."""
    if isinstance(answer, SendResult):
        return {each.uid: answer for each in messages}
    response = _response(answer)
    error = response.get("Error") if response is not None else None
    if isinstance(error, dict) and text_of(error, "Code"):
        refused = result_of(TENCENT, text_of(error, "Code"), text_of(error, "Message"))
        return {each.uid: refused for each in messages}
    rows = response.get("SendStatusSet") if response is not None else None
    if answer.status != 200 or not isinstance(rows, list):
        return {each.uid: unreadable(answer) for each in messages}
    by_number = {text_of(row, "PhoneNumber"): row for row in rows if isinstance(row, dict)}
    return {each.uid: _of_number(by_number.get(each.address)) for each in messages}


def _of_number(row: dict[str, Any] | None) -> SendResult:
    code = text_of(row, "Code")
    if not code:
        return SendResult.unknown("the answer does not speak of this number", code="no_status")
    if code == "Ok":
        return SendResult.accepted(text_of(row, "SerialNo")[:200])
    return result_of(TENCENT, code, text_of(row, "Message"))


def _response(answer: Answer) -> dict[str, Any] | None:
    body = json_object(answer)
    response = body.get("Response") if body is not None else None
    return response if isinstance(response, dict) else None
