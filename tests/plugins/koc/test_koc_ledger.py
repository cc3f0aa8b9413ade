"""Commission: floor per order, after completion and refund window, clawed back in proportion, settled once."""

from __future__ import annotations

import peewee
import pytest

from scrm_core.clock import SystemClock
from scrm_core.db.bulk import execute
from scrm_core.errors import Conflict, Invalid
from scrm_core.services.orders import RefundIn

EIGHT = "\n[plugins.koc]\nrate_c_bp = 800\n"
FIRST = """
[plugins.koc]
rate_c_bp = 1000
refund_days = 0

[[plugins.koc.programmes]]
code = "all"
situation = 2
"""
SETTLE = """
from scrm_koc.service import Koc


def run(brand, worker):
    koc = Koc(brand, brand.plugins["koc"].settings)
    return [[s.member, s.payable_minor] for s in koc.statements.settle(actor=f"w{worker}")]
"""
REFUND = """
from scrm_core.services.orders import RefundIn
from scrm_koc.service import Koc


def run(brand, worker):
    koc = Koc(brand, brand.plugins["koc"].settings)
    order, = (row.order_id for row in koc.tracking.orders("o.number = ?", "1"))
    for n in range(5):
        brand.orders.refund(RefundIn("shop", "1", f"{worker}-{n}", 100, brand.now(), ""))
        koc.ledger.review(order)
    return koc.ledger.review(order)
"""
WORKERS = """
from scrm_core.delivery import Delivery
from scrm_koc.service import Koc


def run(brand, worker):
    koc = Koc(brand, brand.plugins["koc"].settings)
    for _ in range(5):
        Delivery(brand).drain()
        koc.upkeep()
"""
AT_ONCE = """
from scrm_core.services.orders import RefundIn
from scrm_koc.service import Koc


def run(brand, worker):
    koc = Koc(brand, brand.plugins["koc"].settings)
    for n in range(6):
        if worker < 2:
            brand.orders.refund(RefundIn("shop", str(n), f"{worker}", 1_000, brand.now(), ""))
        koc.statements.settle(actor=f"w{worker}")
"""
KILLED = """
import os, signal, sys
from pathlib import Path
from scrm_core.installation import Installation
from scrm_koc.service import Koc

installation = Installation.open(Path(sys.argv[1]))
with installation.brand("acme") as brand:
    koc = Koc(brand, brand.plugins["koc"].settings)
    statements, settle, made = koc.statements, koc.statements._settle, []

    def once(member_id, actor):
        if made:
            os.kill(os.getpid(), signal.SIGKILL)
        made.append(settle(member_id, actor))
        return made[-1]

    statements._settle = once
    statements.settle(actor="finance")
"""
USE = """
from scrm_koc.service import Koc


def run(brand, worker):
    koc = Koc(brand, brand.plugins["koc"].settings)
    code = ("ANN", "BEA")[worker % 2]
    for n in range(10):
        koc.tracking.use(code, "shop", str(n))
    return koc.ledger.earn_due()
"""


def sell(scene, number="1", paid=28_997, buyer="dan", code="ANN", **more):
    scene.use(code, number)
    scene.order(number, buyer, paid, **more)
    scene.deliver()


def test_the_worked_commission_its_clawback_and_the_balance_that_is_carried(scenes):
    scene, other = scenes(EIGHT)
    scene.enrol("ann", "ANN")
    sell(scene, lines=(("A", 17_545), ("B", 11_452)))
    with scene.brand:
        scene.koc.upkeep()  # sees that the order is complete
    scene.clock.advance(days=14)
    assert scene.settle() == []
    scene.clock.advance(days=1)
    # 28,997 x 8 % = 2,319.76
    assert scene.settle() == [("ANN", 0, 2_319, 2_319, 0)]
    assert scene.settle() == []
    scene.refund("1", 11_452)
    # 17,545 x 8 % = 1,403.6; 2,319 - 1,403 = 916
    assert scene.entries("ANN") == [("earn", 2_319), ("clawback", -916)]
    with scene.brand:
        assert scene.koc.ledger.entries("e.kind = 'clawback'")[0].base_minor == 17_545
    assert scene.settle() == [("ANN", 0, -916, 0, -916)]
    scene.refund("1", 17_545, "R2")
    assert scene.settle() == [("ANN", -916, -1_403, 0, -2_319)]
    sell(scene, "2", 50_000)
    with scene.brand:
        scene.koc.upkeep()
    scene.clock.advance(days=15)
    assert scene.settle() == [("ANN", -2_319, 4_000, 1_681, 0)]
    assert scene.adds_up() and other.adds_up()
    assert other.settle() == []


