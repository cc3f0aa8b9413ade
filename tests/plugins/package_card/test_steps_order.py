"""The seven steps are ordered: forward one at a time, back for a reason, everything in the history."""

from __future__ import annotations

import pytest
from steps_campaign import ANNA, BEN, CARD, DESIGN, MATERIAL, Walk

from scrm_core.db.bulk import execute
from scrm_core.errors import Conflict, Invalid, NotFound
from scrm_package_card import PackageCard
from scrm_package_card.steps.records import By

ORDER = ["goal", "policy", "test", "design", "print", "launch", "monitor"]


@pytest.fixture
def installed(new_installation):
    """Both brands have the plugin."""
    return new_installation(plugins=(PackageCard,), acme=CARD, moonco=CARD)


@pytest.fixture
def walk(installed):
    return Walk(installed.brand("acme")).begin()


def test_a_campaign_goes_through_the_seven_steps_in_their_order(walk):
    seen = [walk.at()]
    walk.to("monitor")
    moves = [(h.from_step, h.to_step) for h in walk.history() if h.action == "advance"]
    assert seen + [to for _, to in moves] == ORDER
    assert [left for left, _ in moves] == ORDER[:-1]
    with walk.brand:
        states = [view.state for view in walk.steps.status("MAY").steps]
    assert states == ["done"] * 6 + ["current"]


def test_the_steps_are_each_brands_own(walk, installed):
    other = Walk(installed.brand("moonco"))
    with other.brand, pytest.raises(NotFound, match="no card campaign 'MAY'"):
        other.steps.status("MAY")
    other.begin()
    walk.fill_goal()
    walk.advance("policy")
    assert (walk.at(), other.at()) == ("policy", "goal")
    assert [h.action for h in other.history()] == ["begin"]


@pytest.mark.parametrize("step", ORDER[:-1])
def test_a_step_with_something_missing_is_not_left_and_everything_missing_is_named(walk, step):
    walk.to(step)
    lacking = walk.missing(step)
    assert lacking
    with pytest.raises(Conflict) as refused:
        walk.advance(ORDER[ORDER.index(step) + 1])
    assert refused.value.code == "missing"
    assert all(f"{step}: {item}" in refused.value.message for item in lacking)
    assert walk.at() == step


def test_skipping_forward_is_refused_and_every_missing_item_of_every_step_between_is_named(walk):
    with pytest.raises(Conflict) as refused:
        walk.advance("print")
    words = refused.value.message
    assert refused.value.code == "missing"
    for item in (
        "goal: primary goal",
        "policy: hook product 钩子 with its margin check",
        "policy: channels 渠道",
        *(f"policy: {title} for each channel" for title in ("product picture 产品图", "banner 横幅图", "group invitation 入群邀请")),
        "test: trial with two arms or more",
        "test: tracked link of each arm on each channel",
        "test: chosen arm",
        *(f"design: {title}" for title in ("attention 吸引注意: size and bleed 尺寸与出血", "interest 引起兴趣: copy in English 英文文案",
                                         "entry 入口: group channel 社群渠道")),
    ):
        assert item in words
    assert "print order" not in words
    assert walk.at() == "goal"


def test_a_step_is_not_skipped_even_when_nothing_of_it_is_missing(walk):
    walk.fill_goal()
    walk.fill_policy()
    with pytest.raises(Conflict, match="goes on to policy 政策敲定 first") as refused:
        walk.advance("test")
    assert refused.value.code == "skipped"
    walk.advance("policy")
    walk.advance("test")


def test_a_goal_is_to_acquire_or_to_repurchase_and_there_is_one_primary(walk):
    with walk.brand:
        for bad in ("both", "", "acquire,repurchase"):
            with pytest.raises(Invalid, match="one of acquire, repurchase is primary") as refused:
                walk.steps.set_goal("MAY", bad, ANNA)
            assert refused.value.field == "primary"
        walk.steps.set_goal("MAY", "acquire", ANNA)
        walk.steps.set_goal("MAY", "repurchase", BEN)
        (goal,) = walk.steps.status("MAY").steps[0].present
    assert goal.endswith("repurchase 复购")
    assert [(h.who, h.what) for h in walk.history() if h.action == "goal"] == [
        ("Anna 安娜", {"primary": "acquire"}),
        ("Ben", {"primary": "repurchase"}),
    ]


def test_what_belongs_to_a_step_that_is_done_is_settled_until_the_campaign_goes_back(walk):
    walk.to("design")
    with walk.brand:
        for change in (
            lambda: walk.steps.set_goal("MAY", "repurchase", ANNA),
            lambda: walk.steps.policy.set_channels("MAY", ("tmall",), ANNA),
            lambda: walk.steps.policy.set_material("MAY", "tmall", "banner", "new.png", ANNA),
        ):
            with pytest.raises(Conflict, match="[Gg]o back") as refused:
                change()
            assert refused.value.code == "step_closed"
    walk.back("goal", "the season is over")
    with walk.brand:
        walk.steps.set_goal("MAY", "repurchase", ANNA)


