"""Text into boxes: lines broken by the rules of Chinese and Latin, shrunk to a minimum, then refused."""

from __future__ import annotations

import re
from dataclasses import dataclass

from scrm_core.api import Invalid

from .fonts import Typeface

POINT_MM = 25.4 / 72
SHRINK_STEP = 0.25  # points
LEADING = 1.32
HEADLINE_LEADING = 1.18

# 避头尾: what may not begin a line, and what may not end one.
_NO_START = "，。、；：？！）》〉」』】〕”’…—～·%‰℃,.;:?!)]}"
_NO_END = "（《〈「『【〔“‘([{￥¥$"
_PAUSE = "，。；：？！,;:?!"
_WORD = re.compile(r"[A-Za-z0-9À-ɏ'’&@#+/_.,:%$¥￥!?-]+|\s+|.", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Box:
    """The room for a text: millimetres, and its largest and smallest type size in points."""

    width_mm: float
    height_mm: float
    largest: float
    smallest: float


@dataclass(frozen=True, slots=True)
class Setting:
    """A text that fits its box: lines at a type size; ``leading`` is the distance of baselines in sizes."""

    lines: tuple[str, ...]
    size: float
    leading: float

    @property
    def height_mm(self) -> float:
        return len(self.lines) * self.size * self.leading * POINT_MM


def fit(text: str, face: Typeface, box: Box, *, name: str, headline: bool = False) -> Setting:
    """Set a text as large as its box allows; raises Invalid, naming the text, when it is too long.

    A headline stays on one line as long as that costs at most a quarter of its size.
    """
    lacking = face.lacking(text)
    if lacking:
        shown = ", ".join(f"{character} (U+{ord(character):04X})" for character in lacking[:10])
        raise Invalid(f"{name}: the font {face.name} has no {shown}; replace it or name another font", field=name)
    leading = HEADLINE_LEADING if headline else LEADING
    size = max(box.largest, box.smallest)
    least = max(size * 0.75, box.smallest)
    one_line_possible = headline and face.width(text) * least * POINT_MM <= box.width_mm
    while size >= box.smallest:
        lines = break_lines(text, face, box.width_mm / (size * POINT_MM))
        setting = Setting(tuple(lines), size, leading)
        if lines and setting.height_mm <= box.height_mm and not (one_line_possible and len(lines) > 1):
            widow = len(lines) > 1 and face.width(lines[-1]) * 3 < face.width(lines[0])
            return _balanced(text, face, setting, box) if widow or (headline and len(lines) > 1) else setting
        size -= SHRINK_STEP
    raise does_not_fit(name, text, box.width_mm, box.height_mm, box.smallest)


def does_not_fit(name: str, text: str, width_mm: float, height_mm: float, smallest: float) -> Invalid:
    """The error for a text that is too long for its place at its smallest type size in points."""
    return Invalid(
        f"{name}: {text[:40]!r} does not fit {width_mm:.0f} x {height_mm:.1f} mm even at the smallest type size of "
        f"{smallest:g} pt; shorten it",
        field=name,
    )


def _balanced(text: str, face: Typeface, setting: Setting, box: Box) -> Setting:
    """The same number of lines, as even as possible: no single character alone on the last one."""
    widest = box.width_mm / (setting.size * POINT_MM)
    best = setting.lines
    for percent in range(95, 35, -5):
        lines = break_lines(text, face, widest * percent / 100)
        if not lines or len(lines) > len(setting.lines):
            break
        best = tuple(lines)
        if all(line[-1] in _PAUSE for line in lines[:-1]):
            break  # where the voice pauses is the best place of all
    return Setting(best, setting.size, setting.leading)


def break_lines(text: str, face: Typeface, width: float) -> list[str]:
    """The lines of a text in a width given in type sizes; empty when a word is wider than the line."""
    lines: list[str] = []
    line = ""
    for piece in _unbreakable(text):
        if face.width((line + piece).rstrip()) <= width:
            line += piece
            continue
        if face.width(piece.strip()) > width:
            return []
        lines.append(line.rstrip())
        line = piece.lstrip()
    if line.strip():
        lines.append(line.rstrip())
    return lines


def _unbreakable(text: str) -> list[str]:
    """Words, single Chinese characters and blanks, with punctuation glued to what it belongs to."""
    pieces: list[str] = []
    for piece in _WORD.findall(text):
        if pieces and (piece[0] in _NO_START or pieces[-1].rstrip()[-1:] in tuple(_NO_END)):
            if pieces[-1] == " " and len(pieces) > 1:
                pieces.pop()
                pieces[-1] += " "
            pieces[-1] += piece
        else:
            pieces.append(" " if piece.isspace() else piece)
    return pieces
