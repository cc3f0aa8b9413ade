"""Print batches as stock: what comes, what leaves with which order, and never more than there is."""

from __future__ import annotations

from dataclasses import replace

import pytest
from steps_campaign import one_database

from scrm_core.api import OrderPaid
from scrm_core.db.bulk import execute
from scrm_core.db.router import brand_db
from scrm_core.errors import Conflict, Invalid, NotFound
from scrm_package_card import PackageCard
from scrm_package_card.service import ShipmentIn
from scrm_package_card.stock.batches import BatchIn

CARD = "\n[plugins.package-card]\n"


@pytest.fixture
def shop(new_installation, shop_of, deliver):
    """Acme has the plugin and one campaign, MAY, that ships from stock only."""
    installation = new_installation(plugins=(PackageCard,), acme=CARD)
    shop = shop_of(installation.brand("acme"))
    shop.deliver = lambda: deliver(shop.brand)
    with shop.brand:
        cards_of(shop).create_campaign("MAY", source="shop", from_stock=True)
    return shop


def cards_of(shop):
    return shop.brand.plugins["package-card"].cards


def batch(shop, code="CARD-A", printed=100, **more):
    wanted = {"campaign": "MAY", "kind": "marketing", "unit_cost_minor": 12} | more
    with shop.brand:
        return cards_of(shop).stock.create(BatchIn(code=code, printed=printed, **wanted))


def receive(shop, code, quantity, at="2026-05-01T00:00", key=None):
    with shop.brand:
        return cards_of(shop).move_stock(code, "received", quantity, key=key or f"in {code} {at}", at=shop.at(at))


def look(shop, code):
    with shop.brand:
        found = cards_of(shop).stock.batch(code)
        moves = cards_of(shop).stock.moves(code, limit=1_000)
    assert found.left == found.received - found.shipped + found.adjusted
    assert found.left == sum(move.quantity for move in moves)
    return found.received, found.shipped, found.left


def shipped(shop):
    """Order number -> (batch, arm, channel) of every shipment."""
    with shop.brand:
        rows = execute(
            "SELECT s.order_number, b.code, s.arm, s.channel FROM package_card_shipment s "
            "LEFT JOIN package_card_batch b ON b.id = s.batch_id"
        ).fetchall()
    return {row[0]: row[1:] for row in rows}


def missed(shop, code="MAY"):
    with shop.brand:
        return [miss.order_number for miss in cards_of(shop).stock.misses(code)]


def row_of(shop, by="campaign", **more):
    from scrm_package_card.report import full_report

    with shop.brand:
        return list(full_report(cards_of(shop), by, **more).rows)


def test_orders_take_cards_from_the_oldest_batch_and_then_the_next_until_none_is_left(shop):
    batch(shop, "CARD-A", channel="tmall")
    batch(shop, "CARD-B", channel="douyin")
    receive(shop, "CARD-A", 2)
    receive(shop, "CARD-B", 1)
    for n in range(5):
        shop.sell(f"A{n}", f"b{n}", f"2026-05-02T0{n}:00", 1_000)
    shop.deliver()
    assert shipped(shop) == {
        "A0": ("CARD-A", "", "tmall"),
        "A1": ("CARD-A", "", "tmall"),
        "A2": ("CARD-B", "", "douyin"),
    }
    assert missed(shop) == ["A3", "A4"]
    assert look(shop, "CARD-A") == (2, 2, 0)
    assert look(shop, "CARD-B") == (1, 1, 0)
    (row,) = row_of(shop)
    assert (row["shipped"], row["missed"]) == (3, 2)


def test_no_card_ships_before_the_day_on_which_the_first_ones_came(shop):
    batch(shop)
    shop.sell("A0", "b0", "2026-04-30T23:59", 1_000)
    shop.sell("A1", "b1", "2026-05-01T00:00", 1_000)
    shop.deliver()
    assert (shipped(shop), missed(shop)) == ({}, [])
    receive(shop, "CARD-A", 5, at="2026-05-01T09:00")
    assert list(shipped(shop)) == ["A1"]
    shop.sell("A2", "b2", "2026-04-29T12:00", 1_000)
    shop.sell("A3", "b3", "2026-05-03T12:00", 1_000)
    shop.deliver()
    assert sorted(shipped(shop)) == ["A1", "A3"]
    assert missed(shop) == []


