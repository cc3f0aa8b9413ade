"""Font files: opened with a clear error, measured, and asked which characters they lack."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from scrm_core.api import Invalid

from .libraries import library
from .spec import Fonts

_RESTRICTED = 0x0002  # fsType of OpenType's OS/2 table: must not be embedded


@dataclass(frozen=True, slots=True)
class Typeface:
    """One face of a font file; ``number`` is its place in a collection, widths are parts of the type size."""

    path: Path
    number: int
    name: str
    widths: dict[int, float]

    def width(self, text: str) -> float:
        """The width of a text at type size 1."""
        return sum(self.widths[ord(character)] for character in text)

    def lacking(self, text: str) -> list[str]:
        """The characters of a text that the font has no glyph for, each once."""
        return [character for character in dict.fromkeys(text) if ord(character) not in self.widths]


@dataclass(frozen=True, slots=True)
class Typefaces:
    """The two faces a card is set in."""

    regular: Typeface
    bold: Typeface

    def of(self, *, bold: bool) -> Typeface:
        return self.bold if bold else self.regular


def open_fonts(fonts: Fonts) -> Typefaces:
    """Open both files; raises Invalid for a file that is no font or may not be embedded."""
    return Typefaces(_typeface(fonts.regular, "fonts.regular"), _typeface(fonts.bold, "fonts.bold"))


def _typeface(path: Path, field: str) -> Typeface:
    library("fontTools.ttLib")
    if not path.is_file():
        raise Invalid(
            f"the font {path} is missing; install Debian's fonts-noto-cjk or name another font file", field=field
        )
    try:
        found = path.stat()
        face, restricted = _read(path, found.st_size, found.st_mtime_ns)
    except OSError as exc:
        raise Invalid(f"the font {path} cannot be read: {exc.strerror or exc}", field=field) from exc
    except Exception as exc:
        # fontTools meets a damaged table with whatever error it runs into: struct, assertion, key.
        raise Invalid(f"{path} is no TrueType or OpenType font that can be used: {exc}", field=field) from exc
    if restricted:
        raise Invalid(f"the licence of the font {path} forbids embedding it; name another font", field=field)
    return face


@lru_cache(maxsize=8)
def _read(path: Path, size: int, changed_ns: int) -> tuple[Typeface, bool]:
    """The face of a file that has this size and time of change, and whether its licence forbids embedding.

    A Chinese font takes a while to read, and one process prints many cards.
    """
    number = _chinese_face(path)
    with library("fontTools.ttLib").TTFont(path, fontNumber=number, lazy=True) as font:
        glyphs, metrics, unit = font.getBestCmap(), font["hmtx"], font["head"].unitsPerEm
        widths = {code: metrics[glyph][0] / unit for code, glyph in glyphs.items()}
        face = Typeface(path, max(number, 0), str(font["name"].getBestFullName()), widths)
        return face, bool(font["OS/2"].fsType & _RESTRICTED)


def _chinese_face(path: Path) -> int:
    """The face of a collection that draws simplified Chinese; -1 for a file with a single face."""
    tt = library("fontTools.ttLib")
    with path.open("rb") as file:
        if file.read(4) != b"ttcf":
            return -1
    with tt.TTCollection(path, lazy=True) as collection:
        names = [str(font["name"].getBestFamilyName()) for font in collection.fonts]
    # The same code point is drawn differently in Japan, Korea and Taiwan.
    return next((place for place, name in enumerate(names) if name.endswith(" SC")), 0)
