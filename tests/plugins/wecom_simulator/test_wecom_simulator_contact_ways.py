"""Contact ways, and what a scan of their codes does."""

from __future__ import annotations

import pytest
from wecom_simulator_scene import ACME

from scrm_wecom.simulator import Limits

ADD, GET, LIST = "externalcontact/add_contact_way", "externalcontact/get_contact_way", "externalcontact/list_contact_way"
UPDATE, DELETE = "externalcontact/update_contact_way", "externalcontact/del_contact_way"


def way(api, **more):
    body = {"type": 2, "scene": 2, "user": ["staff001", "staff002"], "state": "card-a", **more}
    answer = api.post(ADD, body)
    assert answer["errcode"] == 0, answer
    return answer["config_id"]


def test_a_code_leads_to_its_members_in_turn_and_brings_its_state(told, receiver):
    scene = told()
    config_id = way(scene.acme)
    found = [scene.acme.act("scan", config_id=config_id, person=f"c{n}") for n in range(3)]
    assert [each["userid"] for each in found] == ["staff001", "staff002", "staff001"]
    event = receiver.events()[0]
    assert (event["ToUserName"], event["FromUserName"], event["MsgType"]) == (ACME, "sys", "event")
    assert (event["Event"], event["ChangeType"]) == ("change_external_contact", "add_external_contact")
    assert (event["UserID"], event["State"]) == ("staff001", "card-a")
    assert event["ExternalUserID"] == scene.external("c0")
    follow = scene.acme.get("externalcontact/get", external_userid=scene.external("c0"))["follow_user"][0]
    assert (follow["state"], follow["add_way"], follow["createtime"]) == ("card-a", 1, scene.clock.now() // 1000)


def test_who_is_a_friend_already_causes_nothing_and_who_left_begins_anew(told, receiver):
    scene = told()
    config_id = way(scene.acme, user=["staff001"], type=1)
    assert scene.acme.act("scan", config_id=config_id, person="c0")["outcome"] == "added"
    assert scene.acme.act("scan", config_id=config_id, person="c0")["outcome"] == "already_friends"
    scene.acme.act("customer_deletes", userid="staff001", person="c0")
    scene.clock.advance(seconds=60)
    assert scene.acme.act("scan", config_id=config_id, person="c0")["outcome"] == "added"
    assert receiver.changes() == ["add_external_contact", "del_follow_user", "add_external_contact"]
    follow = scene.acme.get("externalcontact/get", external_userid=scene.external("c0"))["follow_user"][0]
    assert follow["createtime"] == scene.clock.now() // 1000


@pytest.mark.parametrize(
    ("change", "errcode"),
    [
        ({"type": None}, 41037),
        ({"type": 3}, 41039),
        ({"scene": None}, 41038),
        ({"scene": 0}, 41040),
        ({"scene": 1, "style": 9}, 41042),
        ({"user": []}, 40058),
        ({"type": 1}, 40058),
        ({"remark": "字" * 31}, 40058),
        ({"state": "s" * 31}, 40058),
        ({"user": ["nobody"]}, 60111),
        ({"party": [9]}, 60003),
        ({"skip_verify": 1}, 40058),
        ({"user": [f"u{n}" for n in range(101)]}, 41041),
        ({"is_temp": True, "expires_in": 14 * 86_400 + 1}, 40058),
        ({"state": "s" * 30, "remark": "字" * 30}, 0),
    ],
)
def test_a_wrong_contact_way_has_its_code(scene, change, errcode):
    body = {"type": 2, "scene": 2, "user": ["staff001", "staff002"], **change}
    assert scene.acme.code(ADD, {name: value for name, value in body.items() if value is not None}) == errcode


def test_only_verified_members_with_the_function_may_answer(scene):
    scene.acme.act("set_member", userid="staff001", active=False)
    scene.acme.act("set_member", userid="staff002", customer_contact=False)
    body = {"type": 1, "scene": 2}
    assert scene.acme.code(ADD, {**body, "user": ["staff001"]}) == 41054
    assert scene.acme.code(ADD, {**body, "user": ["staff002"]}) == 84074


def test_a_department_answers_with_all_its_members(scene):
    config_id = way(scene.acme, user=[], party=[1])
    found = {scene.acme.act("scan", config_id=config_id, person=f"c{n}")["userid"] for n in range(3)}
    assert found == {"staff001", "staff002", "staff003"}


def test_what_is_given_replaces_what_was_and_the_rest_stays(scene):
    config_id = way(scene.acme, remark="first")
    assert scene.acme.code(UPDATE, {"config_id": config_id, "user": ["staff003"], "type": 1}) == 0
    found = scene.acme.post(GET, {"config_id": config_id})["contact_way"]
    assert (found["user"], found["remark"], found["state"], found["type"]) == (["staff003"], "first", "card-a", 2)
    assert scene.acme.act("scan", config_id=config_id, person="c0")["userid"] == "staff003"
    assert scene.acme.code(UPDATE, {"config_id": config_id, "user": []}) == 40058
    assert scene.acme.post(GET, {"config_id": config_id})["contact_way"]["user"] == ["staff003"]


def test_a_deleted_code_leads_nowhere_and_no_other_corp_reads_it(scene):
    config_id = way(scene.acme)
    assert scene.moonco.code(GET, {"config_id": config_id}) == 41044
    assert scene.acme.code(GET, {}) == 41043
    assert scene.acme.code(DELETE, {"config_id": config_id}) == 0
    assert scene.acme.code(GET, {"config_id": config_id}) == 41044
    status, _ = scene.acme.door("POST", f"/simulator/{ACME}/acts/scan", {"config_id": config_id, "person": "c0"})
    assert status == 404


def test_a_list_has_the_ways_of_a_window_page_by_page(scene):
    old = way(scene.acme)
    scene.clock.advance(days=91)
    scene.acme.forget()
    new = [way(scene.acme) for _ in range(3)]
    first = scene.acme.post(LIST, {"limit": 2})
    second = scene.acme.post(LIST, {"limit": 2, "cursor": first["next_cursor"]})
    assert [each["config_id"] for each in first["contact_way"] + second["contact_way"]] == new
    assert "next_cursor" not in second
    everything = scene.acme.post(LIST, {"start_time": 1})["contact_way"]
    assert everything[0] == {"config_id": old}
    assert scene.acme.code(LIST, {"limit": 1001}) == 40058


def test_a_way_that_is_deleted_between_pages_hides_no_other(scene):
    ids = [way(scene.acme) for _ in range(4)]
    first = scene.acme.post(LIST, {"limit": 2})
    scene.acme.post(DELETE, {"config_id": ids[0]})
    second = scene.acme.post(LIST, {"limit": 2, "cursor": first["next_cursor"]})
    assert [each["config_id"] for each in second["contact_way"]] == ids[2:]


def test_ways_end_at_the_platforms_limit_and_one_that_is_deleted_makes_room(serving):
    scene = serving(limits=Limits(contact_ways=1))
    config_id = way(scene.acme)
    body = {"type": 1, "scene": 2, "user": ["staff001"]}
    assert scene.acme.code(ADD, body) == 41045
    assert scene.moonco.code(ADD, body) == 0
    scene.acme.post(DELETE, {"config_id": config_id})
    assert scene.acme.code(ADD, body) == 0


def test_an_exclusive_way_keeps_a_customer_with_the_same_member(scene):
    config_id = way(scene.acme, is_exclusive=True)
    assert scene.acme.act("scan", config_id=config_id, person="c0")["userid"] == "staff001"
    scene.acme.act("staff_deletes", userid="staff001", person="c0")
    assert scene.acme.act("scan", config_id=config_id, person="c1")["userid"] == "staff002"
    again = scene.acme.act("scan", config_id=config_id, person="c0")
    assert (again["outcome"], again["userid"]) == ("added", "staff001")


def test_a_temporary_chat_is_for_one_add_within_its_time(scene):
    first = way(scene.acme, type=1, user=["staff001"], is_temp=True, expires_in=60)
    second = way(scene.acme, type=1, user=["staff001"], is_temp=True, expires_in=60)
    assert scene.acme.act("scan", config_id=first, person="c0")["outcome"] == "added"
    assert scene.acme.act("scan", config_id=first, person="c1")["outcome"] == "used"
    scene.clock.advance(seconds=60)
    assert scene.acme.act("scan", config_id=second, person="c1")["outcome"] == "expired"


def test_a_way_that_asks_to_be_verified_waits_for_the_member(told, receiver):
    scene = told()
    config_id = way(scene.acme, type=1, user=["staff001"], skip_verify=False)
    assert scene.acme.act("scan", config_id=config_id, person="c0")["outcome"] == "requested"
    assert receiver.received == []
    assert scene.acme.act("accept", userid="staff001", person="c0")["outcome"] == "added"
    assert receiver.events()[0]["State"] == "card-a"


def test_members_who_are_full_are_passed_over(serving):
    scene = serving(limits=Limits(customers_of_member=6))
    config_id = way(scene.acme)
    found = [scene.acme.act("scan", config_id=config_id, person=f"c{n}") for n in range(3)]
    assert [each["outcome"] for each in found] == ["added", "added", "full"]


def test_the_code_of_a_way_is_a_picture_of_this_server_and_its_page_adds(scene):
    answer = scene.acme.post(ADD, {"type": 1, "scene": 2, "user": ["staff001"]})
    picture, config_id = answer["qr_code"], answer["config_id"]
    assert picture == f"{scene.url}/simulator/qr/{ACME}/{config_id}"
    status, body = scene.acme.raw("GET", picture.removeprefix(scene.url))
    assert (status, body[:4]) == (200, b"<svg")
    kind = "application/x-www-form-urlencoded"
    status, body = scene.acme.raw("POST", f"/scan/{ACME}/{config_id}", b"person=visitor", kind)
    assert (status, b"added" in body) == (200, True)
    assert scene.acme.get("externalcontact/get", external_userid=scene.external("visitor"))["errcode"] == 0
    pair = {"userid": "staff001", "external_userid": scene.external("visitor")}
    scene.acme.post("externalcontact/remark", {**pair, "remark": "x"})
    status, body = scene.acme.raw("GET", f"/scan/{ACME}/{config_id}?person=visitor")
    assert (status, b"remark:" in body) == (200, True)
    assert scene.acme.raw("GET", f"/scan/{ACME}/{config_id}?person=no%2Fbody")[0] == 422
    button = scene.acme.post(ADD, {"type": 1, "scene": 1, "style": 1, "user": ["staff001"]})
    assert "qr_code" not in button
