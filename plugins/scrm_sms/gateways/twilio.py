"""Twilio's Messages resource: one request per message, its callback carries our id."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from scrm_core.api import OutMessage, SendResult

from .calls import Answer, Call, Calls
from .outcomes import TWILIO, json_object, result_of, text_of, unreadable


class Twilio:
    """Hands messages to Twilio; ``callbacks`` is the address below which it calls back."""

    def __init__(self, table: Mapping[str, Any], *, callbacks: str) -> None:
        self.batch: int = table["at_once"]
        self._table = table
        self._callbacks = callbacks
        self._calls = Calls(connect_s=table["connect_timeout"], read_s=table["read_timeout"], width=self.batch)

    def send(self, messages: Sequence[OutMessage]) -> list[SendResult]:
        """One request per message."""
        answers = self._calls.run([self.request(each) for each in messages])
        return [each if isinstance(each, SendResult) else judged(each) for each in answers]

    def request(self, message: OutMessage) -> Call:
        """The request for a message."""
        table = self._table
        form = {
            "To": message.address,
            "Body": message.body,
            "StatusCallback": f"{self._callbacks}/twilio/status?id={message.uid}",
        }
        if table["messaging_service_sid"]:
            form["MessagingServiceSid"] = table["messaging_service_sid"]
        else:
            form["From"] = table["from_number"]
        if table["validity_seconds"]:
            form["ValidityPeriod"] = str(table["validity_seconds"])
        account = table["account_sid"]
        basic = base64.b64encode(f"{account}:{table['auth_token']}".encode()).decode()
        headers = {"Authorization": f"Basic {basic}", "Content-Type": "application/x-www-form-urlencoded"}
        url = f"{table['url'].rstrip('/')}/2010-04-01/Accounts/{account}/Messages.json"
        return Call("POST", url, headers, urlencode(form).encode())


def judged(answer: Answer) -> SendResult:
    """What Twilio's answer means."""
    body = json_object(answer)
    if answer.status in (200, 201):
        sid = text_of(body, "sid")
        return SendResult.accepted(sid[:200]) if sid else unreadable(answer)
    code = text_of(body, "code")
    if not code or answer.status >= 500:
        return unreadable(answer)
    result = result_of(TWILIO, code, text_of(body, "message"))
    if answer.status == 429 and result.outcome != "retry":
        return unreadable(answer)
    return result
