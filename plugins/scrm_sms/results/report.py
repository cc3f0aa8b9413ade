"""The tables of results (数据监测): plans with texts and segments, where messages went, ways of adding, rescue."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from scrm_core.api import Column, ReportTable

from ..copywriting.cost import MILLI
from .arms import ArmTest
from .figures import Figures

if TYPE_CHECKING:
    from scrm_core.api import Interval

COLUMNS = (
    Column("plan", "Plan 计划"),
    Column("planned", "Planned 计划发送", "count"),
    Column("kept_back", "Kept back 未发送", "count"),
    Column("sent", "Sent 已发送", "count"),
    Column("delivered", "Delivered 已送达", "count"),
    Column("failed", "Failed 失败", "count"),
    Column("expired", "Expired 过期", "count"),
    Column("unknown", "Unknown 未知", "count"),
    Column("no_receipt", "No receipt yet 待回执", "count"),
    Column("opens", "Opens 打开次数", "count"),
    Column("bots", "Bots 机器访问", "count"),
    Column("clicked", "Clicked 点击人数", "count"),
    Column("pressed", "Pressed 按钮点击人数", "count"),
    Column("added", "Added 加友人数", "count"),
    Column("new", "New 新增人数", "count"),
    Column("recall", "Recall 引流召回率", "rate"),
    Column("buyers", "Ordered 下单人数", "count"),
    Column("orders", "Orders 订单数", "count"),
    Column("revenue_minor", "Revenue 销售额", "money"),
    Column("parts", "Parts billed 计费条数", "count"),
    Column("cost_minor", "Cost 费用", "money"),
    Column("cost_per_add_minor", "Cost per add 单个加友成本", "money"),
)
FLOW_COLUMNS = (
    Column("step", "Step 环节"),
    Column("reason", "Reason 原因"),
    Column("count", "Count 数量", "count"),
)
TEST_COLUMNS = (
    Column("plan", "Plan 计划"),
    Column("arm", "Arm 版本"),
    Column("base", "Base 基数", "count"),
    Column("hits", "Hits 命中", "count"),
    Column("share", "Share 比率", "rate"),
    Column("low", "95 % from 下限", "rate"),
    Column("high", "95 % to 上限", "rate"),
    Column("difference", "Difference 差值", "rate"),
    Column("difference_low", "from 差值下限", "rate"),
    Column("difference_high", "to 差值上限", "rate"),
    Column("p_value", "P 值", "text"),
    Column("verdict", "Verdict 结论"),
)
RESCUE_COLUMNS = (
    Column("plan", "Plan 计划"),
    Column("group", "Low intent C 群人数", "count"),
    Column("waiting", "Waiting 待发送", "count"),
    Column("blocked", "Blocked 未发送", "count"),
    Column("delivered", "Delivered 已送达", "count"),
    Column("reached", "Reached 触达人数", "count"),
    Column("added", "Added 加友", "count"),
    Column("ordered", "Ordered 下单", "count"),
    Column("left", "Lost the tag 脱离 C 群", "count"),
    Column("rescued", "Rescued 挽留人数", "count"),
    Column("rescue_rate", "Rescue rate 挽留率", "rate"),
)


def minor(milli: int) -> int:
    """Thousandths of a minor unit as money, half a unit rounded up."""
    return (milli + MILLI // 2) // MILLI


def share(part: int, whole: int) -> float | None:
    """A fraction rounded to 4 places; None of nothing: unknown, not zero."""
    return round(part / whole, 4) if whole else None


def row_of(figures: Figures) -> dict[str, Any]:
    """The figures as a row of :data:`COLUMNS`, without the plan."""
    return {
        "planned": figures.planned,
        "kept_back": sum(figures.kept_back.values()),
        "sent": figures.sent,
        "delivered": figures.delivered,
        "failed": sum(figures.failed.values()),
        "expired": figures.expired,
        "unknown": figures.unknown,
        "no_receipt": figures.no_receipt,
        "opens": figures.opens,
        "bots": figures.bots,
        "clicked": figures.clicked,
        "pressed": figures.pressed,
        "added": figures.added,
        "new": figures.new,
        "recall": share(figures.new, figures.delivered),
        "buyers": figures.buyers,
        "orders": figures.orders,
        "revenue_minor": figures.revenue,
        "parts": figures.parts,
        "cost_minor": minor(figures.cost_milli),
        "cost_per_add_minor": round(figures.cost_milli / MILLI / figures.added, 2) if figures.added else None,
    }


def table(rows: Iterable[dict[str, Any]], *, by: str = "") -> ReportTable:
    """Rows of plans; ``by`` (arm or segment) adds the column that says which part of the plan a row is."""
    titles = {"arm": "Arm 版本", "segment": "Segment 人群"}
    group = (Column(by, titles[by]),) if by else ()
    return ReportTable((COLUMNS[0], *group, *COLUMNS[1:]), list(rows))


def flow(figures: Figures, dropped: Mapping[str, int]) -> ReportTable:
    """Where every imported row went: drops by reason explain the difference between imported and delivered.

    ``dropped`` are the rows that the number pack's import dropped, by reason.
    """
    lines: list[tuple[str, str, int]] = [("imported", "", figures.planned + sum(dropped.values()))]
    lines += [("dropped", reason, count) for reason, count in sorted(dropped.items())]
    lines.append(("planned", "", figures.planned))
    lines += [("kept back", reason, count) for reason, count in sorted(figures.kept_back.items())]
    lines.append(("sent", "", figures.sent))
    lines += [("failed", code, count) for code, count in sorted(figures.failed.items())]
    for step, count in (
        ("expired", figures.expired),
        ("unknown", figures.unknown),
        ("no receipt", figures.no_receipt),
        ("delivered", figures.delivered),
    ):
        lines.append((step, "", count))
    return ReportTable(FLOW_COLUMNS, [dict(zip(("step", "reason", "count"), line, strict=True)) for line in lines])


def test_table(tests: Iterable[tuple[str, ArmTest]]) -> ReportTable:
    """Comparisons, one row per arm; the verdict is that of the whole comparison."""
    rows = []
    for plan, compared in tests:
        test = compared.test
        words = f"{test.verdict}: {test.winner}" if test.winner is not None else test.verdict
        if test.verdict == "too few persons":
            words = f"{test.verdict}: every arm needs {compared.minimum:,}"
        for line in test.arms:
            against = line.against_control
            low, high = _ends(line.interval)
            difference_low, difference_high = _ends(None if against is None else against.interval)
            rows.append(
                {
                    "plan": plan,
                    "arm": line.arm,
                    "base": line.base,
                    "hits": line.hits,
                    "share": None if line.share is None else round(line.share, 4),
                    "low": low,
                    "high": high,
                    "difference": None if against is None else round(against.difference, 4),
                    "difference_low": difference_low,
                    "difference_high": difference_high,
                    "p_value": None if line.p_adjusted is None else float(f"{line.p_adjusted:.3g}"),
                    "verdict": words,
                }
            )
    return ReportTable(TEST_COLUMNS, rows)


def _ends(interval: Interval | None) -> tuple[float | None, float | None]:
    return (None, None) if interval is None else (round(interval.low, 4), round(interval.high, 4))


def rescue_table(found: Iterable[dict[str, Any]]) -> ReportTable:
    """The rescue of plans, one row each."""
    rows = [
        {**each, "waiting": sum(each["waiting"].values()), "blocked": sum(each["blocked"].values())} for each in found
    ]
    return ReportTable(RESCUE_COLUMNS, rows)
