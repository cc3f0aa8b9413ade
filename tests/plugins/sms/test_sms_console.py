"""The console's pages of SMS: a plan is made, tried, approved, sent and halted by forms, as the user who is signed in."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest
from click.testing import CliRunner
from plan_desk import COPY, PLAN, POLICY, ROOT, PlanDesk, made, walk
from sms_scene import BODY, EVERYBODY, Scene
from staff_desk import EVIL, statements, unsaid

import scrm_sms
from scrm_core.cli.root import root
from scrm_core.cli.session import Session
from scrm_core.web import create_app
from scrm_sms.console_words import WORDS
from scrm_sms.plans.steps import Arm

ROWS = "手机号,姓名\n13800000001,王\n+86 138-0000-0001,王\n13800000002,李\n021-61234567,固定\n"


def test_a_plan_is_made_tried_approved_sent_and_halted_by_two_operators(house, browser):
    desk, other = made(browser), PlanDesk(browser("pia"))
    scene = walk(house, desk)
    assert desk.now() == "test"
    desk.act("test", step="test")
    assert "0 / 2" in desk.look("test")
    with scene.brand as brand:
        brand.outreach.drain()
        scene.receipts(kind="test")
    assert "2 / 2" in desk.look("test") and "The copy test is passed." in desk.text
    dry = desk.look("dry-run")
    assert re.search(r"data-would-send>(\d+)<", dry)[1] == "4"
    assert re.search(r'data-reason="no_consent".*?<dd>(\d+)</dd>', dry, re.S)[1] == "1"
    assert "+861380000****" in dry or "****" in dry
    desk.act("approve", step="approval", expect=409)
    assert "is approved by a second person, not by user:otto" in desk.text
    other.act("approve")
    assert "Approved by user:pia (4 messages)" in desk.look("approval")
    desk.act("now", step="schedule")
    with scene.brand as brand:
        brand.outreach.drain()
    inside = desk.browser.get(f"{ROOT}progress", id="MAY", inside=1).text
    assert "data-running" in inside and "<html" not in inside
    assert re.search(r'data-count="sent".*?<dd>(\d+)</dd>', inside, re.S)[1] == "1"
    assert re.search(r'data-count="queued".*?<dd>(\d+)</dd>', inside, re.S)[1] == "3"
    stale = PlanDesk(browser("pia"))
    answer = stale.browser.get(PLAN, id="MAY", step="sending")
    assert answer.status_code == 200
    desk.act("release", step="sending")
    # What is wrong is stopped, whatever was changed since the page was opened.
    halted = stale.browser.post(f"{PLAN}?id=MAY&step=sending", act="halt", reason="wrong price")
    assert halted.status_code == 303
    with scene.brand as brand:
        brand.outreach.drain()
        assert len(scene.gateway.of("marketing")) == 1
        last = scene.plans.history("MAY")[-1]
        assert (last.actor, last.action, last.detail["reason"]) == ("user:pia", "pause", "wrong price")
    inside = desk.browser.get(f"{ROOT}progress", id="MAY", inside=1).text
    assert 'data-run="paused"' in inside and "paused by user:pia: wrong price" in inside and "data-running" not in inside
    assert "data-control" in desk.look("sending")
    desk.act("resume", step="sending")
    with scene.brand as brand:
        brand.outreach.drain()
        assert len(scene.gateway.of("marketing")) == 4
        scene.receipts()
        scene.control()
    results = desk.look("results")
    assert re.search(r"Delivered 已送达</dt><dd>(\d+)</dd>", results)[1] == "4"
    assert "too few persons: every arm needs 1,000" in results and "data-arms" in results
    assert re.search(r'data-plan="MAY".*?badge good">done<', desk.browser.get(f"{ROOT}plans").text, re.S)


def test_a_file_of_numbers_becomes_a_pack_with_a_report_of_its_dropped_rows(house, browser):
    otto = browser("otto")
    otto.get(f"{ROOT}packs")
    answer = otto.post(f"{ROOT}packs", act="import", code="BUYERS", file=(io.BytesIO(ROWS.encode()), "名单 1.csv"))
    assert (answer.status_code, answer.location) == (303, f"/staff/console/{ROOT}pack?id=BUYERS")
    page = otto.get(f"{ROOT}pack?id=BUYERS").text
    assert re.search(r"data-accepted>(\d+)<", page)[1] == "2"
    assert re.search(r'data-reason="duplicate".*?<dd>(\d+)</dd>', page, re.S)[1] == "1"
    assert re.search(r'data-reason="landline".*?<dd>(\d+)</dd>', page, re.S)[1] == "1"
    assert "line 3 stays" in page or "line 2 stays" in page
    assert "13800000001" not in page
    again = otto.post(f"{ROOT}packs", act="import", code="BUYERS", file=(io.BytesIO(ROWS.encode()), "名单 1.csv"))
    assert again.status_code == 303
    other = otto.post(f"{ROOT}packs", act="import", code="BUYERS", file=(io.BytesIO(b"phone\n13800000009\n"), "b.csv"))
    assert other.status_code == 409 and 'value="BUYERS"' in other.text
    wrong = otto.post(f"{ROOT}packs", act="import", code="X", file=(io.BytesIO(b"a,b\n1,2\n"), "c.csv"))
    assert wrong.status_code == 422
    assert otto.get(f"{ROOT}pack?id=X").status_code == 404
    desk = made(browser)
    desk.act("goal", goal="acquire", kind="marketing", sender="recorder")
    desk.act("audience", pack="BUYERS")
    assert re.search(r"data-reachable>(\d+)<", desk.look("audience"))[1] == "0"


def test_the_second_of_two_operators_is_told_and_keeps_what_they_typed(house, browser):
    desk, other = made(browser), PlanDesk(browser("pia"))
    walk(house, desk, "audience")
    seen = other.version("audience")
    desk.act("audience", segment="orders >= 0")
    other.act("audience", step="audience", version=seen, segment="orders >= 7 & more", expect=409)
    assert "somebody else changed plan" in other.text and "orders &gt;= 7 &amp; more</textarea>" in other.text
    assert re.search(r'<dd class="code">(.*?)</dd>', other.text)[1] == "orders &gt;= 0"
    with house.brand("acme") as acme:
        assert acme.plugins["sms"].plans.get("MAY").steps["audience"].content.segment == "orders >= 0"
    other.act("audience", step="audience", segment="orders >= 1 or orders = 0")


def test_of_two_who_write_the_landing_page_the_second_is_told(house, browser):
    desk, other = made(browser), PlanDesk(browser("pia"))
    page = {"title": "五月", "starts_at": "2025-01-01T00:00", "ends_at": "2036-12-31T00:00", "target": "https://example.com/a"}
    seen = other.version("path")
    desk.act("landing", step="path", **page)
    other.act("landing", step="path", version=seen, expect=409, **{**page, "title": "六月"})
    assert "somebody else changed plan" in other.text and 'value="六月"' in other.text


def test_the_path_says_that_an_address_of_its_own_replaces_no_landing_page_of_a_marketing_plan(house, browser):
    desk = made(browser)
    walk(house, desk)
    assert "only a notice does without the page" in desk.look("path")
    desk.act("path", step="path", channel="sms-may", path_target="https://shop.example/may")
    with house.brand("acme") as acme:
        assert acme.plugins["sms"].plans.get("MAY").steps["path"].content.page, "it is asked for all the same"


def test_a_refused_step_keeps_what_was_typed_and_changes_nothing(house, browser):
    desk = made(browser)
    walk(house, desk)
    desk.act("back", to="policy", reason="again")
    desk.act("policy", step="policy", expect=422, **{**POLICY, "cost": "99", "product": "奶粉"})
    assert "too dear" in desk.text and 'value="99"' in desk.text and 'value="奶粉"' in desk.text
    desk.act("policy", step="policy", **POLICY)
    desk.act("copy", step="copy", expect=422, **{**COPY, "body": ["没有退订", "第二"], "arm": ["X", "Y"]})
    assert ">\n没有退订</textarea>" in desk.text and 'value="Y"' in desk.text and "must end with" in desk.text
    desk.act("schedule", step="test", at="2020-01-01T10:00", expect=422)
    with house.brand("acme") as acme:
        assert acme.plugins["sms"].plans.get("MAY").steps["copy"].content.arms[0].body == BODY


def test_counts_and_previews_follow_what_is_typed(house, browser):
    desk = made(browser)
    walk(house, desk)
    count = desk.browser.get(f"{ROOT}count", inside=1, segment=EVERYBODY).text
    assert re.search(r'data-count="(\d+)"', count)[1] == "5"
    assert "data-problem" in desk.browser.get(f"{ROOT}count", inside=1, segment="ordres >= 1").text
    good = desk.browser.get(f"{ROOT}preview", inside=1, id="MAY", body=BODY).text
    # 【示例旗舰店】 7 + 亲爱的 3 + name 20 + ，新品券3天后到期 9 + link 40 + opt-out 6 + two spaces = 87, in parts of 67.
    assert "87 characters, 2 parts, 0.09 a message" in good and "data-problems" not in good
    bad = desk.browser.get(f"{ROOT}preview", inside=1, id="MAY", body="【x】{nmae}").text
    assert "data-problems" in bad and "did you mean {name}?" in bad


@pytest.mark.parametrize(("name", "status"), [("cleo", 403), ("ana", 403), ("luna", 404), ("nobody", 404)])
def test_who_may_not_see_plans_sees_none(browser, name, status):
    made(browser)
    person = browser(name)
    for path in ("plans", "plan?id=MAY", "progress?id=MAY&inside=1", "count?segment=orders+%3E%3D+0", "preview?id=MAY&body=x", "packs"):
        assert person.get(ROOT + path).status_code == status, path
    assert person.post(f"{PLAN}?id=MAY", act="halt").status_code == status


def test_another_brand_has_none_of_it(house, browser):
    made(browser)
    luna = browser("luna")
    assert "MAY" not in luna.get("b/moonco/x/sms/plans").text
    for path in ("plan?id=MAY", "progress?id=MAY", "pack?id=MAY"):
        assert luna.get(f"b/moonco/x/sms/{path}").status_code == 404
    assert luna.post("b/moonco/x/sms/plan?id=MAY", act="cancel").status_code == 404
    assert 'data-card="sms"' in browser("ana").get("b/acme/").text
    assert browser("otto").get(PLAN).status_code == 404


@pytest.mark.parametrize("language", ["en", pytest.param("zh", marks=pytest.mark.wide)])
def test_names_are_text_on_every_step_and_pages_ask_little(house, browser, language, monkeypatch):
    scene = Scene(house.brand("acme"))
    with scene.brand as acme:
        people = scene.people(4)
        scene.person("+8613800000008", name=EVIL)
        scene.tag(people[0], EVIL)
        scene.plans.create("JUNE", actor=f"ann {EVIL}"[:99], name=EVIL[:199])
        scene.upto("running", approver=f"bob {EVIL}"[:99], actor=f"ann {EVIL}"[:99],
                   arms=[Arm(EVIL[:20], BODY), Arm("B", BODY)], segment=f'{EVERYBODY} or tag = "{EVIL[:20]}"')  # fmt: skip
        acme.outreach.drain()
        asked = statements(acme, monkeypatch)
    otto = browser("otto", language)
    steps = ("goal", "audience", "policy", "pack", "path", "copy", "test", "approval", "schedule", "dry-run", "sending", "results")
    for step in steps:
        asked.clear()
        answer = otto.get(PLAN, id="MAY", step=step)
        assert answer.status_code == 200 and f'data-step="{step}"' in answer.text, (step, answer.text[-1_500:])
        assert "<script>alert" not in answer.text and "<img src=x" not in answer.text and ">49<" not in answer.text
        assert len(asked) <= 30, (step, len(asked), asked)
    for path in (f"{ROOT}plans", f"{ROOT}packs", f"{ROOT}progress?id=MAY", "b/acme/"):
        asked.clear()
        page = otto.get(path)
        assert page.status_code == 200 and "<script>alert" not in page.text and "<img src=x" not in page.text
        assert path == "b/acme/" or len(asked) <= 30, (path, asked)


def test_programs_are_told_of_a_change_and_see_the_copy_tests(house, browser):
    desk = made(browser)
    scene = walk(house, desk)
    with scene.brand as acme:
        key = acme.keys.create("test", ("*",))[1]
        scene.passed_test()
    client, head = create_app(house).test_client(), {"Authorization": f"Bearer {key}"}
    api = "/api/v1/acme/plugins/sms/plans/MAY"
    version = client.get(api, headers=head).json["version"]
    stale = client.post(f"{api}/policy", json={"offer": "x", "version": version - 1}, headers=head)
    assert (stale.status_code, stale.json["code"]) == (409, "plan_changed")
    tests = client.get(f"{api}/tests", headers=head).json["tests"]
    assert [(each["arm"], each["state"], each["delivered"], each["seeds"]) for each in tests] == [
        ("B", "delivered", 2, 2),
        ("A", "delivered", 2, 2),
    ]
    session = Session(house.config.root, clock=house.clock, installation=house)
    told = CliRunner().invoke(root, ["sms", "plan", "tests", "acme", "MAY"], obj=session)
    assert told.exit_code == 0 and told.output.count("delivered") >= 2, told.output
    assert client.post(f"{api}/back", json={"step": "policy", "version": version}, headers=head).status_code == 200


def test_an_end_that_no_calendar_holds_is_refused_and_the_page_is_still_shown(browser):
    desk = made(browser)
    page = {"title": "五月", "starts_at": "2025-01-01T00:00", "target": "https://example.com/a"}
    desk.act("landing", step="path", ends_at="9999-12-31T23:59-12:00", expect=422, **page)
    desk.act("landing", step="path", ends_at="2036-12-31T00:00", **page)
    assert "2036-12-31T00:00" in desk.look("path")


def test_every_word_of_the_pages_is_there_in_both_languages():
    assert unsaid(Path(scrm_sms.__file__).parent / "templates", WORDS) == set()
    assert all(english and chinese for english, chinese in WORDS.values())
