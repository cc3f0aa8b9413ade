"""KOCs begun in the console: tasks and people, what they pay at worst before they are made, refusals at their fields, roles and brands."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from koc_scene import ON, Scene
from staff_desk import EVIL, desks

from scrm_console import Console
from scrm_core.api import execute
from scrm_core.installation import Installation
from scrm_koc import KocPlugin

AT = "b/acme/x/koc/"
NEW = f"{AT}new-task"
TYPED = {
    "code": "may", "kind": "seeding", "title": "面霜试用", "brief": "写下真实感受", "due_on": "2026-01-20", "fee": "1500",
    "keep_days": "7",
}  # fmt: skip


@pytest.fixture
def house(new_installation: Callable[..., Installation]) -> Installation:
    tables = f"[plugins.console]\n{ON}rate_s_bp = 1500\n"
    return new_installation(plugins=(Console, KocPlugin), acme=tables, moonco=tables)


@pytest.fixture
def desk(house: Installation, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    return desks(house, monkeypatch)


@pytest.fixture
def scene(house: Installation, desk: Any, deliver: Any, clock: Any) -> Scene:
    scene = Scene(house.brand("acme"), deliver, clock)
    scene.now("2026-01-05T10:00")
    return scene


def told(text: str, mark: str) -> str:
    found = re.search(rf"data-{mark}>(.*?)<", text)
    return found[1] if found else ""


def wrong(answer: Any) -> dict[str, str]:
    """What is told beside each field that was refused."""
    assert answer.status_code == 422, answer.status_code
    return dict(re.findall(r'data-wrong="([^"]+)">(.*?)</span>', answer.text))


def rows(scene: Scene, query: str) -> list[Any]:
    with scene.brand:
        return list(execute(query).fetchall())


def test_a_task_is_tried_made_once_changed_given_and_closed_and_the_audit_log_names_who(scene, desk):
    mia = desk("mia")
    for name in ("ann", "bob"):
        scene.enrol(name, name.upper())
    assert 'href="new-task"' in mia.get(f"{AT}tasks").text
    shown = mia.press(NEW, "preview", **TYPED)
    # 1,500.00 for each of two KOCs.
    assert shown.status_code == 200 and rows(scene, "SELECT code FROM koc_task") == []
    assert (told(shown.text, "each"), told(shown.text, "kocs"), told(shown.text, "worst")) == ("¥1,500.00", "2", "¥3,000.00")
    assert 'name="fee" value="1500"' in shown.text and '<option value="seeding" selected>' in shown.text
    for _ in range(2):
        made = mia.press(NEW, "create", **TYPED)
        assert made.status_code == 303 and made.location.endswith("task?code=may&done=made")
    assert rows(scene, "SELECT code, fee_minor, keep_days FROM koc_task") == [("may", 150_000, 7)]
    change, page = f"{AT}change-task?code=may", f"{AT}task?code=may"
    assert told(mia.get(page).text, "due") == "2026-01-20"
    text = mia.get(change).text
    assert 'name="fee" value="1500.00"' in text and 'name="due_on" value="2026-01-20"' in text
    assert told(mia.press(change, "preview", **{**TYPED, "fee": "20"}).text, "worst") == "¥40.00"
    assert mia.press(change, "change", **{**TYPED, "fee": "20"}).status_code == 303
    tried = mia.press(page, "preview", members="ann\nBOB").text
    assert (told(tried, "kocs"), told(tried, "worst")) == ("2", "¥40.00") and "\nann\nBOB</textarea>" in tried
    assert rows(scene, "SELECT uid FROM koc_work") == []
    for _ in range(2):
        assert mia.press(page, "invite", members="ann\nBOB").location.endswith("count=2")
    assert rows(scene, "SELECT state FROM koc_work") == [("invited",), ("invited",)]
    text = mia.get(change).text
    assert 'name="fee"' not in text and 'name="due_on"' in text
    assert wrong(mia.press(change, "change", due_on="2026-01-10")).keys() == {"due_on"}
    assert mia.press(change, "change", due_on="2026-01-30").status_code == 303
    assert mia.press(page, "close").status_code == 303
    assert 'value="invite"' not in mia.get(page).text
    with scene.brand:
        acts = [(entry.actor, entry.action.removeprefix("koc_task.")) for entry in scene.brand.audit.page(target="koc_task:may")]
    assert acts == [("user:mia", each) for each in ("close", "change", "invite", "change", "create")]


def test_what_is_refused_of_a_task_is_told_beside_its_field_in_the_pages_language_and_kept(scene, desk):
    cases = (
        ({"fee": "x"}, "fee", "an amount such as 30.00", "金额，如 30.00"),
        ({"code": ""}, "code", "1 to 60 characters", "1 到 60 个字符"),
        ({"title": " "}, "title", "1 to 200 characters", "1 到 200 个字"),
        ({"brief": "请给五星好评"}, "brief", "without a demand for praise", "不得要求好评"),
        ({"due_on": ""}, "due_on", "a day that is not over", "未过的日期"),
        ({"due_on": "2026-01-04"}, "due_on", "a day that is not over", "未过的日期"),
        ({"keep_days": "-1"}, "keep_days", "0 to 3650", "0 到 3650"),
        ({"sample": "on"}, "sku", "needed for a sample", "寄样时必填"),
        ({"sku": "NOPE"}, "sku", "a product of the brand", "品牌商品"),
        ({"reward_kind": "gold"}, "reward_kind", "a kind that a plugin here issues", "可发放的奖励"),
        ({"reward_item": "X"}, "reward_kind", "a kind that a plugin here issues", "可发放的奖励"),
        ({"reward_kind": "gold", "reward_quantity": "0"}, "reward_quantity", "1 to 1,000,000", "1 到 1000000"),
    )
    browsers = (desk("mia"), desk("mia", "zh"))
    for typed, field, *words in cases:
        for browser, said in zip(browsers, words, strict=True):
            answer = browser.press(NEW, "create", **{**TYPED, **typed})
            assert wrong(answer).keys() == {field} and said in wrong(answer)[field], typed
            assert f'aria-describedby="wrong-{field}"' in answer.text and ("title" in typed or 'value="面霜试用"' in answer.text)
    assert rows(scene, "SELECT code FROM koc_task") == []
    scene.task(code="may")
    assert "data-taken" in browsers[0].press(NEW, "preview", **TYPED).text
    assert wrong(browsers[0].press(NEW, "create", **TYPED)).keys() == {"code"}
    page = f"{AT}task?code=may"
    for codes in ("", "NOBODY"):
        assert "专属码" in wrong(browsers[1].press(page, "invite", members=codes))["members"]
    scene.enrol("ann", "ANN")
    with scene.brand:
        scene.koc.members.change("ANN", actor="lin", state="paused")
    refused = browsers[0].press(page, "invite", members="ANN")
    assert wrong(refused).keys() == {"members"} and "the KOC ANN is paused" in refused.text


def test_a_form_of_a_task_that_somebody_changed_or_gave_meanwhile_is_refused_with_what_was_typed(scene, desk):
    mia, otto = desk("mia"), desk("otto")
    scene.enrol("ann", "ANN")
    scene.task(code="may")
    change, page = f"{AT}change-task?code=may", f"{AT}task?code=may"
    seen, given = otto.hidden(change, "change")["seen"], otto.hidden(page, "invite")["seen"]
    assert mia.press(change, "change", **TYPED).status_code == 303
    for path, act, more in ((change, "change", {**TYPED, "title": "typed by otto"}), (page, "invite", {"members": "ANN"})):
        for hidden in ({"seen": seen if act == "change" else given}, {}):
            late = otto.post(path, act=act, **more, **hidden)
            assert late.status_code == 409 and ("typed by otto" in late.text or "\nANN</textarea>" in late.text)
    assert otto.post(page, act="close", seen=given).status_code == 409
    assert rows(scene, "SELECT title, state FROM koc_task") == [("面霜试用", "open")] and rows(scene, "SELECT 1 FROM koc_work") == []
    # Given to somebody since the form was opened: what was typed would be lost in part.
    seen = otto.hidden(change, "change")["seen"]
    scene.invite("ANN", "may")
    assert otto.post(change, act="change", seen=seen, **{**TYPED, "fee": "9"}).status_code == 409


def test_a_person_is_tried_enrolled_once_and_changed(scene, desk):
    mia, otto, uid = desk("mia"), desk("otto"), scene.uid(scene.person("ann"))
    assert f'href="enrol?uid={uid}"' in mia.get(f"{AT}person?uid={uid}").text
    page = f"{AT}enrol?uid={uid}"
    typed = {"contact": uid, "target": "https://shop.example/x", "code": "ann", "rate": "", "coupon_batch": "", "followers": "800"}
    tried = mia.press(page, "preview", **typed)
    rates = re.search(r'data-rate="all">(.*?)</tr>', tried.text)[1]
    # Tier C pays 5 % now, tier S would pay 15 %.
    assert "5.00 %" in rates and "15.00 %" in rates and 'data-note="unlimited"' in tried.text
    assert rows(scene, "SELECT code FROM koc_member") == []
    for _ in range(2):
        assert mia.press(page, "enrol", **typed).location.endswith(f"person?uid={uid}&done=enrolled")
    assert rows(scene, "SELECT code, followers FROM koc_member") == [("ANN", 800)]
    change = f"{AT}change?code=ANN"
    seen = mia.hidden(change, "change")["seen"]
    new = {"rate": "8.5", "followers": "900", "coupon_batch": "ANN10", "state": "paused"}
    assert "8.50 %" in mia.press(change, "preview", **new).text
    assert mia.press(change, "change", **new).status_code == 303
    assert 'name="rate" value="8.50"' in mia.get(change).text
    otto.get(change)
    late = otto.post(change, act="change", seen=seen, **{**new, "followers": "77"})
    assert late.status_code == 409 and 'name="followers" value="77"' in late.text
    assert rows(scene, "SELECT rate_bp, followers, coupon_batch, state FROM koc_member") == [(850, 900, "ANN10", "paused")]
    with scene.brand:
        acts = [(entry.actor, entry.action) for entry in scene.brand.audit.page(target="koc:ANN")]
    assert acts == [("user:mia", "koc.change"), ("user:mia", "koc.enrol")]


def test_what_is_refused_of_a_koc_is_told_beside_its_field_in_the_pages_language(scene, desk):
    scene.enrol("bob", "BOB", coupon_batch="BOB10")
    uid = scene.uid(scene.person("ann"))
    typed = {"contact": uid, "target": "https://shop.example/x", "code": "", "rate": "", "coupon_batch": "", "followers": "0"}
    cases = (
        ({"contact": "nobody"}, "contact", "a person who is here", "已有客户"),
        ({"contact": ""}, "contact", "a person who is here", "已有客户"),
        ({"contact": "phone=13800138009"}, "contact", "a person who is here", "已有客户"),
        ({"target": "shop"}, "target", "a whole address", "完整地址"),
        ({"code": "-"}, "code", "2 to 30", "2 到 30"),
        ({"code": "a b"}, "code", "2 to 30", "2 到 30"),
        ({"code": "bob"}, "code", "not another KOC", "未被占用"),
        ({"coupon_batch": "BOB10"}, "coupon_batch", "no other KOC", "未被其他 KOC"),
        ({"rate": "101"}, "rate", "0 to 100 per cent", "0 到 100"),
        ({"followers": "many"}, "followers", "a whole number", "正整数"),
    )
    browsers = (desk("mia"), desk("mia", "zh"))
    for changed, field, *words in cases:
        for browser, said in zip(browsers, words, strict=True):
            for act in ("preview", "enrol"):
                answer = browser.press(f"{AT}enrol", act, **{**typed, **changed})
                assert wrong(answer).keys() == {field} and said in wrong(answer)[field], changed
                assert "target" in changed or 'value="https://shop.example/x"' in answer.text
    assert rows(scene, "SELECT code FROM koc_member") == [("BOB",)]
    scene.enrol("cat", "CAT")
    answer = browsers[0].press(f"{AT}change?code=CAT", "change", rate="", followers="1", state="active", coupon_batch="BOB10")
    assert wrong(answer).keys() == {"coupon_batch"}
    assert browsers[0].press(f"{AT}enrol", "enrol", **typed).status_code == 303
    taken = browsers[0].press(f"{AT}enrol", "enrol", **{**typed, "rate": "9"})
    assert taken.status_code == 409 and "already, with another rate_bp" in taken.text


def test_only_roles_that_may_manage_see_the_forms_and_the_other_brand_gets_nothing(scene, desk):
    scene.enrol("ann", "ANN")
    scene.task(code="may", title=EVIL)
    pages = ("new-task", "change-task?code=may", "enrol", "change?code=ANN")
    for name in ("cleo", "ana"):
        browser = desk(name)
        for page in pages:
            assert browser.get(AT + page).status_code == 403, (name, page)
        browser.get("b/acme/")
        assert browser.post(NEW, act="create", **{**TYPED, "code": "june"}).status_code in (403, 404)
        assert browser.post(f"{AT}task?code=may", act="invite", members="ANN").status_code in (403, 404)
    mia, luna = desk("mia"), desk("luna")
    for page in ("tasks", "task?code=may"):
        assert "&lt;script&gt;alert(1)" in mia.get(AT + page).text and "<script>alert" not in mia.get(AT + page).text
    mia.csrf = "nonsense"
    assert mia.post(NEW, act="create", **{**TYPED, "code": "june"}).status_code in (400, 403)
    assert luna.post(NEW, act="create", **{**TYPED, "code": "june"}).status_code in (403, 404)
    for page in ("change-task?code=may", "task?code=may", "change?code=ANN"):
        assert luna.get(f"b/moonco/x/koc/{page}").status_code == 404
    assert luna.press("b/moonco/x/koc/new-task", "create", **{**TYPED, "code": "june"}).status_code == 303
    assert rows(scene, "SELECT code FROM koc_task") == [("may",)] and rows(scene, "SELECT 1 FROM koc_work") == []
