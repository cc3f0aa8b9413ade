"""Reports of reception: how long each step took, and the share of people who are still there after thirty days."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from scrm_core.api import Column, Invalid, ReportTable, execute, wilson

from .reception import DAY_MS, LIMITED

if TYPE_CHECKING:
    from scrm_core.api import Brand

    from .reception import Reception

DAYS, MOST_DAYS = 90, 1_000
SURVIVAL_DAYS = 30
"""Practitioners' yardstick of a good reception: no delete, block or muting within a month at least."""

GROUPS = {"channel": "c.code", "staff": "coalesce(s.userid, '')"}
BOTH = "both"
_FROM = (
    "FROM live_code_add a JOIN live_code_code d ON d.id = a.code_id JOIN channel c ON c.id = d.channel_id "
    "LEFT JOIN live_code_staff s ON s.id = a.staff_id "
)
WHO = (Column("channel", "Channel 渠道"), Column("staff", "Staff 员工"))
RECEPTION = (
    Column("step", "Step 环节"),
    Column("done", "Done 已完成", "count"),
    Column("median_seconds", "Median, seconds 中位秒数", "count"),
    Column("p90_seconds", "90th percentile, seconds 九成秒数", "count"),
    Column("within", "Within the limit 限时内", "count"),
    Column("missed", "Too late, or too late by now 超时", "count"),
    Column("rate", "Share within the limit 达标率", "rate"),
    Column("waiting", "Still waiting 等待中", "count"),
    Column("unknown", "Found later, times not known 事后发现，时间不详", "count"),
)
SURVIVAL = (
    Column("added", "Added 30 days ago or before 满 30 天", "count"),
    Column("kept", "Still there after 30 days 留存", "count"),
    Column("by_customer", "Deleted or blocked by the customer 客户删除或拉黑", "count"),
    Column("muted", "Muted 免打扰", "count"),
    Column("by_staff", "Deleted by staff 员工删除", "count"),
    Column("unknown", "Gone, nobody knows by whom 已流失（原因不明）", "count"),
    Column("rate", "30-day survival 30 天留存率", "rate"),
    Column("low", "95 % from 区间下限", "rate"),
    Column("high", "95 % to 区间上限", "rate"),
    Column("not_yet", "Not yet 30 days 未满 30 天", "count"),
)


def _who(by: str) -> tuple[str, str, tuple[Column, ...]]:
    """The grouping as SQL: what is selected, what is grouped by, and its columns. Raises Invalid."""
    names = list(GROUPS) if by == BOTH else [by]
    if not set(names) <= set(GROUPS):
        raise Invalid("by is channel, staff or both", field="by")
    selected = ", ".join(f"{GROUPS[name]} AS {name}" for name in names)
    return selected, ", ".join(names), tuple(column for column in WHO if column.name in names)


def _days(days: int) -> int:
    if not 1 <= days <= MOST_DAYS:
        raise Invalid(f"days is a whole number from 1 to {MOST_DAYS}", field="days")
    return days


def _cut(after: int, limit: int | None) -> str:
    """Some of the rows as SQL: ``limit`` behind the first ``after``, or all of them."""
    return "" if limit is None else f" LIMIT {int(limit)} OFFSET {int(after)}"


