"""Customers, pairs and pages of them; members and departments."""

from __future__ import annotations

import tracemalloc
from collections import Counter

import pytest
from wecom_simulator_scene import ACME, MOONCO, corps

from scrm_wecom.simulator import Simulator

BATCH = "externalcontact/batch/get_by_user"


def walked(api, users, limit=5, between=None):
    """Every (userid, external_userid) of a full sync, with what happens between its pages."""
    found, cursor = [], ""
    while True:
        page = api.post(BATCH, {"userid_list": users, "cursor": cursor, "limit": limit})
        assert page["errcode"] == 0
        found += [
            (each["follow_info"]["userid"], each["external_contact"]["external_userid"])
            for each in page["external_contact_list"]
        ]
        cursor = page["next_cursor"]
        if not cursor:
            return found
        if between is not None:
            between()


def test_every_customer_is_followed_and_one_in_ten_rounds_by_two(scene):
    """Of 12 customers and 3 members the first round (0, 1, 2) is followed twice: 15 pairs."""
    lists = {
        userid: scene.acme.get("externalcontact/list", userid=userid)["external_userid"]
        for userid in ("staff001", "staff002", "staff003")
    }
    assert {userid: len(found) for userid, found in lists.items()} == {"staff001": 5, "staff002": 5, "staff003": 5}
    followers = Counter(external for found in lists.values() for external in found)
    assert sorted(followers.values()) == [1] * 9 + [2] * 3
    assert followers[scene.external("p0")] == 2


def test_a_page_shows_one_follower_and_only_corp_tags_and_one_customer_shows_all(scene):
    page = scene.acme.post(BATCH, {"userid_list": ["staff001"], "limit": 1})
    (entry,) = page["external_contact_list"]
    external = entry["external_contact"]["external_userid"]
    assert external == scene.external("p0")
    assert set(entry["follow_info"]) >= {"userid", "remark", "createtime", "tag_id", "add_way", "oper_userid"}
    (tag_id,) = entry["follow_info"]["tag_id"]
    scene.acme.act("tag", userid="staff001", person="p0", add=["家有宠物"])
    whole = scene.acme.get("externalcontact/get", external_userid=external)
    assert [each["userid"] for each in whole["follow_user"]] == ["staff001", "staff002"]
    tags = whole["follow_user"][0]["tags"]
    assert [(tag["type"], tag.get("tag_id")) for tag in tags] == [(1, tag_id), (2, None)]
    assert tags[1]["tag_name"] == "家有宠物"
    assert "next_cursor" not in whole


def test_one_person_has_another_id_in_each_corp_and_one_unionid_under_one_developer_account(scene):
    here = scene.acme.get("externalcontact/get", external_userid=scene.external("p7"))["external_contact"]
    there = scene.moonco.get("externalcontact/get", external_userid=scene.external("p7", MOONCO))["external_contact"]
    assert here["external_userid"] != there["external_userid"]
    assert here["unionid"] == there["unionid"]
    assert (here["type"], here["external_userid"][:2], len(here["external_userid"])) == (1, "wm", 32)
    assert scene.moonco.get("externalcontact/get", external_userid=here["external_userid"])["errcode"] == 40096


def test_a_corp_without_a_developer_account_learns_no_unionid(serving):
    scene = serving(open_account="")
    found = scene.acme.get("externalcontact/get", external_userid=scene.external("p7"))["external_contact"]
    assert "unionid" not in found


def test_a_customer_who_is_a_wecom_user_has_a_corp_and_no_unionid(serving):
    scene = serving(customers=60)
    found = scene.acme.get("externalcontact/get", external_userid=scene.external("p49"))["external_contact"]
    assert (found["type"], found["external_userid"][:2], found["corp_name"]) == (2, "wo", "另一家")
    assert "unionid" not in found


@pytest.mark.parametrize("limit", [1, 4, 100])
def test_pages_of_any_size_give_every_pair_once(scene, limit):
    found = walked(scene.acme, ["staff003", "staff001", "staff002"], limit)
    assert len(found) == len(set(found)) == 15
    assert [userid for userid, _ in found] == ["staff003"] * 5 + ["staff001"] * 5 + ["staff002"] * 5


