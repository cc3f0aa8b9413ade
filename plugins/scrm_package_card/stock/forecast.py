"""How many cards to print (建议印量): the orders to expect on the campaign's days, from the orders there were.

Three rates are taken from whole days before today, each in the brand's zone:
daily from the last 30 days, weekly from the last 8 weeks, monthly from the last
3 calendar months. Each gives a forecast, rounded up; all are shown with their
arithmetic, and the largest is suggested unless one is named, rounded up to the
printer's lot. An order that was never paid or was closed carries no card.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from scrm_core.api import Invalid, execute

from .batches import MOST_CARDS, check_count

if TYPE_CHECKING:
    from scrm_core.api import Brand

    from ..service import Campaign

BASES = ("daily", "weekly", "monthly")
DAYS = 30
WEEKS = 8
MONTHS = 3
MOST_DAYS = 3_650


@dataclass(frozen=True, slots=True)
class Forecast:
    """``orders`` of the days [first_day, last_day] carried over to the campaign's days, rounded up."""

    basis: str
    first_day: int
    last_day: int
    orders: int
    forecast: int
    arithmetic: str


@dataclass(frozen=True, slots=True)
class Suggestion:
    """The quantity to print; ``chosen`` is the basis it rests on, ``left`` what is in stock already."""

    campaign: str
    days: int
    forecasts: tuple[Forecast, ...]
    chosen: str
    lot: int
    quantity: int
    left: int


def suggest(
    brand: Brand, campaign: Campaign, *, lot: int, days: int | None = None, basis: str | None = None
) -> Suggestion:
    """Suggest a print quantity for a campaign.

    ``days`` is how many days it ships; without it the campaign's own window
    counts. Raises Invalid when neither is known.
    """
    if basis is not None and basis not in BASES:
        raise Invalid(f"basis: {basis!r} is none of {', '.join(BASES)}", field="basis")
    check_count(lot, "lot", 1, MOST_CARDS)
    length = _days_of(campaign) if days is None else days
    check_count(length, "days", 1, MOST_DAYS)
    today = brand.day(brand.now())
    forecasts = tuple(_forecast(campaign.source, name, today, length) for name in BASES)
    chosen = max(forecasts, key=lambda f: f.forecast) if basis is None else forecasts[BASES.index(basis)]
    (left,) = execute(
        "SELECT coalesce(sum(remaining), 0) FROM package_card_batch WHERE campaign_id = ?", (campaign.id,)
    ).fetchone()
    quantity = -(-chosen.forecast // lot) * lot
    return Suggestion(campaign.code, length, forecasts, chosen.basis, lot, quantity, int(left))


def _days_of(campaign: Campaign) -> int:
    if campaign.first_day is None or campaign.last_day is None:
        raise Invalid(
            f"campaign {campaign.code!r} has no first or no last day; say for how many days it ships", field="days"
        )
    return campaign.last_day - campaign.first_day + 1


def _forecast(source: str, basis: str, today: int, length: int) -> Forecast:
    first, last, periods, words = _span(basis, today)
    (orders,) = execute(
        "SELECT count(*) FROM orders WHERE source = ? AND paid_at IS NOT NULL "
        "AND status NOT IN ('unpaid', 'closed') AND day BETWEEN ? AND ?",
        (source, first, last),
    ).fetchone()
    span = last - first + 1
    forecast = -(-orders * length // span)
    rate = f"{orders / periods:.2f} a {words}"
    arithmetic = (
        f"{orders} orders from {date.fromordinal(first)} to {date.fromordinal(last)} "
        f"({span} days, {rate}): {orders} x {length} / {span} = {orders * length / span:.2f} -> {forecast}"
    )
    return Forecast(basis, first, last, orders, forecast, arithmetic)


def _span(basis: str, today: int) -> tuple[int, int, int, str]:
    """First and last day looked at, how many periods they are, and what a period is called."""
    if basis == "daily":
        return today - DAYS, today - 1, DAYS, "day"
    if basis == "weekly":
        return today - 7 * WEEKS, today - 1, WEEKS, "week"
    this_month = date.fromordinal(today).replace(day=1)
    months = this_month.year * 12 + this_month.month - 1 - MONTHS
    first = date(months // 12, months % 12 + 1, 1)
    return first.toordinal(), this_month.toordinal() - 1, MONTHS, "month"
