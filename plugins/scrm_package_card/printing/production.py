"""The production file: cards on sheets with crop marks, as many as there are, in memory that does not grow."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from scrm_core.api import Invalid

from .artbook import HAIRLINE_MM, ArtBook
from .pdffile import PdfFile, box, points
from .press import Press, design
from .qr import LEVELS
from .sheets import MARK_GAP, Imposition, Sheet, impose
from .spec import CardFace, CardSpec, PrintFacts
from .wholefile import whole_file

NOTE_SIZE = 5.0  # points
# The colour "All" prints on every plate, so that each plate shows where to cut.
_REGISTRATION = (
    b"[/Separation /All /DeviceCMYK "
    b"<< /FunctionType 2 /Domain [0 1] /C0 [0 0 0 0] /C1 [1 1 1 1] /N 1 >>]"
)


@dataclass(frozen=True, slots=True)
class PrintSummary:
    """What a production file contains: for the record of the batch.

    ``arms`` counts cards by arm, ``levels`` by error correction (H, Q, M, L);
    ``module_mm`` is the smallest module on any card; ``size`` in bytes.
    """

    path: Path
    cards: int
    pages: int
    cards_per_page: int
    arms: Mapping[str, int]
    levels: Mapping[str, int]
    module_mm: float
    size: int
    sha256: str


def write_production(
    spec: CardSpec,
    sheet: Sheet,
    faces: Iterable[CardFace],
    out: Path,
    *,
    facts: PrintFacts,
    progress: Callable[[int], None] | None = None,
) -> PrintSummary:
    """Print every face once, in order, row by row; the same arguments give the same bytes.

    Cards that are all alike need one face: the print shop repeats the page.
    The file appears under its name only when it is whole. ``progress`` is
    called after each page with the number of cards so far. Raises Invalid
    for a card that does not fit the sheet, a text that does not fit the card,
    a font that is missing or lacks a character, a link that may not be printed
    or is too long for the code, and when there is no face at all.
    """
    imposition = impose(spec, sheet)
    made = design(spec)
    arms: Counter[str] = Counter()
    with whole_file(out) as file:
        target = PdfFile(file)
        press = Press(target, made, ArtBook(made.typefaces, spec.colours))
        run = _Run(target, press, imposition, facts)
        for group in _groups(faces, len(imposition.slots)):
            run.page(group)
            arms.update(face.arm for face in group)
            if progress is not None:
                progress(arms.total())
        if not arms:
            raise Invalid("there is no card to print: the list of faces is empty", field="faces")
        target.close(f"{facts.campaign} {facts.batch}", facts.made_at)
    levels: Counter[str] = Counter()
    for plan, count in press.plans.items():
        levels[plan.level] += count
    return PrintSummary(
        path=out,
        cards=arms.total(),
        pages=target.pages,
        cards_per_page=len(imposition.slots),
        arms=dict(sorted(arms.items())),
        levels={level: levels[level] for level in LEVELS if levels[level]},
        module_mm=min(plan.module_mm for plan in press.plans),
        size=target.size,
        sha256=target.sha256,
    )


def _groups(faces: Iterable[CardFace], count: int) -> Iterator[list[CardFace]]:
    source = iter(faces)
    while group := list(islice(source, count)):
        yield group


class _Run:
    """Writes page after page of one imposition."""

    def __init__(self, target: PdfFile, press: Press, imposition: Imposition, facts: PrintFacts) -> None:
        self._target = target
        self._press = press
        self._sheet = imposition
        self._facts = facts
        height = imposition.height_mm
        marks = target.add_stream(self._marks_entries(), self._marks())
        self._entries = b"/MediaBox [0 0 %b %b] /BleedBox %b /TrimBox %b /Resources %d 0 R" % (
            points(imposition.width_mm).encode("ascii"),
            points(height).encode("ascii"),
            box(imposition.bleed_box, height),
            box(imposition.trim_box, height),
            press.resources(b"/Marks %d 0 R" % marks),
        )

    def page(self, faces: list[CardFace]) -> None:
        """Write one sheet; the last one may have empty places."""
        height = self._sheet.height_mm
        cards = [
            self._press.card(face, slot, height) for face, slot in zip(faces, self._sheet.slots, strict=False)
        ]
        self._target.add_page(self._entries, b"".join([*cards, b"/Marks Do\n", self._note()]))

    def _note(self) -> bytes:
        """Campaign, batch, sheet and day, below the block between two crop marks."""
        facts, sheet = self._facts, self._sheet
        text = f"{facts.campaign} / {facts.batch} / {self._target.pages + 1} / {facts.iso_day}"
        room = sheet.slots[0].width - 2 * sheet.bleed_mm - 4
        size = min(NOTE_SIZE, room / (self._press.design.typefaces.regular.width(text) * 25.4 / 72))
        x, baseline = sheet.trim_box.x + 2, sheet.bleed_box.bottom + MARK_GAP + 2.4
        return self._press.note(text, x, baseline, round(size, 2), sheet.height_mm)

    def _marks_entries(self) -> bytes:
        return b"/Type /XObject /Subtype /Form /BBox [0 0 %b %b] /Resources << /ColorSpace << /R %b >> >>" % (
            points(self._sheet.width_mm).encode("ascii"),
            points(self._sheet.height_mm).encode("ascii"),
            _REGISTRATION if self._press.design.spec.colours == "cmyk" else b"/DeviceGray",
        )

    def _marks(self) -> bytes:
        height = self._sheet.height_mm
        ink = "1" if self._press.design.spec.colours == "cmyk" else "0"  # a full tint, or grey level black
        lines = [f"/R CS {ink} SC {points(HAIRLINE_MM)} w"]
        for x1, y1, x2, y2 in self._sheet.crop_marks():
            lines.append(f"{points(x1)} {points(height - y1)} m {points(x2)} {points(height - y2)} l S")
        return "\n".join(lines).encode("ascii")
