"""From the reward to the parcel: an address in time, a parcel that is sent, and what goes back."""

from __future__ import annotations

import pytest

from scrm_core.api import Veto
from scrm_core.testing import assert_plugin_ok
from scrm_goods_by_post import GoodsByPost

SETTINGS = {"goods": {"MUG": "Mug"}, "claim_days": 3}
MINE = "goods-by-post/mine"
ADDRESS = "Ada, 1 Main Street"


@pytest.fixture
def app(scrm_app):
    return scrm_app(GoodsByPost, settings=SETTINGS)


def parcels(shop, state):
    found = shop.client("goods-by-post:read").get("plugins/goods-by-post/parcels", state=state).json["parcels"]
    return [(each["uid"], each["address"]) for each in found]


def test_a_reward_gets_an_address_from_its_owner_and_is_sent_once(app):
    ada, ben = app.brand.lead(), app.brand.lead()
    app.brand.reward(ada, "goods", "MUG", key="prize")
    ((uid, address),) = parcels(app.brand, "open")
    assert (address, parcels(app.second_brand, "open")) == ("", [])
    owner, other = app.brand.visitor(ada), app.brand.visitor(ben)
    page = owner.get(MINE)
    assert "Mug" in page.text
    assert "Mug" not in other.get(MINE).text
    assert [owner.submit(page, "/address", address=ADDRESS).status_code for _ in range(2)] == [303, 303]
    assert parcels(app.brand, "ready") == [(uid, ADDRESS)]
    staff = app.brand.client("goods-by-post:send")
    answers = [staff.post(f"plugins/goods-by-post/parcels/{uid}/sent", {"tracking": "SF100"}) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 409]
    assert "SF100" in owner.get(MINE).text
    with app.brand as brand, pytest.raises(Veto):  # what is on its way does not come back
        brand.rewards.reverse("prize", reason="a mistake")


def test_what_nobody_asked_for_in_time_goes_back(app):
    ada = app.brand.lead()
    app.brand.reward(ada, "goods", "MUG")
    app.clock.advance(days=3)  # the days are 2, 3 and 4 January; it is 4 January in Shanghai
    app.brand.run_jobs()
    assert len(parcels(app.brand, "open")) == 1
    app.clock.advance(days=1)
    assert "goods-by-post/late" in app.brand.run_jobs()
    assert parcels(app.brand, "open") == []
    (reward,) = app.brand.rewards(ada)
    assert reward.reversed_by is not None


def test_goods_that_are_not_given_away_are_refused(app):
    ada = app.brand.lead()
    with pytest.raises(Veto, match="CUP"):
        app.brand.reward(ada, "goods", "CUP")
    assert app.brand.rewards(ada) == []


def test_the_plugin_meets_the_checklist():
    assert_plugin_ok(GoodsByPost, settings=SETTINGS)
