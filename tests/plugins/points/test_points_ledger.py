"""Points come and go by entries: once per key, never below 0, the soonest to lapse first."""

from __future__ import annotations

import peewee
import pytest

from scrm_core.db.bulk import execute
from scrm_core.errors import Conflict, Invalid

EXPIRING = "\n[plugins.points]\nexpire_days = 7\nredeem_minor = 1\n"
SPEND = """
from scrm_core.errors import Conflict
from scrm_points.service import PointsBook


def run(brand, worker):
    book = PointsBook(brand, brand.plugins["points"].settings)
    contact = brand.contacts.find("buyer", "ann", "shop").id
    won = 0
    for n in range(30):
        try:
            book.hold(contact, 7, key=f"{worker}-{n}")
            won += 1
        except Conflict as exc:
            assert exc.code == "not_enough_points"
    return won
"""
GRANT = """
def run(brand, worker):
    contact = brand.contacts.find("buyer", "ann", "shop").id
    return [brand.rewards.grant("points", contact, grant_key=f"k{n}", quantity=5).uid for n in range(10)]
"""


def test_four_processes_spend_one_balance_to_its_last_point_and_not_beyond(scene, together):
    ann = scene.person("ann")
    scene.give(ann, 500, "start")
    won = together(scene.brand.installation, SPEND, 4)
    assert sum(won) == 71  # 71 x 7 = 497
    assert scene.has(ann) == (3, 0)
    assert scene.adds_up()


def test_four_processes_that_grant_under_the_same_keys_grant_each_once(scene, together):
    ann = scene.person("ann")
    answers = together(scene.brand.installation, GRANT, 4)
    assert all(answer == answers[0] for answer in answers)
    assert scene.has(ann) == (50, 0)
    assert scene.adds_up()


def test_a_reward_of_points_is_issued_once_reversed_once_and_stays_in_its_brand(scenes):
    scene, other = scenes()
    ann, far = scene.person("ann"), other.person("ann")
    assert scene.give(ann, 30, "prize").issued == {"entry": "reward:prize"}
    scene.give(ann, 30, "prize")
    assert scene.amounts(ann) == [("grant", 30)]
    for _ in range(2):
        with scene.brand:
            scene.brand.rewards.reverse("prize", reason="mistake", actor="boss")
    assert scene.amounts(ann) == [("grant", 30), ("reversal", -30)]
    with scene.brand:
        assert scene.book.entries(ann)[1].reverses == "reward:prize"
    assert scene.has(ann) == (0, 0)
    assert (other.has(far), other.amounts(far)) == ((0, 0), [])
    assert scene.adds_up() and other.adds_up()


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_points_have_no_item(scene):
    with scene.brand:
        scene.brand.rewards.check("points", "")
        with pytest.raises(Invalid) as refused:
            scene.brand.rewards.check("points", "gold")
        assert refused.value.field == "item"


def test_points_taken_back_after_they_were_spent_are_a_debt_that_the_next_ones_pay(scene):
    ann = scene.person("ann")
    scene.give(ann, 100, "one")
    scene.give(ann, 20, "two")
    with scene.brand:
        scene.book.hold(ann, 90, key="cart")
        scene.brand.rewards.reverse("one", reason="fraud", actor="boss")
    # 10 were left of the first, 20 of the second: 30 are taken, 70 are owed.
    assert scene.has(ann) == (0, 70)
    with scene.brand, pytest.raises(Conflict) as refused:
        scene.book.hold(ann, 1, key="more")
    assert refused.value.code == "not_enough_points"
    scene.give(ann, 50, "three")
    assert scene.has(ann) == (0, 20)
    scene.give(ann, 50, "four")
    assert scene.has(ann) == (30, 0)
    assert scene.adds_up()


def test_points_lapse_at_the_brands_midnight_in_each_brand_and_before_any_job(scenes, clock):
    scene, other = scenes(EXPIRING)
    clock.set(scene.at("2026-03-01T23:30"))  # 10:30 of the same day in New York
    ann, far = scene.person("ann"), other.person("ann")
    scene.give(ann, 100, "early")
    other.give(far, 100, "early")
    assert scene.balance(ann).lapses_at == scene.at("2026-03-08T00:00")
    assert other.balance(far).lapses_at == other.at("2026-03-08T00:00")
    clock.set(scene.at("2026-03-05T12:00"))
    scene.give(ann, 40, "late")
    clock.set(scene.at("2026-03-08T00:00") - 1)
    with scene.brand:
        scene.book.hold(ann, 30, key="cart")  # from the early ones, which lapse first
    assert scene.balance(ann).balance == 110
    assert scene.balance(ann).lapsing == 70
    clock.advance(ms=1)
    assert (scene.balance(ann).balance, other.balance(far).balance) == (40, 100)
    with scene.brand, pytest.raises(Conflict):
        scene.book.hold(ann, 41, key="too late")
    with scene.brand:
        scene.brand.plugins["points"].settle()
        (lapsed,) = execute("SELECT at FROM points_entry WHERE kind = 'lapse'").fetchall()
    assert lapsed == (scene.at("2026-03-08T00:00"),)
    assert scene.amounts(ann) == [("grant", 100), ("grant", 40), ("spend", -30), ("lapse", -70)]
    assert scene.has(ann) == (40, 0)
    with scene.brand:
        scene.book.release("cart")
    # Their lot has lapsed: they come back and lapse at once.
    assert scene.amounts(ann)[-2:] == [("return", 30), ("lapse", -30)]
    assert scene.has(ann) == (40, 0)
    assert scene.adds_up() and other.adds_up()


