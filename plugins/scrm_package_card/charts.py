"""A campaign's two figures as a picture: recall 引流召回率 above, contribution per card 单卡贡献率 below.

Per day both are shown as they stood at the end of each day, over all cards
shipped until then, so that the last point is the figure of the report. Per
arm, batch or channel each is a bar. A value that cannot be computed (no card
shipped) is left out, never drawn as 0. Money is shown in major units (元).
"""

from __future__ import annotations

import importlib
import math
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any
from unicodedata import east_asian_width
from xml.sax.saxutils import escape, quoteattr

from scrm_core.api import Invalid, format_minor

from .printing import Fonts
from .report import daily, figures
from .service import PackageCards

VIEWS = ("day", "arm", "batch", "channel")
WIDTH, HEIGHT = 960, 640
MOST_BARS = 24
_LEFT, _RIGHT, _TOP, _PANEL, _GAP = 90, 930, 84, 200, 88
_INK, _GREY, _PALE, _COLOURS = "#1D1D1F", "#6B6B6B", "#E3E3E6", ("#0B63C4", "#C8102E")
_FAMILY = "'Noto Sans CJK SC', 'PingFang SC', 'Microsoft YaHei', sans-serif"
_MOST_LABELS = 8
_LABEL, _HALF = 90, 8  # pixels: the room that a label needs, and half a Chinese character of it


@dataclass(frozen=True, slots=True)
class Panel:
    """One figure: ``points`` are (place between 0 and 1, label, value or None).

    Values are minor units of a currency with ``exponent`` decimals, or shares,
    shown in per cent, when it is None.
    """

    title: str
    points: tuple[tuple[float, str, float | None], ...]
    exponent: int | None
    bars: bool


@dataclass(frozen=True, slots=True)
class Line:
    """A path through two points or more."""

    points: tuple[tuple[float, float], ...]
    colour: str
    width: float


@dataclass(frozen=True, slots=True)
class Box:
    """A filled rectangle."""

    x: float
    y: float
    width: float
    height: float
    colour: str


@dataclass(frozen=True, slots=True)
class Words:
    """A text whose baseline begins, ends or is centred (start, end, middle) at a point."""

    x: float
    y: float
    text: str
    size: int
    colour: str
    anchor: str = "start"


@dataclass(slots=True)
class Picture:
    """Shapes in the order in which they are painted, on white."""

    shapes: list[Line | Box | Words] = field(default_factory=list)


def chart(cards: PackageCards, code: str, view: str = "day") -> Picture:
    """The picture of a campaign; raises Invalid for another view and NotFound for an unknown campaign."""
    if view not in VIEWS:
        raise Invalid(f"by: {view!r} is none of {', '.join(VIEWS)}", field="by")
    campaign = cards.campaign(code)
    recall, money = _by_day(cards, code) if view == "day" else _by_group(cards, code, view)
    picture = Picture()
    name = f"{campaign.code}  {campaign.name}".strip()
    picture.shapes.append(Words(_LEFT, 40, _cut(name, 60), 22, _INK))
    titles = (
        "Recall rate 引流召回率 (%)",
        f"Contribution per card 单卡贡献率 ({cards.brand.currency}), {campaign.contribution_days} days 天",
    )
    # Amounts in segments are written with the currency's decimals, too.
    exponents = (None, cards.brand.segments.catalogue().exponent)
    for number, (title, points, exponent) in enumerate(zip(titles, (recall, money), exponents, strict=True)):
        panel = Panel(title, points, exponent, bars=view != "day")
        _draw(picture, panel, _TOP + number * (_PANEL + _GAP), _COLOURS[number])
    return picture


_Points = tuple[tuple[float, str, float | None], ...]


def _by_day(cards: PackageCards, code: str) -> tuple[_Points, _Points]:
    days = daily(cards, code)
    first, last = (days[0].day, days[-1].day) if days else (0, 0)
    shipped = new = net = 0
    recall, money = [], []
    for each in days:
        shipped, new, net = shipped + each.shipped, new + each.new, net + each.net
        place = (each.day - first) / (last - first) if last > first else 0.5
        label = date.fromordinal(each.day).isoformat()
        recall.append((place, label, new / shipped if shipped else None))
        money.append((place, label, net / shipped if shipped else None))
    return tuple(recall), tuple(money)


