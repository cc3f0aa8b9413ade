"""A plugin that issues vouchers and leaves a touch per call, so that a test sees how often it was asked."""

from __future__ import annotations

import secrets

from scrm_core.api import Invalid, Plugin, RewardItem, Veto


class Mint(Plugin):
    """Issues ``voucher``; refuses or fails when the reason of the grant or reversal says so."""

    name = "mint"
    version = "1.0"
    summary = "issues vouchers"
    requires_core = ">=0.0"
    reward_kinds = {"voucher": "a voucher"}

    def issue_reward(self, order):
        self._note("issue", order)
        return self._answer(order) or {"code": f"V-{secrets.token_hex(8)}", "item": order.item}

    def verify_reward_item(self, kind, item):
        if item == "NOTHING":
            raise Invalid("there are no such vouchers", field="item")

    def reward_item(self, kind, item):
        return RewardItem("last year's", "it is over") if item == "OLD" else super().reward_item(kind, item)

    def reward_worth(self, kind, item, quantity):
        return None if item == "MYSTERY" else 250 * quantity

    def reward_shortage(self, wanted, most_minor):
        short = [each for each in wanted if each.quantity * each.least > 100]
        return f"short of {[(each.item, each.least) for each in short]} within {most_minor}" if short else ""

    def reverse_reward(self, order):
        self._note(f"reverse {order.issued['code']}", order)
        self._answer(order)

    def _note(self, what, order):
        self.brand.contacts.add_touch(order.contact_id, "page", what, at=order.at, key=secrets.token_hex(8))

    def _answer(self, order):
        if order.reason == "veto":
            raise Veto("out of vouchers", "sold_out")
        if order.reason == "invalid":
            raise Invalid("no such voucher", field="item")
        if order.reason == "crash":
            raise ValueError("the printer burns")
        return ["a list"] if order.reason == "list" else {"code": {1}} if order.reason == "set" else None
