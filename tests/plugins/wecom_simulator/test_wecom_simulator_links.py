"""Acquisition links, transfers and customer groups."""

from __future__ import annotations

from dataclasses import replace

import pytest
from wecom_simulator_scene import ACME, AGENT, MOONCO, SECRETS, Api, corps

from scrm_wecom.simulator import AppAccount, Limits, Simulator, serve

ROOM = "externalcontact/customer_acquisition/"
QUOTA = "externalcontact/customer_acquisition_quota"
TRANSFER, RESULT = "externalcontact/transfer_customer", "externalcontact/transfer_result"
UNASSIGNED = "externalcontact/get_unassigned_list"


def link(api, **more):
    answer = api.post(ROOM + "create_link", {"link_name": "短信", "range": {"user_list": ["staff001"]}, **more})
    assert answer["errcode"] == 0, answer
    return answer["link"]["link_id"]


def test_a_customer_of_a_link_comes_with_its_channel_and_add_way_16(told, receiver):
    scene = told()
    link_id = link(scene.acme)
    scene.acme.act("click", link_id=link_id, person="c0", channel="sms-1")
    (event,) = receiver.events()
    assert (event["ChangeType"], event["State"]) == ("add_external_contact", "sms-1")
    follow = scene.acme.get("externalcontact/get", external_userid=scene.external("c0"))["follow_user"][0]
    assert (follow["add_way"], follow["state"]) == (16, "sms-1")
    customers = scene.acme.post(ROOM + "customer", {"link_id": link_id})["customer_list"]
    assert customers == [
        {"external_userid": scene.external("c0"), "userid": "staff001", "chat_status": 0, "state": "sms-1"}
    ]
    scene.acme.act("chat", userid="staff001", person="c0")
    assert receiver.events()[-1]["ChangeType"] == "customer_start_chat"
    assert scene.acme.post(ROOM + "customer", {"link_id": link_id})["customer_list"][0]["chat_status"] == 1


def test_a_channel_is_cut_at_64_bytes_without_half_a_character(scene):
    link_id = link(scene.acme)
    scene.acme.act("click", link_id=link_id, person="c0", channel="渠" * 30)
    (customer,) = scene.acme.post(ROOM + "customer", {"link_id": link_id})["customer_list"]
    assert customer["state"] == "渠" * 21


def test_the_address_of_a_link_is_a_page_that_adds(scene):
    answer = scene.acme.post(ROOM + "create_link", {"link_name": "短信", "range": {"user_list": ["staff001"]}})
    target = answer["link"]["url"].removeprefix(scene.url) + "?customer_channel=card-7"
    assert scene.acme.raw("GET", target)[0] == 200
    status, body = scene.acme.raw("POST", target, b"person=visitor", "application/x-www-form-urlencoded")
    assert (status, b"added" in body) == (200, True)
    (customer,) = scene.acme.post(ROOM + "customer", {"link_id": answer["link"]["link_id"]})["customer_list"]
    assert customer["state"] == "card-7"


def test_what_was_bought_is_used_once_a_customer_and_ends(told, receiver):
    scene = told(quota=2)
    link_id = link(scene.acme)
    outcomes = [scene.acme.act("click", link_id=link_id, person=p)["outcome"] for p in ("c0", "c0", "c1", "c2")]
    assert outcomes == ["added", "already_friends", "added", "exhausted"]
    assert scene.acme.get(QUOTA)["balance"] == 0
    assert scene.moonco.get(QUOTA)["balance"] == 1000
    assert receiver.changes()[-1] == "balance_exhausted"
    now = scene.clock.now() // 1000
    counts = scene.acme.post(ROOM + "statistic", {"link_id": link_id, "start_time": now, "end_time": now})
    assert (counts["click_link_customer_cnt"], counts["new_customer_cnt"]) == (4, 2)


def test_a_link_that_asks_to_be_verified_tells_of_a_request(told, receiver):
    scene = told()
    link_id = link(scene.acme, skip_verify=False)
    assert scene.acme.act("click", link_id=link_id, person="c0", channel="x")["outcome"] == "requested"
    event = receiver.events()[-1]
    assert (event["ChangeType"], event["LinkId"], event["State"]) == ("friend_request", link_id, "x")