def _by_group(cards: PackageCards, code: str, view: str) -> tuple[_Points, _Points]:
    rows = [row for row in figures(cards, view, campaign=code) if row["shipped"]][:MOST_BARS]
    places = [(n + 0.5) / len(rows) for n in range(len(rows))]
    labels = [row[view] or "-" for row in rows]
    recall = [row["recall"] for row in rows]
    money = [row["contribution_per_card_minor"] for row in rows]
    return tuple(zip(places, labels, recall, strict=True)), tuple(zip(places, labels, money, strict=True))


# Drawing -----------------------------------------------------------------------


def _draw(picture: Picture, panel: Panel, top: float, colour: str) -> None:
    shapes, bottom = picture.shapes, top + _PANEL
    shapes.append(Words(_LEFT, top - 12, panel.title, 15, _INK))
    values = [value for _, _, value in panel.points if value is not None]
    # Lines closer than a minor unit would carry the same number.
    low, high, step = _scale(values, 0.0 if panel.exponent is None else 1.0)
    for n in range(round((high - low) / step) + 1):
        value = low + n * step
        y = bottom - (value - low) / (high - low) * _PANEL
        shapes.append(Line(((_LEFT, y), (_RIGHT, y)), _GREY if abs(value) < step / 1e6 else _PALE, 1))
        shapes.append(Words(_LEFT - 8, y + 4, _number(value, step, panel.exponent), 12, _GREY, "end"))
    if not values:
        shapes.append(Words((_LEFT + _RIGHT) / 2, top + _PANEL / 2, "no card shipped 尚未发卡", 14, _GREY, "middle"))
        return

    def at(place: float, value: float) -> tuple[float, float]:
        return _LEFT + place * (_RIGHT - _LEFT), bottom - (value - low) / (high - low) * _PANEL

    spots = [(*at(place, value), value) for place, _, value in panel.points if value is not None]
    zero = at(0, 0)[1]
    if panel.bars:
        _bars(shapes, spots, zero, colour, len(panel.points), panel.exponent)
    else:
        shapes.append(Line(tuple((x, y) for x, y, _ in spots), colour, 2.5))
        shapes += [Box(x - 2.5, y - 2.5, 5, 5, colour) for x, y, _ in spots[-1:]]
        x, y, last = spots[-1]
        shapes.append(Words(x, y - 10, _exact(last, panel.exponent), 13, colour, "end"))
    names = [(at(place, 0)[0], label) for place, label, _ in panel.points]
    shapes += _bar_names(names, bottom + 20) if panel.bars else _days(names, bottom + 20)


def _days(names: list[tuple[float, str]], y: float) -> list[Words]:
    """Days below the line, as many as have room."""
    shown: list[Words] = []
    for x, label in names[:: max(1, math.ceil(len(names) / _MOST_LABELS))]:
        if not shown or x - shown[-1].x >= _LABEL:
            shown.append(Words(x, y, label, 12, _GREY, "middle"))
    return shown


def _bar_names(names: list[tuple[float, str]], y: float) -> list[Words]:
    """A name below each bar; narrow bars have theirs in up to three rows by turns."""
    slot = (_RIGHT - _LEFT) / len(names)
    rows = math.ceil(_LABEL / slot)
    most = int(slot * rows / _HALF) - 1
    rightmost = WIDTH - 4 - most * _HALF / 2
    return [
        Words(min(x, rightmost), y + 14 * (n % rows), _shortened(label, most), 12, _GREY, "middle")
        for n, (x, label) in enumerate(names)
    ]


def _bars(
    shapes: list[Line | Box | Words],
    spots: list[tuple[float, float, float]],
    zero: float,
    colour: str,
    count: int,
    exponent: int | None,
) -> None:
    width = min(90.0, 0.6 * (_RIGHT - _LEFT) / count)
    for x, y, value in spots:
        shapes.append(Box(x - width / 2, min(y, zero), width, max(abs(zero - y), 0.5), colour))
        if count <= 12:
            shapes.append(Words(x, min(y, zero) - 6, _exact(value, exponent), 12, _INK, "middle"))


def _scale(values: list[float], least: float) -> tuple[float, float, float]:
    """Lowest and highest value of the axis, which holds 0 and room for a label, and the step between lines."""
    low, high = min([0.0, *values]), max([0.0, *values])
    span = (high - low) * 1.12 or 1.0
    magnitude = 10.0 ** math.floor(math.log10(span / 4))
    step = next(magnitude * factor for factor in (1, 2, 2.5, 5, 10) if magnitude * factor >= span / 4)
    step = max(step, least)
    return math.floor(low / step) * step, math.ceil((low + span) / step) * step, step


