"""Reports: what a brand's plugins answer when asked for their figures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..errors import NotFound
from ..plugin import ReportTable

if TYPE_CHECKING:
    from ..brands import Brand


@dataclass(frozen=True, slots=True)
class ReportInfo:
    """A report that can be asked for, with the plugin that answers."""

    name: str
    title: str
    plugin: str


class Reports:
    """The reports of a brand's enabled plugins; a plugin that is off has none."""

    def __init__(self, brand: Brand) -> None:
        self._brand = brand

    def list(self) -> list[ReportInfo]:
        """Every report of every enabled plugin, in call order."""
        return [
            ReportInfo(name, report.title, plugin.name)
            for plugin in self._brand.plugins.values()
            for name, report in plugin.reports.items()
        ]

    def run(self, name: str) -> ReportTable:
        """The report's table; raises NotFound for a name that no enabled plugin offers."""
        for plugin in self._brand.plugins.values():
            report = plugin.reports.get(name)
            if report is not None:
                table: ReportTable = getattr(plugin, report.method)()
                return table
        known = ", ".join(info.name for info in self.list()) or "none"
        raise NotFound(f"brand {self._brand.id!r} has no report {name!r}; it has: {known}")
