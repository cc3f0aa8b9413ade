"""WeCom 企业微信: what customers and staff do there becomes facts of the brand."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from scrm_core.api import (
    Gateway,
    Job,
    MessageBatch,
    MessageDraft,
    PersonQuery,
    Plugin,
    PluginEvent,
    Rendered,
    Report,
    ReportTable,
    Sender,
    Skipped,
    TagAdded,
    TagRemoved,
    hookimpl,
)

from .callbacks import TOLD, Inbox
from .console import Pages
from .door import WecomRefusal
from .gateway import WelcomeGateway
from .greetings import CHANNEL, SENDER
from .invitations import CHANNEL as INVITE_CHANNEL
from .invitations import SENDER as INVITE_SENDER
from .models import MODELS
from .moments import WecomMoment, WecomMomentDay
from .pages import pages_blueprint
from .report import wecom_report
from .rolls import WecomChat, WecomRoll
from .routes import blueprint
from .schemas import NAME, Settings
from .sends import SENDER as GROUP_SENDER
from .sends import GroupGateway
from .settings_words import SETTINGS_ZH
from .ways import AcquisitionLinks, ContactWays
from .wishes import WecomSyncWish


class WecomPlugin(Pages, Plugin):
    """Callbacks are kept as they came, once each, and do their work in the worker."""

    name = NAME
    version = "0.1.0"
    summary = "WeCom 企业微信: customers, staff and what happens between them"
    summary_zh = "企业微信：客户、成员以及两者之间的往来"
    requires_core = ">=0.1.0.dev0,<1"
    panel = "acquire"
    Settings = Settings
    settings_zh = SETTINGS_ZH
    models = (*MODELS, WecomMomentDay, WecomMoment, WecomSyncWish, WecomRoll, WecomChat, WecomRefusal)
    migrations = "migrations"
    blueprint = blueprint
    pages = pages_blueprint
    permissions = {
        "wecom:read": "see callbacks, staff, who has whom, welcomes and the full sync",
        "wecom:write": "say what people hear who add a member of staff, make, pause and delete acquisition links",
        "wecom:send": "make group sends, moments and invitations, and let them go",
    }
    commands = "scrm_wecom.commands:group"
    jobs = (Job("work", 60, "work"), Job("tidy", 86_400, "tidy"))
    reports = {NAME: Report("report", "WeCom 企业微信")}
    senders = {
        SENDER: Sender(CHANNEL, "WeCom welcome 企业微信欢迎语", "welcome_gateway"),
        GROUP_SENDER: Sender(CHANNEL, "WeCom group send 企业群发", "group_gateway"),
        INVITE_SENDER: Sender(INVITE_CHANNEL, "WeCom invitation by SMS 获客链接邀请", "invite_gateway"),
    }

    extensions = {
        "live-code.contact-ways": ("contact_ways",),
        "live-code.acquisition-links": ("acquisition_links",),
    }

    @property
    def inbox(self) -> Inbox:
        """What WeCom calls back."""
        return self.wecom.inbox

    @hookimpl
    def on_event(self, event: PluginEvent) -> None:
        if (event.plugin, event.name) == (NAME, TOLD):
            self.wecom.changes.apply(int(event.fields["callback"]))

    @hookimpl
    def on_tag(self, event: TagAdded) -> None:
        self.wecom.labels.added(event)

    @hookimpl
    def on_untag(self, event: TagRemoved) -> None:
        self.wecom.labels.removed(event)

    def welcome_gateway(self) -> Gateway:
        """The sender of welcomes; raises Conflict where no secret is set."""
        return WelcomeGateway(self.brand, self.wecom.api, self.wecom.asker)

    def group_gateway(self) -> Gateway:
        """The sender of group sends; raises Conflict where no secret is set."""
        return GroupGateway(self.brand, self.wecom.api)

    def invite_gateway(self) -> Gateway:
        """The sender of invitations; raises Conflict where no SMS sender is named."""
        return self.wecom.invitations.gateway()

    def contact_ways(self) -> ContactWays | None:
        """What makes contact ways (联系我); None where no secret is set."""
        return ContactWays(self.wecom.api) if self.settings["secret"] else None

    def acquisition_links(self) -> AcquisitionLinks | None:
        """What makes acquisition links (获客链接); None where no secret is set."""
        return AcquisitionLinks(self.wecom.api, self.wecom.links) if self.settings["secret"] else None

    def render_messages(self, batch: MessageBatch) -> Sequence[Rendered | Skipped]:
        """Write the messages of a group send or of an invitation."""
        writer = self.wecom.invitations if batch.run.sender == INVITE_SENDER else self.wecom.sends
        return writer.write(batch)

    @hookimpl
    def check_message(self, draft: MessageDraft) -> None:
        self.wecom.sends.guard(draft)

    def brand_warnings(self) -> Iterable[str]:
        return list(self.wecom.warnings())

    def report(self) -> ReportTable:
        """The report ``wecom``."""
        return wecom_report()

    def work(self) -> None:
        """The job: ask and tell WeCom what waits, and go on with the full sync."""
        self.log.info("%s", self.wecom.work())

    def tidy(self) -> None:
        """The job: remove old callbacks."""
        self.log.info("%s callbacks removed", self.wecom.tidy())

    # People -------------------------------------------------------------------

    @hookimpl
    def collect_personal_data(self, query: PersonQuery) -> dict[str, Any]:
        return {"callbacks": self.wecom.personal(query)}

    def erase_personal_data(self, query: PersonQuery) -> None:
        """Take the person out of the callbacks; the core deletes their relations."""
        self.wecom.erase(query)
