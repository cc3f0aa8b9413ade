"""Personal posters (邀请海报) for plugins: one picture with a person's own QR code, the brand's name and its colour.

Their words are neutral: what the brand offers to new customers, never what the
sharer gets for sharing (WeChat's rules on induced sharing). The
libraries belong to the plugin's extra and are imported when a picture is drawn.
"""

from __future__ import annotations

import importlib
import io
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from ..errors import Invalid

FONT = Path("/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc")
BOLD = Path("/usr/share/fonts/opentype/noto/NotoSansCJK-Bold.ttc")

WIDTH, HEIGHT = 900, 1_350
_MARGIN = 72
_QR_SIDE = 590
_QUIET_MODULES = 4
_INK, _SOFT, _SHEET = "#1d2129", "#5b6270", "#ffffff"
_MOST_URL = 300


@dataclass(frozen=True, slots=True)
class Poster:
    """What a poster says. ``url`` is what its code leads to, ``colour`` like ``#0b6e4f``, ``person`` a masked name.

    ``extra`` is the extra of the plugin that draws, named where a library is missing.
    """

    url: str
    brand: str
    title: str
    line: str
    person: str
    scan: str
    colour: str = "#0b6e4f"
    extra: str = ""


def draw_poster(poster: Poster, *, regular: Path = FONT, bold: Path = BOLD) -> bytes:
    """The poster as a PNG of 900 x 1350 pixels.

    Raises Invalid (code ``font_missing`` or ``library_missing``) with the
    command that installs what is missing, and Invalid (``url``) for an address
    that is too long for a code that phones read from a picture.
    """
    if len(poster.url) > _MOST_URL:
        raise Invalid(f"the address has {len(poster.url)} characters; a poster's code takes {_MOST_URL}", field="url")
    draw_library = _library("PIL.ImageDraw", poster.extra)
    image = _library("PIL.Image", poster.extra).new("RGB", (WIDTH, HEIGHT), poster.colour)
    draw = draw_library.Draw(image)
    on_brand = "#ffffff" if _dark(poster.colour) else "#111111"
    y = _text(draw, poster.brand, _font(bold, 44), _MARGIN, on_brand, lines=1)
    y = _text(draw, poster.title, _font(bold, 78), y + 36, on_brand, lines=2)
    if poster.line:
        _text(draw, poster.line, _font(regular, 40), y + 20, on_brand, lines=2)
    sheet = (_MARGIN, HEIGHT - _MARGIN - 770, WIDTH - _MARGIN, HEIGHT - _MARGIN)
    draw.rounded_rectangle(sheet, radius=44, fill=_SHEET)
    code = _code(poster.url, poster.extra)
    image.paste(code, ((WIDTH - code.width) // 2, sheet[1] + 30))
    y = sheet[1] + 30 + code.height
    y = _text(draw, poster.person, _font(bold, 42), y, _INK, lines=1)
    _text(draw, poster.scan, _font(regular, 32), y + 10, _SOFT, lines=2)
    out = io.BytesIO()
    # Few colours are enough for type and a code, and the picture is a quarter as large on slow networks.
    image.quantize(48).save(out, "PNG", optimize=True)
    return out.getvalue()


def _code(url: str, extra: str) -> Any:
    """The QR code as a picture, every module the same whole number of pixels."""
    symbol = _library("segno", extra).make(url, error="q", micro=False, boost_error=False)
    side, _ = symbol.symbol_size(border=_QUIET_MODULES)
    out = io.BytesIO()
    symbol.save(out, kind="png", scale=max(1, _QR_SIDE // side), border=_QUIET_MODULES)
    return _library("PIL.Image", extra).open(io.BytesIO(out.getvalue())).convert("RGB")


def _text(draw: Any, text: str, font: Any, y: float, fill: str, *, lines: int) -> float:
    """Write a text centred, over at most so many lines; returns the y below it."""
    height = font.getmetrics()[0] + font.getmetrics()[1]
    for row in _wrapped(text, font, WIDTH - 2 * _MARGIN - 40, lines):
        draw.text(((WIDTH - font.getlength(row)) / 2, y), row, font=font, fill=fill)
        y += height
    return y


def _wrapped(text: str, font: Any, width: float, lines: int) -> list[str]:
    """Break a text into lines that fit: at spaces where there are some, anywhere in Chinese; the rest is cut off."""
    rows: list[str] = []
    rest = " ".join(text.split())
    while rest and len(rows) < lines:
        fits = len(rest)
        while fits > 1 and font.getlength(rest[:fits]) > width:
            fits -= 1
        if fits < len(rest):
            space = rest.rfind(" ", 0, fits + 1)
            fits = space if space > fits // 2 else fits
        rows.append(rest[:fits].strip())
        rest = rest[fits:].strip()
    if rest and rows:
        last = rows[-1]
        while last and font.getlength(last + "…") > width:
            last = last[:-1]
        rows[-1] = last + "…"
    return rows


def _font(path: Path, size: int) -> Any:
    if not path.is_file():
        raise Invalid(
            f"the font {path} is missing, so no poster can be drawn; install Debian's fonts-noto-cjk",
            code="font_missing",
        )
    return _opened(path, size)


@lru_cache(maxsize=16)
def _opened(path: Path, size: int) -> Any:
    library = importlib.import_module("PIL.ImageFont")
    face = library.truetype(str(path), size)
    if path.suffix != ".ttc":
        return face
    # A collection has a face per language: the same sign is drawn differently in Japan.
    number = 0
    while not face.getname()[0].endswith(" SC"):
        number += 1
        try:
            face = library.truetype(str(path), size, index=number)
        except OSError:
            return library.truetype(str(path), size)
    return face


def _library(name: str, extra: str) -> Any:
    """A library of a plugin's extra; raises Invalid with the command that installs it."""
    try:
        return importlib.import_module(name)
    except ImportError as exc:
        top = {"PIL": "pillow"}.get(name.partition(".")[0], name)
        raise Invalid(
            f"posters and QR codes need the library {top}, which is not installed; run: pip install 'scrm[{extra}]'",
            code="library_missing",
        ) from exc


def _dark(colour: str) -> bool:
    """Whether white reads well on a colour: its relative luminance (WCAG 2) is low."""
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue < 0.35


def code_picture(url: str, *, extra: str) -> str:
    """A QR code as an address that holds the picture itself (SVG); a friend scans it from the owner's screen."""
    symbol = _library("segno", extra).make(url, error="m", micro=False)
    return str(symbol.svg_data_uri(border=_QUIET_MODULES, light="#fff", omitsize=True))


def code_file(url: str, kind: str, *, extra: str) -> bytes:
    """A QR code to be printed, as a file: ``kind`` is ``png`` (ten pixels a module) or ``svg``.

    Raises Invalid (``library_missing``) with the command that installs what is missing.
    """
    out = io.BytesIO()
    _library("segno", extra).make(url, error="m", micro=False).save(
        out, kind=kind, scale=10, border=_QUIET_MODULES, light="#fff"
    )
    return out.getvalue()
