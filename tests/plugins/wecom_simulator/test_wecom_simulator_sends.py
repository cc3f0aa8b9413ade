"""Group sends and moments: tasks that people confirm."""

from __future__ import annotations

import pytest
from wecom_simulator_scene import ACME, PNG

from scrm_wecom.simulator import Limits

ADD, TASK = "externalcontact/add_msg_template", "externalcontact/get_groupmsg_task"
RESULT, REMIND = "externalcontact/get_groupmsg_send_result", "externalcontact/remind_groupmsg_send"
CANCEL, LIST = "externalcontact/cancel_groupmsg_send", "externalcontact/get_groupmsg_list_v2"
MOMENT, JOB = "externalcontact/add_moment_task", "externalcontact/get_moment_task_result"


def send(scene, *people, **more):
    """A group send to people; its id, once it can be read."""
    body = {"external_userid": [scene.external(each) for each in people], "text": {"content": "双十一"}, **more}
    answer = scene.acme.post(ADD, {name: value for name, value in body.items() if value not in ([], None)})
    assert answer["errcode"] == 0, answer
    scene.clock.advance(seconds=1)
    return answer["msgid"]


def results(scene, msgid, userid):
    answer = scene.acme.post(RESULT, {"msgid": msgid, "userid": userid})
    assert answer["errcode"] == 0, answer
    return {each["external_userid"]: each["status"] for each in answer["send_list"]}


