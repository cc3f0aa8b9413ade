"""Unique cards: a scan names the card, its batch, arm and channel, and the parcel once it is known."""

from __future__ import annotations

import math
import re

import pytest

from scrm_core.errors import Conflict
from scrm_core.services.contacts import IdentityIn, LeadIn
from scrm_package_card import PackageCard
from scrm_package_card.report import full_report
from scrm_package_card.service import ShipmentIn
from scrm_package_card.stock.batches import BatchIn
from scrm_package_card.stock.cards import all_cards
from scrm_package_card.stock.cards import cards_of as page_of

CARD = "\n[plugins.package-card]\n"


@pytest.fixture
def shop(new_installation, shop_of, deliver):
    installation = new_installation(plugins=(PackageCard,), acme=CARD)
    shop = shop_of(installation.brand("acme"))
    shop.deliver = lambda: deliver(shop.brand)
    with shop.brand:
        day = shop.brand.day(shop.at("2026-05-01T00:00"))
        cards_of(shop).create_campaign("MAY", source="shop", first_day=day, last_day=day + 9, recall_days=14)
    return shop


def cards_of(shop):
    return shop.brand.plugins["package-card"].cards


def print_unique(shop, code="CARD-U", printed=20, received=True, **more):
    with shop.brand:
        wanted = {"channel": "wecom", "arm": "A", "target": "https://example.com/add"} | more
        made = cards_of(shop).stock.create(BatchIn(code, "MAY", "brand", printed, 30, unique=True, **wanted))
        if received:
            cards_of(shop).move_stock(code, "received", printed, key=f"in {code}", at=shop.at("2026-05-01T08:00"))
        return list(all_cards(made))


def scan(shop, card, phone, at):
    """Somebody adds the brand behind the card's link: the lead's state is the link's code."""
    return shop.lead(phone, at, state=card.link)


def leads(shop):
    with shop.brand:
        return [(x.serial, x.state, x.batch, x.channel, x.arm) for x in cards_of(shop).leads("MAY")]


def file(shop, serial, number, at="2026-05-02T09:00", signed=None):
    with shop.brand:
        row = ShipmentIn(serial, number, shop.at(at), signed_at=None if signed is None else shop.at(signed))
        return cards_of(shop).ship("MAY", [row])


def one_person(shop, phone, buyer):
    with shop.brand:
        return shop.brand.contacts.find("phone", f"+86{phone}").id == shop.brand.contacts.find("buyer", buyer, "shop").id


def test_serials_are_drawn_from_a_space_too_large_to_guess_and_each_has_its_link(shop):
    cards = print_unique(shop, printed=1_500)
    assert [card.number for card in cards] == list(range(1, 1_501))
    serials = {card.serial for card in cards}
    assert len(serials) == len({card.link for card in cards}) == 1_500
    assert all(re.fullmatch("[2-9A-HJ-NP-Z]{10,}", serial) for serial in serials)
    letters = "".join(sorted(serials))
    counts = [letters.count(letter) for letter in "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"]
    # 15,000 draws over 32 letters: each about 469 times; five standard deviations either way.
    assert all(abs(count - 468.75) < 5 * math.sqrt(468.75 * 31 / 32) for count in counts)
    with shop.brand:
        made = cards_of(shop).stock.batch("CARD-U")
        link = shop.brand.links.get(cards[7].link)
        assert (link.channel, link.variant, link.campaign, link.owner) == ("wecom", "A", "MAY", "package-card")
        assert page_of(made, after=1_499) == cards[1_499:]


def test_the_target_is_told_which_link_was_opened(shop):
    cards = print_unique(shop, target="https://example.com/add?state={code}")
    with shop.brand:
        assert shop.brand.links.get(cards[0].link).target == f"https://example.com/add?state={cards[0].link}"


def test_a_scan_names_its_card_before_any_parcel_is_known(shop):
    card = print_unique(shop)[3]
    scan(shop, card, "13800138000", "2026-05-04T12:00")
    shop.deliver()
    assert leads(shop) == [(card.serial, "attributed", "CARD-U", "wecom", "A")]
    with shop.brand:
        rows = list(full_report(cards_of(shop), "batch").rows)
    assert [(row["batch"], row["adds"], row["new"]) for row in rows] == [("CARD-U", 1, 1)]


def test_visits_of_a_cards_link_are_scans_of_its_batch(shop):
    cards = print_unique(shop)
    with shop.brand:
        for visitor in ("v1", "v2", "v2"):
            shop.brand.links.visit(cards[0].link, at=shop.at("2026-05-04T12:00"), visitor=visitor, agent="Mozilla/5.0")
        shop.brand.links.visit(cards[1].link, at=shop.at("2026-05-04T12:00"), visitor="v3", agent="Mozilla/5.0")
        for by, group in (("batch", "CARD-U"), ("arm", "A"), ("channel", "wecom"), ("kind", "brand")):
            (row,) = full_report(cards_of(shop), by).rows
            assert (row[by], row["scanners"]) == (group, 3)


