"""Instants: offsets are respected, wall-clock text is the brand's, seconds are not milliseconds."""

import re
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scrm_core.clock import local_instant
from scrm_core.errors import Invalid
from scrm_core.values.instants import parse_instant

SHANGHAI = ZoneInfo("Asia/Shanghai")
NEW_YORK = ZoneInfo("America/New_York")


@pytest.mark.parametrize(
    ("text", "zone", "instant"),
    [
        ("2026-01-01T00:00:00Z", SHANGHAI, 1_767_225_600_000),
        ("2026-01-01T08:00:00+08:00", NEW_YORK, 1_767_225_600_000),
        ("2026-01-01T08:00", SHANGHAI, 1_767_225_600_000),
        ("2026-01-01 08:00:00.250", SHANGHAI, 1_767_225_600_250),
        ("2026-01-01", SHANGHAI, 1_767_196_800_000),
        ("1997-01-01", NEW_YORK, 852_094_800_000),
        ("2026-07-01", NEW_YORK, 1_782_878_400_000),
    ],
)
def test_iso_text(text, zone, instant):
    assert parse_instant(text, zone) == instant


@pytest.mark.parametrize(
    "value",
    [
        "2026-02-29",
        "2026-13-01",
        "2026-01-01T25:00",
        "0000-00-00",
        "20260101",
        "2026-W01-1",
        "2026-01-01T08",
        "yesterday",
        "",
        "2026-01-01T00:00:00+99:00",
        "1899-12-31",
        "2200-01-01",
        "２０２６-01-01",
        1_767_225_600,
        -1,
        True,
        1.5,
        None,
        10**18,
    ],
)
def test_what_is_no_instant_is_refused(value):
    with pytest.raises(Invalid):
        parse_instant(value, SHANGHAI)


def test_epoch_milliseconds_pass():
    assert parse_instant(1_767_225_600_000, SHANGHAI) == 1_767_225_600_000


@given(st.datetimes(min_value=datetime(1970, 1, 2)), st.sampled_from([SHANGHAI, NEW_YORK]))
def test_wall_clock_text_agrees_with_the_clock_module(moment, zone):
    if moment.year < 2200:
        text = moment.isoformat(timespec="microseconds")
        assert parse_instant(text, zone) == local_instant(
            moment.replace(microsecond=moment.microsecond // 1000 * 1000), zone
        )


@given(st.text("0123456789-:T Z+.W", min_size=19, max_size=25))
def test_texts_with_the_outline_of_an_instant_follow_the_same_pattern(tail):
    text = f"2026-0{tail[0]}-1{tail[1]}{'T '[len(tail) % 2]}1{tail[2]}:0{tail[3]}:{tail[4:]}"
    try:
        parse_instant(text, SHANGHAI)
    except Invalid:
        return
    assert re.fullmatch(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d{1,6})?(Z|[+-]\d\d:?\d\d)?", text, re.ASCII)
