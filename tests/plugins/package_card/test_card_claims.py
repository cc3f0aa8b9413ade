"""Cards, leads and orders in any order lead to the same people and the same figures."""

from __future__ import annotations

import itertools

import pytest

from scrm_core.errors import Conflict, Invalid, NotFound
from scrm_package_card import PackageCard
from scrm_package_card.service import ShipmentIn

CARD = "\n[plugins.package-card]\n"


@pytest.fixture
def shop(new_installation, shop_of):
    """Acme has the plugin; moonco does not."""
    installation = new_installation(plugins=(PackageCard,), acme=CARD)
    shop = shop_of(installation.brand("acme"))
    shop.other = shop_of(installation.brand("moonco"))
    return shop


def campaign(shop, code="MAY", **more):
    with shop.brand:
        cards = shop.brand.plugins["package-card"].cards
        return cards.create_campaign(code, source=more.pop("source", "shop"), **more)


def ship(shop, code, *rows):
    with shop.brand:
        cards = shop.brand.plugins["package-card"].cards
        return cards.ship(code, [ShipmentIn(serial, number, shop.at(at)) for serial, number, at in rows])


def only_row(shop):
    (row,) = shop.report("package-card")
    return row


def test_a_scan_is_one_person_with_the_buyer_and_later_orders_count(shop):
    campaign(shop)
    shop.sell("A1", "b1", "2026-05-01T00:00", 5_000)
    shop.sell("A2", "b1", "2026-05-20T00:00", 7_000)
    found = shop.lead("13800138000", "2026-05-04T12:00", serial="MAY-A1")
    shop.deliver()
    row = only_row(shop)
    assert (row["shipped"], row["new"], row["orders"], row["contribution_minor"]) == (2, 1, 1, 7_000)
    assert row["recall"] == 0.5
    assert row["contribution_per_card_minor"] == 3_500
    with shop.brand:
        buyer = shop.brand.contacts.find("buyer", "b1", "shop")
        assert shop.brand.contacts.find("phone", "+8613800138000").id == buyer.id
    assert shop.tags(buyer.uid, "package-card") == ["MAY"]
    assert found.created


def test_an_order_says_which_card_travelled_with_it_and_when_it_was_scanned(shop):
    campaign(shop)
    shop.sell("A1", "b1", "2026-05-01T00:00", 5_000)
    shop.lead("13800138000", "2026-05-04T12:00", serial="MAY-A1")
    shop.deliver()
    with shop.brand as brand:
        ((plugin, effects),) = brand.orders.effects(brand.orders.by_number("shop", "A1").order_id)
    assert plugin == "package-card"
    assert [(each.at, each.title, each.detail) for each in effects] == [
        (shop.at("2026-05-01T00:00"), "Card shipped 发卡", "MAY"), (shop.at("2026-05-04T12:00"), "Card scanned 扫卡", "MAY"),
    ]  # fmt: skip


@pytest.mark.parametrize("lead_first", [True, False])
def test_an_order_without_a_known_buyer_becomes_the_claimants(shop, lead_first):
    campaign(shop)
    if lead_first:
        shop.lead("13800138000", "2026-05-04T12:00", serial="MAY-A1")
    shop.sell("A1", "", "2026-05-01T00:00", 5_000)
    shop.sell("A2", "masked", "2026-05-01T00:00", 7_000, create_contacts=False)
    shop.sell("A3", "masked", "2026-05-20T00:00", 900, create_contacts=False)
    shop.deliver()
    if not lead_first:
        shop.lead("13800138000", "2026-05-04T12:00", serial="MAY-A1")
    shop.lead("13800138000", "2026-05-04T12:01", serial="MAY-A2")
    shop.deliver()
    with shop.brand:
        person = shop.brand.contacts.find("phone", "+8613800138000")
        orders = [shop.brand.orders.by_number("shop", number) for number in ("A1", "A2", "A3")]
        assert [order.contact_id for order in orders] == [person.id] * 3
        assert [order.matched_by for order in orders] == ["card serial", "card serial", "late:buyer"]
        assert shop.brand.contacts.find("buyer", "masked", "shop").id == person.id
    assert (person.orders, person.money) == (3, 12_900)
    row = only_row(shop)
    assert (row["new"], row["orders"], row["contribution_minor"]) == (1, 1, 900)


