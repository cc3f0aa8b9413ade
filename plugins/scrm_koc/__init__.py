"""KOC 关键意见消费者: who might be one, what they do, which orders they led, what they are paid, what it changed."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from typing import Any

from scrm_core.api import (
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
    PluginEvent,
    RefundMade,
    Report,
    ReportTable,
    SegmentField,
    hookimpl,
)

from .console import Pages
from .models import MODELS, NAME
from .pages import pages
from .report import koc_metrics, order_effects
from .routes import blueprint
from .schemas import Settings
from .service import Koc
from .settings_words import SETTINGS_ZH


class KocPlugin(Pages, Plugin):
    """Key consumers are found by an explained score, given tasks, and paid for the orders they led."""

    name = NAME
    version = "0.1.0"
    summary = "KOC 关键意见消费者: scored candidates, tasks, tracked orders, commission, influence"
    summary_zh = "KOC 关键意见消费者：候选评分、任务、订单追踪、佣金与影响力"
    requires_core = ">=0.1.0.dev0,<1"
    panel = "referral"
    Settings = Settings
    settings_zh = SETTINGS_ZH
    models = MODELS
    migrations = "migrations"
    blueprint = blueprint
    pages = pages
    permissions = {
        "koc:read": "see scores, KOCs, tasks, orders, the ledger and the report",
        "koc:track": "tell that a KOC's code came with an order",
        "koc:manage": "enrol KOCs, give tasks and take submissions",
        "koc:review": "approve, return and verify what KOCs hand in; take points off",
        "koc:settle": "settle, pay and adjust commission",
    }
    commands = "scrm_koc.commands:group"
    jobs = (Job("upkeep", 300, "upkeep"), Job("score", 86_400, "score"))
    reports = {NAME: Report("report", "KOC influence 影响力")}
    metrics = {
        "orders": Metric("Orders led by KOCs KOC带来订单"),
        "revenue": Metric("Net revenue of these KOC带来净额", "minor"),
        "commission": Metric("Commission entries 佣金分录", "minor"),
        "pieces": Metric("Approved pieces 通过稿件"),
    }
    segment_fields = {
        "score": SegmentField("scores", "number", "KOC score, 0 to 100"),
        "tier": SegmentField("tiers", "text", "tier of a KOC: S, A, B or C"),
    }

    @cached_property
    def koc(self) -> Koc:
        """The plugin's service for this brand."""
        return Koc(self.brand, self.settings)

    def brand_problems(self) -> Iterable[str]:
        settings = self.settings
        if not settings["tier_s"] > settings["tier_a"] > settings["tier_b"]:
            yield "tier_s, tier_a and tier_b descend: otherwise no score has one tier"
        if settings["bands_minor"] != sorted(set(settings["bands_minor"])):
            yield "bands_minor ascends, without repeats"
        codes = [each["code"] for each in settings["programmes"]]
        if len(set(codes)) < len(codes):
            yield "two programmes have one code"
        weights = sum(value for name, value in settings.items() if name.startswith("weight_"))
        if weights != 100:
            yield f"the six weights sum to {weights}, not 100: a score is out of 100"

    # Events -------------------------------------------------------------------

    @hookimpl
    def on_order(self, event: OrderPaid) -> None:
        self.koc.take_order(event)

    # An imported refund counts too: it can only concern an order that was put down to a KOC.
    @hookimpl(backfill=True)
    def on_refund(self, event: RefundMade) -> None:
        self.koc.take_refund(event)

    @hookimpl
    def on_event(self, event: PluginEvent) -> None:
        self.koc.take_event(event)

    @hookimpl
    def on_contact_merged(self, event: ContactMerged) -> None:
        self.koc.take_merge(event)

    # Reading and upkeep -------------------------------------------------------

    @hookimpl
    def collect_metrics(self, query: MetricsQuery) -> Iterable[MetricValue]:
        return list(koc_metrics(query))

    @hookimpl
    def collect_personal_data(self, query: PersonQuery) -> dict[str, Any]:
        return self.koc.collect(query.contact_ids)

    @hookimpl
    def collect_order(self, query: OrderQuery) -> Iterable[OrderEffect]:
        return order_effects(query.order_id)

    def erase_personal_data(self, query: PersonQuery) -> None:
        self.koc.erase(query.contact_ids)

    def report(self) -> ReportTable:
        """The report ``koc``: a row per programme."""
        return self.koc.report()

    def scores(self) -> tuple[str, tuple[int, ...]]:
        """The segment field ``koc.score``."""
        return "SELECT contact_id, score / 100 FROM koc_score", ()

    def tiers(self) -> tuple[str, tuple[int, ...]]:
        """The segment field ``koc.tier``, of KOCs alone."""
        return (
            "SELECT p.contact_id, CASE s.tier WHEN 3 THEN 'S' WHEN 2 THEN 'A' WHEN 1 THEN 'B' ELSE 'C' END "
            "FROM koc_person p LEFT JOIN koc_score s ON s.contact_id = p.contact_id",
            (),
        )

    def upkeep(self) -> None:
        """The job: late work, orders of buyers who became known, commission that is due."""
        done = self.koc.upkeep()
        if done.late or done.found or done.earned:
            self.log.info("%s late, %s orders found, %s orders decided", done.late, done.found, done.earned)

    def score(self) -> None:
        """The job: score everybody in the first hours of a month; other days do nothing."""
        if not self.koc.scores.scored():
            self.log.info("%s people have a score", self.koc.scores.run())
