"""The worked cases of coupon arithmetic, each with its numbers written out; amounts are cents."""

from __future__ import annotations

import pytest

from scrm_core.api import CartLine, allocate
from scrm_coupon_threshold.rules import (
    Offer,
    Policy,
    SoldLine,
    best,
    discount_bp,
    half_up,
    quote,
    read_rule,
    read_scope,
    refund_by_allocation,
    refund_by_recompute,
    units_paid,
)

LADDER = {
    "kind": "ladder",
    "steps": [{"min_minor": 30_000, "off_minor": 3_000}, {"min_minor": 50_000, "off_minor": 6_000}],
}


def goods(*prices, qty=1, **more):
    """Lines A, B, C ... of one piece each; a pair is (quantity, unit price)."""
    lines = []
    for name, price in zip("ABCDEFGH", prices):
        pieces, unit = price if isinstance(price, tuple) else (qty, price)
        lines.append(CartLine(id=name, sku=name, qty=pieces, unit_minor=unit, **more))
    return lines


def offer(kind, name="X", step="shop", scope=None, **more):
    return Offer(name, read_rule(kind), read_scope(scope), step=step, **more)


def off(kind, *prices, policy=Policy(), **more):
    return quote(goods(*prices), [offer(kind, **more)], policy=policy).discount_minor


def shares(result):
    return [each.shares for each in result.applied]


def off_300_30(**more):
    return offer({"kind": "threshold", "min_minor": 30_000, "off_minor": 3_000}, **more)


def twelve_percent(**more):
    return offer({"kind": "percent", "rate_bp": 1_200}, **more)


@pytest.mark.parametrize(
    ("base", "expected"), [(29_999, 0), (30_000, 3_000), (49_999, 3_000), (50_000, 6_000), (100_000, 6_000)]
)
def test_case_1_a_ladder_gives_its_highest_step_once(base, expected):
    assert off(LADDER, base) == expected


@pytest.mark.parametrize(("base", "expected"), [(29_999, 0), (65_000, 6_000), (90_000, 9_000), (130_000, 9_000)])
def test_case_2_every_full_threshold_counts_up_to_the_limit(base, expected):
    assert off({"kind": "repeat", "min_minor": 30_000, "off_minor": 3_000, "max_times": 3}, base) == expected


def test_without_a_limit_every_full_threshold_counts():
    assert off({"kind": "repeat", "min_minor": 30_000, "off_minor": 3_000}, 130_000) == 12_000


CASE_3 = ((1, 19_900), (2, 8_900), (1, 12_990))


def sold_case_3():
    result = quote(goods(*CASE_3), [offer(LADDER)])
    return [SoldLine(line, paid) for line, paid in zip(goods(*CASE_3), result.lines)]


def test_case_3_a_ladder_is_shared_over_the_lines():
    result = quote(goods(*CASE_3), [offer(LADDER)])
    assert shares(result) == [(2_355, 2_107, 1_538)]
    assert result.lines == (17_545, 15_693, 11_452)
    assert (result.discount_minor, result.payable_minor) == (6_000, 44_690)


def test_case_4_a_full_tie_goes_to_the_first_line():
    result = quote(
        goods(3_333, 3_333, 3_333), [offer({"kind": "threshold", "min_minor": 9_900, "off_minor": 1_000})]
    )
    assert shares(result) == [(334, 333, 333)]


def test_case_5_a_percentage_stops_at_its_cap():
    lines = (9_980, 9_980, 5_900)
    assert off({"kind": "percent", "zhe": "85折"}, *lines) == 3_879
    result = quote(goods(*lines), [offer({"kind": "percent", "zhe": "85折", "cap_minor": 3_000})])
    assert shares(result) == [(1_158, 1_158, 684)]
    assert result.lines == (8_822, 8_822, 5_216)


def test_case_6_the_discount_is_rounded_half_up_not_the_payable():
    result = quote(goods(1_010), [offer({"kind": "percent", "rate_bp": 1_500})])
    assert (result.discount_minor, result.payable_minor) == (152, 858)


@pytest.mark.parametrize(
    ("base", "discount", "payable", "other_discount", "other_payable"),
    [
        (1_010, 152, 858, 151, 859),  # 151.5 off, 858.5 to pay: at an exact half the two roundings part
        (1_030, 155, 875, 154, 876),  # 154.5 and 875.5
        (1_009, 151, 858, 151, 858),  # 151.35 and 857.65: elsewhere they agree
        (1_011, 152, 859, 152, 859),  # 151.65 and 859.35
    ],
)
def test_case_6_variant_rounding_the_payable_half_up_instead_would_take_a_cent_at_exact_halves(
    base, discount, payable, other_discount, other_payable
):
    result = quote(goods(base), [offer({"kind": "percent", "rate_bp": 1_500})])
    assert (result.discount_minor, result.payable_minor) == (discount, payable)
    # The other way, which this product does not go: 85 % of the base, rounded half up.
    rounded = (2 * base * 8_500 + 10_000) // 20_000
    assert (base - rounded, rounded) == (other_discount, other_payable)


