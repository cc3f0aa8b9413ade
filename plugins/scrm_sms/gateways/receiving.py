"""Receipts on their way into the brand's messages: which message a report speaks of."""

from __future__ import annotations

from collections.abc import Iterable

from scrm_core.api import Brand, execute

from .reports import Report

_NEAR_MS = 600_000
"""A platform's time of sending and ours differ by less than this."""


class TooEarly(Exception):
    """The receipt came before the call that sent the message returned; the platform is asked to come again."""


def take_reports(brand: Brand, reports: Iterable[Report], sender: str) -> int:
    """Record reports of a sender; returns how many changed a message.

    Reports of unknown messages change nothing. Raises TooEarly for one without
    our id whose message is being handed over at this moment.
    """
    changed = 0
    for report in reports:
        uid = report.uid or _by_ref(brand, report, sender)
        if uid and brand.outreach.receipt(
            uid, report.state, code=report.code, reason=report.reason, ref=report.ref, at=report.at
        ):
            changed += 1
    return changed


def _by_ref(brand: Brand, report: Report, sender: str) -> str | None:
    found = brand.outreach.find(report.ref, report.address)
    if found is not None:
        return found
    if _messages_to(report.address, sender, "m.state = 'sending'", ()):
        raise TooEarly("the message is being sent; tell us again later")
    return _unanswered(report, sender)


def _unanswered(report: Report, sender: str) -> str | None:
    """The one message to the number whose call had no answer at the time that the report tells of."""
    if report.sent_at is None:
        return None
    near = (report.sent_at - _NEAR_MS, report.sent_at + _NEAR_MS)
    fitting = _messages_to(
        report.address, sender, "m.state = 'unknown' AND m.ref = '' AND m.sent_at BETWEEN ? AND ?", near
    )
    return fitting[0] if len(fitting) == 1 else None


def _messages_to(address: str, sender: str, where: str, params: tuple[int, ...]) -> list[str]:
    rows = execute(
        "SELECT m.uid FROM message m JOIN outreach_run r ON r.id = m.run_id "
        f"WHERE m.address = ? AND r.sender = ? AND {where} ORDER BY m.id LIMIT 2",
        (address, sender, *params),
    ).fetchall()
    return [row[0] for row in rows]
