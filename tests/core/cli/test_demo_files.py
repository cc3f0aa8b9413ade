"""The demo's files are the examples, moved by one number of weeks to the day on which the demo is made."""

from __future__ import annotations

import csv
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from scrm_core.cli.demo_files import DemoFiles
from scrm_core.clock import ManualClock

EXAMPLES = Path(__file__).resolve().parents[3] / "examples"


def rows(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


@pytest.mark.parametrize(
    ("now", "weeks", "newest"),
    [
        # 1998-06-30 is a Tuesday, as 2026-11-24 is; at three in the morning of Greenwich it is the evening before there.
        (datetime(2026, 11, 24, 12, tzinfo=UTC), 1_482, "2026-11-24"),
        (datetime(2026, 11, 24, 3, tzinfo=UTC), 1_481, "2026-11-17"),
        (datetime(2026, 11, 30, 12, tzinfo=UTC), 1_482, "2026-11-24"),
        (datetime(2026, 12, 1, 12, tzinfo=UTC), 1_483, "2026-12-01"),
    ],
)
def test_the_newest_order_is_moved_to_the_last_seven_days_of_the_brand_onto_the_same_day_of_the_week(
    tmp_path, now, weeks, newest
):
    files = DemoFiles(EXAMPLES, tmp_path / "examples", ManualClock(now))
    assert (files.weeks, files.day("1998-06-30")) == (weeks, newest)


def test_every_date_of_every_file_is_moved_by_the_same_weeks_and_nothing_else_is_changed(tmp_path):
    files = DemoFiles(EXAMPLES, tmp_path / "examples", ManualClock(datetime(2026, 11, 28, 12, tzinfo=UTC)))
    files.write()
    by = timedelta(weeks=1_482)
    for path in sorted((tmp_path / "examples").glob("*.csv")):
        before, after = rows(EXAMPLES / path.name), rows(path)
        assert after[0] == before[0] and len(after) == len(before)
        for was, now in zip(before[1:], after[1:], strict=True):
            changed = [(old, new) for old, new in zip(was, now, strict=True) if old != new]
            ((old, new),) = changed
            assert new[10:] == old[10:] and date.fromisoformat(new[:10]) - date.fromisoformat(old[:10]) == by
    assert len(list((tmp_path / "examples").glob("*.csv"))) == 7


def test_who_goes_on_in_another_week_reads_the_same_files(tmp_path):
    clock = ManualClock(datetime(2026, 11, 28, 12, tzinfo=UTC))
    DemoFiles(EXAMPLES, tmp_path / "examples", clock).write()
    kept = (tmp_path / "examples" / "card-scans.csv").read_bytes()
    clock.advance(days=21)
    later = DemoFiles(EXAMPLES, tmp_path / "examples", clock)
    later.write()
    assert (later.weeks, later.today) == (1_482, date(2026, 11, 28))
    assert (tmp_path / "examples" / "card-scans.csv").read_bytes() == kept
