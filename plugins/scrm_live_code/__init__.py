"""Live codes 渠道活码: one code per real channel, and staff by rota, cap and backup behind it."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property

from scrm_core.api import (
    Job,
    LeadCaptured,
    MessageReceived,
    OrderPaid,
    Plugin,
    PluginEvent,
    Report,
    ReportTable,
    TagAdded,
    hookimpl,
)

from .adds import take_lead
from .asks import ask_report
from .console import Pages
from .entries import entry_report
from .models import MODELS
from .pages import pages
from .reception_report import reception_report, survival_report
from .report import live_code_report
from .routes import blueprint
from .schemas import NAME, Settings
from .service import LiveCodes
from .settings_words import SETTINGS_ZH


class LiveCodePlugin(Pages, Plugin):
    """The printed code stays; who receives the people that scan it changes by weekday, hour and room left."""

    name = NAME
    version = "0.1.0"
    summary = "Live codes 渠道活码: one code per channel, staff by rota and daily cap behind it"
    summary_zh = "渠道活码：一个渠道一个码，背后按排班与每日上限分配员工"
    requires_core = ">=0.1.0.dev0,<1"
    panel = "acquire"
    Settings = Settings
    settings_zh = SETTINGS_ZH
    models = MODELS
    migrations = "migrations"
    blueprint = blueprint
    pages = pages
    permissions = {
        "live-code:read": "see codes, staff and the report, and download posters",
        "live-code:write": "make codes, seat staff, set activities, publish and pause",
    }
    commands = "scrm_live_code.commands:group"
    jobs = (Job("pause", 60, "pause_ended"), Job("ways", 60, "keep_ways"))
    reports = {
        NAME: Report("report", "Live codes 渠道活码"),
        "live-code-reception": Report("reception_report", "Reception 承接时效"),
        "live-code-entries": Report("entry_report", "Entries 入口漏斗"),
        "live-code-asks": Report("ask_report", "Adding by phone 手机号加友"),
        "live-code-personas": Report("persona_report", "Personas 人设漏斗"),
        "live-code-survival": Report("survival_report", "30-day survival 30 天留存"),
    }

    @cached_property
    def live_codes(self) -> LiveCodes:
        """The plugin's service for this brand."""
        return LiveCodes(self.brand, self.settings)

    @hookimpl(backfill=True)
    def on_lead(self, event: LeadCaptured) -> None:
        take_lead(self.brand, self.live_codes.desk, event)

    @hookimpl
    def on_message_in(self, event: MessageReceived) -> None:
        self.live_codes.reception.take(event)

    @hookimpl
    def on_tag(self, event: TagAdded) -> None:
        self.live_codes.reception.take(event)

    @hookimpl
    def on_order(self, event: OrderPaid) -> None:
        self.live_codes.reception.take(event)

    @hookimpl
    def on_event(self, event: PluginEvent) -> None:
        self.live_codes.reception.take(event)

    def brand_warnings(self) -> Iterable[str]:
        here = self.live_codes
        return [*here.planner.warnings(), *here.ways.warnings(), *here.links.warnings(), *here.reception.warnings()]

    def report(self) -> ReportTable:
        """The report ``live-code``."""
        return live_code_report()

    def reception_report(self) -> ReportTable:
        """The report ``live-code-reception``."""
        return reception_report(self.live_codes.reception)

    def entry_report(self) -> ReportTable:
        """The report ``live-code-entries``."""
        return entry_report()

    def ask_report(self) -> ReportTable:
        """The report ``live-code-asks``."""
        return ask_report()

    def persona_report(self) -> ReportTable:
        """The report ``live-code-personas``."""
        return self.live_codes.personas.funnel()

    def survival_report(self) -> ReportTable:
        """The report ``live-code-survival``."""
        return survival_report(self.brand)

    def pause_ended(self) -> None:
        """The job: pause codes whose activity is over, and forget networks of past days."""
        self.live_codes.desk.forget_networks()
        paused = self.live_codes.codes.pause_ended()
        if paused:
            self.log.info("%s codes paused: their activity is over", paused)

    def keep_ways(self) -> None:
        """The job: make contact ways that are wanted, and let those on duty answer the others."""
        done = self.live_codes.ways.run() + self.live_codes.links.run()
        if done:
            self.log.info("%s contact ways and links made or changed", done)
