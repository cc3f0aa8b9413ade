"""Reports of the core itself: goals, channels, cohorts and the map of RFM, each with its chart."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from math import sqrt
from typing import TYPE_CHECKING, Any

from ..clock import day_start, from_instant, month_starts
from ..db.bulk import execute, fetch_in
from ..rfm import TOP
from ..shown import Chart, Column, ReportTable
from .contributions import contributions

if TYPE_CHECKING:
    from ..brands import Brand

DAYS = 28
"""Days of a period of the channels' report, today included; the period before has as many."""

COHORTS = 12
"""Months of cohorts, this one included."""

_MOST_CHANNELS = 50


@dataclass(frozen=True, slots=True)
class ChannelRank:
    """What came by a channel in a period of :data:`DAYS` days: new contacts, and what people of it bought.

    ``before`` are the new contacts of the period before, ``week`` those of the last seven whole days and
    ``usual`` those of the 21 whole days before these. ``code`` is empty for people who came by none.
    """

    code: str
    name: str
    kind: str
    contacts: int
    before: int
    orders: int
    revenue: int
    week: int
    usual: int

    @property
    def fallen(self) -> bool:
        """Whether the week is suddenly thin: a rule of counts, so that a small channel's chance is no alarm.

        The three weeks before let expect ``usual / 3`` in a week, 14 (two a day) at least, or nothing is said.
        Fallen is what lies more than three standard deviations (of a Poisson count, its root) below that, and
        at half of it or less.
        """
        expected = self.usual / 3
        return expected >= 14 and self.week < expected - 3 * sqrt(expected) and self.week * 2 <= expected


def channels(brand: Brand) -> list[ChannelRank]:
    """Channels ranked by the new contacts of the last :data:`DAYS` days, the first 50 of them."""
    today = brand.day(brand.now())
    starts = {back: day_start(today - back, brand.zone) for back in (0, 7, DAYS - 1, DAYS, 2 * DAYS - 1)}
    period = starts[DAYS - 1]
    people = execute(
        "SELECT coalesce(lead_channel_id, 0), count(CASE WHEN lead_at >= ? THEN 1 END), "
        "count(CASE WHEN lead_at < ? THEN 1 END), count(CASE WHEN lead_at >= ? AND lead_at < ? THEN 1 END), "
        "count(CASE WHEN lead_at >= ? AND lead_at < ? THEN 1 END) FROM contact "
        "WHERE lead_at >= ? AND state = 'active' GROUP BY 1",
        (period, period, starts[7], starts[0], starts[DAYS], starts[7], starts[2 * DAYS - 1]),
    ).fetchall()
    bought = {
        key: (int(orders), int(money))
        for key, orders, money in execute(
            "SELECT coalesce(c.lead_channel_id, 0), count(*), sum(o.paid_minor - o.refund_minor) FROM orders o "
            "JOIN contact c ON c.id = o.contact_id WHERE o.paid_at >= ? AND o.valid = 1 GROUP BY 1",
            (period,),
        ).fetchall()
    }
    counted = {key: tuple(map(int, counts)) for key, *counts in people}
    ranked = sorted(
        counted.keys() | bought.keys(),
        key=lambda key: (-counted.get(key, (0,))[0], -bought.get(key, (0, 0))[1], key),
    )[:_MOST_CHANNELS]
    named = {
        key: words
        for key, *words in fetch_in("SELECT id, code, name, kind FROM channel WHERE id IN ({in})", ranked)
    }
    found = []
    for key in ranked:
        code, name, kind = named.get(key, ("", "", ""))
        now, before, week, usual = counted.get(key, (0, 0, 0, 0))
        found.append(ChannelRank(code, name, kind, now, before, *bought.get(key, (0, 0)), week, usual))
    return found


def channel_table(brand: Brand) -> ReportTable:
    """Channels ranked: what each brought in four weeks."""
    columns = (
        Column("channel", "Channel 渠道"), Column("kind", "Kind 类型"),
        Column("contacts", "New contacts 新增客户", "count"), Column("before", "28 days before 前28天", "count"),
        Column("orders", "Orders 订单", "count"), Column("revenue", "Net revenue 净销售额", "money"),
    )  # fmt: skip
    rows = [
        {
            "channel": each.name or each.code or "(no channel 无渠道)", "kind": each.kind,
            "contacts": each.contacts, "before": each.before, "orders": each.orders, "revenue": each.revenue,
        }
        for each in channels(brand)
    ]  # fmt: skip
    return ReportTable(columns, rows, Chart("bars", "channel", ("contacts", "before")))


def contribution_table(brand: Brand) -> ReportTable:
    """Plugins ranked: the orders put down to each in four weeks, as of when; off is not zero."""
    columns = (
        Column("plugin", "Plugin 插件"), Column("state", "State 状态"), Column("buyers", "Buyers 买家", "count"),
        Column("orders", "Orders 订单", "count"), Column("links", "By links 链接", "count"),
        Column("messages", "By messages 消息", "count"), Column("rewards", "By rewards 奖励", "count"),
        Column("revenue", "Net revenue 净销售额", "money"), Column("as_of", "As of 截至"),
    )  # fmt: skip
    rows = [
        {
            "plugin": each.plugin or "(no plugin 无插件)",
            "state": ("on 开启" if each.on else "off 关闭") if each.plugin else "",
            "buyers": each.buyers, "orders": each.orders, "links": each.links, "messages": each.messages,
            "rewards": each.rewards, "revenue": each.revenue,
            "as_of": f"{from_instant(each.as_of, brand.zone):%Y-%m-%d %H:%M}",
        }
        for each in contributions(brand)
    ]  # fmt: skip
    return ReportTable(columns, rows, Chart("bars", "plugin", ("revenue",)))