def test_links_are_made_changed_listed_and_deleted_in_one_corp(scene):
    first, second = link(scene.acme), link(scene.acme)
    page = scene.acme.post(ROOM + "list_link", {"limit": 1})
    rest = scene.acme.post(ROOM + "list_link", {"limit": 1, "cursor": page["next_cursor"]})
    assert page["link_id_list"] + rest["link_id_list"] == [first, second]
    body = {"link_id": first, "link_name": "新", "range": {"user_list": ["staff002"]}}
    assert scene.acme.code(ROOM + "update_link", body) == 0
    found = scene.acme.post(ROOM + "get", {"link_id": first})
    assert (found["link"]["link_name"], found["range"]["user_list"]) == ("新", ["staff002"])
    assert scene.moonco.code(ROOM + "get", {"link_id": first}) == 40058
    assert scene.acme.code(ROOM + "delete_link", {"link_id": first}) == 0
    assert scene.acme.code(ROOM + "get", {"link_id": first}) == 40058


def test_links_have_a_limit_a_range_and_need_an_apps_own_secret(serving, clock):
    scene = serving(limits=Limits(acquisition_links=1))
    link(scene.acme)
    body = {"link_name": "x", "range": {"user_list": ["staff001"]}}
    assert scene.acme.code(ROOM + "create_link", body) == 41095
    assert scene.acme.code(ROOM + "create_link", {"link_name": "x"}) == 40063
    assert scene.acme.code(ROOM + "create_link", {"link_name": "x", "range": {"user_list": ["nobody"]}}) == 60111
    acme, moonco = corps()
    acme = replace(acme, apps=(AppAccount(AGENT, SECRETS[ACME], system=True),))
    with serve(Simulator([acme, moonco], now=clock.now)) as server:
        assert Api(server.url, ACME).code(ROOM + "create_link", body) == 48002
        assert Api(server.url, MOONCO).code(ROOM + "create_link", body) == 0


def test_a_link_out_of_use_and_one_that_was_deleted_in_the_console_are_told(told, receiver):
    scene = told()
    link_id = link(scene.acme)
    scene.acme.act("break_link", link_id=link_id)
    assert scene.acme.act("click", link_id=link_id, person="c0")["outcome"] == "unavailable"
    scene.acme.act("remove_link", link_id=link_id)
    assert receiver.changes() == ["link_unavailable", "delete_link"]


# Transfers --------------------------------------------------------------------------


def transfer(scene, *people, path=TRANSFER, **more):
    body = {
        "handover_userid": "staff001",
        "takeover_userid": "staff003",
        "external_userid": [scene.external(each) for each in people],
        **more,
    }
    answer = scene.acme.post(path, body)
    assert answer["errcode"] == 0, answer
    return [each["errcode"] for each in answer["customer"]]


def statuses(scene, path=RESULT):
    answer = scene.acme.post(path, {"handover_userid": "staff001", "takeover_userid": "staff003"})
    return {each["external_userid"]: each["status"] for each in answer["customer"]}


def test_a_transfer_takes_effect_after_a_day_and_is_no_loss(told, receiver):
    scene = told()
    assert transfer(scene, "p3") == [0]
    scene.later(hours=23)
    scene.acme.forget()
    assert statuses(scene) == {scene.external("p3"): 2}
    assert receiver.received == []
    scene.later(hours=1)
    scene.acme.forget()
    assert statuses(scene) == {scene.external("p3"): 1}
    first, second = receiver.events()
    assert (first["ChangeType"], first["UserID"], first["Source"]) == (
        "del_external_contact", "staff001", "DELETE_BY_TRANSFER",
    )  # fmt: skip
    assert (second["ChangeType"], second["UserID"]) == ("add_external_contact", "staff003")
    assert "State" not in second
    follow = scene.acme.get("externalcontact/get", external_userid=scene.external("p3"))["follow_user"]
    assert [(each["userid"], each["add_way"]) for each in follow] == [("staff003", 202)]


