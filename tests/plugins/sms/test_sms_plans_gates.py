"""The last gates of a plan: interception test, approval by a second person, schedule; and the dry run."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from sms_scene import BODY, SEEDS, Bench, Scene, configured

from scrm_core.brands import Brand
from scrm_core.db.bulk import execute
from scrm_core.errors import Conflict, Invalid
from scrm_sms import Sms
from scrm_sms.plans.steps import Arm
from scrm_sms.results import landing

# Interception test -----------------------------------------------------------


def test_the_copy_really_goes_to_every_seed_and_all_receipts_must_say_delivered(scene: Scene) -> None:
    scene.people(2)
    scene.upto("test", arms=[Arm("A", BODY), Arm("B", "官方链接 {link} 亲爱的{name} 拒收请回复R")])
    scene.plans.interception.start("MAY", actor="ann")
    scene.brand.outreach.drain()
    sent = scene.gateway.sent
    assert sorted((m.kind, m.address) for m in sent) == sorted(("test", seed) for seed in SEEDS * 2)
    base = scene.brand.installation.config.base_url
    assert {m.body.split(base)[0] for m in sent} == {
        "【示例旗舰店】亲爱的会员，新品券3天后到期 ",
        "【示例旗舰店】官方链接 ",
    }
    assert {scene.brand.outreach.run("sms", f"MAY/test-{number}").kind for number in (1, 2)} == {"test"}
    for message in sent[:-1]:
        scene.brand.outreach.receipt(message.uid, "delivered")
    scene.deliver()
    assert scene.state() == "test"
    scene.brand.outreach.receipt(sent[-1].uid, "delivered")
    scene.deliver()
    assert scene.state() == "approval"
    tested = scene.plans.get("MAY").steps["test"].content
    assert (tested.tests, tested.seeds) == ((1, 2), 2)


def test_one_seed_that_gets_nothing_fails_the_test_and_says_why(scene: Scene) -> None:
    scene.people(2)
    scene.upto("test")
    scene.plans.interception.start("MAY", actor="ann")
    scene.brand.outreach.drain()
    scene.brand.outreach.receipt(scene.gateway.sent[0].uid, "delivered")
    scene.brand.outreach.receipt(scene.gateway.sent[1].uid, "failed", code="DB:0144")
    scene.deliver()
    assert scene.state() == "test"
    assert scene.history()[-1] == "test failed" and scene.last() == {"test": 1, "messages": ["failed DB:0144"]}
    with pytest.raises(Conflict, match="approval comes after test"):
        scene.plans.launching.approve("MAY", actor="bob")
    scene.passed_test()
    assert scene.state() == "approval"
    assert scene.plans.get("MAY").steps["test"].content.tests == (2,)


@pytest.mark.parametrize("change", ["copy", "path"])
def test_a_changed_copy_or_path_voids_the_test(scene: Scene, change: str) -> None:
    scene.people(2)
    scene.upto("schedule")
    if change == "copy":
        scene.plans.wordings.set_copy("MAY", [Arm("A", "新" + BODY)], actor="ann")
    else:
        scene.brand.channels.ensure("other")
        scene.plans.paths.set_path("MAY", channel="other", actor="ann")
    assert scene.state() == "test"
    with pytest.raises(Conflict) as refused:
        scene.plans.launching.schedule("MAY", "now", actor="ann")
    assert refused.value.extra["problems"][:2] == ["test: not done", "approval: not done"]


def test_receipts_of_an_old_copys_test_prove_nothing_about_the_new_one(scene: Scene) -> None:
    scene.people(2)
    scene.upto("test")
    scene.plans.interception.start("MAY", actor="ann")
    scene.brand.outreach.drain()
    scene.plans.wordings.set_copy("MAY", [Arm("A", "新" + BODY)], actor="ann")
    for message in scene.gateway.sent:
        scene.brand.outreach.receipt(message.uid, "delivered")
    scene.deliver()
    assert scene.state() == "test"


def test_without_seed_numbers_there_is_no_test(new_installation) -> None:
    bare = configured().replace('seed_numbers = ["+8613900000001", "+8613900000002"]', "seed_numbers = []")
    with new_installation(plugins=(Sms, Bench), acme=bare).brand("acme") as brand:
        scene = Scene(brand)
        scene.people(1)
        scene.upto("test")
        with pytest.raises(Invalid, match="no seed numbers"):
            scene.plans.interception.start("MAY", actor="ann")


# Approval --------------------------------------------------------------------


def test_a_large_pack_is_approved_by_somebody_who_made_none_of_it(sms_installation) -> None:
    with sms_installation(two_persons=2).brand("acme") as brand:
        scene = Scene(brand)
        scene.people(3)
        scene.upto("copy")
        scene.plans.wordings.set_copy("MAY", [Arm("A", BODY)], actor="eve")
        scene.passed_test(actor="bob")
        for one_of_them in ("ann", "eve", "ANN", " eve "):
            with pytest.raises(Conflict) as refused:
                scene.plans.launching.approve("MAY", actor=one_of_them)
            assert refused.value.code == "second_person"
            assert "made by ann, eve" in refused.value.message
        approval = scene.plans.launching.approve("MAY", actor="bob").steps["approval"].content
        assert (approval.author, approval.approver, approval.queued, approval.second) == ("ann, eve", "bob", 3, True)
        entry = scene.plans.history("MAY")[-1]
        assert (entry.action, entry.actor, entry.detail["author"]) == ("approval", "bob", "ann, eve")
        with pytest.raises(Conflict, match="approved by bob"):
            scene.plans.launching.approve("MAY", actor="joe")


def test_a_small_pack_is_approved_by_one_person(scene: Scene) -> None:
    scene.people(3)
    scene.upto("approval")
    approval = scene.plans.launching.approve("MAY", actor="ann").steps["approval"].content
    assert (approval.approver, approval.second) == ("ann", False)


# Schedule --------------------------------------------------------------------


@pytest.mark.cases_on_sqlite
@pytest.mark.parametrize(
    ("at", "words"),
    [
        ("2026-01-01T07:59", "lies in the past"),
        ("2025-12-31T23:59:59+00:00", "lies in the past"),
        ("2026-01-01T21:00", "quiet hours 21:00-09:00; a start is allowed from 09:00 to 21:00 (Asia/Shanghai)"),
        ("2026-01-02T08:59", "a start is allowed from 09:00 to 21:00"),
        ("now", "a start is allowed from 09:00 to 21:00"),
        ("2027-06-01T10:00", "more than 366 days ahead"),
        ("tomorrow", "is not a time such as"),
        ("2026-02-30T10:00", "is not a time such as"),
        ("2199-12-31T23:59", "more than"),
        ("", "is not a time such as"),
    ],
)
def test_a_start_in_the_past_or_in_quiet_hours_is_refused_with_the_hours_that_are_allowed(
    sms_installation, at: str, words: str
) -> None:
    with sms_installation(quiet='"21:00-09:00"').brand("acme") as brand:
        scene = Scene(brand)
        scene.people(1)
        scene.upto("schedule")
        with pytest.raises(Invalid) as refused:
            scene.plans.launching.schedule("MAY", at, actor="ann")
        assert refused.value.field == "at" and words in refused.value.message
        assert scene.state() == "schedule"


@pytest.mark.parametrize(("brand_id", "utc"), [("acme", "2026-01-02T02:00"), ("moonco", "2026-01-02T15:00")])
def test_a_start_is_the_wall_clock_of_the_brand(sms_installation, brand_id: str, utc: str) -> None:
    with sms_installation(quiet='"21:00-09:00"').brand(brand_id) as brand:
        scene = Scene(brand)
        scene.people(1)
        scene.upto("schedule")
        start = scene.plans.launching.schedule("MAY", "2026-01-02T10:00", actor="ann").row.start_at
        assert start == _instant(brand, utc)


def _instant(brand: Brand, utc: str) -> int:
    return int(datetime.fromisoformat(utc).replace(tzinfo=UTC).timestamp() * 1000)


def test_a_notice_may_start_at_night(sms_installation) -> None:
    with sms_installation(quiet='"21:00-09:00"').brand("acme") as brand:
        scene = Scene(brand)
        scene.people(1)
        scene.upto("path", kind="notice")
        scene.plans.paths.set_path("MAY", actor="ann")
        scene.plans.wordings.set_copy("MAY", [Arm("A", "您的包裹已发出")], actor="ann")
        scene.passed_test()
        scene.plans.launching.approve("MAY", actor="ann")
        scene.plans.launching.schedule("MAY", "now", actor="ann")
        scene.brand.outreach.drain()
        assert len(scene.gateway.of("notice")) == 1


def test_nothing_goes_before_the_start(scene: Scene, clock) -> None:
    scene.people(2)
    scene.upto("running", at="2026-01-01T10:00")
    scene.brand.outreach.drain()
    scene.control()
    assert scene.gateway.of("marketing") == []
    clock.advance(hours=2, ms=-1)
    scene.brand.outreach.drain()
    assert scene.gateway.of("marketing") == []
    clock.advance(ms=1)
    scene.brand.outreach.drain()
    assert len(scene.gateway.of("marketing")) == 2


# Dry run ---------------------------------------------------------------------


def contents(brand: Brand) -> dict[str, list[tuple[object, ...]]]:
    """Every row of every table of the brand."""
    if brand.handle.engine == "sqlite":
        names = "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name"
        tables = [row[0] for row in execute(names).fetchall()]
    else:
        names = "SELECT tablename FROM pg_tables WHERE schemaname = ? ORDER BY tablename"
        tables = [row[0] for row in execute(names, (brand.handle.schema,)).fetchall()]
    assert "message" in tables and "sms_plan" in tables
    return {table: sorted(execute(f'SELECT * FROM "{table}"').fetchall(), key=repr) for table in tables}


def test_a_dry_run_says_who_gets_what_why_not_and_at_what_cost_and_writes_nothing(new_installation) -> None:
    capped = configured().replace('per_7_days = "none"', "per_7_days = 1")
    with new_installation(plugins=(Sms, Bench), acme=capped).brand("acme") as brand:
        scene = Scene(brand)
        scene.tag(scene.person("+8613811112222", name="小王"), "vip")
        scene.people(3)
        scene.person("+8613811113333", agrees=False)
        scene.upto("running", "APR", segment="tag = vip")
        scene.brand.outreach.drain()
        scene.upto("policy")
        before = contents(brand)
        early = scene.plans.dry_run("MAY")
        assert (early.would_send, early.kept_back) == (3, {"cap_7_days": 1, "no_consent": 1})
        assert (early.samples, early.missing[0]) == ((), "policy")
        assert contents(brand) == before
        scene.upto("schedule", since="policy", arms=[Arm("A", BODY), Arm("B", "官方链接 {link} 拒收请回复R")])
        before = contents(brand)
        run = scene.plans.dry_run("MAY", sample=4)
        assert contents(brand) == before
        assert (run.would_send, run.kept_back) == (3, {"cap_7_days": 1, "no_consent": 1})
        assert (run.parts, run.cost_milli, run.cost_minor, run.currency) == (6, 27_000, 27, "CNY")
        assert run.missing == () and run.problems == () and run.hours == "at any hour"
        # In which order a database finds the people of a segment is its own affair.
        assert sorted(each.number for each in run.samples) == ["+86138****0000", "+86138****0001", "+86138****0002",
                                                               "+86138****2222"]  # fmt: skip
        assert {"13811112222" in each.body for each in run.samples} == {False}
        scene.plans.launching.schedule("MAY", "now", actor="ann")
        scene.brand.outreach.drain()
        arms = {m.address[-4:]: "官方链接" in m.body for m in scene.gateway.of("marketing")[1:]}
        # Whoever the dry run promised a text got exactly that one.
        assert arms == {each.number[-4:]: each.arm == "B" for each in run.samples if each.number[-4:] != "2222"}


def test_a_dry_run_names_what_keeps_the_plan_from_starting(scene: Scene, clock) -> None:
    scene.people(1)
    scene.upto("test")
    landing.move_end(scene.brand, "MAY", scene.brand.now() + 1, actor="ann")
    assert scene.plans.dry_run("MAY").problems == ()
    clock.advance(ms=1)
    run = scene.plans.dry_run("MAY")
    assert run.missing == ("test", "approval")
    (problem,) = run.problems
    assert problem.startswith("path: the activity has ended")
