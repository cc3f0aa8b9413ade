"""Numbers of draws, odds and their cost: pure functions, held to worked values and to tables of statistics."""

from __future__ import annotations

import hashlib
import hmac
import random
from fractions import Fraction

import pytest

from scrm_interaction_games.engine import fairness, fit, odds
from scrm_interaction_games.engine.odds import PricedPrize, Promise
from scrm_interaction_games.pages.routes import percent

SEED = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"


def test_the_worked_vector_of_commitment_digest_and_numbers() -> None:
    assert fairness.commitment(SEED) == "2a8abfa8cb9906290437854193ca6bca41d4d4e26d1d454bd66a35158095e737"
    assert (
        fairness.digest(SEED, "act42:user-7:1:client-abc").hex()
        == "0859534b7e5008704a2a3a9f85ef98b01666a26cd05e0930314a383515ab2088"
    )
    assert fairness.number(SEED, "act42", "user-7", 1, "client-abc", 10_000) == 8736
    assert fairness.number(SEED, "act42", "user-7", 2, "client-abc", 10_000) == 1888


def test_words_above_the_largest_multiple_of_the_total_are_passed_over() -> None:
    # Of a total just above half the range, nearly every second word is refused, and some whole digests are.
    total = 2**63 + 1
    further = 0
    for n in range(1, 200):
        x = fairness.number(SEED, "a", "b", n, "c", total)
        words = []
        for tail in ("", "#1", "#2", "#3", "#4"):
            code = hmac.new(bytes.fromhex(SEED), f"a:b:{n}:c{tail}".encode(), hashlib.sha256).digest()
            words += [int.from_bytes(code[i : i + 8], "big") for i in range(0, 32, 8)]
        accepted = [place for place, word in enumerate(words) if word < total]
        assert x == words[accepted[0]]
        further += accepted[0] >= 4
    assert further > 0


def test_a_seed_is_of_the_systems_randomness_and_never_twice_the_same() -> None:
    seeds = {fairness.new_seed() for _ in range(100)}
    assert len(seeds) == 100
    assert all(len(bytes.fromhex(seed)) == 32 for seed in seeds)


def test_the_table_walks_the_prizes_in_order_and_never_meets_a_weight_of_0() -> None:
    table = fairness.OddsTable([("a", 1), ("never", 0), ("b", 3), ("none", 6)])
    assert [table.pick(x) for x in range(10)] == ["a", "b", "b", "b", *["none"] * 6]
    for outside in (-1, 10):
        with pytest.raises(ValueError):
            table.pick(outside)


def test_the_hash_of_the_table_follows_its_published_text() -> None:
    table = [("tea", 1), ("none", 9)]
    assert fairness.table_text(table) == '[["tea",1],["none",9]]'
    assert fairness.table_hash(table) == hashlib.sha256(b'[["tea",1],["none",9]]').hexdigest()
    assert fairness.table_hash([("tea", 2), ("none", 8)]) != fairness.table_hash(table)


WORKED = [
    PricedPrize("phone", 1, 599_900),
    PricedPrize("bag", 50, 9_900),
    PricedPrize("coupon", 1_500, 1_000),
    PricedPrize("points", 4_449, 100),
    PricedPrize("none", 4_000, 0),
]


def test_the_expected_cost_of_the_worked_table() -> None:
    each = odds.expected_cost(WORKED, 10_000)
    assert each == Fraction(30_398, 100)  # 303.98 cents
    assert odds.expected_spend(WORKED, 10_000, 20_000) == 6_079_600  # 60,796.00 yuan
    # No prize costs more than its stock: of 100 expected bags 10 are there.
    stocked = [PricedPrize(p.code, p.weight, p.value_minor, stock=10 if p.code == "bag" else None) for p in WORKED]
    assert odds.expected_spend(stocked, 10_000, 20_000) == 6_079_600 - 90 * 9_900


