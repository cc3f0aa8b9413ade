"""Metric rollups: computing a day again replaces it, and a failing plugin harms nobody else."""

import pytest

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
