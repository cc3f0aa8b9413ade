"""Threshold coupons (卡券门槛): a spend threshold to use, a task to claim, and shops that redeem."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Any

from scrm_core.api import (
    Cart,
    ContactMerged,
    Job,
    MemberJoined,
    Metric,
    MetricsQuery,
    MetricValue,
    OrderEffect,
    OrderPaid,
    OrderQuery,
    PersonQuery,
    Plugin,
    PluginEvent,
    RefundMade,
    Report,
    ReportTable,
    RewardItem,
    RewardOrder,
    RewardWanted,
    hookimpl,
)

from .carts.watch import counter_report
from .claims.issuing import REWARD_KINDS
from .console import Pages
from .models import MODELS, NAME
from .pages import pages
from .report import coupon_metrics, coupon_report, order_effects
from .routes import blueprint
from .schemas import Settings
from .service import Coupons
from .settings_words import SETTINGS_ZH


class CouponThreshold(Pages, Plugin):
    """Coupons claimed by task, quoted in carts, redeemed online and in shops, with every limit held by the database."""

    name = NAME
    version = "0.1.0"
    summary = "Threshold coupons 门槛券: claims by task, carts, redemption in shops"
    summary_zh = "门槛券：完成任务领券、购物车用券、门店核销"
    requires_core = ">=0.1.0.dev0,<1"
    panel = "repurchase"
    Settings = Settings
    settings_zh = SETTINGS_ZH
    models = MODELS
    migrations = "migrations"
    blueprint = blueprint
    pages = pages
    extensions = {"consumer.me": (("mine", {"zh": "我的优惠券", "en": "My coupons"}),)}
    permissions = {
        "coupon-threshold:read": "see batches, coupons and figures",
        "coupon-threshold:write": "create, open, pause and close batches, add stock and codes",
        "coupon-threshold:claim": "claim coupons for people",
        "coupon-threshold:redeem": "quote carts, hold, redeem and give back coupons",
        "coupon-threshold:manage": "keep shops, terminals and clerks, undo redemptions, void coupons",
    }
    commands = "scrm_coupon_threshold.commands:group"
    jobs = (
        Job("expire", 300, "expire"),
        Job("holds", 60, "end_holds"),
        Job("breaker", 60, "watch_budgets"),
        Job("closed", 3_600, "settle_closed"),
    )
    reports = {
        NAME: Report("report", "Threshold coupons 门槛券"),
        f"{NAME}-counter": Report("counter_report", "Redemptions by clerk 店员核销"),
    }
    metrics = {
        "claimed": Metric("Coupons claimed 领券数"),
        "redeemed": Metric("Coupons redeemed 核销数"),
        "discount": Metric("Discount by coupons 优惠金额", "minor"),
        "expired": Metric("Coupons expired 过期券数"),
    }
    reward_kinds = REWARD_KINDS

    @cached_property
    def coupons(self) -> Coupons:
        """The plugin's services for this brand."""
        return Coupons(self.brand, self.settings)

    # Proof of tasks ------------------------------------------------------------

    @hookimpl
    def on_member(self, event: MemberJoined) -> None:
        self.coupons.evidence.take_member(event)

    @hookimpl(backfill=True)
    def on_order(self, event: OrderPaid) -> None:
        self.coupons.evidence.take_order(event)

    @hookimpl(backfill=True)
    def on_refund(self, event: RefundMade) -> None:
        self.coupons.evidence.take_refund(event)
        self.coupons.carts.take_refund(event)

    @hookimpl
    def on_event(self, event: PluginEvent) -> None:
        self.coupons.evidence.take_event(event)

    @hookimpl
    def on_contact_merged(self, event: ContactMerged) -> None:
        self.coupons.owners.take_merge(event)

    @hookimpl
    def collect_order(self, query: OrderQuery) -> Iterable[OrderEffect]:
        return order_effects(query.order_id)

    # Carts ---------------------------------------------------------------------

    @hookimpl
    def filter_cart(self, cart: Cart) -> Cart | None:
        return self.coupons.carts.filter_cart(cart)

    # Rewards -------------------------------------------------------------------

    def verify_reward_item(self, kind: str, item: str) -> None:
        """Whether a batch or article can be given as a reward; raises Invalid."""
        self.coupons.issuing.check_item(kind, item)

    def reward_item(self, kind: str, item: str) -> RewardItem | None:
        """A batch, whoever gives its coupons away; an article that vouchers could be given for."""
        return self.coupons.issuing.item(item) or super().reward_item(kind, item)

    def reward_worth(self, kind: str, item: str, quantity: int) -> int | None:
        """The price of a product voucher's article; of a coupon nobody knows before its cart."""
        return self.coupons.issuing.worth(kind, item, quantity)

    def reward_shortage(self, wanted: Sequence[RewardWanted], most_minor: int | None) -> str:
        """Which batches have fewer coupons than that, or give none now."""
        return self.coupons.issuing.shortage(wanted)

    def issue_reward(self, order: RewardOrder) -> dict[str, Any]:
        """Claim coupons for the rewarded person."""
        return self.coupons.issuing.issue(order)

    def reverse_reward(self, order: RewardOrder) -> None:
        """Void the coupons of a reward; a used one is a Veto."""
        self.coupons.issuing.reverse(order)

    # Figures, jobs, people ------------------------------------------------------

    @hookimpl
    def collect_metrics(self, query: MetricsQuery) -> Iterable[MetricValue]:
        return list(coupon_metrics(query))

    def report(self) -> ReportTable:
        """The report ``coupon-threshold``: one row per batch."""
        return coupon_report(self.brand)

    def counter_report(self) -> ReportTable:
        """The report ``coupon-threshold-counter``: one row per clerk, of the last thirty days."""
        return counter_report(self.brand)

    def expire(self) -> None:
        """The job: expire coupons whose validity is over, and give proof of orders to buyers known by now."""
        expired, settled = self.coupons.voiding.expire(), self.coupons.evidence.settle()
        if expired or settled:
            self.log.info("expired %s coupons, gave the proof of %s orders to their buyers", expired, settled)

    def end_holds(self) -> None:
        """The job: give coupons and gifts of checkouts that were never paid back."""
        ended = self.coupons.carts.holds.expire()
        if ended:
            self.log.info("ended %s holds whose time was over", ended)

    def settle_closed(self) -> None:
        """The job: take the redemptions of orders back that were closed, of which nobody told a refund."""
        reversed_ = self.coupons.carts.reversing.settle()
        if reversed_:
            self.log.info("took back %s redemptions of orders that were closed", reversed_)

    def watch_budgets(self) -> None:
        """The job: pause batches whose budget is used too fast."""
        for code in self.coupons.breaker.check():
            self.log.warning("paused the batch %s: its budget is used too fast", code)

    def erase_personal_data(self, query: PersonQuery) -> None:
        """Void the unused coupons of an erased person and keep what was redeemed without them."""
        self.coupons.owners.erase(query)
