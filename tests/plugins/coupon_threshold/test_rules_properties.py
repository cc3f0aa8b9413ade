"""What holds for every cart: exact sums, bounds, and no influence of the order in which things are added."""

from __future__ import annotations

import random
from itertools import combinations

from hypothesis import given, settings
from hypothesis import strategies as st

from scrm_core.api import CartLine, allocate
from scrm_coupon_threshold.rules import (
    Offer,
    Policy,
    SoldLine,
    best,
    is_code,
    new_code,
    normalise_code,
    quote,
    read_rule,
    read_scope,
    refund_by_allocation,
    refund_by_recompute,
    shown_code,
    spread,
    units_paid,
)
from scrm_coupon_threshold.rules.choosing import conflict
from scrm_coupon_threshold.rules.codes import ALPHABET
from scrm_coupon_threshold.rules.offers import STEPS
from scrm_coupon_threshold.rules.pricing import price

weights = st.lists(st.integers(0, 1_000_000), min_size=1, max_size=12)


@given(weights, st.data())
def test_shares_sum_to_the_discount_and_none_exceeds_its_line(amounts, data):
    discount = data.draw(st.integers(0, sum(amounts)))
    shares = allocate(discount, amounts)
    assert sum(shares) == discount
    assert all(0 <= share <= weight for share, weight in zip(shares, amounts))
    whole = sum(amounts)
    for share, weight in zip(shares, amounts):
        exact = discount * weight  # over `whole`: each share is its proportion rounded down or up
        assert whole == 0 or abs(share * whole - exact) < whole


@given(st.lists(st.integers(1, 1_000_000), min_size=1, max_size=8, unique=True), st.data())
def test_permuting_lines_permutes_their_shares(amounts, data):
    discount = data.draw(st.integers(0, sum(amounts)))
    order = data.draw(st.permutations(range(len(amounts))))
    shares = allocate(discount, amounts)
    assert allocate(discount, [amounts[place] for place in order]) == tuple(shares[place] for place in order)


@given(weights, st.data())
def test_floors_are_never_broken_and_redistribution_takes_all_that_fits(amounts, data):
    rooms = [data.draw(st.integers(0, weight)) for weight in amounts]
    discount = data.draw(st.integers(0, sum(amounts)))
    lost = spread(discount, amounts, rooms)
    kept = spread(discount, amounts, rooms, redistribute=True)
    assert all(0 <= share <= room for share, room in zip(lost, rooms))
    assert all(0 <= share <= room for share, room in zip(kept, rooms))
    assert sum(lost) <= sum(kept) == min(discount, sum(rooms))


@given(st.integers(0, 10**9), st.lists(st.integers(1, 40), min_size=1, max_size=20))
def test_units_refunded_in_any_portions_are_exactly_what_was_paid(paid, portions):
    qty, before, total = sum(portions), 0, 0
    for count in portions:
        total += units_paid(paid, qty, before, count)
        before += count
    assert total == paid


amount = st.integers(1, 40_000)
rules = st.one_of(
    amount.map(lambda off: {"kind": "cash", "off_minor": off}),
    st.tuples(amount, amount).map(
        lambda two: {"kind": "threshold", "min_minor": max(two), "off_minor": min(two)}
    ),
    st.tuples(amount, amount, st.integers(1, 4)).map(
        lambda it: {"kind": "repeat", "min_minor": max(it[:2]), "off_minor": min(it[:2]), "max_times": it[2]}
    ),
    st.integers(1, 10_000).map(lambda rate: {"kind": "percent", "rate_bp": rate}),
    st.tuples(st.integers(1, 10_000), amount).map(
        lambda it: {"kind": "percent", "rate_bp": it[0], "cap_minor": it[1]}
    ),
    st.tuples(st.integers(1, 5), st.integers(1, 10_000)).map(
        lambda it: {"kind": "pieces", "n": it[0], "rate_bp": it[1]}
    ),
    st.just({"kind": "second-half"}),
    st.integers(2, 5).map(lambda n: {"kind": "cheapest-free", "n": n}),
    st.sampled_from("ABC").map(lambda sku: {"kind": "exchange", "sku": sku}),
    amount.map(lambda least: {"kind": "gift", "gift_sku": "G", "min_minor": least}),
    st.just({"kind": "shipping"}),
)
scopes = st.sampled_from(
    [None, {"skus": ["A"]}, {"categories": ["food"]}, {"exclude_skus": ["B"]}, {"exclude_special": True},
     {"automatic": True}]
)  # fmt: skip
lines = st.lists(
    st.tuples(
        st.sampled_from("ABC"), st.integers(1, 5), st.integers(0, 30_000), st.sampled_from(["food", "food/tea", "toys"]),
        st.booleans(), st.one_of(st.none(), st.integers(0, 30_000)),
    ),
    min_size=1,
    max_size=5,
).map(
    lambda rows: [
        CartLine(str(number), sku, qty, unit, category, special, floor)
        for number, (sku, qty, unit, category, special, floor) in enumerate(rows)
    ]
)  # fmt: skip
policies = st.builds(
    Policy, parallel=st.booleans(), redistribute=st.booleans(), min_payable_minor=st.sampled_from([0, 1])
)


