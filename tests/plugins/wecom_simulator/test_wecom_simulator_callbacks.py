"""Callbacks: sealed as documented, sent three times, and what a command makes of them."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest
from wecom_simulator_scene import ACME, AGENT, KEYS, MOONCO, SECOND, TOKENS, corps, fields, open_sealed, opened

from scrm_wecom.crypto import Crypt
from scrm_wecom.simulator import SPOILINGS, AppAccount, CallbackTarget, Simulator

# The documented vectors (wecom section 2.4): token, key, receiver, timestamp, nonce, signature, encrypted, message.
CLASSIC = ("QDG6eK", "jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C", "wx5823bf96d3bd56c7")
SAMPLE = ("hJqcu3uJ9Tn2gXPmxx2w9kkCkCE2EPYo", "6qkdMrq68nTKduznJYO1A37W2oEgpkMUvkttRToqhUt", "ww1436e0e65a779aee")
VECTORS = [
    (
        CLASSIC, "1409659589", "263014780", "5c45ff5e21c57e6ad56bac8758b79b1d9ac89fd3", b"c41b64491c2468d0",
        "P9nAzCzyDtyTWESHep1vC5X9xho/qYX3Zpb4yKa9SKld1DsH3Iyt3tP3zNdtp+4RPcs8TgAE7OaBO+FZXvnaqQ==",
        "1616140317555161061",
    ),
    (
        SAMPLE, "1476416373", "47744683", "012bc692d0a58dd4b10f8dfe5c4ac00ae211ebeb", b"8908d0ff052afda0",
        "fsi1xnbH4yQh0+PJxcOdhhK6TDXkjMyhEPA7xB2TGz6b+g7xyAbEkRxN/3cNXW9qdqjnoVzEtpbhnFyq6SVHyA==",
        "1288432023552776189",
    ),
    (
        SAMPLE, "1476422779", "1597212914", "0c3914025cb4b4d68103f6bfc8db550f79dcf48e", b"694ce5a83ae07fe3",
        "Kl7kjoSf6DMD1zh7rtrHjFaDapSCkaOnwu3bqLc5tAybhhMl9pFeK8NslNPVdMwmBQTNoW4mY7AIjeLvEl3NyeTkAgGzBhzTtRLNshw2AEew"
        "+kkYcD+Fq72Kt00fT0WnN87hGrW8SqGc+NcT3mu87Ha3dz1pSDi6GaUA6A0sqfde0VJPQbZ9U+3JWcoD4Z5jaU0y9GSh010wsHF8KZD24YhmZ"
        "H4ch4Ka7ilEbjbfvhKkNL65HHL0J6EYJIZUC2pFrdkJ7MhmEbU2qARR4iQHE7wy24qy0cRX3Mfp6iELcDNfSsPGjUQVDGxQDCWjayJOpcwocu"
        "gux082f49HKYg84EpHSGXAyh+/oxwaWbvL6aSDPOYuPDGOCI8jmnKiypE+",
        "<xml><ToUserName>ww1436e0e65a779aee</ToUserName><FromUserName>ChenJiaShun</FromUserName>"
        "<CreateTime>1476422779</CreateTime><MsgType>text</MsgType><Content>你好</Content><MsgId>1456453720</MsgId>"
        "<AgentID>1000002</AgentID></xml>",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("console", "timestamp", "nonce", "signature", "prefix", "encrypted", "message"), VECTORS)
def test_the_reader_of_these_tests_and_the_seal_of_the_simulator_give_the_documented_vectors(
    console, timestamp, nonce, signature, prefix, encrypted, message
):
    token, key, receiver = console
    query = {"timestamp": timestamp, "nonce": nonce, "msg_signature": signature}
    assert open_sealed(token, key, receiver, query, encrypted) == message
    crypt = Crypt(token, key, receiver)
    assert crypt.encrypt(message.encode(), prefix=prefix) == encrypted
    assert crypt.signature(timestamp, nonce, encrypted) == signature


def test_an_event_is_sealed_for_its_corp_with_the_time_of_the_clock(told, receiver):
    scene = told()
    scene.acme.act("add", userid="staff001", person="c0")
    scene.moonco.act("add", userid="staff001", person="c0")
    first, second = receiver.received
    assert (first.corpid, second.corpid) == (ACME, MOONCO)
    assert first.query["timestamp"] == str(scene.clock.now() // 1000)
    assert first.event["CreateTime"] == str(scene.clock.now() // 1000)
    assert fields(first.body.decode())["AgentID"] == "1000002"
    assert second.event["ToUserName"] == MOONCO
    assert first.event["ExternalUserID"] != second.event["ExternalUserID"]


def test_the_elements_stand_in_the_documented_order(told, receiver):
    scene = told()
    config_id = scene.acme.post(
        "externalcontact/add_contact_way", {"type": 1, "scene": 2, "user": ["staff001"], "state": "s<&]]>1"}
    )["config_id"]
    scene.acme.act("scan", config_id=config_id, person="c0")
    (event,) = receiver.events()
    assert list(event) == [
        "ToUserName", "FromUserName", "CreateTime", "MsgType", "Event", "ChangeType", "UserID", "ExternalUserID", "State",
        "WelcomeCode",
    ]  # fmt: skip
    assert event["State"] == "s<&]]>1"


def test_anything_but_200_is_tried_three_times_with_the_same_plaintext_newly_sealed(told, receiver):
    scene = told()
    receiver.answers = [500, 302]
    answer = scene.acme.act("add", userid="staff001", person="c0")
    assert [each["status"] for each in answer["sent"][0]["tries"]] == [500, 302, 200]
    assert answer["sent"][0]["state"] == "delivered"
    assert len({each.plain for each in receiver.received}) == 1
    assert len({each.query["nonce"] for each in receiver.received}) == 3
    assert len({each.body for each in receiver.received}) == 3


def test_after_three_failures_the_event_is_lost_and_the_next_one_is_sent(told, receiver):
    scene = told()
    receiver.answers = [500, 500, 500]
    assert scene.acme.act("add", userid="staff001", person="c0")["sent"][0]["state"] == "failed"
    assert scene.acme.act("add", userid="staff001", person="c1")["sent"][0]["state"] == "delivered"
    assert len(receiver.received) == 4


def test_who_does_not_answer_in_time_is_asked_again(told, receiver):
    scene = told(callback_timeout=0.1)
    receiver.answers = [0]
    (sent,) = scene.acme.act("add", userid="staff001", person="c0")["sent"]
    assert [(each["status"], "imed" in each["error"]) for each in sent["tries"]] == [(0, True), (200, False)]


def test_the_console_saves_only_an_address_that_gives_the_echo_back(scene, receiver):
    body = {"url": f"{receiver.url}/{ACME}", "token": TOKENS[ACME], "aes_key": KEYS[ACME]}
    assert scene.acme.door("POST", f"/simulator/{ACME}/callback", body) == (200, {"saved": True})
    receiver.echo = lambda text: f'"{text}"'
    status, told = scene.acme.door("POST", f"/simulator/{ACME}/callback", {**body, "agentid": SECOND})
    assert (status, told["code"]) == (409, "conflict")
    status, told = scene.acme.door("POST", f"/simulator/{ACME}/callback", {**body, "aes_key": "short"})
    assert (status, told["code"]) == (422, "invalid")


def test_held_events_come_in_the_order_and_number_that_was_asked_for(told, receiver):
    scene = told()
    scene.acme.door("POST", "/simulator/callbacks/hold")
    for person in ("c0", "c1"):
        scene.acme.act("add", userid="staff001", person=person)
    assert receiver.received == []
    body = {"order": "reversed", "copies": 2}
    assert scene.acme.door("POST", "/simulator/callbacks/release", body) == (200, {"waiting": 0})
    wanted = [scene.external(person) for person in ("c1", "c1", "c0", "c0")]
    assert [event["ExternalUserID"] for event in receiver.events()] == wanted


def test_dropped_events_never_arrive(told, receiver):
    scene = told()
    scene.acme.door("POST", "/simulator/callbacks/drop", {"count": 1})
    assert scene.acme.act("add", userid="staff001", person="c0")["sent"][0]["state"] == "dropped"
    scene.acme.act("add", userid="staff001", person="c1")
    assert [event["ExternalUserID"] for event in receiver.events()] == [scene.external("c1")]


def test_a_replay_is_the_same_bytes_and_a_resend_is_newly_sealed(told, receiver):
    scene = told()
    (number,) = scene.acme.act("add", userid="staff001", person="c0")["callbacks"]
    scene.clock.advance(hours=1)
    assert scene.acme.door("POST", "/simulator/callbacks/replay", {"number": number})[0] == 200
    assert scene.acme.door("POST", "/simulator/callbacks/resend", {"number": number})[0] == 200
    first, replayed, resent = receiver.received
    assert (replayed.query, replayed.body) == (first.query, first.body)
    assert resent.query["timestamp"] != first.query["timestamp"]
    assert resent.plain == first.plain
    assert scene.acme.door("POST", "/simulator/callbacks/replay", {"number": 99})[0] == 404


@pytest.mark.parametrize("how", SPOILINGS)
def test_a_spoilt_event_is_wrong_in_one_way_and_the_next_one_is_right(told, receiver, how):
    scene = told()
    scene.acme.door("POST", "/simulator/callbacks/spoil", {"how": how})
    (sent,) = scene.acme.act("add", userid="staff001", person="c0")["sent"]
    assert sent["spoiling"] == how
    spoilt = receiver.received[0]
    now = scene.clock.now() // 1000
    if how == "stale":
        assert int(spoilt.query["timestamp"]) == now - 3600
    elif how == "future":
        assert int(spoilt.query["timestamp"]) == now + 3600
    elif how == "entities":
        query, encrypted = spoilt.query, fields(spoilt.body.decode())["Encrypt"]
        assert opened(ACME, query, encrypted).startswith('<?xml version="1.0"?><!DOCTYPE')
    else:
        with pytest.raises(Exception) as raised:
            spoilt.plain
        assert raised.type.__name__ in {
            "signature": ("AssertionError",),
            "token": ("AssertionError",),
            "receiver": ("AssertionError",),
            "ciphertext": ("ValueError", "AssertionError"),
            "xml": ("ParseError",),
        }[how]
    scene.acme.act("add", userid="staff001", person="c1")
    assert receiver.received[-1].event["ExternalUserID"] == scene.external("c1")


def test_a_spoiling_that_nobody_knows_is_refused(scene):
    status, told = scene.acme.door("POST", "/simulator/callbacks/spoil", {"how": "nicely"})
    assert (status, told["field"]) == (422, "how")


def test_an_unknown_kind_of_event_can_be_sent(told, receiver):
    scene = told()
    given = {"ChangeType": "brand_new", "Thing": "1"}
    scene.acme.act("emit", event="change_something", fields=given)
    (event,) = receiver.events()
    assert (event["Event"], event["ChangeType"], event["Thing"]) == ("change_something", "brand_new", "1")


def test_two_adds_in_one_second_are_two_events(told, receiver):
    scene = told()
    for person in ("c0", "c1"):
        scene.acme.act("add", userid="staff001", person=person)
    first, second = receiver.events()
    assert first["CreateTime"] == second["CreateTime"]
    assert first["ExternalUserID"] != second["ExternalUserID"]


def test_events_of_acts_at_once_are_all_sent_once(told, receiver):
    scene = told()
    people = [f"c{number}" for number in range(12)]
    threads = [
        threading.Thread(target=scene.acme.act, args=("add",), kwargs={"userid": "staff001", "person": person})
        for person in people
    ]
    scene.acme.token
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    scene.simulator.deliver()
    found = [event["ExternalUserID"] for event in receiver.events()]
    assert sorted(found) == sorted(scene.external(person) for person in people)


def test_an_app_hears_only_of_members_whom_it_sees(clock, receiver):
    acme, moonco = corps()
    target = CallbackTarget(f"{receiver.url}/{ACME}", TOKENS[ACME], KEYS[ACME])
    app = AppAccount(AGENT, "secret", visible=frozenset({"staff001"}), callback=target)
    simulator = Simulator([replace(acme, apps=(app,)), moonco], now=clock.now)
    simulator.act(ACME, "add", {"userid": "staff002", "person": "c0"})
    simulator.act(ACME, "add", {"userid": "staff001", "person": "c1"})
    assert [event["UserID"] for event in receiver.events()] == ["staff001"]


def test_an_edit_of_phones_alone_causes_no_event(told, receiver):
    scene = told()
    scene.acme.act("edit", userid="staff001", person="p3", mobiles=["13800000001"])
    assert receiver.received == []
    scene.acme.act("edit", userid="staff001", person="p3", remark="老客户")
    assert receiver.changes() == ["edit_external_contact"]


def test_deletions_of_either_side_have_events_of_their_own(told, receiver):
    scene = told()
    scene.acme.act("customer_deletes", userid="staff001", person="p3")
    scene.acme.act("customer_deletes", userid="staff001", person="p3")
    scene.acme.act("staff_deletes", userid="staff001", person="p6")
    assert [(e["ChangeType"], e["ExternalUserID"]) for e in receiver.events()] == [
        ("del_follow_user", scene.external("p3")),
        ("del_external_contact", scene.external("p6")),
    ]
