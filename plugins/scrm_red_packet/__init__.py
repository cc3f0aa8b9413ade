"""Red packets 红包: cash as a reward, fixed or out of a packet that people share, paid by file or through WeChat."""

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
    RewardOrder,
    RewardWanted,
    hookimpl,
)

from .models import MODELS
from .report import red_packet_metrics, red_packet_report
from .routes import blueprint
from .schemas import Settings
from .service import KIND, NAME, RedPackets
from .settings_words import SETTINGS_ZH


class RedPacket(Plugin):
    """A packet is owed once and paid once, within the budget; what is not certain is asked for, never sent anew."""

    name = NAME
    version = "0.1.0"
    summary = "Red packets 红包: cash as a reward, paid by file or through WeChat Pay"
    summary_zh = "红包：以现金作奖励，按文件付款或通过微信支付"
    requires_core = ">=0.1.0.dev0,<1"
    panel = "repurchase"
    Settings = Settings
    settings_zh = SETTINGS_ZH
    models = MODELS
    migrations = "migrations"
    blueprint = blueprint
    permissions = {
        "red-packet:read": "see packets, payouts, the budget and the report",
        "red-packet:prepare": "prepare and close packets that people share",
        "red-packet:fund": "put money into the budget",
        "red-packet:pay": "write payout files, with names and phones, and say what was paid",
    }
    commands = "scrm_red_packet.commands:group"
    jobs = (Job("pay", 60, "pay"),)
    reports = {NAME: Report("report", "Red packets 红包")}
    metrics = {"issued": Metric("Issued 发放", "minor"), "paid": Metric("Paid 已付", "minor")}
    reward_kinds = {
        KIND: "red packet 红包; item empty: quantity minor units; item a prepared packet: its next share, quantity 1"
    }

    @cached_property
    def packets(self) -> RedPackets:
        """The plugin's service for this brand."""
        return RedPackets(self.brand, self.settings)

    def brand_problems(self) -> Iterable[str]:
        return self.packets.problems()

    # Rewards ------------------------------------------------------------------

    def verify_reward_item(self, kind: str, item: str) -> None:
        self.packets.verify(item)

    def reward_worth(self, kind: str, item: str, quantity: int) -> int | None:
        return self.packets.worth(item, quantity)

    def reward_shortage(self, wanted: Sequence[RewardWanted], most_minor: int | None) -> str:
        return self.packets.shortage(wanted, most_minor)

    def issue_reward(self, order: RewardOrder) -> dict[str, Any]:
        return self.packets.issue(order)

    def reverse_reward(self, order: RewardOrder) -> None:
        self.packets.take_back(order)

    # Reading and upkeep -------------------------------------------------------

    @hookimpl
    def collect_metrics(self, query: MetricsQuery) -> Iterable[MetricValue]:
        return list(red_packet_metrics(query))

    @hookimpl
    def collect_personal_data(self, query: PersonQuery) -> dict[str, Any]:
        return {"payouts": self.packets.personal(query)}

    def erase_personal_data(self, query: PersonQuery) -> None:
        """Cancel what is owed; the core deletes whose it was and the openid, and the money's ledger stays."""
        self.packets.payouts.drop(query.contact_ids)

    def report(self) -> ReportTable:
        """The report ``red-packet``."""
        return red_packet_report()

    def pay(self) -> None:
        """The job: close expired packets, ask about payouts, pay those that are due."""
        self.log.info("%s", self.packets.settle())
