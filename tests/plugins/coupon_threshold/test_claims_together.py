"""Many people at the same moment: 64 clients in 4 processes, and never one coupon, code or cent too many."""

from __future__ import annotations

import pytest
from coupon_scene import CouponScene, definition

from scrm_core.db.bulk import insert_model_rows
from scrm_core.models import Contact

RUSH = """
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from scrm_core.errors import ScrmError
from scrm_coupon_threshold.service import coupons_of

FIRST, PEOPLE, BATCH, AGAIN = {first}, {people}, {batch!r}, {again}


def run(brand, worker):
    def claim(contact_id, key):
        with brand:
            try:
                return coupons_of(brand).claims.claim(BATCH, contact_id, key=key).uid
            except ScrmError as refusal:
                return refusal.code

    # Every process has its own part of the people, and tries everybody's neighbours a second time.
    mine = range(worker, PEOPLE, 4)
    asked = [(FIRST + n, f"{{BATCH}} first {{n}}") for n in mine]
    asked += [(FIRST + (n + 1) % PEOPLE, f"{{BATCH}} again {{n}}") for n in list(mine)[:AGAIN]]
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda each: claim(*each), asked))
    return Counter(answer if len(answer) < 24 else "granted" for answer in answers)
"""


@pytest.fixture
def crowd(scene: CouponScene):
    """A function that makes this many people and returns the first one's id; the others follow."""

    def make(count: int) -> int:
        now = scene.clock.now()
        rows = [
            {"uid": f"person {number}", "created_at": now, "updated_at": now, "origin": "test"}
            for number in range(1, count + 1)
        ]
        with scene.acme:
            insert_model_rows(Contact, rows)
        ((first, last),) = scene.rows("SELECT min(id), max(id) FROM contact")
        assert last - first + 1 == count
        return first

    return make


def rush(scene: CouponScene, together, batch: str, first: int, people: int, again: int = 0) -> dict[str, int]:
    total: dict[str, int] = {}
    source = RUSH.format(first=first, people=people, batch=batch, again=again)
    for answer in together(scene.installation, source, 4):
        for word, count in answer.items():
            total[word] = total.get(word, 0) + count
    return total


def test_a_thousand_coupons_go_to_a_thousand_of_fifteen_hundred_people(scene, crowd, together) -> None:
    first = crowd(1_500)
    scene.open("rush", stock=1_000)
    answers = rush(scene, together, "rush", first, 1_500, again=25)
    # A second claim of the same person is refused by the limit, or by the stock once that is gone.
    assert answers["granted"] == 1_000
    assert set(answers) <= {"granted", "sold_out", "limit"} and sum(answers.values()) == 1_600
    assert answers["sold_out"] >= 500
    assert scene.rows("SELECT stock_left, issued FROM coupon_threshold_batch") == [(0, 1_000)]
    assert scene.rows(
        "SELECT count(*), count(DISTINCT contact_id), count(DISTINCT code), min(nth), max(nth) "
        "FROM coupon_threshold_coupon"
    ) == [(1_000, 1_000, 1_000, 1, 1)]


def test_a_promised_budget_and_a_pool_hold_under_the_same_rush(scene, crowd, together) -> None:
    first = crowd(200)
    # 30 yuan each of 2,999 yuan: the hundredth does not fit any more.
    scene.open("money", budget_minor=299_900, promise=True)
    answers = rush(scene, together, "money", first, 200)
    assert answers == {"granted": 99, "budget": 101}
    assert scene.rows("SELECT budget_used_minor, issued FROM coupon_threshold_batch") == [(297_000, 99)]
    with scene.acme:
        here = scene.coupons()
        here.batches.create(definition("pool", codes="pool"))
        here.pools.draw("pool", 120)
        here.batches.open("pool")
    answers = rush(scene, together, "pool", first, 200)
    assert answers == {"granted": 120, "sold_out": 80}
    assert scene.rows(
        "SELECT count(*), count(DISTINCT c.code), sum(p.taken) FROM coupon_threshold_coupon c "
        "JOIN coupon_threshold_code p ON p.code = c.code"
    ) == [(120, 120, 120)]




SAME = """
from concurrent.futures import ThreadPoolExecutor

from scrm_coupon_threshold.service import coupons_of

FIRST = {first}


def run(brand, worker):
    def claim(n):
        with brand:
            return coupons_of(brand).claims.claim("same", FIRST + n, key=f"request {{n}}").uid

    with ThreadPoolExecutor(16) as pool:
        return list(pool.map(claim, range(20)))
"""


def test_a_request_sent_four_times_at_once_gets_one_coupon_and_four_same_answers(scene, crowd, together) -> None:
    first = crowd(20)
    scene.open("same", stock=20, limits={"per_person": 3})
    answers = together(scene.installation, SAME.format(first=first), 4)
    assert all(answer == answers[0] for answer in answers) and len(set(answers[0])) == 20
    # What the repetitions took for a moment is back: the stock is exactly used up.
    assert scene.rows("SELECT stock_left, issued FROM coupon_threshold_batch") == [(0, 20)]
    assert scene.rows("SELECT count(*), max(nth) FROM coupon_threshold_coupon") == [(20, 1)]
