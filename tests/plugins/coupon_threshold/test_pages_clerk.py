"""What clerks do: sign in, scan, see whose coupon it is, redeem it once, and undo it."""

from __future__ import annotations

import re

import pytest
from pages_scene import PIN, ROOT, customer, enter, look_up, on_duty, printed_code, qr_text, redeem, staff
from signing import PAGE, fields

from scrm_core.web import create_app


@pytest.fixture
def app(scene):
    return create_app(scene.installation)


@pytest.fixture
def coupon(scene):
    """A coupon of 满300减30 for a named customer; clerk li works in sh01."""
    staff(scene)
    scene.open("spring")
    owner = scene.person()
    with scene.acme:
        scene.acme.contacts.rename(owner, "王小明")
    return scene.claim("spring", owner)


def test_a_coupon_is_scanned_and_redeemed_once(scene, app, coupon):
    browser = customer(scene, app, coupon.contact_id)
    clerk = on_duty(app)
    scanned = look_up(clerk, qr_text(browser.get(f"{ROOT}c/{coupon.uid}")))
    assert "满¥300.00减¥30.00" in scanned.text and "王**" in scanned.text and "0001" in scanned.text
    assert "小明" not in scanned.text and "+8613800000001" not in scanned.text
    done = redeem(clerk, scanned, "350.00", "T-1")
    assert done.status_code == 303
    result = clerk.get(done.headers["Location"])
    assert "核销成功" in result.text and "¥320.00" in result.text and "−¥30.00" in result.text and "T-1" in result.text
    # The same press again: the stored answer; the same ticket in a form of its own: the first result.
    again = redeem(clerk, scanned, "350.00", "T-1")
    assert again.headers["Location"] == done.headers["Location"]
    form = fields(clerk.get(f"{ROOT}clerk"), "/scan", text=coupon.code, amount="350.00", ticket="T-1")
    third = clerk.post(f"{ROOT}clerk/redeem", data=form)
    assert third.headers["Location"] == done.headers["Location"] + "?again=1"
    assert "以下为首次核销结果" in clerk.get(third.headers["Location"]).text
    assert scene.rows("SELECT count(*), sum(discount_minor) FROM coupon_threshold_redemption") == [(1, 3_000)]
    # Another ticket: when, where and by whom it was redeemed first.
    second = look_up(clerk, coupon.code)
    assert 'data-reason="used"' in second.text and "2026-01-01 08:00在Shop sh01核销，经手人Clerk li" in second.text
    assert "/redeem" not in second.text
    shown = browser.get(f"{ROOT}c/{coupon.uid}")
    assert "已于 2026-01-01 08:00 在 Shop sh01 使用" in shown.text and "<svg" not in shown.text


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_a_screenshot_is_worth_nothing_after_a_minute_and_the_printed_code_stays(scene, app, coupon):
    browser, clerk = customer(scene, app, coupon.contact_id), on_duty(app)
    page = browser.get(f"{ROOT}c/{coupon.uid}")
    old = qr_text(page)
    scene.clock.advance(seconds=60)
    assert 'data-reason="token_expired"' in look_up(clerk, old).text
    # Scanned in time, the clerk may take longer than a minute to type the amount.
    scanned = look_up(clerk, qr_text(browser.get(f"{ROOT}c/{coupon.uid}")))
    scene.clock.advance(seconds=300)
    assert 'data-reason="usable"' in look_up(clerk, printed_code(page).lower()).text
    assert redeem(clerk, scanned, "300", "T-1").status_code == 303


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_foreign_mistyped_and_tampered_codes_are_refused(scene, app, coupon):
    clerk = on_duty(app)
    with scene.acme:
        token = scene.coupons().carts.tokens.issue(coupon.uid, coupon.contact_id)
    scene.open("theirs", scene.moonco)
    theirs = scene.claim("theirs", scene.person(scene.moonco), brand=scene.moonco)
    last = "2" if coupon.code[-1] != "2" else "3"
    # Not the last letter: some of its bits belong to no byte of the signature.
    tampered = token[:-5] + ("A" if token[-5] != "A" else "B") + token[-4:]
    for text in (
        coupon.code[:-1] + last, theirs.code, tampered, "ct.x", coupon.uid,
        f"https://evil.example/p/acme/coupon-threshold/clerk?t={token}", "http://127.0.0.1:8000/p/moonco/x?t=" + token, "你好",
    ):  # fmt: skip
        page = look_up(clerk, text)
        assert page.status_code == 200 and "不能核销" in page.text and "/redeem" not in page.text, text
    genuine = look_up(clerk, f"http://127.0.0.1:8000/p/acme/coupon-threshold/clerk?t={token}")
    assert 'data-reason="usable"' in genuine.text


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_nobody_redeems_without_a_shift(scene, app, coupon):
    browser = app.test_client()
    assert "个人密码" in browser.get(f"{ROOT}clerk").text
    form = fields(browser.get(f"{ROOT}clerk"), "sign-in", text=coupon.code, amount="300", ticket="T", reason="x")
    for path in ("clerk/scan", "clerk/redeem", "clerk/r/0/undo"):
        refused = browser.post(ROOT + path, data=form, headers=PAGE)
        assert refused.status_code == 403 and "请先登录" in refused.text
    assert browser.get(f"{ROOT}clerk/r/0").headers["Location"] == f"{ROOT}clerk"
    # A customer's session is no clerk's, and a shift of another brand is none here.
    assert customer(scene, app, coupon.contact_id).post(f"{ROOT}clerk/scan", data=form).status_code == 403
    clerk = on_duty(app)
    cookie = clerk.get_cookie("scrm_clerk", path=ROOT).value
    assert clerk.post(f"{ROOT}clerk/scan", data={"text": coupon.code}).status_code == 403  # no form of ours
    foreign = app.test_client()
    foreign.set_cookie("scrm_clerk", cookie, domain="localhost", path="/p/moonco/coupon-threshold/")
    assert "PIN" in foreign.get("/p/moonco/coupon-threshold/clerk").text
    with scene.acme:
        scene.coupons().carts.stores.disable_clerk("li")
    assert look_off(clerk)


