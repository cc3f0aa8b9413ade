"""Cross-brand swaps 异业互换: fitting partners, signed deals, a balanced ledger, settlements, overlaps."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property

from scrm_core.api import (
    ContactMerged,
    Job,
    LeadCaptured,
    LinkVisited,
    Metric,
    MetricsQuery,
    MetricValue,
    OrderPaid,
    PartnerMessage,
    Plugin,
    RefundMade,
    Report,
    ReportTable,
    hookimpl,
)

from .book import NAME
from .console import Pages
from .models import MODELS
from .overlap import problems
from .report import swap_metrics, swap_report
from .routes import blueprint
from .schemas import Settings
from .service import Swaps
from .settings_words import SETTINGS_ZH


class CrossBrandSwap(Pages, Plugin):
    """Two brands show each other to their people; what each brings is counted, balanced and settled."""

    name = NAME
    version = "0.1.0"
    summary = "Cross-brand swaps 异业互换: deals between partner brands, counted, balanced and settled"
    summary_zh = "异业互换：合作品牌之间的引流互换，可计数、平衡与结算"
    requires_core = ">=0.1.0.dev0,<1"
    panel = "acquire"
    Settings = Settings
    settings_zh = SETTINGS_ZH
    models = MODELS
    migrations = "migrations"
    blueprint = blueprint
    permissions = {
        "cross-brand-swap:read": "see partners' fit, deals, ledgers, statements and overlaps",
        "cross-brand-swap:deal": "tell the profile, offer, answer, ask for overlaps",
        "cross-brand-swap:count": "write exposures and lost people down",
    }
    commands = "scrm_cross_brand_swap.commands:group"
    jobs = (Job("upkeep", 60, "upkeep"),)
    reports = {NAME: Report("report", "Cross-brand swaps 异业互换")}
    metrics = {
        "arrivals": Metric("People that partners brought 互换引流"),
        "first-orders": Metric("First orders of people that partners brought 互换首单"),
    }

    @cached_property
    def swaps(self) -> Swaps:
        """The plugin's service for this brand."""
        return Swaps(self.brand, self.settings)

    def brand_problems(self) -> Iterable[str]:
        return problems() if self.settings["overlap"] else ()

    # Events -------------------------------------------------------------------

    @hookimpl
    def on_partner_message(self, event: PartnerMessage) -> None:
        self.swaps.take(event)

    @hookimpl
    def on_visit(self, event: LinkVisited) -> None:
        if event.owner == NAME:
            self.swaps.ledger.take_visit(event)

    @hookimpl
    def on_lead(self, event: LeadCaptured) -> None:
        self.swaps.ledger.take_lead(event)

    @hookimpl
    def on_order(self, event: OrderPaid) -> None:
        self.swaps.ledger.take_order(event)

    @hookimpl
    def on_refund(self, event: RefundMade) -> None:
        self.swaps.ledger.take_refund(event)

    @hookimpl
    def on_contact_merged(self, event: ContactMerged) -> None:
        self.swaps.ledger.take_merge(event)

    # Reading and upkeep -------------------------------------------------------

    @hookimpl
    def collect_metrics(self, query: MetricsQuery) -> Iterable[MetricValue]:
        return list(swap_metrics(self.brand, query))

    def report(self) -> ReportTable:
        """The report ``cross-brand-swap``: what each deal gave and received."""
        return swap_report()

    def upkeep(self) -> None:
        """The job: count who stayed, tell totals, close and settle deals, compute overlaps."""
        self.swaps.upkeep()
