"""What platforms call back with, read into receipts (状态报告) and replies (上行短信).

Nothing here trusts its input: a row that is not of the documented shape is left
out, texts are shortened to one line, and times that cannot be are none.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from scrm_core.api import local_instant

from ..copywriting.carriers import CarrierTable
from ..copywriting.replies import OPT_OUT, RESUBSCRIBE
from .numbers import e164
from .outcomes import text_of, visible

MOST_ROWS = 1_000
"""Rows of one push that are read."""

_BEIJING = ZoneInfo("Asia/Shanghai")
_UID = re.compile(r"[0-9A-Za-z_-]{1,64}")
_STAT = re.compile(r"\bstat:(\S{1,30})")
_ERR = re.compile(r"\berr:(\S{1,30})")
_NACK = re.compile(r"NACK/([^/\s]{1,30})")
_EARLIEST, _LATEST = 946_684_800_000, 4_102_444_800_000  # 2000 and 2100


@dataclass(frozen=True, slots=True)
class Report:
    """A receipt as a platform tells it. It names the message by ``uid`` (ours), or by ``ref`` and ``address``.

    ``state`` is sent, delivered, failed or expired; ``at`` and ``sent_at`` are
    instants or None.
    """

    state: str
    uid: str = ""
    ref: str = ""
    address: str = ""
    code: str = ""
    reason: str = ""
    at: int | None = None
    sent_at: int | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """A message that came in; ``intent`` is what the platform itself took it for, or None."""

    address: str
    text: str
    ref: str
    to: str = ""
    at: int | None = None
    intent: str | None = None


def failed_state(code: str, carriers: CarrierTable) -> str:
    """What a receipt that says "not delivered" means: still on its way, expired, or failed."""
    if carriers.kind_of(code) == "wait" and code:
        return "sent"
    return "expired" if code.upper() == "EXPIRED" else "failed"


# Kannel ----------------------------------------------------------------------


def kannel_report(args: Mapping[str, str], carriers: CarrierTable) -> Report | None:
    """A call of ``dlr-url``: ``id`` is ours, ``status`` the type (``%d``), ``reply`` the centre's words (``%A``)."""
    uid, status, reply = args.get("id", ""), args.get("status", ""), visible(args.get("reply", ""), 200)
    if not _UID.fullmatch(uid) or status not in ("1", "2", "4", "8", "16"):
        return None
    stat, err, nack = (pattern.search(reply) for pattern in (_STAT, _ERR, _NACK))
    code = stat.group(1) if stat else f"NACK {nack.group(1)}" if nack else ""
    reason = f"err:{err.group(1)}" if err and err.group(1).strip("0") else ""
    if status in ("4", "8"):
        return Report("sent", uid, code=code, reason=reason)
    if status == "1":
        return Report("delivered", uid, code=code or "DELIVRD")
    if status == "16":
        return Report("failed", uid, code=code or "REJECTD", reason=reason or "rejected by the message centre")
    return Report(failed_state(code, carriers), uid, code=code or "UNDELIV", reason=reason)


def kannel_reply(args: Mapping[bytes, bytes], region: str) -> Reply | None:
    """A call of ``get-url``: ``from`` ``%p``, ``to`` ``%P``, ``text`` ``%b``, ``ts`` ``%T``, ``charset`` ``%C``.

    Kannel gives a message no id, so the reference is made of sender, receiver,
    time in seconds and text: the same words of the same person in the same
    second are one message. Without a time no two messages are the same.
    """
    address = e164(_plain(args.get(b"from", b""), 40), region)
    if address is None:
        return None
    to, ts = _plain(args.get(b"to", b""), 40), _plain(args.get(b"ts", b""), 20)
    raw = args.get(b"text", b"")
    text = _decoded(raw, args)
    digest = hashlib.sha256("\n".join((address, to, ts, raw.hex())).encode()).hexdigest()
    return Reply(address, text, f"kannel-{digest[:40]}" if ts else "", to, seconds(ts))


def _plain(raw: bytes, most: int) -> str:
    return visible(raw.decode("utf-8", "replace"), most)


def _decoded(raw: bytes, args: Mapping[bytes, bytes]) -> str:
    named = args.get(b"charset", b"").decode("ascii", "replace").lower()
    coding = args.get(b"coding", b"")
    # %b are the bytes as they came: UCS-2 is big-endian, everything else reaches us as UTF-8.
    wide = named in ("utf-16be", "ucs-2", "ucs-2be") or (not named and coding == b"2")
    return raw.decode("utf-16-be" if wide else "utf-8", "replace")


# Aliyun ----------------------------------------------------------------------


def aliyun_reports(body: Any, carriers: CarrierTable) -> Iterator[Report]:
    """SmsReport: a JSON array; times are Beijing's."""
    for row in _rows(body):
        address = e164(text_of(row, "phone_number"), "CN")
        success = row.get("success")
        if address is None or not isinstance(success, bool):
            continue
        code = visible(text_of(row, "err_code"), 100)
        yield Report(
            "delivered" if success else failed_state(code, carriers),
            uid=_uid(text_of(row, "out_id")),
            ref=visible(text_of(row, "biz_id"), 200),
            address=address,
            code=code,
            reason="" if success else visible(text_of(row, "err_msg"), 200),
            at=beijing(text_of(row, "report_time")),
            sent_at=beijing(text_of(row, "send_time")),
        )