@st.composite
def offers(draw, most=5):
    return [
        Offer(
            f"o{number}",
            read_rule(draw(rules)),
            read_scope(draw(scopes)),
            step=draw(st.sampled_from(STEPS)),
            group=draw(st.sampled_from(["", "", "g", "h"])),
            exclusive=draw(st.sampled_from([False, False, False, True])),
            basis=draw(st.sampled_from(["original", "after_item", "after_previous"])),
            expires_at=draw(st.sampled_from([None, 1_000, 2_000])),
        )
        for number in range(draw(st.integers(1, most)))
    ]


@settings(max_examples=60, deadline=None)
@given(lines, offers(), st.integers(0, 2_000), policies, st.randoms(use_true_random=False))
def test_the_order_in_which_offers_are_added_changes_nothing(cart, given_offers, shipping, policy, order):
    shuffled = given_offers[:]
    order.shuffle(shuffled)
    for choose in (quote, best):
        assert choose(cart, given_offers, shipping_minor=shipping, policy=policy) == choose(
            cart, shuffled, shipping_minor=shipping, policy=policy
        )


@settings(max_examples=60, deadline=None)
@given(lines, offers(), st.integers(0, 2_000), policies)
def test_a_discount_never_exceeds_what_it_is_taken_off(cart, given_offers, shipping, policy):
    result = quote(cart, given_offers, shipping_minor=shipping, policy=policy)
    amounts = [line.qty * line.unit_minor for line in cart]
    for place, line in enumerate(cart):
        taken = sum(each.shares[place] for each in result.applied)
        assert taken + result.lines[place] == amounts[place] and result.lines[place] >= 0
        spreads = [each for each in result.applied if each.offer.rule.kind != "exchange"]
        if line.floor_minor is not None and len(spreads) == len(result.applied) and taken:
            assert result.lines[place] >= min(amounts[place], line.floor_minor * line.qty)
        for each in result.applied:
            assert each.shares[place] == 0 or each.offer.scope.covers(line)
    assert 0 <= result.shipping_minor <= shipping
    whole = sum(amounts) + shipping
    assert result.payable_minor + result.discount_minor == whole
    assert result.payable_minor >= min(policy.min_payable_minor, whole)
    assert {each.offer.id for each in result.applied} | {each.offer.id for each in result.refused} == {
        each.id for each in given_offers
    }


@settings(max_examples=60, deadline=None)
@given(lines, offers(4), policies)
def test_what_excludes_each_other_is_never_applied_together_and_the_best_is_no_worse(cart, given_offers, policy):
    wanted = quote(cart, given_offers, policy=policy)
    chosen = best(cart, given_offers, policy=policy)
    assert chosen.discount_minor >= wanted.discount_minor
    for result in (wanted, chosen):
        applied = [each.offer for each in result.applied]
        for group in ("g", "h"):
            assert sum(each.group == group for each in applied) <= 1
        assert sum(each.step == "order" for each in applied) <= 1
        assert not any(each.exclusive for each in applied) or len(applied) == 1


@settings(max_examples=100, deadline=None)
@given(lines, offers(5), st.integers(0, 2_000), policies)
def test_the_best_is_what_trying_every_allowed_set_would_find(cart, given_offers, shipping, policy):
    def goes_together(chosen):
        return not any(conflict(one, two) for one, two in combinations(chosen, 2))

    def forced(chosen):
        """Automatic promotions stay out only when something chosen excludes them."""
        return all(
            each in chosen or not each.scope.automatic or any(conflict(each, other) for other in chosen)
            for each in given_offers
        )

    sets = [
        chosen
        for size in range(len(given_offers) + 1)
        for chosen in combinations(given_offers, size)
        if goes_together(chosen) and forced(chosen)
    ]
    most = max(price(cart, chosen, shipping, policy).discount_minor for chosen in sets)
    assert best(cart, given_offers, shipping_minor=shipping, policy=policy).discount_minor == most


@settings(max_examples=60, deadline=None)
@given(lines, offers(3), st.booleans(), st.randoms(use_true_random=False))
def test_everything_refunded_piece_by_piece_is_exactly_what_was_paid(cart, given_offers, recompute, order):
    result = quote(cart, given_offers)
    pieces = [line.id for line in cart for _ in range(line.qty)]
    order.shuffle(pieces)
    back = dict.fromkeys((line.id for line in cart), 0)
    total = 0
    for piece in pieces:
        sold = [SoldLine(line, paid, back[line.id]) for line, paid in zip(cart, result.lines)]
        if recompute:
            refund = refund_by_recompute(sold, {piece: 1}, given_offers, refunded_minor=total)
        else:
            refund = refund_by_allocation(sold, {piece: 1})
        assert refund.amount_minor >= 0
        total += refund.amount_minor
        back[piece] += 1
        assert total <= sum(result.lines)
    assert total == sum(result.lines)


@given(st.integers(0, 2**32))
def test_a_mistyped_code_is_found_without_asking_the_database(seed):
    dice = random.Random(seed)
    code = new_code()
    assert is_code(code) and len(code) == 13 and not set(code) & set("0O1I")
    assert normalise_code(f" {shown_code(code).lower()} ") == code
    place = dice.randrange(13)
    wrong = dice.choice([letter for letter in ALPHABET if letter != code[place]])
    assert not is_code(code[:place] + wrong + code[place + 1 :])
    one, two = sorted(dice.sample(range(13), 2))
    swapped = list(code)
    swapped[one], swapped[two] = swapped[two], swapped[one]
    assert is_code("".join(swapped)) == (code[one] == code[two])