def goal_table(brand: Brand) -> ReportTable:
    """Goals of this month; figures in the unit that stands beside them."""
    columns = (
        Column("goal", "Goal 目标"), Column("unit", "Unit 单位"), Column("class", "Class 类别"),
        Column("month", "Month 全月", "count"), Column("actual", "Actual 实际", "count"),
        Column("due", "Due by now 应达", "count"), Column("gap", "Gap 缺口", "count"),
        Column("share", "Of due 进度", "rate"),
    )  # fmt: skip
    report = brand.goals.report()
    rows = [
        {
            "goal": each.name, "unit": each.unit, "class": each.kind, "month": each.goal, "actual": each.actual,
            "due": each.due, "gap": each.gap,
            "share": each.actual / each.due if each.due and each.actual is not None else None,
        }
        for each in (*report.lines, *report.channels)
    ]  # fmt: skip
    return ReportTable(columns, rows, Chart("bars", "goal", ("share",)))


def _bucket(column: str, bounds: Sequence[int]) -> tuple[str, list[int]]:
    """SQL of the place of a column's value between bounds: 0 from the first to below the second."""
    whens = " ".join(f"WHEN {column} < ? THEN {place}" for place in range(len(bounds) - 1))
    return f"CASE {whens} END", list(bounds[1:])


def _cohorts(column: str, bounds: Sequence[int], months: list[date]) -> ReportTable:
    day_bounds = [each.toordinal() for each in months]
    cohort, cohort_params = _bucket(column, bounds)
    month, month_params = _bucket("o.day", day_bounds)
    sizes = dict(
        execute(
            f"SELECT {cohort}, count(*) FROM contact c WHERE {column} >= ? AND c.state = 'active' GROUP BY 1",
            (*cohort_params, bounds[0]),
        ).fetchall()
    )
    bought = {
        (one, other): int(people)
        for one, other, people in execute(
            f"SELECT {cohort}, {month}, count(DISTINCT c.id) FROM contact c JOIN orders o ON o.contact_id = c.id "
            f"WHERE {column} >= ? AND c.state = 'active' AND o.valid = 1 AND o.day >= ? GROUP BY 1, 2",
            (*cohort_params, *month_params, bounds[0], day_bounds[0]),
        ).fetchall()
    }
    names = [f"m{later}" for later in range(COHORTS - 1)]
    columns = [Column("month", "Month 月份"), Column("people", "People 人数", "count")]
    columns += [Column(name, f"+{later}", "rate") for later, name in enumerate(names)]
    rows = []
    for place in range(COHORTS):
        people = sizes.get(place, 0)
        row: dict[str, Any] = {"month": f"{months[place]:%Y-%m}", "people": people}
        for later, name in enumerate(names):
            # A month that is not over has no figure: half of it would look like a loss.
            over = place + later < COHORTS - 1
            row[name] = bought.get((place, place + later), 0) / people if over and people else None
        rows.append(row)
    return ReportTable(tuple(columns), rows, Chart("heat", "month", tuple(names)))


def buyer_cohorts(brand: Brand) -> ReportTable:
    """Of those who first bought in a month, the share who bought in it and in each month behind it."""
    months = month_starts(date.fromordinal(brand.day(brand.now())), COHORTS)
    return _cohorts("c.first_day", [each.toordinal() for each in months], months)


def contact_cohorts(brand: Brand) -> ReportTable:
    """Of those who came in a month, the share who bought in it and in each month behind it."""
    months = month_starts(date.fromordinal(brand.day(brand.now())), COHORTS)
    return _cohorts("c.lead_at", [day_start(each.toordinal(), brand.zone) for each in months], months)


def rfm_map(brand: Brand) -> ReportTable:
    """Customers by recency (down) and frequency (across), each scored 1 to 5, of the last 365 days."""
    scored = brand.rfm.customers(date.fromordinal(brand.day(brand.now())))
    counted: dict[tuple[int, int], int] = {}
    for each in scored:
        place = each.scores.r, each.scores.f
        counted[place] = counted.get(place, 0) + 1
    names = [f"f{score}" for score in range(1, TOP + 1)]
    columns = (
        Column("recency", "Recency 最近购买"),
        *(Column(name, f"F{score}", "count") for score, name in enumerate(names, 1)),
    )
    rows = [
        {"recency": f"R{r}", **{f"f{f}": counted.get((r, f), 0) for f in range(1, TOP + 1)}}
        for r in range(TOP, 0, -1)
    ]
    return ReportTable(columns, rows if scored else [], Chart("heat", "recency", tuple(names)))


HOUSE: dict[str, tuple[str, Callable[[Brand], ReportTable]]] = {
    "goals": ("Goals of this month 本月目标", goal_table),
    "channels": ("Channels ranked 渠道排名", channel_table),
    "contributions": ("Plugins ranked 插件贡献排名", contribution_table),
    "buyer-cohorts": ("Buyers by month of first order 首购月份复购", buyer_cohorts),
    "contact-cohorts": ("Contacts by month of arrival 新增月份购买", contact_cohorts),
    "rfm-map": ("RFM map RFM 热力图", rfm_map),
}
"""Reports of the core by name; plugins' reports stand behind them."""
