"""What quiet hours (免打扰时段) hold: runs that rest and messages that are put off, and by which hours.

Both remember the quiet hours that held them. Where others are in force, the run is looked at again and its messages
are candidates again, each in its turn: nothing is written to what waits.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Protocol

from ..db.bulk import execute, update_rows
from .hours import opens_at, zones_of
from .types import RunView

if TYPE_CHECKING:
    from ..brands import Brand
    from .judging import Judge

AT_HOME = "coalesce(substr(address, 1, length(?)), '') = ?"
"""Whether a message's recipient is at home, by :attr:`Night.home`, twice."""


class Waiting(Protocol):
    """A message that is still to be sent."""

    @property
    def id(self) -> int: ...

    @property
    def address(self) -> str: ...


class Night:
    """When each recipient may be written to: at once, or when the quiet hours end where they are."""

    def __init__(self, brand: Brand, judge: Judge, now: int) -> None:
        self.now = now
        self.zone = brand.zone
        self.quiet = judge.quiet
        self.rule = "" if self.quiet is None else f"{self.quiet[0]}-{self.quiet[1]} {self.zone.key}"
        # Those at home are nearly all of a run: at night they are passed by without being touched. This is what their
        # addresses begin with; on a channel without phone numbers, all are at home.
        number = "+86" if brand.config.phone_region == "CN" else None
        self.home = number if judge.address_kind == "phone" else ""
        self.home_opens = now if self.home is None else self.opens(self.home)

    def opens(self, address: str, at: int | None = None) -> int:
        """The instant from which the address may be written to; ``at`` (default now) when it may then."""
        return opens_at(self.now if at is None else at, self.quiet, zones_of(address, self.zone))

    def due(self, checked_at: int) -> int:
        """Since when a run waits at which somebody looked last then: the night at home is nobody's outage."""
        return checked_at if self.home is None else self.opens(self.home, checked_at)


def rest(run: RunView, night: Night, now: int) -> bool:
    """Nobody can be written to now: where it is night at home, rest until the first morning, there or abroad.

    Whether quiet hours are why: times that a plugin asked for are waited for too, until the morning at home.
    """
    if night.home_opens <= now:
        return False
    first, held = execute(
        "SELECT min(m.opens), min(CASE WHEN m.held = 1 THEN m.opens END) FROM ("
        f"SELECT CASE WHEN {AT_HOME} AND not_before < ? THEN ? ELSE not_before END AS opens, "
        f"CASE WHEN {AT_HOME} OR held_by IS NOT NULL THEN 1 ELSE 0 END AS held "
        "FROM message WHERE run_id = ? AND state = 'queued' AND bucket < ?) m",
        (night.home, night.home, night.home_opens, night.home_opens, night.home, night.home, run.id, run.released),
    ).fetchone()
    if first is None:
        return False
    until = min(first, night.home_opens)  # what is queued meanwhile may go then
    execute(
        "UPDATE outreach_run SET next_at = ?, rests_until = ?, held_by = ?, held_until = CAST(? AS BIGINT) "
        "WHERE id = ?",
        (until, until, None if held is None else night.rule, held, run.id),
    )
    return held is not None


def wake(run: RunView, now: int) -> int:
    """Other quiet hours hold than those that the run rests by: look again at once. Returns when it may go on.

    A run that does not rest goes on when its pace and its gateway let it.
    """
    (goes_on,) = execute(
        "UPDATE outreach_run SET next_at = CASE WHEN next_at = rests_until AND next_at > ? THEN ? ELSE next_at END, "
        "rests_until = NULL, held_by = NULL, held_until = NULL WHERE id = ? RETURNING next_at",
        (now, now, run.id),
    ).fetchone()
    return int(goes_on)


def overdue(run: RunView, night: Night, now: int) -> list[int]:
    """Messages of a standing run that could have gone longer ago than its grace, where their recipients are."""
    then = now - run.grace_ms
    rows = execute(
        "SELECT id, coalesce(address, ''), CASE WHEN not_before > updated_at THEN not_before ELSE updated_at END "
        "FROM message WHERE run_id = ? AND state = 'queued' AND updated_at < ? AND not_before < ?",
        (run.id, then, then),
    ).fetchall()
    return [message_id for message_id, address, since in rows if night.opens(address, since) < then]


def put_off(run: RunView, night: Night, found: Iterable[Waiting], now: int) -> None:
    """Let those of some messages wait whose recipients have night, at least one of them, each for its own morning."""
    later = [
        (opening, night.rule, now, each.id) for each in found if (opening := night.opens(each.address)) > now
    ]
    update_rows("UPDATE message SET not_before = ?, held_by = ?, updated_at = ? WHERE id = ?", later)
    first = min(line[0] for line in later)
    execute(
        "UPDATE outreach_run SET held_by = ?, held_until = CASE WHEN held_until > ? AND held_until < ? "
        "THEN held_until ELSE CAST(? AS BIGINT) END WHERE id = ?",
        (night.rule, now, first, first, run.id),
    )