def test_what_a_later_step_needs_may_be_prepared_ahead(walk):
    with walk.brand:
        walk.steps.design.set_items("MAY", DESIGN, ANNA)
        walk.steps.launches.set_departments("MAY", ("warehouse",), ANNA)
        walk.steps.launches.set_texts("MAY", "warehouse", ANNA, faq="Q", sop="S")
    assert walk.at() == "goal"
    assert walk.missing("design") == []
    assert walk.missing("launch") == ["arrival in the warehouse 到货", "acknowledgement of warehouse 部门确认", "launch 上线"]


def test_what_is_signed_for_at_a_step_cannot_be_signed_before_it(walk):
    with walk.brand:
        for act in (
            lambda: walk.steps.trials.start("MAY", {"A": 5_000, "B": 5_000}, ANNA),
            lambda: walk.steps.proofs.make("MAY", "proof.pdf", ANNA),
            lambda: walk.steps.proofs.order("MAY", 100, ANNA, printer="P"),
            lambda: walk.steps.launches.confirm_arrival("MAY", ANNA),
            lambda: walk.steps.launches.acknowledge("MAY", "warehouse", ANNA),
            lambda: walk.steps.launches.launch("MAY", ANNA),
        ):
            with pytest.raises(Conflict, match="is at goal 目标; this is done at") as refused:
                act()
            assert refused.value.code == "step"


PRINTED = {("proof", "production"), ("proof approval", "production")}
LAUNCHED = {("arrival", ""), ("acknowledgement", "customer service"), ("acknowledgement", "warehouse")}
EVERYTHING = PRINTED | LAUNCHED | {("winner", ""), ("print order", ""), ("launch", "")}


@pytest.mark.parametrize(
    ("to", "left"),
    [
        ("goal", set()),
        ("policy", set()),
        ("test", set()),
        ("design", {("winner", "")}),
        ("print", PRINTED | {("winner", "")}),
        ("launch", EVERYTHING - {("launch", "")}),
    ],
)
def test_going_back_is_logged_and_voids_the_sign_offs_that_rest_on_what_may_change(walk, to, left):
    walk.to("monitor")
    assert walk.signed() == EVERYTHING
    walk.back(to, "the printer found a mistake", BEN)
    assert walk.at() == to
    assert walk.signed() == left
    last = walk.history()[-1]
    assert (last.action, last.who, last.from_step, last.to_step) == ("back", "Ben", "monitor", to)
    assert last.reason == "the printer found a mistake"
    assert len([line for line in last.what["void"] if not line.startswith("trial")]) == len(EVERYTHING - left)


def test_a_campaign_that_went_back_needs_a_fresh_approval_to_be_printed_again(walk):
    walk.to("launch")
    walk.back("design", "wrong red")
    with walk.brand:
        walk.steps.design.set_items("MAY", {"colours": ["#AA0000"]}, ANNA)
    walk.advance("print")
    assert walk.missing("print") == ["proof 打样", "approval of the proof 打样确认", "print order 印刷下单"]


def test_going_back_needs_a_reason_and_an_earlier_step(walk):
    walk.to("policy")
    with pytest.raises(Invalid) as refused:
        walk.back("goal", "  ")
    assert refused.value.field == "reason"
    for to in ("policy", "design"):
        with pytest.raises(Conflict, match="not past"):
            walk.back(to)
    with pytest.raises(Invalid, match="is no step") as refused:
        walk.back("nowhere")
    assert refused.value.field == "to"


def test_the_history_says_who_did_what_and_when_and_from_where_to_where(walk, clock):
    start = clock.now()
    clock.advance(hours=1)
    walk.fill_goal()
    clock.advance(hours=1)
    walk.advance("policy", By(" Chen   Wei ", "key:abc"))
    begin, goal, advance = walk.history()
    assert (begin.action, begin.who, begin.at) == ("begin", "Anna 安娜", start)
    assert (goal.action, goal.what, goal.at) == ("goal", {"primary": "acquire"}, start + 3_600_000)
    assert (advance.who, advance.through, advance.at) == ("Chen Wei", "key:abc", start + 7_200_000)
    assert (advance.from_step, advance.to_step) == ("goal", "policy")


def test_the_history_is_told_in_pages(walk):
    walk.to("test")
    everything = walk.history()[::-1]
    with walk.brand:
        first = walk.steps.history("MAY", limit=3)
        rest = walk.steps.history("MAY", before=first[-1].id, limit=1_000)
        assert first + rest == everything
        for limit in (0, 1_001):
            with pytest.raises(Invalid):
                walk.steps.history("MAY", limit=limit)


