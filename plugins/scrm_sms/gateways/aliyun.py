"""Aliyun SMS (阿里云短信), version 2017-05-25: SendSms, SendBatchSms, QuerySendDetails.

Messages of one template share a call; one alone goes by SendSms with our id as
``OutId``, so that its receipt finds it whatever became of the call. A batch has
one ``BizId`` for all: its receipts are matched by that and the number. When a
batch is refused for one number's sake, its messages go one by one.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from scrm_core.api import OutMessage, SendResult, from_instant

from .calls import Answer, Call, Calls
from .numbers import without_plus
from .outcomes import ALIYUN, REFUSED, json_object, result_of, text_of, unreadable, verdict_of
from .signing import rpc_query
from .templates import signature_of, unfit

_WIDTH = 10


@dataclass(frozen=True, slots=True)
class SentDetail:
    """What Aliyun knows of a message: ``state`` is "sent", "delivered" or "failed"; times are Beijing's, as text."""

    state: str
    code: str
    out_id: str
    content: str
    sent_at: str


_STATES = {"1": "sent", "2": "failed", "3": "delivered"}


class Aliyun:
    """Hands messages to Aliyun; ``now`` tells the instant that requests are stamped with."""

    def __init__(self, table: Mapping[str, Any], *, now: Callable[[], int]) -> None:
        self.batch: int = table["at_once"]
        self._table = table
        self._now = now
        self._calls = Calls(connect_s=table["connect_timeout"], read_s=table["read_timeout"], width=_WIDTH)

    def send(self, messages: Sequence[OutMessage]) -> list[SendResult]:
        """One request per template."""
        results = {each.uid: fault for each in messages if (fault := unfit(each, self._table["sign_name"]))}
        groups: dict[str, list[OutMessage]] = {}
        for each in messages:
            if each.uid not in results:
                groups.setdefault(each.template, []).append(each)
        results |= self._send_groups(list(groups.values()))
        # Certainly not sent: the batch was refused as a whole, perhaps for one bad number.
        alone = [
            each
            for group in groups.values()
            if len(group) > 1
            for each in group
            if _for_one_number(results[each.uid])
        ]
        results |= self._send_groups([[each] for each in alone])
        return [results[each.uid] for each in messages]

    def _send_groups(self, groups: Sequence[Sequence[OutMessage]]) -> dict[str, SendResult]:
        answers = self._calls.run([self.request(group) for group in groups])
        results: dict[str, SendResult] = {}
        for group, answer in zip(groups, answers, strict=True):
            result = answer if isinstance(answer, SendResult) else judged(answer)
            results |= {each.uid: result for each in group}
        return results

    def request(self, messages: Sequence[OutMessage]) -> Call:
        """SendSms for one message, SendBatchSms for several of one template."""
        if len(messages) > 1:
            return self._call("SendBatchSms", self._batch(messages))
        (message,) = messages
        params = {
            "PhoneNumbers": without_plus(message.address),
            "SignName": self._sign(message),
            "TemplateCode": message.template,
            "TemplateParam": _json(dict(message.params)),
            "OutId": message.uid,
        }
        return self._call("SendSms", params)

    def _batch(self, messages: Sequence[OutMessage]) -> dict[str, str]:
        return {
            "PhoneNumberJson": _json([without_plus(each.address) for each in messages]),
            "SignNameJson": _json([self._sign(each) for each in messages]),
            "TemplateCode": messages[0].template,
            "TemplateParamJson": _json([dict(each.params) for each in messages]),
        }

    def _sign(self, message: OutMessage) -> str:
        return signature_of(message, self._table["sign_name"])

    def lookup(self, address: str, day: str, *, biz_id: str = "") -> list[SentDetail] | None:
        """Everything sent to a number on a day (yyyyMMdd in Beijing), or None when it cannot be asked."""
        params = {"PhoneNumber": without_plus(address), "SendDate": day, "PageSize": "50", "CurrentPage": "1"}
        if biz_id:
            params["BizId"] = biz_id
        (answer,) = self._calls.run([self._call("QuerySendDetails", params)])
        body = json_object(answer) if isinstance(answer, Answer) else None
        if body is None or body.get("Code") != "OK":
            return None
        return list(_details(body))

    def _call(self, action: str, params: Mapping[str, str]) -> Call:
        table = self._table
        stamped = {
            **params,
            "Action": action,
            "Version": "2017-05-25",
            "RegionId": table["region"],
            "Format": "JSON",
            "AccessKeyId": table["access_key_id"],
            "SignatureMethod": "HMAC-SHA1",
            "SignatureVersion": "1.0",
            "SignatureNonce": secrets.token_hex(16),
            "Timestamp": from_instant(self._now()).strftime("%Y-%m-%dT%H:%M:%SZ"),
        }
        content = rpc_query("POST", stamped, table["access_key_secret"])
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        return Call("POST", table["url"], headers, content.encode())


def judged(answer: Answer) -> SendResult:
    """What Aliyun's answer means for every message of the call."""
    body = json_object(answer)
    code = text_of(body, "Code")
    if not code:
        return unreadable(answer)
    if code == "OK":
        return SendResult.accepted(text_of(body, "BizId")[:200]) if answer.status == 200 else unreadable(answer)
    return result_of(ALIYUN, code, text_of(body, "Message"))


def _for_one_number(result: SendResult) -> bool:
    return result.outcome == REFUSED and result.code in ALIYUN and verdict_of(ALIYUN, result.code).kind == REFUSED


def _details(body: dict[str, Any]) -> Iterable[SentDetail]:
    holder = body.get("SmsSendDetailDTOs")
    rows = holder.get("SmsSendDetailDTO") if isinstance(holder, dict) else None
    for row in rows if isinstance(rows, list) else ():
        state = _STATES.get(text_of(row, "SendStatus"))
        if state is not None:
            yield SentDetail(
                state, text_of(row, "ErrCode"), text_of(row, "OutId"), text_of(row, "Content"), text_of(row, "SendDate")
            )


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
