"""Who came is counted once, only if new, never beyond quota and balance; both sides settle to the same lines."""

from __future__ import annotations

import hashlib
import json

import pytest
from swap_scene import body_of

from scrm_core.db.bulk import execute
from scrm_core.errors import Conflict, NotFound
from scrm_core.services.contacts import IdentityIn, LeadIn
from scrm_core.services.orders import OrderIn
from scrm_cross_brand_swap.statement import balance, difference, smaller, statement

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


def brought(side) -> dict[str, int]:
    with side.brand:
        return side.swaps.ledger.brought(side.swaps.deal("spring"))


@pytest.mark.parametrize("unit", ["click", "add", "retained_add", "first_order"])
def test_whoever_comes_while_the_direction_stands_still_is_counted_in_no_unit(swap, unit):
    swap.agree(unit=unit, quota=5, imbalance=2, keep_days=0)
    link = swap.b.deal().link

    def come(name):
        with swap.b.brand:
            swap.b.brand.links.visit(
                link, at=swap.clock.now(), visitor=name, agent="Mozilla/5.0 (iPhone) Mobile Safari"
            )
        swap.b.lead(name, state=link)
        swap.settle_down()
        swap.b.order(f"order of {name}", name)
        swap.settle_down()
        swap.upkeep()

    for name in ("p1", "p2"):
        come(name)
    assert (swap.b.deal().received, swap.b.deal().open_in) == (2, 0)
    before = brought(swap.b)
    for name in ("p3", "p4"):
        come(name)
    assert brought(swap.b) == before
    # Acme's side brings two, so that it goes on: who came in between is not counted later either.
    with swap.b.brand:
        execute("UPDATE cross_brand_swap_deal SET given = 2, open_in = 1")
    for name in ("p3", "p5"):
        come(name)
    after = brought(swap.b)
    assert {each: after[each] - before[each] for each in after} == dict.fromkeys(after, 1)


def test_both_sign_no_more_people_who_stayed_than_came(swap):
    swap.agree(unit="add", quota=5, imbalance=2, keep_days=0)
    for n in range(4):
        swap.b.lead(f"p{n}", state=swap.b.deal().link)
    swap.settle_down()
    close(swap)
    assert (swap.a.state(), swap.b.state()) == ("settled", "settled")
    line = json.loads(swap.a.deal().statement)["lines"]["a_to_b"]
    assert (line["add"], line["retained_add"]) == (2, 2)


def test_an_add_that_comes_back_to_a_full_direction_has_not_stayed_either(swap):
    swap.agree(unit="add", quota=2, imbalance=2, keep_days=0)
    link = swap.b.deal().link
    first, twin = swap.b.lead("first", state=link), swap.b.lead("twin", state=link)
    swap.settle_down()
    with swap.b.brand:
        merge = swap.b.brand.contacts.merge(first, twin, actor="test", reason="same")
    swap.settle_down()
    swap.b.lead("next", state=link)
    swap.settle_down()
    with swap.b.brand:
        swap.b.brand.contacts.undo_merge(merge, actor="test")
    swap.settle_down()
    told = brought(swap.b)
    assert (told["add"], told["retained_add"]) == (2, 2)


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
    with swap.b.brand:
        assert [(step["by"], step["act"]) for step in swap.b.swaps.steps("spring")][:2] == [
            ("us", "dispute"), ("them", "settle"),
        ]  # fmt: skip


@pytest.mark.cases_on_sqlite
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


KEPT = """
from scrm_cross_brand_swap.service import Swaps

def run(brand, worker):
    return Swaps(brand, brand.plugins["cross-brand-swap"].settings).ledger.count_kept()
"""


