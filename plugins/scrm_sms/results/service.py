"""What plans brought: everything that is told of results and everything that is asked about them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from scrm_core.api import (
    Conflict,
    ExperimentMeasure,
    Invalid,
    LeadCaptured,
    MetricsQuery,
    MetricValue,
    NotFound,
    Report,
    ReportTable,
    TagAdded,
    TagRemoved,
    compare_arms,
    execute,
    transactional,
)

from ..plans.book import OWNER
from ..plans.steps import Pack, Wording
from ..plans.store import PlanRow, plan_row, plan_rows, steps_of
from . import adds, arms, export, report
from .figures import ALL, DAY_MS, Counting, Cut, Figures
from .measuring import METRICS, metrics
from .requests import Requests
from .rescue import Rescues

if TYPE_CHECKING:
    from scrm_core.api import Brand

MOST_SEGMENTS = 20

REPORTS = {
    "sms": Report("sms_report", "SMS 短信: plans 计划"),
    "sms-modes": Report("modes_report", "SMS 短信: both ways of adding 加友方式"),
    "sms-rescue": Report("rescue_report", "SMS 短信: rescue 挽留"),
}
"""The plugin's reports; the class's methods hand over to :class:`Results`."""

__all__ = ["METRICS", "REPORTS", "Results"]


class Results:
    """The results of one brand's plans; use it inside ``with brand:``."""

    def __init__(self, brand: Brand, settings: Mapping[str, Any]) -> None:
        self.brand = brand
        self.settings = settings
        self.requests = Requests(brand)
        self.rescues = Rescues(brand, settings)

    # What happens ------------------------------------------------------------

    @transactional
    def take_lead(self, event: LeadCaptured) -> bool:
        """``on_lead`` (history too): put a lead down to the plan it came through."""
        return adds.take_lead(self.settings, event)

    def take_tag(self, event: TagAdded) -> bool:
        """``on_tag``: who gets the tag of low intent is queued for the rescue plan."""
        return self.rescues.take_tag(event)

    def take_untag(self, event: TagRemoved) -> None:
        """``on_untag``: who loses it may have been rescued."""
        self.rescues.take_untag(event)

    def settle(self) -> int:
        """The job: queue people of low intent who waited for the rescue plan."""
        return self.rescues.settle()

    def metrics(self, query: MetricsQuery) -> Iterator[MetricValue]:
        """``collect_metrics``: the values of :data:`METRICS` by plan and day."""
        return metrics(self.brand, query)

    # Tables ------------------------------------------------------------------

    def sms_report(self) -> ReportTable:
        """One row per plan, oldest first."""
        return report.table({"plan": plan.code, **report.row_of(self._figures(plan))} for plan in plan_rows())

    def plan_report(self, code: str, *, by: str = "", segments: Sequence[str] = ()) -> ReportTable:
        """The figures of one plan: whole, by ``arm``, or for each of ``segments`` (names or expressions).

        Segments may overlap, so their rows need not add up. Raises NotFound,
        Invalid for another ``by``, and SegmentError for a faulty expression.
        """
        plan = plan_row(code)
        if segments:
            if by not in ("", "segment"):
                raise Invalid("figures are by arm or for segments, not both at once", field="by")
            if len(segments) > MOST_SEGMENTS:
                raise Invalid(f"at most {MOST_SEGMENTS} segments at once", field="segment")
            found = [(each, self._figures(plan, cut=Cut.of_segment(self.brand, each))) for each in segments]
            return report.table(
                ({"plan": code, "segment": each, **report.row_of(figures)} for each, figures in found), by="segment"
            )
        if by == "arm":
            groups = self._counting(plan, by_arm=True).figures()
            return report.table(
                ({"plan": code, "arm": arm, **report.row_of(figures)} for arm, figures in sorted(groups.items())),
                by="arm",
            )
        if by:
            raise Invalid(f"by: {by!r:.40} is neither arm nor segment", field="by")
        return report.table([{"plan": code, **report.row_of(self._figures(plan))}])

    def flow(self, code: str) -> ReportTable:
        """Where every number of a plan's pack went, from the imported rows to the delivered messages."""
        plan = plan_row(code)
        pack = steps_of(plan).get("pack")
        content: Pack | None = None if pack is None else pack.content
        return report.flow(self._figures(plan), {} if content is None else content.imported)

    def arm_test(self, code: str, measure: str = "added") -> arms.ArmTest:
        """Compare the texts that competed by lot; raises Conflict (``no_experiment``) when there was one text."""
        plan = plan_row(code)
        copy = steps_of(plan).get("copy")
        wording: Wording | None = None if copy is None else copy.content
        if wording is None or not wording.experiment:
            raise Conflict(f"plan {code!r} has no texts that compete", code="no_experiment")
        found = self._counting(plan, by_arm=True).figures()
        return arms.test_of(self.brand, wording.experiment, measure, found)

    def experiment_measures(self, experiment: str) -> list[ExperimentMeasure]:
        """What the texts of the plan brought whose lot this is; nothing where the plan has others by now."""
        code = experiment.removeprefix(f"{OWNER} ").rpartition(" ")[0]
        try:
            plan = plan_row(code)
        except NotFound:
            return []
        copy = steps_of(plan).get("copy")
        if copy is None or copy.content.experiment != experiment:
            return []
        return arms.measures_of(self.brand, experiment, self._counting(plan, by_arm=True).figures())

    def arms_report(self, code: str, measure: str = "added") -> ReportTable:
        """The comparison of :meth:`arm_test` as a table."""
        return report.test_table([(code, self.arm_test(code, measure))])

    def modes_report(self, code: str | None = None) -> ReportTable:
        """Both ways of adding, of one plan or all that have either: accepted of asked, added of clicked."""
        plans = plan_rows() if code is None else [plan_row(code)]
        asked = {
            plan_id: (count, accepted)
            for plan_id, count, accepted in execute(
                "SELECT plan_id, count(*), sum(CASE WHEN result = 'accepted' THEN 1 ELSE 0 END) FROM sms_request "
                "GROUP BY plan_id"
            ).fetchall()
        }
        tests = []
        for plan in plans:
            figures = self._figures(plan)
            requests, accepted = asked.get(plan.id, (0, 0))
            if requests or figures.clicked or code is not None:
                asking = ("asked 主动", requests, int(accepted))
                tapping = ("tapped 被动", figures.clicked, figures.clicked_added)
                least = self.settings["mode_minimum"]
                tests.append((plan.code, arms.ArmTest("modes", least, compare_arms([asking, tapping], least))))
        return report.test_table(tests)

    def rescue_report(self) -> ReportTable:
        """The rescue plan in numbers; no row while none is set."""
        code = self.settings["rescue_plan"]
        known = [plan.code for plan in plan_rows() if plan.code == code]
        return report.rescue_table(self.rescues.figures(each) for each in known)

    # Recipients --------------------------------------------------------------

    def recipients(
        self, code: str, *, after: int = 0, limit: int | None = None, clear_for: str = ""
    ) -> Iterator[tuple[int, list[list[str]]]]:
        """Recipients page by page, see :func:`.export.pages`; clear numbers only for a person, who is noted."""
        plan = plan_row(code)
        if clear_for:
            export.audit_clear(self.brand, plan, clear_for, after=after, limit=limit)
        return export.pages(
            self.brand,
            plan,
            order_ms=self.settings["order_days"] * DAY_MS,
            clear=bool(clear_for),
            after=after,
            limit=limit,
        )

    # Counting ----------------------------------------------------------------

    def figures(self, code: str) -> Figures:
        """The counts of a plan."""
        return self._figures(plan_row(code))

    def _figures(self, plan: PlanRow, cut: Cut = ALL) -> Figures:
        return self._counting(plan, cut=cut).figures().get("", Figures())

    def _counting(self, plan: PlanRow, *, by_arm: bool = False, cut: Cut = ALL) -> Counting:
        return Counting(
            plan,
            price_milli=self.settings["price_milli"],
            order_days=self.settings["order_days"],
            by_arm=by_arm,
            cut=cut,
        )