STEPS = {
    "campaign": lambda shop: campaign(shop),
    "first order": lambda shop: shop.sell("A1", "b1", "2026-05-01T00:00", 5_000),
    "second order": lambda shop: shop.sell("A2", "b1", "2026-05-20T00:00", 7_000),
    "lead": lambda shop: shop.lead("13800138000", "2026-05-04T12:00", serial="MAY-A1"),
}


@pytest.mark.parametrize("order", [o for i, o in enumerate(itertools.permutations(STEPS)) if i % 3 == 0], ids="-".join)
def test_any_order_of_arrival_gives_the_same_figures(shop, order):
    for name in order:
        STEPS[name](shop)
        shop.deliver()
    row = only_row(shop)
    assert (row["shipped"], row["new"], row["orders"], row["contribution_minor"]) == (2, 1, 1, 7_000)


def test_the_serial_may_come_as_the_state_of_the_lead(shop):
    campaign(shop)
    shop.sell("A1", "b1", "2026-05-01T00:00", 5_000)
    shop.lead("13800138000", "2026-05-04T12:00", state="MAY-A1")
    shop.deliver()
    assert only_row(shop)["new"] == 1


def test_a_claim_after_the_recall_window_neither_counts_nor_merges(shop):
    campaign(shop, recall_days=14)
    shop.sell("A1", "b1", "2026-05-01T00:00", 5_000)
    shop.sell("A2", "b2", "2026-05-01T00:00", 5_000)
    late = shop.lead("13800138000", "2026-05-15T00:01", serial="MAY-A1")
    in_time = shop.lead("13800138001", "2026-05-15T00:00", serial="MAY-A2")
    before = shop.lead("13800138002", "2026-04-30T23:59", serial="MAY-A2")
    shop.deliver()
    assert only_row(shop)["new"] == 1
    with shop.brand:
        buyers = [shop.brand.contacts.find("buyer", b, "shop").id for b in ("b1", "b2")]
        people = [shop.brand.contacts.find("phone", f"+861380013800{n}").id for n in range(3)]
    assert people[0] not in buyers
    assert people[1] == buyers[1]
    assert people[2] not in buyers
    assert shop.tags(late.uid, "package-card") == []
    assert in_time.created
    assert before.created


def test_the_first_claim_of_a_serial_wins_and_the_second_is_only_kept(shop):
    campaign(shop)
    shop.sell("A1", "b1", "2026-05-01T00:00", 5_000)
    shop.deliver()
    shop.lead("13800138000", "2026-05-04T12:00", serial="MAY-A1")
    shop.deliver()
    second = shop.lead("13900139000", "2026-05-05T12:00", serial="MAY-A1")
    shop.deliver()
    with shop.brand:
        buyer = shop.brand.contacts.find("buyer", "b1", "shop").id
        assert shop.brand.contacts.find("phone", "+8613800138000").id == buyer
        assert shop.brand.contacts.find("phone", "+8613900139000").id != buyer
        states = shop.brand.plugins["package-card"].cards.leads("MAY")
    assert [(lead.serial, lead.state) for lead in states] == [("MAY-A1", "attributed"), ("MAY-A1", "repeat")]
    assert shop.tags(second.uid, "package-card") == []
    assert only_row(shop)["new"] == 1


