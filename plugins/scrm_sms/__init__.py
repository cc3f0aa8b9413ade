"""SMS (短信): plans from goal to report, number packs, gateways, and what the messages brought."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import flask

from scrm_core.api import (
    Gateway,
    Job,
    MessageBatch,
    MessageDraft,
    MessageStatus,
    PersonQuery,
    Plugin,
    Rendered,
    Skipped,
    hookimpl,
)

from .gateways.callbacks import add_pages as add_callback_pages
from .gateways.declared import SENDERS, make_aliyun, make_console, make_kannel, make_tencent, make_twilio
from .gateways.reconciling import reconcile
from .packs import people
from .packs.models import PACK_MODELS
from .plans.guard import Guard
from .plans.models import PLAN_MODELS
from .plans.service import Plans
from .results.models import RESULT_MODELS
from .results.pages import add_pages as add_landing_pages
from .routes import blueprint
from .schemas import NAME, Settings

pages_blueprint = flask.Blueprint("sms_pages", __name__, template_folder="templates")
add_callback_pages(pages_blueprint)
add_landing_pages(pages_blueprint)


class Sms(Plugin):
    """A plan is made step by step, tested, approved, sent in the recipients' hours, and counted."""

    name = NAME
    version = "0.1.0"
    summary = "SMS 短信: plans, number packs, gateways and results"
    requires_core = ">=0.1.0.dev0,<1"
    Settings = Settings
    models = (*PACK_MODELS, *PLAN_MODELS, *RESULT_MODELS)
    migrations = "migrations"
    blueprint = blueprint
    pages = pages_blueprint
    permissions = {
        "sms:read": "see plans, number packs and their figures",
        "sms:write": "make plans and number packs, pause and cancel what is being sent",
        "sms:approve": "approve a plan for sending",
        "sms:send": "test, schedule, resume and release what is sent to people",
    }
    commands = "scrm_sms.commands:group"
    senders = SENDERS
    jobs = (Job("control", 60, "control"), Job("reconcile", 60, "reconcile"))

    @cached_property
    def plans(self) -> Plans:
        """The plans of this brand."""
        return Plans(self.brand, self.settings)

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

    # Jobs --------------------------------------------------------------------

    def control(self) -> None:
        """The job: release, halt and end the plans that are being sent."""
        self.plans.control.run()

    def reconcile(self) -> None:
        """The job: ask platforms what became of messages that nobody knows about."""
        changed = reconcile(self)
        if changed:
            self.log.info("learnt of %s messages by asking", changed)

    # People ------------------------------------------------------------------

    @hookimpl
    def collect_personal_data(self, query: PersonQuery) -> dict[str, Any]:
        return {"number_packs": people.collect(self.brand, people.phones_of(query.contact_ids))}

    def erase_personal_data(self, query: PersonQuery) -> None:
        """Take the person's numbers out of every number pack."""
        people.erase(self.brand, people.phones_of(query.contact_ids), query.contact_ids)
