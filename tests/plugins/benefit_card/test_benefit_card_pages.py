"""The customer's pages: a card is masked until its owner asks, and nobody else sees that it exists."""

from __future__ import annotations

from datetime import date

import pytest
from benefit_scene import LETTERS, table
from signing import PAGE, SCRIPT, fields, sign_in

from scrm_core.db.bulk import execute
from scrm_core.web import create_app

CODE, PIN = "SESAME-0001", "4711"
ANN, BEN = "+8613800138001", "+8613800138002"


@pytest.fixture
def scene(scenes):
    made, _ = scenes(table() + LETTERS, table("moonco") + LETTERS)
    made.pool(terms="在视频应用内兑换。", link="https://video.example/redeem")
    made.fill("video", [{"code": CODE, "pin": PIN, "expires": "2026-12-31"}])
    return made


def client_of(scene, contact=None):
    client = create_app(scene.brand.installation).test_client()
    if contact is not None:
        sign_in(client, scene.brand, contact)
    return client


def text(client, path: str, status: int = 200) -> str:
    answer = client.get(f"/p/acme/benefit-card{path}", headers=PAGE)
    assert answer.status_code == status, answer.get_data(as_text=True)[:500]
    return answer.get_data(as_text=True)


def test_a_card_is_masked_until_its_owner_asks_and_the_look_is_recorded(scene, clock):
    ann, ben = scene.person("ann", ANN), scene.person("ben", BEN)
    uid = scene.give(ann, "a")
    client, stranger = client_of(scene, ann), client_of(scene, ben)
    listed, before = text(client, "/mine"), client.get(f"/p/acme/benefit-card/c/{uid}", headers=PAGE)
    assert "待查看" in listed and before.headers["Cache-Control"] == "no-store"
    page = before.get_data(as_text=True)
    for shown in (listed, page):
        assert CODE not in shown and PIN not in shown and "video.example" not in shown
    assert "2026-12-31" in page and "¥25.00" in page
    # Nobody else: not the page, not by pressing the button that was seen elsewhere.
    text(stranger, f"/c/{uid}", 404)
    form = fields(before)
    assert stranger.post(f"/p/acme/benefit-card/c/{uid}/show", data=form, headers=SCRIPT).status_code == 403
    scene.fill("video", [{"code": "OTHER"}])
    own = fields(stranger.get(f"/p/acme/benefit-card/c/{scene.give(ben, 'b')}", headers=PAGE))
    assert stranger.post(f"/p/acme/benefit-card/c/{uid}/show", data=own, headers=SCRIPT).status_code == 404
    assert scene.state(uid) == "given"
    clock.advance(hours=1)
    answers = [client.post(f"/p/acme/benefit-card/c/{uid}/show", data=form, headers=SCRIPT) for _ in range(2)]
    back = f"/p/acme/benefit-card/c/{uid}"
    assert [a.get_json() for a in answers] == [{"card": uid, "state": "revealed", "back": back}] * 2
    after = text(client, f"/c/{uid}")
    assert CODE in after and PIN in after and 'href="https://video.example/redeem"' in after
    assert CODE not in text(client, "/mine") and "已查看" in text(client, "/mine")
    with scene.brand:
        issue = scene.cards.cards.get(uid)
        assert issue.revealed_at == clock.now() and issue.state == "revealed"
        assert CODE not in repr(execute("SELECT * FROM idempotency").fetchall())
    scene.reverse("a")
    gone = text(client, f"/c/{uid}", 404)
    assert CODE not in gone and CODE not in text(client, "/mine")


def test_without_a_script_the_button_leads_back_to_the_card_with_its_code(scene):
    ann = scene.person("ann")
    uid = scene.give(ann, "a")
    client = client_of(scene, ann)
    page = client.get(f"/p/acme/benefit-card/c/{uid}?lang=en", headers=PAGE)
    answer = client.post(f"/p/acme/benefit-card/c/{uid}/show", data=fields(page), headers=PAGE)
    assert (answer.status_code, answer.headers["Location"]) == (303, f"/p/acme/benefit-card/c/{uid}")
    assert CODE in text(client, f"/c/{uid}?lang=en") and "Use it now" in text(client, f"/c/{uid}?lang=en")


def test_a_visitor_signs_in_first_and_sees_no_card(scene):
    uid = scene.give(scene.person("ann"), "a")
    visitor = client_of(scene)
    for path in ("/mine", f"/c/{uid}"):
        answer = visitor.get(f"/p/acme/benefit-card{path}", headers=PAGE)
        assert answer.status_code == 303 and "/-/join" in answer.headers["Location"]
    me = client_of(scene, scene.person("ann")).get("/p/acme/-/me", headers=PAGE).get_data(as_text=True)
    assert "我的权益卡" in me and "benefit-card/mine" in me


def test_an_expired_card_says_so_and_hides_its_button(scene, clock):
    ann = scene.person("ann")
    uid = scene.give(ann, "a")
    client = client_of(scene, ann)
    form = fields(client.get(f"/p/acme/benefit-card/c/{uid}", headers=PAGE))
    clock.advance(days=365)
    sign_in(client, scene.brand, ann)
    page = text(client, f"/c/{uid}")
    assert "已过期" in page and f"/c/{uid}/show" not in page
    late = client.post(f"/p/acme/benefit-card/c/{uid}/show", data=form, headers=SCRIPT)
    assert (late.status_code, late.get_json()["detail"]) == (409, "此卡已过期。")
    assert CODE not in text(client, f"/c/{uid}")


def test_a_recipient_claims_the_gift_on_its_page_and_others_are_told_for_whom_it_is(scene):
    ann, ben = scene.person("ann", ANN), scene.person("ben", BEN)
    with scene.brand:
        scene.cards.gifts.create(
            "may", pool="video", title="五月礼", plan="MAY", until=date(2026, 1, 31), owner="letters", actor="lin"
        )
    scene.write_to((ANN, ann))
    visitor = text(client_of(scene), "/g/may")
    assert "登录后领取" in visitor and "收到本短信" in visitor
    text(client_of(scene), "/g/nosuch", 404)
    other, client = client_of(scene, ben), client_of(scene, ann)
    form = fields(other.get("/p/acme/benefit-card/g/may", headers=PAGE))
    told = other.post("/p/acme/benefit-card/g/may/claim", data=form, headers=SCRIPT)
    assert (told.status_code, "仅限收到短信" in told.get_json()["detail"]) == (403, True)
    page = client.get("/p/acme/benefit-card/g/may", headers=PAGE)
    first = client.post("/p/acme/benefit-card/g/may/claim", data=fields(page), headers=SCRIPT).get_json()
    again = client.post("/p/acme/benefit-card/g/may/claim", data=fields(page, once="0" * 32), headers=SCRIPT).get_json()
    assert first == again and first["back"].endswith(f"/benefit-card/c/{first['card']}")
    assert "您已领取" in text(client, "/g/may") and "已领完" in text(client_of(scene), "/g/may")
    assert scene.places() == (0, 0, 1, 0, 0)
    with scene.brand:
        scene.cards.gifts.close("may", actor="lin")
    assert "领取已结束" in text(client_of(scene), "/g/may") and "您已领取" in text(client, "/g/may")
