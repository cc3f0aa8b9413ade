"""Points 积分: an append-only ledger that orders fill and refunds reverse."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from typing import Any

from scrm_core.api import (
    Cart,
    ContactMerged,
    Job,
    Metric,
    MetricsQuery,
    MetricValue,
    OrderEffect,
    OrderPaid,
    OrderQuery,
    PersonQuery,
    Plugin,
    RefundMade,
    Report,
    ReportTable,
    RewardOrder,
    SegmentField,
    hookimpl,
)

from .carts import Worth, price
from .models import MODELS
from .orders import Earnings
from .pages import pages
from .report import order_effects, points_metrics, points_report
from .routes import blueprint
from .schemas import Settings
from .service import KIND, NAME, PointsBook, check_item
from .settings_words import SETTINGS_ZH
from .spending import Spending


class Points(Plugin):
    """Points are granted, earned, held and spent by entries that nobody rewrites; refunds reverse them."""

    name = NAME
    version = "0.1.0"
    summary = "Points 积分: an append-only ledger that orders fill and refunds reverse"
    summary_zh = "积分：只增不改的账本，订单累积，退款扣回"
    requires_core = ">=0.1.0.dev0,<1"
    panel = "repurchase"
    Settings = Settings
    settings_zh = SETTINGS_ZH
    models = MODELS
    migrations = "migrations"
    blueprint = blueprint
    pages = pages
    extensions = {
        "consumer.me": (("mine", {"zh": "我的积分", "en": "My points"}),),
        "interaction-games.means": (Spending,),
    }
    permissions = {
        "points:read": "see balances, entries and the ledger's check",
        "points:spend": "hold, spend and release points for a checkout",
        "points:adjust": "give and take points by hand",
    }
    commands = "scrm_points.commands:group"
    jobs = (Job("settle", 60, "settle"), Job("closed", 3_600, "settle_closed"))
    reports = {NAME: Report("report", "Points 积分")}
    metrics = {"came": Metric("Points that came 积分发放"), "went": Metric("Points that went 积分消耗")}
    segment_fields = {"balance": SegmentField("balances", "number", "points that the contact has")}
    reward_kinds = {KIND: "points 积分; quantity says how many, there is no item"}

    @cached_property
    def book(self) -> PointsBook:
        """The plugin's service for this brand."""
        return PointsBook(self.brand, self.settings)

    @cached_property
    def earnings(self) -> Earnings:
        """What orders earn."""
        return Earnings(self.book)

    # Rewards ------------------------------------------------------------------

    def verify_reward_item(self, kind: str, item: str) -> None:
        check_item(item)

    def reward_worth(self, kind: str, item: str, quantity: int) -> int:
        """What the points would pay in a cart."""
        return quantity * int(self.settings["redeem_minor"])

    def issue_reward(self, order: RewardOrder) -> dict[str, Any]:
        return self.book.issue(order)

    def reverse_reward(self, order: RewardOrder) -> None:
        self.book.take_reward_back(order)

    # Events -------------------------------------------------------------------

    @hookimpl
    def on_order(self, event: OrderPaid) -> None:
        self.earnings.take_order(event)

    # An imported refund counts too: it can only concern an order that has earned or was paid with points.
    @hookimpl(backfill=True)
    def on_refund(self, event: RefundMade) -> None:
        self.earnings.take_refund(event)

    @hookimpl
    def on_contact_merged(self, event: ContactMerged) -> None:
        self.book.settle_merge(event.winner_id, event.loser_id)

    @hookimpl
    def filter_cart(self, cart: Cart) -> Cart | None:
        settings = self.settings
        worth = Worth(settings["redeem_minor"], settings["redeem_cap_bp"], settings["redeem_step"])
        have = self.book.ledger.spendable(cart.contact_id) if cart.contact_id is not None else 0
        return price(cart, worth, have, NAME)

    # Reading and upkeep -------------------------------------------------------

    @hookimpl
    def collect_metrics(self, query: MetricsQuery) -> Iterable[MetricValue]:
        return list(points_metrics(query))

    @hookimpl
    def collect_order(self, query: OrderQuery) -> Iterable[OrderEffect]:
        return order_effects(query.order_id)

    def erase_personal_data(self, query: PersonQuery) -> None:
        self.book.erase(query.contact_ids)

    def report(self) -> ReportTable:
        """The report ``points``: entries by kind, balance and debt."""
        return points_report()

    def balances(self) -> tuple[str, tuple[int, ...]]:
        """The segment field ``points.balance``."""
        return "SELECT contact_id, balance FROM points_account", ()

    def settle(self) -> None:
        """The job: end holds, let points lapse, let buyers earn who became known."""
        ended, lapsed, earned = self.book.end_holds(), self.book.lapse(), self.earnings.settle()
        if ended or lapsed or earned:
            self.log.info("%s holds ended, points of %s people lapsed, %s orders earned late", ended, lapsed, earned)

    def settle_closed(self) -> None:
        """The job: orders that were closed, of which nobody told a refund, are refunded in points."""
        closed = self.earnings.settle_closed()
        if closed:
            self.log.info("points of %s closed orders went back", closed)
