"""A trial counts scanned unique cards of which nobody knows the parcel, each once."""

from __future__ import annotations

from itertools import count, islice

import pytest
from steps_campaign import ANNA, BEN, CARD, Walk

from scrm_package_card import PackageCard
from scrm_package_card.steps.trial import arm_of
from scrm_package_card.stock.batches import BatchIn
from scrm_package_card.stock.cards import all_cards
from scrm_package_card.stock.warehouse import ShipmentIn


@pytest.fixture
def installed(new_installation):
    return new_installation(plugins=(PackageCard,), acme=CARD)


@pytest.fixture
def walk(installed):
    return Walk(installed.brand("acme")).begin().to("test")


@pytest.fixture
def shop(walk, shop_of, deliver):
    """The shop of the campaign's brand; its deliveries wait for what other tests on the server hold open."""
    shop = shop_of(walk.brand)
    shop.deliver = lambda: deliver(walk.brand)
    return shop


def orders_of(walk, wanted, total):
    """So many order numbers whose arm is the wanted one."""
    with walk.brand:
        return list(islice((f"N{n}" for n in count() if arm_of(walk.brand, "MAY", "shop", f"N{n}") == wanted), total))


@pytest.fixture
def pilot(walk, shop):
    """A running trial with ten parcels per arm, shipped by batch; returns orders and unique cards by arm."""
    walk.start_trial(minimum=5)
    orders = {a: orders_of(walk, a, 10) for a in "AB"}
    cards = {}
    with walk.brand:
        made = walk.steps.proofs.make("MAY", "pilot.pdf", ANNA)
        walk.steps.proofs.approve("MAY", made.detail["number"], BEN)
        for a in "AB":
            wanted = BatchIn(
                f"PILOT-{a}", "MAY", "marketing", 20, 10, arm=a, channel="wecom", unique=True, target="https://x.example/"
            )
            cards[a] = list(all_cards(walk.cards.stock.create(wanted)))
            walk.cards.move_stock(f"PILOT-{a}", "received", 20, key=f"in {a}", at=shop.at("2026-01-01T09:00"))
            rows = [ShipmentIn("", n, shop.at("2026-01-02T10:00"), batch=f"PILOT-{a}") for n in orders[a]]
            assert walk.cards.ship("MAY", rows).created == 10
    return orders, cards


def scan(shop, card, n, at="2026-01-03T10:00"):
    shop.lead(f"137{n:08d}", at, state=card.link)
    shop.deliver()


def converted(walk):
    with walk.brand:
        return [(each.persons, each.converted) for each in walk.steps.trials.result("MAY").cards.arms]


def test_a_scanned_card_counts_for_its_arm_although_its_parcel_is_unknown(walk, shop, pilot):
    _, cards = pilot
    scan(shop, cards["B"][0], 1)
    scan(shop, cards["B"][1], 2)
    scan(shop, cards["A"][0], 3)
    scan(shop, cards["A"][0], 4)  # somebody else with the same card
    scan(shop, cards["A"][0], 3, at="2026-01-03T11:00")  # the same person once more
    assert converted(walk) == [(10, 1), (10, 2)]
    assert converted(walk) == [(10, 1), (10, 2)]


@pytest.mark.parametrize("looked_before", [True, False])
def test_the_parcel_that_is_named_later_counts_no_second_time(walk, shop, pilot, looked_before):
    orders, cards = pilot
    for n, card in enumerate(cards["B"][:3]):
        scan(shop, card, n)
    if looked_before:
        assert converted(walk) == [(10, 0), (10, 3)]
    with walk.brand:
        for card, number in zip(cards["B"][:2], orders["B"][5:7], strict=True):
            row = ShipmentIn(card.serial, number, shop.at("2026-01-02T10:00"))
            assert walk.cards.ship("MAY", [row]).updated == 1
    shop.deliver()
    assert converted(walk) == [(10, 0), (10, 3)]
    # A parcel that lent itself to an unknown one counts for its own scan, too.
    with walk.brand:
        row = ShipmentIn(cards["B"][9].serial, orders["B"][0], shop.at("2026-01-02T10:00"))
        assert walk.cards.ship("MAY", [row]).updated == 1
    scan(shop, cards["B"][9], 9)
    assert converted(walk) == [(10, 0), (10, 4)]


def test_no_arm_converts_more_cards_than_it_shipped_and_none_before_it_shipped(walk, shop, pilot):
    _, cards = pilot
    scan(shop, cards["A"][0], 50, at="2026-01-01T20:00")
    assert converted(walk) == [(10, 0), (10, 0)]
    for n, card in enumerate(cards["A"][1:15]):
        scan(shop, card, n)
    assert converted(walk) == [(10, 10), (10, 0)]


COUNT = """
from scrm_package_card.steps.machine import Steps

def run(brand, worker):
    steps = Steps(brand, brand.plugins["package-card"].settings)
    return [each.converted for each in steps.trials.result("MAY").cards.arms]
"""


def test_two_who_look_at_the_result_at_once_count_every_card_once(walk, shop, pilot, installed, together):
    _, cards = pilot
    for n, card in enumerate(cards["B"][:4]):
        scan(shop, card, n)
    together(installed, COUNT, 3)
    assert converted(walk) == [(10, 0), (10, 4)]


def test_cards_printed_after_the_trial_do_not_change_its_result(walk, shop, pilot, clock):
    _, cards = pilot
    scan(shop, cards["A"][0], 1)
    with walk.brand:
        walk.steps.trials.decide("MAY", "A", BEN, reason="the season begins")
    clock.advance(days=1)
    walk.advance("design")
    walk.to("launch")
    with walk.brand:
        wanted = BatchIn(
            "MAIN-A", "MAY", "marketing", 5, 10, arm="A", channel="wecom", unique=True, target="https://x.example/"
        )
        main = list(all_cards(walk.cards.stock.create(wanted)))
    scan(shop, main[0], 2, at="2026-01-04T10:00")
    scan(shop, cards["A"][1], 3, at="2026-01-04T10:00")
    assert converted(walk) == [(10, 2), (10, 0)]
