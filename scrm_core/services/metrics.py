"""Metrics (指标): plugins compute them, the core keeps one value per day and dimension.

A rollup replaces the values of the asked days as a whole, so computing a day
again (a late import, a refund) gives the same rows as computing it once.

The job counts yesterday and today each hour. What is told late, and days in which
nobody counted, are in the first count of each day of the brand, which goes back
further; of a plugin that was never counted it goes back three months.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..db import transactional
from ..db.bulk import execute, insert_rows
from ..errors import Invalid, NotFound, PluginError
from ..facts import MetricsQuery, MetricValue
from ..limits import LIMITS
from ..models import MetricDay

if TYPE_CHECKING:
    from ..brands import Brand

MAX_DAYS = 3_700
"""The longest span of days of one rollup or one reading: ten years."""

AGAIN_DAYS = 35
"""So many days the first count of a day takes: goals of a month add them up, and refunds and receipts are late."""
BACK_DAYS = 92
"""So many days are counted of a plugin that was never counted; further back by command."""

_log = logging.getLogger("scrm.metrics")


@dataclass(frozen=True, slots=True)
class DayValue:
    """A stored value: ``day`` is a brand-local ``date.toordinal()``; ``value`` in the metric's unit."""

    plugin: str
    metric: str
    day: int
    dimension: str
    value: int


@dataclass(frozen=True, slots=True)
class Rollup:
    """What a rollup did: rows stored per plugin, and why a plugin's part is unavailable."""

    stored: dict[str, int]
    unavailable: dict[str, str]


class Metrics:
    """The metrics of one brand."""

    def __init__(self, brand: Brand) -> None:
        self.brand = brand

    def keep_up(self) -> Rollup:
        """The job: count today and yesterday, and further back the days of which a plugin's values may be old.

        A plugin that fails is behind from then on, and is asked again for all that it lacks.
        """
        today = self.brand.day(self.brand.now())
        rows = execute("SELECT key, value FROM meta WHERE key LIKE ?", ("metrics:%",)).fetchall()
        places = {key.partition(":")[2]: int(value) for key, value in rows}
        spans: dict[int, set[str]] = {}
        for name, plugin in self.brand.plugins.items():
            if plugin.metrics:
                spans.setdefault(_first_of(places.get(name), today), set()).add(name)
        whole = Rollup({}, {})
        # The most days last, and each place kept at once: a plugin at which the worker ends lacks ever more days, and
        # would keep all others from being counted.
        for first, names in sorted(spans.items(), reverse=True):
            done = self.roll_up(first, today, only=names)
            _place(done.stored, today)
            whole.stored.update(done.stored)
            whole.unavailable.update(done.unavailable)
        return whole

    def roll_up(self, first_day: int, last_day: int, *, only: Collection[str] | None = None) -> Rollup:
        """Ask every plugin that declares metrics, or these ``only``, for the days and store the answers.

        A plugin that fails keeps the values it had and is named in
        ``unavailable``; the others are stored.
        """
        _check_days(first_day, last_day)
        stored: dict[str, int] = {}
        unavailable: dict[str, str] = {}
        query = MetricsQuery(first_day, last_day)
        for name, answer, error in self.brand.hooks.collect("collect_metrics", query, only):
            if not self.brand.plugins[name].metrics:
                continue
            if error is not None:
                unavailable[name] = error
                continue
            try:
                rows = self._rows(name, answer or (), query)
            except KeyboardInterrupt:
                raise
            except BaseException as problem:  # noqa: BLE001 - a plugin's generator runs here, and may raise anything
                _log.warning("metrics of plugin %s are unavailable", name, exc_info=True)
                unavailable[name] = f"{type(problem).__name__}: {problem}"
                continue
            stored[name] = self._replace(name, query, rows)
        return Rollup(stored, unavailable)

    def _rows(
        self, plugin: str, answer: Iterable[MetricValue], query: MetricsQuery
    ) -> list[tuple[str, str, int, str, int]]:
        declared = self.brand.plugins[plugin].metrics
        rows: dict[tuple[str, int, str], int] = {}
        for given in answer:
            problem = _problem(given, declared, query)
            key = (given.metric, given.day, given.dimension)
            if problem is None and key in rows:
                problem = "is given twice"
            if problem is not None:
                raise PluginError(
                    f"plugin {plugin!r}: metric {given.metric!r} of day {given.day} ({given.dimension!r}) {problem}"
                )
            rows[key] = given.value
        return [(plugin, metric, day, dimension, value) for (metric, day, dimension), value in sorted(rows.items())]

    @transactional
    def _replace(self, plugin: str, query: MetricsQuery, rows: list[tuple[str, str, int, str, int]]) -> int:
        # One at a time: rows that another, say a command beside the job, puts here meanwhile are seen by no DELETE.
        execute(
            "INSERT INTO meta (key, value) VALUES ('metrics-turn', '') "
            "ON CONFLICT (key) DO UPDATE SET value = meta.value"
        )
        execute(
            "DELETE FROM metric_day WHERE plugin = ? AND day BETWEEN ? AND ?",
            (plugin, query.first_day, query.last_day),
        )
        insert_rows(MetricDay, ("plugin", "metric", "day", "dimension", "value"), rows)
        return len(rows)

    def read(
        self,
        plugin: str,
        metric: str,
        first_day: int,
        last_day: int,
        *,
        dimension: str | None = None,
    ) -> list[DayValue]:
        """The stored values by day and dimension; a day without a value is absent, not 0.

        Raises NotFound when no enabled plugin of that name declares the metric.
        """
        _check_days(first_day, last_day)
        if plugin not in self.brand.plugins or metric not in self.brand.plugins[plugin].metrics:
            raise NotFound(f"no metric {plugin}.{metric}")
        sql = (
            "SELECT plugin, metric, day, dimension, value FROM metric_day "
            "WHERE plugin = ? AND metric = ? AND day BETWEEN ? AND ?"
        )
        params: list[Any] = [plugin, metric, first_day, last_day]
        if dimension is not None:
            sql += " AND dimension = ?"
            params.append(dimension)
        rows = execute(f"{sql} ORDER BY day, dimension", params).fetchall()
        return [DayValue(*row) for row in rows]


def _first_of(place: int | None, today: int) -> int:
    """The first day to count of a plugin whose newest count was on day ``place``, which was not over then."""
    if place is not None and place >= today:  # also behind it, by a clock that was put back
        return today - 1
    furthest = today - BACK_DAYS + 1
    return furthest if place is None else max(furthest, min(place, today - AGAIN_DAYS + 1))


@transactional
def _place(names: Iterable[str], today: int) -> None:
    for name in sorted(names):
        execute(
            "INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
            (f"metrics:{name}", str(today)),
        )


def _problem(given: MetricValue, declared: dict[str, Any], query: MetricsQuery) -> str | None:
    if given.metric not in declared:
        return "is not declared"
    if not query.first_day <= given.day <= query.last_day:
        return "is outside the days asked for"
    if isinstance(given.value, bool) or not isinstance(given.value, int) or abs(given.value) > LIMITS.integer:
        return f"has the value {given.value!r}, which is not an integer within 2**53"
    if len(given.dimension) > LIMITS.name:
        return f"has a dimension of more than {LIMITS.name} characters"
    return None


def _check_days(first_day: int, last_day: int) -> None:
    if not 0 <= last_day - first_day < MAX_DAYS:
        raise Invalid(f"the last day must be 0 to {MAX_DAYS - 1} days after the first", field="last_day")
