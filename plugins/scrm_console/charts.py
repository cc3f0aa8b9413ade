"""How a report's table is drawn: geometry in shares of the room, which templates/console/charts.html writes as SVG.

No script draws: the same picture is on paper, in the dark, on a phone, and beside it stands the table that it is of.
Across, places are shares of the width, so that words keep their size whatever the width is; down, they are pixels.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from scrm_core.api import ReportTable

HEIGHT = 200
"""Pixels of a time line, from its highest tick to its floor."""

_TICKS = 4
_NAMED = 3
_SHADES = 9
_WIDEST = 44
_STEPS = (1, 2, 5, 10)

Cell = Callable[[str, Any], str]
Number = int | float


@dataclass(frozen=True, slots=True)
class Tick:
    """A line across with its value: ``at`` from the top (pixels) or from the left (per cent)."""

    at: float
    text: str


@dataclass(frozen=True, slots=True)
class Line:
    """One column drawn along x; ``path`` in a room of 1,000 by :data:`HEIGHT`, broken where a value is missing."""

    title: str
    path: str


@dataclass(frozen=True, slots=True)
class Spot:
    """A row of a time line to be pointed at: where it begins, how wide it is (per cent), what it says."""

    left: float
    width: float
    told: str


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar of a row: from ``left`` over ``width`` (per cent), or a mark ``at`` between; ``nth`` is its column."""

    left: float
    width: float
    text: str
    told: str
    nth: int = 0
    at: float | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """A row of bars; ``name`` fits its room, ``told`` is the whole of it."""

    name: str
    told: str
    bars: tuple[Bar, ...]
    top: int = 0


@dataclass(frozen=True, slots=True)
class Drawn:
    """A table's chart; what a kind does not have is empty. ``told`` is for who cannot see it."""

    kind: str
    titles: tuple[str, ...] = ()
    ticks: tuple[Tick, ...] = ()
    names: tuple[Tick, ...] = ()
    lines: tuple[Line, ...] = ()
    spots: tuple[Spot, ...] = ()
    rows: tuple[Row, ...] = ()
    height: int = 0
    floor: float | None = None
    told: tuple[tuple[str, str], ...] = ()


def drawn(table: ReportTable, cell: Cell) -> Drawn | None:
    """The chart of a table; None where it names none, or where nothing is to be drawn."""
    chart = table.chart
    if chart is None or chart.kind == "heat" or not _numbers(table):
        return None
    return _DRAWERS[chart.kind](table, cell)


def shades(table: ReportTable) -> dict[tuple[int, str], int]:
    """How dark each cell of a heat map is, 0 (the least of them) to 9, by row and column; no value, no shade."""
    if table.chart is None or table.chart.kind != "heat":
        return {}
    found = _numbers(table)
    most, least = max(found, default=0), min(0, min(found, default=0))
    return {
        (nth, name): round((row[name] - least) / (most - least) * _SHADES) if most > least else 0
        for nth, row in enumerate(table.rows)
        for name in table.chart.y
        if row[name] is not None
    }


def _numbers(table: ReportTable) -> list[Number]:
    assert table.chart is not None
    return [row[name] for row in table.rows for name in table.chart.y if row[name] is not None]


# Lines ---------------------------------------------------------------------------


def _lines(table: ReportTable, cell: Cell) -> Drawn:
    assert table.chart is not None
    chart, kinds = table.chart, {each.name: each for each in table.columns}
    kind = kinds[chart.y[0]].kind
    ticks = _scale(min(0, *_numbers(table), 0), max(_numbers(table)), whole=kind != "rate")
    low, high = ticks[0], ticks[-1]

    def down(value: Number) -> float:
        return round(HEIGHT - (value - low) / (high - low) * HEIGHT, 1)

    across = _places(len(table.rows))
    names = [cell(kinds[chart.x].kind, row[chart.x]) for row in table.rows]
    return Drawn(
        "lines",
        tuple(kinds[name].title for name in chart.y),
        tuple(Tick(down(value), _round(cell(kind, value))) for value in ticks),
        tuple(Tick(across[nth], names[nth]) for nth in _named(len(names))),
        tuple(
            Line(kinds[name].title, _path([(across[nth] * 10, row[name]) for nth, row in enumerate(table.rows)], down))
            for name in chart.y
        ),
        tuple(
            Spot(*_room(across, nth), _told(names[nth], [(kinds[each], row[each]) for each in chart.y], cell))
            for nth, row in enumerate(table.rows)
        ),
        height=HEIGHT,
        floor=down(0),
        told=tuple((kinds[name].title, _summary(table, name, names, kind, cell)) for name in chart.y),
    )


