"""Colours of a card: read from ``#RRGGBB``, compared for contrast, written as CMYK or RGB."""

from __future__ import annotations

import re
from typing import Any

from scrm_core.api import Invalid

from .libraries import library

_HEX = re.compile(r"#[0-9A-Fa-f]{6}\Z")
SPACES = ("cmyk", "rgb")

WHITE = "#FFFFFF"
BLACK = "#000000"


def check_colour(value: str, field: str) -> None:
    """Raise Invalid unless the value is a colour like ``#C8102E``."""
    if not isinstance(value, str) or not _HEX.match(value):
        raise Invalid(f"{field}: {value!r} is no colour; write it as #RRGGBB, for example #C8102E", field=field)


def rgb(value: str) -> tuple[float, float, float]:
    """The three channels of ``#RRGGBB`` from 0 to 1."""
    red, green, blue = (int(value[place : place + 2], 16) / 255 for place in (1, 3, 5))
    return red, green, blue


def cmyk(value: str) -> tuple[float, float, float, float]:
    """Process inks from 0 to 1 with all grey in black: no profile, so the print shop's proof decides.

    Black text becomes black ink alone, which cannot be misregistered, and no
    colour needs more than 300 % of ink.
    """
    red, green, blue = rgb(value)
    black = 1 - max(red, green, blue)
    if black == 1:
        return 0.0, 0.0, 0.0, 1.0
    cyan, magenta, yellow = ((1 - channel - black) / (1 - black) for channel in (red, green, blue))
    return cyan, magenta, yellow, black


def described(value: str, space: str) -> str:
    """The colour in the terms of the file, for people: ``C0 M92 Y77 K22`` or ``R200 G16 B46``."""
    if space == "cmyk":
        return " ".join(f"{ink}{share * 100:.0f}" for ink, share in zip("CMYK", cmyk(value), strict=True))
    return " ".join(f"{name}{share * 255:.0f}" for name, share in zip("RGB", rgb(value), strict=True))


def contrast(one: str, other: str) -> float:
    """The contrast ratio of WCAG 2.1, from 1 (equal) to 21 (black on white)."""
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(value: str) -> float:
    linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in rgb(value)]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def fill_operator(value: str, space: str) -> bytes:
    """The PDF operator that makes this the colour of fills and text."""
    channels, operator = (cmyk(value), "k") if space == "cmyk" else (rgb(value), "rg")
    return (" ".join(f"{channel:.4g}" for channel in channels) + f" {operator} ").encode("ascii")


def device_colour(value: str, space: str) -> Any:
    """The colour as fpdf2 wants it."""
    primitives = library("fpdf.drawing_primitives")
    return primitives.DeviceCMYK(*cmyk(value)) if space == "cmyk" else primitives.DeviceRGB(*rgb(value))
