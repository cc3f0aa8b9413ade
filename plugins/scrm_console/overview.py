"""The overview: what the core can tell of four weeks, how plugins fare, and the cards that they bring."""

from __future__ import annotations

from flask import Response

from scrm_core.api import current_brand, permission, staff_visit

from .figures import DAYS, Figures
from .frame import page, pages
from .parts import cards, plugins_off


@pages.get("/b/<brand>/")
@permission("reports:read")
def overview() -> Response:
    brand, visit = current_brand(), staff_visit()
    figures = Figures(brand)
    shows_plugins = visit.allows("plugins:read")
    return page(
        "overview.html",
        days=DAYS,
        series=figures.by_day(),
        people=figures.people(),
        funnel=figures.funnel(),
        plugins=brand.events.plugins() if shows_plugins else [],
        off=plugins_off() if shows_plugins else [],
        cards=cards(visit),
    )
