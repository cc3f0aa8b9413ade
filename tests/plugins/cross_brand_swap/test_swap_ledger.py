"""Who came is counted once, only if new, never beyond quota and balance; both sides settle to the same lines."""

from __future__ import annotations

import json

import pytest
from swap_scene import body_of

from scrm_core.db.bulk import execute
from scrm_core.errors import Conflict, NotFound
from scrm_cross_brand_swap.statement import balance, difference, statement

# growth.md 3.3: A shows B 100,000 times, 3,000 clicks, 900 adds of which 720 stay; B shows A 120,000 times, 2,400
# clicks, 960 adds of which 576 stay.
WORKED = {
    "a_to_b": {"shown": 100_000, "click": 3_000, "add": 900, "retained_add": 720, "first_order": 0},
    "b_to_a": {"shown": 120_000, "click": 2_400, "add": 960, "retained_add": 576, "first_order": 0},
}


@pytest.mark.parametrize(
    ("unit", "owes", "owed", "exposures"),
    [
        ("shown", "a", 20_000, 20_000),
        ("add", "a", 60, 6_667),
        ("retained_add", "b", 144, 30_000),
        ("first_order", "", 0, 0),
    ],
)
def test_the_choice_of_the_unit_flips_the_debtor(unit, owes, owed, exposures):
    assert balance(WORKED, unit) == {"unit": unit, "owes": owes, "owed": owed, "exposures": exposures}


def test_a_debtor_that_brought_nobody_has_no_rate_to_make_it_good_at():
    lines = {**WORKED, "b_to_a": dict.fromkeys(WORKED["b_to_a"], 0)}
    assert balance(lines, "add") == {"unit": "add", "owes": "b", "owed": 900, "exposures": None}


def test_a_statement_that_differs_is_named_by_its_line():
    ours = statement("spring", "f" * 64, "add", WORKED)
    theirs = json.loads(json.dumps(ours))
    assert difference(ours, theirs) is None
    theirs["lines"]["a_to_b"]["add"] = 905
    assert difference(ours, theirs) == "lines.a_to_b.add: ours 900, theirs 905"
    theirs = json.loads(json.dumps(ours)) | {"balance": {**ours["balance"], "owed": 61}}
    assert difference(ours, theirs) == "balance.owed: ours 60, theirs 61"
    assert difference(ours, [1]) is not None
    assert difference(ours, {**ours, "extra": 1}) == "extra: ours None, theirs 1"
    assert difference(ours, {**ours, "\0": "\x1b[2J"}) == "\\u0000: ours None, theirs \\u001b[2J"
    assert difference(ours["balance"], {**ours["balance"], "owed": 60.0}) == "owed: ours 60, theirs 60.0"


def test_a_person_is_counted_once_and_only_if_new_to_the_receiver(swap):
    swap.agree()
    link = swap.b.deal().link
    swap.b.order("old-1", "buyer of old")
    swap.b.lead("known friend")
    swap.clock.advance(seconds=1)
    for name in ("new", "new", "buyer of old", "known friend"):
        swap.b.lead(name, state=link)
        swap.clock.advance(seconds=1)
    swap.b.lead("from elsewhere")
    swap.settle_down()
    assert swap.b.deal().received == 1
    swap.upkeep()
    assert (swap.a.deal().given, swap.a.deal().received) == (1, 0)


def test_no_personal_data_crosses(swap):
    swap.agree()
    swap.b.lead("secret-name", state=swap.b.deal().link)
    swap.settle_down()
    swap.upkeep()
    with swap.a.brand:
        told = "".join(data for (data,) in execute("SELECT data FROM event WHERE type = 'partner.message'").fetchall())
    assert "counts" in told
    assert "secret-name" not in told and "contact" not in told


def test_a_direction_stops_at_the_imbalance_and_goes_on_when_the_other_catches_up(swap):
    swap.agree(imbalance=3, quota=10)
    for n in range(5):
        swap.b.lead(f"p{n}", state=swap.b.deal().link)
    swap.settle_down()
    assert (swap.b.deal().received, swap.b.deal().open_in) == (3, 0)
    # The giver was told at once, and shows the partner no more.
    with swap.a.brand, pytest.raises(Conflict, match="stopped"):
        swap.a.swaps.ledger.show("spring")
    with swap.b.brand:
        swap.b.swaps.ledger.show("spring")
    swap.a.lead("q1", state=swap.a.deal().link)
    swap.settle_down()
    swap.upkeep()
    swap.upkeep()
    with swap.a.brand:
        swap.a.swaps.ledger.show("spring")
    swap.b.lead("p9", state=swap.b.deal().link)
    swap.settle_down()
    # 4 received against 1 given: three ahead, stopped again.
    assert (swap.b.deal().received, swap.b.deal().given, swap.b.deal().open_in) == (4, 1, 0)


def test_the_quota_ends_a_direction(swap):
    swap.agree(imbalance=2, quota=2)
    for n in range(4):
        swap.b.lead(f"p{n}", state=swap.b.deal().link)
    swap.settle_down()
    assert swap.b.deal().received == 2