def test_points_return_to_the_lots_that_they_came_from(scene):
    ann = scene.person("ann")
    scene.give(ann, 10, "one")
    scene.give(ann, 10, "two")
    with scene.brand:
        scene.book.hold(ann, 15, key="cart")
        assert execute("SELECT remaining FROM points_lot ORDER BY id").fetchall() == [(0,), (5,)]
        scene.book.release("cart")
        assert execute("SELECT remaining FROM points_lot ORDER BY id").fetchall() == [(10,), (10,)]
        assert scene.book.release("cart").state == "released"
    assert scene.amounts(ann) == [("grant", 10), ("grant", 10), ("spend", -15), ("return", 15)]
    assert scene.adds_up()


def test_an_adjustment_is_made_once_names_its_actor_and_takes_no_more_than_there_is(scene):
    ann, ben = scene.person("ann"), scene.person("ben")
    with scene.brand:
        for _ in range(2):
            entry = scene.book.adjust(ann, 50, key="sorry", reason="late parcel", actor="lin")
        assert (entry.amount, entry.reason, entry.actor) == (50, "late parcel", "lin")
        scene.book.adjust(ann, -20, key="wrong", reason="typed too many", actor="lin")
        for contact, points, key, code in (
            (ann, -31, "more", "not_enough_points"),
            (ann, 51, "sorry", "key_used"),
            (ben, 50, "sorry", "key_used"),
        ):
            with pytest.raises(Conflict) as refused:
                scene.book.adjust(contact, points, key=key, reason="r", actor="lin")
            assert refused.value.code == code
    assert (scene.has(ann), scene.has(ben)) == ((30, 0), (0, 0))
    assert scene.adds_up()


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("points", "key", "reason", "actor", "field"),
    [
        (0, "k", "r", "lin", "points"),
        (1.5, "k", "r", "lin", "points"),
        (True, "k", "r", "lin", "points"),
        (10**13, "k", "r", "lin", "points"),
        (-(10**13), "k", "r", "lin", "points"),
        (5, "  ", "r", "lin", "key"),
        (5, "k\x00", "r", "lin", "key"),
        (5, "k", "", "lin", "reason"),
        (5, "k", "r", "", "actor"),
    ],
)
def test_an_adjustment_without_its_parts_is_refused(scene, points, key, reason, actor, field):
    ann = scene.person("ann")
    with scene.brand, pytest.raises(Invalid) as refused:
        scene.book.adjust(ann, points, key=key, reason=reason, actor=actor)
    assert refused.value.field == field
    assert scene.amounts(ann) == []


def test_the_database_itself_refuses_a_negative_balance_and_a_debt_beside_a_balance(scene):
    ann = scene.person("ann")
    scene.give(ann, 10, "one")
    for wrong in ("balance = balance - 11", "debt = 1"):
        with scene.brand, pytest.raises(peewee.IntegrityError), scene.brand.transaction():
            execute(f"UPDATE points_account SET {wrong}")
    assert scene.has(ann) == (10, 0)


@pytest.mark.parametrize("change", ["amount = 11", "key = 'other'", "kind = 'earn'", "at = 0", "lots = NULL"])
def test_the_database_itself_refuses_to_rewrite_an_entry(scene, change):
    ann = scene.person("ann")
    scene.give(ann, 10, "one")
    with scene.brand, pytest.raises(peewee.IntegrityError, match="only ever added"), scene.brand.transaction():
        execute(f"UPDATE points_entry SET {change}")
    assert scene.amounts(ann) == [("grant", 10)]


def test_the_check_names_whose_ledger_is_off(scene):
    ann, ben = scene.person("ann"), scene.person("ben")
    scene.give(ann, 10, "one")
    scene.give(ben, 10, "two")
    with scene.brand:
        assert scene.book.differences() == []
        execute("UPDATE points_account SET balance = 11 WHERE contact_id = ?", (ben,))
        (off,) = scene.book.differences()
        assert (off.contact, off.balance, off.entries, off.lots) == (
            scene.brand.contacts.get_by_id(ben).uid,
            11,
            10,
            10,
        )
