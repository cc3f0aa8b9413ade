"""A plan goes through its steps in order, back for a reason, and nowhere with something missing."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sms_scene import BODY, EVERYBODY, POLICY, Scene

from scrm_core.clock import MS_PER_DAY
from scrm_core.errors import Conflict, Invalid, NotFound
from scrm_core.services.contacts import IdentityIn
from scrm_core.services.orders import LineIn, OrderIn
from scrm_core.services.products import ProductIn
from scrm_sms.plans.steps import STEPS, Arm
from scrm_sms.results import landing


def test_a_plan_goes_from_goal_to_done(scene: Scene) -> None:
    scene.people(3)
    for place, step in enumerate(STEPS):
        if place == 0:
            scene.plans.create("MAY", actor="ann")
        assert scene.state() == step
        _do(scene, step)
    assert scene.state() == "running"
    scene.brand.outreach.drain()
    assert sorted(message.address for message in scene.gateway.of("marketing")) == [
        "+8613800000000",
        "+8613800000001",
        "+8613800000002",
    ]
    for message in scene.gateway.of("marketing"):
        scene.brand.outreach.receipt(message.uid, "delivered")
    scene.control()
    assert scene.state() == "done"
    assert scene.last()["delivered"] == 3
    actions = scene.history()
    assert [action for action in actions if action in STEPS] == list(STEPS)
    assert actions[0] == "create" and actions[-1] == "done"
    assert {entry.actor for entry in scene.plans.history("MAY")} == {"ann", "bob", "sms"}


def _do(scene: Scene, step: str) -> None:
    plans = scene.plans
    if step == "goal":
        plans.set_goal("MAY", "acquire", sender="recorder", actor="ann")
    elif step == "audience":
        plans.set_audience("MAY", segment=EVERYBODY, actor="ann")
    elif step == "policy":
        plans.set_policy("MAY", POLICY, actor="ann")
    elif step == "pack":
        plans.packing.build("MAY", actor="ann")
    elif step == "path":
        scene.page("MAY")
        scene.brand.channels.ensure("sms-may")
        plans.paths.set_path("MAY", channel="sms-may", actor="ann")
    elif step == "copy":
        plans.wordings.set_copy("MAY", [Arm("A", BODY)], actor="ann")
    elif step == "test":
        scene.passed_test()
    elif step == "approval":
        plans.launching.approve("MAY", actor="bob")
    else:
        plans.launching.schedule("MAY", "now", actor="ann")


@pytest.mark.parametrize("step", STEPS[1:-1])
def test_a_step_names_every_step_before_it_that_is_missing(scene: Scene, step: str) -> None:
    scene.plans.create("MAY", actor="ann")
    with pytest.raises(Conflict) as refused:
        _do(scene, step)
    assert refused.value.code == "plan_step"
    assert refused.value.extra["missing"] == list(STEPS[: STEPS.index(step)])
    for name in STEPS[: STEPS.index(step)]:
        assert name in refused.value.message
    assert scene.state() == "goal" and scene.plans.get("MAY").steps == {}


def test_a_schedule_names_every_missing_step_and_everything_else_at_once(scene: Scene) -> None:
    scene.people(2)
    scene.upto("copy")
    landing.move_end(scene.brand, "MAY", scene.brand.now() + 1, actor="ann")
    with pytest.raises(Conflict) as refused:
        scene.plans.launching.schedule("MAY", "2026-01-01T12:00", actor="ann")
    problems = refused.value.extra["problems"]
    assert problems[:3] == ["copy: not done", "test: not done", "approval: not done"]
    assert len(problems) == 4 and problems[3].startswith("path: the activity has ended")


def test_a_path_needs_a_page_with_activity_and_welcome_before_it_is_scheduled(scene: Scene) -> None:
    scene.people(2)
    scene.upto("path")
    scene.brand.channels.ensure("sms-may")
    with pytest.raises(Conflict, match="no landing page"):
        scene.plans.paths.set_path("MAY", channel="sms-may", actor="ann")
    with pytest.raises(NotFound, match="no channel"):
        scene.page("MAY")
        scene.plans.paths.set_path("MAY", channel="nowhere", actor="ann")
    now = scene.brand.now()
    landing.set_landing(
        scene.brand, "MAY", actor="ann", title="t", target="https://example.com/", starts_at=now, ends_at=now + 10**9
    )
    scene.plans.paths.set_path("MAY", channel="sms-may", actor="ann")
    scene.plans.wordings.set_copy("MAY", [Arm("A", BODY)], actor="ann")
    scene.passed_test()
    scene.plans.launching.approve("MAY", actor="bob")
    with pytest.raises(Conflict) as refused:
        scene.plans.launching.schedule("MAY", "now", actor="ann")
    assert [text.split(" (")[0] for text in refused.value.extra["problems"]] == [
        "path: the landing page has no welcome text",
        "path: the landing page has no activity",
    ]
    assert scene.state() == "schedule"


def test_going_back_voids_what_depends_on_the_step_and_nothing_else(scene: Scene) -> None:
    scene.people(2)
    scene.upto("schedule")
    scene.plans.set_policy("MAY", replace(POLICY, offer="another"), actor="eve")
    assert scene.state() == "approval"
    assert set(scene.plans.get("MAY").steps) == {"goal", "audience", "policy", "pack", "path", "copy", "test"}
    assert scene.last()["void"] == ["approval"]
    scene.plans.back("MAY", "audience", actor="eve", reason="too many")
    assert scene.state() == "audience"
    assert set(scene.plans.get("MAY").steps) == {"goal", "policy", "path", "copy", "test"}
    assert scene.last() == {"to": "audience", "reason": "too many", "void": ["audience", "pack"]}
    scene.person("+8613811112222")
    scene.plans.set_audience("MAY", segment=EVERYBODY, actor="ann")
    assert scene.plans.packing.build("MAY", actor="ann").counts == {("queued", ""): 3}
    assert scene.state() == "approval"
    assert scene.brand.outreach.run("sms", "MAY").state == "canceled"


def test_the_same_decision_again_changes_nothing(scene: Scene) -> None:
    scene.people(2)
    scene.upto("schedule")
    before = scene.plans.get("MAY")
    scene.plans.set_goal("MAY", "acquire", sender="recorder", actor="eve")
    scene.plans.set_audience("MAY", segment=EVERYBODY, actor="eve")
    scene.plans.set_policy("MAY", POLICY, actor="eve")
    scene.plans.paths.set_path("MAY", channel="sms-may", actor="eve")
    scene.plans.wordings.set_copy("MAY", [Arm("A", BODY)], actor="eve")
    assert scene.plans.get("MAY") == before


def test_a_scheduled_plan_goes_back_until_its_first_message(scene: Scene, clock) -> None:
    scene.people(2)
    scene.upto("schedule")
    scene.plans.launching.schedule("MAY", "2026-01-01T20:00", actor="ann")
    with pytest.raises(Conflict, match="go back"):
        scene.plans.wordings.set_copy("MAY", [Arm("A", "x" + BODY)], actor="ann")
    scene.plans.back("MAY", "copy", actor="ann", reason="typo")
    assert scene.state() == "pack"
    clock.advance(days=1)
    scene.brand.outreach.drain()
    assert scene.gateway.of("marketing") == []
    scene.plans.packing.build("MAY", actor="ann")
    scene.plans.wordings.set_copy("MAY", [Arm("A", "新" + BODY)], actor="ann")
    scene.passed_test()
    scene.plans.launching.approve("MAY", actor="bob")
    scene.plans.launching.schedule("MAY", "now", actor="ann")
    scene.brand.outreach.dispatch()
    assert len(scene.gateway.of("marketing")) == 2
    with pytest.raises(Conflict, match="has sent messages"):
        scene.plans.back("MAY", "copy", actor="ann", reason="typo")
    assert scene.run_state() == "running"


def test_a_plan_is_known_by_its_code_and_belongs_to_its_author(scene: Scene) -> None:
    made = scene.plans.create("MAY", actor="ann", name="五月")
    assert scene.plans.create("MAY", actor="ann", name="五月") == made
    with pytest.raises(Conflict, match="made by ann"):
        scene.plans.create("MAY", actor="eve", name="五月")
    for code in ("", "with space", "x" * 41, "a/b", "号"):
        with pytest.raises(Invalid):
            scene.plans.create(code, actor="ann")
    for actor in ("", "  ", "x" * 101, "a\x00b", None):
        with pytest.raises(Invalid):
            scene.plans.create("JUN", actor=actor)
    with pytest.raises(NotFound):
        scene.plans.get("JUN")


def test_the_goal_is_one_of_two_and_the_sender_exists(scene: Scene) -> None:
    scene.plans.create("MAY", actor="ann")
    for values in ({"goal": "both"}, {"goal": "acquire", "kind": "spam"}, {"goal": "acquire", "sender": "pigeon"}):
        with pytest.raises(Invalid):
            scene.plans.set_goal("MAY", actor="ann", **values)
    assert scene.plans.set_goal("MAY", "repurchase", actor="ann").steps["goal"].content.sender == "console"


def test_the_policy_shows_its_arithmetic(scene: Scene) -> None:
    scene.people(1)
    scene.upto("policy")
    dear = replace(POLICY, cost_minor=1_500, claimants=10, budget_minor=10_000, materials=("welcome",), product="")
    with pytest.raises(Invalid) as refused:
        scene.plans.set_policy("MAY", dear, actor="ann")
    assert refused.value.extra["problems"] == [
        "materials are missing: product picture, landing copy",
        "name the product that the hook leads to",
        "the hook costs 1500 a claimant; allowed are 100 % of the margin 1200 = 1200, "
        "so it is 300 too dear (minor units)",
        "10 claimants at 1500 cost 15000, above the budget 10000 (minor units)",
    ]
    assert scene.state() == "policy"


def test_a_plan_above_its_budget_is_not_approved(scene: Scene) -> None:
    scene.people(3)
    scene.upto("policy")
    scene.plans.set_policy("MAY", replace(POLICY, claimants=2, budget_minor=1_026), actor="ann")
    scene.upto("approval", since="pack")
    # 3 messages of at most 2 parts at 4.5 fen are 27 fen; two claimants at 5.00 are 10.00: one fen above the budget.
    with pytest.raises(Conflict, match="together 1027: above the budget 1026"):
        scene.plans.launching.approve("MAY", actor="bob")
    scene.plans.set_policy("MAY", replace(POLICY, claimants=2, budget_minor=1_027), actor="ann")
    scene.plans.launching.approve("MAY", actor="bob")
    assert scene.state() == "schedule"


def test_the_pack_lists_who_is_kept_back_and_has_each_person_once(scene: Scene) -> None:
    scene.people(3)
    scene.person("+8613811112222", agrees=False)
    opted = scene.person("+8613811113333")
    scene.brand.outreach.opt_out("sms", "+8613811113333", via="call")
    scene.upto("pack")
    audience = scene.plans.get("MAY").steps["audience"].content
    assert (audience.reachable, audience.kept_back) == (3, {"no_consent": 1, "do_not_contact": 1})
    view = scene.plans.packing.build("MAY", actor="ann")
    assert opted and view.steps["pack"].content.queued == 3
    assert view.counts == {("queued", ""): 3, ("blocked", "no_consent"): 1, ("blocked", "do_not_contact"): 1}


def test_a_notice_needs_no_consent_and_no_opt_out_wording(scene: Scene) -> None:
    scene.person("+8613811112222", agrees=False)
    scene.upto("path", kind="notice")
    scene.plans.paths.set_path("MAY", actor="ann")
    with pytest.raises(Invalid, match="must not contain an opt-out wording"):
        scene.plans.wordings.set_copy("MAY", [Arm("A", "您的包裹已发出 拒收请回复R")], actor="ann")
    with pytest.raises(Invalid, match="has no path"):
        scene.plans.wordings.set_copy("MAY", [Arm("A", "您的包裹已发出 {link} 请查收")], actor="ann")
    scene.plans.wordings.set_copy("MAY", [Arm("A", "{name}，您的包裹已发出")], actor="ann")
    scene.passed_test()
    scene.plans.launching.approve("MAY", actor="ann")
    scene.plans.launching.schedule("MAY", "now", actor="ann")
    scene.brand.outreach.drain()
    (message,) = scene.gateway.of("notice")
    assert message.body == "【示例旗舰店】会员，您的包裹已发出"


def test_an_empty_audience_makes_no_pack(scene: Scene) -> None:
    scene.person("+8613811112222", agrees=False)
    scene.upto("pack")
    with pytest.raises(Invalid, match="nobody is left to write to: 1 no_consent"):
        scene.plans.packing.build("MAY", actor="ann")
    assert scene.state() == "pack"
    scene.people(1)
    assert scene.plans.packing.build("MAY", actor="ann").counts[("queued", "")] == 1


def test_a_sealed_number_pack_is_an_audience_and_an_open_one_is_not(scene: Scene, tmp_path) -> None:
    scene.person("+8613811112222", name="小王")
    packs = scene.plans.packing.packs
    packs.open("LIST", actor="ann")
    packs.add_rows("LIST", [{"phone": "138 1111 2222"}, {"phone": "１３８１１１１２２２２"}, {"phone": "010-62345678"}])
    packs.add_rows("LIST", [{"phone": "13811113333", "name": "小李"}])
    scene.upto("audience", kind="notice")
    with pytest.raises(Conflict, match="not sealed"):
        scene.plans.set_audience("MAY", pack="LIST", actor="ann")
    packs.seal("LIST", actor="ann")
    assert scene.plans.set_audience("MAY", pack="LIST", actor="ann").steps["audience"].content.reachable == 2
    scene.plans.set_policy("MAY", POLICY, actor="ann")
    pack = scene.plans.packing.build("MAY", actor="ann").steps["pack"].content
    assert (pack.queued, sum(pack.imported.values())) == (2, 2)
    scene.plans.paths.set_path("MAY", actor="ann")
    scene.plans.wordings.set_copy("MAY", [Arm("A", "{name}您好，包裹已发出")], actor="ann")
    scene.passed_test()
    scene.plans.launching.approve("MAY", actor="ann")
    scene.plans.launching.schedule("MAY", "now", actor="ann")
    scene.brand.outreach.drain()
    assert {m.address: m.body for m in scene.gateway.of("notice")} == {
        "+8613811112222": "【示例旗舰店】小王您好，包裹已发出",
        "+8613811113333": "【示例旗舰店】小李您好，包裹已发出",
    }


def test_an_audience_is_found_by_channel_category_and_rfm(scene: Scene) -> None:
    brand = scene.brand
    brand.products.upsert_many([ProductIn("S1", category="baby/diaper/pants"), ProductIn("T1", category="tea")])
    orders = {"+8613800000001": ("tmall", "S1", 3), "+8613800000002": ("jd", "S1", 3), "+8613800000003": ("tmall", "T1", 3),
              "+8613800000004": ("tmall", "S1", 1), "+8613800000005": ("tmall", "S1", 3)}  # fmt: skip
    for phone, (platform, sku, times) in orders.items():
        scene.person(phone)
        for day in range(times):
            brand.orders.upsert(
                OrderIn(
                    source=platform, number=f"{phone} {day}", status="completed", platform=platform,
                    paid_at=brand.now() - (day * 10 + (200 if phone.endswith("5") else 5)) * MS_PER_DAY,
                    paid_minor=9_900, buyer=(IdentityIn.of("phone", phone, ""),),
                    lines=(LineIn(sku=sku, title="", qty=1, paid_minor=9_900, gift=False),),
                )  # fmt: skip
            )
    # Channel, category, R (days since the last order), F (days with an order) and the purchase cycle.
    wanted = 'platform = tmall and category = "baby/diaper" and r_days <= 60 and frequency >= 2 and cycle_days <= 15'
    scene.upto("pack", segment=wanted)
    assert scene.plans.get("MAY").steps["audience"].content.reachable == 1
    scene.upto("running", since="pack")
    brand.outreach.drain()
    assert [m.address for m in scene.gateway.of("marketing")] == ["+8613800000001"]


def test_the_holdout_is_kept_back_by_lot(scene: Scene) -> None:
    scene.people(40)
    scene.upto("pack")
    counts = scene.plans.packing.build("MAY", actor="ann", holdout=5_000).counts
    assert set(counts) == {("queued", ""), ("blocked", "holdout")} and sum(counts.values()) == 40
    assert 5 <= counts[("blocked", "holdout")] <= 35
    with pytest.raises(Invalid):
        scene.plans.packing.build("MAY", actor="ann", holdout=10_000)


COPIES = [
    ([Arm("A", "亲爱的{nmae} {link} 拒收请回复R")], "variable {nmae} is not known; did you mean {name}"),
    ([Arm("A", "新品券 {link}")], "must end with 拒收请回复R"),
    ([Arm("A", "券" * 730 + " {link} 拒收请回复R")], "takes 12 parts"),
    ([Arm("A", "【另一个】券 {link} 拒收请回复R")], "brackets"),
    ([Arm("A", "贷款 {link} 拒收请回复R")], "贷款"),
    ([Arm("A", BODY), Arm("A", BODY)], "different names"),
    ([Arm("A", BODY, 5_000), Arm("B", BODY, 4_000)], "sum to 10000, not 9000"),
    ([Arm("A", BODY, 10_000, segment=EVERYBODY)], "without a segment"),
    ([Arm("A", BODY), Arm("B", BODY, segment="no such (")], None),
    ([], "1 to 10 texts"),
]


@pytest.mark.cases_on_sqlite
@pytest.mark.parametrize(("arms", "words"), COPIES)
def test_a_copy_with_a_problem_is_refused(scene: Scene, arms: list[Arm], words: str | None) -> None:
    scene.people(1)
    scene.upto("copy")
    with pytest.raises(Invalid) as refused:
        scene.plans.wordings.set_copy("MAY", arms, actor="ann")
    assert words is None or words in refused.value.message
    assert scene.state() == "copy"


def test_every_problem_of_every_text_is_named_and_warnings_are_kept(scene: Scene) -> None:
    scene.people(1)
    scene.upto("copy")
    with pytest.raises(Invalid) as refused:
        scene.plans.wordings.set_copy("MAY", [Arm("A", "券 {link}"), Arm("B", "{x} {link} 拒收请回复R")], actor="ann")
    assert [text.split(":")[0] for text in refused.value.extra["problems"]] == ["A", "B"]
    arms = [Arm("A", "优惠券 {link} 拒收请回复R")]
    (warning,) = scene.plans.wordings.set_copy("MAY", arms, actor="ann").steps["copy"].content.warnings
    assert warning.startswith("A: the text contains 优惠券")


def test_parts_and_cost_are_counted_at_their_longest(scene: Scene) -> None:
    scene.people(3)
    scene.upto("copy")
    wording = scene.plans.wordings.set_copy("MAY", [Arm("A", BODY)], actor="ann").steps["copy"].content
    # Signature 7, 亲爱的 3, a name of at most 20, 10 to the link, the link's 40, 7 to the end: 87 units, two parts.
    assert wording.arms[0].parts == 2
    assert wording.most_milli == 3 * 2 * 4_500


def test_a_brand_sees_nothing_of_another(sms_installation) -> None:
    installation = sms_installation()
    with installation.brand("acme") as acme:
        Scene(acme).plans.create("MAY", actor="ann")
    with installation.brand("moonco") as moonco:
        assert Scene(moonco).plans.all() == []
        with pytest.raises(NotFound):
            Scene(moonco).plans.get("MAY")
