"""Metric rollups: computing a day again replaces it, and a failing plugin harms nobody else."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import date

import pytest

from scrm_core.db.bulk import execute
from scrm_core.errors import Invalid, NotFound
from scrm_core.facts import MetricsQuery, MetricValue
from scrm_core.hooks import hookimpl
from scrm_core.plugin import Metric, Plugin
from scrm_core.services.metrics import DayValue


class Scans(Plugin):
    name = "scans"
    version = "1"
    summary = "answers what the test put into answers"
    requires_core = ">=0"
    metrics = {"opened": Metric("cards opened"), "spent": Metric("money spent", "minor")}
    answers: list = []

    @hookimpl
    def collect_metrics(self, query: MetricsQuery):
        yield from (each for each in self.answers if not isinstance(each, MetricValue) or in_days(each, query))
        if "boom" in self.answers:
            raise RuntimeError("boom")


def in_days(value: MetricValue, query: MetricsQuery) -> bool:
    return query.first_day <= value.day <= query.last_day


class Broken(Scans):
    name = "broken"
    metrics = {"opened": Metric("cards opened")}

    @hookimpl
    def collect_metrics(self, query: MetricsQuery):
        raise OSError("away")


@pytest.fixture
def installation(new_installation):
    Scans.answers = []
    return new_installation(plugins=(Scans, Broken), acme="[plugins.broken]\n[plugins.scans]\n")


def test_a_rollup_is_read_by_day_and_dimension(brand, other):
    Scans.answers = [
        MetricValue("opened", 101, 7, "card-b"),
        MetricValue("opened", 101, 5, "card-a"),
        MetricValue("opened", 100, 3),
        MetricValue("spent", 100, -250),
        MetricValue("opened", 99, 1),
    ]
    with brand:
        done = brand.metrics.roll_up(100, 101)
        seen = brand.metrics.read("scans", "opened", 1, 200)
        assert brand.metrics.read("scans", "opened", 1, 200, dimension="card-b") == seen[2:]
        assert [v.value for v in brand.metrics.read("scans", "spent", 100, 100)] == [-250]
    assert done.stored == {"scans": 4}
    assert done.unavailable == {"broken": "OSError: away"}
    assert seen == [
        DayValue("scans", "opened", 100, "", 3),
        DayValue("scans", "opened", 101, "card-a", 5),
        DayValue("scans", "opened", 101, "card-b", 7),
    ]
    with other:
        assert other.metrics.roll_up(100, 101).stored == {}
        with pytest.raises(NotFound):
            other.metrics.read("scans", "opened", 1, 200)


def test_computing_days_again_gives_what_computing_them_once_gives(brand):
    with brand:
        Scans.answers = [MetricValue("opened", 100, 3, "gone"), MetricValue("opened", 101, 4)]
        brand.metrics.roll_up(100, 101)
        Scans.answers = [MetricValue("opened", 100, 2, "kept")]
        for _ in range(2):
            brand.metrics.roll_up(100, 100)
            values = [(v.day, v.dimension, v.value) for v in brand.metrics.read("scans", "opened", 1, 200)]
            assert values == [(100, "kept", 2), (101, "", 4)]


@pytest.mark.cases_on_sqlite
@pytest.mark.parametrize(
    "wrong",
    [
        MetricValue("unheard", 100, 1),
        MetricValue("opened", 100, True),
        MetricValue("opened", 100, 1.5),
        MetricValue("opened", 100, 2**60),
        MetricValue("opened", 100, 1, "d" * 300),
        MetricValue("opened", 100, 9, "twice"),
        "not a value",
        "boom",
    ],
)
def test_a_wrong_answer_leaves_the_values_as_they_were(brand, wrong):
    good = MetricValue("opened", 100, 9, "twice")
    with brand:
        Scans.answers = [good]
        brand.metrics.roll_up(100, 100)
        Scans.answers = [MetricValue("opened", 100, 1, "new"), good, wrong]
        done = brand.metrics.roll_up(100, 100)
        assert "scans" in done.unavailable
        assert [v.value for v in brand.metrics.read("scans", "opened", 100, 100)] == [9]


def test_a_span_of_days_has_a_length(brand):
    with brand:
        for first, last in ((2, 1), (0, 5_000)):
            with pytest.raises(Invalid):
                brand.metrics.roll_up(first, last)
            with pytest.raises(Invalid):
                brand.metrics.read("scans", "opened", first, last)


def of_scans(brand, first: int, last: int) -> list[tuple[int, int]]:
    return [(value.day, value.value) for value in brand.metrics.read("scans", "opened", first, last)]


@pytest.fixture
def sound(new_installation, clock):
    """Two brands whose one plugin answers what is in ``Scans.answers``, at noon of day 730,000."""
    Scans.answers = []
    clock.set((730_000 - date(1970, 1, 1).toordinal()) * 86_400_000 + 12 * 3_600_000)
    return new_installation(plugins=(Scans,), acme="[plugins.scans]\n", moonco="[plugins.scans]\n")


def test_days_in_which_nobody_counted_are_counted_by_the_next_run(sound, clock):
    acme, moonco = sound.brand("acme"), sound.brand("moonco")
    today = 730_000
    with acme:
        acme.metrics.keep_up()
        clock.advance(days=60)
        Scans.answers = [MetricValue("opened", today + n, n + 1) for n in range(61)]
        acme.metrics.keep_up()
        assert of_scans(acme, today, today + 60) == [(today + n, n + 1) for n in range(61)]
    with moonco:
        assert of_scans(moonco, today, today + 60) == []


def test_a_plugin_that_is_new_is_counted_three_months_back(sound):
    Scans.answers = [MetricValue("opened", 730_000 - n, 1) for n in range(92, -1, -1)]
    with sound.brand("acme") as acme:
        acme.metrics.keep_up()
        assert of_scans(acme, 729_000, 730_000) == [(day, 1) for day in range(729_909, 730_001)]


def test_what_is_told_late_of_the_last_weeks_is_counted_once_a_day(sound, clock):
    with sound.brand("acme") as acme:
        acme.metrics.keep_up()
        Scans.answers = [MetricValue("opened", 729_970, 7)]
        clock.advance(hours=1)
        acme.metrics.keep_up()
        assert of_scans(acme, 729_000, 730_001) == []  # of the same day: yesterday and today alone
        clock.advance(days=1)
        acme.metrics.keep_up()
        assert of_scans(acme, 729_000, 730_001) == [(729_970, 7)]


def test_a_plugin_that_failed_is_asked_again_for_all_that_it_lacks_and_the_others_are_not(sound, clock):
    with sound.brand("acme") as acme:
        acme.metrics.keep_up()
        clock.advance(days=50)
        Scans.answers = [MetricValue("opened", 730_001, 1), "boom"]
        assert set(acme.metrics.keep_up().unavailable) == {"scans"}
        Scans.answers.remove("boom")
        clock.advance(hours=1)
        assert acme.metrics.keep_up().stored == {"scans": 1}
        assert of_scans(acme, 730_001, 730_001) == [(730_001, 1)]


def test_a_clock_that_was_put_back_counts_its_own_two_days(sound, clock):
    with sound.brand("acme") as acme:
        acme.metrics.keep_up()
        clock.advance(days=-3)
        Scans.answers = [MetricValue("opened", day, 1) for day in range(729_994, 729_998)]
        acme.metrics.keep_up()
        assert of_scans(acme, 729_000, 730_000) == [(729_996, 1), (729_997, 1)]


def waits_for_a_lock(brand) -> bool:
    """Whether another connection waits; on SQLite nobody can tell."""
    return brand.handle.engine == "sqlite" or execute("SELECT 1 FROM pg_locks WHERE NOT granted").fetchone() is not None


def test_two_that_count_the_same_days_at_once_both_end_and_the_later_values_stay(sound):
    asked = threading.Event()
    acme = sound.brand("acme")

    def counts_too():
        with acme:
            asked.set()
            return acme.metrics.roll_up(729_990, 730_000).stored

    with ThreadPoolExecutor(1) as pool, acme:
        Scans.answers = [MetricValue("opened", 730_000, 1, "a"), MetricValue("opened", 730_000, 1, "gone")]
        with acme.transaction():
            acme.metrics.roll_up(729_990, 730_000)
            Scans.answers = [MetricValue("opened", 730_000, 2, "a")]
            other = pool.submit(counts_too)
            assert asked.wait(30)
            until = time.monotonic() + 30
            while not waits_for_a_lock(acme):
                assert time.monotonic() < until
        assert other.result(30) == {"scans": 1}
        assert [(v.dimension, v.value) for v in acme.metrics.read("scans", "opened", 730_000, 730_000)] == [("a", 2)]


class Fatal(Scans):
    name = "fatal"
    metrics = {"opened": Metric("cards opened")}

    @hookimpl
    def collect_metrics(self, query: MetricsQuery):
        raise KeyboardInterrupt  # as a worker ends that is told to while this plugin counts


def test_a_plugin_at_which_the_worker_ends_each_time_keeps_no_other_uncounted(new_installation, clock):
    Scans.answers = []
    clock.set((730_000 - date(1970, 1, 1).toordinal()) * 86_400_000)
    house = new_installation(plugins=(Fatal, Scans), acme="[plugins.scans]\n", moonco="[plugins.scans]\n")
    with house.brand("acme") as acme:
        acme.metrics.keep_up()
    path = house.config.brands_dir / "acme.toml"
    path.write_text("[plugins.fatal]\n" + path.read_text("utf-8"), "utf-8")
    clock.advance(days=1)
    with house.brand("acme") as acme:
        # The first run of the day counts weeks, and the next one yesterday and today alone.
        for told, counted in ((7, [(729_970, 7), (730_001, 7)]), (8, [(729_970, 7), (730_001, 8)])):
            Scans.answers = [MetricValue("opened", day, told) for day in (729_970, 730_001)]
            with pytest.raises(KeyboardInterrupt):
                acme.metrics.keep_up()
            assert of_scans(acme, 729_000, 730_001) == counted
            clock.advance(hours=1)
