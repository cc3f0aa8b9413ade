"""Reports: what the core and a brand's plugins answer when asked for their figures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..errors import NotFound
from ..shown import ReportTable
from .contributions import Contribution, contributions
from .house_reports import HOUSE, ChannelRank, channels

if TYPE_CHECKING:
    from ..brands import Brand


@dataclass(frozen=True, slots=True)
class ReportInfo:
    """A report that can be asked for, with the plugin that answers; the core's own are ``core``."""

    name: str
    title: str
    plugin: str


class Reports:
    """The core's reports, and those of a brand's enabled plugins; a plugin that is off has none."""

    def __init__(self, brand: Brand) -> None:
        self._brand = brand

    def list(self) -> list[ReportInfo]:
        """The core's reports, then every report of every enabled plugin, in call order."""
        return [ReportInfo(name, title, "core") for name, (title, _) in HOUSE.items()] + [
            ReportInfo(name, report.title, plugin.name)
            for plugin in self._brand.plugins.values()
            for name, report in plugin.reports.items()
        ]

    def channels(self) -> list[ChannelRank]:
        """Channels ranked by whom they brought in four weeks, as figures: what the report ``channels`` shows."""
        return channels(self._brand)

    def contributions(self) -> list[Contribution]:
        """Plugins ranked by the orders put down to them in four weeks, as figures: what the report shows."""
        return contributions(self._brand)

    def run(self, name: str) -> ReportTable:
        """The report's table; raises NotFound for a name that no enabled plugin offers."""
        if name in HOUSE:
            return HOUSE[name][1](self._brand)
        for plugin in self._brand.plugins.values():
            report = plugin.reports.get(name)
            if report is not None:
                table: ReportTable = getattr(plugin, report.method)()
                return table
        known = ", ".join(info.name for info in self.list())
        raise NotFound(f"brand {self._brand.id!r} has no report {name!r}; it has: {known}")
