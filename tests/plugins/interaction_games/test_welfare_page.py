"""A customer claims a welfare gift on a page: once, signed in, while there are any."""

from __future__ import annotations

import pytest
from awards_scene import AwardScene
from signing import PAGE, SCRIPT, fields, sign_in

from scrm_core.web import create_app

ROOT = "/p/acme/interaction-games/w/mid-autumn"


@pytest.fixture
def installed(games_installation):
    return games_installation()


@pytest.fixture
def scene(installed, deliver) -> AwardScene:
    """Acme; the test enters the brand itself."""
    with installed.brand("acme") as brand:
        return AwardScene(brand, deliver)


def test_a_gift_is_claimed_by_form_and_by_script_once_and_the_last_one_closes_the_page(scene, installed):
    with scene.brand:
        ann, ben, cat = (scene.person(name) for name in ("ann", "ben", "cat"))
        scene.opened(cap_minor=600)  # two gifts
    app = create_app(installed)
    first, second, third = app.test_client(), app.test_client(), app.test_client()
    visitor = app.test_client().get(ROOT)
    assert "加入后即可领取" in visitor.text and "Mid-Autumn 中秋" in visitor.text
    sign_in(first, scene.brand, ann)
    sign_in(second, scene.brand, ben)
    sign_in(third, scene.brand, cat)
    waiting = third.get(ROOT)
    page = first.get(ROOT)
    done = first.post(f"{ROOT}/claim", data=fields(page), headers=PAGE)
    assert (done.status_code, done.headers["Location"].endswith("/w/mid-autumn")) == (303, True)
    again = first.post(f"{ROOT}/claim", data=fields(page), headers=PAGE)
    assert again.status_code == 303
    assert "你已领取这份福利" in first.get(ROOT).text
    told = second.post(f"{ROOT}/claim", data=fields(second.get(ROOT)), headers=SCRIPT)
    assert (told.status_code, told.json["outcome"]) == (200, "granted")
    late = third.post(f"{ROOT}/claim", data=fields(waiting), headers=SCRIPT)
    assert (late.status_code, late.json["code"]) == (409, "welfare_closed")
    assert "福利已经领完" in third.get(ROOT).text
    with scene.brand:
        assert [quantity for _, quantity, _, _ in scene.granted()] == [1, 1]
        assert scene.awards.welfare.get("mid-autumn").granted == 2


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_drafts_and_campaigns_that_are_given_out_have_no_page_and_visitors_join_first(scene, installed):
    with scene.brand:
        scene.awards.welfare.create(scene.campaign(), actor="mia")
        scene.opened("push", audience="orders = 0", claim=False)
    client = create_app(installed).test_client()
    assert client.get(ROOT).status_code == 404
    assert client.get(ROOT.replace("mid-autumn", "push")).status_code == 404
    with scene.brand:
        scene.awards.welfare.open("mid-autumn", actor="mia")
    page = client.get(ROOT)
    away = client.post(f"{ROOT}/claim", data=fields(page), headers=PAGE)
    assert (away.status_code, "/-/join" in away.headers["Location"]) == (303, True)
    forged = client.post(f"{ROOT}/claim", data={}, headers=SCRIPT)
    assert forged.status_code in (401, 403)
    with scene.brand:
        assert scene.granted() == []
