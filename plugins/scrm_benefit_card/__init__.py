"""Benefit cards 权益卡: codes of video memberships and the like, given as rewards or to the recipients of an SMS."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Any

from scrm_core.api import (
    Job,
    Metric,
    MetricsQuery,
    MetricValue,
    PersonQuery,
    Plugin,
    Report,
    ReportTable,
    RewardItem,
    RewardOrder,
    RewardWanted,
    hookimpl,
)

from .models import MODELS
from .pages import pages
from .report import benefit_card_metrics, benefit_card_report
from .routes import blueprint
from .schemas import Settings
from .service import KIND, NAME, BenefitCards
from .settings_words import SETTINGS_ZH


class BenefitCard(Plugin):
    """A card is given once and seen by its owner alone; unseen it returns to the pool, seen it is a loss."""

    name = NAME
    version = "0.1.0"
    summary = "Benefit cards 权益卡: card codes as rewards and as gifts of an SMS"
    summary_zh = "权益卡：卡密可作奖励，也可随短信赠送"
    requires_core = ">=0.1.0.dev0,<1"
    panel = "repurchase"
    Settings = Settings
    settings_zh = SETTINGS_ZH
    models = MODELS
    migrations = "migrations"
    blueprint = blueprint
    pages = pages
    extensions = {"consumer.me": (("mine", {"zh": "我的权益卡", "en": "My benefit cards"}),)}
    permissions = {
        "benefit-card:read": "see pools, given cards, gifts and the report; never a code",
        "benefit-card:stock": "make pools, add cards, close pools",
        "benefit-card:give": "make gifts for recipients of messages, take given cards back",
    }
    commands = "scrm_benefit_card.commands:group"
    jobs = (Job("tidy", 3_600, "tidy"),)
    reports = {NAME: Report("report", "Benefit cards 权益卡")}
    metrics = {
        "given": Metric("Given 发放", "minor"),
        "revealed": Metric("Seen 已查看", "minor"),
        "returned": Metric("Returned unseen 退回", "minor"),
        "lost": Metric("Lost 撤销损失", "minor"),
    }
    reward_kinds = {KIND: "benefit card 权益卡; item: a pool, quantity 1"}

    @cached_property
    def cards(self) -> BenefitCards:
        """The plugin's service for this brand."""
        return BenefitCards(self.brand, self.settings)

    def brand_problems(self) -> Iterable[str]:
        return self.cards.problems()

    def brand_warnings(self) -> Iterable[str]:
        return self.cards.warnings()

    # Rewards ------------------------------------------------------------------

    def verify_reward_item(self, kind: str, item: str) -> None:
        self.cards.verify(item)

    def reward_item(self, kind: str, item: str) -> RewardItem | None:
        return self.cards.item(item)

    def reward_worth(self, kind: str, item: str, quantity: int) -> int | None:
        return self.cards.worth(item, quantity)

    def reward_shortage(self, wanted: Sequence[RewardWanted], most_minor: int | None) -> str:
        return self.cards.shortage(wanted)

    def issue_reward(self, order: RewardOrder) -> dict[str, Any]:
        return self.cards.issue(order)

    def reverse_reward(self, order: RewardOrder) -> None:
        self.cards.cards.take_back(order.grant_key, order.reason)

    # Reading and upkeep -------------------------------------------------------

    @hookimpl
    def collect_metrics(self, query: MetricsQuery) -> Iterable[MetricValue]:
        return list(benefit_card_metrics(query))

    @hookimpl
    def collect_personal_data(self, query: PersonQuery) -> dict[str, Any]:
        return {"cards": self.cards.personal(query)}

    def erase_personal_data(self, query: PersonQuery) -> None:
        """Return what nobody has seen; the core deletes whose the cards were, and their ledger stays."""
        self.cards.cards.drop(query.contact_ids)

    def report(self) -> ReportTable:
        """The report ``benefit-card``."""
        return benefit_card_report(self.brand)

    def tidy(self) -> None:
        """The job: unseen cards of people who were erased while the plugin was off return to their pools."""
        dropped = self.cards.cards.drop_ownerless()
        if dropped:
            self.log.info("%s cards of erased people returned to their pools", dropped)
