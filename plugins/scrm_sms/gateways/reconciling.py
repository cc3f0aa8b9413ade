"""Asking platforms: what became of messages that nobody knows about, and what waits in their queues.

Aliyun is asked for every unknown message of the last days. Tencent, where the
brand cannot be called back, is asked for receipts and replies; a row read there
is gone there, so each page is recorded before the next is asked for, and a
receipt that comes before its message is known waits for the next time.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary
from zoneinfo import ZoneInfo

from scrm_core.api import Plugin, execute, from_instant

from ..copywriting.carriers import CarrierTable
from .declared import make_aliyun, make_tencent
from .inbound import take_reply
from .receiving import TooEarly, take_reports
from .reports import Report, beijing, failed_state, tencent_replies, tencent_reports

if TYPE_CHECKING:
    from .aliyun import Aliyun, SentDetail

_BEIJING = ZoneInfo("Asia/Shanghai")
_PATIENCE_MS = 600_000
_OLDEST_MS = 3 * 86_400_000
_NEAR_MS = 600_000
MOST_QUESTIONS = 200
MOST_PAGES = 100
_MOST_EARLY = 10_000
_MOST_SILENT = 3
"""Questions without an answer after which Aliyun is left alone until the next time."""

# What this process remembers; after a restart Aliyun is asked from the oldest message on, and a receipt
# that was pulled too early is missed: its message ends as unknown.
_asked_up_to: WeakKeyDictionary[Plugin, int] = WeakKeyDictionary()
_early: WeakKeyDictionary[Plugin, list[Report]] = WeakKeyDictionary()


def reconcile(plugin: Plugin) -> int:
    """The job: settle what platforms can tell; returns how many messages changed and replies came."""
    changed = 0
    if plugin.settings.get("aliyun") is not None:
        changed += ask_aliyun(plugin)
    if (plugin.settings.get("tencent") or {}).get("pull"):
        changed += pull_tencent(plugin)
    return changed


def ask_aliyun(plugin: Plugin) -> int:
    """Ask for messages that have been unknown for ten minutes; returns how many were settled.

    They are asked for in turn, so that those of which nothing is known keep nobody waiting.
    A message is found by our id, or, where it went in a batch, as the only one
    with this text to this number within ten minutes.
    """
    now, carriers = plugin.brand.now(), CarrierTable(plugin.settings.get("receipt_codes"))
    rows = execute(
        "SELECT m.id, m.uid, m.address, m.body, m.sent_at FROM message m JOIN outreach_run r ON r.id = m.run_id "
        "WHERE r.sender = 'aliyun' AND m.state = 'unknown' AND m.address IS NOT NULL AND m.sent_at BETWEEN ? AND ? "
        "AND m.id > ? ORDER BY m.id LIMIT ?",
        (now - _OLDEST_MS, now - _PATIENCE_MS, _asked_up_to.get(plugin, 0), MOST_QUESTIONS),
    ).fetchall()
    gateway = make_aliyun(plugin)
    changed = silent = 0
    for message_id, *message in rows:
        answered, report = _asked(gateway, carriers, *message)
        _asked_up_to[plugin] = message_id
        if report is not None:
            changed += take_reports(plugin.brand, [report], "aliyun")
        silent = 0 if answered else silent + 1
        if silent == _MOST_SILENT:
            return changed
    if len(rows) < MOST_QUESTIONS:
        _asked_up_to.pop(plugin, None)
    return changed


def _asked(
    gateway: Aliyun, carriers: CarrierTable, uid: str, address: str, body: str | None, sent_at: int
) -> tuple[bool, Report | None]:
    """Whether there was an answer, and what it says of the message."""
    day = from_instant(sent_at, _BEIJING)
    days = {(day + timedelta(milliseconds=shift)).strftime("%Y%m%d") for shift in (-_NEAR_MS, _NEAR_MS)}
    answers = [gateway.lookup(address, each) for each in sorted(days)]
    details = [detail for answer in answers for detail in answer or ()]
    ours = [detail for detail in details if detail.out_id == uid]
    ours = ours or [detail for detail in details if not detail.out_id and _fits(detail, body, sent_at)]
    if len(ours) != 1:
        return None not in answers, None
    detail = ours[0]
    state = failed_state(detail.code, carriers) if detail.state == "failed" else detail.state
    return True, Report(state, uid, code=detail.code[:100])


def _fits(detail: SentDetail, body: str | None, sent_at: int) -> bool:
    at = beijing(detail.sent_at)
    return bool(body) and detail.content == body and at is not None and abs(at - sent_at) <= _NEAR_MS


def _take_each(plugin: Plugin, reports: Iterable[Report]) -> int:
    """Record receipts that nobody will tell again; one that comes too early is kept for the next time."""
    changed = 0
    for report in reports:
        try:
            changed += take_reports(plugin.brand, [report], "tencent")
        except TooEarly:
            if len(_early[plugin]) < _MOST_EARLY:
                _early[plugin].append(report)
    return changed


def pull_tencent(plugin: Plugin) -> int:
    """Read Tencent's queues of receipts and replies until they are empty; returns how many rows had an effect."""
    gateway = make_tencent(plugin)
    carriers = CarrierTable(plugin.settings.get("receipt_codes"))
    waiting, _early[plugin] = _early.get(plugin, []), []
    changed = _take_each(plugin, waiting)
    for rows in _pages(gateway, "PullSmsSendStatus"):
        changed += _take_each(plugin, tencent_reports(rows, carriers))
    for rows in _pages(gateway, "PullSmsReplyStatus"):
        changed += sum(take_reply(plugin, reply).new for reply in tencent_replies(rows))
    return changed


def _pages(gateway: Any, action: str) -> Any:
    for _ in range(MOST_PAGES):
        rows = gateway.pull(action)
        if not rows:
            return
        yield rows
