"""When a daily grab opens and closes, in the brand's zone and across clock changes."""

from __future__ import annotations

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from scrm_interaction_games.games.drops import Drop, minute_of, next_drop, open_drop, overlap

SHANGHAI = ZoneInfo("Asia/Shanghai")
NEW_YORK = ZoneInfo("America/New_York")
TEN = Drop("10:00", "mug", 100, 30)
EIGHT = Drop("20:00", "mug", 50, 60)


def utc(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


def test_a_drop_is_open_from_its_minute_on_and_closed_at_its_end():
    day = date(2026, 3, 8).toordinal()
    opens, closes = utc("2026-03-08T02:00"), utc("2026-03-08T02:30")
    assert TEN.window(day, SHANGHAI) == (opens, closes)
    drops = (TEN, EIGHT)
    assert [open_drop(drops, at, day, SHANGHAI) for at in (opens - 1, opens, closes - 1, closes)] == [
        None, TEN, TEN, None,
    ]  # fmt: skip
    assert next_drop(drops, opens - 1, day, SHANGHAI) == (TEN, opens)
    assert next_drop(drops, opens, day, SHANGHAI) == (EIGHT, utc("2026-03-08T12:00"))
    assert next_drop(drops, utc("2026-03-08T12:00"), day, SHANGHAI) == (TEN, utc("2026-03-09T02:00"))
    assert next_drop((), opens, day, SHANGHAI) is None


def test_ten_o_clock_stays_ten_o_clock_when_the_clocks_change():
    before, after = date(2026, 3, 7).toordinal(), date(2026, 3, 8).toordinal()
    assert TEN.window(before, NEW_YORK)[0] == utc("2026-03-07T15:00")
    assert TEN.window(after, NEW_YORK)[0] == utc("2026-03-08T14:00")
    # 02:30 does not exist on 8 March: it opens when the gap ends. 01:30 comes twice on 1 November: the first one opens.
    assert Drop("02:30", "mug", 1, 10).window(after, NEW_YORK)[0] == utc("2026-03-08T07:30")
    assert Drop("01:30", "mug", 1, 10).window(date(2026, 11, 1).toordinal(), NEW_YORK)[0] == utc("2026-11-01T05:30")


@pytest.mark.parametrize("text", ["24:00", "9:00", "10:60", "10.00", "", "10:00:00", "１０:00"])
def test_what_is_no_time_of_day_is_refused(text):
    with pytest.raises(ValueError, match="HH:MM"):
        minute_of(text)


def test_drops_that_are_open_together_are_found():
    assert overlap((EIGHT, TEN)) is None
    assert overlap((TEN, Drop("10:29", "mug", 1, 5))) == (TEN, Drop("10:29", "mug", 1, 5))
    late = Drop("23:30", "mug", 1, 31)
    assert overlap((TEN, late)) == (late, late)
