"""Welcome messages: once, within twenty seconds, by whichever app comes first."""

from __future__ import annotations

import pytest
from wecom_simulator_scene import ACME, AGENT, KEYS, MOONCO, PNG, SECOND, TOKENS, Api

from scrm_wecom.simulator import CallbackTarget

SEND = "externalcontact/send_welcome_msg"


def hello(code, **more):
    return {"welcome_code": code, "text": {"content": "你好"}, **more}


def added(scene, receiver, person="c0", api=None, **more):
    """The event of an add."""
    (api or scene.acme).act("add", userid="staff001", person=person, **more)
    return receiver.events((api or scene.acme).corpid)[-1]


def test_a_welcome_is_sent_once_and_seen_from_outside(told, receiver):
    scene = told()
    code = added(scene, receiver)["WelcomeCode"]
    scene.clock.advance(seconds=19, ms=999)
    assert scene.acme.code(SEND, hello(code)) == 0
    assert scene.acme.code(SEND, hello(code)) == 41051
    _, state = scene.acme.door("GET", f"/simulator/{ACME}/state")
    last = state["effects"][-1]
    assert (last["what"], last["text"], last["after_ms"]) == ("welcome", "你好", 19_999)
    assert last["external_userid"] == scene.external("c0")


def test_a_code_is_over_after_twenty_seconds(told, receiver):
    scene = told()
    code = added(scene, receiver)["WelcomeCode"]
    scene.clock.advance(seconds=20)
    assert scene.acme.code(SEND, hello(code)) == 41050


def test_an_unknown_or_missing_code_and_one_of_another_corp_are_refused(told, receiver):
    scene = told()
    code = added(scene, receiver)["WelcomeCode"]
    assert scene.moonco.code(SEND, hello(code)) == 41050
    assert scene.acme.code(SEND, hello("nonsense")) == 41050
    assert scene.acme.code(SEND, {"text": {"content": "x"}}) == 41049
    assert scene.acme.code(SEND, hello(code)) == 0


def test_every_app_gets_a_code_of_its_own_and_only_the_first_call_wins(told, receiver):
    scene = told()
    target = CallbackTarget(f"{receiver.url}/{ACME}", TOKENS[ACME], KEYS[ACME])
    scene.simulator.set_callback(ACME, target, SECOND, check=False)
    scene.acme.act("add", userid="staff001", person="c0")
    first, second = receiver.events()
    assert first["WelcomeCode"] != second["WelcomeCode"]
    other = Api(scene.url, ACME, "acme-second-secret")
    assert other.code(SEND, hello(first["WelcomeCode"])) == 41050
    assert other.code(SEND, hello(second["WelcomeCode"])) == 0
    assert scene.acme.code(SEND, hello(first["WelcomeCode"])) == 41051


def test_a_half_add_and_the_full_one_are_one_welcome(told, receiver):
    """The receiver welcomes at the half add, so the full add brings no code."""
    scene = told()
    sent = []

    def welcome(event):
        if "WelcomeCode" in event:
            sent.append(scene.acme.code(SEND, hello(event["WelcomeCode"])))

    receiver.then = welcome
    scene.acme.act("add", userid="staff001", person="c0", half="then_full")
    assert receiver.changes() == ["add_half_external_contact", "add_external_contact"]
    assert sent == [0]
    assert "WelcomeCode" not in receiver.events()[1]


def test_a_half_add_that_nobody_welcomed_brings_a_code_with_the_full_one(told, receiver):
    scene = told()
    scene.acme.act("add", userid="staff001", person="c0", half="then_full")
    half, full = receiver.events()
    assert scene.acme.code(SEND, hello(full["WelcomeCode"])) == 0
    assert scene.acme.code(SEND, hello(half["WelcomeCode"])) == 41051


@pytest.mark.parametrize("account", [{"console_welcome": frozenset({"staff001"})}, {"customers": 60}])
def test_no_code_comes_where_the_console_welcomes_or_the_customer_is_of_wecom(told, receiver, account):
    scene = told(**account)
    person = "c0" if "console_welcome" in account else "p99"
    assert "WelcomeCode" not in added(scene, receiver, person)


def test_who_left_and_adds_again_is_welcomed_anew(told, receiver):
    scene = told()
    first = added(scene, receiver)["WelcomeCode"]
    assert scene.acme.code(SEND, hello(first)) == 0
    scene.acme.act("customer_deletes", userid="staff001", person="c0")
    again = added(scene, receiver)["WelcomeCode"]
    assert scene.acme.code(SEND, hello(again)) == 0


def test_who_has_begun_to_chat_is_not_welcomed(told, receiver):
    scene = told()
    code = added(scene, receiver)["WelcomeCode"]
    scene.acme.act("chat", userid="staff001", person="c0")
    assert scene.acme.code(SEND, hello(code)) == 41051


