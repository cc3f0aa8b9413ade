"""Tag rules (数据标签循环): events set tags by rules that the brand writes in its own file."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property

from scrm_core.api import (
    Job,
    LeadCaptured,
    LinkVisited,
    Metric,
    MetricsQuery,
    MetricValue,
    OrderEffect,
    OrderPaid,
    OrderQuery,
    Plugin,
    RefundMade,
    Report,
    ReportTable,
    hookimpl,
)

from .models import MODELS
from .report import order_effects, rules_metrics, rules_report
from .routes import blueprint
from .schemas import Settings, rules_of
from .service import NAME, TagRuleBook
from .settings_words import SETTINGS_ZH


class TagRules(Plugin):
    """Sets a tag once per event that meets a rule; what a person removes stays removed."""

    name = NAME
    version = "0.1.0"
    summary = "Tag rules 数据标签循环: event -> rule -> tag, once per event"
    summary_zh = "数据标签循环：事件 -> 规则 -> 标签，每个事件一次"
    requires_core = ">=0.1.0.dev0,<1"
    panel = "insight"
    Settings = Settings
    settings_zh = SETTINGS_ZH
    models = MODELS
    migrations = "migrations"
    blueprint = blueprint
    permissions = {"tag-rules:read": "see the rules and what they have done"}
    commands = "scrm_tag_rules.commands:group"
    jobs = (Job("settle", 300, "settle"),)
    reports = {NAME: Report("report", "Tag rules 标签规则")}
    metrics = {"hits": Metric("Hits of tag rules 规则命中")}

    @cached_property
    def book(self) -> TagRuleBook:
        """The plugin's service for this brand."""
        return TagRuleBook(self.brand, rules_of(self.settings))

    @hookimpl
    def on_order(self, event: OrderPaid) -> None:
        self.book.take("order", event, order_id=event.order_id)

    @hookimpl
    def on_lead(self, event: LeadCaptured) -> None:
        self.book.take("lead", event)

    @hookimpl
    def on_refund(self, event: RefundMade) -> None:
        self.book.take("refund", event, order_id=event.order_id)

    @hookimpl
    def on_visit(self, event: LinkVisited) -> None:
        self.book.take("visit", event, visit_id=event.visit_id)

    @hookimpl
    def collect_metrics(self, query: MetricsQuery) -> Iterable[MetricValue]:
        return list(rules_metrics(self.book, query))

    @hookimpl
    def collect_order(self, query: OrderQuery) -> Iterable[OrderEffect]:
        return order_effects(self.book, query.order_id)

    def report(self) -> ReportTable:
        """The report ``tag-rules``: one row per rule."""
        return rules_report(self.book)

    def settle(self) -> None:
        """The job: set tags whose person became known after the event."""
        settled = self.book.settle()
        if settled:
            self.log.info("set %s tags of people who became known", settled)
