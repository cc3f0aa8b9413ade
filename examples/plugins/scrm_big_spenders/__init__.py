"""Tags everybody who pays a lot in one order."""

from marshmallow import Schema, fields

from scrm_core.api import OrderPaid, Plugin, hookimpl


class Settings(Schema):
    least = fields.Integer(strict=True, load_default=10_000, metadata={"description": "a lot, in minor units"})


class BigSpenders(Plugin):
    name = "big-spenders"
    version = "1.0"
    summary = "Tags everybody who pays a lot in one order"
    requires_core = ">=0.1.0.dev0"
    Settings = Settings

    @hookimpl
    def on_order(self, event: OrderPaid) -> None:
        if event.contact_id is not None and event.paid_minor >= self.settings["least"]:
            tag = self.brand.tags.define("value", "big spender", plan="invite to the members' evening")
            self.brand.tags.add(event.contact_id, tag, actor=self.name)