def test_an_order_told_again_takes_no_second_card(shop):
    batch(shop)
    receive(shop, "CARD-A", 1)
    shop.sell("A1", "b1", "2026-05-02T00:00", 1_000)
    shop.sell("A2", "b2", "2026-05-02T00:00", 1_000)
    event = OrderPaid(event_id=1, at=shop.at("2026-05-02T00:00"), backfill=False, contact_id=None, source="shop")
    with shop.brand:
        for number in ("A1", "A1", "A2", "A2"):
            order_id = shop.brand.orders.by_number("shop", number).order_id
            cards_of(shop).take_order(replace(event, number=number, order_id=order_id))
        assert cards_of(shop).settle() == 0
    assert list(shipped(shop)) == ["A1"]
    assert missed(shop) == ["A2"]
    assert look(shop, "CARD-A") == (1, 1, 0)


def test_a_refund_or_a_closed_order_brings_no_card_back(shop):
    batch(shop)
    receive(shop, "CARD-A", 5)
    shop.sell("A1", "b1", "2026-05-02T00:00", 1_000)
    shop.sell("A2", "b2", "2026-05-02T00:00", 1_000)
    shop.deliver()
    shop.refund("A1", 1_000, "2026-05-03T00:00")
    shop.sell("A2", "b2", "2026-05-02T00:00", 1_000, status="closed")
    shop.deliver()
    assert look(shop, "CARD-A") == (5, 2, 3)


def test_history_ships_from_the_stock_of_its_time(shop):
    batch(shop)
    receive(shop, "CARD-A", 2, at="2026-05-01T09:00")
    for n, at in enumerate(["2026-04-30T12:00", "2026-05-04T12:00", "2026-05-02T12:00", "2026-05-03T12:00"]):
        shop.sell(f"A{n}", f"b{n}", at, 1_000, backfill=True)
    shop.deliver()
    assert sorted(shipped(shop)) == ["A2", "A3"]
    assert missed(shop) == ["A1"]


def test_cards_that_came_later_ship_with_the_orders_since_and_not_with_those_that_missed(shop):
    batch(shop)
    receive(shop, "CARD-A", 1)
    shop.sell("A1", "b1", "2026-05-02T00:00", 1_000)
    shop.sell("A2", "b2", "2026-05-02T01:00", 1_000)
    shop.deliver()
    assert missed(shop) == ["A2"]
    receive(shop, "CARD-A", 5, at="2026-05-03T09:00")
    shop.sell("A3", "b3", "2026-05-03T10:00", 1_000)
    shop.deliver()
    assert sorted(shipped(shop)) == ["A1", "A3"]
    assert missed(shop) == ["A2"]


def test_a_campaign_of_another_source_or_outside_its_days_takes_nothing(shop):
    batch(shop)
    receive(shop, "CARD-A", 5)
    shop.sell("A1", "b1", "2026-05-02T00:00", 1_000, source="elsewhere")
    shop.deliver()
    assert look(shop, "CARD-A") == (5, 0, 5)
    assert missed(shop) == []


# Moves -----------------------------------------------------------------------


def test_a_move_happens_once_per_key_and_a_key_cannot_be_used_for_another(shop):
    batch(shop)
    receive(shop, "CARD-A", 10, key="delivery 1")
    receive(shop, "CARD-A", 10, key="delivery 1")
    assert look(shop, "CARD-A") == (10, 0, 10)
    with pytest.raises(Conflict) as told:
        receive(shop, "CARD-A", 11, key="delivery 1")
    assert told.value.code == "key_used"
    assert look(shop, "CARD-A") == (10, 0, 10)


def test_damaged_and_counted_cards_leave_with_their_reason_and_never_below_none(shop):
    batch(shop)
    receive(shop, "CARD-A", 10)
    with shop.brand:
        stock = cards_of(shop).stock
        stock.move("CARD-A", "damaged", 4, key="wet", reason="rain in the lorry", actor="anna")
        stock.move("CARD-A", "adjusted", -5, key="count 1", reason="counted", actor="anna")
        stock.move("CARD-A", "adjusted", 2, key="count 2", reason="found two", actor="anna")
        for kind, quantity in (("damaged", 4), ("adjusted", -4)):
            with pytest.raises(Conflict) as told:
                stock.move("CARD-A", kind, quantity, key="too many", reason="x")
            assert told.value.code == "no_stock"
        with pytest.raises(Invalid, match="reason"):
            stock.move("CARD-A", "damaged", 1, key="no reason")
    assert look(shop, "CARD-A") == (10, 0, 3)


def test_the_table_itself_refuses_a_remainder_below_none(shop):
    batch(shop)
    receive(shop, "CARD-A", 1)
    with shop.brand, pytest.raises(Exception, match=r"(?i)check|constraint"):
        execute("UPDATE package_card_batch SET remaining = remaining - 2, shipped = shipped + 2")


