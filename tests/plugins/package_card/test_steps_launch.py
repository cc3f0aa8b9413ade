"""Step launch: cards arrived, departments ready, then the shipping begins by itself."""

from __future__ import annotations

from datetime import date

import pytest
from steps_campaign import ANNA, BEN, CARD, DEPARTMENTS, Walk, one_database

from scrm_core.errors import Conflict, Invalid
from scrm_package_card import PackageCard
from scrm_package_card.service import PackageCards
from scrm_package_card.stock.batches import BatchIn

NEW_YEAR = date(2026, 1, 1).toordinal()


@pytest.fixture
def walk(new_installation):
    """A campaign at step launch; the clock stands at 2026-01-01T08:00 in Shanghai."""
    return Walk(new_installation(plugins=(PackageCard,), acme=CARD).brand("acme")).begin().to("launch")


@pytest.fixture
def shop(walk, shop_of, deliver):
    """The shop of the campaign's brand; its deliveries wait for what other tests on the server hold open."""
    shop = shop_of(walk.brand)
    shop.deliver = lambda: deliver(walk.brand)
    return shop


def launch(walk, **more):
    with walk.brand:
        return walk.steps.launches.launch("MAY", BEN, **more)


def test_the_launch_names_everything_that_is_missing(walk):
    with walk.brand:
        walk.steps.launches.set_departments("MAY", DEPARTMENTS, ANNA)
        walk.steps.launches.set_texts("MAY", "warehouse", ANNA, faq="Q")
    with pytest.raises(Conflict) as refused:
        launch(walk)
    assert refused.value.code == "missing"
    assert refused.value.message.split("missing: ")[1].split("; ") == [
        "arrival in the warehouse 到货",
        "FAQ 常见问题 for customer service",
        "SOP 操作流程 for customer service",
        "acknowledgement of customer service 部门确认",
        "SOP 操作流程 for warehouse",
        "acknowledgement of warehouse 部门确认",
    ]


def test_the_arrival_is_confirmed_with_the_quantity_of_the_stock(walk):
    with walk.brand, pytest.raises(Conflict, match="record what the warehouse received first") as refused:
        walk.steps.launches.confirm_arrival("MAY", ANNA)
    assert refused.value.code == "arrival"
    walk.receive(480)
    with walk.brand:
        signed = walk.steps.launches.confirm_arrival("MAY", ANNA)
        present = walk.steps.status("MAY").steps[5].present
    assert (signed.who, signed.detail) == ("Anna 安娜", {"quantity": 480})
    assert "arrival in the warehouse 到货: 480 cards, signed by Anna 安娜" in present


def test_cards_of_an_earlier_print_are_not_taken_for_the_new_one(walk):
    walk.prepare_launch()
    walk.back("print", "sold out")
    with walk.brand:
        walk.steps.proofs.order("MAY", 900, ANNA, printer="P")
    walk.advance("launch")
    with walk.brand, pytest.raises(Conflict, match="has arrived since the print was ordered"):
        walk.steps.launches.confirm_arrival("MAY", ANNA)
    walk.receive(300, batch="MAY-2")
    with walk.brand:
        assert walk.steps.launches.confirm_arrival("MAY", ANNA).detail["quantity"] == 300


def test_a_department_acknowledges_only_what_it_has_in_its_hands(walk):
    with walk.brand:
        walk.steps.launches.set_departments("MAY", DEPARTMENTS, ANNA)
        with pytest.raises(Conflict, match="FAQ 常见问题, SOP 操作流程 missing"):
            walk.steps.launches.acknowledge("MAY", "warehouse", BEN)
        walk.steps.launches.set_texts("MAY", "warehouse", ANNA, faq="Q")
        with pytest.raises(Conflict, match="have: SOP 操作流程 missing"):
            walk.steps.launches.acknowledge("MAY", "warehouse", BEN)
        walk.steps.launches.set_texts("MAY", "warehouse", ANNA, sop="S")
        assert walk.steps.launches.acknowledge("MAY", "warehouse", BEN).who == "Ben"
        with pytest.raises(Conflict, match="signed by Ben already"):
            walk.steps.launches.acknowledge("MAY", "warehouse", ANNA)
    last = walk.history()[-1]
    assert (last.action, last.who, last.what) == ("acknowledgement", "Ben", {"department": "warehouse"})


