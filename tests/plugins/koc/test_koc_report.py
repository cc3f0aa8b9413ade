"""What KOCs changed: figures worked out by hand, against customers of the same month and amount."""

from __future__ import annotations

import csv
import io
import json
import tracemalloc

import pytest

from scrm_core.db.bulk import execute
from scrm_core.facts import MetricsQuery

SMALL = "\n[plugins.koc]\nhorizon_days = 30\nbands_minor = [1000, 5000]\nrefund_days = 0\n"
TWO = """
[plugins.koc]
horizon_days = 30
bands_minor = [1000]

[[plugins.koc.programmes]]
code = "serum"
category = "skin"
situation = 2

[[plugins.koc.programmes]]
code = "snack"
category = "food"
situation = 3
"""


def shop(scene):
    """Five customers led by ann (one too fresh), five who look alike, one old customer, and ann herself."""
    scene.person("ann")
    scene.enrol("ann", "ANN")
    for number in ("i1", "i2", "i3", "i4", "o2"):
        scene.use("ANN", number)
    scene.now("2026-04-10T12:00")
    scene.use("ANN", "i5")
    for number, buyer, day, paid in (
        ("i1", "I1", "2026-01-05", 800), ("i1b", "I1", "2026-01-20", 1_200),
        ("i2", "I2", "2026-01-10", 900),
        ("i3", "I3", "2026-01-15", 3_000), ("i3b", "I3", "2026-02-14", 5_000),  # the 31st day
        ("i4", "I4", "2026-02-10", 9_000),
        ("i5", "I5", "2026-04-01", 700),
        ("c1", "C1", "2026-01-03", 500), ("c1b", "C1", "2026-01-09", 500),
        ("c2", "C2", "2026-01-20", 700),
        ("c3", "C3", "2026-01-30", 999),
        ("c4", "C4", "2026-01-08", 4_000), ("c4b", "C4", "2026-01-12", 600),
        ("c5", "C5", "2026-02-20", 800),
        ("o1", "OLD", "2025-03-01", 400), ("o2", "OLD", "2026-01-07", 2_000),
        ("a1", "ann", "2026-01-02", 600),
    ):  # fmt: skip
        scene.order(number, buyer, paid, f"{day}T12:00")
    scene.deliver()
    scene.settle()


def row(scene, programme="all"):
    with scene.brand:
        return next(r for r in scene.brand.reports.run("koc").rows if r["programme"] == programme)


def test_influence_is_told_against_a_matched_group_in_figures_worked_out_by_hand(scenes):
    scene, other = scenes(SMALL)
    shop(scene)
    found = row(scene)
    assert {name: found[name] for name in ("kocs", "first_orders", "other_orders", "situation")} == {
        "kocs": 1, "first_orders": 5, "other_orders": 1, "situation": 3,
    }  # fmt: skip
    # Everybody's first orders since ann was enrolled: five, five alike and ann's own.
    assert found["first_share"] == pytest.approx(5 / 11)
    assert found["revenue_minor"] == 800 + 900 + 3_000 + 9_000 + 700 + 2_000
    # 5 % of each, floored: 40 + 45 + 150 + 450 + 35 + 100
    assert (found["commission_minor"], found["per_first_minor"]) == (820, 164)
    # Mature: I1 2,000 (again), I2 900, I3 3,000, I4 9,000.
    assert (found["customers"], found["repeat_rate"], found["value_minor"]) == (4, 0.25, 3_725)
    # January below 1,000: I1, I2 against C1 1,000 (again), C2 700, C3 999. January below 5,000: I3 against C4 4,600
    # (again). February from 5,000: I4 against nobody.
    assert (found["matched"], found["unmatched"], found["group"]) == (3, 1, 4)
    assert found["matched_repeat_rate"] == pytest.approx(1 / 3)
    assert found["group_repeat_rate"] == pytest.approx((2 * (1 / 3) + 1) / 3)
    assert found["matched_value_minor"] == 1_967  # 5,900 / 3
    assert found["group_value_minor"] == 2_133  # (2 x 2,699 / 3 + 4,600) / 3
    assert found["lift_minor"] == 1_967 - 2_133
    # Deviations of the influenced: 2 x 550^2 = 605,000 over 3 - 2; of the group 59,800.67 over 4 - 2, and it tells as
    # much as 1 / ((2/3)^2 / 3 + (1/3)^2) = 3.86 people. sqrt(605,000 / 3 + 29,900.33 / 3.857) = 457.62; with one
    # degree of freedom t is 12.706, so -166.44 +- 5,814.56.
    assert (found["lift_low_minor"], found["lift_high_minor"]) == (-5_981, 5_648)
    assert found["reading"].startswith("few (3 and 3)")
    empty = row(other)
    assert (empty["first_orders"], empty["customers"], empty["lift_minor"], empty["first_share"]) == (0, 0, None, None)


