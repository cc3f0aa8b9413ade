"""Package cards (包裹卡): a card in every parcel leads the buyer into the brand's private domain."""

from __future__ import annotations

from collections.abc import Iterable

from scrm_core.api import (
    Job,
    LeadCaptured,
    Metric,
    MetricsQuery,
    MetricValue,
    OrderEffect,
    OrderPaid,
    OrderQuery,
    Plugin,
    Report,
    ReportTable,
    hookimpl,
)

from .claims import NAME
from .console import CARDS, PAGES, CardConsole
from .models import MODELS
from .report import card_metrics, card_report, order_effects
from .routes import blueprint
from .schemas import Settings
from .settings_words import SETTINGS_ZH
from .steps.machine import Steps
from .steps.models import STEP_MODELS


class PackageCard(CardConsole, Plugin):
    """Cards ship with orders, scans become leads, serials lead to buyers, the report says what it brought."""

    name = NAME
    version = "0.1.0"
    summary = "Package cards 包裹卡: recall rate and contribution per card"
    summary_zh = "包裹卡：引流召回率与单卡贡献"
    requires_core = ">=0.1.0.dev0,<1"
    panel = "acquire"
    Settings = Settings
    settings_zh = SETTINGS_ZH
    models = (*MODELS, *STEP_MODELS)
    migrations = "migrations"
    blueprint = blueprint
    permissions = {
        "package-card:read": "see campaigns and their figures",
        "package-card:write": "create campaigns, links and print batches, record stock, shipments and costs",
        "package-card:approve": "approve proofs, choose winners and launch campaigns",
    }
    commands = "scrm_package_card.commands:group"
    jobs = (Job("settle", 300, "settle"), Job("count", 3_600, "count_trials"))
    console_pages = PAGES
    console_cards = CARDS
    reports = {NAME: Report("report", "Package cards 包裹卡")}
    metrics = {
        "shipped": Metric("Cards shipped 发卡数"),
        "missed": Metric("No card left 缺卡"),
        "new": Metric("New persons by card 引流新客"),
    }

    # History counts too: what is written here are facts about the past, nothing is sent to anybody.

    @hookimpl(backfill=True)
    def on_order(self, event: OrderPaid) -> None:
        self.cards.take_order(event)

    @hookimpl(backfill=True)
    def on_lead(self, event: LeadCaptured) -> None:
        self.cards.claims.take_lead(event)

    @hookimpl
    def collect_order(self, query: OrderQuery) -> Iterable[OrderEffect]:
        return order_effects(query.order_id)

    @hookimpl
    def collect_metrics(self, query: MetricsQuery) -> Iterable[MetricValue]:
        return list(card_metrics(query))

    def report(self) -> ReportTable:
        """The report ``package-card``: one row per campaign."""
        return card_report(self.cards)

    def settle(self) -> None:
        """The job: join leads, cards and buyers that came in at the same moment or late."""
        moved = self.cards.settle()
        if moved:
            self.log.info("joined %s leads with cards or buyers", moved)

    def count_trials(self) -> None:
        """The job: tell running trials of cards that were shipped and scanned, for whoever looks at experiments."""
        Steps(self.brand, self.settings).trials.count_running()
