"""Step test: arms with their own links, sticky by order, a result that does not guess, a choice that is logged."""

from __future__ import annotations

from itertools import count

import pytest
from steps_campaign import ANNA, BEN, CARD, Walk, one_database

from scrm_core.errors import Conflict, Invalid, NotFound
from scrm_core.services.contacts import IdentityIn, LeadIn
from scrm_package_card import PackageCard
from scrm_package_card.steps.trial import arm_of, arms_of, cards_needed, equal_weights
from scrm_package_card.stock.warehouse import ShipmentIn

PERSON = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) AppleWebKit/605.1.15"


@pytest.fixture
def installed(new_installation):
    return new_installation(plugins=(PackageCard,), acme=CARD, moonco=CARD)


@pytest.fixture
def walk(installed):
    return Walk(installed.brand("acme")).begin().to("test")


@pytest.fixture
def shop(walk, shop_of, deliver):
    """The shop of the campaign's brand; its deliveries wait for what other tests on the server hold open."""
    shop = shop_of(walk.brand)
    shop.deliver = lambda: deliver(walk.brand)
    return shop


def arm(walk, number, source="shop"):
    with walk.brand:
        return arm_of(walk.brand, walk.code, source, number)


def orders_of(walk, wanted, total):
    """So many order numbers whose arm is the wanted one."""
    found = (f"N{n}" for n in count() if arm(walk, f"N{n}") == wanted)
    return [next(found) for _ in range(total)]


def ship(walk, shop, numbers, at="2026-01-02T10:00"):
    with walk.brand:
        outcome = walk.cards.ship("MAY", [ShipmentIn(f"S-{number}", number, shop.at(at)) for number in numbers])
    assert outcome.created == len(numbers), outcome.rejected


def claim(shop, numbers, at="2026-01-03T10:00", first=0):
    for n, number in enumerate(numbers, first):
        shop.lead(f"138{n:08d}", at, serial=f"S-{number}")
    shop.deliver()


def result(walk):
    with walk.brand:
        return walk.steps.trials.result("MAY")


def decide(walk, wanted, reason="", by=BEN):
    with walk.brand:
        return walk.steps.trials.decide("MAY", wanted, by, reason=reason)


def test_every_arm_has_its_own_tracked_link_on_every_channel(walk):
    with walk.brand:
        walk.steps.trials.start("MAY", {"A": 5_000, "B": 5_000}, ANNA)
    wanted = [(a, channel) for a in "AB" for channel in ("douyin", "tmall")]
    codes = []
    for place, (each, channel) in enumerate(wanted):
        lines = [line for line in walk.missing("test") if line.startswith("tracked link")]
        assert lines == [f"tracked link of {a} on {c}" for a, c in wanted[place:]]
        with walk.brand:
            link = walk.steps.trials.add_link("MAY", each, channel, f"https://shop.example/{each}", ANNA)
            stored = walk.brand.links.get(link.code)
        assert (stored.channel, stored.variant, stored.campaign, stored.owner) == (channel, each, "MAY", "package-card")
        codes.append(link.code)
    assert len(set(codes)) == 4
    assert walk.missing("test") == ["chosen arm"]


def test_a_link_is_for_an_arm_and_a_channel_of_the_campaign_and_made_once(walk):
    walk.start_trial()
    with walk.brand:
        for arguments, field in ((("C", "tmall"), "arm"), (("A", "store"), "channel")):
            with pytest.raises(Invalid) as refused:
                walk.steps.trials.add_link("MAY", *arguments, "https://shop.example/", ANNA)
            assert refused.value.field == field
        with pytest.raises(Conflict, match="has its link on tmall already"):
            walk.steps.trials.add_link("MAY", "A", "tmall", "https://shop.example/", ANNA)


def test_a_link_leads_to_a_safe_address_or_is_not_made(walk):
    with walk.brand:
        walk.steps.trials.start("MAY", {"A": 5_000, "B": 5_000}, ANNA)
        with pytest.raises(Invalid) as refused:
            walk.steps.trials.add_link("MAY", "A", "tmall", "javascript:alert(1)", ANNA)
    assert refused.value.field == "target"
    assert "tracked link of A on tmall" in walk.missing("test")