def test_an_order_that_is_closed_without_a_refund_is_clawed_back_by_the_next_settlement(scenes):
    scene, _ = scenes("\n[plugins.koc]\nrefund_days = 0\n")
    scene.enrol("ann", "ANN")
    sell(scene, paid=1_000)
    assert scene.settle() == [("ANN", 0, 50, 50, 0)]
    scene.clock.advance(hours=1)
    scene.order("1", "dan", 1_000, status="closed")
    with scene.brand:
        assert [s.total_minor for s in scene.koc.statements.preview()] == [-50]
    assert scene.settle() == [("ANN", 0, -50, 0, -50)]
    assert scene.adds_up()


def test_an_order_that_counts_again_is_given_back(scenes):
    scene, _ = scenes("\n[plugins.koc]\nrefund_days = 1\n")
    scene.enrol("ann", "ANN")
    sell(scene, "1", 1_000)
    sell(scene, "2", 2_000, "eve")
    with scene.brand:
        scene.koc.upkeep()
    scene.clock.advance(hours=1)
    scene.order("2", "eve", 2_000, status="closed")
    scene.clock.advance(days=1)
    assert scene.settle() == [("ANN", 0, 50, 50, 0)] and scene.led("2") == ("ANN", "code", "void")
    scene.clock.advance(hours=1)
    scene.order("1", "dan", 1_000, status="closed")
    assert scene.settle() == [("ANN", 0, -50, 0, -50)]
    scene.clock.advance(hours=1)
    for number, buyer, paid in (("1", "dan", 1_000), ("2", "eve", 2_000)):
        scene.order(number, buyer, paid)  # the shop takes both closings back
    # 50 back for order 1, 100 for order 2, less the 50 that were carried.
    with scene.brand:
        assert [(s.total_minor, s.payable_minor) for s in scene.koc.statements.preview()] == [(150, 100)]
    assert scene.settle() == [("ANN", -50, 150, 100, 0)]
    assert scene.adds_up()


def test_a_refund_that_is_told_before_its_order_counts_when_the_order_comes(scenes):
    scene, _ = scenes("\n[plugins.koc]\nrefund_days = 0\n")
    scene.enrol("ann", "ANN")
    scene.refund("1", 400)
    sell(scene, "1", 1_000)
    # 5 % of the 600 that are left.
    assert scene.settle() == [("ANN", 0, 30, 30, 0)]
    assert scene.adds_up()


def test_a_refund_before_it_is_earned_leaves_what_is_left(scenes):
    scene, _ = scenes(EIGHT)
    scene.enrol("ann", "ANN")
    sell(scene)
    sell(scene, "2", 1_000)
    scene.refund("1", 11_452)
    scene.refund("2", 1_000)
    with scene.brand:
        scene.koc.upkeep()
    scene.clock.advance(days=15)
    assert scene.settle() == [("ANN", 0, 1_403, 1_403, 0)]
    assert scene.led("2") == ("ANN", "code", "void")
    assert scene.adds_up()


def test_an_order_is_earned_after_its_completion_not_after_its_payment(scenes):
    scene, late = scenes(EIGHT + "complete_after_days = 0\n")
    scene.enrol("ann", "ANN")
    sell(scene, status="paid")
    scene.clock.advance(days=100)
    assert scene.settle() == []
    scene.order("1", "dan", 28_997, "2026-01-01T08:00")  # told completed now
    assert scene.settle() == []
    scene.clock.advance(days=15)
    assert scene.settle() == [("ANN", 0, 2_319, 2_319, 0)]
    assert late.settle() == []


def test_where_nobody_tells_completion_a_number_of_days_stands_for_it(scenes):
    scene, _ = scenes(EIGHT + "complete_after_days = 10\n")
    scene.enrol("ann", "ANN")
    sell(scene, status="paid")
    scene.clock.advance(days=24)
    assert scene.settle() == []
    scene.clock.advance(days=1)
    assert scene.settle() == [("ANN", 0, 2_319, 2_319, 0)]


def test_parts_floor_once_per_order_and_return_exactly_what_was_earned(scenes):
    scene, _ = scenes("\n[plugins.koc]\nrate_c_bp = 800\nrefund_days = 0\n")
    scene.enrol("ann", "ANN")
    sell(scene, paid=19_999)
    scene.settle()
    for n, part in enumerate((6_666, 6_666, 6_667)):
        scene.refund("1", part, f"R{n}")
    # 1,599.92 -> 1,599; 13,333 left: 1,066.64 -> 1,066; 6,667 left: 533.36 -> 533; nothing left.
    assert scene.entries("ANN") == [("earn", 1_599), ("clawback", -533), ("clawback", -533), ("clawback", -533)]
    assert scene.adds_up()