def test_a_cursor_stands_when_customers_come_and_go(scene):
    """Who was there from the beginning to the end is given once, whatever happens between pages."""
    before = set(walked(scene.acme, ["staff001"]))
    acts = [("add", "new-1"), ("staff_deletes", "p9"), ("add", "new-2"), ("staff_deletes", "p0")]

    def change():
        if acts:
            name, person = acts.pop(0)
            scene.acme.act(name, userid="staff001", person=person)

    found = walked(scene.acme, ["staff001"], 2, change)
    assert len(found) == len(set(found))
    stayed = {pair for pair in before if pair[1] not in (scene.external("p9"), scene.external("p0"))}
    assert stayed <= set(found)
    assert ("staff001", scene.external("new-1")) in found


def test_a_cursor_that_was_never_given_is_refused(scene):
    for cursor in ("abc", "YzA6NQ==", "c0:5"):
        assert scene.acme.code(BATCH, {"userid_list": ["staff001"], "cursor": cursor}) == 40058


@pytest.mark.parametrize(
    ("body", "errcode"),
    [
        ({}, 41009),
        ({"userid_list": []}, 41009),
        ({"userid_list": ["staff001"] * 2, "limit": 101}, 40058),
        ({"userid_list": ["staff001"], "limit": "5"}, 40058),
        ({"userid_list": "staff001"}, 40058),
        ({"userid_list": [f"s{n}" for n in range(101)]}, 40058),
        ({"userid_list": ["nobody"]}, 60111),
        ({"userid_list": ["no body"]}, 40003),
    ],
)
def test_a_wrong_parameter_of_a_page_has_its_code(scene, body, errcode):
    assert scene.acme.code(BATCH, body) == errcode


def test_a_member_without_customers_is_84061_and_without_the_function_84074(scene):
    scene.acme.act("hire", userid="newcomer")
    assert scene.acme.get("externalcontact/list", userid="newcomer")["errcode"] == 84061
    scene.acme.act("set_member", userid="newcomer", customer_contact=False)
    assert scene.acme.get("externalcontact/list", userid="newcomer")["errcode"] == 84074
    assert "newcomer" not in scene.acme.get("externalcontact/get_follow_user_list")["follow_user"]


def test_an_unknown_or_missing_customer_has_its_code(scene):
    assert scene.acme.get("externalcontact/get")["errcode"] == 41035
    assert scene.acme.get("externalcontact/get", external_userid="wmnobody")["errcode"] == 40096
    scene.simulator.people.number("stranger")
    assert scene.acme.get("externalcontact/get", external_userid=scene.external("stranger"))["errcode"] == 84061


def test_a_relation_that_the_customer_ended_stays_and_one_that_the_member_ended_is_gone(scene):
    external = scene.external("p3")
    scene.acme.act("customer_deletes", userid="staff001", person="p3")
    assert scene.acme.get("externalcontact/get", external_userid=external)["errcode"] == 0
    assert external in scene.acme.get("externalcontact/list", userid="staff001")["external_userid"]
    scene.acme.act("staff_deletes", userid="staff001", person="p3")
    assert scene.acme.get("externalcontact/get", external_userid=external)["errcode"] == 84061
    assert external not in scene.acme.get("externalcontact/list", userid="staff001")["external_userid"]


def test_after_a_half_add_calls_fail_until_the_member_adds_back(scene):
    scene.acme.act("add", userid="staff001", person="half", half="only")
    external = scene.external("half")
    assert scene.acme.get("externalcontact/get", external_userid=external)["errcode"] == 84061
    assert external not in scene.acme.get("externalcontact/list", userid="staff001")["external_userid"]
    scene.acme.act("accept", userid="staff001", person="half")
    assert scene.acme.get("externalcontact/get", external_userid=external)["errcode"] == 0


