"""Input that cannot be right, at the doors people and programs use: refused, and told what to do about it."""

from __future__ import annotations

from typing import Any

import pytest
from coupon_scene import CouponScene, definition
from pages_scene import ROOT, customer, look_up, on_duty, staff
from signing import PAGE, fields

from scrm_core.web import create_app
from scrm_coupon_threshold.rules.codes import ALPHABET, new_code

pytestmark = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)

STEP_300, STEP_500 = {"min_minor": 30_000, "off_minor": 3_000}, {"min_minor": 50_000, "off_minor": 6_000}
CART = {"lines": [{"id": "A", "sku": "A", "qty": 1, "unit_minor": 40_000}]}


@pytest.fixture
def app(scene: CouponScene) -> Any:
    return create_app(scene.installation)


@pytest.fixture
def post(scene: CouponScene, app: Any):
    """A function that posts to acme's API."""
    with scene.acme:
        secret = scene.acme.keys.create("test", ("*",))[1]

    def post(path: str, body: Any) -> Any:
        headers = {"Authorization": f"Bearer {secret}"}
        return app.test_client().post(f"/api/v1/acme/plugins/coupon-threshold{path}", json=body, headers=headers)

    return post


@pytest.mark.parametrize(
    ("changes", "field", "says"),
    [
        (
            {"rule": {"kind": "ladder", "steps": [STEP_500, STEP_300]}}, "rule.steps.1.min_minor",
            "rule.steps.1.min_minor: steps ascend, and this one begins no higher than the one before",
        ),
        (
            {"rule": {"kind": "ladder", "steps": [STEP_300, {"min_minor": 50_000, "off_minor": 2_000}]}},
            "rule.steps.1.off_minor",
            "rule.steps.1.off_minor: steps ascend, and this one takes off no more than the one before",
        ),
        (
            {"validity": {"kind": "absolute", "from": "2026-02-01", "to": "2026-01-01"}},
            "validity.to", "validity.to: the validity ends before it starts",
        ),
        (
            {"claim_from": "2026-02-01", "claim_to": "2026-01-01"},
            "claim_to", "claim_to: the claims end before they begin",
        ),
        (
            {"rule": {"kind": "percent", "rate_bp": 10_001}},
            "rule.rate_bp", "rule.rate_bp is at most 10000, not 10001",
        ),
        (
            {"rule": {"kind": "percent", "zhe": "120折"}},
            "rule.zhe", "rule.zhe: '120折' is not a percent text such as 88折, 8.8折 or 8折",
        ),
        (
            {"rule": {"kind": "threshold", "min_minor": 100, "off_minor": 101}},
            "rule.off_minor", "rule.off_minor: takes 101 off 100; a rule takes off no more than its threshold",
        ),
        ({"stock": -1}, "stock", "stock: at least 0, not -1"),
        ({"rule": {"kind": "gift", "gift_sku": "G", "stock": -1}}, "rule.stock", "rule.stock is at least 0, not -1"),
        ({"budget_minor": -1}, "budget_minor", "budget_minor: at least 0, not -1"),
        ({"limits": {"per_person": -1}}, "limits.per_person", "limits.per_person: at least 0, not -1"),
        (
            {"rule": {"kind": "magic", "off_minor": 1}}, "rule.kind",
            "rule.kind is one of cash, threshold, ladder, repeat, percent, pieces, second-half, cheapest-free, gift, "
            "exchange, shipping, points, not 'magic'",
        ),
    ],
)  # fmt: skip
def test_a_batch_that_cannot_be_is_refused_with_field_and_reason(scene, post, changes, field, says) -> None:
    refused = post("/batches", definition("x", **changes))
    assert (refused.status_code, refused.json["field"]) == (422, field)
    assert refused.json["detail"].startswith(says), refused.json["detail"]
    assert scene.rows("SELECT count(*) FROM coupon_threshold_batch") == [(0,)]


def test_a_stock_is_raised_and_never_lowered(scene, post) -> None:
    scene.open("b", stock=5)
    for total, says in ((-1, "total: at least 0, not -1"), (4, "total: ")):
        refused = post("/batches/b/stock", {"total": total})
        assert (refused.status_code, refused.json["field"]) == (422, "total")
        assert refused.json["detail"].startswith(says)


