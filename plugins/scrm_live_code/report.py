"""The report of live codes: whom each code sent to whom."""

from __future__ import annotations

from scrm_core.api import Column, ReportTable, execute

COLUMNS = (
    Column("channel", "Channel 渠道"),
    Column("title", "Name 名称"),
    Column("state", "State 状态"),
    Column("main", "Sent to staff 分配主接待", "count"),
    Column("backup", "Sent to backups 溢出到备用", "count"),
    Column("adds", "Adds 添加", "count"),
    Column("people", "People who added 添加人数", "count"),
)


def live_code_report() -> ReportTable:
    """A row per code: people who were sent to main staff and to backups, and who came."""
    rows = execute(
        "SELECT c.code, d.title, d.state, coalesce(sum(CASE WHEN p.role = 'main' THEN 1 ELSE 0 END), 0), "
        "coalesce(sum(CASE WHEN p.role = 'backup' THEN 1 ELSE 0 END), 0), "
        "(SELECT count(*) FROM live_code_add a WHERE a.code_id = d.id), "
        "(SELECT count(DISTINCT a.contact_id) FROM live_code_add a WHERE a.code_id = d.id) "
        "FROM live_code_code d JOIN channel c ON c.id = d.channel_id LEFT JOIN live_code_place p ON p.code_id = d.id "
        "GROUP BY d.id, c.code, d.title, d.state ORDER BY d.id"
    ).fetchall()
    names = [column.name for column in COLUMNS]
    return ReportTable(COLUMNS, [dict(zip(names, row, strict=True)) for row in rows])