def test_nobody_leaves_the_group_for_what_they_did_after_their_first_order(scenes):
    scene, _ = scenes(SMALL)
    scene.enrol("ann", "ANN")
    for number in ("i1", "later", "other"):
        scene.use("ANN", number)
    with scene.brand:
        scene.koc.tracking.yield_to("referral:qualified", {"source": "shop", "number": "other"})
    for number, buyer, paid, at in (
        ("i1", "I1", 500, "2026-01-05T12:00"),
        ("c1", "C1", 500, "2026-01-06T12:00"),
        ("c2", "C2", 500, "2026-01-07T12:00"), ("later", "C2", 300, "2026-01-20T12:00"),  # bought again through ann
        ("c3", "C3", 500, "2026-01-08T12:00"), ("c3b", "C3", 900, "2026-01-25T12:00"),  # became a KOC afterwards
        ("other", "C4", 500, "2026-01-09T12:00"),  # used ann's code; a referral pays: neither influenced nor not
        ("own", "ann", 500, "2026-01-10T12:00"),
    ):  # fmt: skip
        scene.order(number, buyer, paid, at)
    scene.now("2026-04-10T12:00")
    scene.enrol("C3", "CEE")
    scene.deliver()
    found = row(scene)
    # I1 500 against C1 500, C2 800 and C3 1,400: two of three bought again.
    assert (found["matched"], found["group"]) == (1, 3)
    assert (found["matched_value_minor"], found["group_value_minor"], found["lift_minor"]) == (500, 900, -400)
    assert found["group_repeat_rate"] == pytest.approx(2 / 3)
    assert (found["lift_low_minor"], found["lift_high_minor"]) == (None, None)  # one person has no spread
    assert found["reading"].startswith("few (1 and 3)")


def test_the_interval_of_one_cell_is_students_and_that_of_rates_newcombes(scenes):
    scene, _ = scenes(SMALL)
    scene.enrol("ann", "ANN")
    for n, paid in enumerate((100, 200, 300, 400)):
        scene.use("ANN", f"i{n}")
        scene.order(f"i{n}", f"I{n}", paid, "2026-01-05T12:00")
    for n, paid in enumerate((100, 100, 200, 200, 300, 300)):
        scene.order(f"c{n}", f"C{n}", paid, "2026-01-05T12:00")
    scene.clock.advance(days=40)
    scene.deliver()
    found = row(scene)
    # 250 against 200. Deviations 50,000 over 3 and 40,000 over 5: sqrt(16,666.67 / 4 + 8,000 / 6) = 74.16; 3 degrees
    # of freedom: t = 3.182, 236.0 either way.
    assert (found["lift_minor"], found["lift_low_minor"], found["lift_high_minor"]) == (50, -186, 286)
    # Nobody bought again: Wilson's 0 of 4 goes to 0.4899, 0 of 6 to 0.3903.
    assert (found["matched_repeat_rate"], found["group_repeat_rate"]) == (0, 0)
    assert (found["repeat_low"], found["repeat_high"]) == (pytest.approx(-0.3903, abs=1e-4), pytest.approx(0.4899, abs=1e-4))


def test_a_refund_changes_revenue_commission_and_value(scenes):
    scene, _ = scenes(SMALL)
    shop(scene)
    scene.refund("i2", 400)
    scene.refund("i4", 9_000)
    found = row(scene)
    assert found["revenue_minor"] == 800 + 500 + 3_000 + 700 + 2_000
    assert found["commission_minor"] == 40 + 25 + 150 + 35 + 100
    assert (found["first_orders"], found["customers"], found["value_minor"]) == (4, 3, 1_833)  # 5,500 / 3


