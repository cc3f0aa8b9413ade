"""Join gifts: one per member identity, ever."""

from __future__ import annotations

import json

import pytest
from games_scene import Scene
from social_scene import DAY, join, told

from scrm_core.api import Conflict, Forbidden, Invalid


def campaign(scene, **more):
    settings = {"prize": "tea", **more.pop("settings", {})}
    return scene.campaign("joingift", [scene.prize("tea", **more.pop("prize", {}))], settings=settings, **more)


def refused(scene, code, person):
    with pytest.raises((Conflict, Forbidden)) as refusal:
        scene.act(code, "claim", person)
    return refusal.value.code


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_joining_gives_the_gift_once_and_the_page_says_so(scene):
    code = campaign(scene)
    one, other = scene.people(2)
    assert scene.view(code, None)["state"] == "visitor"
    assert scene.view(code, one)["state"] == "not_member"
    assert refused(scene, code, one) == "not_member"
    join(scene, one, "M-1001")
    scene.deliver()
    assert scene.view(code, one)["state"] == "received"
    assert scene.rewards(one) == [("points", "", 1)]
    assert refused(scene, code, one) == "had_gift"
    assert scene.rewards(other) == []
    assert [each["prize"] for each in told("member-gift")] == ["tea"]


def test_leaving_another_campaign_a_new_contact_and_a_merge_give_no_second_gift(scene):
    first = campaign(scene)
    one = scene.person("+8613800000001")
    join(scene, one, "M-1001")
    scene.deliver()
    scene.brand.membership.leave(one, at=scene.brand.now())
    scene.games.end(first, reason="over")
    second = campaign(scene)
    scene.clock.set(scene.brand.now() + DAY)
    join(scene, one, "M-1001")
    scene.deliver()
    assert scene.view(second, one)["state"] == "had"
    assert refused(scene, second, one) == "had_gift"
    # The same member number under a new contact, once the old one left.
    scene.brand.membership.leave(one, at=scene.brand.now())
    again = scene.person()
    join(scene, again, "M-1001")
    scene.deliver()
    assert scene.rewards(again) == []
    # A contact that turns out to be the same person.
    stranger = scene.person()
    scene.brand.contacts.merge(stranger, one, actor="ann", reason="same person")
    join(scene, stranger, "M-2002")
    scene.deliver()
    assert scene.rewards(stranger) == [("points", "", 1)]
    assert refused(scene, second, stranger) == "had_gift"


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_what_became_known_of_a_gifted_person_counts_too_and_outlives_their_erasure(scene):
    code = campaign(scene)
    one = scene.person("+8613800000001")
    join(scene, one, "M-1001")
    scene.deliver()
    # A second membership under another number gives nothing, and that number is known from then on.
    scene.brand.membership.leave(one, at=scene.brand.now())
    scene.clock.set(scene.brand.now() + DAY)
    join(scene, one, "M-2002")
    scene.deliver()
    scene.brand.privacy.erase(one, actor="ann")
    for number in ("M-1001", "M-2002"):
        back = scene.person()
        join(scene, back, number)
        scene.deliver()
        assert scene.rewards(back) == []
        assert scene.view(code, back)["state"] == "had"
        assert refused(scene, code, back) == "had_gift"


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_somebody_erased_before_the_event_arrives_gets_nothing_and_stops_nobody(scene):
    campaign(scene)
    one, two = scene.people(2)
    join(scene, one)
    join(scene, two)
    scene.brand.privacy.erase(one, actor="ann")
    scene.deliver()
    assert scene.rewards(two) == [("points", "", 1)]


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_a_status_that_several_members_share_is_no_identity(scene):
    campaign(scene)
    one, two = scene.people(2)
    join(scene, one, "gold")
    join(scene, two, "gold")
    scene.deliver()
    assert [scene.rewards(each) for each in (one, two)] == [[("points", "", 1)]] * 2


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_a_gift_that_has_run_out_keeps_the_right_to_one(scene):
    code = campaign(scene, prize={"stock": 1})
    one, two = scene.people(2)
    for person, number in ((one, "M-1"), (two, "M-2")):
        join(scene, person, number)
    scene.deliver()
    assert scene.rewards(two) == []
    assert refused(scene, code, two) == "sold_out"
    scene.games.campaigns.add_stock(code, "tea", 1, actor="ann")
    assert scene.act(code, "claim", two)["state"] == "granted"


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_a_gift_that_is_fetched_waits_for_the_member(scene):
    code = campaign(scene, settings={"automatic": False})
    one = scene.person()
    join(scene, one)
    scene.deliver()
    assert scene.view(code, one)["state"] == "open"
    assert scene.act(code, "claim", one)["prize"] == "tea"
    with pytest.raises(Invalid, match="cake"):
        campaign(scene, settings={"prize": "cake"})


CLAIMS = """
def run(brand, worker):
    games = brand.plugins["interaction-games"].games
    said = []
    for contact in json.loads(Path(TASKS).read_text())[worker]:
        try:
            said.append(games.act("gift", "claim", contact, key=f"w{worker}-{contact}")["state"])
        except Exception as refusal:
            said.append(getattr(refusal, "code", repr(refusal)))
    return said
"""


def test_claims_of_several_processes_give_each_identity_one(open_house, together, tmp_path):
    installation = open_house()
    with installation.brand("acme") as brand:
        scene = Scene(brand)
        scene.campaign(
            "joingift", [scene.prize("tea", stock=6)], settings={"prize": "tea", "automatic": False}, code="gift"
        )
        people = scene.people(8)
        for number, person in enumerate(people):
            join(scene, person, f"M-{number}")
    (tmp_path / "tasks.json").write_text(json.dumps([people, people[::-1], people[3:] + people[:3]]))
    said = together(installation, f"TASKS = {str(tmp_path / 'tasks.json')!r}\n" + CLAIMS, 3)
    flat = [each for answer in said for each in answer]
    assert sorted(set(flat)) == ["granted", "had_gift", "sold_out"]
    assert flat.count("granted") == 6
    with brand:
        given = [scene.rewards(person) for person in people]
        assert sorted(len(each) for each in given) == [0, 0, 1, 1, 1, 1, 1, 1]
        assert scene.stock("gift", "tea") == 0