def test_case_7_lines_outside_the_category_neither_count_nor_share():
    rule = {"kind": "threshold", "min_minor": 20_000, "off_minor": 4_000}

    def cart(b):
        return [
            CartLine("A", "A", 1, 15_000, category="S"),
            CartLine("B", "B", 1, b, category="S/below"),
            CartLine("C", "C", 1, 30_000, category="other"),
        ]

    refused = quote(cart(4_999), [offer(rule, scope={"categories": ["S"]})])
    assert (refused.discount_minor, refused.refused[0].unmet.reason) == (0, "threshold")
    assert refused.refused[0].unmet.facts["missing_minor"] == 1
    assert shares(quote(cart(5_000), [offer(rule, scope={"categories": ["S"]})])) == [(3_000, 1_000, 0)]


@pytest.mark.parametrize(("basis", "payable"), [("after_previous", 29_000), ("original", 27_000), ("after_item", 27_000)])
def test_case_8_the_basis_decides_whether_the_coupon_behind_a_promotion_passes(basis, payable):
    coupon = offer({"kind": "threshold", "min_minor": 30_000, "off_minor": 2_000}, "coupon", basis=basis)
    assert quote(goods(32_000), [off_300_30(name="promo", step="order"), coupon]).payable_minor == payable


CASE_9 = (19_999, 8_950, 1_999)


def test_case_9_an_amount_and_then_a_percentage():
    result = quote(goods(*CASE_9), [off_300_30(name="amount", step="order"), twelve_percent(name="percent")])
    assert shares(result) == [(1_939, 867, 194), (2_167, 970, 217)]
    assert result.lines == (15_893, 7_113, 1_588)
    assert result.payable_minor == 24_594


def test_case_9b_a_percentage_and_then_an_amount():
    percent = twelve_percent(name="percent", step="order")
    after = quote(goods(*CASE_9), [percent, off_300_30(name="amount", basis="after_previous")])
    assert shares(after) == [(2_400, 1_074, 240)]
    assert after.payable_minor == 27_234
    original = quote(goods(*CASE_9), [percent, off_300_30(name="amount", basis="original")])
    assert shares(original) == [(2_400, 1_074, 240), (1_939, 867, 194)]
    assert original.lines == (15_660, 7_009, 1_565)
    assert original.payable_minor == 24_234


def case_10(policy):
    shop = offer({"kind": "cash", "off_minor": 4_000}, "shop")
    platform = offer({"kind": "percent", "rate_bp": 500}, "platform", step="brand")
    return quote(goods(25_900, 12_900, 9_900), [shop, platform], policy=policy)


def test_case_10_parallel_discounts_are_computed_on_one_base():
    result = case_10(Policy(parallel=True))
    assert shares(result) == [(2_127, 1_060, 813), (1_295, 645, 495)]
    assert result.payable_minor == 42_265


def test_case_10_sequential_discounts_are_computed_on_what_is_left():
    result = case_10(Policy())
    assert shares(result) == [(2_127, 1_060, 813), (1_189, 592, 454)]
    assert result.lines == (22_584, 11_248, 8_633)
    assert result.payable_minor == 42_465


def test_case_11_cash_gives_no_change_and_leaves_what_the_channel_cannot_take():
    cash = offer({"kind": "cash", "off_minor": 2_000})
    assert quote(goods(1_550), [cash]).payable_minor == 0
    least = quote(goods(1_550), [cash], policy=Policy(min_payable_minor=1))
    assert (least.discount_minor, least.payable_minor) == (1_549, 1)


def test_case_12_three_for_two_frees_one_unit_of_the_cheapest_later_line():
    assert shares(quote(goods(5_900, 3_990, 3_990), [offer({"kind": "cheapest-free", "n": 3})])) == [(0, 0, 3_990)]
    within = quote(goods(5_900, (2, 3_990)), [offer({"kind": "cheapest-free", "n": 3})])
    assert shares(within) == [(0, 3_990)]


def test_case_13_the_second_piece_at_half_price():
    result = quote(goods((2, 4_555)), [offer({"kind": "second-half"})])
    assert (result.discount_minor, result.payable_minor) == (2_278, 6_832)


def test_case_14_two_pieces_at_a_fifth_off():
    result = quote(goods((2, 3_990), 2_990), [offer({"kind": "pieces", "n": 2, "zhe": "8折"})])
    assert shares(result) == [(1_596, 598)]
    assert quote(goods(3_990), [offer({"kind": "pieces", "n": 2, "zhe": "8折"})]).refused[0].unmet.reason == "pieces"


def test_case_15_units_of_a_line_come_back_by_the_cumulative_floor():
    first = refund_by_allocation(sold_case_3(), {"B": 1})
    assert first.amount_minor == 7_846
    sold = [SoldLine(each.line, each.paid_minor, 1 if each.line.id == "B" else 0) for each in sold_case_3()]
    assert refund_by_allocation(sold, {"B": 1}).amount_minor == 7_847


