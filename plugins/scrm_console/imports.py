"""Imports of files: how far they are, while they go on, and the rows that they refused."""

from __future__ import annotations

import csv
import io
from typing import Any

from flask import Response

from scrm_core.api import csv_cell, current_brand, permission, query_number

from .frame import attachment, fragment, page, pages

ROWS = 50
# A batch takes seconds: an import without one for so long was broken off, and the same command goes on with it.
_STILL_MS = 600_000


@pages.get("/b/<brand>/imports")
@permission("imports:read")
def imports() -> Response:
    before = query_number("before", 0)
    return page("imports.html", before=before, **_found(before))


@pages.get("/b/<brand>/imports/progress")
@permission("imports:read")
def import_progress() -> Response:
    """The list by itself, for the console's script, which asks for it while something goes on."""
    return fragment("imports_list.html", **_found(0))


@pages.get("/b/<brand>/imports/<number>/rejected.csv")
@permission("imports:read")
def import_rejected(number: str) -> Response:
    """The refused rows as a file: line, column and reason, in the shape of ``scrm import --rejects``."""
    brand = current_brand()
    view = brand.imports.get(int(number) if number.isascii() and number.isdigit() and len(number) < 16 else 0)
    text = io.StringIO()
    lines = csv.writer(text)
    lines.writerow(("line", "column", "reason"))
    for each in brand.imports.rejected(view.id):
        lines.writerow((each.line, csv_cell(each.column), csv_cell(each.reason)))
    return attachment(text.getvalue(), f"rejected-{view.id}.csv")


def _found(before: int) -> dict[str, Any]:
    brand = current_brand()
    found = brand.imports.newest(ROWS + 1, before=before or None)
    still = brand.now() - _STILL_MS
    states = {each.id: each.state for each in found}
    states.update((each.id, "stopped") for each in found if each.state == "running" and each.updated_at < still)
    return {"rows": found[:ROWS], "states": states, "older": found[ROWS - 1].id if len(found) > ROWS else None}