def test_people_who_stayed_are_counted_once_by_four_workers_whose_jobs_overlap(swap, together):
    swap.agree(unit="retained_add", imbalance=90, quota=90)
    link = swap.b.deal().link
    for n in range(40):
        swap.b.lead(f"p{n}", state=link)
    swap.settle_down()
    # The workers run by the machine's clock, which is past the days to keep.
    counted = together(swap.b.brand.installation, KEPT, 4, brand="moonco")
    with swap.b.brand:
        marked = execute("SELECT sum(counted) FROM cross_brand_swap_arrival").fetchone()[0]
    assert (sum(counted), swap.b.deal().received, int(marked)) == (40, 40, 40)


def test_whoever_left_before_a_worker_came_to_them_is_not_counted(swap):
    swap.agree(unit="retained_add", keep_days=7)
    swap.b.lead("leaves", state=swap.b.deal().link)
    swap.settle_down()
    with swap.b.brand:
        arrival, contact = execute("SELECT id, contact_id FROM cross_brand_swap_arrival").fetchone()
        swap.b.swaps.ledger.lost("spring", contact, actor="mike")
        # A worker that had read the arrival before.
        assert swap.b.swaps.ledger.count(swap.b.swaps.deal("spring"), arrival) is False
    assert swap.b.deal().received == 0


def test_a_direction_stops_at_once_when_the_partner_takes_back_what_it_had_counted(swap):
    swap.agree(imbalance=3, quota=10)
    friend = swap.a.lead("q1", state=swap.a.deal().link)
    swap.settle_down()
    swap.upkeep()
    for n in range(3):
        swap.b.lead(f"p{n}", state=swap.b.deal().link)
    swap.settle_down()
    assert (swap.b.deal().received, swap.b.deal().given, swap.b.deal().open_in) == (3, 1, 1)
    with swap.a.brand:
        swap.a.swaps.ledger.lost("spring", friend, actor="anna")
    swap.upkeep()
    assert (swap.b.deal().given, swap.b.deal().open_in) == (0, 0)
    with swap.a.brand, pytest.raises(Conflict, match="stopped"):
        swap.a.swaps.ledger.show("spring")


def test_last_totals_open_no_direction_again_and_nothing_is_told_after_them(swap):
    swap.agree(imbalance=3, quota=10)
    for n in range(3):
        swap.b.lead(f"p{n}", state=swap.b.deal().link)
    swap.a.lead("q1", state=swap.a.deal().link)
    swap.settle_down()
    assert swap.b.deal().open_in == 0
    close(swap)
    # B closed stopped; A's last totals, one received, came after that.
    assert (swap.b.deal().open_in, json.loads(swap.b.deal().sent)["final"]) == (0, 1)
    assert swap.a.refused() == swap.b.refused() == []
    assert (swap.a.state(), swap.b.state()) == ("settled", "settled")


@pytest.mark.parametrize("winner", ["known", "came"])
def test_the_first_order_of_somebody_who_turns_out_to_be_known_is_taken_back_and_given_back(swap, winner):
    swap.b.order("old", "known")
    swap.clock.advance(seconds=1)
    swap.agree(unit="first_order")
    came = swap.b.lead("came", state=swap.b.deal().link)
    with swap.b.brand:
        known = swap.b.brand.contacts.find("buyer", "known", "shop").id
    swap.clock.advance(days=1)
    swap.b.order("new", "came")
    swap.settle_down()
    assert swap.b.deal().received == 1
    pair = (known, came) if winner == "known" else (came, known)
    with swap.b.brand:
        merge = swap.b.brand.contacts.merge(*pair, actor="test", reason="same")
    swap.settle_down()
    with swap.b.brand:
        assert swap.b.swaps.ledger.brought(swap.b.swaps.deal("spring")) == {
            "click": 0, "add": 0, "retained_add": 0, "first_order": 0,
        }  # fmt: skip
    swap.b.order("another", winner)
    swap.settle_down()
    assert swap.b.deal().received == 0
    with swap.b.brand:
        swap.b.brand.contacts.undo_merge(merge, actor="test")
    swap.settle_down()
    with swap.b.brand:
        assert swap.b.swaps.ledger.brought(swap.b.swaps.deal("spring")) == {
            "click": 0, "add": 1, "retained_add": 0, "first_order": 1,
        }  # fmt: skip


