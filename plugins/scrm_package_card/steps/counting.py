"""What a trial counts: the cards that were shipped, and those whose scan became an attributed lead.

Exposed is an order, on the day its card left. Converted is the order that the
lead's parcel belongs to. The parcel of a unique card may be unknown; its arm
is not, it is printed. Such a card converts an order of its arm that has not
converted yet: an arm's share needs the number of its scanned cards, not which
they were. When the warehouse names the parcel later, nothing is counted twice,
because an arm never gets more conversions than it has scanned cards.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from scrm_core.api import day_start, execute, fetch_in

if TYPE_CHECKING:
    from scrm_core.api import Brand

    from .records import Plan, Trial

LEAD = "lead"
"""The outcome that a trial compares."""

_UNIT_CHARS = 200
_PAGE = 1_000
_NEVER = 2**53

_CARDS = (
    "SELECT id, day, source, order_number FROM package_card_shipment "
    "WHERE campaign_id = ? AND day >= ? AND id > ? ORDER BY id LIMIT ?"
)
_LEADS = (
    "SELECT l.id, l.at, s.source, s.order_number FROM package_card_lead l "
    "JOIN package_card_shipment s ON s.id = l.shipment_id "
    "WHERE s.campaign_id = ? AND s.day >= ? AND l.state = 'attributed' AND l.id > ? ORDER BY l.id LIMIT ?"
)
# Unique cards without a known parcel; those printed after the trial's end are no part of it.
_WITHOUT_PARCEL = (
    "SELECT l.arm, min(l.at) FROM package_card_lead l JOIN package_card_card c ON c.serial = l.serial "
    "JOIN package_card_batch b ON b.id = c.batch_id "
    "WHERE l.campaign_id = ? AND l.day >= ? AND l.state = 'attributed' AND l.shipment_id IS NULL AND l.arm <> '' "
    "AND b.created_at <= ? GROUP BY l.arm, l.serial ORDER BY min(l.at), l.serial"
)
_EXPOSED = (
    "SELECT e.person, e.arm, e.at FROM exposure e JOIN experiment x ON x.id = e.experiment_id "
    "WHERE x.name = ? AND e.person IN ({in})"
)
_CONVERTED = (
    "SELECT o.person, e.arm FROM outcome o JOIN experiment x ON x.id = o.experiment_id "
    "JOIN exposure e ON e.experiment_id = o.experiment_id AND e.person = o.person "
    "WHERE x.name = ? AND o.metric = ?"
)
_NOT_CONVERTED = (
    "SELECT e.person, e.at FROM exposure e JOIN experiment x ON x.id = e.experiment_id "
    "WHERE x.name = ? AND e.arm = ? AND NOT EXISTS (SELECT 1 FROM outcome o "
    "WHERE o.experiment_id = e.experiment_id AND o.person = e.person AND o.metric = ?) "
    "ORDER BY e.at, e.person LIMIT ?"
)


def unit_of(source: str, number: str) -> str:
    """The key of an order in an experiment: ``source:number``, or a digest of one that is too long."""
    plain = f"{source}:{number}"
    return plain if len(plain) <= _UNIT_CHARS else f"sha256:{hashlib.sha256(plain.encode()).hexdigest()}"


def count(brand: Brand, plan: Plan, trial: Trial) -> None:
    """Tell core's experiment of shipped cards and scanned cards that it does not know yet; in a transaction."""
    # Two who count at once would each fill the same gap.
    execute("UPDATE package_card_step_trial SET number = number WHERE id = ?", (trial.id,))
    first_day = brand.day(trial.started_at)
    if trial.ended_at is None:
        for cards in _pages(_CARDS, plan.campaign_id, first_day):
            _expose(brand, trial.experiment, cards)
    _convert(brand, plan, trial, first_day)


def _expose(brand: Brand, experiment: str, cards: Sequence[tuple[int, int, str, str]]) -> None:
    """Expose shipped cards: by day, not by the minute, so that many are written with one statement.

    A card counts from the first instant of its day. Whether a scan came
    after the shipping is decided before it becomes an attributed lead.
    """
    days = {unit_of(source, number): day for _, day, source, number in cards}
    known = brand.experiments.assigned(experiment, list(days))
    fresh: dict[int, list[str]] = {}
    for unit, day in days.items():
        if unit not in known:
            fresh.setdefault(day, []).append(unit)
    for day, units in sorted(fresh.items()):
        brand.experiments.expose_many(experiment, units, day_start(day, brand.zone))


def _convert(brand: Brand, plan: Plan, trial: Trial, first_day: int) -> None:
    """Record conversions until each arm has as many as it has scanned cards."""
    scanned: dict[str, int] = {}
    for leads in _pages(_LEADS, plan.campaign_id, first_day):
        for _, at, source, number in leads:
            unit = unit_of(source, number)
            scanned[unit] = min(at, scanned.get(unit, at))
    exposed = fetch_in(_EXPOSED, list(scanned), [trial.experiment])
    arms = {unit: arm for unit, arm, since in exposed if since <= scanned[unit]}
    ended = _NEVER if trial.ended_at is None else trial.ended_at
    drifting = execute(_WITHOUT_PARCEL, (plan.campaign_id, first_day, ended)).fetchall()
    converted = dict(execute(_CONVERTED, (trial.experiment, LEAD)).fetchall())
    room = Counter(arms.values()) + Counter(arm for arm, _ in drifting)
    room.subtract(converted.values())
    for unit, arm in sorted(arms.items(), key=lambda each: (scanned[each[0]], each[0])):
        if unit not in converted and room[arm] > 0:
            room[arm] -= brand.experiments.record(trial.experiment, unit, LEAD, at=scanned[unit])
    for arm in sorted({arm for arm, _ in drifting}):
        instants = [at for of, at in drifting if of == arm]
        told = len(instants) - max(0, room[arm])
        _stand_in(brand, trial.experiment, arm, instants[told:])


def _stand_in(brand: Brand, experiment: str, arm: str, instants: Sequence[int]) -> None:
    """Convert one order of the arm for each of these scans, which are in order; the earliest cards come first."""
    free = execute(_NOT_CONVERTED, (experiment, arm, LEAD, len(instants))).fetchall()
    for at in instants:
        if free and free[0][1] <= at:
            brand.experiments.record(experiment, free.pop(0)[0], LEAD, at=at)


def _pages(sql: str, campaign_id: int, first_day: int) -> Iterator[list[tuple[Any, ...]]]:
    """Rows from a day on, in pages by their id, which comes first."""
    after = 0
    while rows := execute(sql, (campaign_id, first_day, after, _PAGE)).fetchall():
        after = rows[-1][0]
        yield rows