@one_database
@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"code": "with space"}, "code"),
        ({"kind": "cash"}, "kind"),
        ({"arm": "ä"}, "arm"),
        ({"name": "x\x00"}, "name"),
        ({"printed": 0}, "printed"),
        ({"printed": 2.5}, "printed"),
        ({"unit_cost_minor": -1}, "unit_cost_minor"),
        ({"unit_cost_minor": 10**12}, "unit_cost_minor"),
        ({"unique": True, "channel": "c"}, "target"),
        ({"unique": True, "target": "https://example.com/"}, "channel"),
        ({"channel": "c", "target": "javascript:alert(1)"}, "target"),
    ],
)
def test_a_batch_that_makes_no_sense_is_refused_and_not_stored(shop, change, field):
    with pytest.raises(Invalid) as told:
        batch(shop, **change)
    assert told.value.field == field
    with shop.brand:
        assert cards_of(shop).stock.batches() == []


def test_a_batch_is_entered_once_and_not_redefined(shop):
    made = batch(shop)
    assert batch(shop) == made
    with pytest.raises(Conflict) as told:
        batch(shop, printed=200)
    assert told.value.code == "batch_exists"
    with pytest.raises(NotFound):
        batch(shop, "CARD-X", campaign="NOSUCH")


RACING = """
from scrm_core.errors import Conflict
from scrm_core.delivery import Delivery
from scrm_package_card.service import ShipmentIn

def run(brand, worker):
    cards = brand.plugins["package-card"].cards
    taken = 0
    if worker == 0:
        assert Delivery(brand, batch=3).drain().errors == []
        return None
    for n in range(30):
        if worker == 1:
            try:
                cards.stock.move("CARD-A", "damaged", 1, key=f"wet {{n}}", reason="wet")
                taken += 1
            except Conflict as exc:
                assert exc.code == "no_stock", exc
        else:
            row = ShipmentIn("", f"F{{worker}}-{{n}}", {at}, batch="CARD-A")
            outcome = cards.ship("MAY", [row])
            taken += outcome.created
    return taken
"""


def test_processes_that_take_cards_at_once_never_take_more_than_there_are(shop, together):
    batch(shop, "CARD-A", 100)
    receive(shop, "CARD-A", 50)
    for n in range(30):
        shop.sell(f"A{n}", f"b{n}", f"2026-05-02T00:{n:02d}", 1_000)
    answers = together(shop.brand.installation, RACING.format(at=shop.at("2026-05-03T00:00")), 4)
    shop.deliver()
    received, gone, left = look(shop, "CARD-A")
    damaged, *by_file = answers[1:]
    by_order = 30 - len(missed(shop))
    assert left == 0
    assert received == 50 == gone + damaged
    assert gone == by_order + sum(by_file) == len(shipped(shop))
    assert by_order + sum(by_file) + damaged == 50 < 30 + 60 + 30


# Arms ------------------------------------------------------------------------


@pytest.fixture
def arms(shop):
    """A trial of arms A and B for the campaign; order numbers by the arm that the core gives them."""
    with shop.brand:
        shop.brand.experiments.create("cards", {"A": 5_000, "B": 5_000}, minimum=1, owner="package-card")
        execute(
            "INSERT INTO package_card_step_trial (campaign_id, number, experiment, started_at) "
            "SELECT id, 1, 'cards', 0 FROM package_card_campaign"
        )
        found = {"A": [], "B": []}
        for n in range(50):
            found[shop.brand.experiments.arm("cards", f"shop:T{n}")].append(f"T{n}")
    return {arm: numbers[:4] for arm, numbers in found.items()}


def sell_all(shop, arms):
    for minute, number in enumerate(arms["A"] + arms["B"]):
        shop.sell(number, number, f"2026-05-02T00:{minute:02d}", 1_000)
    shop.deliver()


def test_an_order_carries_the_card_of_its_arm_and_none_when_that_has_run_out(shop, arms):
    batch(shop, "CARD-A", arm="A", channel="wecom")
    batch(shop, "CARD-B", arm="B", channel="wecom")
    receive(shop, "CARD-A", 50)
    receive(shop, "CARD-B", 2)
    sell_all(shop, arms)
    carried = dict.fromkeys(arms["A"], ("CARD-A", "A", "wecom")) | dict.fromkeys(arms["B"][:2], ("CARD-B", "B", "wecom"))
    assert shipped(shop) == carried
    assert missed(shop) == arms["B"][2:]
    rows = {row["arm"]: (row["shipped"], row["missed"]) for row in row_of(shop, "arm")}
    assert rows == {"A": (len(arms["A"]), 0), "B": (2, len(arms["B"]) - 2)}


def test_an_arm_that_was_never_printed_gets_the_oldest_batch(shop, arms):
    batch(shop, "CARD-A", arm="A")
    receive(shop, "CARD-A", 50)
    sell_all(shop, arms)
    assert shipped(shop) == dict.fromkeys(arms["A"] + arms["B"], ("CARD-A", "A", ""))