def test_somebody_who_was_a_friend_or_member_before_is_not_new(shop):
    campaign(shop)
    for n in (1, 2, 3):
        shop.sell(f"A{n}", f"b{n}", "2026-05-01T00:00", 5_000)
    shop.lead("13800138001", "2026-04-01T00:00", reference="friend before")
    shop.lead("13800138001", "2026-05-02T00:00", serial="MAY-A1")
    shop.lead("13800138002", "2026-05-02T00:00", serial="MAY-A2")
    shop.lead("13800138003", "2026-05-02T00:00", serial="MAY-A3")
    shop.lead("13800138003", "2026-06-02T00:00", reference="friend once more, later")
    with shop.brand:
        member = shop.brand.contacts.find("phone", "+8613800138002").id
        shop.brand.membership.join(member, identity="", at=shop.at("2026-04-01T00:00"))
    shop.deliver()
    assert only_row(shop)["new"] == 1


def test_a_person_with_two_cards_of_a_campaign_is_counted_once(shop):
    campaign(shop)
    shop.sell("A1", "b1", "2026-05-01T00:00", 5_000)
    shop.sell("A2", "b1", "2026-05-03T00:00", 1_000)
    shop.lead("13800138000", "2026-05-02T00:00", serial="MAY-A1")
    shop.lead("13800138000", "2026-05-05T00:00", serial="MAY-A2")
    shop.deliver()
    row = only_row(shop)
    assert (row["new"], row["orders"], row["contribution_minor"]) == (1, 1, 1_000)


def test_a_refund_lowers_the_contribution(shop):
    campaign(shop)
    shop.sell("A1", "b1", "2026-05-01T00:00", 5_000)
    shop.sell("A2", "b1", "2026-05-20T00:00", 7_000)
    shop.lead("13800138000", "2026-05-04T12:00", serial="MAY-A1")
    shop.deliver()
    shop.refund("A2", 2_000, "2026-05-21T00:00")
    assert only_row(shop)["contribution_minor"] == 5_000
    shop.refund("A2", 5_000, "2026-05-22T00:00", refund="R2")
    row = only_row(shop)
    assert (row["shipped"], row["orders"], row["contribution_minor"]) == (2, 0, 0)


def test_the_contribution_window_ends_to_the_millisecond(shop):
    campaign(shop, contribution_days=30)
    shop.sell("A1", "b1", "2026-05-01T00:00", 5_000)
    shop.lead("13800138000", "2026-05-04T12:00", serial="MAY-A1")
    shop.sell("A2", "b1", "2026-05-04T12:00", 1)
    shop.sell("A3", "b1", "2026-05-04T12:00:00.001", 10)
    shop.sell("A4", "b1", "2026-06-03T12:00", 100)
    shop.sell("A5", "b1", "2026-06-03T12:00:00.001", 1_000)
    shop.deliver()
    assert only_row(shop)["contribution_minor"] == 110


def test_a_campaign_without_cards_has_no_rates(shop):
    campaign(shop)
    row = only_row(shop)
    assert (row["shipped"], row["new"], row["contribution_minor"]) == (0, 0, 0)
    assert row["recall"] is None
    assert row["contribution_per_card_minor"] is None


def test_an_undone_merge_is_not_made_again(shop):
    campaign(shop)
    shop.sell("A1", "b1", "2026-05-01T00:00", 5_000)
    shop.lead("13800138000", "2026-05-04T12:00", serial="MAY-A1")
    shop.sell("A2", "b1", "2026-05-20T00:00", 7_000)
    shop.deliver()
    assert only_row(shop)["contribution_minor"] == 7_000
    with shop.brand:
        (merge,) = shop.brand.contacts.merges(
            shop.brand.contacts.find("buyer", "b1", "shop").id
        )
        assert merge.reason == "card serial MAY-A1"
        shop.brand.contacts.undo_merge(merge.id, actor="someone")
    shop.deliver()
    with shop.brand:
        shop.brand.plugins["package-card"].settle()
        assert (
            shop.brand.contacts.find("buyer", "b1", "shop").id
            != shop.brand.contacts.find("phone", "+8613800138000").id
        )
    row = only_row(shop)
    assert (row["new"], row["contribution_minor"]) == (1, 0)


