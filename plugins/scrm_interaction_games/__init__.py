"""Interaction games 互动游戏: one engine, verifiable draws, nine games."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property

from scrm_core.api import (
    ContactMerged,
    Job,
    LeadCaptured,
    MemberJoined,
    OrderPaid,
    Plugin,
    RefundMade,
    hookimpl,
)

from .engine import registry
from .games import GAME_MODELS
from .models import ENGINE_MODELS
from .pages.routes import pages as game_pages
from .schemas import NAME, Settings
from .service import Games


class InteractionGames(Plugin):
    """Games with prizes: their odds are published before the start and every draw can be checked afterwards."""

    name = NAME
    version = "0.1.0"
    summary = "Interaction games 互动游戏: one engine, verifiable draws, nine games"
    requires_core = ">=0.1.0.dev0,<1"
    Settings = Settings
    models = (*ENGINE_MODELS, *GAME_MODELS)
    migrations = "migrations"
    pages = game_pages
    jobs = (Job("settle", 60, "settle"),)

    @cached_property
    def games(self) -> Games:
        """The plugin's service for this brand."""
        return Games(self.brand, self.settings)

    def brand_problems(self) -> Iterable[str]:
        """Games or prizes that the brand's configuration no longer offers."""
        return [*registry.problems(self.brand), *self.games.campaigns.problems()]

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

    def settle(self) -> None:
        """The job: grant what waits, forfeit, release, reveal, and let the games settle."""
        done = self.games.settle()
        if any(done.values()):
            self.log.info("settled %s", done)
