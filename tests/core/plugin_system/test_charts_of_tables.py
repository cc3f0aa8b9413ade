"""A table says how it is drawn, and one that cannot be drawn so is refused where it is made."""

from __future__ import annotations

import pytest

from scrm_core.api import Chart, Column, PluginError, ReportTable

COLUMNS = (
    Column("day", "Day"), Column("cups", "Cups", "count"), Column("spilt", "Spilt", "count"),
    Column("share", "Share", "rate"), Column("low", "Low", "rate"), Column("high", "High", "rate"),
)  # fmt: skip


@pytest.mark.parametrize(
    "chart",
    [
        Chart("lines", "day", ("cups", "spilt")),
        Chart("bars", "day", ("cups",)),
        Chart("funnel", "day", ("cups",)),
        Chart("heat", "day", ("cups", "spilt")),
        Chart("compare", "day", ("share", "low", "high")),
    ],
    ids=lambda chart: chart.kind,
)
def test_each_kind_of_chart_is_drawn_of_the_columns_that_it_names(chart):
    assert ReportTable(COLUMNS, [], chart).chart is chart


@pytest.mark.parametrize(
    ("chart", "said"),
    [
        (Chart("pie", "day", ("cups",)), "no such kind; must be lines, bars, funnel, heat, compare"),
        (Chart("lines", "date", ("cups",)), "no column is called 'date'; the table has day, cups"),
        (Chart("lines", "day", ("tea",)), "no column is called 'tea'"),
        (Chart("lines", "day", "cups"), 'y is a tuple of columns, also of one: ("people",)'),
        (Chart("lines", "day", ()), "y is a tuple of columns"),
        (Chart("lines", "day", ("cups", "share")), "the columns of y must be of one kind: count, money, rate"),
        (Chart("bars", "cups", ("day",)), "the columns of y must be of one kind"),
        (Chart("funnel", "day", ("cups", "spilt")), "funnel draws 1 column(s), y has 2"),
        (Chart("compare", "day", ("share", "low")), "compare draws 3 column(s), y has 2"),
    ],
)
def test_a_chart_that_the_table_cannot_give_is_refused_with_what_would_do(chart, said):
    with pytest.raises(PluginError) as caught:
        ReportTable(COLUMNS, [], chart)
    assert said in str(caught.value)


def test_a_table_without_a_chart_is_a_table_as_before():
    assert ReportTable(COLUMNS, []).chart is None
    assert set(ReportTable(COLUMNS, [], Chart("lines", "day", ("cups",))).record()) == {"columns", "rows"}
