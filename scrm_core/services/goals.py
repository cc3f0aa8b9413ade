"""Goals (目标) of the current calendar month beside what came: in all, by plugin's metric and by channel."""

from __future__ import annotations

from calendar import monthrange
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from ..clock import day_start
from ..db.bulk import execute
from ..goals_config import CORE_GOALS, NorthStar, contacts_needed

if TYPE_CHECKING:
    from ..brands import Brand


@dataclass(frozen=True, slots=True)
class GoalLine:
    """A goal of the month beside what came so far; ``unit`` is count or minor.

    ``name`` is the metric's, or the channel's code, whose class is ``kind``.
    ``due`` is the goal's share of the days that are over, rounded down.
    ``actual`` is None where the plugin of the metric is off: off is not zero.
    """

    name: str
    unit: str
    goal: int
    actual: int | None
    due: int
    behind: bool
    kind: str = ""

    @property
    def gap(self) -> int | None:
        """What is missing to what is due; negative where more came."""
        return None if self.actual is None else self.due - self.actual


@dataclass(frozen=True, slots=True)
class GoalReport:
    """Goals of the month that begins on ``first``: ``passed`` of its ``days`` are over."""

    first: date
    days: int
    passed: int
    lines: tuple[GoalLine, ...]
    channels: tuple[GoalLine, ...]
    needed: NorthStar | None


class Goals:
    """The goals of one brand; use it inside ``with brand:``."""

    def __init__(self, brand: Brand) -> None:
        self.brand = brand

    def report(self) -> GoalReport:
        """The goals of this month in the brand's days; what came includes today, what is due does not.

        A line is ``behind`` when what came lies more than a tenth below what is due.
        """
        goals, today = self.brand.config.goals, date.fromordinal(self.brand.day(self.brand.now()))
        first, passed = today.replace(day=1), today.day - 1
        days = monthrange(today.year, today.month)[1]
        start = day_start(first.toordinal(), self.brand.zone)

        def line(name: str, goal: int, actual: int | None, kind: str = "") -> GoalLine:
            due = goal * passed // days
            unit = self._unit(name) if not kind else "count"
            return GoalLine(name, unit, goal, actual, due, actual is not None and actual * 10 < due * 9, kind)

        came = self._came(start, first.toordinal(), today.toordinal())
        by_channel = self._by_channel(start) if goals.channels else {}
        contacts, members = goals.monthly.get("contacts", 0), goals.monthly.get("members", 0)
        needed = None if goals.join_rate is None else contacts_needed(contacts, members, goals.join_rate)
        return GoalReport(
            first,
            days,
            passed,
            tuple(line(name, goal, came.get(name)) for name, goal in goals.monthly.items()),
            tuple(line(each.code, each.contacts, by_channel.get(each.code, 0), each.kind) for each in goals.channels),
            needed,
        )

    def _came(self, start: int, first: int, today: int) -> dict[str, int]:
        """What came in the month, of the goals that there are; a plugin that is off has nothing."""
        wanted = self.brand.config.goals.monthly
        found: dict[str, int] = {}
        if "contacts" in wanted:
            (found["contacts"],) = execute(
                "SELECT count(*) FROM contact WHERE lead_at >= ? AND state = 'active'", (start,)
            ).fetchone()
        if "members" in wanted:
            (found["members"],) = execute(
                "SELECT count(DISTINCT contact_id) FROM membership WHERE joined_at >= ?", (start,)
            ).fetchone()
        if "orders" in wanted or "revenue_minor" in wanted:
            count, money = execute(
                "SELECT count(*), coalesce(sum(paid_minor - refund_minor), 0) FROM orders "
                "WHERE paid_at >= ? AND valid = 1",
                (start,),
            ).fetchone()
            found |= {"orders": int(count), "revenue_minor": int(money)}
        for name in wanted:
            plugin, _, metric = name.partition(".")
            if name not in CORE_GOALS and self._declares(plugin, metric):
                values = self.brand.metrics.read(plugin, metric, first, today)
                found[name] = sum(each.value for each in values)
        return found

    def _declares(self, plugin: str, metric: str) -> bool:
        on = self.brand.plugins.get(plugin)
        return on is not None and metric in on.metrics

    def _unit(self, name: str) -> str:
        plugin, _, metric = name.partition(".")
        if self._declares(plugin, metric):
            return self.brand.plugins[plugin].metrics[metric].unit
        return "minor" if name == "revenue_minor" else "count"

    def _by_channel(self, start: int) -> dict[str, int]:
        return dict(
            execute(
                "SELECT ch.code, count(*) FROM contact c JOIN channel ch ON ch.id = c.lead_channel_id "
                "WHERE c.lead_at >= ? AND c.state = 'active' GROUP BY ch.code",
                (start,),
            ).fetchall()
        )
