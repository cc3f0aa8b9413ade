"""Nothing is sent twice: workers, restarts, kills, overlapping plans, people who act at the same moment."""

from __future__ import annotations

import signal
from collections import Counter
from pathlib import Path

import pytest
from sms_scene import sent_lines

from scrm_core.clock import ManualClock, SystemClock
from scrm_core.installation import Installation

SEND_ALL = """
from scrm_core.db.bulk import execute

def run(brand, worker):
    sent = 0
    while True:
        outcome = brand.outreach.dispatch()
        sent += outcome.accepted
        if not outcome.busy:
            (left,) = execute("SELECT count(*) FROM message WHERE state = 'queued'").fetchone()
            if not left:
                return sent
"""


def test_four_workers_send_each_message_of_a_plan_once(posting, together) -> None:
    scene = posting()
    with scene.brand:
        scene.people(80)
        scene.upto("running", sender="file")
    answers = together(scene.brand.installation, SEND_ALL, 4)
    sent = [address for address, _ in sent_lines(scene.brand)]
    assert len(sent) == len(set(sent)) == sum(answers) == 80


def test_overlapping_plans_in_several_workers_reach_a_person_once(posting, together) -> None:
    scene = posting(per_7_days="1")
    with scene.brand:
        scene.people(40)
        scene.upto("running", "MAY", sender="file")
        scene.upto("running", "JUN", sender="file")
    together(scene.brand.installation, SEND_ALL, 4)
    times = Counter(address for address, _ in sent_lines(scene.brand))
    assert len(times) == 40 and set(times.values()) == {1}
    with scene.brand:
        blocked = [scene.counts(code).get(("blocked", "cap_7_days"), 0) for code in ("MAY", "JUN")]
    assert sum(blocked) == 40


SEND_SOME = """
def run(brand, worker):
    for _ in range({rounds}):
        brand.outreach.dispatch()
"""


@pytest.fixture
def process(forked):
    """A function: another process dispatches so many times and ends; returns its exit code."""

    def dispatch(scene, rounds: int) -> int:
        child = forked(scene.brand.installation, SEND_SOME.format(rounds=rounds))
        child.go()
        return child.ended()

    return dispatch


def test_a_restart_in_the_middle_goes_on_where_it_was(posting, process) -> None:
    scene = posting()
    with scene.brand:
        scene.people(12)
        scene.upto("running", sender="file")
    assert [process(scene, 5), process(scene, 4), process(scene, 10)] == [0, 0, 0]
    times = Counter(address for address, _ in sent_lines(scene.brand))
    assert len(times) == 12 and set(times.values()) == {1}


def test_a_worker_killed_between_sent_and_recorded_sends_nothing_again_and_the_receipt_tells(
    posting, monkeypatch, process
) -> None:
    scene = posting()
    with scene.brand:
        scene.people(10)
        scene.upto("running", sender="file")
    monkeypatch.setenv("POST_KILL_AT", "4")
    assert process(scene, 20) == -signal.SIGKILL
    monkeypatch.delenv("POST_KILL_AT")
    assert len(sent_lines(scene.brand)) == 4
    root = Path(scene.brand.installation.config.root)
    later = Installation.open(root, clock=ManualClock(SystemClock().now() + 61_000))
    with later.brand("acme") as brand:
        brand.outreach.drain()
        lines = sent_lines(brand)
        assert len({address for address, _ in lines}) == len(lines) == 10
        plans = brand.plugins["sms"].plans
        assert plans.get("MAY").counts == {("sent", ""): 9, ("unknown", "interrupted"): 1}
        (lost,) = [m for m in brand.outreach.messages(plans.get("MAY").run.id) if m.state == "unknown"]
        assert [lost.address, lost.uid] == lines[3] and lost.link_id is not None
        for _, uid in lines:
            assert brand.outreach.receipt(uid, "delivered")
            assert not brand.outreach.receipt(uid, "delivered")
        plans.control.run()
        assert plans.get("MAY").counts == {("delivered", ""): 10}
        assert plans.get("MAY").row.state == "done"
    later.close()


def test_a_batch_whose_worker_died_is_unknown_as_a_whole_and_never_sent_again(posting, monkeypatch, process) -> None:
    monkeypatch.setenv("POST_BATCH", "5")
    scene = posting()
    with scene.brand:
        scene.people(10)
        scene.upto("running", sender="file")
    monkeypatch.setenv("POST_KILL_AT", "5")
    assert process(scene, 20) == -signal.SIGKILL
    monkeypatch.delenv("POST_KILL_AT")
    later = Installation.open(
        Path(scene.brand.installation.config.root), clock=ManualClock(SystemClock().now() + 61_000)
    )
    with later.brand("acme") as brand:
        brand.outreach.drain()
        times = Counter(address for address, _ in sent_lines(brand))
        assert len(times) == 10 and set(times.values()) == {1}
        assert brand.plugins["sms"].plans.get("MAY").counts == {("sent", ""): 5, ("unknown", "interrupted"): 5}
    later.close()