@one_database
@pytest.mark.parametrize(
    ("arms", "words"),
    [
        ({"A": 10_000}, "2 to 10 arms"),
        ({}, "2 to 10 arms"),
        ({f"A{n}": 1_000 for n in range(11)}, "2 to 10 arms"),
        ({"A": 5_000, "B": 4_000}, "sum to 10000"),
        ({"A": 10_000, "B": 0}, "above 0"),
        ({"A": 5_000, "红": 5_000}, "no name of 1 to 40"),
        ({"A": 5_000, "": 5_000}, "no name of 1 to 40"),
    ],
)
def test_a_trial_has_two_arms_or_more_with_weights_that_make_a_whole(walk, arms, words):
    with walk.brand, pytest.raises(Invalid, match=words) as refused:
        walk.steps.trials.start("MAY", arms, ANNA)
    assert refused.value.field == "arms"
    assert "trial with two arms or more" in walk.missing("test")


def test_a_second_trial_does_not_start_beside_the_first(walk):
    walk.start_trial()
    with walk.brand, pytest.raises(Conflict, match="trial 1 of campaign 'MAY' is there") as refused:
        walk.steps.trials.start("MAY", {"A": 5_000, "B": 5_000}, ANNA)
    assert refused.value.code == "trial"


def test_equal_weights_make_a_whole():
    assert equal_weights(["A", "B", "C"]) == {"A": 3_334, "B": 3_333, "C": 3_333}
    assert sum(equal_weights(list("ABCDEFG")).values()) == 10_000


ASK = """
from scrm_package_card.steps.trial import arm_of

def run(brand, worker):
    return [arm_of(brand, "MAY", "shop", f"N{n}") for n in range(200)]
"""


def test_an_order_gets_the_same_arm_whoever_asks_and_whenever(walk, installed, together, clock):
    assert arm(walk, "N1") == ""
    walk.start_trial()
    first = [arm(walk, f"N{n}") for n in range(200)]
    assert together(installed, ASK, 2) == [first, first]
    clock.advance(days=9)
    assert [arm(walk, f"N{n}") for n in range(200)] == first
    assert min(first.count("A"), first.count("B")) > 60
    assert [arm(walk, f"N{n}", source="other shop") for n in range(200)] != first


def test_the_arms_of_two_brands_and_of_two_trials_have_nothing_to_do_with_each_other(walk, installed):
    walk.start_trial()
    other = Walk(installed.brand("moonco")).begin().to("test")
    other.start_trial()
    ours = [arm(walk, f"N{n}") for n in range(200)]
    assert ours != [arm(other, f"N{n}") for n in range(200)]
    walk.back("policy")
    walk.advance("test")
    walk.start_trial()
    assert ours != [arm(walk, f"N{n}") for n in range(200)]


def test_orders_are_spread_by_the_weights(walk):
    with walk.brand:
        walk.steps.trials.start("MAY", {"A": 9_000, "B": 1_000}, ANNA)
    share = [arm(walk, f"N{n}") for n in range(1_000)].count("B")
    assert 60 <= share <= 140  # 100 expected, standard deviation 9.5


def test_the_longest_order_number_has_an_arm_too_and_unknown_campaigns_have_none(walk):
    walk.start_trial()
    assert arm(walk, "9" * 200, source="s" * 200) in ("A", "B")
    with walk.brand:
        assert arm_of(walk.brand, "NOSUCH", "shop", "N1") == ""


def test_the_result_table_shows_shares_with_intervals_and_the_p_value(walk, shop):
    walk.start_trial(minimum=200)
    a, b = orders_of(walk, "A", 200), orders_of(walk, "B", 200)
    ship(walk, shop, a + b)
    claim(shop, a[:10] + b[:18])
    found = result(walk)
    control, variant = found.cards.arms
    assert [(each.arm, each.persons, each.converted) for each in found.cards.arms] == [("A", 200, 10), ("B", 200, 18)]
    # 10/200 against 18/200: z 1.5677, P 0.117, difference -0.99 % .. 8.99 % (the worked table of the rules).
    assert control.share == 0.05
    assert variant.against_control.z == pytest.approx(1.5677, abs=5e-5)
    assert variant.p_adjusted == pytest.approx(0.117, abs=5e-4)
    assert variant.against_control.interval.low == pytest.approx(-0.0099, abs=5e-5)
    assert variant.against_control.interval.high == pytest.approx(0.0899, abs=5e-5)
    # Wilson's interval of 10/200, worked by hand: 2.74 % .. 8.96 %.
    assert (control.interval.low, control.interval.high) == pytest.approx((0.0274, 0.0896), abs=5e-5)
    assert (found.cards.verdict, found.cards.winner) == ("no difference", None)


