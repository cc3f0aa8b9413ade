"""This room's services of one brand, and what the plugin hands to them."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from typing import TYPE_CHECKING, Any

from scrm_core.api import Metric, MetricsQuery, MetricValue, Report, execute

from .activation import Activations
from .chat import Talk
from .content import ContentLog
from .hands import Hands
from .modes import NAME
from .value import Value
from .welfare import WelfareCampaigns

if TYPE_CHECKING:
    from scrm_core.api import Brand

REPORTS = {"interaction-value": Report("value_report", "Value of interaction 互动价值")}
METRICS = {
    "awards": Metric("Awards by hand 人工奖励"),
    "welfare": Metric("Welfare gifts 福利发放"),
    "welfare_minor": Metric("Cost of welfare 福利成本", "minor"),
    "content": Metric("Content 内容"),
}


class Awards:
    """Awards by hand, talk, welfare, content and value of one brand; use it inside ``with brand:``."""

    def __init__(self, brand: Brand, settings: dict[str, Any]) -> None:
        self.brand = brand
        self.settings = settings

    @classmethod
    def of(cls, brand: Brand) -> Awards:
        """The services of a brand that has the plugin switched on."""
        return cls(brand, brand.plugins[NAME].settings)

    @cached_property
    def hands(self) -> Hands:
        """Awards by hand, and proposed ones."""
        return Hands(self.brand, self.settings)

    @cached_property
    def talk(self) -> Talk:
        """Message rules."""
        return Talk(self.brand, self.settings, self.hands)

    @cached_property
    def welfare(self) -> WelfareCampaigns:
        """Welfare campaigns."""
        return WelfareCampaigns(self.brand, self.settings)

    @cached_property
    def content(self) -> ContentLog:
        """The content log."""
        return ContentLog(self.brand)

    @cached_property
    def activations(self) -> Activations:
        """Group activations."""
        return Activations(self.brand)

    @cached_property
    def value(self) -> Value:
        """The value report."""
        return Value(self.brand, self.settings, self.content)


def award_metrics(query: MetricsQuery) -> Iterable[MetricValue]:
    """Issued awards by mode, welfare gifts and their cost by campaign, content by kind, per day."""
    days = (query.first_day, query.last_day)
    for day, mode, count in execute(
        "SELECT day, mode, count(*) FROM interaction_games_award WHERE state = 'issued' AND day BETWEEN ? AND ? "
        "GROUP BY day, mode",
        days,
    ).fetchall():
        yield MetricValue("awards", day, int(count), mode)
    for day, code, count, cost in execute(
        "SELECT g.day, w.code, count(*), sum(g.cost_minor) FROM interaction_games_welfare_grant g "
        "JOIN interaction_games_welfare w ON w.id = g.welfare_id WHERE g.day BETWEEN ? AND ? GROUP BY g.day, w.code",
        days,
    ).fetchall():
        yield MetricValue("welfare", day, int(count), code)
        yield MetricValue("welfare_minor", day, int(cost), code)
    for day, kind, count in execute(
        "SELECT day, kind, count(*) FROM interaction_games_content WHERE day BETWEEN ? AND ? GROUP BY day, kind", days
    ).fetchall():
        yield MetricValue("content", day, int(count), kind)
