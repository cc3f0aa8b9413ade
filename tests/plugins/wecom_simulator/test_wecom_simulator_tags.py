"""Corp tags, and tags of pairs."""

from __future__ import annotations

import pytest
from wecom_simulator_scene import ACME

from scrm_wecom.simulator import Limits

ADD, EDIT, DELETE = "externalcontact/add_corp_tag", "externalcontact/edit_corp_tag", "externalcontact/del_corp_tag"
LIST, MARK = "externalcontact/get_corp_tag_list", "externalcontact/mark_tag"


def groups(api, **body):
    return {each["group_name"]: [tag["name"] for tag in each["tag"]] for each in api.post(LIST, body)["tag_group"]}


def made(api, group, *names):
    answer = api.post(ADD, {"group_name": group, "tag": [{"name": name} for name in names]})
    assert answer["errcode"] == 0
    return {tag["name"]: tag["id"] for tag in answer["tag_group"]["tag"]}, answer["tag_group"]["group_id"]


def of_pair(scene, userid, person):
    answer = scene.acme.get("externalcontact/get", external_userid=scene.external(person))
    (follow,) = [each for each in answer["follow_user"] if each["userid"] == userid]
    return {tag["tag_name"] for tag in follow["tags"]}


def test_a_group_of_that_name_takes_more_tags_and_each_corp_has_its_own(scene):
    assert groups(scene.acme) == {"来源": ["门店", "直播", "包裹卡"]}
    ids, group = made(scene.acme, "等级", "高", "低")
    more, same = made(scene.acme, "等级", "中")
    assert same == group
    assert groups(scene.acme)["等级"] == ["高", "低", "中"]
    assert groups(scene.moonco) == {"来源": ["门店", "直播", "包裹卡"]}
    assert scene.moonco.code(EDIT, {"id": ids["高"], "name": "x"}) == 40068
    assert scene.acme.post(ADD, {"group_id": group, "tag": [{"name": "无"}]})["tag_group"]["group_id"] == group
    assert more["中"] not in ids.values()


def test_a_name_that_is_there_refuses_all_tags_of_the_call(scene):
    made(scene.acme, "等级", "高")
    assert scene.acme.code(ADD, {"group_name": "等级", "tag": [{"name": "低"}, {"name": "高"}]}) == 40071
    assert groups(scene.acme)["等级"] == ["高"]


@pytest.mark.parametrize(
    ("body", "errcode"),
    [
        ({"group_name": "g", "tag": []}, 40063),
        ({"tag": [{"name": "a"}]}, 40063),
        ({"group_id": "etnone", "tag": [{"name": "a"}]}, 40068),
        ({"group_name": "g", "tag": [{"name": "字" * 31}]}, 40072),
        ({"group_name": "字" * 31, "tag": [{"name": "a"}]}, 40072),
        ({"group_name": "g", "tag": [{"name": ""}]}, 40072),
        ({"group_name": "g", "tag": [{"name": "a"}, {"name": "a"}]}, 40071),
        ({"group_name": "g", "tag": ["a"]}, 40058),
        ({"group_name": "g", "tag": [{"name": "字" * 30}]}, 0),
    ],
)
def test_a_wrong_tag_has_its_code(scene, body, errcode):
    assert scene.acme.code(ADD, body) == errcode


def test_tags_end_at_the_platforms_limit(serving):
    scene = serving(limits=Limits(corp_tags=5))
    assert scene.acme.code(ADD, {"group_name": "g", "tag": [{"name": "a"}, {"name": "b"}]}) == 0
    assert scene.acme.code(ADD, {"group_name": "g", "tag": [{"name": "c"}]}) == 40126
    assert scene.moonco.code(ADD, {"group_name": "g", "tag": [{"name": "c"}]}) == 0


def test_a_list_of_groups_wins_over_a_list_of_tags(scene):
    ids, group = made(scene.acme, "等级", "高", "低")
    assert groups(scene.acme, tag_id=[ids["低"]]) == {"等级": ["低"]}
    assert groups(scene.acme, tag_id=[ids["低"]], group_id=[group]) == {"等级": ["高", "低"]}
    assert groups(scene.acme, tag_id=["etnone"]) == {}


def test_a_higher_order_comes_first_and_a_name_may_be_used_once(scene):
    ids, group = made(scene.acme, "等级", "高", "低")
    assert scene.acme.code(EDIT, {"id": ids["低"], "order": 9, "name": "最低"}) == 0
    assert groups(scene.acme)["等级"] == ["最低", "高"]
    assert scene.acme.code(EDIT, {"id": ids["低"], "name": "高"}) == 40071
    assert scene.acme.code(EDIT, {"id": group, "name": "来源"}) == 40071
    assert scene.acme.code(EDIT, {"id": group, "name": "级别"}) == 0
    assert "级别" in groups(scene.acme)