def test_no_winner_is_named_below_the_minimum_sample_however_clear_the_difference(walk, shop):
    walk.start_trial(minimum=41)
    a, b = orders_of(walk, "A", 45), orders_of(walk, "B", 45)
    ship(walk, shop, a[:40] + b[:40])
    claim(shop, b[:35])
    found = result(walk)
    assert found.cards.arms[1].p_adjusted < 0.001
    assert (found.cards.verdict, found.cards.winner) == ("too few persons", None)
    assert found.words == "too few cards shipped: A 40, B 40; every arm needs 41"
    with pytest.raises(Conflict, match="too few cards shipped: A 40, B 40; every arm needs 41") as refused:
        decide(walk, "B")
    assert refused.value.code == "no_winner"
    ship(walk, shop, a[40:41] + b[40:41])
    assert result(walk).cards.winner == "B"


def test_the_minimum_is_the_setting_unless_the_trial_says_otherwise(walk):
    with walk.brand:
        started = Walk(walk.brand, trial_minimum=77).steps.trials.start("MAY", {"A": 5_000, "B": 5_000}, ANNA)
    assert started.minimum == 77


def test_the_minimum_follows_from_the_usual_recall_and_the_smallest_rise_wanted(walk):
    # Published tables: 5 % against 6 % needs 8,158 in each arm, 10 % against 12 % needs 3,841.
    assert cards_needed(500, 100) == 8_158
    assert cards_needed(1_000, 200) == 3_841
    with walk.brand:
        started = walk.steps.trials.start("MAY", {"A": 5_000, "B": 5_000}, ANNA, base=500, lift=100)
    assert started.minimum == 8_158
    assert walk.history()[-1].what["lift"] == 100
    assert result(walk).words == "too few cards shipped: A 0, B 0; every arm needs 8,158"


@one_database
@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"base": 500}, "lift"), ({"lift": 100}, "base"), ({"base": 500, "lift": 100, "minimum": 50}, "minimum"),
        ({"base": 0, "lift": 100}, "base"), ({"base": 500, "lift": 0}, "lift"), ({"base": 500, "lift": -5}, "lift"),
        ({"base": 9_000, "lift": 1_000}, "lift"), ({"base": 5.0, "lift": 100}, "base"), ({"base": True, "lift": 1}, "base"),
    ],
)  # fmt: skip
def test_a_sample_size_needs_two_shares_that_can_be(walk, given, field):
    with walk.brand, pytest.raises(Invalid) as refused:
        walk.steps.trials.start("MAY", {"A": 5_000, "B": 5_000}, ANNA, **given)
    assert refused.value.field == field
    assert "trial with two arms or more" in walk.missing("test")


def test_many_orders_ask_for_their_arms_at_once(walk, shop):
    orders = [("shop", f"N{n}") for n in range(50)] + [("other shop", "N1"), ("s" * 200, "9" * 200)]

    def one_by_one():
        return [arm(walk, number, source) for source, number in orders]

    with walk.brand:
        assert arms_of(walk.brand, "MAY", orders) == [""] * 52
        assert arms_of(walk.brand, "MAY", []) == []
    walk.start_trial()
    with walk.brand:
        drawn = arms_of(walk.brand, "MAY", orders)
    assert drawn == one_by_one() and set(drawn) == {"A", "B"}
    ship(walk, shop, ["N0", "N1", "N2", "N3", "N4", "N5"])
    decide(walk, "A", "the season begins")
    with walk.brand:
        after = arms_of(walk.brand, "MAY", orders)
    assert after == one_by_one() == drawn[:6] + ["A"] * 46


def test_only_cards_shipped_since_the_trial_began_and_leads_that_count_are_analysed(walk, shop, clock):
    with walk.brand:
        walk.cards.ship("MAY", [ShipmentIn("S-old", "OLD", shop.at("2025-12-30T10:00"))])
    walk.start_trial()
    numbers = orders_of(walk, "A", 3)
    ship(walk, shop, numbers)
    claim(shop, numbers[:1])
    claim(shop, numbers[1:2], at="2026-03-03T10:00", first=5)  # outside the recall window
    claim(shop, numbers[:1], first=6)  # somebody else claims the first card
    first = result(walk)
    assert [(each.persons, each.converted) for each in first.cards.arms] == [(3, 1), (0, 0)]
    assert result(walk).cards == first.cards


def test_counts_that_do_not_fit_the_planned_shares_name_no_winner(walk, shop):
    walk.start_trial(minimum=10)
    a, b = orders_of(walk, "A", 60), orders_of(walk, "B", 10)
    ship(walk, shop, a + b)
    claim(shop, b)
    found = result(walk)
    assert (found.cards.verdict, found.cards.winner) == ("sample ratio mismatch", None)
    assert "A 60, B 10" in found.words
    with pytest.raises(Conflict, match="do not fit the planned shares"):
        decide(walk, "B")