def test_of_one_person_who_came_twice_the_order_stays_whichever_record_it_was_on(swap):
    swap.agree(unit="first_order", imbalance=50, quota=50)
    link = swap.b.deal().link
    people = {name: swap.b.lead(name, state=link) for name in ("one", "two", "three", "four")}
    swap.clock.advance(days=1)
    for number, name in enumerate(("one", "two", "four")):
        swap.b.order(str(number), name)
    swap.settle_down()
    assert swap.b.deal().received == 3
    with swap.b.brand:
        # Both ordered: one first order. The second ordered only: still one.
        both = swap.b.brand.contacts.merge(people["one"], people["two"], actor="test", reason="same")
        second = swap.b.brand.contacts.merge(people["three"], people["four"], actor="test", reason="same")
    swap.settle_down()
    assert swap.b.deal().received == 2
    swap.b.refund("2")  # that of four
    swap.settle_down()
    assert swap.b.deal().received == 1
    with swap.b.brand:
        for merge in (both, second):
            swap.b.brand.contacts.undo_merge(merge, actor="test")
    swap.settle_down()
    assert swap.b.deal().received == 2


def test_an_add_that_a_wrong_merge_took_back_counts_again_when_the_merge_is_undone(swap):
    swap.agree()
    link = swap.b.deal().link
    first, twin = swap.b.lead("first", state=link), swap.b.lead("twin", state=link)
    swap.settle_down()
    with swap.b.brand:
        merge = swap.b.brand.contacts.merge(first, twin, actor="test", reason="same")
    swap.settle_down()
    assert swap.b.deal().received == 1
    with swap.b.brand:
        swap.b.brand.contacts.undo_merge(merge, actor="test")
    swap.settle_down()
    assert swap.b.deal().received == 2


def test_an_order_that_was_told_before_the_friendship_counts_by_the_times_of_both(swap):
    swap.agree(unit="first_order", window_days=7)
    link, came = swap.b.deal().link, swap.clock.now()
    swap.clock.advance(days=2)
    swap.b.order("1", "told late")
    swap.settle_down()
    # The friendship of two days ago is told only now, by a nightly file.
    with swap.b.brand:
        identity = IdentityIn.of("buyer", "told late", "shop")
        swap.b.brand.contacts.capture_lead(LeadIn("wecom", (identity,), came, reference="late", state=link))
    swap.settle_down()
    assert swap.b.deal().received == 1


def test_an_order_that_is_closed_without_a_refund_counts_no_more(swap):
    swap.agree(unit="first_order")
    swap.b.lead("p1", state=swap.b.deal().link)
    swap.settle_down()
    swap.b.order("1", "p1")
    swap.settle_down()
    assert swap.b.deal().received == 1
    swap.clock.advance(days=1)
    with swap.b.brand:
        buyer = (IdentityIn.of("buyer", "p1", "shop"),)
        swap.b.brand.orders.upsert(OrderIn("shop", "1", "closed", swap.clock.now(), 10_000, buyer=buyer))
    swap.settle_down()
    swap.upkeep()
    assert swap.b.deal().received == 0


def test_a_first_order_of_the_last_moment_may_still_be_refunded_before_the_deal_is_settled(swap):
    swap.agree(unit="first_order", window_days=7, keep_days=7)
    link = swap.b.deal().link
    swap.clock.advance(days=30 + 6)
    swap.b.lead("late friend", state=link)
    swap.clock.advance(days=6)
    swap.b.order("1", "late friend")
    swap.settle_down()
    assert swap.b.deal().received == 1
    swap.clock.advance(days=6)  # day 48: the order is six days old
    for _ in range(3):
        swap.upkeep()
    assert swap.b.state() == "agreed"
    swap.b.refund("1")
    swap.settle_down()
    swap.clock.advance(days=3)  # day 51 = 30 + 7 + 7 + 7
    for _ in range(3):
        swap.upkeep()
    assert (swap.b.state(), swap.b.deal().received) == ("settled", 0)