def test_a_deleted_tag_leaves_every_customer_and_an_empty_group_is_gone(scene):
    ids, _ = made(scene.acme, "等级", "高")
    pair = {"userid": "staff001", "external_userid": scene.external("p3")}
    assert scene.acme.code(MARK, {**pair, "add_tag": [ids["高"]]}) == 0
    assert "高" in of_pair(scene, "staff001", "p3")
    assert scene.acme.code(DELETE, {"tag_id": [ids["高"]]}) == 0
    assert "高" not in of_pair(scene, "staff001", "p3")
    assert "等级" not in groups(scene.acme)
    assert scene.acme.code(DELETE, {"tag_id": [ids["高"]]}) == 40068
    assert scene.acme.code(DELETE, {}) == 40063


def test_a_tag_belongs_to_the_pair_and_not_to_the_customer(scene):
    ids, _ = made(scene.acme, "等级", "高", "低")
    body = {"userid": "staff001", "external_userid": scene.external("p0"), "add_tag": [ids["高"]]}
    assert scene.acme.code(MARK, body) == 0
    assert "高" in of_pair(scene, "staff001", "p0")
    assert "高" not in of_pair(scene, "staff002", "p0")
    body = {**body, "add_tag": [ids["低"]], "remove_tag": [ids["高"], ids["低"]]}
    assert scene.acme.code(MARK, body) == 0
    assert of_pair(scene, "staff001", "p0") >= {"低"}
    assert "高" not in of_pair(scene, "staff001", "p0")


@pytest.mark.parametrize(
    ("change", "errcode"),
    [
        ({"userid": "staff003"}, 84061),
        ({"userid": "nobody"}, 60111),
        ({"external_userid": ""}, 41035),
        ({"external_userid": "wmnobody"}, 40096),
        ({"add_tag": ["etnone"]}, 40068),
        ({"add_tag": []}, 40063),
    ],
)
def test_a_mark_that_cannot_be_made_has_its_code(scene, change, errcode):
    ids, _ = made(scene.acme, "等级", "高")
    body = {"userid": "staff001", "external_userid": scene.external("p0"), "add_tag": [ids["高"]]}
    assert scene.acme.code(MARK, {**body, **change}) == errcode


def test_a_half_add_cannot_be_tagged_or_noted_until_the_member_adds_back(scene):
    ids, _ = made(scene.acme, "等级", "高")
    scene.acme.act("add", userid="staff001", person="half", half="only")
    pair = {"userid": "staff001", "external_userid": scene.external("half")}
    assert scene.acme.code(MARK, {**pair, "add_tag": [ids["高"]]}) == 84061
    assert scene.acme.code("externalcontact/remark", {**pair, "remark": "x"}) == 84061
    scene.acme.act("accept", userid="staff001", person="half")
    assert scene.acme.code(MARK, {**pair, "add_tag": [ids["高"]]}) == 0


def test_what_an_app_marks_is_seen_from_outside(scene):
    ids, _ = made(scene.acme, "等级", "高")
    scene.acme.post(MARK, {"userid": "staff001", "external_userid": scene.external("p0"), "add_tag": [ids["高"]]})
    _, state = scene.acme.door("GET", f"/simulator/{ACME}/state")
    last = state["effects"][-1]
    assert (last["what"], last["userid"], last["added"]) == ("mark_tag", "staff001", ["等级/高"])
    _, other = scene.acme.door("GET", f"/simulator/{scene.moonco.corpid}/state")
    assert other["effects"] == []


def test_administrators_and_members_change_tags_with_events(told, receiver):
    scene = told()
    made_tag = scene.acme.act("create_tag", group="等级", name="高")
    scene.acme.act("rename_tag", id=made_tag["id"], name="最高")
    scene.acme.act("shuffle_tags")
    scene.acme.act("tag", userid="staff001", person="p3", add=["最高"])
    scene.acme.act("delete_tag", id=made_tag["id"])
    seen = [(e["Event"], e["ChangeType"], e.get("TagType", "")) for e in receiver.events()]
    assert seen == [
        ("change_external_tag", "create", "tag_group"),
        ("change_external_tag", "create", "tag"),
        ("change_external_tag", "update", "tag"),
        ("change_external_tag", "shuffle", ""),
        ("change_external_contact", "edit_external_contact", ""),
        ("change_external_tag", "delete", "tag"),
    ]
    assert "Id" not in receiver.events()[3]
    assert receiver.events(scene.moonco.corpid) == []


def test_what_is_made_through_the_api_causes_no_event(told, receiver):
    scene = told()
    ids, _ = made(scene.acme, "等级", "高")
    pair = {"userid": "staff001", "external_userid": scene.external("p3")}
    scene.acme.post(MARK, {**pair, "add_tag": [ids["高"]]})
    scene.acme.post("externalcontact/remark", {**pair, "remark": "x"})
    scene.acme.post(DELETE, {"tag_id": [ids["高"]]})
    scene.simulator.tick()
    assert receiver.received == []