def look_off(clerk):
    """Whether a browser has no shift any more."""
    return "个人密码" in clerk.get(f"{ROOT}clerk").text


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_a_shift_ends_after_twelve_hours_or_when_the_clerk_leaves(scene, app, coupon):
    clerk = on_duty(app)
    assert not look_off(clerk)
    page = clerk.get(f"{ROOT}clerk")
    cookie = clerk.get_cookie("scrm_clerk", path=ROOT)
    assert cookie.http_only and cookie.same_site == "Lax"
    clerk.post(f"{ROOT}clerk/leave", data=fields(page, "leave"))
    assert look_off(clerk)
    late = on_duty(app)
    scene.clock.advance(hours=12)
    assert look_off(late)


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_ten_wrong_pins_lock_the_clerk(scene, app, coupon):
    browser = app.test_client()
    for _ in range(10):
        assert enter(browser, pin="314159").status_code == 200
    locked = enter(browser)
    assert locked.status_code == 200 and "错误次数过多" in locked.text
    scene.clock.advance(hours=1)
    assert enter(browser, pin=PIN).status_code == 303


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_below_the_threshold_elsewhere_or_with_a_bad_amount_nothing_is_redeemed(scene, app, coupon):
    clerk = on_duty(app)
    scanned = look_up(clerk, coupon.code)
    below = redeem(clerk, scanned, "299.99", "T-1")
    assert below.status_code == 200 and "还差¥0.01可用" in below.text
    for amount in ("", "-1", "1e9", "300.001", "abc", "1" * 11, "12,50", "3,00.00", "30000,00", ",300"):
        page = look_up(clerk, coupon.code)
        refused = redeem(clerk, page, amount, "T-1")
        assert refused.status_code == 422 and "正确的金额" in refused.text, amount
    assert redeem(clerk, look_up(clerk, coupon.code), "300", " ").status_code == 422
    scene.open("elsewhere", stores=["bj02"])
    other = scene.claim("elsewhere", scene.person())
    assert 'data-reason="store"' in look_up(clerk, other.code).text
    assert scene.rows("SELECT count(*) FROM coupon_threshold_redemption") == [(0,)]
    assert redeem(clerk, look_up(clerk, coupon.code), "３００．００", "T-1").status_code == 303  # full-width digits


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_amounts_are_written_with_the_brand_s_currency_in_both_languages(scene, app, coupon, monkeypatch):
    monkeypatch.setattr(scene.acme, "currency", "USD")
    browser, clerk = customer(scene, app, coupon.contact_id), on_duty(app)
    for page in (f"{ROOT}b/spring", f"{ROOT}c/{coupon.uid}", f"{ROOT}mine"):
        assert "满$300.00减$30.00" in browser.get(page).text
        assert "$30.00 off from $300.00" in browser.get(f"{page}?lang=en").text
        browser.get(f"{page}?lang=zh")
    scanned = look_up(clerk, coupon.code)
    assert "满$300.00减$30.00" in scanned.text and 'placeholder="$0.00"' in scanned.text
    assert "还差$299.00可用（满$300.00）" in redeem(clerk, scanned, "1", "T-1").text
    result = clerk.get(redeem(clerk, scanned, "$1,300", "T-1").headers["Location"]).text
    assert "$1,300.00" in result and "−$30.00" in result and "$1,270.00" in result


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_a_clerk_goes_back_and_corrects_the_amount(scene, app, coupon):
    clerk = on_duty(app)
    scanned = look_up(clerk, coupon.code)
    assert "还差¥270.00可用" in redeem(clerk, scanned, "30.00", "T-1").text
    done = redeem(clerk, scanned, "300.00", "T-1")  # the same page, kept by the browser, with the same once
    assert done.status_code == 303
    assert redeem(clerk, scanned, "300.00", "T-1").headers["Location"] == done.headers["Location"]
    assert scene.rows("SELECT amount_minor FROM coupon_threshold_redemption") == [(30_000,)]


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_a_clerk_s_own_coupon_and_a_second_coupon_on_a_ticket_are_refused(scene, app, coupon):
    staff(scene, code="wang", contact=scene.uid(coupon.contact_id))
    own = on_duty(app, code="wang")
    refused = redeem(own, look_up(own, coupon.code), "300", "T-1")
    assert refused.status_code == 403 and "不能核销自己的券" in refused.text
    clerk = on_duty(app)
    redeem(clerk, look_up(clerk, coupon.code), "300", "T-1")
    second = scene.claim("spring", scene.person())
    page = redeem(clerk, look_up(clerk, second.code), "300", "T-1")
    assert page.status_code == 200 and "小票已核销过另一张券" in page.text


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_a_manager_undoes_a_redemption_in_time_with_a_reason(scene, app, coupon):
    staff(scene, code="boss", role="manager")
    clerk, boss = on_duty(app), on_duty(app, code="boss")
    done = redeem(clerk, look_up(clerk, coupon.code), "300", "T-1").headers["Location"]
    assert "/undo" not in clerk.get(done).text
    page = boss.get(done)
    assert boss.post(f"{done}/undo", data=fields(page, "/undo", reason=" ")).status_code == 422
    form = fields(page, "/undo", reason="wrong customer")
    assert clerk.post(f"{done}/undo", data=fields(clerk.get(f"{ROOT}clerk"), "/scan", reason="x")).status_code == 403
    assert boss.post(f"{done}/undo", data=form).headers["Location"] == done
    assert "此次核销已撤销" in boss.get(done).text
    # The customer has it again, as a coupon with a code of its own.
    browser = customer(scene, app, coupon.contact_id)
    (again,) = re.findall(r'href="([^"]+/c/[0-9a-f]+)"', browser.get(f"{ROOT}mine").text)
    assert coupon.uid not in again
    assert 'data-reason="usable"' in look_up(clerk, printed_code(browser.get(again))).text
    assert "此次使用已撤销" in browser.get(f"{ROOT}c/{coupon.uid}").text
    second = scene.claim("spring", scene.person())
    late = redeem(clerk, look_up(clerk, second.code), "300", "T-2").headers["Location"]
    scene.clock.advance(seconds=1_800)
    too_late = boss.post(f"{late}/undo", data=fields(boss.get(late), "/undo", reason="x"), headers=PAGE)
    assert too_late.status_code == 409 and "已超过可撤销的时间" in too_late.text