def test_people_told_by_four_processes_at_once_are_counted_once_each(swap, together):
    swap.agree(imbalance=30, quota=100)
    link = swap.b.deal().link
    source = f"""
from scrm_core.api import LeadCaptured
from scrm_core.services.contacts import IdentityIn, LeadIn
from scrm_cross_brand_swap.service import Swaps

def run(brand, worker):
    swaps = Swaps(brand, brand.plugins["cross-brand-swap"].settings)
    for n in range(15):
        # Each person is claimed by two of the four processes.
        name = f"p{{worker // 2}}-{{n}}"
        now = brand.now()
        brand.contacts.capture_lead(LeadIn("wecom", (IdentityIn.of("buyer", name, "shop"),), now, reference=name))
        contact = brand.contacts.find("buyer", name, "shop")
        with brand.transaction():
            event = LeadCaptured(0, contact.lead_at, False, contact.id, link="{link}", is_new=True)
            swaps.ledger.take_lead(event)
    return "done"
"""
    # Children run by the machine's clock: the deal must be running then.
    with swap.b.brand:
        text = json.loads(swap.b.deal().text) | {"until_at": 4 * 10**12}
        execute("UPDATE cross_brand_swap_deal SET until_at = ?, text = ?", (4 * 10**12, json.dumps(text)))
    together(swap.b.brand.installation, source, 4, brand="moonco")
    with swap.b.brand:
        people, counted = execute("SELECT count(*), sum(counted) FROM cross_brand_swap_arrival").fetchone()
        stops = execute("SELECT count(*) FROM cross_brand_swap_step WHERE act = 'stop'").fetchone()[0]
    # 2 x 15 people came, each told twice: all 30 are within the limit, and the 30th closes the direction.
    assert (people, int(counted), swap.b.deal().received, stops) == (30, 30, 30, 1)


def test_beyond_the_limit_four_processes_count_exactly_the_limit(swap, together):
    swap.agree(imbalance=25, quota=100)
    source = """
from scrm_cross_brand_swap.service import Swaps

def run(brand, worker):
    swaps = Swaps(brand, brand.plugins["cross-brand-swap"].settings)
    done = 0
    for n in range(20):
        with brand.transaction():
            done += swaps.ledger.count(swaps.deal("spring"), None)
    return done
"""
    counted = together(swap.b.brand.installation, source, 4, brand="moonco")
    assert sum(counted) == 25 == swap.b.deal().received
    with swap.b.brand:
        assert execute("SELECT count(*) FROM cross_brand_swap_step WHERE act = 'stop'").fetchone() == (1,)


def test_of_answers_that_four_people_give_at_once_one_holds(swap, together):
    swap.meet()
    swap.offer()
    source = """
from scrm_core.api import Conflict
from scrm_cross_brand_swap.deals import Deals

def run(brand, worker):
    deals = Deals(brand, brand.plugins["cross-brand-swap"].settings)
    # The machine's clock is years ahead of the deal's: the proposal stands as long.
    brand.clock = type("Then", (), {"now": lambda self: 1_767_225_600_000})()
    try:
        if worker % 2:
            deals.accept("spring", target="https://moon.example/", actor=str(worker))
        else:
            deals.decline("spring", reason="no", actor=str(worker))
    except Conflict:
        return 0
    return 1
"""
    assert sum(together(swap.b.brand.installation, source, 4, brand="moonco")) == 1
    swap.settle_down()
    assert (swap.a.state(), swap.b.state()) in {("agreed", "agreed"), ("declined", "declined")}
    assert swap.a.refused() == swap.b.refused() == []


def test_exposures_written_down_after_the_last_totals_are_refused(swap):
    swap.agree()
    swap.clock.advance(days=44)
    swap.upkeep()
    with swap.a.brand, pytest.raises(Conflict, match="does not run"):
        swap.a.swaps.ledger.add_shown("spring", 10, key="late", actor="anna")
    assert swap.a.deal().shown == 0


def test_first_orders_count_within_the_window_and_a_full_refund_takes_them_back(swap):
    swap.agree(unit="first_order", window_days=7, keep_days=7)
    for name in ("quick", "slow", "sorry"):
        swap.b.lead(name, state=swap.b.deal().link)
    swap.settle_down()
    swap.clock.advance(days=1)
    swap.b.order("1", "quick")
    swap.b.order("2", "sorry")
    swap.settle_down()
    assert swap.b.deal().received == 2
    swap.b.refund("2")
    swap.clock.advance(days=6, seconds=1)
    swap.b.order("3", "slow")
    swap.settle_down()
    assert swap.b.deal().received == 1
    swap.clock.advance(days=1)
    swap.b.refund("1")  # on the eighth day after the order: it stays
    swap.settle_down()
    assert swap.b.deal().received == 1