# People at the same moment ---------------------------------------------------

ACT = """
from scrm_core.errors import Conflict

def run(brand, worker):
    plans = brand.plugins["sms"].plans
    actor = ["bob", "eve", "joe", "kim"][worker]
    try:
        {act}
    except Conflict as error:
        return error.code
    return actor
"""


def at_once(scene, together, act: str) -> list[str]:
    answers: list[str] = together(scene.brand.installation, ACT.replace("{act}", act), 4)
    return answers


def test_of_several_approvers_exactly_one_approves(posting, together) -> None:
    scene = posting(two_persons=0)
    with scene.brand:
        scene.people(2)
        scene.upto("approval", sender="file")
    answers = at_once(scene, together, 'plans.launching.approve("MAY", actor=actor)')
    winners = [answer for answer in answers if answer in ("bob", "eve", "joe", "kim")]
    assert len(winners) == 1 and set(answers) - set(winners) <= {"plan_changed", "plan_approved"}
    with scene.brand:
        assert scene.plans.get("MAY").steps["approval"].content.approver == winners[0]
        assert scene.history().count("approval") == 1


def test_of_several_schedulers_exactly_one_schedules(posting, together) -> None:
    scene = posting()
    with scene.brand:
        scene.people(2)
        scene.upto("schedule", sender="file")
    answers = at_once(scene, together, 'plans.launching.schedule("MAY", "now", actor=actor)')
    winners = [answer for answer in answers if answer in ("bob", "eve", "joe", "kim")]
    assert len(winners) == 1 and set(answers) - set(winners) <= {"plan_changed", "plan_state", "run_state"}
    with scene.brand:
        assert scene.history().count("schedule") == 1
        scene.brand.outreach.drain()
        assert len(sent_lines(scene.brand)) == 2


def test_of_several_who_build_the_pack_one_wins_and_nobody_is_queued_twice(posting, together) -> None:
    scene = posting()
    with scene.brand:
        scene.people(30)
        scene.upto("pack", sender="file")
    answers = at_once(scene, together, 'plans.packing.build("MAY", actor=actor)')
    assert set(answers) <= {"bob", "eve", "joe", "kim", "plan_changed"}
    with scene.brand:
        assert scene.state() == "path"
        assert scene.counts() == {("queued", ""): 30}
        scene.upto("running", since="path")
        scene.brand.outreach.drain()
        times = Counter(address for address, _ in sent_lines(scene.brand))
        assert len(times) == 30 and set(times.values()) == {1}


def test_several_jobs_at_once_release_the_rest_once(posting, together) -> None:
    scene = posting(canary=3)
    with scene.brand:
        scene.people(20)
        scene.upto("running", sender="file")
        scene.brand.outreach.drain()
        for _, uid in sent_lines(scene.brand):
            scene.brand.outreach.receipt(uid, "delivered")
    path = scene.brand.installation.config.brands_dir / "acme.toml"
    path.write_text(path.read_text().replace("canary_recall = 0", "canary_recall = 0\ncanary_wait_minutes = 0"))
    together(scene.brand.installation, 'def run(brand, worker):\n    brand.plugins["sms"].control()\n', 4)
    with scene.brand:
        assert scene.history().count("released") == 1
        scene.brand.outreach.drain()
        assert len(sent_lines(scene.brand)) == 20


def test_a_change_and_a_schedule_at_once_never_send_what_nobody_approved(posting, together) -> None:
    scene = posting()
    with scene.brand:
        scene.people(2)
        scene.upto("schedule", sender="file")
    act = """
        from scrm_sms.plans.steps import Arm
        if worker % 2:
            plans.launching.schedule("MAY", "now", actor=actor)
        else:
            plans.wordings.set_copy("MAY", [Arm("A", "新的 {link} 拒收请回复R")], actor=actor)
    """.strip()
    at_once(scene, together, act)
    with scene.brand:
        scene.brand.outreach.drain()
        state, sent = scene.state(), len(sent_lines(scene.brand))
        bodies = {m.body for m in scene.messages() if m.body}
        assert (state, sent) in (("test", 0), ("running", 2), ("done", 2))
        assert not any("新的" in body for body in bodies)
