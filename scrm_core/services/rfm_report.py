"""RFM of a brand at a day: one grouping over valid orders, scored and summed up.

The formulas are those of :mod:`scrm_core.rfm`. Orders count by brand-local day
of payment up to and including the day asked for; several orders of a person
on one day are one purchase occasion. What is a valid order is decided when
the order is written (``rfm.count_zero_orders`` in the brand's file).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from ..db.bulk import execute
from ..errors import Invalid
from ..rfm import Scale, Scores, quintiles, repeat_summary, segments, thresholds

if TYPE_CHECKING:
    from ..brands import Brand

WINDOW_DAYS = 365
"""Days before the snapshot that RFM looks at unless told otherwise."""


@dataclass(frozen=True, slots=True)
class CustomerRfm:
    """One customer: days since the last order, purchase days, net minor units, scores, segment."""

    contact_id: int
    r_days: int
    frequency: int
    money: int
    scores: Scores
    segment: str


@dataclass(frozen=True, slots=True)
class RfmSummary:
    """RFM at ``as_of``: repeat figures, the scales used, customers per segment and score.

    ``score_counts`` maps ``"r"``, ``"f"`` and ``"m"`` to the numbers of
    customers with scores 1 to 5. The scales explain every score.
    """

    as_of: date
    window_days: int | None
    customers: int
    repeats: int
    without_repeat: int
    money: int
    r_scale: Scale | None
    f_scale: Scale | None
    m_scale: Scale | None
    score_counts: dict[str, tuple[int, ...]]
    segment_counts: dict[str, int]


class RfmReport:
    """RFM figures of one brand."""

    def __init__(self, brand: Brand) -> None:
        self.brand = brand

    def report(
        self,
        as_of: date,
        *,
        window_days: int | None = WINDOW_DAYS,
        frequency_bounds: Sequence[int] | None = None,
        against: str = "mean",
    ) -> RfmSummary:
        """Repeat figures, scales and distributions at the end of ``as_of``.

        ``window_days`` limits the orders looked at to that many days up to
        ``as_of`` (None: all). ``frequency_bounds`` scores F by fixed
        thresholds (for example ``[2, 3, 4, 6]``) instead of quintiles.
        ``against`` is "mean" or "median", for the segments.
        """
        customers, scales = self._scored(as_of, window_days, frequency_bounds, against)
        summary = repeat_summary(customer.frequency for customer in customers)
        r_scale, f_scale, m_scale = scales
        return RfmSummary(
            as_of=as_of,
            window_days=window_days,
            customers=summary.customers,
            repeats=summary.repeats,
            without_repeat=summary.without_repeat,
            money=sum(customer.money for customer in customers),
            r_scale=r_scale,
            f_scale=f_scale,
            m_scale=m_scale,
            score_counts={
                "r": _per_score(customer.scores.r for customer in customers),
                "f": _per_score(customer.scores.f for customer in customers),
                "m": _per_score(customer.scores.m for customer in customers),
            },
            segment_counts=dict(Counter(customer.segment for customer in customers).most_common()),
        )

    def customers(
        self,
        as_of: date,
        *,
        window_days: int | None = WINDOW_DAYS,
        frequency_bounds: Sequence[int] | None = None,
        against: str = "mean",
    ) -> list[CustomerRfm]:
        """Every customer with an order in the window, by contact id. Arguments as for :meth:`report`."""
        return self._scored(as_of, window_days, frequency_bounds, against)[0]

    def _scored(
        self, as_of: date, window_days: int | None, frequency_bounds: Sequence[int] | None, against: str
    ) -> tuple[list[CustomerRfm], tuple[Scale | None, Scale | None, Scale | None]]:
        if window_days is not None and window_days < 1:
            raise Invalid("the window has one day at least", field="window_days")
        if against not in ("mean", "median"):
            raise Invalid("segments compare with the mean or the median", field="against")
        end = as_of.toordinal()
        begin = 0 if window_days is None else end - window_days
        rows = execute(
            "SELECT contact_id, max(day), count(DISTINCT day), sum(paid_minor - refund_minor) FROM orders "
            "WHERE valid = 1 AND contact_id IS NOT NULL AND day > ? AND day <= ? "
            "GROUP BY contact_id ORDER BY contact_id",
            (begin, end),
        ).fetchall()
        measured = [(contact, end - last, days, int(money)) for contact, last, days, money in rows]
        if not measured:
            return [], (None, None, None)
        r_scale = quintiles([r for _, r, _, _ in measured], more_is_better=False)
        f_scale = self._frequency_scale([f for _, _, f, _ in measured], frequency_bounds)
        m_scale = quintiles([m for _, _, _, m in measured])
        scores = [Scores(r_scale.score(r), f_scale.score(f), m_scale.score(m)) for _, r, f, m in measured]
        named = segments(scores, against=against)
        customers = [
            CustomerRfm(contact, r, f, m, score, segment)
            for (contact, r, f, m), score, segment in zip(measured, scores, named, strict=True)
        ]
        return customers, (r_scale, f_scale, m_scale)

    @staticmethod
    def _frequency_scale(frequencies: Sequence[int], bounds: Sequence[int] | None) -> Scale:
        if bounds is None:
            return quintiles(frequencies)
        try:
            return thresholds(bounds)
        except ValueError as error:
            raise Invalid(str(error), field="frequency_bounds") from None


def _per_score(scores: Iterable[int]) -> tuple[int, ...]:
    counted = Counter(scores)
    return tuple(counted[score] for score in range(1, 6))
