"""Kannel's sendsms service (user guide, "Using the SendSMS service").

A request carries one message, since our id travels in its ``dlr-url``:
sendsms gives no id of its own. What smsbox answers:

=====================================================  =============================
``202 0: Accepted for delivery``                       accepted
``202 3: Queued for later delivery``                   accepted
4xx                                                    refused; 401, 403, 404 halt
``503 Temporal failure, try again later.``             retry
everything else                                        unknown
=====================================================  =============================
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote, urlencode

from scrm_core.api import OutMessage, SendResult

from ..copywriting.segments import is_gsm
from .calls import Answer, Call, Calls
from .outcomes import BUSY_SECONDS, unreadable, visible

ALL_REPORTS = 31
"""``dlr-mask``: delivered 1, failed 2, buffered 4, accepted 8, rejected 16."""

_GSM, _UCS2 = "0", "2"


class Kannel:
    """Hands messages to a smsbox; ``callbacks`` is the address below which it calls back."""

    def __init__(self, table: Mapping[str, Any], *, callbacks: str, gsm: bool) -> None:
        self.batch: int = table["at_once"]
        self._table = table
        self._callbacks = callbacks
        self._gsm = gsm
        self._calls = Calls(connect_s=table["connect_timeout"], read_s=table["read_timeout"], width=self.batch)

    def send(self, messages: Sequence[OutMessage]) -> list[SendResult]:
        """One request per message."""
        answers = self._calls.run([self.request(each) for each in messages])
        return [each if isinstance(each, SendResult) else judged(each) for each in answers]

    def request(self, message: OutMessage) -> Call:
        """The request for a message."""
        table = self._table
        coding = _GSM if self._gsm and is_gsm(message.body) else _UCS2
        params = {
            "username": table["username"],
            "password": table["password"],
            "to": message.address,
            "text": message.body,
            "coding": coding,
            "charset": "UTF-8",
            "dlr-mask": str(ALL_REPORTS),
            "dlr-url": self._report_address(message.uid),
        }
        optional = {"from": table["from_number"], "smsc": table["smsc"], "account": table["account"]}
        params |= {name: value for name, value in optional.items() if value}
        if table["validity_minutes"]:
            params["validity"] = str(table["validity_minutes"])
        return Call("GET", f"{table['url']}?{urlencode(params, quote_via=quote, safe='')}")

    def _report_address(self, uid: str) -> str:
        # %d and %A are Kannel's: it writes the report's type and the centre's words there.
        return f"{self._callbacks}/kannel/dlr/{self._table['callback_token']}?id={uid}&status=%d&reply=%A"


def judged(answer: Answer) -> SendResult:
    """What smsbox' answer means."""
    text = visible(answer.text, 200)
    if answer.status == 202 and text[:2] in ("0:", "3:"):
        return SendResult.accepted()
    if answer.status == 503 and text.startswith("Temporal failure"):
        return SendResult.retry(text, code="http_503", after_s=answer.retry_after or BUSY_SECONDS)
    return unreadable(answer)