def test_a_refund_after_the_settlement_changes_no_signed_line(swap):
    swap.agree(unit="first_order", window_days=1, keep_days=1)
    swap.b.lead("p1", state=swap.b.deal().link)
    swap.settle_down()
    swap.b.order("1", "p1")
    swap.settle_down()
    swap.clock.advance(days=33)
    for _ in range(3):
        swap.upkeep()
    before = swap.b.deal().statement
    swap.b.refund("1")
    swap.settle_down()
    swap.upkeep()
    assert swap.b.state() == "settled"
    assert swap.b.deal().statement == before
    # A showed nothing, so nobody knows at which rate it would make the one order good.
    assert json.loads(before)["balance"] == {"unit": "first_order", "owes": "b", "owed": 1, "exposures": None}


def test_one_visitor_who_opens_the_link_a_hundred_times_is_one_click(swap):
    swap.agree(unit="click", imbalance=50)
    for visitor in ["v1"] * 100 + ["v2"]:
        with swap.b.brand:
            swap.b.brand.links.visit(
                swap.b.deal().link, at=swap.clock.now(), visitor=visitor, agent="Mozilla/5.0 (iPhone) Mobile Safari"
            )
        swap.clock.advance(ms=1)
    swap.settle_down()
    assert (swap.b.deal().clicks, swap.b.deal().received) == (2, 2)


def test_another_number_of_exposures_under_a_known_key_is_refused(swap):
    swap.agree()
    with swap.a.brand:
        assert swap.a.swaps.ledger.add_shown("spring", 500, key="day 1", actor="anna") == 500
        with pytest.raises(Conflict, match="500"):
            swap.a.swaps.ledger.add_shown("spring", 600, key="day 1", actor="anna")
        assert swap.a.swaps.ledger.add_shown("spring", 500, key="day 1", actor="anna") == 500


def test_an_erased_person_leaves_the_balance_as_it_was(swap):
    swap.agree()
    contact = swap.b.lead("p1", state=swap.b.deal().link)
    swap.settle_down()
    with swap.b.brand:
        swap.b.brand.privacy.erase(contact, actor="dpo")
    swap.settle_down()
    assert swap.b.deal().received == 1
    close(swap)
    assert (swap.a.state(), swap.b.state()) == ("settled", "settled")
    assert json.loads(swap.a.deal().statement)["lines"]["a_to_b"]["add"] == 1


@pytest.mark.parametrize(
    ("theirs", "settled"),
    [
        (900, 900),
        (905, 900),
        (947, 900),  # 47 of 947 are 4.96%
        (948, None),  # 48 of 948 are 5.06%
        (855, 855),  # 45 of 900 are 5%
        (854, None),
        (-1, None),
        (900.0, None),
        (True, None),
        ("900", None),
    ],
)
def test_counters_that_differ_by_five_percent_at_most_are_settled_at_the_smaller(theirs, settled):
    lines = json.loads(json.dumps(WORKED))
    lines["a_to_b"]["add"] = theirs
    found = smaller(WORKED, lines)
    assert (found and found["a_to_b"]["add"]) == settled
    assert found is None or found["b_to_a"] == WORKED["b_to_a"]


@pytest.mark.parametrize("lines", [None, [], "lines", {"a_to_b": 1}, {"a_to_b": {}, "b_to_a": {}}])
def test_lines_that_are_none_are_no_smaller_ones(lines):
    assert smaller(WORKED, lines) is None


