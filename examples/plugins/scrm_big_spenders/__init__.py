"""Tags everybody who pays a lot in one order, and lets segments ask for the largest one."""

from marshmallow import Schema, fields

from scrm_core.api import OrderPaid, Plugin, SegmentField, hookimpl


class Settings(Schema):
    least = fields.Integer(strict=True, load_default=10_000, metadata={"description": "a lot, in minor units"})


class BigSpenders(Plugin):
    name = "big-spenders"
    version = "1.0"
    summary = "Tags everybody who pays a lot in one order"
    requires_core = ">=0.1.0.dev0"
    Settings = Settings
    segment_fields = {"largest": SegmentField("largest", "number", "largest valid order, in minor units")}

    @hookimpl
    def on_order(self, event: OrderPaid) -> None:
        if event.contact_id is not None and event.paid_minor >= self.settings["least"]:
            tag = self.brand.tags.define("value", "big spender", plan="invite to the members' evening")
            self.brand.tags.add(event.contact_id, tag, actor=self.name)

    def largest(self) -> tuple[str, tuple[object, ...]]:
        """The segment field ``big-spenders.largest``: a value per contact; who has none is in no such segment."""
        who = "valid = ? AND contact_id IS NOT NULL"
        return f"SELECT contact_id, max(paid_minor) FROM orders WHERE {who} GROUP BY contact_id", (1,)
