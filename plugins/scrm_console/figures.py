"""Figures of a brand that need no plugin: by day, and how far the people who arrived have come. Reads only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from scrm_core.api import Brand, day_start, execute

DAYS = 28
# Every zone's offset is a whole number of quarters: a day's midnight is the border of one.
_QUARTER_MS = 900_000


@dataclass(frozen=True, slots=True)
class Series:
    """A value per day of the brand, oldest first; ``total`` is of the shown days, ``before`` of as many before them."""

    name: str
    kind: str
    days: tuple[tuple[date, int], ...]
    total: int
    before: int


@dataclass(frozen=True, slots=True)
class Step:
    """A step of the funnel, and how many came so far."""

    name: str
    people: int


class Figures:
    """Reads the figures of one brand; use it inside ``with brand:``."""

    def __init__(self, brand: Brand) -> None:
        self._brand = brand
        self._today = brand.day(brand.now())
        self._first = self._today - DAYS + 1
        self._before = self._first - DAYS

    def by_day(self) -> list[Series]:
        """New contacts, valid orders, and their net money (paid less refunded, on the day of payment)."""
        start, end = self._start(self._before), self._start(self._today + 1)
        arrived: dict[int, int] = {}
        for quarter, count in execute(
            f"SELECT (lead_at - ?) / {_QUARTER_MS} AS quarter, count(*) FROM contact "
            "WHERE lead_at >= ? AND lead_at < ? AND state = 'active' GROUP BY 1",
            (start, start, end),
        ).fetchall():
            day = self._brand.day(start + int(quarter) * _QUARTER_MS)
            arrived[day] = arrived.get(day, 0) + int(count)
        orders, money = {}, {}
        for day, count, net in execute(
            "SELECT day, count(*), sum(paid_minor - refund_minor) FROM orders "
            "WHERE paid_at >= ? AND paid_at < ? AND valid = 1 GROUP BY day",
            (start, end),
        ).fetchall():
            orders[day], money[day] = int(count), int(net)
        return [
            self._series("leads", "count", arrived),
            self._series("orders", "count", orders),
            self._series("revenue", "money", money),
        ]

    def people(self) -> int:
        """How many contacts there are."""
        return int(execute("SELECT count(*) FROM contact WHERE state = 'active'").fetchone()[0])

    def funnel(self) -> list[Step]:
        """Visitors of links in these days; then those who arrived in them, and how far they have come by now.

        A visitor is a browser and no person, and who buys need be no member.
        """
        start = self._start(self._first)
        (visitors,) = execute(
            "SELECT count(DISTINCT v.visitor) FROM link l JOIN visit v ON v.link_id = l.id "
            "WHERE v.at >= ? AND v.bot = 0 AND v.visitor <> ''",
            (start,),
        ).fetchone()
        row = execute(
            "SELECT count(*), count(m.id), count(CASE WHEN c.orders > 0 THEN 1 END), "
            "count(CASE WHEN c.occasions > 1 THEN 1 END) FROM contact c "
            "LEFT JOIN membership m ON m.contact_id = c.id AND m.left_at IS NULL "
            "WHERE c.lead_at >= ? AND c.state = 'active'",
            (start,),
        ).fetchone()
        names = ("visits", "added", "members", "first_order", "repeat")
        return [Step(name, int(count)) for name, count in zip(names, (visitors, *row), strict=True)]

    def metrics(self) -> dict[tuple[str, str], int]:
        """Sums of plugins' metrics in these days, by plugin and metric; what was never counted is not there."""
        found = execute(
            "SELECT plugin, metric, sum(value) FROM metric_day WHERE day BETWEEN ? AND ? GROUP BY plugin, metric",
            (self._first, self._today),
        ).fetchall()
        return {(plugin, metric): int(value) for plugin, metric, value in found}

    def failed_jobs(self) -> list[tuple[str, str]]:
        """Jobs, as (plugin, job), whose newest run failed."""
        found = execute(
            "SELECT plugin, job FROM job_run WHERE id IN (SELECT max(id) FROM job_run GROUP BY plugin, job) "
            "AND state = 'failed' ORDER BY plugin, job"
        ).fetchall()
        return [(plugin, job) for plugin, job in found]

    def _start(self, day: int) -> int:
        return day_start(day, self._brand.zone)

    def _series(self, name: str, kind: str, values: dict[int, int]) -> Series:
        days = tuple((date.fromordinal(day), values.get(day, 0)) for day in range(self._first, self._today + 1))
        before = sum(value for day, value in values.items() if self._before <= day < self._first)
        return Series(name, kind, days, sum(value for _, value in days), before)
