"""What members of staff have in WeCom."""

from __future__ import annotations

from scrm_core.api import Column, ReportTable

from . import follows

COLUMNS = (
    Column("staff", "Member 成员"),
    Column("came", "Adds 添加", "count"),
    Column("active", "Friends 好友", "count"),
    Column("half", "Half adds 免验证待添加", "count"),
    Column("lost", "Lost by the customer 流失", "count"),
    Column("removed", "Removed otherwise 员工删除或转接", "count"),
)


def wecom_report() -> ReportTable:
    """One row per member of staff: how many customers came, stand and went, as of now."""
    names = [column.name for column in COLUMNS]
    return ReportTable(COLUMNS, [dict(zip(names, row, strict=True)) for row in follows.counts()])