def test_with_chat_archiving_a_welcome_waits_for_consent(told, receiver):
    scene = told(archive=True)
    code = added(scene, receiver)["WelcomeCode"]
    assert scene.acme.code(SEND, hello(code)) == 41053
    scene.clock.advance(seconds=60)
    scene.acme.act("agree_archive", userid="staff001", person="c0")
    event = receiver.events()[-1]
    assert event["ChangeType"] == "msg_audit_approved"
    assert scene.acme.code(SEND, hello(event["WelcomeCode"])) == 0


@pytest.mark.parametrize(
    ("content", "errcode"),
    [
        ({"text": {"content": ""}}, 40063),
        ({}, 40063),
        ({"text": {"content": "字" * 1333 + "a"}}, 0),
        ({"text": {"content": "字" * 1333 + "ab"}}, 40058),
        ({"attachments": [{"msgtype": "voice"}]}, 41065),
        ({"attachments": [{"msgtype": "image", "image": {}}]}, 40063),
        ({"attachments": [{"msgtype": "image", "image": {"media_id": "nonsense"}}]}, 40007),
        ({"attachments": [{"msgtype": "image", "image": {"pic_url": "https://example.com/a.png"}}]}, 40058),
        ({"attachments": [{"msgtype": "link", "link": {"title": "t", "url": "https://example.com"}}] * 10}, 41064),
        ({"attachments": [{"msgtype": "link", "link": {"title": "t", "url": "https://example.com"}}] * 9}, 0),
        ({"attachments": [{"msgtype": "link", "link": {"title": "字" * 43, "url": "https://example.com"}}]}, 40058),
        ({"attachments": [{"msgtype": "link", "link": {"title": "t", "url": "example.com"}}]}, 40058),
    ],
)
def test_content_is_checked_and_a_refused_one_leaves_the_code(told, receiver, content, errcode):
    scene = told()
    code = added(scene, receiver)["WelcomeCode"]
    assert scene.acme.code(SEND, {"welcome_code": code, **content}) == errcode
    assert scene.acme.code(SEND, hello(code)) == (41051 if errcode == 0 else 0)


def test_uploaded_media_is_of_one_scene_and_one_corp_and_good_for_three_days(told, receiver):
    scene = told()
    media = scene.acme.upload("media/upload", type="image")
    assert (media["type"], isinstance(media["created_at"], str)) == ("image", True)
    of_moments = scene.acme.upload("media/upload_attachment", media_type="image", attachment_type="1")
    picture = scene.acme.upload("media/uploadimg")

    def image(**inner):
        return {"attachments": [{"msgtype": "image", "image": inner}]}

    assert scene.acme.code(SEND, hello(added(scene, receiver, "c1")["WelcomeCode"], **image(media_id=media["media_id"]))) == 0
    assert scene.acme.code(SEND, hello(added(scene, receiver, "c2")["WelcomeCode"], **image(pic_url=picture["url"]))) == 0
    wrong = image(media_id=of_moments["media_id"])
    assert scene.acme.code(SEND, hello(added(scene, receiver, "c3")["WelcomeCode"], **wrong)) == 41072
    event = added(scene, receiver, "c4", scene.moonco)
    assert scene.moonco.code(SEND, hello(event["WelcomeCode"], **image(media_id=media["media_id"]))) == 40007
    scene.clock.advance(days=3)
    scene.acme.forget()
    assert scene.acme.code(SEND, hello(added(scene, receiver, "c5")["WelcomeCode"], **image(media_id=media["media_id"]))) == 40007


@pytest.mark.parametrize(
    ("path", "query", "content", "errcode"),
    [
        ("media/upload", {"type": "picture"}, PNG, 40004),
        ("media/upload", {"type": "image"}, b"no picture", 40004),
        ("media/upload", {"type": "image"}, b"12345", 40006),
        ("media/upload", {"type": "voice"}, b"0" * (2 * 1024 * 1024 + 1), 40006),
        ("media/upload", {"type": "file"}, b"", 44001),
        ("media/upload_attachment", {"media_type": "image", "attachment_type": "3"}, PNG, 40058),
        ("media/uploadimg", {}, b"0" * (2 * 1024 * 1024 + 1), 40006),
    ],
)
def test_a_file_that_the_platform_does_not_take_has_its_code(scene, path, query, content, errcode):
    assert scene.acme.upload(path, content, **query)["errcode"] == errcode


def test_a_file_of_another_field_is_no_file(scene):
    assert scene.acme.upload("media/upload", name="file", type="image")["errcode"] == 44001


def test_codes_of_two_corps_do_not_meet(told, receiver):
    scene = told()
    mine = added(scene, receiver)["WelcomeCode"]
    theirs = added(scene, receiver, "c0", scene.moonco)["WelcomeCode"]
    assert (scene.acme.code(SEND, hello(theirs)), scene.moonco.code(SEND, hello(mine))) == (41050, 41050)
    assert (scene.acme.code(SEND, hello(mine)), scene.moonco.code(SEND, hello(theirs))) == (0, 0)
    assert AGENT in scene.simulator.corp(MOONCO).apps