def test_situation_two_pays_the_first_order_alone(scenes):
    scene, _ = scenes(FIRST)
    scene.enrol("ann", "ANN")
    scene.order("0", "old", 100, "2025-06-01T09:00")
    for number, buyer in (("1", "dan"), ("2", "dan"), ("3", "old")):
        scene.clock.advance(hours=1)
        sell(scene, number, 1_000, buyer)
    assert scene.settle() == [("ANN", 0, 100, 100, 0)]
    assert [scene.led(n)[2] for n in "123"] == ["earned", "void", "void"]


def test_an_own_rate_goes_before_the_tiers(scenes):
    scene, _ = scenes("\n[plugins.koc]\nrefund_days = 0\nrate_s_bp = 2000\ntier_s = 3\ntier_a = 2\ntier_b = 1\n")
    scene.enrol("ann", "ANN")
    scene.enrol("bea", "BEA", rate_bp=100)
    scene.order("0", "ann", 100)
    with scene.brand:
        scene.koc.scores.run()
    sell(scene, "1", 1_000)
    sell(scene, "2", 1_000, code="BEA")
    assert scene.settle() == [("ANN", 0, 200, 200, 0), ("BEA", 0, 10, 10, 0)]


def test_four_processes_settle_once(scenes, together):
    scene, _ = scenes("\n[plugins.koc]\nrefund_days = 0\n")
    for name in ("ann", "bea"):
        scene.enrol(name, name.upper())
    for n in range(6):
        sell(scene, str(n), 10_000, f"b{n}", code=("ANN", "BEA")[n % 2])
    answers = together(scene.brand.installation, SETTLE, 4)
    assert sorted(line for answer in answers for line in answer) == [["ANN", 1_500], ["BEA", 1_500]]
    with scene.brand:
        assert execute("SELECT count(*) FROM koc_statement").fetchone() == (2,)
        assert execute("SELECT count(*) FROM koc_entry WHERE kind = 'earn'").fetchone() == (6,)
    assert scene.adds_up()


STEPS = """
from scrm_koc.service import Koc


def run(brand, worker):
    koc, made, more = Koc(brand, brand.plugins["koc"].settings), [], True
    while more:
        with brand.transaction():  # as a request is: all of a step or nothing
            found, more = koc.statements.step(actor=f"w{worker}", most=2)
        made += [[s.member, s.payable_minor] for s in found]
    return made
"""


def test_a_settlement_goes_in_steps_of_so_many_changes_and_goes_on_where_it_stopped(scenes):
    scene, _ = scenes("\n[plugins.koc]\nrefund_days = 0\nrate_c_bp = 1000\n")
    for n, name in enumerate(("ann", "bea", "cat")):
        scene.enrol(name, name.upper())
        for order in range(3):
            sell(scene, f"{name}-{order}", 1_000, f"b{n}{order}", name.upper())
    statements, made, steps = scene.koc.statements, [], 0
    more = True
    with scene.brand:
        while more:
            before = execute("SELECT count(*) FROM koc_order WHERE state <> 'open'").fetchone()[0]
            found, more = statements.step(actor="finance", most=2)
            after = execute("SELECT count(*) FROM koc_order WHERE state <> 'open'").fetchone()[0]
            assert len(found) <= 2 and after - before <= 2
            assert not found or after == 9  # nobody gets a statement before all that is due was looked at
            made += [(s.member, s.total_minor) for s in found]
            steps += 1
        assert statements.step(actor="finance", most=2) == ([], False)
        for most in (0, 501, True):
            with pytest.raises(Invalid):
                statements.step(actor="finance", most=most)
    assert made == [("ANN", 300), ("BEA", 300), ("CAT", 300)] and steps > 6
    assert scene.adds_up()


def test_four_callers_who_settle_in_steps_at_once_pay_everybody_once(scenes, together):
    scene, _ = scenes("\n[plugins.koc]\nrefund_days = 0\nrate_c_bp = 1000\n")
    for name in ("ann", "bea", "cat", "dee"):
        scene.enrol(name, name.upper())
        for order in range(2):
            sell(scene, f"{name}-{order}", 1_000, f"b{name}{order}", name.upper())
    answers = together(scene.brand.installation, STEPS, 4)
    paid = {}
    for member, amount in (line for answer in answers for line in answer):
        paid[member] = paid.get(member, 0) + amount
    assert paid == {"ANN": 200, "BEA": 200, "CAT": 200, "DEE": 200}
    with scene.brand:
        assert execute("SELECT count(*), sum(amount_minor) FROM koc_entry WHERE statement_id IS NOT NULL").fetchone() == (8, 800)
    assert scene.adds_up()