@pytest.mark.parametrize("file_first", [True, False])
def test_the_parcel_that_the_warehouse_names_binds_the_scan_to_its_buyer(shop, file_first):
    card = print_unique(shop)[3]
    shop.sell("A1", "b1", "2026-05-02T00:00", 5_000)
    shop.deliver()
    if file_first:
        assert file(shop, card.serial, "A1").updated == 1
    scan(shop, card, "13800138000", "2026-05-04T12:00")
    shop.deliver()
    if not file_first:
        assert not one_person(shop, "13800138000", "b1")
        assert file(shop, card.serial, "A1").updated == 1
    assert one_person(shop, "13800138000", "b1")
    assert leads(shop) == [(card.serial, "attributed", "CARD-U", "wecom", "A")]
    with shop.brand:
        batch = cards_of(shop).stock.batch("CARD-U")
    assert (batch.shipped, batch.left) == (1, 19)
    again = file(shop, card.serial, "A1")
    assert (again.created, again.updated, again.unchanged) == (0, 0, 1)


def test_a_scan_that_the_parcel_puts_outside_its_window_no_longer_counts(shop):
    card = print_unique(shop)[3]
    scan(shop, card, "13800138000", "2026-05-04T12:00")
    shop.deliver()
    assert leads(shop)[0][1] == "attributed"
    assert file(shop, card.serial, "A1", at="2026-05-06T09:00").created == 1
    assert leads(shop)[0][1] == "outside"


def test_the_first_person_with_a_card_counts_and_the_second_is_only_kept(shop):
    card = print_unique(shop)[3]
    scan(shop, card, "13800138000", "2026-05-04T12:00")
    scan(shop, card, "13900139000", "2026-05-04T13:00")
    scan(shop, card, "13800138000", "2026-05-04T14:00")
    shop.deliver()
    assert [lead[1] for lead in leads(shop)] == ["attributed", "repeat", "attributed"]


def test_a_serial_typed_by_hand_in_small_letters_is_the_cards(shop):
    card = print_unique(shop)[3]
    shop.lead("13800138000", "2026-05-04T12:00", serial=card.serial.lower())
    shop.deliver()
    assert leads(shop) == [(card.serial, "attributed", "CARD-U", "wecom", "A")]


def test_a_scan_outside_the_days_of_shipping_and_recall_does_not_count(shop):
    cards = print_unique(shop)
    scan(shop, cards[0], "13800138000", "2026-04-30T23:59")
    scan(shop, cards[1], "13800138001", "2026-05-24T23:59")
    scan(shop, cards[2], "13800138002", "2026-05-25T00:00")
    shop.deliver()
    assert [lead[1] for lead in leads(shop)] == ["outside", "attributed", "outside"]


def test_the_window_runs_from_the_time_of_signing_once_it_is_known(shop):
    shop.sell("A1", "b1", "2026-05-02T00:00", 5_000)
    print_unique(shop)
    shop.deliver()
    card = cards_left(shop)[0]
    file(shop, card.serial, "A1")
    scan(shop, card, "13800138000", "2026-05-17T12:00")
    shop.deliver()
    assert leads(shop)[0][1] == "outside"
    assert file(shop, card.serial, "A1", signed="2026-05-03T12:00").updated == 1
    assert leads(shop)[0][1] == "attributed"
    assert one_person(shop, "13800138000", "b1")
    with shop.brand:
        (row,) = full_report(cards_of(shop)).rows
    assert (row["shipped"], row["signed"], row["new"], row["recall_by_signed"]) == (1, 1, 1, 1.0)


def cards_left(shop):
    with shop.brand:
        return page_of(cards_of(shop).stock.batch("CARD-U"))


def test_a_card_is_in_one_parcel_of_its_own_campaign_only(shop):
    cards = print_unique(shop)
    with shop.brand:
        cards_of(shop).create_campaign("JUN", source="shop", automatic=False, from_stock=True)
    assert file(shop, cards[0].serial, "F1").created == 1
    taken = file(shop, cards[0].serial, "F2")
    other = file(shop, cards[1].serial, "F1")
    with shop.brand:
        foreign = cards_of(shop).ship("JUN", [ShipmentIn(cards[2].serial, "F3", shop.at("2026-05-02T09:00"))])
        left = cards_of(shop).stock.batch("CARD-U").left
    assert "another order" in taken.rejected[0][1]
    assert "another card" in other.rejected[0][1]
    assert "another campaign" in foreign.rejected[0][1]
    assert left == 19


def test_no_more_unique_cards_come_than_were_made(shop):
    print_unique(shop)
    with shop.brand, pytest.raises(Conflict) as told:
        cards_of(shop).move_stock("CARD-U", "received", 1, key="more")
    assert told.value.code == "too_many"


def test_a_batch_whose_cards_are_alike_has_one_link_that_names_the_batch(shop):
    with shop.brand:
        wanted = BatchIn("CARD-S", "MAY", "notice", 50, 8, channel="douyin", arm="B", target="https://example.com/")
        made = cards_of(shop).stock.create(wanted)
    shop.lead("13800138000", "2026-05-04T12:00", state=made.link)
    shop.deliver()
    assert leads(shop) == [("", "attributed", "CARD-S", "douyin", "B")]


def test_a_lead_that_names_link_and_another_serial_follows_the_serial(shop):
    card = print_unique(shop)[3]
    shop.sell("A1", "b1", "2026-05-02T00:00", 5_000)
    shop.deliver()
    with shop.brand:
        shop.brand.contacts.capture_lead(
            LeadIn(
                source="wecom",
                reference="x",
                identities=(IdentityIn.of("phone", "13800138000", ""),),
                at=shop.at("2026-05-04T12:00"),
                state=card.link,
                fields={"serial": "MAY-A1"},
            )
        )
    shop.deliver()
    assert leads(shop) == [("MAY-A1", "attributed", "CARD-U", "wecom", "A")]
    assert one_person(shop, "13800138000", "b1")
