"""Reading rules and scopes, choosing combinations, and what is refused with which words."""

from __future__ import annotations

import pytest

from scrm_core.api import CartLine, Invalid, format_minor
from scrm_coupon_threshold.rules import (
    KINDS,
    Offer,
    SoldLine,
    Unmet,
    best,
    describe,
    discount_bp,
    explain,
    quote,
    read_rule,
    read_scope,
    refund_by_allocation,
)

STEP_1, STEP_2 = {"min_minor": 300, "off_minor": 30}, {"min_minor": 500, "off_minor": 60}


def line(name, unit, qty=1, **more):
    return CartLine(name, more.pop("sku", name), qty, unit, **more)


def offer(name, rule, **more):
    return Offer(name, read_rule(rule), read_scope(more.pop("scope", None)), **more)


BAD_RULES = [
    ({}, "kind"),
    ({"kind": "discount"}, "kind"),
    ({"kind": 3}, "kind"),
    ([], None),
    ({"kind": "cash"}, "off_minor"),
    ({"kind": "cash", "off_minor": 0}, "off_minor"),
    ({"kind": "cash", "off_minor": -100}, "off_minor"),
    ({"kind": "cash", "off_minor": 1.5}, "off_minor"),
    ({"kind": "cash", "off_minor": True}, "off_minor"),
    ({"kind": "cash", "off_minor": "100"}, "off_minor"),
    ({"kind": "cash", "off_minor": 2**53 + 1}, "off_minor"),
    ({"kind": "cash", "off_minor": 100, "max": 3}, "max"),
    ({"kind": "threshold", "min_minor": -1, "off_minor": 1}, "min_minor"),
    ({"kind": "threshold", "min_minor": 100, "off_minor": 101}, "off_minor"),
    ({"kind": "ladder", "steps": []}, "steps"),
    ({"kind": "ladder", "steps": {"min_minor": 1}}, "steps"),
    ({"kind": "ladder", "steps": [STEP_2, STEP_1]}, "steps.1.min_minor"),
    ({"kind": "ladder", "steps": [STEP_1, STEP_1]}, "steps.1.min_minor"),
    ({"kind": "ladder", "steps": [STEP_1, {"min_minor": 500, "off_minor": 30}]}, "steps.1.off_minor"),
    ({"kind": "ladder", "steps": [STEP_1, {"min_minor": 500, "off_minor": 60, "times": 2}]}, "steps.1.times"),
    ({"kind": "repeat", "min_minor": 300, "off_minor": 30, "max_times": 0}, "max_times"),
    ({"kind": "percent", "rate_bp": 10_001}, "rate_bp"),
    ({"kind": "percent", "rate_bp": 0}, "rate_bp"),
    ({"kind": "percent"}, "rate_bp"),
    ({"kind": "percent", "rate_bp": 100, "zhe": "9折"}, "rate_bp"),
    ({"kind": "percent", "zhe": "880折"}, "zhe"),
    ({"kind": "percent", "zhe": "10折"}, "zhe"),
    ({"kind": "percent", "zhe": "-8折"}, "zhe"),
    ({"kind": "percent", "rate_bp": 100, "cap_minor": 0}, "cap_minor"),
    ({"kind": "pieces", "n": 0, "rate_bp": 100}, "n"),
    ({"kind": "cheapest-free", "n": 1}, "n"),
    ({"kind": "second-half", "max_times": 0}, "max_times"),
    ({"kind": "gift"}, "gift_sku"),
    ({"kind": "gift", "gift_sku": "", "min_minor": 1}, "gift_sku"),
    ({"kind": "gift", "gift_sku": "G", "stock": -1}, "stock"),
    ({"kind": "gift", "gift_sku": "G", "skus": "A"}, "skus"),
    ({"kind": "exchange", "sku": "A", "qty": 0}, "qty"),
    ({"kind": "exchange", "sku": "A\x00"}, "sku"),
    ({"kind": "shipping", "cap_minor": -1}, "cap_minor"),
    ({"kind": "points", "points": 100, "cap_bp": 10_001}, "cap_bp"),
]


@pytest.mark.parametrize(("rule", "field"), BAD_RULES, ids=[f"{i}" for i in range(len(BAD_RULES))])
def test_a_rule_that_cannot_be_names_its_field(rule, field):
    with pytest.raises(Invalid) as refused:
        read_rule(rule)
    assert refused.value.field == field


@pytest.mark.parametrize(
    ("scope", "field"),
    [
        ([], "scope"),
        ({"sku": ["A"]}, "scope.sku"),
        ({"skus": [1]}, "scope.skus.0"),
        ({"skus": [""]}, "scope.skus.0"),
        ({"automatic": 1}, "scope.automatic"),
    ],
)
def test_a_scope_that_cannot_be_names_its_field(scope, field):
    with pytest.raises(Invalid) as refused:
        read_scope(scope)
    assert refused.value.field == field


