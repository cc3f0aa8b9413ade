"""A card composed: every shape and line of text with its place, before any PDF is written.

Places are millimetres from the upper left corner of the bleed. Nothing that is
read lies outside the safe area; only the background and the accent's edge run
into the bleed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from scrm_core.api import Invalid

from .colour import BLACK, WHITE, contrast
from .fonts import Typefaces
from .spec import CardSpec, CardText
from .typeset import POINT_MM, Box, Setting, does_not_fit, fit

_REFERENCE_MM2 = 90 * 54  # the card on which the type sizes below were chosen
_ASCENT = 0.86  # of the type size, from the top of a line to its baseline
_PANEL_PAD = 1.6
_COLUMN_GAP = 5.0
_HINT_WIDTH = 20.0  # a small code still leaves its hint this much room
_AIR = 3.0
_CLEAR = 0.6  # keeps words off the line of the safe area, which the proof draws
SIZE_STEPS = 12
_EDGE = 0.018  # of the card's side: the band of the accent's colour inside the trim


@dataclass(frozen=True, slots=True)
class Rect:
    """A rectangle in millimetres, y downwards."""

    x: float
    y: float
    width: float
    height: float

    @property
    def right(self) -> float:
        return self.x + self.width

    @property
    def bottom(self) -> float:
        return self.y + self.height

    def inset(self, by: float) -> Rect:
        """The rectangle smaller by a length on every side."""
        return Rect(self.x + by, self.y + by, self.width - 2 * by, self.height - 2 * by)


@dataclass(frozen=True, slots=True)
class Shape:
    """A filled rectangle, with rounded corners when ``radius`` is given; ``outline`` is a hairline's colour."""

    rect: Rect
    colour: str
    radius: float = 0.0
    outline: str = ""


@dataclass(frozen=True, slots=True)
class TextLine:
    """A line of text by the left end of its baseline; ``size`` in points."""

    text: str
    x: float
    baseline: float
    size: float
    bold: bool
    colour: str


@dataclass(frozen=True, slots=True)
class SerialPlace:
    """Where each card's serial is printed: the left end of the baseline, the room, the largest size in points."""

    x: float
    baseline: float
    width: float
    size: float
    colour: str


@dataclass(frozen=True, slots=True)
class Artwork:
    """What all cards of an arm have in common, and the places of what differs."""

    shapes: tuple[Shape, ...]
    lines: tuple[TextLine, ...]
    qr: Rect
    serial: SerialPlace


@dataclass(frozen=True, slots=True)
class _Block:
    """A text of the column: ``share`` of its height in parts, ``gap`` above in mm, type sizes in points."""

    name: str
    text: str
    share: int
    gap: float
    largest: float
    smallest: float
    bold: bool
    colour: str
    headline: bool = True


def safe_area(spec: CardSpec) -> Rect:
    """Where words and the QR code may stand."""
    return Rect(0, 0, spec.full_width_mm, spec.full_height_mm).inset(spec.bleed_mm + spec.safe_mm)


def compose(spec: CardSpec, arm: str, faces: Typefaces) -> Artwork:
    """Lay the card of an arm out; raises Invalid naming the text or the code that does not fit."""
    side = spec.layout == "side" or (spec.layout == "auto" and spec.width_mm >= spec.height_mm)
    composer = _Composer(spec, spec.text_of(arm), faces)
    composer.check_code()
    return composer.side() if side else composer.stack()