@pytest.mark.parametrize(
    ("p", "n", "mean", "rate"),
    [
        (Fraction(5, 100), 10, "8.0253", "0.1246"),
        (Fraction(1, 100), 100, "63.3968", "0.01577"),
        (Fraction(1, 10), 5, "4.0951", "0.2442"),
    ],
)
def test_the_guarantees_real_rate_of_the_worked_table(p: Fraction, n: int, mean: str, rate: str) -> None:
    assert f"{float(odds.mean_draws(p, n)):.4f}" == mean
    assert f"{float(odds.real_rate(p, n)):.{len(rate) - 2}f}" == rate


def test_with_a_guarantee_rates_add_up_to_one_and_a_simulation_agrees() -> None:
    prizes = [PricedPrize("bag", 10, 9_900, "A"), PricedPrize("tea", 30, 500), PricedPrize("none", 60, 0)]
    promise = Promise(5, "A", "bag")
    found = odds.rates(prizes, 100, promise)
    assert sum(found.values()) == 1
    assert f"{float(found['bag']):.4f}" == "0.2442"
    # 30 of the 90 that are left, of the 75.58% that the guarantee leaves.
    assert f"{float(found['tea']):.4f}" == f"{0.7558 * 30 / 90:.4f}"
    dice, misses, wins, draws = random.Random(7), 0, 0, 100_000
    for _ in range(draws):
        misses += 1
        if dice.random() < 0.1 or misses == 5:
            wins, misses = wins + 1, 0
    assert wins / draws == pytest.approx(float(found["bag"]), abs=0.004)
    assert float(odds.expected_cost(prizes, 100, promise)) == pytest.approx(0.2442 * 9_900 + 0.2519 * 500, abs=1)


@pytest.mark.parametrize(
    ("statistic", "freedom", "p"),
    [(3.841, 1, 0.05), (9.210, 2, 0.01), (18.307, 10, 0.05), (23.209, 10, 0.01), (18.467, 4, 0.001), (0.711, 4, 0.95)],
)
def test_the_tail_of_chi_square_is_that_of_printed_tables(statistic: float, freedom: int, p: float) -> None:
    assert fit.upper_tail(statistic, freedom) == pytest.approx(p, rel=2e-3)


def test_100000_draws_agree_with_the_published_odds() -> None:
    table = [("phone", 1), ("bag", 50), ("coupon", 1_500), ("points", 4_449), ("none", 4_000)]
    wheel = fairness.OddsTable(table)
    drawn = dict.fromkeys((code for code, _ in table), 0)
    for n in range(100_000):
        # A fixed seed: the same hundred thousand numbers at each run of the test.
        drawn[wheel.pick(fairness.number(SEED, "spring", f"p{n % 1_000}", n // 1_000 + 1, "x", 10_000))] += 1
    result = fit.test(table, drawn)
    # Four degrees of freedom; 18.467 is passed once in a thousand when the odds are as published.
    assert (result.draws, result.freedom) == (100_000, 4)
    assert result.chi_square is not None and result.chi_square < 18.467
    assert result.p is not None and result.p > 0.001
    # A wheel that gives a bag in 60 instead of 50 of 10,000 is found out.
    drawn["none"] -= 100
    drawn["bag"] += 100
    found = fit.test(table, drawn)
    assert found.p is not None and found.p < 0.001


def test_a_prize_that_cannot_be_drawn_and_too_few_draws_are_told_apart() -> None:
    table = [("a", 1), ("never", 0), ("b", 9)]
    assert fit.test(table, {"never": 1, "b": 99}).p == 0.0
    assert fit.test(table, {"a": 1, "b": 1}).p is None


def test_odds_are_told_exactly() -> None:
    cases = [(1, 3, "33.333333%"), (1, 1_000_000, "0.0001%"), (0, 10, "0%"), (10, 10, "100%"), (5, 0, "")]
    assert [percent(weight, total) for weight, total, _ in cases] == [words for *_, words in cases]
