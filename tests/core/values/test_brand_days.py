"""The day of a brand: the calendar day of its zone, in whatever order instants are asked about."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

pytestmark = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)

HOUR_MS = 3_600_000


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


@pytest.mark.parametrize(
    ("zone", "from_", "hours"),
    [
        ("Asia/Shanghai", "2026-11-26T00:00", 96),
        ("America/New_York", "2026-03-07T00:00", 96),  # 23 hours on the 8th
        ("America/New_York", "2026-10-31T00:00", 96),  # 25 hours on 1 November
        ("America/St_Johns", "2006-10-28T00:00", 96),  # back over midnight: the 29th begins twice
        ("Pacific/Apia", "2011-12-28T00:00", 96),  # 30 December never was
        ("America/Asuncion", "2024-03-22T00:00", 96),
        ("Asia/Kolkata", "1969-12-31T00:00", 48),
    ],
)
def test_a_day_is_the_zones_calendar_day_whatever_was_asked_before(installation, zone, from_, hours) -> None:
    brand = installation.brand("acme")
    brand.zone = ZoneInfo(zone)
    start, chance = at(from_), random.Random(7)
    instants = [start + minute * 60_000 for minute in range(0, hours * 60, 7)] + [
        start + hour * HOUR_MS - 1 for hour in range(hours)
    ]
    for order in (instants, instants[::-1], chance.sample(instants, len(instants))):
        for instant in order:
            local = datetime.fromtimestamp(instant / 1000, brand.zone)
            assert brand.day(instant) == local.date().toordinal(), (zone, instant)


def test_the_last_day_there_is_has_a_number_too(installation) -> None:
    brand = installation.brand("acme")
    for _ in range(2):
        assert brand.day(at("9999-12-31T12:00")) == 3652059