def _number(value: float, step: float, exponent: int | None) -> str:
    """What stands beside a line of the axis."""
    if exponent is not None:
        return format_minor(round(value), exponent)
    value, step = value * 100, step * 100
    digits = max(0, 1 - math.floor(math.log10(step))) if step < 10 else 0
    return f"{value:,.{digits}f} %"


def _exact(value: float, exponent: int | None) -> str:
    """What stands beside a point or a bar."""
    return f"{value * 100:.2f} %" if exponent is None else format_minor(round(value), exponent)


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"


def _shortened(text: str, most: int) -> str:
    """A text of at most so many half widths; what is left out is its middle, as names often differ at the end."""

    def width(part: str) -> int:
        return sum(2 if east_asian_width(character) in "FW" else 1 for character in part)

    kept = len(text)
    shown = text
    while width(shown) > most:
        kept -= 1
        shown = f"{text[: kept - kept // 2]}…{text[len(text) - kept // 2 :]}"
    return shown


# Files -------------------------------------------------------------------------


def svg(picture: Picture) -> str:
    """The picture as an SVG document; every text is escaped."""
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" '
        f"font-family={quoteattr(_FAMILY)}>",
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#FFFFFF"/>',
    ]
    for shape in picture.shapes:
        if isinstance(shape, Line):
            points = " ".join(f"{x:.1f},{y:.1f}" for x, y in shape.points)
            parts.append(
                f'<polyline points="{points}" fill="none" stroke="{shape.colour}" stroke-width="{shape.width}"/>'
            )
        elif isinstance(shape, Box):
            parts.append(
                f'<rect x="{shape.x:.1f}" y="{shape.y:.1f}" width="{shape.width:.1f}" height="{shape.height:.1f}" '
                f'fill="{shape.colour}"/>'
            )
        else:
            parts.append(
                f'<text x="{shape.x:.1f}" y="{shape.y:.1f}" font-size="{shape.size}" fill="{shape.colour}" '
                f'text-anchor="{shape.anchor}">{escape(shape.text)}</text>'
            )
    return "\n".join([*parts, "</svg>", ""])


def png(picture: Picture, file: Any) -> None:
    """Write the picture as PNG, at twice the size, so that small words stay sharp."""
    image_module = _pillow("PIL.Image")
    draw_module = _pillow("PIL.ImageDraw")
    image = image_module.new("RGB", (2 * WIDTH, 2 * HEIGHT), "#FFFFFF")
    draw = draw_module.Draw(image)
    fonts: dict[int, Any] = {}
    anchors = {"start": "ls", "middle": "ms", "end": "rs"}
    for shape in picture.shapes:
        if isinstance(shape, Line):
            draw.line([(2 * x, 2 * y) for x, y in shape.points], shape.colour, round(2 * shape.width), joint="curve")
        elif isinstance(shape, Box):
            corner = (2 * (shape.x + shape.width), 2 * (shape.y + shape.height))
            draw.rectangle([(2 * shape.x, 2 * shape.y), corner], shape.colour)
        else:
            if shape.size not in fonts:
                fonts[shape.size] = _font(2 * shape.size)
            place = (2 * shape.x, 2 * shape.y)
            draw.text(place, shape.text, shape.colour, fonts[shape.size], anchors[shape.anchor])
    image.save(file, "PNG", optimize=True)


def _font(size: int) -> Any:
    """The Chinese face of the font that cards are printed with."""
    module = _pillow("PIL.ImageFont")
    path = Fonts().regular
    try:
        faces = []
        for index in range(16):
            faces.append(module.truetype(str(path), size, index=index))
            if faces[-1].getname()[0].endswith(" SC"):
                return faces[-1]
    except OSError:
        if not faces:
            raise Invalid(
                f"the font {path} for Chinese labels is missing; install it (Debian: apt-get install fonts-noto-cjk) "
                "or write an .svg",
                field="out",
            ) from None
    return faces[0]


def _pillow(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError:
        raise Invalid(
            "a PNG needs the library Pillow, which is not installed; run: pip install 'scrm[cards]', or write an .svg",
            code="library_missing",
        ) from None


def save(picture: Picture, path: Path) -> None:
    """Write the picture as what the name's ending says: .svg or .png."""
    kind = path.suffix.lower()
    if kind not in (".svg", ".png"):
        raise Invalid(f"out: {path.name!r} must end with .svg or .png", field="out")
    try:
        if kind == ".svg":
            path.write_text(svg(picture), encoding="utf-8")
        else:
            with path.open("wb") as file:
                png(picture, file)
    except OSError as exc:
        raise Invalid(f"{path} cannot be written: {exc.strerror}", field="out") from exc