def test_each_situation_is_compared_with_buyers_of_its_own_goods(scenes):
    scene, _ = scenes(TWO)
    scene.goods("SER", 900, "skin/serum")
    scene.goods("NUT", 900, "food")
    scene.enrol("ann", "ANN")
    for number, buyer, sku, paid in (
        ("s1", "S1", "SER", 900), ("n1", "N1", "NUT", 100),
        ("s2", "S2", "SER", 700), ("n2", "N2", "NUT", 300), ("n3", "N3", "NUT", 500),
    ):  # fmt: skip
        if number in ("s1", "n1"):
            scene.use("ANN", number)
        scene.order(number, buyer, paid, lines=((sku, paid),))
    scene.deliver()
    scene.clock.advance(days=40)
    serum, snack = row(scene, "serum"), row(scene, "snack")
    assert (serum["situation"], serum["matched_value_minor"], serum["group"], serum["group_value_minor"]) == (
        2,
        900,
        1,
        700,
    )
    assert (snack["situation"], snack["matched_value_minor"], snack["group"], snack["group_value_minor"]) == (
        3,
        100,
        2,
        400,
    )


def test_metrics_are_told_per_day_and_programme(scenes):
    scene, other = scenes(SMALL)
    shop(scene)
    for each, expected in (
        (scene, {("orders", "2026-01-05", "all", 1), ("revenue", "2026-01-05", "all", 800)}),
        (other, set()),
    ):
        with each.brand:
            day = each.brand.day(each.at("2026-01-05T12:00"))
            told = each.brand.plugins["koc"].collect_metrics(MetricsQuery(day, day))
            assert {(m.metric, "2026-01-05", m.dimension, m.value) for m in told} == expected
    with scene.brand:
        today = scene.brand.day(scene.brand.now())
        told = scene.brand.plugins["koc"].collect_metrics(MetricsQuery(today, today))
        assert [(m.metric, m.dimension, m.value) for m in told] == [("commission", "earn", 820)]


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_a_long_ledger_goes_out_in_flat_memory(scenes):
    scene, _ = scenes(SMALL)
    scene.enrol("ann", "ANN")
    with scene.brand, scene.brand.transaction():
        execute(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 40000) INSERT INTO koc_entry "
            "(member_id, kind, amount_minor, key, base_minor, rate_bp, reason, actor, at, day) "
            "SELECT 1, 'adjust', 1, 'k' || i, 0, 0, 'because of a reason of usual length', 'lin', 1, 1 FROM n"
        )
    call = scene.api()
    call("GET", "/members")
    tracemalloc.start()
    answer = call("GET", "/export/entries", scope="koc:read", buffered=False)
    size = sum(len(chunk) for chunk in answer.response)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    answer.close()
    assert size > 3_000_000 > 2 * peak


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_every_figure_goes_out_by_both_doors_and_as_files(scenes, tmp_path):
    scene, _ = scenes(SMALL)
    shop(scene)
    call = scene.api()
    assert call("GET", "/report", scope="koc:read").json["rows"][0]["lift_minor"] == -166
    assert json.loads(scene.run("report", "acme", "--json").stdout)[0]["group"] == 4
    for kind, lines in (("influence", 2), ("entries", 7), ("statements", 2), ("candidates", 1)):
        answer = call("GET", f"/export/{kind}", scope="koc:read")
        assert answer.mimetype == "text/csv"
        table = list(csv.reader(io.StringIO(answer.text.removeprefix("\ufeff"))))
        assert len(table) == lines, kind
        assert list(csv.reader(io.StringIO(scene.run("export", "acme", kind).stdout))) == table
    assert call("GET", "/export/secrets").status_code == 422
    file = tmp_path / "entries.csv"
    assert scene.run("export", "acme", "entries", "-o", str(file)).exit_code == 0
    read = list(csv.DictReader(file.open(encoding="utf-8-sig")))
    assert sum(int(line["amount_minor"]) for line in read) == 820
