"""A console page and a card: who bought for the first time in the last days, and how many thanks are still to be said.

Staff calls first buyers and says thank you; the list is longest ago first, and a tag takes a person off it.
"""

from __future__ import annotations

from marshmallow import RAISE, Schema, fields, validate

from scrm_core.api import Column, ConsolePart, ConsoleTemplate, Plugin, ReportTable, execute, from_instant

GROUP, THANKED = "first order", "thanked"
MOST = 50
_DAY_MS = 86_400_000


class Settings(Schema):
    class Meta:
        unknown = RAISE

    days = fields.Integer(
        strict=True, load_default=14, validate=validate.Range(1, 90),
        metadata={"description": "days after a first order in which thanks are still due"},
    )  # fmt: skip


class FirstOrders(Plugin):
    name = "first-orders"
    version = "1.0"
    summary = "First orders 首单关怀: whom to thank, on a page of the console"
    requires_core = ">=0.1.0.dev0"
    Settings = Settings
    console_pages = {"thanks": ConsolePart("thanks", {"en": "First orders", "zh": "首单关怀"}, "contacts:read")}
    console_cards = {"due": ConsolePart("due", {"en": "Thanks due", "zh": "待致谢首单"}, "reports:read")}

    def thanks(self) -> ConsoleTemplate:
        """The page, for whoever may see contacts."""
        found = self._waiting("c.uid, c.name, c.first_order_at", f"ORDER BY c.first_order_at, c.id LIMIT {MOST}")
        people = [(uid, name, from_instant(at, self.brand.zone).strftime("%m-%d %H:%M")) for uid, name, at in found]
        return ConsoleTemplate("thanks.html", {"people": people, "days": self.settings["days"]})

    def due(self) -> ReportTable:
        """The card, for whoever may see reports: a number and nobody's name."""
        ((count,),) = self._waiting("count(*)")
        return ReportTable((Column("due", "People 人数", "count"),), [{"due": count}])

    def _waiting(self, columns: str, more: str = "") -> list[tuple[str, ...]]:
        since = self.brand.now() - self.settings["days"] * _DAY_MS
        thanked = (
            "SELECT ct.contact_id FROM contact_tag ct JOIN tag t ON t.id = ct.tag_id "
            "JOIN tag_group g ON g.id = t.group_id WHERE g.name = ? AND t.name = ?"
        )
        return execute(
            f"SELECT {columns} FROM contact c WHERE c.state = 'active' AND c.first_order_at >= ? "
            f"AND c.id NOT IN ({thanked}) {more}",
            (since, GROUP, THANKED),
        ).fetchall()  # type: ignore[no-any-return]