def _scale(low: Number, high: Number, *, whole: bool) -> list[Number]:
    """Round values from at or below ``low`` to at or above ``high``, a few of them."""
    rough = (high - low) / _TICKS or (1 if whole else 0.25)
    size = 10.0 ** math.floor(math.log10(rough))
    step: Number = next(each * size for each in _STEPS if each * size >= rough * 0.999)
    if whole:
        step = max(1, round(step))
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [nth * step for nth in range(first, max(last, first + 1) + 1)]


def _places(count: int) -> list[float]:
    return [50.0] if count == 1 else [round(100 * nth / (count - 1), 2) for nth in range(count)]


def _named(count: int) -> list[int]:
    """Which of the rows have their name below: the first, the middle and the last, for which a phone has room."""
    if count <= _NAMED:
        return list(range(count))
    return [round(nth * (count - 1) / (_NAMED - 1)) for nth in range(_NAMED)]


def _room(across: Sequence[float], nth: int) -> tuple[float, float]:
    """The room around a row, up to the middle between it and its neighbours."""
    left = 0.0 if nth == 0 else (across[nth - 1] + across[nth]) / 2
    right = 100.0 if nth == len(across) - 1 else (across[nth] + across[nth + 1]) / 2
    return round(left, 2), round(right - left, 2)


def _path(points: Sequence[tuple[float, Number | None]], down: Callable[[Number], float]) -> str:
    """Pieces of a line; a value that stands alone is a line of no length, which a round end makes a dot."""
    pieces: list[list[str]] = [[]]
    for across, value in points:
        if value is None:
            pieces.append([])
        else:
            pieces[-1].append(f"{across:g} {down(value):g}")
    known = [piece for piece in pieces if piece]
    return "".join(f"M{piece[0]}" + ("h0" if len(piece) == 1 else "L" + " ".join(piece[1:])) for piece in known)


def _told(name: str, values: Sequence[tuple[Any, Any]], cell: Cell) -> str:
    """What a place says when it is pointed at."""
    if len(values) == 1:
        return f"{name}: {cell(values[0][0].kind, values[0][1])}"
    return "\n".join([name, *(f"{column.title}: {cell(column.kind, value)}" for column, value in values)])


def _summary(table: ReportTable, column: str, names: Sequence[str], kind: str, cell: Cell) -> str:
    """The first, the least, the most and the last of a column."""
    known = [(row[column], name) for row, name in zip(table.rows, names, strict=True) if row[column] is not None]
    if not known:
        return "–"
    least, most = min(known, key=lambda each: each[0]), max(known, key=lambda each: each[0])
    chosen = dict.fromkeys((known[0], least, most, known[-1]))
    return ", ".join(f"{name} {cell(kind, value)}" for value, name in chosen)


# Rows of bars -----------------------------------------------------------------------


def _bars(table: ReportTable, cell: Cell) -> Drawn:
    assert table.chart is not None
    chart, kinds = table.chart, {each.name: each for each in table.columns}
    most, least = max(0, *_numbers(table), 0), min(0, *_numbers(table), 0)
    whole = (most - least) or 1

    def bar(nth: int, column: Any, value: Number | None) -> Bar:
        text = cell(column.kind, value)
        low, high = min(value or 0, 0), max(value or 0, 0)
        return Bar(_share(low - least, whole), _share(high - low, whole), text, f"{column.title}: {text}", nth)

    rows = []
    for row in table.rows:
        bars = [bar(nth, kinds[each], row[each]) for nth, each in enumerate(chart.y)]
        rows.append((cell(kinds[chart.x].kind, row[chart.x]), bars))
    return _stacked("bars", tuple(kinds[name].title for name in chart.y), rows, _share(-least, whole))


