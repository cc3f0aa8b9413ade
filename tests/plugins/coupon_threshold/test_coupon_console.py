"""Coupons in the console: batches and their acts, a coupon found by its code, roles, brands, hostile names, queries."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from typing import Any

import pytest
from coupon_scene import OFF_30, PLUGIN, CouponScene, definition
from staff_desk import EVIL, asks_the_same, desks, refusal, statements, turned

from scrm_console import Console
from scrm_core.clock import ManualClock
from scrm_core.installation import Installation
from scrm_coupon_threshold import CouponThreshold

AT = "b/acme/x/coupon-threshold/"
BATCH = f"{AT}batch?code=spring"


@pytest.fixture
def scene(new_installation: Callable[..., Installation], clock: ManualClock) -> CouponScene:
    tables = f"[plugins.console]\n{PLUGIN}"
    return CouponScene(new_installation(plugins=(Console, CouponThreshold), acme=tables, moonco=tables), clock)


@pytest.fixture
def desk(scene: CouponScene, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    return desks(scene.installation, monkeypatch)


@pytest.fixture
def coupon(scene: CouponScene) -> Any:
    """A coupon of 30.00 off of a batch of ten, of somebody with a hostile name."""
    scene.open("spring", title=EVIL, stock=10, budget_minor=50_000)
    person = scene.person()
    with scene.acme:
        scene.acme.contacts.rename(person, EVIL)
    return scene.claim("spring", person)


def count(text: str, name: str) -> str:
    return re.search(rf'data-count="{name}">(.*?)<', text)[1]


def test_a_batch_shows_its_coupons_by_state_and_what_they_may_still_cost(scene, desk, coupon):
    scene.claim("spring", scene.person())
    with scene.acme:
        scene.coupons().voiding.void(coupon.uid, reason="wrong person")
    text = desk("mia").get(BATCH).text
    assert (count(text, "claimed"), count(text, "void"), count(text, "used")) == ("1", "1", "0")
    assert "at any time" in text and "data-stock>8 / 10<" in text and "data-exposed>¥30.00<" in text and "data-given>¥0.00<" in text


def test_a_batch_is_paused_resumed_stocked_and_stopped_and_the_second_of_two_is_told(scene, desk, coupon):
    mia, otto = desk("mia"), desk("otto")
    seen = re.search(r'name="seen" value="([^"]+)"', mia.get(BATCH).text)[1]
    otto.get(BATCH)
    assert mia.post(BATCH, act="pause", seen=seen).location.endswith("code=spring&done=paused")
    late = otto.post(BATCH, act="stock", total="99", seen=seen)
    assert late.status_code == 409 and "somebody changed the batch" in refusal(late)
    assert 'name="total" inputmode="numeric" value="99"' in late.text
    assert mia.press(BATCH, "open").status_code == 303
    assert mia.press(BATCH, "stock", total="12").status_code == 303
    assert "data-stock>11 / 12<" in mia.get(BATCH).text
    for total in ("3", "12"):
        less = mia.press(BATCH, "stock", total=total)
        assert less.status_code == 422 and "there are 12 already" in refusal(less), total
    assert mia.press(BATCH, "stock", total="some").status_code == 422
    old = mia.hidden(BATCH, "stop")
    assert mia.press(BATCH, "stop").status_code == 303
    assert mia.post(BATCH, act="open", **old).status_code == 409 and 'value="stop"' not in mia.get(BATCH).text


def test_nothing_is_changed_by_a_form_that_does_not_say_what_its_page_showed(scene, desk, coupon):
    mia, page = desk("mia"), f"{AT}coupon?uid={coupon.uid}"
    mia.get(BATCH)
    for typed in ({"act": "pause"}, {"act": "stop"}, {"act": "stock", "total": "12"}):
        answer = mia.post(BATCH, **typed)
        assert answer.status_code == 409 and "somebody changed the batch" in refusal(answer), typed
    refused = mia.post(page, act="void", reason="wrong person")
    assert refused.status_code == 409 and "meanwhile" in refusal(refused)
    assert "data-stock>9 / 10<" in mia.get(BATCH).text and 'value="pause"' in mia.get(BATCH).text
    assert scene.rows("SELECT state FROM coupon_threshold_coupon") == [("claimed",)]


def test_a_coupon_is_found_by_its_code_voided_with_a_reason_and_given_again_once(scene, desk, coupon):
    mia, otto = desk("mia"), desk("otto")
    mia.get(f"{AT}batches")
    typed = f" {coupon.code[:4].lower()}-{coupon.code[4:]} "
    there = mia.post(f"{AT}batches", act="find", code=typed).location
    assert there.endswith(f"coupon?uid={coupon.uid}") and coupon.code not in there
    assert mia.post(f"{AT}batches", act="find", code="nothing").status_code == 404
    page = f"{AT}coupon?uid={coupon.uid}"
    assert mia.post(page, act="void", reason=" ", seen="claimed").status_code == 422
    assert mia.post(page, act="void", reason="wrong <b>person", seen="claimed").status_code == 303
    otto.get(page)
    late = otto.post(page, act="void", reason="typed by otto", seen="claimed")
    assert late.status_code == 409 and 'value="typed by otto"' in late.text and "meanwhile" in refusal(late)
    assert "user:mia · wrong &lt;b&gt;person" in mia.get(page).text
    given = mia.post(page, act="again", reason="sorry", seen="void").location
    assert mia.post(page, act="again", reason="sorry", seen="void").location == given
    assert "data-again" in mia.get(page).text
    assert scene.rows("SELECT state, source, actor, reason FROM coupon_threshold_coupon ORDER BY id") == [
        ("void", "page", "user:mia", "wrong <b>person"), ("claimed", "staff", "user:mia", "sorry"),
    ]  # fmt: skip


def test_codes_are_drawn_and_uploaded_and_a_file_with_a_bad_line_adds_nothing_unless_that_is_wanted(scene, desk):
    with scene.acme:
        scene.coupons().batches.create(definition("pool", codes="pool"))
    page, mia = f"{AT}batch?code=pool", desk("mia")
    assert mia.press(page, "draw", draw="3").status_code == 303
    assert mia.press(page, "draw", draw="60000").status_code == 422
    same = mia.press(page, "draw", draw="3")
    assert same.status_code == 422 and "there were 3 already" in refusal(same)
    bad = b"code\nSPRING000001\nx\nSPRING000002\n"
    refused = mia.press(page, "upload", file=(io.BytesIO(bad), "codes.csv"))
    assert refused.status_code == 422 and "1 lines cannot be taken, and nothing was added: 3:" in refusal(refused)
    assert "data-stock>3 / 3<" in mia.get(page).text
    done = mia.press(page, "upload", partly="on", file=(io.BytesIO(bad), "codes.csv"))
    assert done.location.endswith("done=uploaded&added=2&there=0&rejected=1")
    assert "data-stock>5 / 5<" in mia.get(page).text and "2 codes added" in mia.get(done.location).text
    assert mia.press(page, "upload").status_code == 422


def test_only_roles_that_include_it_see_and_act_and_no_other_brand_sees_anything(scene, desk, coupon):
    page = f"{AT}coupon?uid={coupon.uid}"
    for name in ("cleo", "ana"):
        browser = desk(name)
        for path in (f"{AT}batches", BATCH, page):
            assert browser.get(path).status_code == 403, (name, path)
        browser.get("b/acme/")
        assert browser.post(page, act="void", reason="x").status_code == 403
        assert browser.post(f"{AT}batches", act="find", code=coupon.code).status_code == 403
    assert "Claimed today" in desk("ana").get("b/acme/").text
    luna = desk("luna")
    assert luna.get(BATCH).status_code == 404
    assert "data-batch" not in luna.get("b/moonco/x/coupon-threshold/batches").text
    for path in ("batch?code=spring", f"coupon?uid={coupon.uid}"):
        assert luna.get(f"b/moonco/x/coupon-threshold/{path}").status_code == 404, path
    found = luna.post("b/moonco/x/coupon-threshold/batches", act="find", code=coupon.code)
    assert found.status_code == 404
    assert luna.post(f"b/moonco/x/coupon-threshold/coupon?uid={coupon.uid}", act="void", reason="x").status_code == 404
    assert scene.rows("SELECT state FROM coupon_threshold_coupon") == [("claimed",)]


def test_what_people_and_batches_are_called_runs_nowhere(scene, desk, coupon):
    mia = desk("mia", "zh")
    for path in (f"{AT}batches", BATCH, f"{AT}coupon?uid={coupon.uid}"):
        text = mia.get(path).text
        assert "&lt;script&gt;alert(1)" in text and "<script>alert" not in text and "<img src=x" not in text, path
    answer = mia.post(f"{AT}batches", act="find", code=EVIL)
    assert answer.status_code == 404 and "<script>alert" not in answer.text
    for path in ("batch?code=%0a", "coupon?uid=%0a", "batches?before=x", "batch"):
        assert mia.get(AT + path).status_code in (400, 404), path


def test_pages_ask_as_many_queries_with_three_hundred_rows_as_with_ten(scene, desk, monkeypatch):
    scene.open("spring", rule=OFF_30)
    asked, mia = statements(scene.acme, monkeypatch), desk("mia")
    pages = (f"{AT}batches", BATCH, "b/acme/")

    def fill(nth: int) -> None:
        with scene.acme, scene.acme.transaction():
            made = len(scene.rows("SELECT id FROM coupon_threshold_coupon"))
            for one in range(made, nth):
                scene.coupons().batches.create(definition(f"b{one}"))
                scene.claim("spring", scene.person())

    asks_the_same(mia, asked, pages, fill)
    first, _ = turned(mia, AT, "batch?code=spring", "data-coupon")
    assert len(first) == 30


def test_a_coupon_is_found_by_its_code_by_call_too_and_a_batch_tells_how_it_stands(scene, coupon):
    from scrm_core.web import create_app

    with scene.acme:
        secret = scene.acme.keys.create("till", ("coupon-threshold:read",))[1]
    client = create_app(scene.installation).test_client()
    base, head = "/api/v1/acme/plugins/coupon-threshold", {"Authorization": f"Bearer {secret}"}
    (found,) = client.get(f"{base}/coupons?code={coupon.code.lower()}", headers=head).get_json()["coupons"]
    assert found["uid"] == coupon.uid
    assert client.get(f"{base}/coupons?code=nothing", headers=head).status_code == 404
    stands = client.get(f"{base}/batches/spring/standing", headers=head).get_json()
    assert (stands["claimed"], stands["exposed_minor"], stands["whole"]) == (1, 3_000, True)
