"""Referral 老带新: sign-ups with a quota, invitees who count as customers only, a ladder paid after staff looked."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from typing import Any

from scrm_core.api import (
    ContactMerged,
    Job,
    LeadCaptured,
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
    hookimpl,
)

from .console import Pages
from .models import MODELS
from .pages import pages
from .report import metrics, order_effects, report
from .routes import blueprint
from .schemas import NAME, Settings
from .service import Referrals
from .settings_words import SETTINGS_ZH


class Referral(Pages, Plugin):
    """Counts people who became customers, never adds; each rung is paid once, after audit and observation."""

    name = NAME
    version = "0.1.0"
    summary = "Referral 老带新: invitees who became customers, a ladder of rewards, audit before any is given"
    summary_zh = "老带新裂变：好友成为客户才算，阶梯奖励，先审核后发放"
    requires_core = ">=0.1.0.dev0,<1"
    panel = "referral"
    Settings = Settings
    settings_zh = SETTINGS_ZH
    models = MODELS
    migrations = "migrations"
    blueprint = blueprint
    pages = pages
    extensions = {"consumer.me": (("mine", {"zh": "我的邀请活动", "en": "My invitations"}),)}
    permissions = {
        "referral:read": "see campaigns, inviters, invitees, rewards and figures",
        "referral:write": "make, publish, enlarge and close campaigns",
        "referral:join": "sign people up, tell by whose code somebody came and what they were seen with",
        "referral:review": "approve and refuse rewards and held invitees",
    }
    commands = "scrm_referral.commands:group"
    jobs = (Job("settle", 600, "settle"),)
    reports = {NAME: Report("report", "Referral 老带新")}
    metrics = {
        "bound": Metric("Invitees bound 锁客"),
        "qualified": Metric("Invitees qualified 合格"),
        "rewarded": Metric("Rewards granted 发放", "minor"),
    }

    @cached_property
    def referrals(self) -> Referrals:
        """The plugin's service for this brand."""
        return Referrals(self.brand, self.settings)

    def brand_problems(self) -> Iterable[str]:
        return self.referrals.campaigns.unissuable()

    def brand_warnings(self) -> Iterable[str]:
        return self.referrals.campaigns.doubtful()

    # Events -------------------------------------------------------------------

    @hookimpl
    def on_lead(self, event: LeadCaptured) -> None:
        if event.contact_id is not None:
            self.referrals.counting.take_lead(event.contact_id, event.at, event.event_id, event.link)

    @hookimpl
    def on_order(self, event: OrderPaid) -> None:
        self.referrals.counting.take_order(event)

    @hookimpl
    def on_member(self, event: MemberJoined) -> None:
        self.referrals.counting.take_member(event)

    @hookimpl
    def on_event(self, event: PluginEvent) -> None:
        if event.plugin != NAME:
            self.referrals.counting.take_event(event)

    # An imported refund counts too: it can only concern an order that proved a gate.
    @hookimpl(backfill=True)
    def on_refund(self, event: RefundMade) -> None:
        self.referrals.counting.take_refund(event)

    @hookimpl
    def on_contact_merged(self, event: ContactMerged) -> None:
        self.referrals.counting.take_merge(event)

    # Reading and upkeep -------------------------------------------------------

    @hookimpl
    def collect_metrics(self, query: MetricsQuery) -> Iterable[MetricValue]:
        return list(metrics(query))

    @hookimpl
    def collect_order(self, query: OrderQuery) -> Iterable[OrderEffect]:
        return order_effects(query.order_id)

    @hookimpl
    def collect_personal_data(self, query: PersonQuery) -> dict[str, Any]:
        return self.referrals.personal(query)

    def erase_personal_data(self, query: PersonQuery) -> None:
        """Part the person from counts and amounts, which stay; what was not granted yet is withdrawn."""
        self.referrals.counting.forget(query.contact_ids)

    def report(self) -> ReportTable:
        """The report ``referral``."""
        return report(self.brand, self.referrals.campaigns)

    def settle(self) -> None:
        """The job: gates passed without an event of ours, rewards whose observation is over."""
        counted, granted = self.referrals.settle()
        if counted or granted:
            self.log.info("%s invitees count now, %s rewards granted", counted, granted)
