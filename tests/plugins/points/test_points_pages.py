"""What a customer sees of their points."""

from __future__ import annotations

import pytest
from signing import PAGE, sign_in

from scrm_core.web import create_app

EXPIRING = "\n[plugins.points]\nexpire_days = 7\nredeem_minor = 1\n"


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_a_customer_sees_their_own_points_in_both_languages_and_a_visitor_none(scenes, clock):
    scene, _ = scenes(EXPIRING)
    clock.set(scene.at("2026-03-01T12:00"))
    ann, ben = scene.person("ann"), scene.person("ben")
    scene.give(ann, 1_500, "one")
    scene.give(ben, 77, "two")
    with scene.brand:
        scene.book.hold(ann, 300, key="cart")
    client = create_app(scene.brand.installation).test_client()
    away = client.get("/p/acme/points/mine", headers=PAGE)
    assert (away.status_code, "/-/join" in away.headers["Location"]) == (303, True)
    sign_in(client, scene.brand, ann)
    page = client.get("/p/acme/points/mine")
    assert page.status_code == 200
    assert '<p class="big-number" id="balance">1,200</p>' in page.text
    assert "1,200 积分将于 2026-03-08 00:00 过期" in page.text
    assert page.text.index("-300") < page.text.index("+1,500")
    assert "77" not in page.text
    english = client.get("/p/acme/points/mine?lang=en").text
    assert "My points" in english and "1,200 points lapse on 2026-03-08 00:00" in english
    assert "My points" in client.get("/p/acme/-/me").text


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_a_debt_is_shown_and_an_empty_account_says_so(scene):
    ann, ben = scene.person("ann"), scene.person("ben")
    scene.give(ann, 50, "one")
    with scene.brand:
        scene.book.hold(ann, 50, key="cart")
        scene.brand.rewards.reverse("one", reason="mistake", actor="boss")
    app = create_app(scene.brand.installation)
    client = app.test_client()
    sign_in(client, scene.brand, ann)
    assert "欠分（下次获得时抵扣）: 50" in client.get("/p/acme/points/mine").text
    other = app.test_client()
    sign_in(other, scene.brand, ben)
    assert "还没有积分记录" in other.get("/p/acme/points/mine").text