def reception_report(
    reception: Reception, *, by: str = BOTH, days: int = DAYS, after: int = 0, limit: int | None = None
) -> ReportTable:
    """How long each step took for people added in the last ``days``: a row per step and channel and staff (``by``).

    ``limit`` rows behind the first ``after``; None: all.

    ``rate`` is ``within / (within + missed)``: who waits and may still be in time is in neither, nor who
    left before the limit. An add that nobody told of and that was found later is ``unknown`` alone. Percentiles are
    nearest ranks: the n-th of N with n = p N / 100, rounded up. Raises Invalid.
    """
    selected, keys, who = _who(by)
    now = reception.brand.now()
    steps, values = [], []
    for step, (done, begun) in LIMITED.items():
        most = reception.limits[step] * 1_000 or None  # without a limit nobody is in time, or too late
        steps.append(
            f"SELECT {selected}, CAST(? AS TEXT) AS step, "
            # What was done before the step began (a tag set by hand before the approval) took no time.
            f"CASE WHEN a.found_at IS NOT NULL THEN NULL WHEN a.{done} < a.{begun} THEN 0 "
            f"ELSE a.{done} - a.{begun} END AS took, "
            f"CASE WHEN a.found_at IS NULL THEN coalesce(a.ended_at, ?) - a.{begun} END AS waited, "
            "a.ended_at, a.found_at, CAST(? AS BIGINT) AS most "
            f"{_FROM}WHERE a.at > ? AND (a.{begun} IS NOT NULL OR a.found_at IS NOT NULL)"
        )
        values += [step, now, most, now - _days(days) * DAY_MS]
    rows = execute(
        f"WITH each_step AS ({' UNION ALL '.join(steps)}), ranked AS (SELECT each_step.*, "
        f"count(took) OVER (PARTITION BY {keys}, step) AS n, row_number() OVER (PARTITION BY {keys}, step, "
        "CASE WHEN took IS NULL THEN 1 ELSE 0 END ORDER BY took) AS place FROM each_step) "
        f"SELECT {keys}, step, count(took), max(CASE WHEN place = (n + 1) / 2 THEN took END) / 1000, "
        "max(CASE WHEN place = (n * 9 + 9) / 10 THEN took END) / 1000, sum(CASE WHEN took <= most THEN 1 ELSE 0 END), "
        "sum(CASE WHEN coalesce(took, waited) > most THEN 1 ELSE 0 END), "
        "sum(CASE WHEN took IS NULL AND ended_at IS NULL AND found_at IS NULL THEN 1 ELSE 0 END), count(found_at) "
        f"FROM ranked GROUP BY {keys}, step ORDER BY {keys}, step{_cut(after, limit)}",
        values,
    ).fetchall()
    columns = (*who, *(column for column in RECEPTION))
    names = [column.name for column in columns if column.name != "rate"]
    made = []
    for row in rows:
        told: dict[str, Any] = dict(zip(names, row, strict=True))
        base = told["within"] + told["missed"]
        made.append({**told, "rate": told["within"] / base if base else None})
    return ReportTable(columns, made)


def survival_report(
    brand: Brand, *, by: str = BOTH, days: int = 365, after: int = 0, limit: int | None = None
) -> ReportTable:
    """Of who was added thirty days ago or before (and at most ``days`` ago): who was there for thirty days on end.

    Not there is who deleted, blocked or muted within thirty days, or was deleted by
    the staff, or was found gone by a sync, which cannot tell by whom; a person counts
    once, by what came first. Who was added later is ``not_yet`` and counts in nothing
    else, also when they have left. Raises Invalid.
    """
    selected, keys, who = _who(by)
    now, span = brand.now(), SURVIVAL_DAYS * DAY_MS
    gone = "(ended_at IS NOT NULL AND ended_at <= at + ?)"
    muted = "(muted_at IS NOT NULL AND muted_at <= at + ? AND (ended_at IS NULL OR muted_at < ended_at))"
    rows = execute(
        f"WITH them AS (SELECT {selected}, a.at, a.ended_at, a.ended_by, a.muted_at, CASE WHEN a.at <= ? THEN 1 ELSE 0 "
        f"END AS ripe {_FROM}WHERE a.at > ?), judged AS (SELECT them.*, CASE WHEN {muted} THEN 'muted' "
        f"WHEN {gone} THEN CASE WHEN ended_by IN ('customer', 'staff') THEN ended_by ELSE 'unknown' END "
        "ELSE '' END AS fate FROM them) "
        f"SELECT {keys}, sum(ripe), "
        + ", ".join(f"sum(CASE WHEN ripe = 1 AND fate = '{fate}' THEN 1 ELSE 0 END)" for fate in _FATES)
        + f", sum(1 - ripe) FROM judged GROUP BY {keys} ORDER BY {keys}{_cut(after, limit)}",
        (now - span, now - _days(days) * DAY_MS, span, span),
    ).fetchall()
    columns = (*who, *SURVIVAL)
    names = [column.name for column in columns if column.name not in ("rate", "low", "high")]
    return ReportTable(columns, [_with_rate(dict(zip(names, row, strict=True))) for row in rows])


_FATES = ("", "customer", "muted", "staff", "unknown")


def _with_rate(row: dict[str, Any]) -> dict[str, Any]:
    interval = wilson(row["kept"], row["added"]) if row["added"] else None
    return {
        **row,
        "rate": row["kept"] / row["added"] if row["added"] else None,
        "low": interval.low if interval else None,
        "high": interval.high if interval else None,
    }
