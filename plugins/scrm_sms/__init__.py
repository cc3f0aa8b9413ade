"""SMS (短信): plans from goal to report, number packs, gateways, and what the messages brought."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Any

import flask

from scrm_core.api import (
    ExperimentMeasure,
    ExperimentQuery,
    Gateway,
    Job,
    LeadCaptured,
    MessageBatch,
    MessageDraft,
    MessageStatus,
    MetricsQuery,
    MetricValue,
    PersonQuery,
    Plugin,
    Rendered,
    ReportTable,
    Skipped,
    TagAdded,
    TagRemoved,
    hookimpl,
)

from .console import CARDS, PAGES, SmsConsole
from .gateways.callbacks import add_pages as add_callback_pages
from .gateways.declared import SENDERS, make_aliyun, make_console, make_kannel, make_tencent, make_twilio
from .gateways.reconciling import reconcile
from .packs import people
from .packs.models import PACK_MODELS
from .plans.guard import Guard
from .plans.models import PLAN_MODELS
from .results.models import RESULT_MODELS
from .results.pages import add_pages as add_landing_pages
from .results.service import METRICS, REPORTS
from .routes import blueprint
from .schemas import NAME, Settings
from .settings_words import SETTINGS_ZH

pages_blueprint = flask.Blueprint("sms_pages", __name__, template_folder="templates")
add_callback_pages(pages_blueprint)
add_landing_pages(pages_blueprint)


class Sms(SmsConsole, Plugin):
    """A plan is made step by step, tested, approved, sent in the recipients' hours, and counted."""

    name = NAME
    version = "0.1.0"
    summary = "SMS 短信: plans, number packs, gateways and results"
    summary_zh = "短信：计划、号码包、网关与效果"
    requires_core = ">=0.1.0.dev0,<1"
    panel = "acquire"
    Settings = Settings
    settings_zh = SETTINGS_ZH
    models = (*PACK_MODELS, *PLAN_MODELS, *RESULT_MODELS)
    migrations = "migrations"
    blueprint = blueprint
    pages = pages_blueprint
    permissions = {
        "sms:read": "see plans, number packs and their figures",
        "sms:write": "make plans and number packs, pause and cancel what is being sent",
        "sms:approve": "approve a plan for sending",
        "sms:send": "test, schedule, resume and release what is sent to people",
        "sms:export": "export recipients with their numbers",
    }
    commands = "scrm_sms.commands:group"
    senders = SENDERS
    jobs = (Job("control", 60, "control"), Job("reconcile", 60, "reconcile"), Job("settle", 300, "settle"))
    console_pages = PAGES
    console_cards = CARDS
    reports = REPORTS
    metrics = METRICS

    @cached_property
    def guard(self) -> Guard:
        """What every SMS of this brand must have."""
        return Guard(self.settings)

    # Sending -----------------------------------------------------------------

    def console_gateway(self) -> Gateway:
        """The sender ``console``."""
        return make_console(self)

    def kannel_gateway(self) -> Gateway:
        """The sender ``kannel``."""
        return make_kannel(self)

    def aliyun_gateway(self) -> Gateway:
        """The sender ``aliyun``."""
        return make_aliyun(self)

    def tencent_gateway(self) -> Gateway:
        """The sender ``tencent``."""
        return make_tencent(self)

    def twilio_gateway(self) -> Gateway:
        """The sender ``twilio``."""
        return make_twilio(self)

    def render_messages(self, batch: MessageBatch) -> Sequence[Rendered | Skipped]:
        """Write the messages of a plan's run."""
        return self.plans.writer.write(batch)

    @hookimpl
    def check_message(self, draft: MessageDraft) -> None:
        self.guard.check(draft)

    @hookimpl
    def on_message_status(self, event: MessageStatus) -> None:
        self.plans.receipts.take(event)

    # Results -----------------------------------------------------------------

    # History counts too: who came through which message is a fact about the past, nothing is sent.
    @hookimpl(backfill=True)
    def on_lead(self, event: LeadCaptured) -> None:
        self.results.take_lead(event)

    @hookimpl
    def on_tag(self, event: TagAdded) -> None:
        self.results.take_tag(event)

    @hookimpl
    def on_untag(self, event: TagRemoved) -> None:
        self.results.take_untag(event)

    @hookimpl
    def collect_experiment(self, query: ExperimentQuery) -> Iterable[ExperimentMeasure]:
        return self.results.experiment_measures(query.name)

    @hookimpl
    def collect_metrics(self, query: MetricsQuery) -> Iterable[MetricValue]:
        return list(self.results.metrics(query))

    def sms_report(self) -> ReportTable:
        """The report ``sms``: one row per plan."""
        return self.results.sms_report()

    def modes_report(self) -> ReportTable:
        """The report ``sms-modes``: both ways of adding."""
        return self.results.modes_report()

    def rescue_report(self) -> ReportTable:
        """The report ``sms-rescue``: the rescue plan in numbers."""
        return self.results.rescue_report()

    # Jobs --------------------------------------------------------------------

    def control(self) -> None:
        """The job: release, halt and end the plans that are being sent."""
        self.plans.control.run()

    def reconcile(self) -> None:
        """The job: ask platforms what became of messages that nobody knows about."""
        changed = reconcile(self)
        if changed:
            self.log.info("learnt of %s messages by asking", changed)

    def settle(self) -> None:
        """The job: queue people of low intent who waited for the rescue plan."""
        queued = self.results.settle()
        if queued:
            self.log.info("queued %s rescue messages", queued)

    # People ------------------------------------------------------------------

    @hookimpl
    def collect_personal_data(self, query: PersonQuery) -> dict[str, Any]:
        return {"number_packs": people.collect(self.brand, people.phones_of(query.contact_ids))}

    def erase_personal_data(self, query: PersonQuery) -> None:
        """Take the person's numbers out of every number pack."""
        people.erase(self.brand, people.phones_of(query.contact_ids), query.contact_ids)