class _Composer:
    """Collects the shapes and lines of one card."""

    def __init__(self, spec: CardSpec, text: CardText, faces: Typefaces) -> None:
        self.spec = spec
        self.text = text
        self.faces = faces
        self.unit = min(2.6, max(0.8, math.sqrt(spec.width_mm * spec.height_mm / _REFERENCE_MM2)))
        # A larger card breathes: its words stay farther from the cut than they must.
        self.safe = safe_area(spec).inset(_CLEAR + max(0.0, self.unit - 1) * _AIR)
        self.shapes: list[Shape] = [Shape(Rect(0, 0, spec.full_width_mm, spec.full_height_mm), spec.background)]
        self.lines: list[TextLine] = []

    # Layouts -----------------------------------------------------------------

    def side(self) -> Artwork:
        """Landscape: words on the left, the code and its hint on a white panel on the right."""
        pad = _PANEL_PAD * self.unit
        width = max(self.spec.qr_mm, _HINT_WIDTH * self.unit) + 2 * pad
        column = Rect(self.safe.x, self.safe.y, self.safe.width - width - _COLUMN_GAP * self.unit, self.safe.height)
        self._check_column(column, 28)
        edge = self.spec.bleed_mm + _EDGE * self.spec.width_mm
        self.shapes.append(Shape(Rect(0, 0, edge, self.spec.full_height_mm), self.spec.accent))
        hints = self._hints(width - 2 * pad, self.safe.height - self.spec.qr_mm - 2 * pad)
        height = self.spec.qr_mm + sum(hint.height_mm for hint, _, _ in hints) + 2 * pad
        panel = Rect(self.safe.right - width, self.safe.y + (self.safe.height - height) / 2, width, height)
        self._panel(panel)
        code = Rect(panel.x + (width - self.spec.qr_mm) / 2, panel.y + pad, self.spec.qr_mm, self.spec.qr_mm)
        self._centred(hints, panel, code.bottom)
        serial = self._serial(column.x, column.bottom, column.width, self.spec.ink)
        self._words(Rect(column.x, column.y, column.width, column.height - 3.4 * self.unit))
        return self._artwork(code, serial)

    def stack(self) -> Artwork:
        """Portrait: words above, the code and its hint on a white panel below."""
        pad = _PANEL_PAD * self.unit
        beside = self.safe.width - self.spec.qr_mm - 3 * pad >= 30
        hints_width = self.safe.width - self.spec.qr_mm - 4 * pad if beside else self.safe.width - 2 * pad
        hints_height = (self.spec.qr_mm if beside else self.safe.height - self.spec.qr_mm) / 2
        hints = self._hints(hints_width, hints_height, 1.35 if beside else 1.0)
        tall = sum(hint.height_mm for hint, _, _ in hints)
        serial_room = 3.4 * self.unit
        height = self.spec.qr_mm + 2 * pad + (0 if beside else tall)
        panel = Rect(self.safe.x, self.safe.bottom - height - serial_room, self.safe.width, height)
        column = Rect(self.safe.x, self.safe.y, self.safe.width, panel.y - self.safe.y - 4 * self.unit)
        self._check_column(column, 28)
        edge = self.spec.bleed_mm + _EDGE * self.spec.height_mm
        self.shapes.append(Shape(Rect(0, 0, self.spec.full_width_mm, edge), self.spec.accent))
        self._panel(panel)
        if beside:
            code = Rect(panel.x + pad, panel.y + pad, self.spec.qr_mm, self.spec.qr_mm)
            self._left(hints, code.right + pad, panel.y + (height - tall) / 2)
        else:
            code = Rect(panel.x + (panel.width - self.spec.qr_mm) / 2, panel.y + pad, self.spec.qr_mm, self.spec.qr_mm)
            self._centred(hints, panel, code.bottom)
        serial = self._serial(self.safe.x, self.safe.bottom, self.safe.width, self.spec.ink)
        self._words(column)
        return self._artwork(code, serial)

    # Parts -------------------------------------------------------------------

    def check_code(self) -> None:
        """Raise Invalid when the code with its panel is larger than the safe area."""
        spec, needed = self.spec, self.spec.qr_mm + 2 * _PANEL_PAD * self.unit
        if needed > min(self.safe.width, self.safe.height):
            raise Invalid(
                f"a QR code of {spec.qr_mm:g} mm needs {needed:.1f} mm with its panel, and a card of "
                f"{spec.width_mm:g} x {spec.height_mm:g} mm has "
                f"{self.safe.width:.1f} x {self.safe.height:.1f} mm for it; make it smaller",
                field="qr_mm",
            )

    def _artwork(self, qr: Rect, serial: SerialPlace) -> Artwork:
        return Artwork(tuple(self.shapes), tuple(self.lines), qr, serial)

    def _check_column(self, column: Rect, least: float) -> None:
        if column.width < least or column.height < 18:
            spec = self.spec
            raise Invalid(
                f"a QR code of {spec.qr_mm:g} mm leaves {max(0, column.width):.1f} x {max(0, column.height):.1f} mm "
                f"for the words on a card of {spec.width_mm:g} x {spec.height_mm:g} mm with {spec.safe_mm:g} mm kept "
                f"clear; they need {least} x 18 mm. Make the card larger, the code smaller or choose another layout",
                field="qr_mm",
            )

    def _panel(self, rect: Rect) -> None:
        faint = contrast(self.spec.background, WHITE) < 1.25
        self.shapes.append(Shape(rect, WHITE, 2.2 * self.unit, self.spec.accent if faint else ""))

    def _serial(self, x: float, bottom: float, width: float, colour: str) -> SerialPlace:
        return SerialPlace(x, bottom - 0.3 * self.unit, width, 5.2 * self.unit, colour)

    def _fit(self, name: str, text: str, box: Box, *, bold: bool, headline: bool = False) -> Setting:
        return fit(text, self.faces.of(bold=bold), box, name=name, headline=headline)

    def _hints(self, width: float, height: float, larger: float = 1.0) -> list[tuple[Setting, bool, str]]:
        unit, found = self.unit, []
        # On the white panel black is read on every design.
        for words, name, bold, size, least in (
            (self.text.hint.zh, "hint.zh", True, 8.0, 5.5),
            (self.text.hint.en, "hint.en", False, 5.4, 4.5),
        ):
            if words:
                room = Box(width, max(height, 0) * (0.6 if bold else 0.4), size * unit * larger, least)
                found.append((self._fit(name, words, room, bold=bold, headline=True), bold, BLACK))
        return found

    def _centred(self, settings: list[tuple[Setting, bool, str]], within: Rect, top: float) -> None:
        for setting, bold, colour in settings:
            face = self.faces.of(bold=bold)
            for line in setting.lines:
                wide = face.width(line) * setting.size * POINT_MM
                top = self._line(line, within.x + (within.width - wide) / 2, top, setting, bold, colour)

    def _left(self, settings: list[tuple[Setting, bool, str]], x: float, top: float) -> None:
        for setting, bold, colour in settings:
            for line in setting.lines:
                top = self._line(line, x, top, setting, bold, colour)

    def _line(self, text: str, x: float, top: float, setting: Setting, bold: bool, colour: str) -> float:
        """Put one line down; returns where the next begins."""
        height = setting.size * setting.leading * POINT_MM
        half_leading = (height - setting.size * POINT_MM) / 2
        baseline = top + half_leading + _ASCENT * setting.size * POINT_MM
        self.lines.append(TextLine(text, x, baseline, setting.size, bold, colour))
        return top + height

    # The column of words -----------------------------------------------------

    def _words(self, column: Rect) -> None:
        """Brand and kind on top, then title, benefit and copy, centred in what is left."""
        below = column.y + self._header(column) + 1.6 * self.unit
        room = Rect(column.x, below, column.width, column.bottom - below)
        placed = self._sized(self._blocks(), room)
        height = sum(setting.height_mm for _, setting in placed) + sum(block.gap for block, _ in placed[1:])
        top = room.y + max(0.0, (room.height - height) / 2)
        for place, (block, setting) in enumerate(placed):
            top += block.gap if place else 0
            for line in setting.lines:
                top = self._line(line, room.x, top, setting, block.bold, block.colour)

    def _blocks(self) -> list[_Block]:
        """The texts of the column that have words, from the top."""
        unit, ink, accent, text = self.unit, self.spec.ink, self.spec.accent, self.text
        blocks = [
            _Block("title.zh", text.title.zh, 14, 0.0, 9.5 * unit, 6.5, True, ink),
            _Block("title.en", text.title.en, 9, 0.2 * unit, 6.2 * unit, 4.5, False, ink),
            _Block("benefit.zh", text.benefit.zh, 30, 1.5 * unit, 21.0 * unit, 9.0, True, accent),
            _Block("benefit.en", text.benefit.en, 13, 0.4 * unit, 8.0 * unit, 5.5, True, accent),
            _Block("copy.zh", text.copy.zh, 20, 1.9 * unit, 6.6 * unit, 5.5, False, ink, headline=False),
            _Block("copy.en", text.copy.en, 14, 0.5 * unit, 5.4 * unit, 4.5, False, ink, headline=False),
        ]
        return [block for block in blocks if block.text]

    def _sized(self, blocks: list[_Block], room: Rect) -> list[tuple[_Block, Setting]]:
        """Every text as large as all of them can be together: they shrink in step, so their order of size stays."""
        free = room.height - sum(block.gap for block in blocks[1:])
        for step in range(SIZE_STEPS, -1, -1):
            placed = [(block, self._at(block, step / SIZE_STEPS, Rect(0, 0, room.width, free))) for block in blocks]
            if sum(setting.height_mm for _, setting in placed) <= free:
                return placed
        worst, setting = max(placed, key=lambda one: one[1].height_mm / one[0].share)
        room_of_it = free * worst.share / sum(block.share for block in blocks)
        raise does_not_fit(worst.name, worst.text, room.width, room_of_it, setting.size)

    def _at(self, block: _Block, share: float, room: Rect) -> Setting:
        """A text at a size between its smallest (0) and its largest (1), or less when its width wants it."""
        size = block.smallest + share * max(0.0, block.largest - block.smallest)
        box = Box(room.width, room.height, size, block.smallest)
        return self._fit(block.name, block.text, box, bold=block.bold, headline=block.headline)

    def _header(self, column: Rect) -> float:
        """Brand on the left, the kind as a small plate on the right; returns the height used."""
        unit, height = self.unit, 3.9 * self.unit
        label = " ".join(part for part in (self.spec.kind_label.zh, self.spec.kind_label.en) if part)
        used = 0.0
        if label:
            pad = 1.3 * unit
            room = Box(column.width * (0.5 if self.spec.brand else 1) - 2 * pad, height, 5.6 * unit, 4.5)
            setting = self._fit("label", label, room, bold=True, headline=True)
            used = self.faces.bold.width(label) * setting.size * POINT_MM + 2 * pad
            plate = Rect(column.right - used if self.spec.brand else column.x, column.y, used, height)
            self.shapes.append(Shape(plate, self.spec.accent, height / 2))
            self._middle(label, plate.x + pad, plate, setting, self._on_accent())
        if self.spec.brand:
            room = Box(column.width - used - (2 * unit if used else 0), height, 8.6 * unit, 5.5)
            setting = self._fit("brand", self.spec.brand, room, bold=True, headline=True)
            self._middle(self.spec.brand, column.x, Rect(column.x, column.y, 0, height), setting, self.spec.ink)
        return height if label or self.spec.brand else 0.0

    def _middle(self, text: str, x: float, within: Rect, setting: Setting, colour: str) -> None:
        # Capitals and Chinese characters look centred when the middle of a capital is.
        baseline = within.y + within.height / 2 + 0.37 * setting.size * POINT_MM
        self.lines.append(TextLine(text, x, baseline, setting.size, True, colour))

    def _on_accent(self) -> str:
        return max((self.spec.background, WHITE, BLACK), key=lambda colour: contrast(colour, self.spec.accent))