def _funnel(table: ReportTable, cell: Cell) -> Drawn:
    """Bars in the middle, each with its share of the first and of the one before, of which it may be no part."""
    assert table.chart is not None
    chart, kinds = table.chart, {each.name: each for each in table.columns}
    column, rows = kinds[chart.y[0]], []
    most = max(0, *_numbers(table), 0) or 1
    first = before = None
    for row in table.rows:
        value, text = row[column.name], cell(column.kind, row[column.name])
        wholes = [each for each in (first, before) if each and value is not None and value <= each]
        shares = [cell("rate", (value or 0) / whole) for whole in wholes]
        first, before = first or value, value
        width = _share(value or 0, most)
        told = " · ".join([text, *dict.fromkeys(shares)])
        name = cell(kinds[chart.x].kind, row[chart.x])
        rows.append((name, [Bar(round(50 - width / 2, 2), width, told, told)]))
    return _stacked("funnel", (column.title,), rows, None)


def _compare(table: ReportTable, cell: Cell) -> Drawn:
    """A mark for each value on the line of its interval, all on one scale that begins at zero or below."""
    assert table.chart is not None
    chart, kinds = table.chart, {each.name: each for each in table.columns}
    names = chart.y
    kind = kinds[names[0]].kind
    ticks = _scale(min(0, *_numbers(table), 0), max(0, *_numbers(table), 0), whole=kind != "rate")
    least, whole = ticks[0], ticks[-1] - ticks[0]
    rows = []
    for row in table.rows:
        value, low, high = (row[name] for name in names)
        text = cell(kind, value)
        bars = []
        if value is not None:
            known = low is not None and high is not None
            text = f"{text} ({cell(kind, low)} – {cell(kind, high)})" if known else text
            left, right = (low, high) if known else (value, value)
            at = _share(value - least, whole)
            bars = [Bar(_share(left - least, whole), _share(right - left, whole), text, text, at=at)]
        rows.append((cell(kinds[chart.x].kind, row[chart.x]), bars or [Bar(0, 0, text, text)]))
    found = _stacked("compare", (kinds[names[0]].title,), rows, _share(-least, whole))
    named = tuple(Tick(_share(each - least, whole), _round(cell(kind, each))) for each in ticks)
    return replace(found, names=named)


def _stacked(kind: str, titles: tuple[str, ...], rows: Sequence[tuple[str, list[Bar]]], floor: float | None) -> Drawn:
    """Rows below one another: a name with its value, below it a bar for each column."""
    placed, top = [], 0
    for name, bars in rows:
        placed.append(Row(_cut(name), name, tuple(bars), top))
        top += 34 + 12 * (len(bars) - 1)
    told = tuple((row.told, ", ".join(each.told for each in row.bars)) for row in placed)
    return Drawn(kind, titles, rows=tuple(placed), height=top, floor=floor, told=told)


def _share(part: Number, whole: Number) -> float:
    return round(100 * part / whole, 2)


def _round(text: str) -> str:
    """A round value of an axis without the zeros behind its point."""
    return text.replace(".00", "") if text.endswith(".00") else text.replace(".0%", "%")


def _cut(text: str) -> str:
    """A name that fits above its bar on a phone; a Chinese character takes two columns."""
    taken = 0
    for place, char in enumerate(text):
        taken += 2 if unicodedata.east_asian_width(char) in "WF" else 1
        if taken > _WIDEST // 2 + 2:
            return text[:place] + "…"
    return text


_DRAWERS: dict[str, Callable[[ReportTable, Cell], Drawn]] = {
    "lines": _lines,
    "bars": _bars,
    "funnel": _funnel,
    "compare": _compare,
}