@pytest.mark.parametrize(
    ("returned", "by_allocation", "by_recompute"),
    [({"A": 1}, 17_545, 16_900), ({"B": 2, "C": 1}, 27_145, 24_790)],
    ids=["case 16", "case 17"],
)
def test_cases_16_and_17_refunds_under_both_policies(returned, by_allocation, by_recompute):
    assert refund_by_allocation(sold_case_3(), returned).amount_minor == by_allocation
    assert refund_by_recompute(sold_case_3(), returned, [offer(LADDER)]).amount_minor == by_recompute


def test_case_18_a_refund_is_never_negative():
    result = quote(goods(29_000, 1_500), [off_300_30()])
    assert shares(result) == [(2_852, 148)]
    assert result.lines == (26_148, 1_352)
    sold = [SoldLine(line, paid) for line, paid in zip(goods(29_000, 1_500), result.lines)]
    assert refund_by_allocation(sold, {"B": 1}).amount_minor == 1_352
    assert refund_by_recompute(sold, {"B": 1}, [off_300_30()]).amount_minor == 0


@pytest.mark.parametrize(
    ("paid", "expected"), [(10_000, [3_333, 3_333, 3_334]), (10_007, [3_335, 3_336, 3_336])]
)
def test_case_19_three_units_refunded_one_by_one_are_what_was_paid(paid, expected):
    assert [units_paid(paid, 3, before, 1) for before in range(3)] == expected


def test_case_20_points_pay_up_to_their_share_of_what_is_left():
    coupon = offer({"kind": "cash", "off_minor": 2_000}, "coupon")
    points = offer({"kind": "points", "points": 6_000, "cap_bp": 3_000}, "points", step="points")
    result = quote(goods(12_900, 5_900), [points, coupon])
    assert shares(result) == [(1_372, 628), (3_458, 1_582)]
    assert result.lines == (8_070, 3_690)
    assert result.payable_minor == 11_760
    spent = points.rule.points_for(result.applied[1].discount_minor)
    assert 6_000 - spent == 960


def case_21():
    x = offer({"kind": "threshold", "min_minor": 20_000, "off_minor": 2_500}, "X", exclusive=True)
    y = offer({"kind": "percent", "zhe": "88折", "cap_minor": 4_000}, "Y", exclusive=True)
    return x, y


@pytest.mark.parametrize("choose", [quote, best])
def test_case_21_of_two_exclusive_coupons_the_better_one_is_used(choose):
    x, y = case_21()
    assert quote(goods(26_000), [x]).discount_minor == 2_500
    result = choose(goods(26_000), [x, y])
    assert [(each.offer.id, each.discount_minor) for each in result.applied] == [("Y", 3_120)]
    assert [(each.offer.id, each.unmet.reason) for each in result.refused] == [("X", "exclusive")]


def test_case_22_a_price_floor_caps_a_share_and_what_it_cuts_is_lost_or_redistributed():
    lines = [CartLine("A", "A", 1, 10_000, floor_minor=9_000), CartLine("B", "B", 1, 10_000, floor_minor=6_000)]
    coupon = [offer({"kind": "cash", "off_minor": 5_000})]
    assert shares(quote(lines, coupon)) == [(1_000, 2_500)]
    assert shares(quote(lines, coupon, policy=Policy(redistribute=True))) == [(1_000, 4_000)]


@pytest.mark.parametrize(("base", "expected"), [(10, 1), (9, 0)])
def test_case_23_a_tiny_base(base, expected):
    assert off({"kind": "percent", "rate_bp": 500}, base) == expected
    assert half_up(base, 500) == expected


def test_case_24_equal_lines_share_what_is_left_over_from_the_front():
    assert allocate(10, (1_000, 1_000, 1_000, 1_000)) == (3, 3, 2, 2)


def test_case_25_a_gift_from_a_threshold_on():
    gift = offer({"kind": "gift", "min_minor": 19_900, "gift_sku": "G"}, step="item")
    given = quote(goods(19_900), [gift])
    assert [(each.sku, each.qty) for each in given.gifts] == [("G", 1)]
    assert given.payable_minor == 19_900
    assert quote(goods(19_899), [gift]).gifts == ()


def test_seven_lines_rounded_each_by_itself_would_break_the_sum():
    assert sorted(allocate(1_000, (999,) * 7)) == [142] + [143] * 6


@pytest.mark.parametrize(
    ("text", "rate"),
    [("88折", 1_200), ("8.8折", 1_200), ("８８折", 1_200), ("八八折", 1_200), ("八点八折", 1_200), ("8折", 2_000),
     ("85折", 1_500), ("8.5折", 1_500), ("95 折", 500), ("9.25折", 750), ("88.5折", 1_150), ("0.5折", 9_500)],
)  # fmt: skip
def test_percent_texts_mean_the_same_however_they_are_written(text, rate):
    assert discount_bp(text) == rate