def test_a_link_of_the_card_attributes_within_its_time(shop):
    with shop.brand:
        first = shop.brand.day(shop.at("2026-05-01T00:00"))
    campaign(shop, first_day=first, last_day=first + 9, recall_days=14)
    with shop.brand:
        cards = shop.brand.plugins["package-card"].cards
        a = cards.add_link("MAY", "douyin", "https://example.com/a", variant="A")
        b = cards.add_link("MAY", "douyin", "https://example.com/a", variant="B")
    assert a.code != b.code
    early = shop.lead("13800138000", "2026-04-30T23:59", state=a.code)
    inside = shop.lead("13800138001", "2026-05-24T23:59", state=b.code)
    late = shop.lead("13800138002", "2026-05-25T00:00", state=b.code)
    shop.deliver()
    assert [shop.tags(lead.uid, "package-card") for lead in (early, inside, late)] == [[], ["MAY"], []]
    assert only_row(shop)["new"] == 1


def test_a_warehouse_file_ships_once_and_binds_leads_and_orders_that_were_there(shop):
    campaign(shop, automatic=False)
    shop.sell("A1", "b1", "2026-05-01T00:00", 5_000)
    shop.lead("13800138000", "2026-05-04T12:00", serial="X-77")
    shop.deliver()
    assert only_row(shop)["shipped"] == 0
    rows = [("X-77", "A1", "2026-05-02T09:00"), ("X-78", "A9", "2026-05-02T09:00")]
    outcome = ship(shop, "MAY", *rows)
    assert (outcome.created, outcome.unchanged, outcome.rejected) == (2, 0, ())
    again = ship(shop, "MAY", *rows)
    assert (again.created, again.unchanged, again.rejected) == (0, 2, ())
    row = only_row(shop)
    assert (row["shipped"], row["new"]) == (2, 1)
    with shop.brand:
        buyer = shop.brand.contacts.find("buyer", "b1", "shop").id
        assert shop.brand.contacts.find("phone", "+8613800138000").id == buyer


def test_a_card_shipped_by_file_finds_its_order_later(shop):
    campaign(shop, automatic=False)
    ship(shop, "MAY", ("X-77", "A1", "2026-05-02T09:00"))
    shop.lead("13800138000", "2026-05-04T12:00", serial="X-77")
    shop.deliver()
    shop.sell("A1", "b1", "2026-05-01T00:00", 5_000)
    shop.deliver()
    with shop.brand:
        buyer = shop.brand.contacts.find("buyer", "b1", "shop").id
        assert shop.brand.contacts.find("phone", "+8613800138000").id == buyer


def test_shipments_that_contradict_are_refused_with_their_reason(shop):
    campaign(shop, automatic=False)
    campaign(shop, "JUNE", automatic=False)
    ship(shop, "MAY", ("X-1", "A1", "2026-05-02T09:00"))
    outcome = ship(
        shop,
        "MAY",
        ("X-1", "A2", "2026-05-02T09:00"),
        ("X-2", "A1", "2026-05-02T09:00"),
        ("", "A3", "2026-05-02T09:00"),
        ("X-4", "A4", "2026-05-02T09:00"),
    )
    assert outcome.created == 1
    reasons = dict(outcome.rejected)
    assert "another order" in reasons[0]
    assert "another card" in reasons[1]
    assert "serial" in reasons[2]
    assert "another order" in dict(ship(shop, "JUNE", ("X-1", "A1", "2026-05-02T09:00")).rejected)[0]


def test_only_orders_of_the_source_and_the_days_ship(shop):
    with shop.brand:
        first = shop.brand.day(shop.at("2026-05-01T00:00"))
    campaign(shop, first_day=first, last_day=first)
    shop.sell("A0", "b1", "2026-04-30T23:59", 1)
    shop.sell("A1", "b1", "2026-05-01T00:00", 1)
    shop.sell("A2", "b1", "2026-05-01T23:59", 0)
    shop.sell("A3", "b1", "2026-05-02T00:00", 1)
    shop.sell("A4", "b1", "2026-05-01T12:00", 1, source="elsewhere")
    shop.deliver()
    assert only_row(shop)["shipped"] == 2