def test_people_who_stay_are_counted_after_their_days_and_lost_ones_are_not(swap):
    swap.agree(unit="retained_add", keep_days=7)
    link = swap.b.deal().link
    stayed, left = swap.b.lead("stays", state=link), swap.b.lead("leaves", state=link)
    swap.settle_down()
    with swap.b.brand:
        swap.b.swaps.ledger.lost("spring", left, actor="mike")
        with pytest.raises(NotFound):
            swap.b.swaps.ledger.lost("spring", left, actor="mike")
    swap.upkeep()
    assert swap.b.deal().received == 0
    swap.clock.advance(days=7)
    swap.upkeep()
    assert swap.b.deal().received == 1
    swap.clock.advance(seconds=1)
    with swap.b.brand, pytest.raises(Conflict, match="stayed the 7 days"):
        swap.b.swaps.ledger.lost("spring", stayed, actor="mike")


def test_an_arrival_that_turns_out_to_be_known_or_to_have_come_twice_counts_no_more(swap):
    known = swap.b.lead("known")
    swap.agree()
    link = swap.b.deal().link
    swap.clock.advance(seconds=1)
    first, twin, third = (swap.b.lead(name, state=link) for name in ("first", "twin", "third"))
    swap.settle_down()
    assert swap.b.deal().received == 3
    with swap.b.brand:
        swap.b.brand.contacts.merge(first, twin, actor="test", reason="same")
        swap.b.brand.contacts.merge(known, third, actor="test", reason="same")
    swap.settle_down()
    assert swap.b.deal().received == 1


def test_visits_are_counted_by_whoever_is_visited(swap):
    swap.agree(unit="click")
    with swap.b.brand:
        for visitor in ("v1", "v2"):
            swap.b.brand.links.visit(
                swap.b.deal().link, at=swap.clock.now(), visitor=visitor, agent="Mozilla/5.0 (iPhone) Mobile Safari"
            )
    swap.settle_down()
    assert (swap.b.deal().clicks, swap.b.deal().received) == (2, 2)


def close(swap):
    swap.clock.advance(days=30 + 7 + 7)
    for _ in range(3):
        swap.upkeep()


def test_both_sides_recompute_and_sign_the_same_statement(swap):
    swap.agree()
    for n in range(5):
        swap.b.lead(f"p{n}", state=swap.b.deal().link)
    for n in range(3):
        swap.a.lead(f"q{n}", state=swap.a.deal().link)
    for side, shown in ((swap.a, 1_000), (swap.b, 900)):
        with side.brand:
            assert side.swaps.ledger.add_shown("spring", shown, key="day 1", actor="x") == shown
            assert side.swaps.ledger.add_shown("spring", shown, key="day 1", actor="x") == shown
    swap.settle_down()
    close(swap)
    a, b = swap.a.deal(), swap.b.deal()
    assert (a.state, b.state) == ("settled", "settled")
    assert a.statement == b.statement
    signed = json.loads(a.statement)
    # B brought 3 by showing A 900 times: 2 owed at 1 in 300.
    assert signed["balance"] == {"unit": "add", "owes": "b", "owed": 2, "exposures": 600}
    assert signed["lines"]["a_to_b"] == {"shown": 1_000, "click": 0, "add": 5, "retained_add": 5, "first_order": 0}
    assert signed["terms"] == a.digest


def test_a_settlement_that_does_not_add_up_is_disputed_and_names_the_line(swap):
    swap.agree()
    swap.b.lead("p1", state=swap.b.deal().link)
    swap.settle_down()
    swap.upkeep()
    # A's own books say that B told of two.
    swap.clock.advance(days=44)
    with swap.b.brand:
        swap.b.swaps.settling.close_due()
    swap.settle_down()
    with swap.a.brand:
        told = json.loads(swap.a.deal().told_text)
        told["totals"]["add"] = 2
        execute("UPDATE cross_brand_swap_deal SET told = ?", (json.dumps(told),))
    swap.upkeep()
    swap.upkeep()
    assert (swap.a.state(), swap.b.state()) == ("disputed", "disputed")
    assert swap.a.deal().reason == swap.b.deal().reason == "lines.a_to_b.add: ours 1, theirs 2"
    assert swap.b.refused() == ["lines.a_to_b.add: ours 1, theirs 2"]
    assert swap.b.deal().statement == ""


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"seq": 0}, "out of order"),
        ({"seq": 1.5}, "out of order"),
        ({"counted": -1}, "whole numbers"),
        ({"counted": 5}, "not the total"),
        ({"totals": {"add": 1}}, "whole numbers"),
        ({"open": 2}, "whole numbers"),
    ],
)
def test_totals_that_are_older_or_odd_are_refused(swap, change, said):
    swap.agree()
    swap.b.lead("p1", state=swap.b.deal().link)
    swap.settle_down()
    swap.upkeep()
    before = swap.a.deal()
    body = body_of(swap.a, "swap.counts")
    swap.b.send("swap.counts", {**body, "seq": body["seq"] + 1, **change}, "odd")
    swap.settle_down()
    assert swap.a.deal() == before
    (refused,) = swap.a.refused()
    assert said in refused
