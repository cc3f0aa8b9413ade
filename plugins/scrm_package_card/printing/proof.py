"""The proof sheet (校样): every arm's card at its real size, what it is made of, and a place to sign."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path

from scrm_core.api import Invalid

from .artbook import ArtBook
from .pdffile import PdfFile, points
from .press import Press, design
from .proofpage import CHARACTERS, ProofPage, arrange
from .qr import QrPlan, plan_qr
from .sheets import Sheet, impose
from .spec import CardFace, CardSpec, PrintFacts
from .wholefile import whole_file

_CHROME = "proof"


def write_proof(
    spec: CardSpec, faces_by_arm: Mapping[str, CardFace], out: Path, *, sheet: Sheet, facts: PrintFacts
) -> None:
    """Write one page (A4, or A3 when the arms need it) with the card of each arm at 100 %.

    The cards are drawn by the same code as the production file, so what is
    signed is what is printed; ``sheet`` is the one the production will be
    imposed on. Raises Invalid for everything that production would refuse,
    and when the arms together do not fit a page.
    """
    if not faces_by_arm:
        raise Invalid("there is no card to prove: name a face for at least one arm", field="faces")
    faces = {arm: dataclasses.replace(face, arm=arm) for arm, face in faces_by_arm.items()}
    imposition = impose(spec, sheet)
    arrangement = arrange(spec, len(faces))
    made = design(spec, more_characters=CHARACTERS)
    plans: dict[str, QrPlan] = {arm: plan_qr(spec, face.url) for arm, face in faces.items()}
    with whole_file(out) as file:
        target = PdfFile(file)
        book = ArtBook(made.typefaces, spec.colours)
        book.page(_CHROME, arrangement.width_mm, arrangement.height_mm)
        ProofPage(book, made, arrangement).draw(faces, plans, sheet, imposition, facts)
        press = Press(target, made, book)
        slots = arrangement.slots
        height = arrangement.height_mm
        cards = [press.card(face, slot, height) for face, slot in zip(faces.values(), slots, strict=True)]
        entries = b"/MediaBox [0 0 %b %b] /Resources %d 0 R" % (
            points(arrangement.width_mm).encode("ascii"),
            points(height).encode("ascii"),
            press.resources(b"/Proof %d 0 R" % press.carried.forms[_CHROME]),
        )
        # The lines of trim, bleed and safe area lie on the cards.
        target.add_page(entries, b"".join([*cards, b"/Proof Do\n"]))
        target.close(f"{facts.campaign} {facts.batch} proof", facts.made_at)
