"""Puts faces on pages: the arm's artwork by reference, then what is this card's own: its QR code and serial."""

from __future__ import annotations

from dataclasses import dataclass

from scrm_core.api import Invalid

from .artbook import ALPHABET, ArtBook, Carried
from .colour import BLACK, fill_operator
from .fonts import Typefaces, open_fonts
from .layout import Artwork, Rect, compose
from .pdffile import PdfFile, points
from .qr import QrPlan, draw_qr
from .spec import CardFace, CardSpec
from .typeset import POINT_MM

SERIAL_PREFIX = "No. "
SMALLEST_SERIAL = 4.0  # points


@dataclass(frozen=True, slots=True)
class Design:
    """A spec laid out: the artwork of the common text under ``""``, and of each arm that has its own."""

    spec: CardSpec
    typefaces: Typefaces
    artworks: dict[str, Artwork]

    def arm_of(self, face: CardFace) -> str:
        """The key of the artwork that a face is printed with."""
        return face.arm if face.arm in self.artworks else ""


def design(spec: CardSpec, *, more_characters: str = "") -> Design:
    """Open the fonts and lay every arm out; raises Invalid for a font or a text that does not do."""
    typefaces = open_fonts(spec.fonts)
    lacking = typefaces.regular.lacking(ALPHABET + more_characters)
    if lacking:
        raise Invalid(
            f"the font {typefaces.regular.path} lacks {' '.join(lacking[:20])}, which serials and notes on the paper "
            "need; name a font with Latin letters and Chinese characters",
            field="fonts.regular",
        )
    return Design(spec, typefaces, {arm: compose(spec, arm, typefaces) for arm in ("", *spec.arm_texts)})


def form_name(arm: str) -> str:
    """The name of an arm's artwork in an :class:`ArtBook`."""
    return f"arm {arm}"


class Press:
    """Draws the cards of one design into a PDF."""

    def __init__(self, target: PdfFile, made: Design, book: ArtBook) -> None:
        """``book`` may have pages already; the artwork is added to it and all is carried into the file."""
        self.design = made
        self._target = target
        for arm, artwork in made.artworks.items():
            book.page(form_name(arm), made.spec.full_width_mm, made.spec.full_height_mm)
            book.artwork(artwork)
        self.carried: Carried = book.carry_into(target)
        self._forms = {arm: b"/A%d" % place for place, arm in enumerate(made.artworks)}
        self._black = fill_operator(BLACK, made.spec.colours)
        self.plans: dict[QrPlan, int] = {}

    def resources(self, more_forms: bytes = b"") -> int:
        """Write the resources that every page of the file shares; returns the object's number."""
        forms = b" ".join(
            b"%b %d 0 R" % (name, self.carried.forms[form_name(arm)]) for arm, name in self._forms.items()
        )
        return self._target.add(
            b"<< /XObject << %b %b >> /Font << /T %d 0 R >> >>" % (forms, more_forms, self.carried.font)
        )

    def card(self, face: CardFace, slot: Rect, page_height_mm: float) -> bytes:
        """The operators that print a face in a slot of a page; raises Invalid for a link or serial that cannot be."""
        arm = self.design.arm_of(face)
        artwork = self.design.artworks[arm]
        height = self.design.spec.full_height_mm
        place = f"1 0 0 1 {points(slot.x)} {points(page_height_mm - slot.bottom)} cm".encode("ascii")
        parts = [b"q", place, self._forms[arm] + b" Do", self._qr(face.url, artwork.qr, height)]
        if face.serial:
            parts.append(self._serial(face.serial, artwork, height))
        return b"\n".join([*parts, b"Q\n"])

    def note(self, text: str, x: float, baseline: float, size: float, page_height_mm: float) -> bytes:
        """Operators that write a line of :data:`ALPHABET` in black ink."""
        return b"BT %b/T %b Tf %b %b Td %b Tj ET\n" % (
            self._black,
            f"{size:g}".encode("ascii"),
            points(x).encode("ascii"),
            points(page_height_mm - baseline).encode("ascii"),
            self.carried.encoded(text),
        )

    def _qr(self, url: str, field: Rect, height: float) -> bytes:
        code = draw_qr(self.design.spec, url)
        self.plans[code.plan] = self.plans.get(code.plan, 0) + 1
        module = f"{code.plan.module_mm / POINT_MM:.5f}"
        corner = f"{points(field.x)} {points(height - field.bottom)}"
        return f"q {module} 0 0 {module} {corner} cm\n".encode("ascii") + self._black + code.path + b"\nQ"

    def _serial(self, serial: str, artwork: Artwork, height: float) -> bytes:
        place, text = artwork.serial, SERIAL_PREFIX + serial
        widest = place.width / (self.design.typefaces.regular.width(text) * POINT_MM)
        size = int(min(place.size, widest) * 100) / 100
        if size < SMALLEST_SERIAL:
            raise Invalid(
                f"serial: {serial!r} does not fit {place.width:.0f} mm even at {SMALLEST_SERIAL:g} pt; shorten it",
                field="serial",
            )
        colour = fill_operator(place.colour, self.design.spec.colours)
        where = f"/T {size:g} Tf {points(place.x)} {points(height - place.baseline)} Td ".encode("ascii")
        return b"BT " + colour + where + self.carried.encoded(text) + b" Tj ET"
