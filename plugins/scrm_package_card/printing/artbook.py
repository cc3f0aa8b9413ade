"""Artwork drawn once by fpdf2 and carried into the printed file as forms, with its fonts embedded as subsets."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any

from .colour import device_colour
from .fonts import Typefaces
from .layout import Artwork
from .libraries import library
from .pdffile import PdfFile

HAIRLINE_MM = 0.15
# What a press sheet writes besides the artwork: serials, codes, numbers, days.
ALPHABET = "".join(map(chr, range(0x20, 0x7F)))
_FAMILY = "card"


@dataclass(frozen=True, slots=True)
class Carried:
    """Numbers of objects in the printed file: a form per page of the book, and the face for serials."""

    forms: dict[str, int]
    font: int
    codes: dict[str, bytes]

    def encoded(self, text: str) -> bytes:
        """A text of :data:`ALPHABET` as the hexadecimal string that the embedded subset understands."""
        return b"<" + b"".join(self.codes[character] for character in text) + b">"


class ArtBook:
    """An fpdf2 document of which every page becomes a form."""

    def __init__(self, faces: Typefaces, colours: str) -> None:
        fpdf = library("fpdf")
        self.colours = colours
        self.pdf: Any = fpdf.FPDF(unit="mm", format=(100, 100))
        self.pdf.set_auto_page_break(False)
        self.pdf.set_margin(0)
        for style, face in (("", faces.regular), ("B", faces.bold)):
            self.pdf.add_font(_FAMILY, style, face.path, collection_font_number=face.number)
        self._names: list[str] = []

    def page(self, name: str, width_mm: float, height_mm: float) -> None:
        """Begin the page that becomes the form of this name."""
        self.pdf.add_page(format=(width_mm, height_mm))
        self._names.append(name)

    def artwork(self, artwork: Artwork) -> None:
        """Draw a card on the present page."""
        for shape in artwork.shapes:
            rect = shape.rect
            self.rectangle(rect.x, rect.y, rect.width, rect.height, shape.colour, shape.radius, shape.outline)
        for line in artwork.lines:
            self.text(line.x, line.baseline, line.text, line.size, bold=line.bold, colour=line.colour)

    def rectangle(
        self, x: float, y: float, width: float, height: float, colour: str, radius: float = 0.0, outline: str = ""
    ) -> None:
        """A filled rectangle, with a hairline around it when ``outline`` is a colour."""
        self.pdf.set_fill_color(device_colour(colour, self.colours))
        if outline:
            self.pdf.set_draw_color(device_colour(outline, self.colours))
            self.pdf.set_line_width(HAIRLINE_MM)
        style = "DF" if outline else "F"
        self.pdf.rect(x, y, width, height, style=style, round_corners=radius > 0, corner_radius=radius)

    def line(self, x1: float, y1: float, x2: float, y2: float, colour: str, *, dash: float = 0.0) -> None:
        """A hairline, dashed when ``dash`` is a length."""
        self.pdf.set_draw_color(device_colour(colour, self.colours))
        self.pdf.set_line_width(HAIRLINE_MM)
        self.pdf.set_dash_pattern(dash=dash, gap=dash)
        self.pdf.line(x1, y1, x2, y2)
        self.pdf.set_dash_pattern()

    def text(self, x: float, baseline: float, text: str, size: float, *, bold: bool = False, colour: str) -> None:
        """A line of text from its left end."""
        self.pdf.set_font(_FAMILY, "B" if bold else "", size)
        self.pdf.set_text_color(device_colour(colour, self.colours))
        self.pdf.text(x, baseline, text)

    def carry_into(self, target: PdfFile) -> Carried:
        """Write forms and fonts into a file that has no objects yet."""
        pikepdf = library("pikepdf")
        # A page that is printed nowhere puts the alphabet into the subset and shows its codes.
        self.pdf.add_page(format=(100, 100))
        self.text(0, 50, ALPHABET, 10, colour="#000000")
        drawn = pikepdf.open(io.BytesIO(bytes(self.pdf.output())))
        book = pikepdf.new()
        book.Root.Forms = pikepdf.Dictionary()
        for place in range(len(self._names)):
            form = drawn.pages[place].as_form_xobject()
            if "/Group" in form:
                del form.Group  # its RGB blending space would turn process inks into RGB and back
            book.Root.Forms[f"/F{place}"] = book.copy_foreign(form)
        font, codes = _alphabet(pikepdf, drawn.pages[-1])
        book.Root.Alphabet = book.copy_foreign(font)
        return _adopt(pikepdf, book, self._names, codes, target)


def _alphabet(pikepdf: Any, page: Any) -> tuple[Any, dict[str, bytes]]:
    """The font of the alphabet's page and the code of each of its characters there."""
    font, shown = None, b""
    for operands, operator in pikepdf.parse_content_stream(page):
        if str(operator) == "Tf":
            font = page.Resources.Font[operands[0]]
        elif str(operator) == "Tj":
            shown += bytes(operands[0])
    pairs = [shown[place : place + 2].hex().encode("ascii") for place in range(0, len(shown), 2)]
    return font, dict(zip(ALPHABET, pairs, strict=True))


def _adopt(pikepdf: Any, book: Any, names: list[str], codes: dict[str, bytes], target: PdfFile) -> Carried:
    saved = io.BytesIO()
    book.save(saved, object_stream_mode=pikepdf.ObjectStreamMode.disable, deterministic_id=True)
    again = pikepdf.open(saved)
    for found in again.objects:
        if isinstance(found, pikepdf.Stream):
            raw = found.read_raw_bytes()
            entries = pikepdf.Dictionary(found.stream_dict)
            entries.Length = len(raw)
            target.add(entries.unparse() + b"\nstream\n" + raw + b"\nendstream", found.objgen[0])
        elif not (isinstance(found, pikepdf.Dictionary) and found.get("/Type") in ("/Catalog", "/Pages")):
            target.add(found.unparse(resolved=True), found.objgen[0])
    forms = {name: again.Root.Forms[f"/F{place}"].objgen[0] for place, name in enumerate(names)}
    return Carried(forms, again.Root.Alphabet.objgen[0], codes)