def test_codes_that_cannot_be_used_say_why_in_a_quote_and_stop_an_order(scene: CouponScene, post) -> None:
    scene.go_to("2026-03-01T12:00:00")
    anna, ben = scene.person(), scene.person()
    scene.open("M", limits={"per_person": None})
    scene.open("DAY", validity={"kind": "natural", "days": 1})
    scene.open("M", scene.moonco)
    theirs = scene.claim("M", scene.person(scene.moonco), brand=scene.moonco)
    used, foreign, old = scene.claim("M", anna), scene.claim("M", ben), scene.claim("DAY", anna)
    asked = {**CART, "contact": scene.uid(anna)}
    assert post("/orders", {**asked, "codes": [used.code], "key": "1", "source": "shop", "order_number": "1"}).status_code == 201
    scene.go_to("2026-03-02T00:00:00")
    mistyped = used.code[:-1] + ALPHABET[(ALPHABET.index(used.code[-1]) + 1) % 32]
    for code, reason, message in (
        (old.code, "expired", "这张券已于2026-03-02 00:00过期"),
        (foreign.code, "foreign", "这张券不属于当前顾客"),
        (used.code, "used", "这张券已使用"),
        (mistyped, "mistyped", "券码有误，请检查后重新输入"),
        (new_code(), "unknown", "没有这张券"),
        (theirs.code, "unknown", "没有这张券"),  # another brand's is nowhere
    ):
        (told,) = post("/quotes", {**asked, "codes": [code]}).json["refusals"]
        assert told == {"code": code, "reason": reason, "message": message}
        order = {**asked, "codes": [code], "key": f"order {code}", "source": "shop", "order_number": code}
        refused = post("/orders", order)
        assert (refused.status_code, refused.json["code"]) == (409, "coupon_refused")
        assert message in refused.json["detail"]
    assert scene.rows("SELECT count(*) FROM coupon_threshold_redemption") == [(1,)]
    assert scene.claim("M", anna).state == "claimed"  # nobody is locked out of anything by it


def test_a_forged_session_is_nobodys_and_a_forged_shift_redeems_nothing(scene: CouponScene, app) -> None:
    scene.open("M")
    anna = scene.person()
    genuine = customer(scene, app, anna)
    cookie = genuine.get_cookie("scrm_session", path="/p/acme/").value
    half = len(cookie) // 2
    forged = cookie[:half] + ("A" if cookie[half] != "A" else "B") + cookie[half + 1 :]
    browser = app.test_client()
    browser.set_cookie("scrm_session", forged, domain="localhost", path="/p/acme/")
    for page in ("mine", "b/M"):
        assert f"{ROOT}c/" not in browser.get(ROOT + page, headers=PAGE).text
    # With the form of the genuine browser it is no form of this one; with one of its own it is sent to join.
    stolen = browser.post(f"{ROOT}b/M/claim", data=fields(genuine.get(f"{ROOT}b/M"), "/claim"), headers=PAGE)
    assert stolen.status_code == 403
    own = browser.post(f"{ROOT}b/M/claim", data=fields(browser.get(f"{ROOT}clerk"), "sign-in"), headers=PAGE)
    assert own.status_code == 303 and "/p/acme/-/join" in own.headers["Location"]
    assert scene.rows("SELECT count(*) FROM coupon_threshold_coupon") == [(0,)]

    coupon = scene.claim("M", anna)
    staff(scene)
    shift = on_duty(app).get_cookie("scrm_clerk", path=ROOT).value
    half = len(shift) // 2
    thief = app.test_client()
    thief.set_cookie(
        "scrm_clerk", shift[:half] + ("A" if shift[half] != "A" else "B") + shift[half + 1 :], domain="localhost", path=ROOT
    )
    assert "个人密码" in thief.get(f"{ROOT}clerk").text
    form = fields(thief.get(f"{ROOT}clerk"), "sign-in", text=coupon.code, amount="300", ticket="T")
    refused = thief.post(f"{ROOT}clerk/redeem", data=form, headers=PAGE)
    assert refused.status_code == 403 and "请先登录" in refused.text
    assert scene.rows("SELECT count(*) FROM coupon_threshold_redemption") == [(0,)]


def test_a_clock_moved_back_makes_no_coupon_good_early_and_no_screenshot_good_again(scene: CouponScene, app, post) -> None:
    scene.go_to("2026-03-01T12:00:00")
    scene.open("M", limits={"per_person": 1, "per_person_day": 1})
    anna = scene.person()
    coupon = scene.claim("M", anna)
    staff(scene)
    with scene.acme:
        shown = scene.coupons().carts.tokens.issue(coupon.uid, anna)
    scene.go_to("2026-03-01T11:00:00")
    asked = {**CART, "contact": scene.uid(anna), "codes": [coupon.code]}
    (told,) = post("/quotes", asked).json["refusals"]
    assert (told["reason"], told["message"]) == ("early", "这张券自2026-03-01 12:00起可用")
    again = post("/claims", {"batch": "M", "contact": scene.uid(anna), "key": "again"})
    assert (again.status_code, again.json["code"]) == (409, "limit")
    # The screenshot of noon would be good for an hour and a minute by the clock's own reckoning.
    scanned = look_up(on_duty(app), shown)
    assert 'data-reason="token_expired"' in scanned.text and "二维码已失效，请顾客刷新" in scanned.text
    scene.go_to("2026-03-01T12:00:00")
    assert 'data-reason="usable"' in look_up(on_duty(app), shown).text
