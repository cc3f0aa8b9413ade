"""Experiments: sticky arms, one exposure and one outcome per person, results that do not guess."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scrm_core.errors import Conflict, Invalid, NotFound
from scrm_core.services.experiments import BUCKETS, bucket_of

HALVES = {"control": 5_000, "card B": 5_000}


def people(count, prefix="p"):
    return [f"{prefix}{number}" for number in range(count)]


def of_arm(brand, name, arm, count):
    """Keys of ``count`` persons whose arm is ``arm``."""
    found = []
    for person in people(40 * count):
        if brand.experiments.arm(name, person) == arm:
            found.append(person)
        if len(found) == count:
            return found
    raise AssertionError("too few persons of the arm")


def run(brand, name, metric, **arms):
    """Expose ``arm=(persons, converted)`` and record the outcomes."""
    for arm, (persons, converted) in arms.items():
        exposed = of_arm(brand, name, arm, persons)
        brand.experiments.expose_many(name, exposed)
        for person in exposed[:converted]:
            assert brand.experiments.record(name, person, metric, at=brand.now())


# Assignment ----------------------------------------------------------------------


@given(st.text(min_size=1, max_size=20), st.text(min_size=1, max_size=20), st.text(min_size=1, max_size=20))
def test_a_bucket_depends_on_nothing_but_salt_experiment_and_person(salt, experiment, person):
    bucket = bucket_of(salt, experiment, person)
    assert 0 <= bucket < BUCKETS
    assert bucket == bucket_of(salt, experiment, person)


def test_buckets_spread_evenly_and_independently_between_experiments():
    first = [bucket_of("salt", "one", person) for person in people(20_000)]
    second = [bucket_of("salt", "two", person) for person in people(20_000)]
    tenths = Counter(bucket // 1_000 for bucket in first)
    assert all(1_800 < tenths[tenth] < 2_200 for tenth in range(10))
    in_both = sum(1 for a, b in zip(first, second, strict=True) if a < 5_000 and b < 5_000)
    assert 4_700 < in_both < 5_300


def test_an_arm_is_sticky_and_follows_the_weights(brand):
    with brand:
        brand.experiments.create("e", {"control": 9_000, "b": 900, "c": 100}, minimum=1)
        first = brand.experiments.expose_many("e", people(3_000))
        assert [brand.experiments.arm("e", person) for person in people(300)] == first[:300]
        assert brand.experiments.expose_many("e", people(3_000)) == first
        counted = Counter(first)
        recorded = brand.experiments.assigned("e", [*people(3_000), "stranger"])
    assert 2_600 < counted["control"] < 2_800
    assert 200 < counted["b"] < 340
    assert 10 < counted["c"] < 60
    assert recorded == dict(zip(people(3_000), first, strict=True))


def test_the_same_name_draws_differently_for_another_brand(brand, other):
    drawn = []
    for each in (brand, other):
        with each:
            each.experiments.create("e", HALVES, minimum=1)
            drawn.append([each.experiments.arm("e", person) for person in people(60)])
    assert drawn[0] != drawn[1]


# Definition ----------------------------------------------------------------------


def test_the_same_definition_twice_is_one_experiment(brand, clock, other):
    with brand:
        made = brand.experiments.create("e", HALVES, minimum=100, owner="package-card")
        arms = brand.experiments.expose_many("e", people(50))
        clock.advance(days=1)
        assert brand.experiments.create("e", HALVES, minimum=100, owner="package-card") == made
        assert brand.experiments.expose_many("e", people(50)) == arms
        assert brand.experiments.list() == brand.experiments.list("package-card") == [made]
        assert brand.experiments.list("sms") == []
    with other:
        assert other.experiments.list() == []
        with pytest.raises(NotFound):
            other.experiments.expose("e", "p1")


@pytest.mark.parametrize(
    ("arms", "minimum"),
    [({"control": 4_000, "card B": 6_000}, 100), (HALVES, 99), ({"card B": 5_000, "control": 5_000}, 100)],
)
def test_another_definition_of_a_name_is_refused(brand, arms, minimum):
    with brand:
        brand.experiments.create("e", HALVES, minimum=100)
        with pytest.raises(Conflict):
            brand.experiments.create("e", arms, minimum=minimum)
        assert brand.experiments.get("e").arms == tuple(HALVES.items())


@pytest.mark.cases_on_sqlite
@pytest.mark.parametrize(
    ("arms", "minimum"),
    [
        ({"a": 10_000}, 1),
        ({"a": 5_000, "b": 4_999}, 1),
        ({"a": 10_000, "b": 0}, 1),
        ({"a": 10_001, "b": -1}, 1),
        ({"a": 5_000.0, "b": 5_000}, 1),
        ({"": 5_000, "b": 5_000}, 1),
        ({"a": True, "b": 9_999}, 1),
        (HALVES, 0),
    ],
)
def test_arms_that_make_no_whole_are_refused(brand, arms, minimum):
    with brand, pytest.raises(Invalid):
        brand.experiments.create("e", arms, minimum=minimum)


# Exposure and outcome ------------------------------------------------------------


def test_an_outcome_counts_once_and_only_after_the_exposure(brand, clock):
    with brand:
        brand.experiments.create("e", HALVES, minimum=1)
        before = brand.now()
        clock.advance(hours=1)
        arm = brand.experiments.expose("e", "p1")
        exposed = brand.now()
        record = brand.experiments.record
        assert not record("e", "stranger", "order", at=exposed)
        assert not record("e", "p1", "order", at=before)
        assert record("e", "p1", "order", at=exposed, value=500)
        assert not record("e", "p1", "order", at=exposed + 1, value=700)
        assert record("e", "p1", "visit", at=exposed + 1)
        clock.advance(days=1)
        brand.experiments.expose("e", "p1")
        result = {row.arm: row for row in brand.experiments.result("e", "order").arms}[arm]
    assert (result.persons, result.converted, result.value) == (1, 1, 500)


def test_nobody_is_exposed_after_the_end(brand, clock):
    with brand:
        brand.experiments.create("e", HALVES, minimum=1)
        arm = brand.experiments.expose("e", "early")
        ended = brand.experiments.end("e")
        clock.advance(days=1)
        assert brand.experiments.end("e") == ended
        assert brand.experiments.expose("e", "early") == arm
        late = brand.experiments.expose("e", "late")
        assert late == brand.experiments.arm("e", "late")
        assert brand.experiments.assigned("e", ["early", "late"]) == {"early": arm}
        assert brand.experiments.record("e", "early", "order", at=brand.now())


@pytest.mark.parametrize("person", ["", "x" * 201])
def test_a_person_needs_a_key(brand, person):
    with brand:
        brand.experiments.create("e", HALVES, minimum=1)
        with pytest.raises(Invalid):
            brand.experiments.expose("e", person)


def test_processes_that_expose_the_same_people_record_each_once(installation, together):
    with installation.brand("acme") as brand:
        brand.experiments.create("e", HALVES, minimum=1)
    source = "def run(brand, worker):\n    return brand.experiments.expose_many('e', [f'p{i}' for i in range(300)])"
    answers = together(installation, source, 3)
    assert answers[0] == answers[1] == answers[2]
    with brand:
        rows = brand.experiments.result("e", "order").arms
        assert sum(row.persons for row in rows) == 300


# Results -------------------------------------------------------------------------


def test_an_experiment_without_people_has_no_figures(brand):
    with brand:
        brand.experiments.create("e", HALVES, minimum=10)
        result = brand.experiments.result("e", "order")
    assert (result.verdict, result.winner) == ("too few persons", None)
    assert [(row.persons, row.share, row.interval, row.p_adjusted) for row in result.arms] == [
        (0, None, None, None)
    ] * 2


def test_no_winner_under_the_minimum_however_large_the_difference(brand):
    with brand:
        brand.experiments.create("e", {"a": 5_000, "b": 5_000}, minimum=61)
        run(brand, "e", "order", a=(60, 6), b=(61, 40))
        result = brand.experiments.result("e", "order")
        assert result.arms[1].p_adjusted < 0.001
        assert (result.verdict, result.winner) == ("too few persons", None)
        extra = next(p for p in people(400, "x") if brand.experiments.arm("e", p) == "a")
        brand.experiments.expose("e", extra)
        assert brand.experiments.result("e", "order").winner == "b"


def test_the_control_wins_when_every_variant_is_worse(brand):
    with brand:
        brand.experiments.create("e", {"a": 5_000, "b": 5_000}, minimum=50)
        run(brand, "e", "order", a=(60, 40), b=(60, 6))
        result = brand.experiments.result("e", "order")
    assert (result.verdict, result.winner) == ("winner", "a")
    assert result.arms[0].against_control is None
    assert result.arms[1].against_control.difference == pytest.approx(-34 / 60)


def test_chance_names_no_winner(brand):
    with brand:
        brand.experiments.create("e", {"a": 5_000, "b": 5_000}, minimum=50)
        run(brand, "e", "order", a=(60, 20), b=(60, 24))
        result = brand.experiments.result("e", "order")
        other_metric = brand.experiments.result("e", "visit")
    assert (result.verdict, result.winner) == ("no difference", None)
    assert [row.converted for row in other_metric.arms] == [0, 0]


def test_several_variants_are_corrected_by_holm(brand):
    with brand:
        brand.experiments.create("e", {"a": 4_000, "b": 3_000, "c": 3_000}, minimum=50)
        run(brand, "e", "order", a=(80, 20), b=(60, 25), c=(60, 15))
        result = brand.experiments.result("e", "order")
    raw = [row.against_control.p_value for row in result.arms[1:]]
    assert raw[0] < 0.05 < result.arms[1].p_adjusted == pytest.approx(2 * raw[0])
    assert (result.verdict, result.winner) == ("no difference", None)


def test_counts_that_miss_the_planned_ratio_void_the_result(brand):
    with brand:
        brand.experiments.create("e", {"a": 5_000, "b": 5_000}, minimum=50)
        run(brand, "e", "order", a=(60, 6), b=(130, 100))
        result = brand.experiments.result("e", "order")
    assert result.ratio.alarm
    assert (result.verdict, result.winner) == ("sample ratio mismatch", None)
