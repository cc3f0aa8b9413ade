"""A page that was opened before somebody else acted undoes nothing: neither a halt, nor by leaving its version out."""

from __future__ import annotations

import pytest
from plan_desk import PLAN, PlanDesk
from sms_scene import Scene

from scrm_core.web import create_app
from scrm_sms.results import landing


@pytest.fixture
def sending(house) -> Scene:
    """A plan of four people whose canary has gone to one."""
    scene = Scene(house.brand("acme"))
    with scene.brand:
        scene.people(4)
        scene.upto("running")
        scene.brand.outreach.drain()
        assert sent(scene) == 1
    return scene


def sent(scene: Scene) -> int:
    return len(scene.gateway.of("marketing"))


def drained(scene: Scene) -> int:
    """How many messages have gone when all that may go has gone."""
    with scene.brand as brand:
        brand.outreach.drain()
    return sent(scene)


def test_a_release_from_a_page_that_shows_no_halt_is_refused_and_sends_nothing(sending, browser):
    desk, other = PlanDesk(browser("otto")), PlanDesk(browser("pia"))
    seen = desk.version("sending")
    other.act("halt", step="sending", reason="wrong price")
    desk.act("release", step="sending", version=seen, expect=409)
    assert "somebody else changed plan" in desk.text and "wrong price" in desk.text
    assert drained(sending) == 1
    desk.act("release", step="sending")
    assert drained(sending) == 4


def test_a_page_that_shows_an_earlier_halt_does_not_undo_a_later_one(sending, browser):
    desk, other = PlanDesk(browser("otto")), PlanDesk(browser("pia"))
    other.act("halt", step="sending", reason="look at it")
    seen = desk.version("sending")
    other.act("resume", step="sending")
    other.act("halt", step="sending", reason="wrong price")
    desk.act("resume", step="sending", version=seen, expect=409)
    desk.act("release", step="sending", version=seen, expect=409)
    assert "somebody else changed plan" in desk.text
    assert drained(sending) == 1
    with sending.brand:
        assert sending.run_state() == "paused"
    desk.act("resume", step="sending")


def test_a_release_does_not_undo_a_halt_of_the_gateway_that_the_plan_has_not_told_yet(sending, browser):
    desk = PlanDesk(browser("otto"))
    seen = desk.version("sending")
    with sending.brand as brand:
        brand.outreach.pause(sending.plans.get("MAY").run.id, "the account has no money")
    desk.act("release", step="sending", version=seen, expect=409)
    assert drained(sending) == 1
    with sending.brand:
        sending.control()
        assert sending.last()["why"] == "the account has no money"
    desk.act("release", step="sending")
    assert drained(sending) == 4


@pytest.mark.parametrize("act", ["release", "resume"])
def test_a_form_without_its_version_is_refused_and_sends_nothing(sending, browser, act):
    desk = PlanDesk(browser("otto"))
    if act == "resume":
        desk.act("halt", step="sending", reason="wait")
    desk.look("sending")
    for more in ({}, {"version": ""}, {"version": "-1"}):
        answer = desk.browser.post(f"{PLAN}?id=MAY&step=sending", act=act, **more)
        assert answer.status_code in (409, 422), more
    assert drained(sending) == 1


def test_a_plan_is_not_approved_by_a_form_without_its_version(house, browser):
    scene = Scene(house.brand("acme"))
    with scene.brand:
        scene.people(4)
        scene.upto("approval")
    pia = browser("pia")
    pia.get(PLAN, id="MAY")
    assert pia.post(f"{PLAN}?id=MAY", act="approve").status_code == 422
    with scene.brand:
        assert scene.state() == "approval"


@pytest.mark.parametrize("word", ["release", "resume"])
def test_a_program_that_names_the_version_it_saw_undoes_no_halt_either(sending, house, word):
    with sending.brand:
        seen = sending.plans.get("MAY").row.version
        sending.plans.control.pause("MAY", actor="pia", reason="wrong price")
        head = {"Authorization": f"Bearer {sending.brand.keys.create('test', ('*',))[1]}"}
    client, path = create_app(house).test_client(), f"/api/v1/acme/plugins/sms/plans/MAY/{word}"
    answer = client.post(path, json={"version": seen}, headers=head)
    assert (answer.status_code, answer.json["code"]) == (409, "plan_changed")
    assert drained(sending) == 1
    assert client.post(path, json={"version": seen + 1}, headers=head).status_code == 200


def test_a_landing_page_that_was_opened_before_its_end_was_moved_does_not_move_it_back(house, browser):
    scene = Scene(house.brand("acme"))
    with scene.brand:
        scene.plans.create("MAY", actor="ann")
        scene.page("MAY")
    desk, other = PlanDesk(browser("otto")), PlanDesk(browser("pia"))
    seen = desk.version("path")
    with scene.brand as brand:
        landing.move_end(brand, "MAY", brand.now() + 60_000, actor="pia")
        soon = landing.get("MAY").ends_at
    page = {"title": "五月", "starts_at": "2025-01-01T00:00", "ends_at": "2036-12-31T00:00", "target": "https://example.com/a"}
    desk.act("landing", step="path", version=seen, expect=409, **page)
    with scene.brand:
        assert landing.get("MAY").ends_at == soon
    other.act("landing", step="path", **page)