def test_a_campaign_is_created_once_and_not_redefined(shop):
    made = campaign(shop)
    assert campaign(shop) == made
    with pytest.raises(Conflict):
        campaign(shop, recall_days=7)
    with pytest.raises(Invalid):
        campaign(shop, "with space")
    with pytest.raises(Invalid):
        campaign(shop, "BACK", first_day=10, last_day=9)
    with pytest.raises(NotFound):
        ship(shop, "NOSUCH", ("X", "A", "2026-05-02T09:00"))


def test_metrics_are_counted_by_brand_local_day(shop):
    campaign(shop)
    shop.sell("A1", "b1", "2026-05-01T00:00", 5_000)
    shop.sell("A2", "b2", "2026-05-01T23:59", 5_000)
    shop.lead("13800138000", "2026-05-04T00:00", serial="MAY-A1")
    shop.deliver()
    with shop.brand:
        day = shop.brand.day(shop.at("2026-05-01T00:00"))
        shop.brand.metrics.roll_up(day, day + 10)
        shipped = shop.brand.metrics.read("package-card", "shipped", day, day + 10)
        new = shop.brand.metrics.read("package-card", "new", day, day + 10)
    assert [(v.day, v.dimension, v.value) for v in shipped] == [(day, "MAY", 2)]
    assert [(v.day, v.dimension, v.value) for v in new] == [(day + 3, "MAY", 1)]


def test_a_brand_without_the_plugin_has_nothing_of_it(shop):
    campaign(shop)
    shop.other.sell("A1", "b1", "2026-05-01T00:00", 5_000)
    shop.other.lead("+12125550100", "2026-05-04T12:00", serial="MAY-A1")
    shop.other.deliver()
    assert only_row(shop)["shipped"] == 0
    with pytest.raises(NotFound):
        shop.other.report("package-card")
    with shop.other.brand:
        assert "package-card" not in shop.other.brand.plugins
        assert (
            shop.other.brand.contacts.find("buyer", "b1", "shop").id
            != shop.other.brand.contacts.find("phone", "+12125550100").id
        )


SETTLING = """
from scrm_package_card.service import ShipmentIn

def run(brand, worker):
    cards = brand.plugins["package-card"].cards
    start = {at}
    outcome = cards.ship("MAY", [ShipmentIn(f"S{{n}}", f"A{{n}}", start) for n in range(40)])
    cards.settle()
    return [outcome.created, outcome.unchanged, len(outcome.rejected)]
"""


def test_processes_that_read_one_file_at_once_ship_claim_and_merge_once(shop, together):
    campaign(shop, automatic=False)
    for n in range(40):
        shop.sell(f"A{n}", f"b{n}", "2026-05-01T00:00", 5_000)
        shop.lead(f"138001380{n:02d}", "2026-05-04T12:00", serial=f"S{n}")
        shop.lead(f"139001390{n:02d}", "2026-05-05T12:00", serial=f"S{n}")
    shop.deliver()
    answers = together(shop.brand.installation, SETTLING.format(at=shop.at("2026-05-02T09:00")), 4)
    assert sum(created for created, _, _ in answers) == 40
    assert [sum(answer) for answer in answers] == [40] * 4
    assert sum(rejected for _, _, rejected in answers) == 0
    with shop.brand:
        leads = shop.brand.plugins["package-card"].cards.leads("MAY")
        assert sorted(lead.state for lead in leads) == ["attributed"] * 40 + ["repeat"] * 40
        for n in range(40):
            buyer = shop.brand.contacts.find("buyer", f"b{n}", "shop").id
            assert shop.brand.contacts.find("phone", f"+86138001380{n:02d}").id == buyer
            assert len(shop.brand.contacts.merges(buyer)) == 1
    row = only_row(shop)
    assert (row["shipped"], row["new"]) == (40, 40)
