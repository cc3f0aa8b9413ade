"""From when to when a coupon is good (有效期): fixed dates, or days counted from its claim in one of three ways."""

from __future__ import annotations

from dataclasses import dataclass
from zoneinfo import ZoneInfo

from scrm_core.api import day_start, from_instant

ABSOLUTE = "absolute"
ROLLING = "rolling"
NATURAL = "natural"
NEXT_DAY = "next-day"
KINDS = {
    ABSOLUTE: "from one instant to another, the same for every coupon 固定有效期",
    ROLLING: "days of 24 hours from the moment of the claim 领取后滚动N天",
    NATURAL: "calendar days of the brand, the day of the claim is the first 领取当天起N个自然日",
    NEXT_DAY: "calendar days of the brand, beginning on the day after the claim 次日生效N天",
}
HOUR_MS = 3_600_000
MOST_DAYS = 3_650


@dataclass(frozen=True, slots=True)
class Validity:
    """How a batch's coupons are valid; ``days`` is null for an absolute one, ``until`` null means without end."""

    kind: str
    since: int | None = None
    until: int | None = None
    days: int | None = None

    def span(self, claimed_at: int, zone: ZoneInfo) -> tuple[int, int | None]:
        """The instants [from, to) in which a coupon claimed then is good.

        Calendar days begin and end with the brand's midnight, so that a day on
        which clocks change has 23 or 25 hours; rolling days always have 24.
        """
        if self.kind == ABSOLUTE:
            return (claimed_at if self.since is None else self.since), self.until
        assert self.days is not None
        if self.kind == ROLLING:
            return claimed_at, claimed_at + self.days * 24 * HOUR_MS
        day = from_instant(claimed_at, zone).toordinal()
        if self.kind == NATURAL:
            return claimed_at, day_start(day + self.days, zone)
        return day_start(day + 1, zone), day_start(day + 1 + self.days, zone)

    def lengthens(self, before: Validity) -> bool:
        """Whether no coupon would end earlier, or begin later, under this validity than under ``before``."""
        if self.kind != before.kind:
            return False
        if self.kind != ABSOLUTE:
            assert self.days is not None and before.days is not None
            return self.days >= before.days
        later = self.until is None or (before.until is not None and self.until >= before.until)
        return later and self.since == before.since