@pytest.mark.parametrize("text", [{"faq": "Q: new? A: yes"}, {"sop": "1. other"}])
def test_a_changed_faq_or_sop_voids_that_departments_acknowledgement_alone(walk, text):
    walk.prepare_launch()
    with walk.brand:
        walk.steps.launches.set_texts("MAY", "warehouse", ANNA, **text)
    assert walk.missing("launch") == ["acknowledgement of warehouse 部门确认", "launch 上线"]
    assert walk.history()[-1].what["void"] == ["acknowledgement: warehouse"]
    with walk.brand:
        walk.steps.launches.acknowledge("MAY", "warehouse", BEN)
        assert walk.steps.launches.set_texts("MAY", "warehouse", ANNA, **text) == ()
    assert walk.missing("launch") == ["launch 上线"]


def test_the_departments_are_those_of_the_settings_unless_the_campaign_names_its_own(walk):
    few = Walk(walk.brand, departments=["store"])
    assert "acknowledgement of store 部门确认" in few.missing("launch")
    with walk.brand:
        few.steps.launches.set_departments("MAY", ("east", "west"), ANNA)
    wanted = [line for line in few.missing("launch") if line.startswith("acknowledgement")]
    assert wanted == ["acknowledgement of east 部门确认", "acknowledgement of west 部门确认"]
    with walk.brand, pytest.raises(Invalid, match="is none of east, west"):
        few.steps.launches.acknowledge("MAY", "store", BEN)


def test_without_any_department_nothing_is_launched(walk):
    nobody = Walk(walk.brand, departments=[])
    assert "departments 部门" in nobody.missing("launch")


@one_database
@pytest.mark.parametrize("departments", [(), ("a", "a"), ("",), ("x" * 101,)])
def test_departments_are_named_once_each(walk, departments):
    with walk.brand, pytest.raises(Invalid) as refused:
        walk.steps.launches.set_departments("MAY", departments, ANNA)
    assert refused.value.field == "departments"


@one_database
@pytest.mark.parametrize(("text", "field"), [({}, "faq"), ({"faq": "a\x00b"}, "faq"), ({"sop": "x" * 20_001}, "sop")])
def test_texts_for_a_department_are_texts(walk, text, field):
    with walk.brand, pytest.raises(Invalid) as refused:
        walk.steps.launches.set_texts("MAY", "warehouse", ANNA, **text)
    assert refused.value.field == field


def test_the_launch_starts_the_shipping_from_its_day_and_orders_of_that_day_get_their_card(walk, shop, clock):
    shop.sell("OLD", "b0", "2025-12-31T10:00", 1_000)
    walk.prepare_launch()
    clock.advance(hours=4)
    shop.sell("EARLY", "b1", "2026-01-01T09:00", 1_000)
    shop.deliver()
    assert shop.report("package-card")[0]["shipped"] == 0
    signed = launch(walk)
    assert signed.detail == {"automatic": True, "first_day": NEW_YEAR}
    shop.sell("LATE", "b2", "2026-01-01T12:30", 1_000)
    shop.deliver()
    with walk.brand:
        campaign = walk.cards.campaign("MAY")
        batch = walk.cards.stock.batch("MAY-1")
    assert (campaign.automatic, campaign.first_day) == (True, NEW_YEAR)
    assert (batch.shipped, batch.left) == (2, 478)
    walk.advance("monitor")