def test_the_winner_of_the_data_needs_no_reason(walk, shop):
    walk.start_trial(minimum=40)
    a, b = orders_of(walk, "A", 40), orders_of(walk, "B", 40)
    ship(walk, shop, a + b)
    claim(shop, a[:2] + b[:20])
    assert decide(walk, "B").detail["by_data"] is True
    last = walk.history()[-1]
    assert (last.action, last.who, last.what["arm"], last.what["verdict"]) == (
        "winner", "Ben", "B", "B wins with 20 of 40 cards"
    )  # fmt: skip
    assert walk.missing("test") == []
    with pytest.raises(Conflict, match="signed by Ben already"):
        decide(walk, "B")


def test_a_winner_against_the_data_needs_a_reason_and_is_logged_with_what_the_data_said(walk, shop):
    walk.start_trial(minimum=40)
    a, b = orders_of(walk, "A", 40), orders_of(walk, "B", 40)
    ship(walk, shop, a + b)
    claim(shop, a[:2] + b[:20])
    with pytest.raises(Conflict, match="B wins with 20 of 40 cards. Choosing it all the same needs a reason"):
        decide(walk, "A")
    decide(walk, "A", "the paper of B is sold out")
    last = walk.history()[-1]
    assert (last.action, last.reason) == ("winner against the data", "the paper of B is sold out")
    assert (last.what["arm"], last.what["by_data"]) == ("A", False)
    assert last.what["verdict"] == "B wins with 20 of 40 cards"


def test_only_an_arm_of_the_trial_can_win(walk):
    with pytest.raises(Conflict, match="has no trial"):
        decide(walk, "A", "because")
    walk.start_trial()
    with pytest.raises(Invalid, match="is none of A, B"):
        decide(walk, "C", "because")


def test_after_the_choice_new_orders_get_the_winner_and_counted_ones_keep_their_arm(walk, shop):
    walk.start_trial()
    a, b = orders_of(walk, "A", 3), orders_of(walk, "B", 3)
    ship(walk, shop, a[:2] + b[:2])
    decide(walk, "A", "the season begins")
    assert [arm(walk, number) for number in a + b] == ["A", "A", "A", "B", "B", "A"]
    ship(walk, shop, b[2:])
    assert [each.persons for each in result(walk).cards.arms] == [2, 2]


@pytest.mark.parametrize("to", ["goal", "policy", "test"])
def test_going_back_to_the_policy_or_the_test_ends_the_trial_and_a_new_one_has_links_of_its_own(walk, to):
    first = walk.start_trial()
    decide(walk, "A", "because")
    walk.advance("design")
    walk.back(to, "another hook")
    assert "trial: 1" in walk.history()[-1].what["void"]
    assert arm(walk, "N1") == ""
    walk.to("test")
    assert "trial with two arms or more" in walk.missing("test")
    second = walk.start_trial()
    assert set(first.values()).isdisjoint(second.values())
    assert result(walk).number == 2


def test_the_links_say_visitors_and_leads_for_each_arm_and_channel_bots_apart(walk, shop):
    links = walk.start_trial()
    with walk.brand:
        for code, visitor, agent in (
            (links["A", "tmall"], "v1", PERSON),
            (links["A", "tmall"], "v1", PERSON),
            (links["A", "tmall"], "v2", PERSON),
            (links["A", "tmall"], "v3", "Googlebot/2.1"),
            (links["B", "douyin"], "v4", PERSON),
        ):
            walk.brand.links.visit(code, at=shop.at("2026-01-02T10:00"), visitor=visitor, agent=agent)
        for n, code in enumerate((links["A", "tmall"], links["A", "tmall"], links["B", "tmall"])):
            walk.brand.contacts.capture_lead(
                LeadIn(
                    source="wecom",
                    reference=f"R{n}",
                    identities=(IdentityIn.of("phone", f"1380013800{n}", ""),),
                    at=shop.at("2026-01-02T11:00"),
                    link=code,
                )
            )
    figures = {(each.arm, each.channel): (each.visitors, each.leads) for each in result(walk).links}
    assert figures == {
        ("A", "douyin"): (0, 0),
        ("A", "tmall"): (2, 2),
        ("B", "douyin"): (1, 0),
        ("B", "tmall"): (0, 1),
    }


def test_without_a_trial_there_is_no_result(walk):
    with pytest.raises(Conflict, match="has no trial; start one"):
        result(walk)
    with walk.brand, pytest.raises(NotFound):
        walk.steps.trials.result("NOSUCH")
