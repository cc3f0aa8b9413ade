"""What a table's chart is drawn as, worked out by hand; in pages without a script, escaped, with its table and file."""

from __future__ import annotations

import csv
import io
import re

import pytest
from console_scene import EVIL

from scrm_console.charts import drawn, shades
from scrm_core.api import Chart, Column, ReportTable

COLUMNS = (
    Column("name", "Name"), Column("count", "Count", "count"), Column("less", "Less", "count"),
    Column("share", "Share", "rate"), Column("low", "From", "rate"), Column("high", "To", "rate"),
)  # fmt: skip


def written(kind, value):
    return "–" if value is None else f"{value:.1%}" if kind == "rate" else str(value)


def table(chart, *rows):
    return ReportTable(COLUMNS, [dict(zip((each.name for each in COLUMNS), row, strict=True)) for row in rows], chart)


def counted(*values):
    return [(f"d{nth}", value, None, None, None, None) for nth, value in enumerate(values, 1)]


def test_a_line_goes_through_its_values_and_is_broken_where_one_is_missing():
    shown = drawn(table(Chart("lines", "name", ("count",)), *counted(0, 40, None, 10, None)), written)
    assert [(tick.at, tick.text) for tick in shown.ticks] == [(200, "0"), (150, "10"), (100, "20"), (50, "30"), (0, "40")]
    assert [line.path for line in shown.lines] == ["M0 200L250 0M750 150h0"]
    assert [(name.at, name.text) for name in shown.names] == [(0, "d1"), (50, "d3"), (100, "d5")]
    assert [(spot.left, spot.width, spot.told) for spot in shown.spots][1:3] == [(12.5, 25, "d2: 40"), (37.5, 25, "d3: –")]
    assert shown.told == (("Count", "d1 0, d2 40, d4 10"),)


def test_losses_lie_below_the_floor_and_all_equal_values_are_a_level_line():
    shown = drawn(table(Chart("lines", "name", ("count",)), *counted(-10, 30)), written)
    assert shown.floor == 150 and shown.lines[0].path == "M0 200L1000 0"
    level = drawn(table(Chart("lines", "name", ("count",)), *counted(0, 0, 0)), written)
    assert level.lines[0].path == "M0 200L500 200 1000 200" and [tick.text for tick in level.ticks] == ["0", "1"]
    alone = drawn(table(Chart("lines", "name", ("count",)), *counted(7)), written)
    assert alone.lines[0].path == "M500 25h0" and alone.ticks[-1].text == "8"


def test_bars_are_shares_of_the_longest_and_begin_at_the_floor():
    shown = drawn(table(Chart("bars", "name", ("count", "less")), ("a", 40, -10, 0, 0, 0), ("b", 20, None, 0, 0, 0)), written)
    assert shown.floor == 20
    assert [[(bar.left, bar.width) for bar in row.bars] for row in shown.rows] == [[(20, 80), (0, 20)], [(20, 40), (20, 0)]]
    assert [row.top for row in shown.rows] == [0, 46] and shown.height == 92


def test_a_funnel_tells_each_steps_share_of_the_first_and_of_the_one_before():
    shown = drawn(table(Chart("funnel", "name", ("count",)), *counted(100, 40, 10, 0)), written)
    assert [row.bars[0].text for row in shown.rows] == ["100", "40 · 40.0%", "10 · 10.0% · 25.0%", "0 · 0.0%"]
    assert [(row.bars[0].left, row.bars[0].width) for row in shown.rows] == [(0, 100), (30, 40), (45, 10), (50, 0)]
    more = drawn(table(Chart("funnel", "name", ("count",)), *counted(100, 20, 40)), written)
    assert more.rows[2].bars[0].text == "40 · 40.0%", "40 are no share of 20"
    empty = drawn(table(Chart("funnel", "name", ("count",)), *counted(0, 0)), written)
    assert [row.bars[0].text for row in empty.rows] == ["0", "0"], "no share of nobody"


def test_compared_values_stand_on_their_intervals_and_one_scale():
    rows = [("A", 0, 0, 0.05, 0.025, 0.1), ("B", 0, 0, 0.0, 0.0, 0.05), ("C", 0, 0, None, None, None)]
    shown = drawn(table(Chart("compare", "name", ("share", "low", "high")), *rows), written)
    assert [name.text for name in shown.names] == ["0%", "5%", "10%"]
    assert [(bar.left, bar.width, bar.at) for row in shown.rows for bar in row.bars] == [(25, 75, 50), (0, 50, 0), (0, 0, None)]
    assert [row.bars[0].text for row in shown.rows] == ["5.0% (2.5% – 10.0%)", "0.0% (0.0% – 5.0%)", "–"]
    apart = drawn(table(Chart("compare", "name", ("share", "low", "high")), ("d", 0, 0, 0.02, -0.02, 0.06)), written)
    assert apart.floor == 25 and apart.rows[0].bars[0].at == 50, "zero is in sight: does the interval hold it"