def test_a_launch_on_a_later_day_ships_from_that_day(walk, shop):
    walk.prepare_launch()
    launch(walk, day=NEW_YEAR + 2)
    shop.sell("A1", "b1", "2026-01-02T12:00", 1_000)
    shop.sell("A2", "b2", "2026-01-03T00:00", 1_000)
    shop.deliver()
    with walk.brand:
        assert walk.cards.stock.batch("MAY-1").shipped == 1


@pytest.mark.parametrize(("hours", "shipped"), [(0, 1), (30, 1), (70, 0)])
def test_the_job_ships_what_a_launch_that_was_cut_off_left_behind_until_the_next_day_ends(
    walk, shop, clock, monkeypatch, hours, shipped
):
    walk.prepare_launch()
    clock.advance(days=3)  # the campaign itself was entered longer ago than a day
    shop.sell("N1", "b1", "2026-01-04T07:00", 100)
    shop.deliver()

    def cut_off(self, code):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(PackageCards, "ship_known", cut_off)
        with pytest.raises(KeyboardInterrupt):
            launch(walk)
    clock.advance(hours=hours)
    with walk.brand:
        assert walk.cards.stock.batch("MAY-1").shipped == 0
        walk.cards.settle()
        walk.cards.settle()
        assert walk.cards.stock.batch("MAY-1").shipped == shipped


def test_a_launch_may_leave_the_shipping_to_the_warehouses_files(walk, shop):
    walk.prepare_launch()
    launch(walk, automatic=False)
    shop.sell("A1", "b1", "2026-01-01T12:00", 1_000)
    shop.deliver()
    with walk.brand:
        assert not walk.cards.campaign("MAY").automatic
        assert walk.cards.stock.batch("MAY-1").shipped == 0


def test_a_launch_lies_neither_in_the_past_nor_after_the_last_day(new_installation):
    walk = Walk(new_installation(plugins=(PackageCard,), acme=CARD).brand("acme"))
    walk.begin(last_day=NEW_YEAR + 30).to("launch").prepare_launch()
    for day, words in ((NEW_YEAR - 1, "in the past"), (NEW_YEAR + 31, "after the campaign's last day")):
        with pytest.raises(Invalid, match=words) as refused:
            launch(walk, day=day)
        assert refused.value.field == "day"
    launch(walk, day=NEW_YEAR + 30)


def test_monitoring_begins_after_the_launch_and_a_campaign_is_launched_once(walk):
    walk.prepare_launch()
    with pytest.raises(Conflict, match="launch: launch 上线"):
        walk.advance("monitor")
    launch(walk)
    with pytest.raises(Conflict, match="signed by Ben already"):
        launch(walk)
    walk.advance("monitor")


def test_going_back_from_a_launch_stops_the_shipping_and_says_so(walk, shop):
    walk.prepare_launch()
    launch(walk)
    walk.advance("monitor")
    walk.back("launch", "wrong parcel")
    assert walk.history()[-1].what == {"void": ["launch"], "shipping_stopped": True}
    shop.sell("A1", "b1", "2026-01-01T12:00", 1_000)
    shop.deliver()
    with walk.brand:
        assert walk.cards.stock.batch("MAY-1").shipped == 0
    launch(walk)
    with walk.brand:
        assert walk.cards.stock.batch("MAY-1").shipped == 1


def test_pilot_cards_are_not_taken_for_the_arrival_of_the_print(new_installation):
    walk = Walk(new_installation(plugins=(PackageCard,), acme=CARD).brand("acme")).begin().to("test")
    with walk.brand:
        walk.steps.proofs.make("MAY", "pilot.pdf", ANNA)
        walk.steps.proofs.approve("MAY", 1, BEN)
        walk.cards.stock.create(BatchIn("PILOT", "MAY", "marketing", 50, 12))
        walk.cards.move_stock("PILOT", "received", 50, key="pilot delivery", actor="warehouse")
    walk.to("launch")
    with walk.brand, pytest.raises(Conflict, match="has arrived since the print was ordered"):
        walk.steps.launches.confirm_arrival("MAY", ANNA)
