"""Entries (一码入口): where a code hangs and who shares it, so that shops and what is shared online can be compared.

Every entry is a code of its own: a shop's door, the owner's circle of friends, a
customer's group. A code says whether it is met ``offline`` or ``online``, of
which store it is, and who shares it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from scrm_core.api import Column, Invalid, ReportTable, clean_text, execute, transactional

if TYPE_CHECKING:
    from scrm_core.api import Brand

    from .codes import Code, Codes

PLACES = ("", "offline", "online")
SHARERS = ("", "owner", "core", "staff", "customer")
"""Who shares a code (转发者): nobody, the owner 老板, the core team 核心团队, staff 员工, a customer 客户."""

GROUPS = {"place": "d.place", "store": "d.store", "sharer": "d.sharer_role", "channel": "c.code"}
COLUMNS = (
    Column("visitors", "Opened the page 打开", "count"),
    Column("sent", "Sent to staff 分配", "count"),
    Column("added", "Added 添加", "count"),
    Column("replied", "Replied 回复", "count"),
    Column("ordered", "First order 首单", "count"),
    Column("add_rate", "Added of opened 添加率", "rate"),
    Column("order_rate", "Ordered of added 首单率", "rate"),
)
TITLES = {
    "place": "Met 场景", "store": "Store 门店", "sharer": "Shared by 转发者", "channel": "Channel 渠道",
}  # fmt: skip


class Entries:
    """Where the codes of one brand are met; use it inside ``with brand:``."""

    def __init__(self, brand: Brand, codes: Codes) -> None:
        self.brand = brand
        self.codes = codes

    @transactional
    def put(
        self, channel: str, *, place: str = "", store: str = "", sharer_role: str = "", sharer: str = "", actor: str
    ) -> Code:
        """Say where a code is met and who shares it; replaces what was said.

        ``sharer`` is a userid of staff, a contact's uid for a customer, or a name of
        one's own for the owner and the core team. Raises Invalid, NotFound.
        """
        if place not in PLACES:
            raise Invalid("place is offline, online or empty", field="place")
        if sharer_role not in SHARERS:
            raise Invalid(f"sharer_role is empty or one of {', '.join(SHARERS[1:])}", field="sharer_role")
        sharer = clean_text(sharer, field="sharer", max_length=100)
        if bool(sharer) != bool(sharer_role):
            raise Invalid("who shares a code is told with their role", field="sharer")
        if sharer_role == "customer":
            sharer = self.brand.contacts.get(sharer).uid
        if sharer_role == "staff":
            self.codes.member(sharer)
        code = self.codes.get(channel)
        execute(
            "UPDATE live_code_code SET place = ?, store = ?, sharer_role = ?, sharer = ?, actor = ? WHERE id = ?",
            (place, clean_text(store, field="store", max_length=64), sharer_role, sharer,
             clean_text(actor, field="actor", max_length=100), code.id),
        )  # fmt: skip
        self.codes.note(channel, "entry", actor, {"place": place, "sharer_role": sharer_role})
        return self.codes.get(channel)

    @staticmethod
    def of(code: Code) -> dict[str, str]:
        """Where a code is met: ``place``, ``store``, ``sharer_role``, ``sharer``."""
        names = ("place", "store", "sharer_role", "sharer")
        row = execute(f"SELECT {', '.join(names)} FROM live_code_code WHERE id = ?", (code.id,)).fetchone()
        return dict(zip(names, row, strict=True))


def entry_report(*, by: str = "place") -> ReportTable:
    """The funnel of codes by where they are met, their store, who shares them, or each: the same steps for all.

    Visitors are browsers (not bots) per code; people who added, replied and ordered are contacts. Raises Invalid.
    """
    if by not in GROUPS:
        raise Invalid(f"by is one of {', '.join(GROUPS)}", field="by")
    added = "(SELECT count(DISTINCT a.contact_id) FROM live_code_add a WHERE a.code_id = d.id"
    counted = (
        "(SELECT count(DISTINCT v.visitor) FROM link l JOIN visit v ON v.link_id = l.id "
        "WHERE l.code = d.link AND v.bot = 0)",
        "(SELECT count(*) FROM live_code_place p WHERE p.code_id = d.id AND p.staff_id IS NOT NULL)",
        f"{added})",
        f"{added} AND a.spoke_at IS NOT NULL)",
        f"{added} AND a.ordered_at IS NOT NULL)",
    )
    rows = execute(
        f"WITH each_code AS (SELECT {GROUPS[by]} AS who, "
        + ", ".join(f"{sql} AS n{place}" for place, sql in enumerate(counted))
        + " FROM live_code_code d JOIN channel c ON c.id = d.channel_id) "
        "SELECT who, sum(n0), sum(n1), sum(n2), sum(n3), sum(n4) FROM each_code GROUP BY who ORDER BY who"
    ).fetchall()
    names = (by, *(column.name for column in COLUMNS[:5]))
    made = [_rates(dict(zip(names, _row(row), strict=True))) for row in rows]
    return ReportTable((Column(by, TITLES[by]), *COLUMNS), made)


def _row(row: Any) -> list[Any]:
    return [row[0], *(int(value) for value in row[1:])]


def _rates(row: dict[str, Any]) -> dict[str, Any]:
    seen, added = row["visitors"], row["added"]
    return {
        **row,
        "add_rate": added / seen if seen and added <= seen else None,
        "order_rate": row["ordered"] / added if added else None,
    }