def test_a_customer_may_refuse(told, receiver):
    scene = told()
    transfer(scene, "p3")
    scene.acme.act("refuse_transfer", userid="staff001", person="p3")
    scene.later(hours=24)
    scene.acme.forget()
    assert statuses(scene) == {scene.external("p3"): 3}
    (event,) = receiver.events()
    assert (event["ChangeType"], event["FailReason"]) == ("transfer_fail", "customer_refused")


def test_each_customer_of_a_transfer_has_a_code(scene):
    scene.simulator.people.number("stranger")
    assert transfer(scene, "p3", "p4", "stranger") == [0, 40131, 40131]
    assert transfer(scene, "p3") == [40129]
    body = {"handover_userid": "staff001", "takeover_userid": "staff001", "external_userid": ["x"]}
    assert scene.acme.code(TRANSFER, body) == 40130
    assert scene.acme.code(TRANSFER, {**body, "takeover_userid": "nobody"}) == 60111
    assert scene.acme.code(TRANSFER, {**body, "external_userid": []}) == 41035
    assert scene.acme.post(TRANSFER, {**body, "takeover_userid": "staff003"})["customer"][0]["errcode"] == 40096


def test_a_customer_is_transferred_twice_in_ninety_days_and_no_more(scene):
    for handover, takeover in (("staff001", "staff003"), ("staff003", "staff001")):
        assert transfer(scene, "p3", handover_userid=handover, takeover_userid=takeover) == [0]
        scene.later(hours=24)
        scene.acme.forget()
    assert transfer(scene, "p3") == [40128]
    scene.later(days=90)
    scene.acme.forget()
    assert transfer(scene, "p3") == [0]


def test_a_member_who_is_full_takes_nobody_over(serving):
    scene = serving(limits=Limits(customers_of_member=5))
    assert transfer(scene, "p3") == [40099]


def test_customers_of_somebody_who_left_wait_and_are_handed_over(scene):
    resigned = "externalcontact/resigned/transfer_customer"
    body = {"handover_userid": "staff001", "takeover_userid": "staff003", "external_userid": [scene.external("p3")]}
    assert scene.acme.code(resigned, body) == 40097
    scene.acme.act("leave", userid="staff001")
    page = scene.acme.post(UNASSIGNED, {"page_size": 3})
    assert (len(page["info"]), page["is_last"]) == (3, False)
    rest = scene.acme.post(UNASSIGNED, {"page_size": 3, "cursor": page["next_cursor"]})
    assert (len(rest["info"]), rest["is_last"]) == (2, True)
    assert page["info"][0]["dimission_time"] == scene.clock.now() // 1000
    assert transfer(scene, "p3", path=resigned) == [0]
    assert transfer(scene, "p3", path=resigned) == [40100]
    assert len(scene.acme.post(UNASSIGNED, {})["info"]) == 4
    scene.later(hours=24)
    scene.acme.forget()
    assert statuses(scene, "externalcontact/resigned/transfer_result") == {scene.external("p3"): 1}
    assert scene.acme.get("externalcontact/list", userid="staff001")["errcode"] == 60111


def test_customers_handed_over_between_pages_hide_no_other_that_waits(scene):
    scene.acme.act("leave", userid="staff001")
    page = scene.acme.post(UNASSIGNED, {"page_size": 3})
    body = {
        "handover_userid": "staff001",
        "takeover_userid": "staff003",
        "external_userid": [each["external_userid"] for each in page["info"]],
    }
    assert scene.acme.code("externalcontact/resigned/transfer_customer", body) == 0
    rest = scene.acme.post(UNASSIGNED, {"page_size": 3, "cursor": page["next_cursor"]})
    found = {each["external_userid"] for each in page["info"] + rest["info"]}
    assert (len(found), rest["is_last"]) == (5, True)


# Groups --------------------------------------------------------------------------


