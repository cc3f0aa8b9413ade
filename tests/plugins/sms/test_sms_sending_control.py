"""What happens while a plan is sent: canary, halt, pause, quiet hours, outage, the activity's end, receipts."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from itertools import pairwise

import pytest
from sms_scene import BODY, EVERYBODY, Bench, Scene, configured

from scrm_core.api import SendResult
from scrm_core.errors import Conflict
from scrm_sms import Sms
from scrm_sms.plans.steps import Arm
from scrm_sms.results import landing

WAIT = 30 * 60


@pytest.fixture
def canary(sms_installation):
    """A plan of 40 people is running; 5 of them go first, and a click is wanted of them."""
    with sms_installation(canary=5, recall=1).brand("acme") as brand:
        scene = Scene(brand)
        scene.people(40)
        scene.upto("running")
        scene.brand.outreach.drain()
        yield scene


def first_go(scene: Scene) -> int:
    return len(scene.gateway.of("marketing"))


# Canary ----------------------------------------------------------------------


def test_the_canary_goes_first_and_the_rest_waits_for_its_answers(canary: Scene, clock) -> None:
    assert 5 <= first_go(canary) < 40
    went = first_go(canary)
    canary.receipts()
    canary.open(canary.gateway.of("marketing")[0].body)
    clock.advance(seconds=WAIT, ms=-1)
    canary.control()
    canary.brand.outreach.drain()
    assert first_go(canary) == went and canary.plans.get("MAY").row.phase == "canary"
    clock.advance(ms=1)
    canary.control()
    canary.brand.outreach.drain()
    assert first_go(canary) == 40
    entry = next(entry for entry in canary.plans.history("MAY") if entry.action == "released")
    assert entry.actor == "sms"
    assert entry.detail == {
        "sent": went, "delivered": went, "failed": 0, "unknown": 0, "no_receipt": 0, "clicks": 1, "canary": 5,
    }  # fmt: skip


def test_a_canary_that_recalls_nobody_halts_the_plan(canary: Scene, clock) -> None:
    went = first_go(canary)
    canary.receipts()
    canary.open(canary.gateway.of("marketing")[0].body, agent="WhatsApp/2.0 bot")
    clock.advance(seconds=WAIT)
    canary.control()
    assert canary.run_state() == "paused"
    assert canary.last()["why"] == "the canary brought 0 clicks, fewer than 1"
    canary.control()
    canary.brand.outreach.drain()
    assert first_go(canary) == went and canary.history().count("halted") == 1


def test_a_halted_canary_is_waited_for_once_more_after_a_person_resumes_it(canary: Scene, clock) -> None:
    canary.receipts()
    clock.advance(seconds=WAIT)
    canary.control()
    clock.advance(hours=1)
    canary.plans.control.resume("MAY", actor="ann")
    canary.control()
    assert canary.run_state() == "running" and canary.plans.get("MAY").row.phase == "canary"
    canary.open(canary.gateway.of("marketing")[0].body)
    clock.advance(seconds=WAIT)
    canary.control()
    canary.brand.outreach.drain()
    assert first_go(canary) == 40


def test_a_person_may_release_a_halted_plan_and_is_named(canary: Scene, clock) -> None:
    canary.receipts()
    clock.advance(seconds=WAIT)
    canary.control()
    canary.plans.control.release("MAY", actor="eve")
    canary.brand.outreach.drain()
    assert first_go(canary) == 40
    assert [e.actor for e in canary.plans.history("MAY") if e.action == "released"] == ["eve"]
    with pytest.raises(Conflict, match="released already"):
        canary.plans.control.release("MAY", actor="eve")


def test_a_canary_that_fails_halts_the_plan_below_the_least_number_of_failures_too(canary: Scene, clock) -> None:
    went = first_go(canary)
    for place, message in enumerate(canary.gateway.of("marketing")):
        canary.brand.outreach.receipt(message.uid, "delivered" if place else "failed", code="UNDELIV")
    canary.open(canary.gateway.of("marketing")[1].body)
    canary.deliver()
    clock.advance(seconds=WAIT)
    canary.control()
    # One of at most nine is above 10 %; of ten and more it is not.
    assert (canary.run_state() == "paused") == (went < 10)
    assert canary.last()["failed"] == 1


def test_a_canary_without_any_receipt_halts_the_plan(canary: Scene, clock) -> None:
    clock.advance(seconds=WAIT)
    canary.control()
    assert canary.last()["why"] == "no message of the canary was delivered"
    assert canary.last()["no_receipt"] == first_go(canary)


def test_adds_are_counted_when_they_are_what_the_canary_must_bring(new_installation, clock) -> None:
    settings = configured(canary=5, recall=1).replace('canary_measure = "click"', 'canary_measure = "add"')
    with new_installation(plugins=(Sms, Bench), acme=settings).brand("acme") as brand:
        scene = Scene(brand)
        scene.people(40)
        scene.upto("running")
        scene.brand.outreach.drain()
        scene.receipts()
        scene.open(scene.gateway.of("marketing")[0].body)
        clock.advance(seconds=WAIT)
        scene.control()
        assert scene.last()["why"] == "the canary brought 0 adds, fewer than 1"
        clock.advance(seconds=1)
        scene.person(scene.gateway.of("marketing")[0].address, state=scene.code_in(0))
        scene.deliver()
        scene.plans.control.resume("MAY", actor="ann")
        clock.advance(seconds=WAIT)
        scene.control()
        assert scene.plans.get("MAY").row.phase == "all"


def test_failures_above_the_threshold_halt_the_rest_too(sms_installation, clock) -> None:
    with sms_installation().brand("acme") as brand:
        scene = Scene(brand)
        scene.people(60)
        scene.gateway.answer = lambda message: SendResult.accepted()
        scene.upto("running")
        scene.gateway.answer = lambda message: SendResult.refused("XX:1")
        scene.brand.outreach.drain()
        assert scene.run_state() == "paused"
        assert 20 <= first_go(scene) <= 30
        scene.control()
        scene.control()
        assert scene.history().count("halted") == 1
        assert "failed" in str(scene.last()["why"]) and scene.last()["queued"] == 60 - first_go(scene)


# Pause, resume, cancel -------------------------------------------------------


def test_pause_resume_and_cancel(scene: Scene, clock) -> None:
    scene.people(30)
    scene.upto("running")
    scene.brand.outreach.dispatch()
    assert first_go(scene) == 10
    scene.plans.control.pause("MAY", actor="eve", reason="look")
    scene.brand.outreach.drain()
    assert first_go(scene) == 10
    with pytest.raises(Conflict):
        scene.plans.control.pause("MAY", actor="eve")
    clock.advance(days=3)
    scene.brand.outreach.drain()
    scene.control()
    assert scene.history()[-1] == "pause"
    scene.plans.control.resume("MAY", actor="ann")
    scene.brand.outreach.dispatch()
    assert first_go(scene) == 20
    scene.plans.control.cancel("MAY", actor="ann", reason="enough")
    scene.brand.outreach.drain()
    assert first_go(scene) == 20
    assert scene.state() == "canceled"
    assert scene.last() == {"reason": "enough", "sent": 20, "canceled (canceled by ann)": 10}
    for act in (scene.plans.control.resume, scene.plans.control.pause, scene.plans.control.cancel):
        with pytest.raises(Conflict):
            act("MAY", actor="ann")
    with pytest.raises(Conflict, match="canceled; make a new one"):
        scene.plans.set_goal("MAY", "acquire", actor="ann")


def test_a_plan_that_was_not_scheduled_can_be_canceled(scene: Scene) -> None:
    scene.people(2)
    scene.upto("path")
    scene.plans.control.cancel("MAY", actor="ann")
    assert scene.brand.outreach.run("sms", "MAY").state == "canceled"


# Hours and outages -----------------------------------------------------------


def test_quiet_hours_reached_in_the_middle_go_on_next_morning(sms_installation, clock) -> None:
    with sms_installation(quiet='"21:00-09:00"').brand("acme") as brand:
        scene = Scene(brand)
        scene.people(25)
        clock.advance(hours=12, seconds=3_000)  # 20:50 in Shanghai
        scene.upto("running")
        scene.brand.outreach.dispatch()
        assert first_go(scene) == 10
        for _ in range(144):  # a worker that is awake all night
            clock.advance(seconds=300)
            scene.brand.outreach.drain()
        sent_at = sorted(m.at for m in scene.messages())
        assert first_go(scene) == 25 and scene.run_state() == "done"
        night = [at for at in sent_at if clock_at("2026-01-01T13:00") <= at < clock_at("2026-01-02T01:00")]
        assert night == [] and sent_at[-1] >= clock_at("2026-01-01T12:50")


def clock_at(utc: str) -> int:
    return int(datetime.fromisoformat(utc).replace(tzinfo=UTC).timestamp() * 1000)


def test_an_outage_longer_than_the_grace_expires_the_rest_and_says_so(scene: Scene, clock) -> None:
    scene.people(30)
    scene.upto("running")
    scene.brand.outreach.dispatch()
    clock.advance(seconds=7_201)
    scene.brand.outreach.drain()
    assert first_go(scene) == 10
    scene.control()
    assert scene.state() == "expired"
    assert scene.last() == {"why": "misfire", "expired (misfire)": 20, "sent": 10}


def test_an_outage_within_the_grace_is_made_up_for(scene: Scene, clock) -> None:
    scene.people(30)
    scene.upto("running")
    scene.brand.outreach.dispatch()
    clock.advance(seconds=7_200)
    scene.brand.outreach.drain()
    assert first_go(scene) == 30


def test_nothing_goes_after_the_end_of_the_activity(scene: Scene, clock) -> None:
    scene.people(30)
    scene.upto("running")
    landing.move_end(scene.brand, "MAY", scene.brand.now() + 60_000, actor="ann")
    scene.brand.outreach.dispatch()
    clock.advance(seconds=60)
    scene.brand.outreach.dispatch()
    assert first_go(scene) == 10 and scene.run_state() == "paused"
    scene.control()
    assert "the activity has ended" in str(scene.last()["why"])
    with pytest.raises(Conflict, match="the activity has ended"):
        scene.plans.control.resume("MAY", actor="ann")
    landing.move_end(scene.brand, "MAY", scene.brand.now() + 60_000, actor="ann")
    scene.plans.control.resume("MAY", actor="ann")
    scene.brand.outreach.drain()
    assert first_go(scene) == 30


def test_the_job_pauses_a_plan_at_the_end_of_its_activity_also_between_messages(canary: Scene, clock) -> None:
    landing.move_end(canary.brand, "MAY", canary.brand.now() + 60_000, actor="ann")
    clock.advance(seconds=60)
    canary.control()
    assert canary.run_state() == "paused" and "activity has ended" in str(canary.last()["why"])


def test_the_pace_is_kept(new_installation, clock) -> None:
    settings = configured().replace("canary_recall = 0", "canary_recall = 0\npace = 120")
    with new_installation(plugins=(Sms, Bench), acme=settings).brand("acme") as brand:
        scene = Scene(brand)
        scene.people(30)
        scene.upto("running")
        sent = []
        for _ in range(20):
            scene.brand.outreach.drain()
            sent.append(first_go(scene))
            clock.advance(seconds=1)
        assert sent[-1] == 30
        assert all(later - earlier <= 4 for earlier, later in pairwise(sent))
        assert sent[0] <= 4


# Who gets what ---------------------------------------------------------------


def test_everybody_gets_their_own_link_and_the_arm_that_is_theirs_for_ever(scene: Scene) -> None:
    scene.people(60)
    scene.upto("running", arms=[Arm("A", BODY), Arm("B", "官方链接 {link} 拒收请回复R")])
    scene.brand.outreach.drain()
    sent = scene.gateway.of("marketing")
    codes = [message.body.split("/l/")[1].split()[0] for message in sent]
    assert len(set(codes)) == 60
    experiment = scene.plans.get("MAY").steps["copy"].content.experiment
    kept = {m.address: m for m in scene.messages()}
    arms = Counter()
    for message, code in zip(sent, codes, strict=True):
        arm = "B" if "官方链接" in message.body else "A"
        arms[arm] += 1
        person = scene.brand.contacts.find("phone", message.address)
        assert kept[message.address].arm == arm == scene.brand.experiments.arm(experiment, person.uid)
        link = scene.brand.links.get(code)
        assert (link.id, link.variant, link.campaign, link.owner) == (
            kept[message.address].link_id, arm, "MAY", "sms",
        )  # fmt: skip
    assert min(arms.values()) >= 10
    result = scene.brand.experiments.result(experiment, "click")
    assert {arm.arm: arm.persons for arm in result.arms} == dict(arms)


def test_a_text_for_a_segment_goes_to_everybody_in_it_and_the_others_share_the_lot(scene: Scene) -> None:
    people = scene.people(20)
    for person in people[:5]:
        scene.tag(person, "diaper")
    arms = [Arm("A", BODY), Arm("B", "新" + BODY), Arm("D", "纸尿裤 {link} 拒收请回复R", segment="tag = diaper")]
    scene.upto("running", arms=arms)
    scene.brand.outreach.drain()
    by_arm = {m.contact_id: m.arm for m in scene.messages()}
    assert {person for person, arm in by_arm.items() if arm == "D"} == set(people[:5])
    result = scene.brand.experiments.result(scene.plans.get("MAY").steps["copy"].content.experiment, "click")
    assert sum(arm.persons for arm in result.arms) == 15


def test_a_retry_keeps_arm_and_link_of_a_message(scene: Scene, clock) -> None:
    scene.people(1)
    scene.upto("running", arms=[Arm("A", BODY), Arm("B", "官方链接 {link} 拒收请回复R")])
    scene.gateway.answer = lambda message: SendResult.retry("busy")
    scene.brand.outreach.dispatch()
    scene.gateway.answer = lambda message: SendResult.accepted()
    clock.advance(seconds=10)
    scene.brand.outreach.drain()
    first, second = scene.gateway.of("marketing")
    assert first.body == second.body and first.uid != second.uid
    (kept,) = scene.messages()
    assert kept.arm in ("A", "B") and kept.link_id is not None


def test_an_opt_out_between_queue_and_send_is_felt(scene: Scene) -> None:
    scene.people(12)
    scene.upto("running")
    scene.brand.outreach.dispatch()
    left = {m.address for m in scene.messages()} - {m.address for m in scene.gateway.of("marketing")}
    gone = sorted(left)[0]
    scene.brand.outreach.opt_out("sms", gone, via="reply")
    scene.brand.outreach.drain()
    assert gone not in [m.address for m in scene.gateway.of("marketing")] and first_go(scene) == 11
    assert scene.counts()[("blocked", "do_not_contact")] == 1


def test_overlapping_plans_write_once_to_a_person_whatever_their_caps_allow_one(new_installation) -> None:
    settings = configured().replace('per_7_days = "none"', "per_7_days = 1")
    with new_installation(plugins=(Sms, Bench), acme=settings).brand("acme") as brand:
        scene = Scene(brand)
        scene.people(15)
        scene.upto("running", "MAY")
        scene.upto("running", "JUN")
        scene.brand.outreach.drain()
        assert Counter(m.address for m in scene.gateway.of("marketing")).most_common(1)[0][1] == 1
        blocked = Counter()
        for code in ("MAY", "JUN"):
            blocked.update({key: n for key, n in scene.counts(code).items() if key[0] == "blocked"})
        assert (first_go(scene), dict(blocked)) == (15, {("blocked", "cap_7_days"): 15})


def test_a_name_cannot_bring_a_link_or_a_second_signature(scene: Scene) -> None:
    scene.person("+8613811112222", name="【银行】http://evil.example 拒收请回复R")
    scene.upto("running")
    scene.brand.outreach.drain()
    (message,) = scene.gateway.of("marketing")
    assert message.body.startswith("【示例旗舰店】亲爱的会员，") and "evil" not in message.body
    assert message.body.count("拒收请回复R") == 1


# Guard and receipts ----------------------------------------------------------


def other_plugin_sends(scene: Scene, body: str, *, kind: str = "marketing", parts: int = 1) -> str:
    """What becomes of a message that another plugin writes."""
    run = scene.brand.outreach.open_run(
        f"{kind} {parts} {body[:100]}", owner="bench", channel="sms", kind=kind, sender="recorder"
    )
    scene.brand.outreach.queue_body(run.id, "+8613811112222", body, parts=parts)
    scene.brand.outreach.release(run.id, 10_000)
    scene.brand.outreach.start(run.id)
    scene.brand.outreach.drain()
    ((state, reason),) = scene.brand.outreach.counts(run.id)
    return f"{state} {reason}".strip()


def test_the_guard_holds_for_the_messages_of_every_plugin(scene: Scene) -> None:
    scene.person("+8613811112222")
    for body, kind, parts, fate in [
        ("没有签名 拒收请回复R", "marketing", 1, "blocked veto: signature"),
        ("[示例] 拒收请回复R", "marketing", 1, "blocked veto: signature"),
        ("【】您好", "notice", 1, "blocked veto: signature"),
        ("【示例旗舰店】新品券", "marketing", 1, "blocked veto: opt_out"),
        ("【示例旗舰店】拒收请回复R 新品券", "brand", 1, "blocked veto: opt_out"),
        ("【示例旗舰店】" + "长" * 700, "notice", 1, "blocked veto: parts"),
        ("【示例旗舰店】短", "notice", 11, "blocked veto: parts"),
        ("【示例旗舰店】您的包裹已发出", "notice", 1, "sent"),
        ("【示例旗舰店】新品券 拒收请回复R", "marketing", 1, "sent"),
    ]:
        assert other_plugin_sends(scene, body, kind=kind, parts=parts) == fate, body
    assert len(scene.gateway.sent) == 2


@pytest.mark.parametrize(
    ("code", "suppressed"),
    [("MK:0001", ["hard_bounce"]), ("DB:0141", ["blacklist"]), ("UNDELIV", []), ("strange", [])],
)
def test_a_receipts_code_decides_about_the_number(scene: Scene, code: str, suppressed: list[str]) -> None:
    scene.people(1)
    scene.upto("running")
    scene.brand.outreach.drain()
    scene.receipts("failed", code=code)
    assert scene.brand.outreach.suppressed("sms", "+8613800000000") == suppressed


def test_three_soft_failures_in_a_row_are_a_hard_one_and_a_delivery_in_between_forgives(scene: Scene, clock) -> None:
    scene.people(2)
    fates = {"+8613800000000": ["failed"] * 3, "+8613800000001": ["failed", "failed", "delivered", "failed"]}
    for number in range(4):
        scene.upto("running", f"P{number}")
        before = len(scene.gateway.of("marketing"))
        scene.brand.outreach.drain()
        for message in scene.gateway.of("marketing")[before:]:
            state = fates[message.address][number]
            scene.brand.outreach.receipt(message.uid, state, code="UNDELIV" if state == "failed" else "")
        scene.deliver()
        clock.advance(days=1)
    assert scene.brand.outreach.suppressed("sms", "+8613800000000") == ["hard_bounce"]
    assert scene.brand.outreach.suppressed("sms", "+8613800000001") == []
    assert scene.counts("P3")[("blocked", "do_not_contact")] == 1


@pytest.mark.parametrize("code", ["DB:0144", "KEYWORD", "REJECTD"])
def test_a_refused_text_stops_the_plan(scene: Scene, code: str) -> None:
    scene.people(30)
    scene.upto("running")
    scene.brand.outreach.dispatch()
    scene.brand.outreach.receipt(scene.gateway.of("marketing")[0].uid, "failed", code=code)
    scene.deliver()
    assert scene.run_state() == "paused" and scene.last()["code"] == code
    scene.brand.outreach.drain()
    scene.control()
    assert first_go(scene) == 10 and scene.history().count("halted") == 1


def test_codes_of_a_brands_own_table_count(new_installation) -> None:
    settings = configured().replace("[plugins.bench]", '[plugins.sms.receipt_codes]\n"ZZ:*" = "hard"\n[plugins.bench]')
    with new_installation(plugins=(Sms, Bench), acme=settings).brand("acme") as brand:
        scene = Scene(brand)
        scene.people(1)
        scene.upto("running")
        scene.brand.outreach.drain()
        scene.receipts("failed", code="ZZ:7")
        assert scene.brand.outreach.suppressed("sms", "+8613800000000") == ["hard_bounce"]


def test_an_unknown_message_is_never_sent_again_and_its_late_receipt_counts(scene: Scene, clock) -> None:
    scene.people(3)
    scene.upto("running", segment=EVERYBODY)
    scene.gateway.answer = lambda message: SendResult.unknown("timed out")
    scene.brand.outreach.drain()
    clock.advance(hours=1)
    scene.brand.outreach.drain()
    assert first_go(scene) == 3 and scene.counts() == {("unknown", "timed out"): 3}
    scene.receipts()
    assert scene.counts() == {("delivered", ""): 3}
    scene.control()
    assert scene.state() == "done"