def test_four_processes_refund_parts_of_one_order_and_claw_back_each_once(scenes, together):
    scene, _ = scenes("\n[plugins.koc]\nrefund_days = 0\nrate_c_bp = 777\n")
    scene.enrol("ann", "ANN")
    sell(scene, paid=10_000)
    scene.settle()
    together(scene.brand.installation, REFUND, 4)
    scene.deliver()
    # 10,000 x 7.77 % = 777; 20 refunds of 100 leave 8,000: 621.6
    assert sum(amount for _, amount in scene.entries("ANN")) == 621
    assert scene.adds_up()


def test_four_processes_that_name_two_kocs_for_ten_orders_pay_each_order_once(scenes, together):
    scene, _ = scenes("\n[plugins.koc]\nrefund_days = 0\nrate_c_bp = 1000\n")
    scene.clock.set(SystemClock().now())  # the processes' clock
    scene.enrol("ann", "ANN")
    scene.enrol("bea", "BEA")
    for n in range(10):
        scene.order(str(n), f"b{n}", 1_000)
    scene.deliver()
    together(scene.brand.installation, USE, 4)
    scene.settle()
    with scene.brand:
        assert execute("SELECT count(*), sum(amount_minor) FROM koc_entry").fetchone() == (10, 1_000)
    assert sum(payable for *_, payable, _ in statements(scene)) == 1_000
    assert scene.adds_up()


def statements(scene):
    with scene.brand:
        return [(s.member, s.payable_minor, s.carry_minor) for s in scene.koc.statements.page()]


def test_a_dry_run_tells_what_settling_would_and_writes_nothing(scenes):
    scene, _ = scenes("\n[plugins.koc]\nrefund_days = 0\n")
    scene.enrol("ann", "ANN")
    sell(scene, paid=1_000)
    with scene.brand:
        for _ in range(2):
            (tried,) = scene.koc.statements.preview()
            assert (tried.number, tried.member, tried.payable_minor, tried.state) == ("", "ANN", 50, "dry_run")
        assert scene.koc.statements.page() == []
    assert scene.led("1") == ("ANN", "code", "open") and scene.entries("ANN") == []
    assert scene.settle() == [("ANN", 0, 50, 50, 0)]


def test_a_dry_run_says_what_settling_says_of_everything_that_is_due(scenes):
    scene, _ = scenes("\n[plugins.koc]\nrefund_days = 3\ncomplete_after_days = 4\n")
    scene.enrol("ann", "ANN")
    scene.enrol("bea", "BEA")
    sell(scene, "1", 1_000)  # completed, noted below
    with scene.brand:
        scene.koc.upkeep()
    sell(scene, "2", 2_000, "eve", "BEA", status="paid")  # nobody tells its completion
    scene.clock.advance(days=7)
    sell(scene, "3", 4_000, "fay", "BEA")  # not due
    sell(scene, "4", 8_000, "ann", "ANN")  # her own
    with scene.brand:
        scene.koc.ledger.adjust("BEA", -500, key="k", reason="sample", actor="lin")
        tried = [(s.member, s.entries, s.total_minor, s.payable_minor, s.carry_minor) for s in
                 scene.koc.statements.preview()]  # fmt: skip
        # 5 % of 1,000; 5 % of 2,000 less 500.
        assert tried == [("ANN", 1, 50, 50, 0), ("BEA", 2, -400, 0, -400)]
        made = scene.koc.statements.settle(actor="finance")
    assert [(s.member, s.entries, s.total_minor, s.payable_minor, s.carry_minor) for s in made] == tried


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_a_dry_run_waits_for_no_writer_and_holds_up_none(scenes, tmp_path):
    import sqlite3

    scene, _ = scenes("\n[plugins.koc]\nrefund_days = 0\n")
    scene.enrol("ann", "ANN")
    sell(scene, paid=1_000)
    with scene.brand:
        ((_, _, file),) = [row for row in execute("PRAGMA database_list").fetchall() if row[1] == "main"]
        writer = sqlite3.connect(file, isolation_level=None)
        writer.execute("BEGIN IMMEDIATE")
        assert [s.payable_minor for s in scene.koc.statements.preview()] == [50]
        writer.execute("ROLLBACK")
        writer.close()


