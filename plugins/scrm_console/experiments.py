"""Experiments: arms compared by what they brought, with intervals and P values, and no winner before its time."""

from __future__ import annotations

from flask import Response, request

from scrm_core.api import NotFound, current_brand, permission

from .frame import page, pages

ROWS = 100
_LONGEST = 200


@pages.get("/b/<brand>/experiments")
@permission("reports:read")
def experiments() -> Response:
    """The newest experiments of the brand, whoever makes them, and one of them with its arms."""
    brand, name = current_brand(), request.args.get("name", "")[:_LONGEST]
    known = brand.experiments.newest(ROWS)
    chosen, missing = None, False
    if name or known:
        try:
            chosen = brand.experiments.get(name or known[0].name)
        except NotFound:
            missing = True
    return page(
        "experiments.html",
        404 if missing else 200,
        known=known,
        chosen=chosen,
        missing=missing,
        measures=brand.experiments.measured(chosen.name) if chosen is not None else [],
    )
