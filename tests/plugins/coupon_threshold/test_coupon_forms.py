"""Coupons begun in the console: the form, what a batch costs at worst before it is made, refusals at their fields, roles and brands."""

from __future__ import annotations

import re
from collections.abc import Callable
from html.parser import HTMLParser
from typing import Any

import pytest
from coupon_scene import PLUGIN, CouponScene
from staff_desk import desks

from scrm_console import Console
from scrm_core.clock import ManualClock
from scrm_core.installation import Installation
from scrm_coupon_threshold import CouponThreshold

NEW = "b/acme/x/coupon-threshold/new"
TYPED = {
    "code": "MAY", "title": "五月券", "kind": "threshold", "min": "300.00", "off": "30", "validity": "natural", "days": "7",
    "stock": "1000", "per_person": "2", "claim_to": "2099-05-01T00:00", "task-0-task": "first-order",
}  # fmt: skip


@pytest.fixture
def scene(new_installation: Callable[..., Installation], clock: ManualClock) -> CouponScene:
    tables = f"[plugins.console]\n{PLUGIN}"
    return CouponScene(new_installation(plugins=(Console, CouponThreshold), acme=tables, moonco=tables), clock)


@pytest.fixture
def desk(scene: CouponScene, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    return desks(scene.installation, monkeypatch)


class Filled(HTMLParser):
    """What a browser would send of the fields of a page, untouched."""

    def __init__(self) -> None:
        super().__init__()
        self.fields: dict[str, str] = {}
        self._select = self._area = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        name, value = given.get("name") or "", given.get("value") or ""
        if tag == "input" and name and (given.get("type") != "checkbox" or "checked" in given):
            self.fields[name] = value
        elif tag == "select":
            self._select = name
        elif tag == "option" and ("selected" in given or self._select not in self.fields):
            self.fields[self._select] = value
        elif tag == "textarea":
            self._area, self.fields[name] = name, ""

    def handle_endtag(self, tag: str) -> None:
        self._area = "" if tag == "textarea" else self._area

    def handle_data(self, data: str) -> None:
        if self._area:
            self.fields[self._area] += data


def filled(text: str) -> dict[str, str]:
    parser = Filled()
    parser.feed(text[text.index('<form method="post" class="stack">') :])
    return {name: value for name, value in parser.fields.items() if name not in ("csrf", "lang", "act")}


def told(text: str, mark: str) -> str:
    found = re.search(rf"data-{mark}>(.*?)<", text)
    return found[1] if found else ""


def wrong(answer: Any) -> dict[str, str]:
    """What is told beside each field that was refused."""
    assert answer.status_code == 422, answer.status_code
    return dict(re.findall(r'data-wrong="([^"]+)">(.*?)</span>', answer.text))


def batches(scene: CouponScene) -> list[Any]:
    return scene.rows("SELECT code, state FROM coupon_threshold_batch")


def test_a_batch_is_tried_made_once_opened_and_claimed_and_the_audit_log_names_who_made_it(scene, desk):
    mia = desk("mia")
    assert 'href="new"' in mia.get("b/acme/x/coupon-threshold/batches").text
    shown = mia.press(NEW, "preview", **TYPED)
    # 1,000 coupons of 30.00: 30,000.00.
    assert shown.status_code == 200 and batches(scene) == []
    assert (told(shown.text, "each"), told(shown.text, "most"), told(shown.text, "worst")) == ("¥30.00", "1,000", "¥30,000.00")
    assert 'name="min" value="300.00"' in shown.text and '<option value="first-order" selected>' in shown.text
    for _ in range(2):
        made = mia.press(NEW, "create", **TYPED)
        assert made.status_code == 303 and made.location.endswith("batch?code=MAY&done=made")
    assert batches(scene) == [("MAY", "draft")]
    with scene.acme:
        batch = scene.coupons().batches.get("MAY")
        assert (batch.rule, batch.per_person, batch.stock_total) == ({"kind": "threshold", "min_minor": 30_000, "off_minor": 3_000}, 2, 1_000)
        assert batch.claim_to == scene.at("2099-05-01T00:00") and batch.gate["tasks"] == [{"task": "first-order"}]
        (entry,) = scene.acme.audit.page(target="coupon_batch:MAY")
        assert (entry.actor, entry.action) == ("user:mia", "coupon_batch.create")
    assert mia.press("b/acme/x/coupon-threshold/batch?code=MAY", "open").status_code == 303
    assert scene.rows("SELECT state FROM coupon_threshold_batch") == [("open",)]


def test_a_budget_that_claims_promise_is_the_worst_and_one_that_they_do_not_is_told(scene, desk):
    mia = desk("mia", "zh")
    # 10,000.00 for coupons of 30.00: 333, which cost 9,990.00.
    promised = mia.press(NEW, "preview", **TYPED, budget="10000", promise="on").text
    assert (told(promised, "most"), told(promised, "worst")) == ("333", "¥9,990.00")
    assert "预算只够 333 张" in promised
    plain = mia.press(NEW, "preview", **TYPED, budget="10000").text
    assert (told(plain, "most"), told(plain, "worst")) == ("1,000", "¥10,000.00") and 'data-note="unpromised"' in plain
    endless = mia.press(NEW, "preview", **{**TYPED, "stock": ""}).text
    assert told(endless, "worst") == "没有上限" and 'data-note="unlimited"' in endless


def test_what_is_refused_is_told_beside_its_field_in_the_pages_language_and_kept(scene, desk):
    cases = (
        ({"off": "400"}, "off", "not above the threshold", "不超过门槛"),
        ({"off": "x"}, "off", "an amount such as 30.00", "金额，如 30.00"),
        ({"stock": "-1"}, "stock", "empty: no limit", "留空表示不限"),
        ({"code": "a b"}, "code", "letters, digits", "字母"),
        ({"cap": "5"}, "cap", "only for a share off", "仅用于折扣"),
        ({"promise": "on"}, "promise", "needs a budget", "需要填写预算"),
        ({"task-1-task": "tag", "task-2-task": "joined", "task-2-times": "3"}, "task-1-tag", "GROUP/TAG", "组/标签"),
        ({"task-2-task": "joined", "task-2-times": "3"}, "task-2-times", "1 for what is done once", "一次性"),
        ({"claim_from": "2099-06-01T00:00"}, "claim_to", "the end lies after", "结束须晚于开始"),
    )
    browsers = (desk("mia"), desk("mia", "zh"))
    for typed, field, *words in cases:
        for browser, said in zip(browsers, words, strict=True):
            answer = browser.press(NEW, "create", **{**TYPED, **typed})
            assert wrong(answer).keys() == {field} and said in wrong(answer)[field], typed
            assert f'aria-describedby="wrong-{field}"' in answer.text and 'name="title" value="五月券"' in answer.text
    assert batches(scene) == []


def test_a_ladder_gets_another_row_and_a_step_that_goes_down_is_told_at_its_own_row(scene, desk):
    mia = desk("mia")
    ladder = {**TYPED, "kind": "ladder", "min": "", "off": ""}
    steps = {"step-0-min": "100", "step-0-off": "10", "step-2-min": "200", "step-2-off": "5"}
    assert 'name="step-4-min"' not in mia.press(NEW, "preview", **{**ladder, **steps, "step-2-off": "30"}).text
    assert 'name="step-4-min"' in mia.press(NEW, "row", **ladder, **steps).text
    assert wrong(mia.press(NEW, "create", **ladder, **steps)).keys() == {"step-2-off"}
    assert mia.press(NEW, "create", **{**ladder, **steps, "step-2-off": "30"}).status_code == 303
    with scene.acme:
        assert scene.coupons().batches.get("MAY").rule["steps"][1] == {"min_minor": 20_000, "off_minor": 3_000}


def test_a_code_of_another_batch_is_told_at_the_code(scene, desk):
    scene.open("MAY")
    mia = desk("mia")
    assert "data-taken" in mia.press(NEW, "preview", **TYPED).text
    assert wrong(mia.press(NEW, "create", **TYPED)).keys() == {"code"}


def test_a_batch_is_changed_as_a_whole_before_the_first_coupon_and_by_its_title_and_validity_after_it(scene, desk):
    mia, otto = desk("mia"), desk("otto")
    mia.press(NEW, "create", **TYPED)
    page = "b/acme/x/coupon-threshold/change?code=MAY"
    text = mia.get(page).text
    assert 'name="off" value="30.00"' in text and 'value="2099-05-01T00:00"' in text and 'name="per_person" value="2"' in text
    seen = mia.hidden(page, "change")["seen"]
    assert mia.press(page, "change", **{**TYPED, "off": "50", "stock": "10"}).status_code == 303
    otto.get(page)
    late = otto.post(page, act="change", seen=seen, **{**TYPED, "title": "typed by otto"})
    assert late.status_code == 409 and "typed by otto" in late.text
    assert scene.rows("SELECT title, stock_left FROM coupon_threshold_batch") == [("五月券", 10)]
    shown = mia.press(page, "preview", **{**TYPED, "off": "50", "stock": "20"}).text
    assert told(shown, "worst") == "¥1,000.00"
    with scene.acme:
        scene.coupons().batches.open("MAY")
        scene.coupons().claims.claim("MAY", scene.person(), key="k", source="staff", actor="lin", reason="x")
    text = mia.get(page).text
    assert 'name="off"' not in text and 'name="title"' in text
    assert wrong(mia.press(page, "change", title="", days="7")).keys() == {"title"}
    assert mia.press(page, "change", title="六月券", days="9").status_code == 303
    assert scene.rows("SELECT title, valid_days, stock_total FROM coupon_threshold_batch") == [("六月券", 9, 10)]
    assert mia.press(page, "change", title="六月券", days="3").status_code == 409


def test_a_form_that_was_opened_before_the_first_coupon_is_not_taken_in_part_behind_it(scene, desk):
    mia = desk("mia")
    mia.press(NEW, "create", **TYPED)
    page = "b/acme/x/coupon-threshold/change?code=MAY"
    with scene.acme:
        scene.coupons().batches.open("MAY")
    whole = filled(mia.get(page).text)
    with scene.acme:
        scene.coupons().claims.claim("MAY", scene.person(), key="k", source="staff", actor="lin", reason="x")
    late = mia.post(page, act="change", **{**whole, "title": "六月券", "off": "50"})
    assert late.status_code == 409 and "六月券" in late.text
    assert scene.rows("SELECT title FROM coupon_threshold_batch") == [("五月券",)]


def test_what_a_form_cannot_write_as_it_is_stays_where_nobody_touched_it(scene, desk):
    mia = desk("mia")
    tag, page = {"group": "a/b", "tag": "c"}, "b/acme/x/coupon-threshold/change?code=ODD"
    scope = {"skus": ["RED,XL", "BLUE"], "tags": [tag], "exclude_skus": ["S"]}
    valid = {"kind": "absolute", "from": "2020-01-01T00:00:00.250", "to": "2098-12-31T23:59:59.999"}
    odd = {
        "code": "ODD", "title": "odd", "rule": {"kind": "gift", "gift_sku": "g", "skus": ["x,y"]}, "scope": scope, "channels": ["shop、1"],
        "gate": {"tasks": [{"task": "tag", **tag}, {"task": "joined"}]}, "validity": valid, "claim_to": "2098-12-30T00:00:00.500",
    }  # fmt: skip
    with scene.acme:
        scene.coupons().batches.create(odd)
        before = scene.coupons().batches.get("ODD")
    assert mia.press(page, "change", **{**filled(mia.get(page).text), "title": "odder", "exclude_skus": "T,U"}).status_code == 303
    with scene.acme:
        after = scene.coupons().batches.get("ODD")
        assert (after.title, after.scope) == ("odder", {**before.scope, "exclude_skus": ["T", "U"]})
        for name in ("rule", "channels", "gate", "valid_from", "valid_to", "claim_to"):
            assert getattr(after, name) == getattr(before, name), name
        scene.coupons().batches.open("ODD")
        scene.coupons().claims.claim("ODD", scene.person(), key="k", source="staff", actor="lin", reason="x")
    # Coupons are out: a validity that is as it was is not shorter.
    assert mia.press(page, "change", **{**filled(mia.get(page).text), "title": "oddest"}).status_code == 303
    assert scene.rows("SELECT title, valid_to FROM coupon_threshold_batch") == [("oddest", before.valid_to)]


def test_only_roles_that_may_write_see_the_form_and_the_other_brand_gets_no_batch(scene, desk):
    for name in ("cleo", "ana"):
        browser = desk(name)
        assert browser.get(NEW).status_code == 403
        browser.get("b/acme/")
        assert browser.post(NEW, act="create", **TYPED).status_code in (403, 404)
    mia = desk("mia")
    mia.get(NEW)
    mia.csrf = "nonsense"
    assert mia.post(NEW, act="create", **TYPED).status_code in (400, 403)
    assert batches(scene) == []
    luna = desk("luna")
    assert luna.post("b/acme/x/coupon-threshold/new", act="create", **TYPED).status_code in (403, 404)
    assert luna.press("b/moonco/x/coupon-threshold/new", "create", **TYPED).status_code == 303
    with scene.moonco:
        assert scene.coupons(scene.moonco).batches.get("MAY").rule["min_minor"] == 30_000
    assert batches(scene) == []