def test_processes_that_refund_and_settle_at_once_leave_sums_that_add_up(scenes, together):
    scene, _ = scenes("\n[plugins.koc]\nrefund_days = 0\nrate_c_bp = 1000\n")
    scene.enrol("ann", "ANN")
    for n in range(6):
        sell(scene, str(n), 10_000, f"b{n}")
    together(scene.brand.installation, AT_ONCE, 4)
    scene.deliver()
    scene.settle()
    with scene.brand:
        payable, carry = execute(
            "SELECT sum(payable_minor), (SELECT sum(carry_minor) FROM koc_member) FROM koc_statement"
        ).fetchone()
        assert execute("SELECT count(*) FROM koc_entry WHERE statement_id IS NULL").fetchone() == (0,)
    # Six orders of 10,000, each less two refunds of 1,000, at 10 %.
    assert int(payable) + int(carry) == 6 * 800
    assert scene.adds_up()


def test_four_workers_with_the_same_events_put_each_order_down_and_pay_it_once(scenes, together):
    scene, _ = scenes("\n[plugins.koc]\nrefund_days = 0\nrate_c_bp = 1000\n")
    scene.enrol("ann", "ANN")
    for n in range(12):
        scene.use("ANN", str(n))
        scene.order(str(n), f"b{n}", 1_000)
    with scene.brand:
        for n in range(6):
            scene.brand.orders.refund(RefundIn("shop", str(n), "R", 500, scene.brand.now(), ""))
    together(scene.brand.installation, WORKERS, 4)
    scene.deliver()
    scene.settle()
    # Six of 1,000 and six of which half went back, at 10 %.
    assert sum(amount for _, amount in scene.entries("ANN")) == 6 * 100 + 6 * 50
    with scene.brand:
        assert execute("SELECT count(*) FROM koc_order WHERE state = 'earned'").fetchone() == (12,)
        assert execute("SELECT count(*) FROM parked").fetchone() == (0,)
    assert scene.adds_up()


def test_a_settlement_that_is_killed_between_its_statements_is_finished_by_the_next_one(scenes, tmp_path):
    import subprocess
    import sys

    scene, _ = scenes("\n[plugins.koc]\nrefund_days = 0\nrate_c_bp = 1000\n")
    for name in ("ann", "bea", "cat"):
        scene.enrol(name, name.upper())
        sell(scene, name, 10_000, f"buyer of {name}", name.upper())
    scene.brand.installation.close()
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(scene.brand.installation.config.root)], capture_output=True, timeout=120
    )
    assert done.returncode == -9, done.stderr
    with scene.brand:
        assert execute("SELECT count(*) FROM koc_statement").fetchone() == (1,)
    assert scene.adds_up()
    assert scene.settle() == [("BEA", 0, 1_000, 1_000, 0), ("CAT", 0, 1_000, 1_000, 0)]
    assert scene.adds_up()


def test_a_statement_is_paid_once_and_entries_are_never_rewritten(scenes):
    scene, _ = scenes("\n[plugins.koc]\nrefund_days = 0\n")
    scene.enrol("ann", "ANN")
    sell(scene, paid=1_000)
    with scene.brand:
        (statement,) = scene.koc.statements.settle(actor="finance")
        for _ in range(2):
            assert scene.koc.statements.pay(statement.number, reference="T1", actor="finance").state == "paid"
        with pytest.raises(Conflict):
            scene.koc.statements.pay(statement.number, reference="T2", actor="finance")
        for sql in (
            "UPDATE koc_entry SET amount_minor = 51", "UPDATE koc_entry SET statement_id = NULL", "DELETE FROM koc_entry"
        ):  # fmt: skip
            with pytest.raises(peewee.IntegrityError), scene.brand.transaction():
                execute(sql)
    assert scene.adds_up()


def test_adjustments_are_made_once_per_key_and_with_a_reason(scene):
    scene.enrol("ann", "ANN")
    with scene.brand:
        for _ in range(2):
            scene.koc.ledger.adjust("ANN", -30, key="k", reason="sample kept", actor="lin")
        with pytest.raises(Conflict):
            scene.koc.ledger.adjust("ANN", 30, key="k", reason="other", actor="lin")
        for wrong in ({"reason": ""}, {"actor": ""}, {"key": ""}):
            with pytest.raises(Invalid):
                scene.koc.ledger.adjust("ANN", 30, **{"key": "j", "reason": "r", "actor": "lin", **wrong})
    assert scene.settle() == [("ANN", 0, -30, 0, -30)]
    with scene.brand:
        (statement,) = scene.koc.statements.page()
        assert statement.state == "carried"
        with pytest.raises(Conflict) as refused:
            scene.koc.statements.pay(statement.number, reference="T1", actor="finance")
        assert refused.value.code == "nothing_due"
    assert scene.adds_up()