EXAMPLES = [
    ({"kind": "cash", "off_minor": 1_000}, "立减10.00", "10.00 off"),
    ({"kind": "threshold", "min_minor": 30_000, "off_minor": 3_000}, "满300.00减30.00", "30.00 off from 300.00"),
    ({"kind": "ladder", "steps": [STEP_1, STEP_2]}, "满3.00减0.30，满5.00减0.60", "0.30 off from 3.00, 0.60 off from 5.00"),
    ({"kind": "repeat", "min_minor": 300, "off_minor": 30, "max_times": 2}, "每满3.00减0.30，最多2次",
     "0.30 off for each 3.00, at most 2 times"),
    ({"kind": "percent", "rate_bp": 1_200, "cap_minor": 500}, "8.8折，最多减5.00", "12 % off, at most 5.00"),
    ({"kind": "pieces", "n": 2, "rate_bp": 2_000}, "2件8折", "20 % off from 2 pieces"),
    ({"kind": "second-half"}, "第二件半价", "second piece at half price"),
    ({"kind": "cheapest-free", "n": 3}, "买3免最低", "buy 3, the cheapest is free"),
    ({"kind": "gift", "gift_sku": "G", "qty": 1, "min_minor": 19_900}, "满199.00赠G×1", "1 × G as a gift from 199.00"),
    ({"kind": "exchange", "sku": "A", "qty": 1}, "兑换A×1", "1 × A free"),
    ({"kind": "shipping", "min_minor": 9_900}, "满99.00包邮", "free shipping from 99.00"),
    ({"kind": "points", "points": 1, "step_points": 100, "step_minor": 100, "cap_bp": 3_000}, "100积分抵1.00，最多30%",
     "100 points are worth 1.00, at most 30 %"),
]  # fmt: skip


def test_every_kind_of_rule_is_written_back_as_it_was_read_and_said_in_two_languages():
    assert {rule["kind"] for rule, _, _ in EXAMPLES} == set(KINDS)
    for rule, chinese, english in EXAMPLES:
        assert read_rule(rule).as_dict() == rule
        assert describe(read_rule(rule), format_minor, "zh") == chinese
        assert describe(read_rule(rule), format_minor) == english


def test_a_percent_text_is_stored_as_its_rate():
    assert read_rule({"kind": "percent", "zhe": "88折"}).as_dict() == {"kind": "percent", "rate_bp": 1_200}
    for text in ("", "折", "abc折", "8.888折", "٨折", "11.5.5折", 88):
        with pytest.raises(Invalid):
            discount_bp(text)


def test_eligibility_excludes_before_it_includes_and_knows_what_lies_below_a_category():
    scope = read_scope(
        {"skus": ["X"], "categories": ["baby/"], "exclude_categories": ["baby/food"], "exclude_special": True}
    )
    assert read_scope(scope.as_dict()) == scope
    for covered, given in (
        (True, line("X", 1, category="toys")),
        (True, line("P", 1, category="baby")),
        (True, line("P", 1, category="baby/diapers")),
        (False, line("P", 1, category="babyphone")),
        (False, line("X", 1, category="baby/food/tea")),
        (False, line("X", 1, special=True)),
        (False, line("X", 0, gift=True)),
        (False, line("P", 1, category="toys")),
    ):
        assert scope.covers(given) is covered


def test_a_product_voucher_pays_for_one_unit_of_its_article_and_nothing_else():
    voucher = offer("v", {"kind": "exchange", "sku": "A"})
    result = quote([line("A", 5_000, 3), line("B", 9_000)], [voucher])
    assert [each.shares for each in result.applied] == [(5_000, 0)]
    alone = quote([line("A", 5_000, floor_minor=4_000)], [voucher])
    assert alone.payable_minor == 0
    assert quote([line("B", 9_000)], [voucher]).refused[0].unmet == Unmet("missing_sku", {"sku": "A"})


def test_second_half_price_pairs_from_the_dearest_down():
    halves = [offer("h", {"kind": "second-half"})]
    # 900 with 700, 500 with 300; the fifth has no pair.
    cart = [line("A", 300), line("B", 900), line("C", 500), line("D", 700), line("E", 100)]
    assert [each.shares for each in quote(cart, halves).applied] == [(150, 0, 0, 350, 0)]
    assert quote(cart, [offer("h", {"kind": "second-half", "max_times": 1})]).discount_minor == 350


def test_greedy_by_face_value_would_lose_to_two_smaller_coupons():
    big = offer("big", {"kind": "threshold", "min_minor": 10_000, "off_minor": 3_000}, basis="after_previous")
    one = offer("one", {"kind": "cash", "off_minor": 2_000}, group="small")
    two = offer("two", {"kind": "percent", "rate_bp": 2_500}, step="brand")
    exclusive = offer("all", {"kind": "cash", "off_minor": 3_500}, exclusive=True)
    result = best([line("A", 10_000)], [exclusive, one, two])
    assert {each.offer.id for each in result.applied} == {"one", "two"}
    assert result.discount_minor == 2_000 + 2_000
    # With `one` before it, `big` fails its threshold: the best leaves `one` out.
    early = offer("one", {"kind": "cash", "off_minor": 2_000}, step="item")
    assert [each.offer.id for each in best([line("A", 10_000)], [early, big]).applied] == ["big"]
    assert quote([line("A", 10_000)], [early, big]).discount_minor == 2_000


