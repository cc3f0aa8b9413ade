"""Sheets: how many cards fit, where they stand, and where the guillotine cuts.

Lengths are millimetres. Crop marks stand around the block of cards, never in
the bleed: one guillotine cut goes across the whole sheet.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from scrm_core.api import Invalid

from .layout import Rect
from .spec import CardSpec, check_length

SIZES = {"A4": (210.0, 297.0), "A3": (297.0, 420.0), "SRA3": (320.0, 450.0)}
CARD = "card"

MARK_GAP = 1.0  # from the bleed to a crop mark, so that no mark is ever inside a bleed
MARK_LENGTH = 4.0
_BAND = MARK_GAP + MARK_LENGTH
_CUSTOM = re.compile(r"(\d{2,4}(?:\.\d+)?)x(\d{2,4}(?:\.\d+)?)\Z")


@dataclass(frozen=True, slots=True)
class Sheet:
    """The paper of the production file; ``Sheet("card", 0, 0)`` is a page for each card.

    ``margin_mm`` is the edge that the press cannot print, ``gap_mm`` the
    distance of the bleeds of neighbouring cards.
    """

    name: str
    width_mm: float
    height_mm: float
    margin_mm: float = 5.0
    gap_mm: float = 0.0

    def __post_init__(self) -> None:
        if self.name != CARD:
            check_length("sheet width", self.width_mm, 50, 2_000)
            check_length("sheet height", self.height_mm, 50, 2_000)
        check_length("sheet margin", self.margin_mm, 0, 100)
        check_length("sheet gap", self.gap_mm, 0, 100)

    @classmethod
    def named(cls, name: str, *, margin_mm: float = 5.0, gap_mm: float = 0.0) -> Sheet:
        """The sheet called A4, A3, SRA3, ``card`` (one card a page) or a size like ``330x480``."""
        if name == CARD:
            return cls(CARD, 0, 0, margin_mm, gap_mm)
        if name in SIZES:
            return cls(name, *SIZES[name], margin_mm, gap_mm)
        custom = _CUSTOM.match(name)
        if custom is None:
            raise Invalid(
                f"sheet: {name[:40]!r} is none of {', '.join(SIZES)}, {CARD} or a size like 330x480", field="sheet"
            )
        return cls(name, float(custom[1]), float(custom[2]), margin_mm, gap_mm)


@dataclass(frozen=True, slots=True)
class Imposition:
    """Cards on a page: ``slots`` are their bleeds' rectangles from the page's upper left corner, row by row."""

    width_mm: float
    height_mm: float
    bleed_mm: float
    slots: tuple[Rect, ...]
    columns: int

    @property
    def bleed_box(self) -> Rect:
        """The block of cards with its bleed."""
        first, last = self.slots[0], self.slots[-1]
        return Rect(first.x, first.y, last.right - first.x, last.bottom - first.y)

    @property
    def trim_box(self) -> Rect:
        """The block of cards from the first cut to the last."""
        return self.bleed_box.inset(self.bleed_mm)

    def crop_marks(self) -> list[tuple[float, float, float, float]]:
        """The marks as lines (x1, y1, x2, y2): two for each side of each column and row."""
        block = self.bleed_box
        marks = []
        for x in sorted({x for slot in self.slots for x in self._cuts(slot.x, slot.right)}):
            marks.append((x, block.y - MARK_GAP, x, block.y - _BAND))
            marks.append((x, block.bottom + MARK_GAP, x, block.bottom + _BAND))
        for y in sorted({y for slot in self.slots for y in self._cuts(slot.y, slot.bottom)}):
            marks.append((block.x - MARK_GAP, y, block.x - _BAND, y))
            marks.append((block.right + MARK_GAP, y, block.right + _BAND, y))
        return marks

    def _cuts(self, start: float, end: float) -> tuple[float, float]:
        return start + self.bleed_mm, end - self.bleed_mm


def impose(spec: CardSpec, sheet: Sheet) -> Imposition:
    """As many cards as fit on a sheet, turned if that gives more; raises Invalid when not one does."""
    if sheet.name == CARD:
        around = sheet.margin_mm + _BAND
        page = (spec.full_width_mm + 2 * around, spec.full_height_mm + 2 * around)
        return _grid(spec, *page, 1, 1, sheet.gap_mm)
    found = []
    for width, height in ((sheet.width_mm, sheet.height_mm), (sheet.height_mm, sheet.width_mm)):
        columns = _count(width, spec.full_width_mm, sheet)
        rows = _count(height, spec.full_height_mm, sheet)
        found.append((columns * rows, width, height, columns, rows))
    cards, width, height, columns, rows = max(found, key=lambda one: one[0])
    if not cards:
        around = 2 * (sheet.margin_mm + _BAND)
        raise Invalid(
            f"a card of {spec.width_mm:g} x {spec.height_mm:g} mm does not fit the sheet {sheet.name} of "
            f"{sheet.width_mm:g} x {sheet.height_mm:g} mm: with {spec.bleed_mm:g} mm bleed, crop marks and the sheet's "
            f"margin of {sheet.margin_mm:g} mm it needs {spec.full_width_mm + around:g} x "
            f"{spec.full_height_mm + around:g} mm. Take a larger sheet or a smaller card",
            field="sheet",
        )
    return _grid(spec, width, height, columns, rows, sheet.gap_mm)


def _count(page: float, card: float, sheet: Sheet) -> int:
    room = page - 2 * (sheet.margin_mm + _BAND)
    # A hair of tolerance, so that sums of decimals that are exactly full still count as fitting.
    return max(0, int((room + sheet.gap_mm + 1e-6) // (card + sheet.gap_mm)))


def _grid(spec: CardSpec, width: float, height: float, columns: int, rows: int, gap: float) -> Imposition:
    card_width, card_height = spec.full_width_mm, spec.full_height_mm
    left = (width - columns * card_width - (columns - 1) * gap) / 2
    top = (height - rows * card_height - (rows - 1) * gap) / 2
    slots = tuple(
        Rect(left + column * (card_width + gap), top + row * (card_height + gap), card_width, card_height)
        for row in range(rows)
        for column in range(columns)
    )
    return Imposition(width, height, spec.bleed_mm, slots, columns)