# The warehouse's file --------------------------------------------------------


def ship(shop, *rows, code="MAY", dry_run=False):
    with shop.brand:
        return cards_of(shop).ship(code, [ShipmentIn(**row) for row in rows], dry_run=dry_run)


def test_a_file_names_the_batch_takes_its_cards_and_is_refused_where_none_is_left(shop):
    batch(shop, "CARD-A")
    batch(shop, "CARD-B")
    receive(shop, "CARD-A", 5)
    receive(shop, "CARD-B", 1)
    at = shop.at("2026-05-02T09:00")
    rows = [{"serial": "", "order_number": f"F{n}", "shipped_at": at, "batch": "CARD-B"} for n in range(2)]
    rows.append({"serial": "W-1", "order_number": "F9", "shipped_at": at})
    outcome = ship(shop, *rows)
    assert (outcome.created, outcome.by_batch, outcome.cost_minor) == (2, (("CARD-A", 1), ("CARD-B", 1)), 24)
    assert [index for index, _ in outcome.rejected] == [1]
    assert "'CARD-B' has no card left" in outcome.rejected[0][1]
    again = ship(shop, *rows)
    assert (again.created, again.unchanged, len(again.rejected)) == (0, 2, 1)
    assert look(shop, "CARD-A") == (5, 1, 4)
    assert look(shop, "CARD-B") == (1, 1, 0)


def test_a_file_that_ships_a_missed_order_takes_its_miss_away(shop):
    batch(shop)
    receive(shop, "CARD-A", 1)
    shop.sell("A1", "b1", "2026-05-02T00:00", 1_000)
    shop.sell("A2", "b2", "2026-05-02T01:00", 1_000)
    shop.deliver()
    assert missed(shop) == ["A2"]
    receive(shop, "CARD-A", 1, at="2026-05-04T00:00")
    row = {"serial": "", "order_number": "A2", "shipped_at": shop.at("2026-05-04T09:00"), "batch": "CARD-A"}
    assert ship(shop, row).created == 1
    assert missed(shop) == []
    assert look(shop, "CARD-A") == (2, 2, 0)


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"batch": "NOSUCH"}, "no print batch 'NOSUCH'"),
        ({"serial": "x" * 201}, "serial"),
        ({"order_number": ""}, "order_number"),
        ({"serial": "a\u0007b"}, "serial"),
        ({"signed_at": 1}, "signed_at"),
    ],
)
def test_a_row_that_cannot_be_is_refused_and_takes_nothing(shop, row, words):
    batch(shop)
    receive(shop, "CARD-A", 5)
    whole = {"serial": "", "order_number": "F1", "shipped_at": shop.at("2026-05-02T09:00")} | row
    outcome = ship(shop, whole)
    assert outcome.created == 0
    assert words in outcome.rejected[0][1]
    assert look(shop, "CARD-A") == (5, 0, 5)


def everything(shop):
    tables = ("shipment", "batch", "move", "miss", "lead", "card", "campaign", "spend")
    with shop.brand:
        return {
            table: execute(f"SELECT * FROM package_card_{table} ORDER BY id").fetchall() for table in tables
        } | {table: execute(f"SELECT count(*) FROM {table}").fetchone() for table in ("link", "event", "contact_tag")}


def test_a_dry_run_of_a_file_tells_what_would_happen_and_writes_nothing(shop):
    with shop.brand:
        cards_of(shop).create_campaign("FILE", source="shop", automatic=False)
    batch(shop, "CARD-F", campaign="FILE")
    receive(shop, "CARD-F", 1)
    shop.sell("A1", "b1", "2026-05-01T00:00", 5_000)
    shop.lead("13800138000", "2026-05-04T12:00", serial="W-1")
    shop.deliver()
    before = everything(shop)
    at = shop.at("2026-05-02T09:00")
    rows = [{"serial": f"W-{n}", "order_number": f"A{n}", "shipped_at": at} for n in (1, 2)]
    outcome = ship(shop, *rows, code="FILE", dry_run=True)
    assert (outcome.created, len(outcome.rejected), outcome.cost_minor) == (1, 1, 12)
    assert everything(shop) == before
    assert ship(shop, *rows, code="FILE") == outcome
    assert everything(shop) != before


def test_names_of_indexes_begin_with_the_plugins(shop) -> None:
    with shop.brand as brand:
        tables = [model._meta.table_name for model in brand.plugins["package-card"].models]
        made = {each.name: each for table in tables for each in brand_db.get_indexes(table)}
    assert [name for name in sorted(made) if not name.startswith(("package_card_", "sqlite_autoindex"))] == []
    assert made["package_card_batch_code"].unique and "WHERE" in made["package_card_step_trial_live"].sql