@pytest.mark.parametrize(
    "statement", ["UPDATE package_card_step_history SET who = 'nobody'", "DELETE FROM package_card_step_history"]
)
def test_the_database_keeps_the_history_from_being_altered(walk, statement):
    with walk.brand, pytest.raises(Exception, match="package_card_step_history is append-only"):
        execute(statement)
    assert [h.who for h in walk.history()] == ["Anna 安娜"]


def test_saying_the_same_again_is_not_a_second_line_of_the_history(walk):
    walk.to("policy")
    walk.fill_policy()
    before = len(walk.history())
    walk.fill_policy()
    assert len(walk.history()) == before


def test_a_refused_act_leaves_neither_a_change_nor_a_line(walk):
    with walk.brand:
        version = walk.steps.status("MAY").version
    with pytest.raises(Conflict):
        walk.advance("policy")
    with walk.brand:
        assert walk.steps.status("MAY").version == version
    assert [h.action for h in walk.history()] == ["begin"]


def test_beginning_again_changes_nothing(walk):
    walk.to("policy")
    with walk.brand:
        assert walk.steps.begin("MAY", BEN).step == "policy"
    assert [h.action for h in walk.history()].count("begin") == 1


def test_a_campaign_that_ships_with_every_order_already_is_not_taken_through_the_steps(installed):
    walk = Walk(installed.brand("acme"))
    with walk.brand:
        walk.cards.create_campaign("JUNE", source="shop")
        with pytest.raises(Conflict, match="ships a card with every order already") as refused:
            walk.steps.begin("JUNE", ANNA)
        assert refused.value.code == "automatic"
        with pytest.raises(Conflict, match="without the seven steps") as refused:
            walk.steps.status("JUNE")
        assert refused.value.code == "no_steps"


@pytest.mark.parametrize("name", ["", "   ", "a\x00b", "x" * 101, "Anna\u202ednuof", "\ud800"])
def test_a_person_is_named_with_a_plain_name(name):
    with pytest.raises(Invalid) as refused:
        By(name)
    assert refused.value.field == "by"


def test_a_change_to_a_version_that_is_gone_is_refused(walk):
    walk.fill_goal()
    with walk.brand:
        seen = walk.steps.status("MAY").version
        walk.steps.set_goal("MAY", "repurchase", BEN)
    with pytest.raises(Conflict, match=f"you saw version {seen}, it has {seen + 1}") as refused:
        walk.advance("policy", version=seen)
    assert refused.value.code == "moved"
    walk.advance("policy", version=seen + 1)


RACE = """
from scrm_core.errors import Conflict
from scrm_package_card.steps.machine import Steps
from scrm_package_card.steps.records import By

def run(brand, worker):
    steps = Steps(brand, brand.plugins["package-card"].settings)
    try:
        {act}
    except Conflict as refused:
        return refused.code
    return "done"
"""


def race(act):
    return RACE.format(act=act)


def test_of_four_people_who_advance_at_once_one_moves_the_campaign(walk, installed, together):
    walk.to("policy")
    walk.fill_policy()
    answers = together(installed, race("steps.advance('MAY', 'test', By(f'P{worker}'))"), 4)
    assert sorted(answers) == ["done", "moved", "moved", "moved"]
    assert walk.at() == "test"
    assert [h.to_step for h in walk.history() if h.action == "advance"] == ["policy", "test"]


def test_of_four_people_who_approve_at_once_one_has_approved(walk, installed, together):
    walk.to("print")
    with walk.brand:
        walk.steps.proofs.make("MAY", "proof.pdf", ANNA)
    answers = together(installed, race("steps.proofs.approve('MAY', 1, By(f'P{worker}'))"), 4)
    assert sorted(answers) == ["done", "signed", "signed", "signed"]
    assert [h.action for h in walk.history()].count("proof approval") == 1


def test_an_approval_and_a_way_back_at_once_leave_no_approval_of_a_design_that_may_change(walk, installed, together):
    walk.to("print")
    with walk.brand:
        walk.steps.proofs.make("MAY", "proof.pdf", ANNA)
    act = (
        "steps.proofs.approve('MAY', 1, By('Ben')) if worker else "
        "steps.back('MAY', 'design', By('Anna'), reason='wrong red')"
    )
    answers = together(installed, race(act), 2)
    assert answers[0] == "done"
    assert answers[1] in ("done", "step")
    assert walk.at() == "design"
    assert walk.signed() == {("winner", "")}


def test_four_people_who_enter_different_material_at_once_are_all_heard(walk, installed, together):
    walk.to("policy")
    with walk.brand:
        walk.steps.policy.set_channels("MAY", ("tmall",), ANNA)
    pairs = list(MATERIAL.items())[2:]
    act = f"steps.policy.set_material('MAY', 'tmall', *{pairs}[worker], By(f'P{{worker}}'))"
    assert together(installed, race(act), 4) == ["done"] * 4
    assert walk.missing("policy") == [
        "hook product 钩子 with its margin check",
        "product picture 产品图 for tmall",
        "mini-program cover 小程序封面 for tmall",
    ]