def test_nothing_is_sent_before_the_member_confirms(scene):
    msgid = send(scene, "p3", "p6")
    assert scene.acme.post(TASK, {"msgid": msgid})["task_list"] == [{"userid": "staff001", "status": 0}]
    assert set(results(scene, msgid, "staff001").values()) == {0}
    scene.acme.act("confirm", msgid=msgid, userid="staff001")
    (task,) = scene.acme.post(TASK, {"msgid": msgid})["task_list"]
    assert (task["status"], task["send_time"]) == (2, scene.clock.now() // 1000)
    assert results(scene, msgid, "staff001") == {scene.external("p3"): 1, scene.external("p6"): 1}
    _, state = scene.acme.door("GET", f"/simulator/{ACME}/state")
    assert (state["effects"][-1]["what"], state["effects"][-1]["sent"]) == ("group_send_confirmed", 2)
    status, _ = scene.acme.door("POST", f"/simulator/{ACME}/acts/confirm", {"msgid": msgid, "userid": "staff001"})
    assert status == 409


def test_a_task_that_was_just_made_is_being_dispatched(scene):
    answer = scene.acme.post(ADD, {"external_userid": [scene.external("p3")], "text": {"content": "x"}})
    assert scene.acme.code(TASK, {"msgid": answer["msgid"]}) == 41063
    scene.clock.advance(seconds=1)
    assert scene.acme.code(TASK, {"msgid": answer["msgid"]}) == 0
    assert scene.moonco.code(TASK, {"msgid": answer["msgid"]}) == 41047
    assert scene.acme.code(TASK, {}) == 41046


def test_ids_that_are_no_customers_come_back_and_all_of_them_are_an_error(scene):
    scene.simulator.people.number("stranger")
    body = {"external_userid": [scene.external("p3"), scene.external("stranger"), "wmnobody"], "text": {"content": "x"}}
    answer = scene.acme.post(ADD, body)
    assert (answer["errcode"], answer["fail_list"]) == (0, [scene.external("stranger"), "wmnobody"])
    assert scene.acme.code(ADD, {"external_userid": ["wmnobody"], "text": {"content": "x"}}) == 41048
    assert scene.acme.code(ADD, {"text": {"content": "x"}}) == 41048


def test_without_a_sender_the_member_who_last_chatted_sends(scene):
    scene.acme.act("chat", userid="staff002", person="p0")
    msgid = send(scene, "p0")
    assert [each["userid"] for each in scene.acme.post(TASK, {"msgid": msgid})["task_list"]] == ["staff002"]
    msgid = send(scene, "p0", sender="staff001")
    assert [each["userid"] for each in scene.acme.post(TASK, {"msgid": msgid})["task_list"]] == ["staff001"]


def test_a_sender_alone_sends_to_all_their_customers_and_a_filter_chooses(scene):
    assert len(results(scene, send(scene, sender="staff001"), "staff001")) == 5
    answer = scene.acme.post("externalcontact/add_corp_tag", {"group_name": "g", "tag": [{"name": "a"}, {"name": "b"}]})
    a, b = (tag["id"] for tag in answer["tag_group"]["tag"])
    for person, tags in (("p3", [a]), ("p6", [a, b])):
        scene.acme.post(
            "externalcontact/mark_tag", {"userid": "staff001", "external_userid": scene.external(person), "add_tag": tags}
        )
    either = {"group_list": [{"tag_list": [a, b]}]}
    both = {"group_list": [{"tag_list": [a]}, {"tag_list": [b]}]}
    assert len(results(scene, send(scene, sender="staff001", tag_filter=either), "staff001")) == 2
    assert set(results(scene, send(scene, sender="staff001", tag_filter=both), "staff001")) == {scene.external("p6")}
    body = {"external_userid": [scene.external("p3")], "tag_filter": both, "text": {"content": "x"}}
    assert scene.acme.code(ADD, body) == 40058


def test_who_is_no_friend_any_more_is_told_apart_from_who_had_all_their_sends(serving):
    scene = serving(limits=Limits(sends_a_day=1))
    msgid, second = send(scene, "p3", "p6", "p9"), send(scene, "p3")
    scene.acme.act("customer_deletes", userid="staff001", person="p6")
    scene.acme.act("staff_deletes", userid="staff001", person="p9")
    scene.acme.act("confirm", msgid=msgid, userid="staff001")
    found = results(scene, msgid, "staff001")
    assert (found[scene.external("p3")], found[scene.external("p6")], found[scene.external("p9")]) == (1, 2, 2)
    scene.acme.act("confirm", msgid=second, userid="staff001")
    assert results(scene, second, "staff001") == {scene.external("p3"): 3}
    answer = scene.acme.post(ADD, {"external_userid": [scene.external("p3")], "text": {"content": "x"}})
    assert answer["errcode"] == 41048
    scene.clock.advance(days=1)
    scene.acme.forget()
    assert scene.acme.code(ADD, {"external_userid": [scene.external("p3")], "text": {"content": "x"}}) == 0


@pytest.mark.parametrize(
    ("limits", "wait"), [({"sends_a_month": 2}, 31), ({"sends_a_week": 2}, 7), ({"sends_a_day": 2}, 1)]
)
def test_the_quota_of_a_customer_comes_back_with_its_month_week_or_day(serving, limits, wait):
    scene = serving(limits=Limits(**limits))
    for _ in range(2):
        scene.acme.act("confirm", msgid=send(scene, "p3"), userid="staff001")
    body = {"external_userid": [scene.external("p3")], "text": {"content": "x"}}
    assert scene.acme.code(ADD, body) == 41048
    scene.clock.advance(days=wait)
    scene.acme.forget()
    assert scene.acme.code(ADD, body) == 0


def test_by_default_a_customer_may_get_as_many_as_the_month_has_days(scene):
    """January 2026: thirty-one, whoever made them."""
    corp = scene.simulator.corp(ACME)
    corp.received[3] = [scene.clock.now() // 1000] * 30
    scene.acme.act("confirm", msgid=send(scene, "p3"), userid="staff001")
    assert scene.acme.code(ADD, {"external_userid": [scene.external("p3")], "text": {"content": "x"}}) == 41048


def test_a_cancelled_task_is_not_sent_and_reminders_are_three_a_day(scene):
    msgid = send(scene, "p3")
    assert [scene.acme.code(REMIND, {"msgid": msgid}) for _ in range(4)] == [0, 0, 0, 41094]
    scene.clock.advance(days=1)
    scene.acme.forget()
    assert scene.acme.code(REMIND, {"msgid": msgid}) == 0
    assert scene.acme.code(CANCEL, {"msgid": msgid}) == 0
    assert [scene.acme.code(path, {"msgid": msgid}) for path in (REMIND, CANCEL)] == [41093, 41093]
    status, _ = scene.acme.door("POST", f"/simulator/{ACME}/acts/confirm", {"msgid": msgid, "userid": "staff001"})
    assert status == 409


def test_results_come_in_pages_and_group_sends_in_a_window(scene):
    msgid = send(scene, sender="staff001")
    first = scene.acme.post(RESULT, {"msgid": msgid, "userid": "staff001", "limit": 3})
    second = scene.acme.post(RESULT, {"msgid": msgid, "userid": "staff001", "limit": 3, "cursor": first["next_cursor"]})
    assert (len(first["send_list"]), len(second["send_list"]), second["next_cursor"]) == (3, 2, "")
    now = scene.clock.now() // 1000
    found = scene.acme.post(LIST, {"chat_type": "single", "start_time": now - 60, "end_time": now})
    assert [each["msgid"] for each in found["group_msg_list"]] == [msgid]
    assert scene.acme.code(LIST, {"chat_type": "single", "start_time": now - 32 * 86_400, "end_time": now}) == 40058
    assert scene.acme.code(RESULT, {"msgid": msgid, "userid": "staff003"}) == 40003


@pytest.mark.parametrize(
    ("change", "errcode"),
    [
        ({"text": {"content": ""}}, 40063),
        ({"chat_type": "both"}, 40058),
        ({"chat_type": "group"}, 41009),
        ({"sender": "nobody"}, 60111),
        ({"external_userid": [f"w{n}" for n in range(10_001)]}, 40058),
        ({"tag_filter": {"group_list": [{"tag_list": ["etnone"]}]}}, 40068),
    ],
)
def test_a_wrong_group_send_has_its_code(scene, change, errcode):
    body = {"external_userid": [scene.external("p3")], "text": {"content": "x"}, **change}
    assert scene.acme.code(ADD, body) == errcode


def test_a_group_send_to_groups_goes_to_the_senders_own(scene):
    mine = scene.acme.act("create_group", owner="staff001", name="宝妈群")["id"]
    other = scene.acme.act("create_group", owner="staff002")["id"]
    body = {"chat_type": "group", "sender": "staff001", "chat_id_list": [mine, other], "text": {"content": "x"}}
    answer = scene.acme.post(ADD, body)
    assert answer["fail_list"] == [other]
    scene.clock.advance(seconds=1)
    scene.acme.act("confirm", msgid=answer["msgid"], userid="staff001")
    found = scene.acme.post(RESULT, {"msgid": answer["msgid"], "userid": "staff001"})["send_list"]
    assert [(each["chat_id"], each["status"]) for each in found] == [(mine, 1)]


# Moments --------------------------------------------------------------------------


def job(scene, **more):
    answer = scene.acme.post(MOMENT, {"text": {"content": "新品"}, **more})
    assert answer["errcode"] == 0, answer
    return answer["jobid"]


def moment(scene, **more):
    """A moment whose job is done."""
    jobid = job(scene, **more)
    scene.clock.advance(seconds=1)
    return scene.acme.get(JOB, jobid=jobid)["result"]["moment_id"]


def test_a_moment_is_a_job_then_a_task_then_something_that_customers_see(scene):
    jobid = job(scene, visible_range={"sender_list": {"user_list": ["staff001", "nobody"]}})
    assert scene.acme.get(JOB, jobid=jobid)["status"] == 1
    scene.clock.advance(seconds=1)
    done = scene.acme.get(JOB, jobid=jobid)
    assert (done["status"], done["result"]["errcode"]) == (3, 0)
    assert done["result"]["invalid_sender_list"]["user_list"] == ["nobody"]
    body = {"moment_id": done["result"]["moment_id"], "userid": "staff001"}
    assert scene.acme.post("externalcontact/get_moment_task", body)["task_list"] == [
        {"userid": "staff001", "publish_status": 0}
    ]
    assert scene.acme.code("externalcontact/get_moment_send_result", body) == 41062
    assert len(scene.acme.post("externalcontact/get_moment_customer_list", body)["customer_list"]) == 5
    scene.acme.act("publish", **body)
    assert len(scene.acme.post("externalcontact/get_moment_send_result", body)["customer_list"]) == 5
    scene.acme.act("respond", **body, person="p3")
    scene.acme.act("respond", **body, person="p6", how="comment")
    found = scene.acme.post("externalcontact/get_moment_comments", body)
    assert [each["external_userid"] for each in found["like_list"]] == [scene.external("p3")]
    assert [each["external_userid"] for each in found["comment_list"]] == [scene.external("p6")]
    assert scene.acme.code("externalcontact/get_moment_task", {"moment_id": "no"}) == 41060
    assert scene.moonco.code("externalcontact/get_moment_task", body) == 41060
    assert scene.acme.code("externalcontact/get_moment_comments", {**body, "userid": "staff002"}) == 41061


def test_a_job_is_known_for_a_day(scene):
    jobid = job(scene)
    scene.clock.advance(hours=24)
    scene.acme.forget()
    assert scene.acme.get(JOB, jobid=jobid)["errcode"] == 40088


def test_only_so_many_jobs_run_at_once(serving):
    scene = serving(limits=Limits(moment_jobs=1))
    job(scene)
    assert scene.acme.code(MOMENT, {"text": {"content": "x"}}) == 41078
    scene.clock.advance(seconds=1)
    assert scene.acme.code(MOMENT, {"text": {"content": "x"}}) == 0


def test_only_customers_with_the_tag_who_are_friends_see_it(scene):
    answer = scene.acme.post("externalcontact/add_corp_tag", {"group_name": "g", "tag": [{"name": "a"}]})
    tag = answer["tag_group"]["tag"][0]["id"]
    for person in ("p3", "p6"):
        scene.acme.post(
            "externalcontact/mark_tag", {"userid": "staff001", "external_userid": scene.external(person), "add_tag": [tag]}
        )
    scene.acme.act("customer_deletes", userid="staff001", person="p6")
    body = {
        "moment_id": moment(scene, visible_range={"external_contact_list": {"tag_list": [tag]}}),
        "userid": "staff001",
    }
    scene.acme.act("publish", **body)
    found = scene.acme.post("externalcontact/get_moment_send_result", body)["customer_list"]
    assert found == [{"external_userid": scene.external("p3")}]


def test_above_the_days_number_of_moments_customers_see_no_more(serving):
    scene = serving(limits=Limits(moments_a_day=1))
    seen = []
    for _ in range(2):
        body = {"moment_id": moment(scene), "userid": "staff001"}
        scene.acme.act("publish", **body)
        seen.append(len(scene.acme.post("externalcontact/get_moment_send_result", body)["customer_list"]))
    assert seen == [5, 0]


def test_a_moment_has_images_or_a_video_or_a_link_of_its_own_media(scene):
    image = scene.acme.upload("media/upload_attachment", PNG, media_type="image", attachment_type="1")["media_id"]
    video = scene.acme.upload("media/upload_attachment", b"0" * 20, media_type="video", attachment_type="1")["media_id"]
    other = scene.acme.upload("media/upload", PNG, type="image")["media_id"]
    picture = {"msgtype": "image", "image": {"media_id": image}}
    film = {"msgtype": "video", "video": {"media_id": video}}
    cases = [
        ([picture] * 9, 0),
        ([picture] * 10, 41064),
        ([film], 0),
        ([film, film], 41065),
        ([picture, film], 41065),
        ([{"msgtype": "image", "image": {"media_id": other}}], 41072),
        ([{"msgtype": "file", "file": {"media_id": other}}], 41065),
        ([{"msgtype": "link", "link": {"title": "t", "url": "https://example.com", "media_id": image}}], 0),
    ]
    for attachments, errcode in cases:
        assert scene.acme.code(MOMENT, {"attachments": attachments}) == errcode, attachments
    assert scene.acme.code(MOMENT, {}) == 41089
    assert scene.acme.code(MOMENT, {"text": {"content": "字" * 1334}}) == 40058


def test_moments_are_listed_by_a_window_of_thirty_days(scene):
    moment_id, now = moment(scene), scene.clock.now() // 1000
    found = scene.acme.post("externalcontact/get_moment_list", {"start_time": now - 60, "end_time": now})
    assert [each["moment_id"] for each in found["moment_list"]] == [moment_id]
    body = {"start_time": now - 31 * 86_400, "end_time": now}
    assert scene.acme.code("externalcontact/get_moment_list", body) == 40058