def aliyun_replies(body: Any) -> Iterator[Reply]:
    """SmsUp: a JSON array; ``sequence_id`` is the platform's own."""
    for row in _rows(body):
        address, number = e164(text_of(row, "phone_number"), "CN"), visible(text_of(row, "sequence_id"), 60)
        if address is not None and number:
            yield Reply(
                address,
                text_of(row, "content"),
                f"aliyun-{number}",
                visible(text_of(row, "dest_code"), 40),
                beijing(text_of(row, "send_time")),
            )


# Tencent ---------------------------------------------------------------------


def tencent_reports(body: Any, carriers: CarrierTable) -> Iterator[Report]:
    """The status push, and the rows of PullSmsSendStatus: the same facts under other names."""
    for row in _rows(body):
        status = text_of(row, "report_status") or text_of(row, "ReportStatus")
        address = _tencent_number(row)
        if address is None or status not in ("SUCCESS", "FAIL"):
            continue
        code = visible(text_of(row, "errmsg") or text_of(row, "Description"), 100)
        success = status == "SUCCESS"
        yield Report(
            "delivered" if success else failed_state(code, carriers),
            uid=_uid(text_of(row, "ext") or text_of(row, "SessionContext")),
            ref=visible(text_of(row, "sid") or text_of(row, "SerialNo"), 200),
            address=address,
            code=code,
            reason="" if success else visible(text_of(row, "description"), 200),
            at=beijing(text_of(row, "user_receive_time")) or seconds(text_of(row, "UserReceiveTime")),
        )


def tencent_replies(body: Any) -> Iterator[Reply]:
    """The reply push, and the rows of PullSmsReplyStatus. Neither has an id: the reference is made as for Kannel."""
    for row in _rows(body):
        address = _tencent_number(row)
        text = text_of(row, "text") or text_of(row, "ReplyContent")
        to = visible(text_of(row, "extend") or text_of(row, "ExtendCode"), 40)
        time = text_of(row, "time") or text_of(row, "ReplyTime")
        if address is None or not time:
            continue
        digest = hashlib.sha256("\n".join((address, to, time, text)).encode("utf-8", "replace")).hexdigest()
        yield Reply(address, text, f"tencent-{digest[:40]}", to, seconds(time))


def _tencent_number(row: Mapping[str, Any]) -> str | None:
    whole = text_of(row, "PhoneNumber")
    if whole:
        return e164(whole, "CN")
    country, mobile = text_of(row, "nationcode"), text_of(row, "mobile")
    return e164(f"+{country}{mobile}", "CN") if country and mobile else None


# Twilio ----------------------------------------------------------------------

_TWILIO_STATES = {
    "delivered": "delivered",
    "read": "delivered",
    "undelivered": "failed",
    "failed": "failed",
    "canceled": "failed",
    **dict.fromkeys(("accepted", "scheduled", "queued", "sending", "sent", "partially_delivered"), "sent"),
}
_TWILIO_INTENTS = {"STOP": OPT_OUT, "START": RESUBSCRIBE}


def twilio_report(uid: str, form: Mapping[str, str]) -> Report | None:
    """A StatusCallback; ``uid`` is ours, from its address."""
    status = form.get("MessageStatus", "")
    state = _TWILIO_STATES.get(status)
    if state is None or not _UID.fullmatch(uid):
        return None
    error = visible(form.get("ErrorCode", ""), 40)
    code = error if error not in ("", "0") else status
    return Report(state, uid, ref=visible(form.get("MessageSid", ""), 200), code=code)


def twilio_reply(form: Mapping[str, str]) -> Reply | None:
    """An inbound message; Twilio says itself when it took one for an opt-out."""
    address, sid = e164(form.get("From", ""), "US"), visible(form.get("MessageSid", ""), 60)
    if address is None or not sid:
        return None
    intent = _TWILIO_INTENTS.get(form.get("OptOutType", ""))
    return Reply(address, form.get("Body", ""), f"twilio-{sid}", visible(form.get("To", ""), 40), intent=intent)


# Shared ----------------------------------------------------------------------


def _rows(body: Any) -> list[dict[str, Any]]:
    rows = body if isinstance(body, list) else [body]
    return [row for row in rows[:MOST_ROWS] if isinstance(row, dict)]


def _uid(text: str) -> str:
    return text if _UID.fullmatch(text) else ""


def beijing(text: str) -> int | None:
    """The instant of a wall-clock time in Beijing (``2026-01-01 08:00:00``), or None."""
    try:
        return _possible(local_instant(datetime.strptime(text, "%Y-%m-%d %H:%M:%S"), _BEIJING))
    except ValueError:
        return None


def seconds(text: str) -> int | None:
    """The instant of a count of seconds since 1970, or None."""
    return _possible(int(text) * 1_000) if text.isascii() and text.isdigit() and len(text) <= 11 else None


def _possible(instant: int) -> int | None:
    return instant if _EARLIEST <= instant <= _LATEST else None
