"""A tenth off every cart on Fridays, and a tag for whoever answers a question: two hooks, one each."""

from datetime import date

from scrm_core.api import Cart, CartDiscount, Plugin, PluginEvent, hookimpl

FRIDAY = 4


class FridayDiscount(Plugin):
    name = "friday-discount"
    version = "1.0"
    summary = "Takes a tenth off on Fridays and tags whoever answers a question"
    requires_core = ">=0.1.0.dev0"

    @hookimpl
    def filter_cart(self, cart: Cart) -> Cart | None:
        if date.fromordinal(self.brand.day(cart.at)).weekday() != FRIDAY:
            return None  # the cart stays as it is
        tenths = tuple(cart.left(index) // 10 for index in range(len(cart.lines)))
        return cart.with_discount(CartDiscount(self.name, "friday", "周五九折 10% off", tenths))

    @hookimpl
    def on_event(self, event: PluginEvent) -> None:
        if (event.plugin, event.name) == ("interaction-games", "answered") and event.contact_id is not None:
            tag = self.brand.tags.define("talk", "answers", plan="ask again next week")
            self.brand.tags.add(event.contact_id, tag, actor=self.name)