def test_of_equal_combinations_fewer_coupons_win_then_the_earlier_expiry_then_the_lower_id():
    cart = [line("A", 1_000)]
    cash = {"kind": "cash", "off_minor": 1_000}
    whole = offer("z", cash)
    halves = [offer("a", {"kind": "cash", "off_minor": 500}), offer("b", {"kind": "cash", "off_minor": 500})]
    assert [each.offer.id for each in best(cart, [*halves, whole]).applied] == ["z"]
    late, soon = offer("a", cash, group="g", expires_at=200), offer("b", cash, group="g", expires_at=100)
    assert [each.offer.id for each in best(cart, [late, soon]).applied] == ["b"]
    same = offer("0", cash, group="g", expires_at=100)
    assert [each.offer.id for each in best(cart, [soon, same]).applied] == ["0"]


def test_automatic_promotions_take_part_even_where_a_coupon_alone_would_be_better():
    promotion = offer(
        "promo", {"kind": "threshold", "min_minor": 10_000, "off_minor": 500}, step="order", scope={"automatic": True}
    )
    coupon = offer("coupon", {"kind": "threshold", "min_minor": 10_000, "off_minor": 2_000}, basis="after_previous")
    result = best([line("A", 10_000)], [coupon, promotion])
    assert [each.offer.id for each in result.applied] == ["promo"]
    assert result.refused[0].unmet.reason == "threshold"


def test_places_are_held_to_and_excluded_offers_say_what_excludes_them():
    from dataclasses import replace

    cash = {"kind": "cash", "off_minor": 100}
    here = offer("here", cash, title="满减", group="g")
    mall = replace(here, id="mall", scope=replace(here.scope, channels=("mall",)))
    shop = replace(here, id="shop", scope=replace(here.scope, stores=("s1", "s2")))
    other = offer("other", {"kind": "cash", "off_minor": 90}, group="g")
    result = quote([line("A", 1_000)], [here, mall, shop, other], channel="live", store="s3")
    assert [each.offer.id for each in result.applied] == ["here"]
    said = {each.offer.id: explain(each.unmet, format_minor) for each in result.refused}
    assert said == {
        "mall": "not for this channel; it is for mall",
        "shop": "not for this store; it is for s1, s2",
        "other": "does not go together with 满减",
    }
    assert explain(Unmet("threshold", {"min_minor": 30_000, "missing_minor": 1}), format_minor, "zh") == "还差0.01可用（满300.00）"


def test_a_promotion_of_the_order_is_one_and_the_better_one():
    small = offer("small", {"kind": "cash", "off_minor": 100}, step="order")
    large = offer("large", {"kind": "cash", "off_minor": 200}, step="order")
    result = quote([line("A", 1_000)], [small, large])
    assert [each.offer.id for each in result.applied] == ["large"]
    assert [(each.offer.id, each.unmet.reason) for each in result.refused] == [("small", "step")]


def test_an_unmet_exclusive_coupon_excludes_nothing():
    unmet = offer("x", {"kind": "threshold", "min_minor": 99_999, "off_minor": 9_000}, exclusive=True)
    result = quote([line("A", 1_000)], [unmet, offer("c", {"kind": "cash", "off_minor": 100})])
    assert [each.offer.id for each in result.applied] == ["c"]
    assert result.refused[0].unmet.reason == "threshold"


def test_more_combinations_than_are_compared_still_answer_and_say_so():
    # Each breaks the threshold of those behind it, so that any of 4,095 sets might be the best.
    many = [
        offer(f"{n:02}", {"kind": "threshold", "min_minor": 100_000, "off_minor": n + 1}, basis="after_previous")
        for n in range(12)
    ]
    capped = best([line("A", 100_000)], many)
    assert capped.capped and len(capped.applied) == 1
    few = best([line("A", 100_000)], many[:4])
    assert (few.capped, few.discount_minor) == (False, 4)


def test_hundreds_of_offers_are_chosen_from_without_going_through_every_set():
    cash = [
        offer(f"{n:03}", {"kind": "cash", "off_minor": n + 1}, group=f"g{n % 10}" if n < 100 else "") for n in range(200)
    ]
    result = quote([line("A", 1_000_000)], cash)
    assert (result.capped, result.discount_minor) == (False, sum(range(91, 201)))
    assert best([line("A", 1_000_000)], cash).discount_minor == result.discount_minor


def test_more_units_than_were_sold_do_not_come_back():
    sold = [SoldLine(line("A", 100, 3), 300, back=2)]
    for returned in ({}, {"A": 2}, {"A": 0}, {"B": 1}):
        with pytest.raises(Invalid) as refused:
            refund_by_allocation(sold, returned)
        assert refused.value.field == "lines"
