"""Killed and racing processes: every reward once, none kept that its order no longer proves."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from referral_scene import Scene, rung

from scrm_core.db.bulk import execute
from scrm_core.installation import Installation

# A process that approves a reward or settles, and is killed at one of its steps.
DIE = """
import os, signal, sys
from pathlib import Path

from scrm_core.installation import Installation
from scrm_core.services import rewards
from scrm_referral import rungs
from scrm_referral.service import referrals_of


def die(*args, **kwargs):
    os.kill(os.getpid(), signal.SIGKILL)


def after(function):
    def call(*args, **kwargs):
        function(*args, **kwargs)
        die()

    return call


place, uid = sys.argv[2:]
if place == "before the grant":
    rewards.Rewards.grant = die
elif place == "after the grant":
    rewards.Rewards.grant = after(rewards.Rewards.grant)
else:
    rungs.Rungs._pay = after(rungs.Rungs._pay)
with Installation.open(Path(sys.argv[1])).brand("acme") as brand:
    referrals_of(brand).rungs.review(uid, "approve", reason="", actor="li")
"""


@pytest.mark.parametrize("place", ["before the grant", "after the grant", "before the commit"])
def test_a_kill_at_any_step_of_a_grant_leaves_it_whole_or_undone(open_house, deliver, place: str) -> None:
    installation: Installation = open_house()
    with installation.brand("acme") as brand:
        scene = Scene(brand, deliver)
        scene.campaign(ladder=[rung(1, "cup", 600, stock=1)], gates=[{"gate": "member"}])
        anna, code = scene.inviter()
        scene.join(scene.person(state=code))
        scene.deliver()
        ((_, uid),) = scene.rungs()
    root = str(installation.config.root)
    child = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(DIE), root, place, uid], env={**os.environ}, cwd=Path(root), check=False
    )
    assert child.returncode == -9
    with installation.brand("acme") as brand:
        scene = Scene(brand, deliver)
        # Nothing was acknowledged, and nothing of it is there.
        assert (scene.referrals.rungs.get(uid).state, scene.vouchers_of(anna)) == ("due", [])
        assert execute("SELECT spent_minor FROM referral_campaign").fetchone()[0] == 0
        assert execute("SELECT taken FROM referral_stock").fetchone()[0] == 0
        assert scene.approve(uid) == "granted"
        assert scene.vouchers_of(anna) == [("cup", "claimed")]
        assert execute("SELECT spent_minor FROM referral_campaign").fetchone()[0] == 600
        assert execute("SELECT taken FROM referral_stock").fetchone()[0] == 1


# Two workers deliver the same log, one process runs the job, one refunds orders.
RACE = """
from scrm_core.delivery import Delivery
from scrm_core.services.orders import RefundIn
from scrm_referral.service import referrals_of


def run(brand, worker):
    if worker == 0:
        for number in {refunds}:
            brand.orders.refund(RefundIn("shop", number, "R-" + number, 9_900, brand.now(), ""))
        return 0
    for _ in range(30):
        if worker == 1:
            referrals_of(brand).settle()
        else:
            Delivery(brand).step()
    return 0
"""


def test_refunds_that_race_with_workers_and_the_job_leave_nobody_counted_or_paid_for_them(
    open_house, together, deliver
) -> None:
    installation: Installation = open_house()
    with installation.brand("acme") as brand:
        scene = Scene(brand, deliver)
        brand.groups.upsert("vip", "VIP")
        # The last gate is one that the job alone finds, so that it and the refunds meet.
        scene.campaign(
            gates=[{"gate": "first_order"}, {"gate": "joined_group", "group": "vip"}],
            ladder=[rung(5, "cup", 600), rung(10, "bag", 900)],
        )
        anna, code = scene.inviter()
        people = [scene.person(state=code) for _ in range(12)]
        numbers = [scene.order(each) for each in people]
        scene.deliver()
        for contact in people:
            brand.groups.join("vip", contact, at=brand.now(), source="test")
    together(installation, RACE.format(refunds=numbers[:6]), 4)
    with installation.brand("acme") as brand:
        scene = Scene(brand, deliver)
        scene.deliver()
        assert scene.states() == {"qualified": 6, "locked": 6}
        # Twelve less six are six: the rung of five, once; that of ten is nobody's, whether it was due meanwhile or not.
        assert [invites for invites, _ in scene.rungs()] == [5]
        assert {invites for invites, _ in scene.rungs("withdrawn")} <= {5, 10}
        kept = execute(
            "SELECT count(*) FROM referral_step s JOIN orders o ON o.id = s.order_id WHERE o.refund_minor > 0"
        ).fetchone()[0]
        assert kept == 0 and scene.vouchers_of(anna) == []
        qualified, revoked = (
            execute("SELECT count(*) FROM event WHERE data LIKE ?", (f'%"name":"{name}"%',)).fetchone()[0]
            for name in ("qualified", "revoked")
        )
        assert qualified - revoked == 6


# Four workers deliver the same log at the same moment.
WORK = """
from scrm_core.delivery import Delivery


def run(brand, worker):
    for _ in range(20):
        Delivery(brand).step()
    return 0
"""


def test_two_workers_that_deliver_the_same_events_count_everybody_once(open_house, together, deliver) -> None:
    installation: Installation = open_house()
    with installation.brand("acme") as brand:
        scene = Scene(brand, deliver)
        scene.campaign()
        _, code = scene.inviter()
        for _ in range(10):
            contact = scene.person(state=code)
            scene.join(contact)
            scene.order(contact)
    together(installation, WORK, 4)
    with installation.brand("acme") as brand:
        scene = Scene(brand, deliver)
        scene.deliver()
        assert scene.states() == {"qualified": 10}
        assert [invites for invites, _ in scene.rungs()] == [5, 10]
        names = [
            execute("SELECT count(*) FROM event WHERE data LIKE ?", (f'%"name":"{name}"%',)).fetchone()[0]
            for name in ("locked", "qualified", "rung-due")
        ]
        assert names == [10, 10, 2]