def test_a_remark_replaces_phones_and_clears_them(scene):
    path, pair = "externalcontact/remark", {"userid": "staff001", "external_userid": scene.external("p3")}
    assert scene.acme.code(path, {**pair, "remark": "李部长", "remark_mobiles": ["13800000001", "13800000002"]}) == 0
    assert scene.acme.code(path, {**pair, "remark_mobiles": ["13800000003"]}) == 0
    follow = scene.acme.get("externalcontact/get", external_userid=pair["external_userid"])["follow_user"][0]
    assert (follow["remark"], follow["remark_mobiles"]) == ("李部长", ["13800000003"])
    assert scene.acme.code(path, {**pair, "remark_mobiles": [""]}) == 0
    follow = scene.acme.get("externalcontact/get", external_userid=pair["external_userid"])["follow_user"][0]
    assert follow["remark_mobiles"] == []


def test_a_remark_is_refused_when_it_is_empty_too_long_or_of_strangers(scene):
    path, pair = "externalcontact/remark", {"userid": "staff001", "external_userid": scene.external("p3")}
    assert scene.acme.code(path, pair) == 40063
    assert scene.acme.code(path, {**pair, "remark": "字" * 20}) == 0
    assert scene.acme.code(path, {**pair, "remark": "字" * 21}) == 40058
    assert scene.acme.code(path, {**pair, "description": "字" * 151}) == 40058
    assert scene.acme.code(path, {**pair, "userid": "staff003", "remark": "x"}) == 84061


def test_the_directory_has_departments_and_their_members(scene):
    departments = scene.acme.get("department/list")["department"]
    assert [(each["id"], each["parentid"]) for each in departments] == [(1, 0), (2, 1), (3, 1)]
    assert [each["id"] for each in scene.acme.get("department/simplelist", id=2)["department_id"]] == [2]
    everybody = scene.acme.get("user/simplelist", department_id=1, fetch_child=1)["userlist"]
    assert [each["userid"] for each in everybody] == ["staff001", "staff002", "staff003"]
    assert scene.acme.get("user/simplelist", department_id=1)["userlist"] == []
    assert scene.acme.get("user/list", department_id=9)["errcode"] == 60003


def test_behaviour_is_counted_by_day(scene):
    scene.acme.act("add", userid="staff001", person="one")
    scene.acme.act("chat", userid="staff001", person="one")
    scene.acme.act("customer_deletes", userid="staff001", person="one")
    now = scene.clock.now() // 1000
    answer = scene.acme.post(
        "externalcontact/get_user_behavior_data", {"userid": ["staff001"], "start_time": now, "end_time": now}
    )
    (day,) = answer["behavior_data"]
    assert (day["new_apply_cnt"], day["new_contact_cnt"], day["chat_cnt"], day["negative_feedback_cnt"]) == (1, 1, 1, 1)
    body = {"userid": ["staff001"], "start_time": now - 31 * 86_400, "end_time": now}
    assert scene.acme.code("externalcontact/get_user_behavior_data", body) == 40058


def test_a_hundred_thousand_customers_take_no_memory_until_they_change(clock):
    acme, moonco = corps(customers=100_000, staff=20)
    tracemalloc.start()
    simulator = Simulator([acme, moonco], now=clock.now)
    corp = simulator.corp(ACME)
    total = sum(corp.pairs.count(userid) for userid in corp.members)
    walked_pairs = sum(1 for pair in corp.pairs.of_staff("staff007"))
    used = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert total == 110_000
    assert walked_pairs == corp.pairs.count("staff007") == 5_500
    assert corp.pairs.kept() == 0
    assert used < 2_000_000


def test_the_same_seed_gives_the_same_people_and_another_one_others(clock):
    first, again, other = (Simulator(corps(), now=clock.now, seed=seed) for seed in (5, 5, 6))
    ids = [[each.corp(ACME).external_userid(n) for n in range(12)] for each in (first, again, other)]
    assert ids[0] == ids[1]
    assert not set(ids[0]) & set(ids[2])
