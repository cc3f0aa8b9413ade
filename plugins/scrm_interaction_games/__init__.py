"""Interaction games 互动游戏: one engine, verifiable draws, nine games."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property

from scrm_core.api import (
    ContactMerged,
    Job,
    LeadCaptured,
    MemberJoined,
    MessageReceived,
    Metric,
    MetricsQuery,
    MetricValue,
    OrderPaid,
    PersonQuery,
    Plugin,
    PluginEvent,
    RefundMade,
    Report,
    ReportTable,
    hookimpl,
)

from . import recommend, report
from .awards import modes
from .awards.models import AWARD_MODELS
from .awards.routes import PERMISSIONS as AWARD_PERMISSIONS
from .awards.service import METRICS as AWARD_METRICS
from .awards.service import REPORTS as AWARD_REPORTS
from .awards.service import Awards, award_metrics
from .console import Pages
from .engine import registry
from .games import GAME_MODELS
from .models import ENGINE_MODELS
from .pages.routes import pages as game_pages
from .routes import blueprint
from .schemas import NAME, Settings
from .service import Games
from .settings_words import SETTINGS_ZH


class InteractionGames(Pages, Plugin):
    """Games with prizes: their odds are published before the start and every draw can be checked afterwards."""

    name = NAME
    version = "0.1.0"
    summary = "Interaction games 互动游戏: one engine, verifiable draws, nine games"
    summary_zh = "互动游戏：一个引擎、可验证的抽奖、九种玩法"
    requires_core = ">=0.1.0.dev0,<1"
    panel = "hit"
    Settings = Settings
    settings_zh = SETTINGS_ZH
    models = (*ENGINE_MODELS, *GAME_MODELS, *AWARD_MODELS)
    migrations = "migrations"
    blueprint = blueprint
    pages = game_pages
    permissions = {
        "interaction-games:read": "see campaigns, draws and figures",
        "interaction-games:write": "make drafts, give chances, replay grants",
        "interaction-games:publish": "publish, pause, end, reveal and enlarge campaigns",
        "interaction-games:review": "approve, reject and void prizes",
        "interaction-games:play": "act for people, for a trusted server alone",
        **AWARD_PERMISSIONS,
    }
    extensions = {
        "consumer.me": (
            ("games", {"zh": "互动活动", "en": "Games"}),
            ("prizes", {"zh": "我的奖品", "en": "My prizes"}),
        )
    }
    commands = "scrm_interaction_games.commands:group"
    short_names = ("games",)
    jobs = (Job("settle", 60, "settle"),)
    reports = {
        NAME: Report("campaigns_report", "Interaction games 互动游戏"),
        "interaction-games-prizes": Report("prizes_report", "Prizes of games 游戏奖品"),
        **AWARD_REPORTS,
    }
    metrics = {
        "draws": Metric("Draws 抽奖次数"),
        "wins": Metric("Wins 中奖"),
        "players": Metric("Players 参与人数"),
        "cost": Metric("Cost of prizes 奖品成本", "minor"),
        **AWARD_METRICS,
    }

    @cached_property
    def games(self) -> Games:
        """The engine of this brand."""
        return Games(self.brand, self.settings)

    @cached_property
    def awards(self) -> Awards:
        """Awards by hand, talk, welfare and value of this brand."""
        return Awards(self.brand, self.settings)

    def brand_problems(self) -> Iterable[str]:
        """Games or prizes that the brand's configuration no longer offers."""
        return [*registry.problems(self.brand), *recommend.problems(self.brand), *self.games.problems()]

    def brand_warnings(self) -> Iterable[str]:
        """Prizes of running campaigns that nobody can be given at present."""
        return self.games.warnings()

    # Events ------------------------------------------------------------------

    @hookimpl
    def on_order(self, event: OrderPaid) -> None:
        self.games.take_order(event)
        self.games.hear("on_order", event)

    @hookimpl
    def on_refund(self, event: RefundMade) -> None:
        self.games.take_refund(event)
        self.games.hear("on_refund", event)

    @hookimpl
    def on_member(self, event: MemberJoined) -> None:
        self.games.hear("on_member", event)

    @hookimpl
    def on_lead(self, event: LeadCaptured) -> None:
        self.games.hear("on_lead", event)

    @hookimpl
    def on_contact_merged(self, event: ContactMerged) -> None:
        self.games.take_merge(event)
        self.games.hear("on_contact_merged", event)

    @hookimpl
    def on_message_in(self, event: MessageReceived) -> None:
        self.awards.talk.take(event)

    @hookimpl
    def on_event(self, event: PluginEvent) -> None:
        self.games.take_event(event)
        # Every draw tells that it was played, and no game waits for that.
        if (event.plugin, event.name) != (NAME, "played"):
            self.games.hear("on_event", event)
        modes.take_event(self.brand, event)

    # Figures -----------------------------------------------------------------

    @hookimpl
    def collect_metrics(self, query: MetricsQuery) -> Iterable[MetricValue]:
        return [*report.games_metrics(query), *award_metrics(query)]

    def erase_personal_data(self, query: PersonQuery) -> None:
        self.games.forget(query.contact_ids)

    def campaigns_report(self) -> ReportTable:
        """The report ``interaction-games``: one row per campaign."""
        return report.campaigns_report(self.games)

    def prizes_report(self) -> ReportTable:
        """The report ``interaction-games-prizes``: one row per prize."""
        return report.prizes_report(self.games)

    def value_report(self) -> ReportTable:
        """The report ``interaction-value``: what modes of interaction bring."""
        return self.awards.value.table()

    # Jobs --------------------------------------------------------------------

    def settle(self) -> None:
        """The job: grant what waits, forfeit, release, reveal, let games settle, go on with welfare."""
        done = self.games.settle()
        done["welfare"] = self.awards.welfare.settle()
        if any(done.values()):
            self.log.info("settled %s", done)