def test_cells_of_a_heat_map_are_the_darker_the_more_and_an_empty_one_has_no_shade():
    heat = table(Chart("heat", "name", ("count", "less")), ("a", 90, 0, 0, 0, 0), ("b", 40, None, 0, 0, 0))
    assert shades(heat) == {(0, "count"): 9, (0, "less"): 0, (1, "count"): 4}
    assert drawn(heat, written) is None, "its table is the picture"


def test_nothing_is_drawn_of_nothing():
    assert drawn(table(Chart("lines", "name", ("count",)), *counted(None, None)), written) is None
    assert drawn(table(Chart("bars", "name", ("count",))), written) is None
    assert shades(table(None)) == {}


@pytest.mark.parametrize("kind", ["lines", "bars", "funnel", "heat", "compare"])
def test_a_page_draws_a_plugins_table_beside_its_rows_and_escapes_them(browser, people, kind):
    text = browser("otto").get("b/acme/x/tea-room/pot", kind=kind).text
    assert "<script>alert" not in text and "onerror=alert(1)&gt;" in text and not re.search(r"\bstyle=", text)
    if kind == "heat":
        assert 'class="number h9">40' in text and "<svg" not in text.partition("<main")[2]
    else:
        (picture,) = re.findall(rf'<svg class="{kind}".*?</figure>', text, re.S)
        named, told = re.search(r'aria-labelledby="([^"]+)" aria-describedby="([^"]+)"', picture).groups()
        assert f'<title id="{named}">Pot</title>' in picture and f'<desc id="{told}">' in picture
        assert '<details class="behind"><summary>Show table' in text
    assert text.count("<td") == 3 * 7
    assert f'href="/staff/console/b/acme/x/tea-room/pot.csv?kind={kind}"' in text


def test_the_table_behind_is_a_file_in_which_no_cell_is_a_formula(browser, people):
    otto = browser("otto")
    answer = otto.get("b/acme/x/tea-room/pot.csv", kind="bars")
    assert answer.headers["Content-Disposition"] == 'attachment; filename="tea-room-pot-acme.csv"'
    lines = list(csv.reader(io.StringIO(answer.text.removeprefix("\ufeff"))))
    assert lines == [
        ["Leaf", "Cups", "Spilt", "Share", "From", "To", "Earned"],
        ["'=1+1" + EVIL, "40", "10", "0.075", "0.053", "0.105", "12.50"],
        ["black", "20", "", "0.0", "0.0", "0.0713", "-0.50"],
        ["white", "10", "5", "", "", "", ""],
    ]
    card = otto.get("b/acme/card/tea-room/today.csv")
    assert card.text == "\ufeffPoured\r\n1234\r\n"


def test_a_card_of_a_plugin_is_drawn_with_the_table_behind_it_and_its_file(browser, people):
    for place in ("b/acme/", "b/acme/?lang=zh"):
        text = browser("otto").get(place).text
        (card,) = [each for each in re.findall(r'<section [^>]*data-card="tea-room">.*?</section>', text, re.S) if "leaves" in each]
        (picture,) = re.findall(r'<svg class="bars".*?</figure>', card, re.S)
        assert 'id="card-tea-room-leaves-t"' in picture and ">40</text>" in picture and "onerror=alert(1)&gt;" in picture
        assert '<details class="behind"><summary>' in card and '<td class="number">40</td>' in card and "<dl" not in card
        assert 'href="/staff/console/b/acme/card/tea-room/leaves.csv"' in card
        ids = re.findall(r'\bid="([^"]+)"', text)
        assert len(ids) == len(set(ids)), "each chart is named by its own title"
    assert browser("ana").get("b/acme/card/tea-room/leaves.csv").text.endswith(",40\r\n")


def test_a_file_needs_the_permission_of_its_page_and_a_table_to_be_of(browser, people):
    assert browser("ana").get("b/acme/x/tea-room/pot.csv", kind="bars").status_code == 403
    assert browser("otto").get("b/moonco/x/tea-room/pot.csv", kind="bars").status_code == 404
    otto = browser("otto")
    for address in ("x/tea-room/kettle.csv", "x/tea-room/broken.csv", "x/tea-room/nothing.csv", "card/tea-room/pot.csv"):
        assert otto.get(f"b/acme/{address}").status_code == 404, address
    assert otto.get("b/acme/x/tea-room/pot", kind="pie").status_code == 500, "what cannot be drawn costs its page alone"
