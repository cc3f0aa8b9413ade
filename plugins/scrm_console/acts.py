"""The audit log: who did what to which thing, filtered, and as a file."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import dataclass
from typing import Any

from flask import Response, request

from scrm_core.api import Invalid, current_actor, current_brand, cut_page, permission, query_number

from .frame import attachment, page, pages
from .orders import midnight

ROWS = 50
COLUMNS = ("at", "actor", "action", "target", "detail")
_LONGEST = 200
_FILTERS = ("actor", "action", "target", "from", "to")


@dataclass(frozen=True, slots=True)
class Act:
    """An act as it is shown: what it changed as (what, before, after), and what else is known."""

    entry: Any
    changes: tuple[tuple[str, str, str], ...]
    more: str


@pages.get("/b/<brand>/audit")
@permission("audit:read")
def audit() -> Response:
    given, wrong = _given(), ""
    asked: dict[str, Any] = {}
    try:
        asked = _asked(given)
    except Invalid as error:
        wrong = error.field or ""
    before = query_number("before", 0)
    found, older = cut_page(current_brand().audit.page(**asked, before=before or None, limit=ROWS + 1), ROWS)
    return page(
        "audit.html",
        422 if wrong else 200,
        acts=[_act(each) for each in found],
        given=given,
        wrong=wrong,
        before=before,
        older=older,
    )


@pages.post("/b/<brand>/audit.csv")
@permission("audit:read")
def audit_file() -> Response:
    """Every act of the filter as a file: a POST, since the export itself is an act that is noted."""
    text = io.StringIO()
    lines = csv.writer(text)
    lines.writerow(COLUMNS)
    lines.writerows(current_brand().audit.export(by=current_actor(), **_asked(_given())))
    return attachment(text.getvalue(), f"audit-{current_brand().id}.csv")


def _given() -> dict[str, str]:
    return {name: request.values.get(name, "").strip()[:_LONGEST] for name in _FILTERS}


def _asked(given: dict[str, str]) -> dict[str, Any]:
    asked: dict[str, Any] = {name: given[name] for name in ("actor", "action", "target") if given[name]}
    for name, field, days in (("since", "from", 0), ("until", "to", 1)):
        if given[field]:
            asked[name] = midnight(given[field], days, field)
    return asked


def _act(entry: Any) -> Act:
    """Before and after beside each other where the act says them."""
    detail = dict(entry.detail or {})
    before, after = detail.pop("before", None), detail.pop("after", None)
    if isinstance(before, dict) or isinstance(after, dict):
        one, two = before or {}, after or {}
        changes = tuple((name, _text(one.get(name)), _text(two.get(name))) for name in dict.fromkeys([*one, *two]))
    else:
        changes = (("", _text(before), _text(after)),) if (before, after) != (None, None) else ()
    more = " · ".join(f"{name}: {_text(value)}" for name, value in detail.items())
    return Act(entry, changes, more)


def _text(value: Any) -> str:
    if value is None:
        return "–"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
