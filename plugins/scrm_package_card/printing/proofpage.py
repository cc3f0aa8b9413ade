"""What stands around the cards of a proof: lines of trim, bleed and safe area, measures, facts, signature."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from scrm_core.api import Invalid

from .artbook import ArtBook
from .colour import BLACK, WHITE, contrast, described
from .layout import Rect
from .press import Design
from .qr import RECOVERY, QrPlan
from .sheets import Imposition, Sheet
from .spec import CardFace, CardSpec, PrintFacts
from .typeset import POINT_MM

MARGIN = 12.0
_HEADER = 17.0
_LABEL = 6.0  # above a card: its arm
_MEASURE = 9.0  # below and beside a card: its measures
_GAP = 5.0
_LEGEND = 9.0
_ROW = 5.6
_SIGNATURE_WIDTH = 66.0
_SIGNATURE_HEIGHT = 58.0

# Lines of trim, bleed and safe area: for light cards and for dark ones.
_LINES = (("#D6006C", "#0077C8", "#00843D"), ("#FF8AC4", "#8FD3FF", "#7DF0AE"))
_GREY, _PALE = "#6B6B6B", "#DADADA"

_WORDS = {
    "proof": "印前校样",
    "arm": "方案",
    "trim": "成品",
    "bleed": "出血",
    "safe": "安全区",
    "kind": "类型",
    "fonts": "字体",
    "colours": "颜色",
    "sheet": "拼版",
    "qr": "二维码",
    "link": "链接",
    "size": "请按 100% 实际尺寸打印，勿缩放",
    "sign": "校样签字",
    "approve": "同意付印",
    "again": "修改后再校",
    "name": "签字",
    "day": "日期",
    "remarks": "备注",
}
CHARACTERS = "".join(_WORDS.values()) + "×·"


@dataclass(frozen=True, slots=True)
class Arrangement:
    """A page and the places of the cards' bleeds on it, in millimetres from the upper left corner."""

    width_mm: float
    height_mm: float
    slots: tuple[Rect, ...]


def arrange(spec: CardSpec, count: int) -> Arrangement:
    """A4, or A3 if it must be, turned so that the cards stand side by side; raises Invalid when neither takes all."""
    for width, height in ((210.0, 297.0), (297.0, 420.0)):
        found = [_arranged(spec, count, width, height), _arranged(spec, count, height, width)]
        fitting = [arrangement for arrangement in found if arrangement.slots]
        if fitting:
            return min(fitting, key=lambda arrangement: len({slot.y for slot in arrangement.slots}))
    raise Invalid(
        f"{count} cards of {spec.width_mm:g} x {spec.height_mm:g} mm do not fit an A3 proof of 297 x 420 mm at 100 %; "
        "prove fewer arms at a time or take a smaller card",
        field="arms",
    )