def close_with(swap, told: int, counted: int) -> None:
    """B closes and tells what it counted; A, in whose books B told of another number, closes after that."""
    swap.agree(quota=100, imbalance=100)
    for n in range(counted):
        swap.b.lead(f"p{n}", state=swap.b.deal().link)
    swap.a.lead("q", state=swap.a.deal().link)
    for side, shown in ((swap.a, 1_000), (swap.b, 500)):
        with side.brand:
            side.swaps.ledger.add_shown("spring", shown, key="all", actor="x")
    swap.settle_down()
    swap.clock.advance(days=44)
    with swap.b.brand:
        swap.b.swaps.settling.close_due()
    swap.settle_down()
    with swap.a.brand:
        books = json.loads(swap.a.deal().told_text)
        books["totals"] |= {"add": told, "retained_add": told}
        execute("UPDATE cross_brand_swap_deal SET told = ?", (json.dumps(books),))
    swap.upkeep()


@pytest.mark.parametrize("told", [21, 20, 19])
def test_both_sides_sign_the_smaller_counter_of_two_that_are_close(swap, told):
    close_with(swap, told, 20)
    assert (swap.a.state(), swap.b.state()) == ("settled", "settled")
    assert swap.a.deal().statement == swap.b.deal().statement
    signed = json.loads(swap.a.deal().statement)
    least = min(told, 20)
    assert signed["lines"]["a_to_b"]["add"] == least
    # B brought 1 by showing A 500 times: each that it owes is made good by 500 more.
    assert signed["balance"] == {"unit": "add", "owes": "b", "owed": least - 1, "exposures": (least - 1) * 500}
    # What is sent again is answered as the first time.
    swap.a.send("swap.settle", body_of(swap.b, "swap.settle"), "again")
    swap.settle_down()
    assert swap.a.refused() == swap.b.refused() == []
    assert swap.a.deal().statement == json.dumps(signed, sort_keys=True, separators=(",", ":"))


def test_counters_that_are_too_far_apart_are_disputed(swap):
    close_with(swap, 22, 20)  # 2 of 22 are 9%
    assert (swap.a.state(), swap.b.state()) == ("disputed", "disputed")
    assert swap.a.deal().reason == "lines.a_to_b.add: ours 20, theirs 22"


@pytest.mark.parametrize(
    "change",
    [
        lambda lines: lines["a_to_b"].update(add=18),  # more than 5% below
        lambda lines: lines["a_to_b"].update(add=21),  # more than this brand has
        lambda lines: lines["b_to_a"].update(shown=499.0),
    ],
)
def test_a_signature_under_other_numbers_is_refused(swap, change):
    close_with(swap, 20, 20)
    deal = swap.a.deal()
    with swap.a.brand:
        execute("UPDATE cross_brand_swap_deal SET state = 'settling'")
    lines = json.loads(deal.statement)["lines"]
    change(lines)
    text = json.dumps(statement("spring", deal.digest, "add", lines), sort_keys=True, separators=(",", ":"))
    digest = hashlib.sha256(deal.statement.encode()).hexdigest()
    swap.b.send("swap.settled", {"deal": "spring", "digest": digest, "text": text}, "odd")
    swap.settle_down()
    assert swap.a.state() == "settling"
    assert "another statement" in swap.a.refused()[0]


def test_exposures_that_four_processes_write_down_at_once_count_once_per_key(swap, together):
    swap.agree()
    source = """
from scrm_cross_brand_swap.service import Swaps

def run(brand, worker):
    ledger = Swaps(brand, brand.plugins["cross-brand-swap"].settings).ledger
    for n in range(10):
        ledger.add_shown("spring", 100, key=f"day {n}", actor="anna")  # every process tells of the same ten days
        ledger.add_shown("spring", 1, key=f"{worker} {n}", actor="anna")
    return "done"
"""
    together(swap.a.brand.installation, source, 4)
    with swap.a.brand:
        (kept,) = execute("SELECT sum(quantity) FROM cross_brand_swap_shown").fetchone()
    assert (swap.a.deal().shown, int(kept)) == (10 * 100 + 4 * 10, 1_040)
