"""The wheel as a drawing: one slice per prize, in the order of the prize table, as SVG geometry.

All slices are equally wide: how likely a prize is stands in the table of odds
below the wheel, not in an angle that nobody can measure.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

RADIUS = 150.0
LONGEST_LINE = 6
MOST_LINES = 2
# A Latin word, one Chinese character, or the space between.
_WORDS = re.compile(r"[^\s\u2e80-\uffff]+|[\u2e80-\uffff]|\s+")


@dataclass(frozen=True, slots=True)
class Slice:
    """A slice: the path of its outline, the degrees at which its middle lies (clockwise from the top), its words."""

    code: str
    path: str
    middle: float
    lines: tuple[str, ...]
    shade: int


def slices(prizes: list[tuple[str, str]]) -> list[Slice]:
    """The slices of (code, title) pairs around a centre at 0, 0; one prize alone fills the wheel."""
    if not prizes:
        return []
    width = 360 / len(prizes)
    return [
        Slice(code, _outline(place * width, width), round((place + 0.5) * width, 3), _lines(title), shade)
        for (place, (code, title)), shade in zip(enumerate(prizes), _shades(len(prizes)), strict=True)
    ]


def _shades(count: int) -> list[int]:
    """One of three shades for each slice, none beside its like: the last slice lies beside the first."""
    shades = [place % 3 + 1 for place in range(count)]
    if count % 3 == 1:
        shades[-1] = 2
    return shades


def _outline(start: float, width: float) -> str:
    if width >= 360:
        return f"M0,{-RADIUS:g} A{RADIUS:g},{RADIUS:g} 0 1 1 -0.01,{-RADIUS:g} Z"
    from_x, from_y = _point(start)
    to_x, to_y = _point(start + width)
    large = 1 if width > 180 else 0
    return f"M0,0 L{from_x},{from_y} A{RADIUS:g},{RADIUS:g} 0 {large} 1 {to_x},{to_y} Z"


def _point(degrees: float) -> tuple[str, str]:
    angle = math.radians(degrees)
    return f"{RADIUS * math.sin(angle):.2f}", f"{-RADIUS * math.cos(angle):.2f}"


def _lines(title: str) -> tuple[str, ...]:
    """The title in at most two short lines, broken between words, or between any two Chinese characters."""
    lines = [""]
    for word in _WORDS.findall(title):
        if _room(lines[-1]) + _room(word) <= LONGEST_LINE:
            lines[-1] += word
        elif word.strip():
            lines.append(word)
    lines = [line.strip() for line in lines if line.strip()]
    if len(lines) > MOST_LINES or any(_room(line) > LONGEST_LINE for line in lines):
        lines = [_shortened(line) for line in lines[:MOST_LINES]]
        lines[-1] = _shortened(lines[-1] + "…")
    return tuple(lines)


def _shortened(line: str) -> str:
    while _room(line) > LONGEST_LINE:
        line = line.removesuffix("…")[:-1] + "…"
    return line


def _room(text: str) -> float:
    """The width of a text in Chinese characters: Latin letters are about half as wide."""
    return sum(0.55 if ord(letter) < 0x2E80 and letter != "…" else 1.0 for letter in text)
