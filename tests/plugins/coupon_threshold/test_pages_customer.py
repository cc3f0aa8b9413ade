"""What customers do on the coupon pages: claim by task, see their coupons, show a QR code that ends."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from pages_scene import ROOT, claim, customer, printed_code, qr_text
from signing import PAGE, SCRIPT, fields, sign_in

from scrm_core.db.bulk import execute
from scrm_core.web import create_app


@pytest.fixture
def app(scene):
    return create_app(scene.installation)


def test_a_coupon_is_claimed_once_whatever_is_pressed(scene, app):
    scene.open("spring", stock=5)
    contact = scene.person()
    browser = customer(scene, app, contact)
    first, second = browser.get(f"{ROOT}b/spring"), browser.get(f"{ROOT}b/spring")
    assert "满¥300.00减¥30.00" in first.text and "自领取当日起 7 个自然日" in first.text
    answers = []
    for page in (first, first, second):  # a double tap, and a second tab
        answers.append(browser.post(f"{ROOT}b/spring/claim", data=fields(page, "/claim"), headers=PAGE))
    places = {answer.headers["Location"] for answer in answers}
    assert [answer.status_code for answer in answers] == [303] * 3 and len(places) == 1
    script = browser.post(f"{ROOT}b/spring/claim", data=fields(first, "/claim"), headers=SCRIPT)
    assert script.status_code in (200, 303)
    assert scene.rows("SELECT count(*), sum(nth) FROM coupon_threshold_coupon") == [(1, 1)]
    assert scene.rows("SELECT stock_left FROM coupon_threshold_batch") == [(4,)]
    again = browser.get(f"{ROOT}b/spring")
    assert "查看我的券" in again.text and "/claim" not in again.text
    page = browser.get(places.pop())
    assert len(printed_code(page).replace("-", "")) == 13
    scanned = qr_text(page)
    assert scanned.startswith("http://127.0.0.1:8000/p/acme/coupon-threshold/clerk?t=ct.") and len(scanned) < 300


def test_whose_coupon_was_voided_claims_again_and_gets_one(scene, app):
    scene.open("spring", stock=5)
    contact = scene.person()
    browser = customer(scene, app, contact)
    first = claim(browser, "spring").headers["Location"]
    with scene.acme:
        scene.coupons().voiding.void(first.rpartition("/")[2].partition("?")[0], reason="wrong batch")
    one, two = browser.get(f"{ROOT}b/spring"), browser.get(f"{ROOT}b/spring")
    answers = [
        browser.post(f"{ROOT}b/spring/claim", data=fields(page, "/claim"), headers=PAGE) for page in (one, one, two)
    ]
    places = {answer.headers["Location"] for answer in answers}
    assert len(places) == 1 and first not in places
    assert scene.rows("SELECT state FROM coupon_threshold_coupon ORDER BY id") == [("void",), ("claimed",)]
    assert "/claim" not in browser.get(f"{ROOT}b/spring").text
    # Without the form's key a press is a wish of its own, and the limit answers it as the others.
    form = fields(two, "/claim")
    del form["once"]
    assert browser.post(f"{ROOT}b/spring/claim", data=form).headers["Location"] in places


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_one_browser_and_one_network_get_what_the_batch_allows(scene, app):
    scene.open("few", limits={"per_device": 1, "per_network_day": 2})
    browser = customer(scene, app, scene.person())
    assert claim(browser, "few").status_code == 303
    sign_in(browser, scene.acme, scene.person())  # another account in the same browser
    refused = claim(browser, "few")
    assert refused.status_code == 409 and "这台设备已达到领取上限" in refused.text
    assert claim(customer(scene, app, scene.person()), "few").status_code == 303
    refused = claim(customer(scene, app, scene.person()), "few")
    assert refused.status_code == 409 and "当前网络今天领取过多" in refused.text
    elsewhere = customer(scene, app, scene.person())
    elsewhere.environ_base["REMOTE_ADDR"] = "203.0.113.9"
    assert claim(elsewhere, "few").status_code == 303
    assert scene.rows("SELECT count(*) FROM coupon_threshold_coupon") == [(3,)]


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_a_visitor_sees_the_coupon_and_is_sent_to_join(scene, app):
    scene.open("spring")
    browser = app.test_client()
    page = browser.get(f"{ROOT}b/spring")
    assert "登录后领取" in page.text and "满¥300.00减¥30.00" in page.text
    sent = claim(browser, "spring")
    assert sent.headers["Location"] == "/p/acme/-/join?next=%2Fp%2Facme%2Fcoupon-threshold%2Fb%2Fspring"
    for path in ("mine", "c/0123", "c/0123/token"):
        assert browser.get(ROOT + path).status_code == 303
    assert scene.rows("SELECT count(*) FROM coupon_threshold_coupon") == [(0,)]
    english = browser.get(f"{ROOT}b/spring?lang=en").text
    assert "Sign in to claim it" in english and "¥30.00 off from ¥300.00" in english


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_the_tasks_of_a_gate_show_how_far_somebody_is(scene, app):
    gate = {"tasks": [{"task": "joined"}, {"task": "checked-in", "times": 3}]}
    scene.open("task", gate=gate)
    contact = scene.person()
    browser = customer(scene, app, contact)
    page = browser.get(f"{ROOT}b/task").text
    assert "完成以下任务即可领取" in page and "成为会员" in page and "签到 3 天" in page and "0/3" in page
    assert "/claim" not in page and "disabled" in page
    with scene.acme:
        scene.acme.membership.join(contact, at=scene.acme.now())
    scene.deliver()
    page = browser.get(f"{ROOT}b/task").text
    assert "✓ 已完成" in page and "disabled" in page
    # Pressing all the same: the gate is asked where the coupon is given, and not by the page.
    form = fields(browser.get("/p/acme/-/me"))
    refused = browser.post(f"{ROOT}b/task/claim", data=form, headers=PAGE)
    assert refused.status_code == 403 and "还有任务没有完成" in refused.text


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_a_batch_that_gives_nothing_says_why(scene, app):
    browser = customer(scene, app, scene.person())
    scene.open("gone", stock=1)
    scene.claim("gone", scene.person())
    open_page = browser.get(f"{ROOT}b/gone").text
    assert "已领完" in open_page and "/claim" not in open_page
    scene.open("later", claim_from="2026-02-01T00:00:00")
    assert "尚未开始领取" in browser.get(f"{ROOT}b/later").text
    scene.open("over", claim_to="2026-01-02T00:00:00")
    stale = fields(browser.get(f"{ROOT}b/over"), "/claim")
    scene.go_to("2026-01-03T00:00:00")
    refused = browser.post(f"{ROOT}b/over/claim", data=stale, headers=SCRIPT)
    assert (refused.status_code, refused.json["code"], refused.json["detail"]) == (409, "closed", "领取已结束。")
    assert "领取已结束" in browser.get(f"{ROOT}b/over").text
    with scene.acme:
        from coupon_scene import definition

        scene.coupons().batches.create(definition("draft"))
    for code in ("draft", "none"):
        assert browser.get(f"{ROOT}b/{code}").status_code == 404
    assert browser.get("/p/moonco/coupon-threshold/b/gone").status_code == 404


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_several_coupons_of_one_batch_are_claimed_one_by_one(scene, app):
    scene.open("three", limits={"per_person": 3})
    browser = customer(scene, app, scene.person())
    for _ in range(3):
        page = browser.get(f"{ROOT}b/three")
        form = fields(page, "/claim")
        one = browser.post(f"{ROOT}b/three/claim", data=form)
        assert one.headers["Location"] == browser.post(f"{ROOT}b/three/claim", data=form).headers["Location"]
    assert scene.rows("SELECT count(*) FROM coupon_threshold_coupon") == [(3,)]
    assert "/claim" not in browser.get(f"{ROOT}b/three").text


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_my_coupons_lie_in_drawers_and_nobody_sees_those_of_others(scene, app):
    owner, other = scene.person(), scene.person()
    for code, days in (("short", 1), ("long", 30)):
        scene.open(code, validity={"kind": "natural", "days": days}, title=f"券 {code}")
        scene.claim(code, owner)
    scene.open("void", title="券 void")
    voided = scene.claim("void", owner)
    with scene.acme:
        scene.coupons().voiding.void(voided.uid, actor="test", reason="test")
    browser, stranger = customer(scene, app, owner), customer(scene, app, other)
    text = browser.get(f"{ROOT}mine").text
    assert text.index("可使用") < text.index("券 short") < text.index("券 long") < text.index("已作废") < text.index("券 void")
    assert "即将过期" in text
    scene.go_to("2026-01-03T00:00:00")  # the job has not come by yet; the page tells the truth all the same
    text = browser.get(f"{ROOT}mine").text
    assert text.index("券 long") < text.index("已过期") < text.index("券 short")
    assert "还没有优惠券" in stranger.get(f"{ROOT}mine").text
    for uid in (voided.uid, "0" * 24):
        for path in (f"c/{uid}", f"c/{uid}/token"):
            assert stranger.get(ROOT + path, headers=SCRIPT).status_code == 404
    assert "<svg" not in browser.get(f"{ROOT}c/{voided.uid}").text


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_the_qr_code_is_renewed_and_ends_with_the_coupon(scene, app):
    scene.open("spring", validity={"kind": "natural", "days": 1})
    owner = scene.person()
    coupon = scene.claim("spring", owner)
    browser = customer(scene, app, owner)
    first = browser.get(f"{ROOT}c/{coupon.uid}/token")
    assert first.json["usable"] is True and first.headers["Cache-Control"] == "no-store"
    scene.clock.advance(seconds=1)
    assert browser.get(f"{ROOT}c/{coupon.uid}/token").json["svg"] != first.json["svg"]
    assert "style=" not in first.json["svg"] and "<script" not in first.json["svg"]
    scene.go_to("2026-01-03T00:00:00")
    assert browser.get(f"{ROOT}c/{coupon.uid}/token").json == {"usable": False, "svg": ""}


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_a_promotion_that_nobody_claims_has_no_page_with_a_button(scene, app):
    scene.open("auto", scope={"automatic": True}, validity={"kind": "absolute", "to": "2026-03-01"})
    browser = customer(scene, app, scene.person())
    assert browser.get(f"{ROOT}b/auto", headers=PAGE).status_code == 404


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_a_coupon_is_shown_while_somebody_else_writes(scene, app):
    scene.open("spring")
    owner = scene.person()
    coupon = scene.claim("spring", owner)
    browser = customer(scene, app, owner)
    assert qr_text(browser.get(f"{ROOT}c/{coupon.uid}"))
    shown, done = [], threading.Event()

    def look():
        pages = (f"{ROOT}c/{coupon.uid}", f"{ROOT}c/{coupon.uid}/token", f"{ROOT}mine", f"{ROOT}b/spring", f"{ROOT}clerk")
        shown.extend(browser.get(page).status_code for page in pages)
        done.set()

    with ThreadPoolExecutor(1) as pool:
        with scene.acme as brand, brand.transaction():
            execute("UPDATE coupon_threshold_batch SET title = title")
            pool.submit(look)
            assert done.wait(4)  # a writer is waited for longer
    assert shown == [200] * 5


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_texts_of_a_batch_are_shown_and_never_run(scene, app):
    evil = '<script>alert(1)</script>{{ 7*7 }}"'
    scene.open("evil", title=evil, terms=evil)
    page = customer(scene, app, scene.person()).get(f"{ROOT}b/evil").text
    assert "<script>alert" not in page and "&lt;script&gt;" in page and "{{ 7*7 }}" in page
