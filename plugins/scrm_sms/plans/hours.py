"""The hours in which a plan may start: wall clock of the brand's zone, outside its quiet hours."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scrm_core.api import Invalid, iso, read_instant

from .book import CHANNEL

if TYPE_CHECKING:
    from scrm_core.api import Brand

MOST_DAYS = 366
DAY_MS = 86_400_000


def start_instant(brand: Brand, text: str, kind: str) -> int:
    """The instant of a start such as ``2026-03-01T10:00``, or of ``now``.

    A time without offset is the brand's wall clock. Raises Invalid for what is
    no time, for the past, for more than a year ahead, and, for commercial
    kinds, for the quiet hours, naming the hours that are allowed. Recipients in
    other zones still wait for their own morning.
    """
    now = brand.now()
    at = now if text.strip() == "now" else read_instant(text, brand.zone, "at")
    if at < now:
        raise Invalid(f"{iso(at, brand.zone)} lies in the past: it is {iso(now, brand.zone)}", field="at")
    if at > now + MOST_DAYS * DAY_MS:
        raise Invalid(f"{iso(at, brand.zone)} is more than {MOST_DAYS} days ahead", field="at")
    quiet = _quiet(brand, kind)
    if quiet is not None and brand.outreach.opens_at(CHANNEL, kind, at=at) > at:
        begin, end = quiet
        raise Invalid(
            f"{iso(at, brand.zone)} lies in the quiet hours {_clock(begin)}-{_clock(end)}; "
            f"a start is allowed from {_clock(end)} to {_clock(begin)} ({brand.zone.key})",
            field="at",
        )
    return at


def opening_text(brand: Brand, kind: str) -> str:
    """The hours in which messages of a kind may go, in words."""
    quiet = _quiet(brand, kind)
    return "at any hour" if quiet is None else f"{_clock(quiet[1])}-{_clock(quiet[0])} where the recipient is"


def _quiet(brand: Brand, kind: str) -> tuple[int, int] | None:
    policy = brand.config.outreach
    return policy.of(CHANNEL).quiet if kind in policy.opt_in else None


def _clock(minute: int) -> str:
    return f"{minute // 60:02d}:{minute % 60:02d}"
