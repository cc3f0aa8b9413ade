"""Asking platforms: what became of messages that nobody knows about, and what waits in their queues.

Aliyun is asked for every unknown message of the last days. Tencent, where the
brand cannot be called back, is asked for receipts and replies; a row read there
is gone there, so each page is recorded before the next is asked for.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from scrm_core.api import Plugin, execute, from_instant

from ..copywriting.carriers import CarrierTable
from .declared import make_aliyun, make_tencent
from .inbound import take_reply
from .receiving import take_reports
from .reports import Report, beijing, failed_state, tencent_replies, tencent_reports

if TYPE_CHECKING:
    from .aliyun import Aliyun, SentDetail

_BEIJING = ZoneInfo("Asia/Shanghai")
_PATIENCE_MS = 600_000
_OLDEST_MS = 3 * 86_400_000
_NEAR_MS = 600_000
MOST_QUESTIONS = 200
MOST_PAGES = 100


def reconcile(plugin: Plugin) -> int:
    """The job: settle what platforms can tell; returns how many messages changed and replies came."""
    changed = 0
    if plugin.settings.get("aliyun") is not None:
        changed += ask_aliyun(plugin)
    if (plugin.settings.get("tencent") or {}).get("pull"):
        changed += pull_tencent(plugin)
    return changed


def ask_aliyun(plugin: Plugin) -> int:
    """Ask for messages that have been unknown for ten minutes, oldest first; returns how many were settled.

    A message is found by our id, or, where it went in a batch, as the only one
    with this text to this number within ten minutes.
    """
    now, carriers = plugin.brand.now(), CarrierTable(plugin.settings.get("receipt_codes"))
    rows = execute(
        "SELECT m.uid, m.address, m.body, m.sent_at FROM message m JOIN outreach_run r ON r.id = m.run_id "
        "WHERE r.sender = 'aliyun' AND m.state = 'unknown' AND m.address IS NOT NULL AND m.sent_at BETWEEN ? AND ? "
        "ORDER BY m.id LIMIT ?",
        (now - _OLDEST_MS, now - _PATIENCE_MS, MOST_QUESTIONS),
    ).fetchall()
    gateway = make_aliyun(plugin)
    found = [_asked(gateway, carriers, *row) for row in rows]
    return take_reports(plugin.brand, [each for each in found if each is not None], "aliyun")


def _asked(
    gateway: Aliyun, carriers: CarrierTable, uid: str, address: str, body: str | None, sent_at: int
) -> Report | None:
    day = from_instant(sent_at, _BEIJING)
    days = {(day + timedelta(milliseconds=shift)).strftime("%Y%m%d") for shift in (-_NEAR_MS, _NEAR_MS)}
    details = [detail for each in sorted(days) for detail in gateway.lookup(address, each) or ()]
    ours = [detail for detail in details if detail.out_id == uid]
    ours = ours or [detail for detail in details if not detail.out_id and _fits(detail, body, sent_at)]
    if len(ours) != 1:
        return None
    detail = ours[0]
    state = failed_state(detail.code, carriers) if detail.state == "failed" else detail.state
    return Report(state, uid, code=detail.code[:100])


def _fits(detail: SentDetail, body: str | None, sent_at: int) -> bool:
    at = beijing(detail.sent_at)
    return bool(body) and detail.content == body and at is not None and abs(at - sent_at) <= _NEAR_MS


def pull_tencent(plugin: Plugin) -> int:
    """Read Tencent's queues of receipts and replies until they are empty; returns how many rows had an effect."""
    gateway, brand = make_tencent(plugin), plugin.brand
    carriers = CarrierTable(plugin.settings.get("receipt_codes"))
    changed = 0
    for rows in _pages(gateway, "PullSmsSendStatus"):
        changed += take_reports(brand, tencent_reports(rows, carriers), "tencent")
    for rows in _pages(gateway, "PullSmsReplyStatus"):
        changed += sum(take_reply(plugin, reply).new for reply in tencent_replies(rows))
    return changed


def _pages(gateway: Any, action: str) -> Any:
    for _ in range(MOST_PAGES):
        rows = gateway.pull(action)
        if not rows:
            return
        yield rows