def _arranged(spec: CardSpec, count: int, width: float, height: float) -> Arrangement:
    """The cards on a page of this size; without slots when they do not fit."""
    wide = spec.full_width_mm + _MEASURE
    tall = _LABEL + spec.full_height_mm + _MEASURE
    columns = int((width - 2 * MARGIN + _GAP) // (wide + _GAP))
    room = height - 2 * MARGIN - _HEADER - _LEGEND - _facts_height(count)
    if columns < 1 or -(-count // columns) * tall > room:
        return Arrangement(width, height, ())
    used = min(columns, count)
    left = MARGIN + (width - 2 * MARGIN - used * wide - (used - 1) * _GAP) / 2
    slots = tuple(
        Rect(
            left + place % columns * (wide + _GAP),
            MARGIN + _HEADER + place // columns * tall + _LABEL,
            spec.full_width_mm,
            spec.full_height_mm,
        )
        for place in range(count)
    )
    return Arrangement(width, height, slots)


def _facts_height(count: int) -> float:
    return max(_SIGNATURE_HEIGHT, (7 + 2 * count) * _ROW) + 2


class ProofPage:
    """Draws one proof into the open page of an :class:`ArtBook`."""

    def __init__(self, book: ArtBook, made: Design, arrangement: Arrangement) -> None:
        self.book = book
        self.design = made
        self.spec = made.spec
        self.page = arrangement
        self.trim, self.bleed, self.safe = max(
            _LINES, key=lambda lines: min(contrast(line, self.spec.background) for line in lines)
        )

    def draw(
        self,
        faces: Mapping[str, CardFace],
        plans: Mapping[str, QrPlan],
        sheet: Sheet,
        imposition: Imposition,
        facts: PrintFacts,
    ) -> None:
        """Everything but the cards themselves."""
        self._header(facts)
        for arm, slot in zip(faces, self.page.slots, strict=True):
            self._card(arm, slot)
        top = self.page.height_mm - MARGIN - _facts_height(len(faces))
        self._legend(top - _LEGEND + 2.5)
        self._facts(top, faces, plans, sheet, imposition)
        self._signature(top)

    def _header(self, facts: PrintFacts) -> None:
        right = self.page.width_mm - MARGIN
        self._text(MARGIN, MARGIN + 6, _WORDS["proof"], 17, bold=True)
        self._text(MARGIN + 27, MARGIN + 6, "PRINT PROOF", 8, colour=_GREY)
        self._right(right, MARGIN + 2.6, f"{facts.campaign} · {facts.batch}", 10, bold=True)
        self._right(right, MARGIN + 6.6, facts.iso_day, 7, colour=_GREY)
        self.book.line(MARGIN, MARGIN + 9.5, right, MARGIN + 9.5, BLACK)

    def _card(self, arm: str, slot: Rect) -> None:
        spec = self.spec
        trim = slot.inset(spec.bleed_mm)
        if arm:
            self._text(trim.x, slot.y - 2, f"{_WORDS['arm']} {arm}", 8, bold=True)
        self._outline(slot, self.bleed)
        self._outline(trim, self.trim)
        self._outline(trim.inset(spec.safe_mm), self.safe, dash=1.0)
        self._measure_across(trim, slot.bottom + 3.5)
        self._measure_down(trim, slot.right + 3.5)

    def _outline(self, rect: Rect, colour: str, dash: float = 0.0) -> None:
        corners = [(rect.x, rect.y), (rect.right, rect.y), (rect.right, rect.bottom), (rect.x, rect.bottom)]
        for (x1, y1), (x2, y2) in zip(corners, corners[1:] + corners[:1], strict=True):
            self.book.line(x1, y1, x2, y2, colour, dash=dash)

    def _measure_across(self, trim: Rect, y: float) -> None:
        self.book.line(trim.x, y, trim.right, y, _GREY)
        for x in (trim.x, trim.right):
            self.book.line(x, y - 1.2, x, y + 1.2, _GREY)
        self._centred(trim.x + trim.width / 2, y + 3.4, f"{trim.width:g} mm", 6.5)

    def _measure_down(self, trim: Rect, x: float) -> None:
        self.book.line(x, trim.y, x, trim.bottom, _GREY)
        for y in (trim.y, trim.bottom):
            self.book.line(x - 1.2, y, x + 1.2, y, _GREY)
        middle = trim.y + trim.height / 2
        with self.book.pdf.rotation(90, x + 3, middle):
            self._centred(x + 3, middle, f"{trim.height:g} mm", 6.5)

    def _legend(self, y: float) -> None:
        spec, x = self.spec, MARGIN
        for colour, dash, words in (
            (self.trim, 0.0, f"{_WORDS['trim']} trim"),
            (self.bleed, 0.0, f"{_WORDS['bleed']} bleed {spec.bleed_mm:g} mm"),
            (self.safe, 1.0, f"{_WORDS['safe']} safe area {spec.safe_mm:g} mm"),
        ):
            self.book.rectangle(x, y - 2.6, 9, 3.4, spec.background, outline=_PALE)
            self.book.line(x, y - 0.9, x + 9, y - 0.9, colour, dash=dash)
            self._text(x + 10.5, y, words, 6.5)
            x += 16 + self._width(words, 6.5)
        self._right(self.page.width_mm - MARGIN, y, f"{_WORDS['size']} · print at 100%", 6.5, colour=_GREY)

    def _facts(
        self,
        top: float,
        faces: Mapping[str, CardFace],
        plans: Mapping[str, QrPlan],
        sheet: Sheet,
        imposition: Imposition,
    ) -> None:
        spec, y = self.spec, top + _ROW
        rows = len(imposition.slots) // imposition.columns
        trimmed = f"{spec.width_mm:g} × {spec.height_mm:g} mm"
        full = f"{spec.full_width_mm:g} × {spec.full_height_mm:g} mm"
        paper = f"{imposition.width_mm:g} × {imposition.height_mm:g} mm"
        names = dict.fromkeys((self.design.typefaces.regular.name, self.design.typefaces.bold.name))
        for label, value in (
            (f"{_WORDS['trim']} Trim size", f"{trimmed}, with bleed {full}"),
            (f"{_WORDS['kind']} Kind", spec.kind),
            (f"{_WORDS['fonts']} Fonts", f"{', '.join(names)} (embedded subsets)"),
            (f"{_WORDS['sheet']} Sheet", f"{sheet.name}, {paper}, {imposition.columns} × {rows} a page, crop marks"),
        ):
            y = self._row(y, label, value)
        y = self._colours(y)
        for arm, face in faces.items():
            plan, name = plans[arm], f" {arm}" if arm else ""
            y = self._row(y, f"{_WORDS['qr']} QR{name}", _qr_words(plan))
            y = self._row(y, f"{_WORDS['link']} Link{name}", face.url)

    def _row(self, y: float, label: str, value: str) -> float:
        self._text(MARGIN, y - 1.7, label, 6.5, colour=_GREY)
        x, right = MARGIN + 27, self.page.width_mm - MARGIN - _SIGNATURE_WIDTH - 6
        shown = "".join(character if self._known(character) else "?" for character in value)
        size = min(6.5, (right - x) / self._width(shown, 1))
        self._text(x, y - 1.7, shown, round(size - 0.005, 2))
        self.book.line(MARGIN, y, right, y, _PALE)
        return y + _ROW

    def _colours(self, y: float) -> float:
        """Two rows: a swatch of each colour with its inks."""
        spec = self.spec
        right = self.page.width_mm - MARGIN - _SIGNATURE_WIDTH - 6
        self._text(MARGIN, y - 1.7, f"{_WORDS['colours']} Colours", 6.5, colour=_GREY)
        self._text(MARGIN, y + 1.4, f"{spec.colours.upper()}, no profile", 5, colour=_GREY)
        x = MARGIN + 27
        each = (right - x) / 3
        for name in ("background", "ink", "accent"):
            value = getattr(spec, name)
            self.book.rectangle(x, y - 4.2, 4.2, 7, value, outline=_GREY)
            self._text(x + 5.4, y - 1.9, f"{name} {value}", 5.5)
            self._text(x + 5.4, y + 1.4, described(value, spec.colours), 5, colour=_GREY)
            x += each
        self.book.line(MARGIN, y + _ROW - 1.2, right, y + _ROW - 1.2, _PALE)
        return y + 2 * _ROW - 1.2

    def _signature(self, top: float) -> None:
        x, width = self.page.width_mm - MARGIN - _SIGNATURE_WIDTH, _SIGNATURE_WIDTH
        self._outline(Rect(x, top, width, _SIGNATURE_HEIGHT), BLACK)
        self._text(x + 4, top + 7, _WORDS["sign"], 10, bold=True)
        self._text(x + 4 + self._width(_WORDS["sign"], 10) + 3, top + 7, "SIGN-OFF", 6.5, colour=_GREY)
        for y, words in (
            (top + 14.5, f"{_WORDS['approve']} Approved for print"),
            (top + 20.5, f"{_WORDS['again']} Correct and prove again"),
        ):
            self.book.rectangle(x + 4, y - 2.7, 3, 3, WHITE, outline=BLACK)
            self._text(x + 9, y, words, 7)
        for y, words in (
            (top + 31, f"{_WORDS['remarks']} Remarks"),
            (top + 42, f"{_WORDS['name']} Name"),
            (top + 53, f"{_WORDS['day']} Date"),
        ):
            self._text(x + 4, y, words, 6.5, colour=_GREY)
            self.book.line(x + 26, y + 0.6, x + width - 4, y + 0.6, BLACK)

    # Text --------------------------------------------------------------------

    def _known(self, character: str) -> bool:
        return not self.design.typefaces.regular.lacking(character)

    def _width(self, text: str, size: float) -> float:
        return self.design.typefaces.regular.width(text) * size * POINT_MM

    def _text(self, x: float, y: float, text: str, size: float, *, bold: bool = False, colour: str = BLACK) -> None:
        self.book.text(x, y, text, size, bold=bold, colour=colour)

    def _right(self, x: float, y: float, text: str, size: float, *, bold: bool = False, colour: str = BLACK) -> None:
        width = self.design.typefaces.of(bold=bold).width(text) * size * POINT_MM
        self._text(x - width, y, text, size, bold=bold, colour=colour)

    def _centred(self, x: float, y: float, text: str, size: float) -> None:
        self._text(x - self._width(text, size) / 2, y, text, size)


def _qr_words(plan: QrPlan) -> str:
    return (
        f"version {plan.version}, level {plan.level} ({RECOVERY[plan.level]}%), {plan.modules} modules of "
        f"{plan.module_mm:.3f} mm, quiet zone {plan.quiet_modules}, field {plan.field_mm:g} mm"
    )