def test_a_group_tells_of_every_change_with_the_versions_before_and_after(told, receiver):
    scene = told()
    chat_id = scene.acme.act("create_group", owner="staff001", name="宝妈群")["id"]
    scene.acme.act("join_group", chat_id=chat_id, who=["p3", "p6"])
    scene.acme.act("leave_group", chat_id=chat_id, who=["p3"])
    scene.acme.act("change_group", chat_id=chat_id, name="老客群", owner="staff002")
    scene.acme.act("dismiss_group", chat_id=chat_id)
    seen = [(event["ChangeType"], event.get("UpdateDetail", "")) for event in receiver.events()]
    assert seen == [
        ("create", ""),
        ("update", "add_member"),
        ("update", "del_member"),
        ("update", "change_name"),
        ("update", "change_owner"),
        ("dismiss", ""),
    ]
    joined, left = receiver.events()[1:3]
    assert (joined["JoinScene"], joined["MemChangeCnt"], left["QuitScene"]) == ("3", "2", "0")
    assert joined["CurMemVer"] == left["LastMemVer"] != joined["LastMemVer"]
    assert receiver.received[1].plain.count("<Item>") == 2


def test_a_group_shows_only_members_of_staff_as_invitors(scene):
    chat_id = scene.acme.act("create_group", owner="staff001")["id"]
    scene.acme.act("join_group", chat_id=chat_id, who=["p3"], invitor="staff001")
    scene.acme.act("join_group", chat_id=chat_id, who=["p6"], invitor="p3")
    group = scene.acme.post("externalcontact/groupchat/get", {"chat_id": chat_id, "need_name": 1})["group_chat"]
    found = [(each["userid"], each["type"], each["join_scene"], each.get("invitor")) for each in group["member_list"]]
    assert found == [
        ("staff001", 1, 1, None),
        (scene.external("p3"), 2, 1, {"userid": "staff001"}),
        (scene.external("p6"), 2, 1, None),
    ]
    assert group["member_list"][1]["name"] == scene.simulator.people.person(3).name
    assert scene.moonco.code("externalcontact/groupchat/get", {"chat_id": chat_id}) == 40050


def test_groups_are_listed_by_owner_page_by_page(scene):
    ids = [scene.acme.act("create_group", owner=f"staff00{1 + n % 2}")["id"] for n in range(3)]
    path = "externalcontact/groupchat/list"
    page = scene.acme.post(path, {"limit": 2})
    rest = scene.acme.post(path, {"limit": 2, "cursor": page["next_cursor"]})
    assert [each["chat_id"] for each in page["group_chat_list"] + rest["group_chat_list"]] == ids
    mine = scene.acme.post(path, {"limit": 9, "owner_filter": {"userid_list": ["staff002"]}})["group_chat_list"]
    assert mine == [{"chat_id": ids[1], "status": 0}]
    assert scene.acme.code(path, {}) == 40058


def test_groups_of_somebody_who_left_get_a_new_owner(scene):
    chat_id = scene.acme.act("create_group", owner="staff001")["id"]
    path, body = "externalcontact/groupchat/transfer", {"chat_id_list": [chat_id, "wrnone"], "new_owner": "staff002"}
    codes = [each["errcode"] for each in scene.acme.post(path, body)["failed_chat_list"]]
    assert codes == [90500, 40050]
    scene.acme.act("leave", userid="staff001")
    assert [each["errcode"] for each in scene.acme.post(path, body)["failed_chat_list"]] == [40050]
    found = scene.acme.post("externalcontact/groupchat/get", {"chat_id": chat_id})["group_chat"]
    assert found["owner"] == "staff002"


@pytest.mark.parametrize("half", ["then_full", "only"])
def test_a_link_may_bring_a_half_add(told, receiver, half):
    scene = told()
    scene.acme.act("click", link_id=link(scene.acme), person="c0", channel="x", half=half)
    wanted = ["add_half_external_contact"] + (["add_external_contact"] if half == "then_full" else [])
    assert receiver.changes() == wanted
    assert {event["State"] for event in receiver.events()} == {"x"}
