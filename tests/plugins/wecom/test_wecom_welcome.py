"""Welcomes: what is said to whom, within 20 seconds, once."""

from __future__ import annotations

import json
import threading
import time

import pytest
from wecom_scene import SETTINGS, YAN, ZOE, Scene

from scrm_core.api import IdentityIn, OrderIn
from scrm_core.db.bulk import execute
from scrm_core.errors import Invalid
from scrm_core.plugin import Plugin
from scrm_wecom import WecomPlugin
from scrm_wecom.content import checked
from scrm_wecom.greetings import WelcomeWanted

SEND = "externalcontact/send_welcome_msg"
LINK = {"msgtype": "link", "link": {"title": "Spring", "url": "https://example.cn/s"}}


def put(scene, text, **more):
    with scene.brand as brand:
        brand.plugins["wecom"].wecom.greetings.put({"text": text}, actor="ann", **more)


def send(scene):
    with scene.brand as brand:
        return brand.outreach.drain()


def said(server) -> list[tuple[str, str]]:
    return [(each.body["welcome_code"], each.body["text"]["content"]) for each in server.asked if each.api == SEND]


def sent(scene) -> list[tuple[str, str, str]]:
    with scene.brand:
        return execute("SELECT state, reason, code FROM message ORDER BY id").fetchall()


def test_an_add_is_greeted_with_text_and_attachments(calling, server):
    with calling.brand as brand:
        brand.plugins["wecom"].wecom.greetings.put({"text": "你好", "attachments": [LINK]})
    calling.tell("add_external_contact", WelcomeCode="C1")
    send(calling)
    (asked,) = [each for each in server.asked if each.api == SEND]
    assert asked.method == "POST"
    assert asked.body == {"welcome_code": "C1", "text": {"content": "你好"}, "attachments": [LINK]}
    assert sent(calling) == [("delivered", "", "")]


def test_nobody_is_greeted_without_a_code_or_a_welcome(calling, server):
    calling.tell("add_external_contact", WelcomeCode="C1")
    put(calling, "hello")
    calling.tell("add_external_contact", YAN)
    send(calling)
    assert said(server) == []


def test_a_callback_that_repeats_greets_once(calling, server):
    put(calling, "hello")
    plain = calling.event("add_external_contact", WelcomeCode="C1")
    for nonce in ("1", "2", "3"):
        calling.post(plain, nonce=nonce)
        calling.deliver()
        send(calling)
    assert said(server) == [("C1", "hello")]


def test_a_welcome_that_had_to_wait_for_the_consent_to_the_archive_goes_once_when_it_is_given(calling, server, clock):
    put(calling, "hello")
    server.answers[SEND] = [{"errcode": 41053}, {"errcode": 0}]
    for external, code in ((ZOE, "C1"), (YAN, "C2")):
        calling.tell("add_external_contact", external, WelcomeCode=code)
        send(calling)
    assert [row[::2] for row in sent(calling)] == [("failed", "41053"), ("delivered", "")]
    clock.advance(seconds=300)
    for external in (ZOE, YAN):  # Yan was greeted
        for _ in range(2):
            calling.tell("msg_audit_approved", external, WelcomeCode=f"A{external[2]}")
            clock.advance(seconds=1)
            send(calling)
    assert said(server) == [("C1", "hello"), ("C2", "hello"), ("AZ", "hello")]


def test_a_half_add_and_the_add_behind_it_are_greeted_once(calling, server, clock):
    put(calling, "hello")
    calling.tell("add_half_external_contact", WelcomeCode="C1")
    clock.advance(seconds=2)
    calling.tell("add_external_contact", WelcomeCode="C2")
    send(calling)
    assert said(server) == [("C1", "hello")]


def test_a_half_add_without_a_code_leaves_the_welcome_to_the_add(calling, server, clock):
    put(calling, "hello")
    calling.tell("add_half_external_contact")
    clock.advance(seconds=2)
    calling.tell("add_external_contact", WelcomeCode="C2")
    send(calling)
    assert said(server) == [("C2", "hello")]


def test_each_member_of_staff_greets_and_so_does_who_is_added_again(calling, server, clock):
    put(calling, "hello")
    calling.tell("add_external_contact", WelcomeCode="C1")
    calling.tell("add_external_contact", staff="lisi", WelcomeCode="C2")
    send(calling)
    clock.advance(hours=1)
    calling.tell("del_follow_user")
    clock.advance(hours=1)
    calling.tell("add_external_contact", WelcomeCode="C3")
    send(calling)
    assert [code for code, _ in said(server)] == ["C1", "C2", "C3"]


@pytest.mark.parametrize(("late", "greeted"), [(18, True), (19, False), (25, False)])
def test_a_welcome_that_the_worker_comes_to_too_late_is_dropped(calling, server, clock, late, greeted):
    put(calling, "hello")
    calling.post(calling.event("add_external_contact", WelcomeCode="C1"))
    clock.advance(seconds=late)
    calling.deliver()
    send(calling)
    assert bool(said(server)) == greeted


def test_a_welcome_that_waits_in_the_queue_too_long_is_never_sent(calling, server, clock):
    put(calling, "hello")
    calling.tell("add_external_contact", WelcomeCode="C1")
    clock.advance(seconds=30)
    send(calling)
    assert said(server) == []
    assert sent(calling)[0][0] == "expired"


@pytest.mark.parametrize(
    ("answers", "calls", "state"),
    [
        ([{"errcode": 41050}], 1, "failed"), ([{"errcode": 41051}], 1, "failed"), ([{"errcode": 41096}], 1, "failed"),
        ([{"errcode": 60020}], 1, "failed"), ([{"errcode": 45009}], 1, "failed"),
        ([lambda asked: None], 1, "unknown"), ([b"<html>"], 1, "unknown"),
    ],
)  # fmt: skip
def test_a_welcome_that_wecom_refuses_or_leaves_open_is_not_repeated(calling, server, answers, calls, state):
    put(calling, "hello")
    server.answers[SEND] = answers
    calling.tell("add_external_contact", WelcomeCode="C1")
    send(calling)
    send(calling)
    assert (len(server.calls(SEND)), sent(calling)[0][0]) == (calls, state)


def test_a_busy_wecom_is_tried_again_within_the_20_seconds(calling, server, clock):
    put(calling, "hello")
    server.answers[SEND] = [{"errcode": -1}, {"errcode": 0}]
    calling.tell("add_external_contact", WelcomeCode="C1")
    send(calling)
    clock.advance(seconds=2)
    send(calling)
    assert sent(calling) == [("delivered", "", "")]


def test_a_token_that_wecom_takes_back_twice_around_one_welcome_costs_nobody_theirs(calling, server, clock):
    """Eight people come at one moment; the token is fetched by one of their calls at a time."""
    put(calling, "hello")
    server.dead = {"t1", "t2"}
    for number in range(8):
        calling.tell("add_external_contact", f"wmCOMES{number}", WelcomeCode=f"C{number}")
    send(calling)
    clock.advance(seconds=2)
    send(calling)
    assert {row[0] for row in sent(calling)} == {"delivered"}
    assert server.tokens == 3


def test_a_token_that_is_never_taken_is_not_asked_for_without_end(calling, server, clock):
    put(calling, "hello")
    server.answers[SEND] = [{"errcode": 40014}]
    calling.tell("add_external_contact", WelcomeCode="C1")
    for _ in range(9):
        send(calling)
        clock.advance(seconds=2)
    assert [row[::2] for row in sent(calling)] == [("failed", "40014")]
    assert (len(server.calls(SEND)), server.tokens) == (4, 3)


def test_who_must_not_be_written_to_is_not_greeted_and_quiet_hours_do_not_keep_a_welcome(calling, server, clock):
    put(calling, "hello")
    with calling.brand as brand:
        brand.outreach.suppress("wecom", ZOE, reason="asked", scope="all")
    calling.tell("add_external_contact", WelcomeCode="C1")
    clock.set(1_767_283_200_000)  # midnight in Shanghai
    calling.tell("add_external_contact", YAN, WelcomeCode="C2")
    send(calling)
    assert [code for code, _ in said(server)] == ["C2"]


# What is said -------------------------------------------------------------------


def test_the_channel_s_welcome_goes_before_the_general_one_and_the_audience_s_before_everybody_s(calling, server):
    with calling.brand as brand:
        brand.channels.create("spring")
        brand.channels.create("autumn")
    put(calling, "any")
    put(calling, "any known", audience="known")
    put(calling, "spring", channel="spring")
    put(calling, "spring known", channel="spring", audience="known")
    calling.tell("add_external_contact", State="spring", WelcomeCode="1")
    calling.tell("add_external_contact", staff="lisi", State="spring", WelcomeCode="2")
    calling.tell("add_external_contact", staff="wang", State="autumn", WelcomeCode="3")
    calling.tell("add_external_contact", YAN, State="autumn", WelcomeCode="4")
    send(calling)
    assert dict(said(server)) == {"1": "spring", "2": "spring known", "3": "any known", "4": "any"}


def test_members_and_buyers_hear_their_own(calling, server):
    put(calling, "any")
    put(calling, "buyers", audience="buyer")
    put(calling, "members", audience="member")
    with calling.brand as brand:
        for external, unionid in ((ZOE, "u-zoe"), (YAN, "u-yan")):
            ids = (IdentityIn.of("external_userid", external), IdentityIn.of("unionid", unionid))
            person = brand.contacts.resolve(ids, at=brand.now(), origin="test")
            brand.orders.upsert(
                OrderIn(source="s", number=unionid, status="completed", paid_at=brand.now(), paid_minor=100,
                        buyer=(IdentityIn.of("unionid", unionid),), lines=(), platform="tmall")
            )  # fmt: skip
            if external == YAN:
                brand.membership.join(person.contact_id, "gold", at=brand.now())
    calling.deliver()
    calling.tell("add_external_contact", WelcomeCode="1")
    calling.tell("add_external_contact", YAN, WelcomeCode="2")
    send(calling)
    assert dict(said(server)) == {"1": "buyers", "2": "members"}


# Who they are ---------------------------------------------------------------------


GET = "externalcontact/get"
VARIANTS = ("", "known", "buyer", "member")


def variants(scene, *audiences: str) -> None:
    for audience in audiences or VARIANTS:
        put(scene, audience or "general", audience=audience)


def person(scene, unionid: str, *, member: bool = False) -> int:
    """A buyer, or a member, whom the brand knows by a unionid alone; their contact's id."""
    with scene.brand as brand:
        made = brand.contacts.resolve((IdentityIn.of("unionid", unionid),), at=brand.now(), origin="test")
        brand.orders.upsert(
            OrderIn(source="s", number=unionid, status="completed", paid_at=brand.now(), paid_minor=100,
                    buyer=(IdentityIn.of("unionid", unionid),), lines=(), platform="tmall")
        )  # fmt: skip
        if member:
            brand.membership.join(made.contact_id, "gold", at=brand.now())
    scene.deliver()
    return made.contact_id


def customer(scene, unionid: str, *staff: str, external: str = ZOE) -> dict[str, object]:
    """What WeCom tells of a customer."""
    follows = [{"userid": each, "createtime": scene.seconds(), "add_way": 1} for each in staff or ("zhangsan",)]
    told = {"external_userid": external, "name": "Zoe", **({"unionid": unionid} if unionid else {})}
    return {"errcode": 0, "external_contact": told, "follow_user": follows}


def contact_of(scene, external: str = ZOE) -> int:
    with scene.brand as brand:
        return brand.contacts.find("external_userid", external).id


@pytest.mark.parametrize("member", [True, False])
def test_who_is_known_by_a_unionid_alone_hears_their_own_welcome_at_their_first_add(calling, server, member):
    known = person(calling, "u-zoe", member=member)
    variants(calling)
    server.answers[GET] = [customer(calling, "u-zoe")]
    calling.tell("add_external_contact", WelcomeCode="1")
    assert contact_of(calling) != known  # an add tells an external user id and nothing else
    send(calling)
    wanted = "member" if member else "buyer"
    assert said(server) == [("1", wanted)]
    assert contact_of(calling) == known
    with calling.brand as brand:
        ((message, _),) = brand.outreach.of_contact(known)
        assert message.state == "delivered"
        assert execute("SELECT body FROM message").fetchall() == [(wanted,)]  # what was said is what is kept
        brand.plugins["wecom"].work()
    calling.deliver()
    assert len(calling.leads()) == 1


def test_a_text_for_members_alone_finds_its_members_and_nobody_else(calling, server):
    person(calling, "u-zoe", member=True)
    variants(calling, "member")
    server.answers[GET] = [customer(calling, "u-zoe"), customer(calling, "u-yan", external=YAN)]
    for external, code in ((ZOE, "1"), (YAN, "2")):
        calling.tell("add_external_contact", external, WelcomeCode=code)
        send(calling)
    assert said(server) == [("1", "member")]
    assert [row[::2] for row in sent(calling)] == [("delivered", ""), ("failed", "no_welcome")]


def test_of_many_who_come_at_once_each_hears_their_own(calling, server):
    variants(calling)
    for number in range(8):
        person(calling, f"u-{number}", member=number % 2 == 0)
    server.answers[GET] = [
        lambda asked: customer(
            calling, f"u-{asked.query['external_userid'][-1]}", external=asked.query["external_userid"]
        )
    ]
    for number in range(8):
        calling.tell("add_external_contact", f"wmCOMES{number}", WelcomeCode=str(number))
    send(calling)
    assert dict(said(server)) == {str(n): "buyer" if n % 2 else "member" for n in range(8)}


def test_a_stranger_hears_the_general_welcome_however_many_they_add_at_once(calling, server):
    variants(calling)
    server.answers[GET] = [customer(calling, "u-new", "zhangsan", "lisi")]
    calling.tell("add_external_contact", WelcomeCode="1")
    calling.tell("add_external_contact", staff="lisi", WelcomeCode="2")
    send(calling)
    assert dict(said(server)) == {"1": "general", "2": "known"}


def test_who_came_to_a_member_before_anybody_heard_of_it_is_known(calling, server, clock):
    variants(calling)
    told = customer(calling, "u-new", "lisi")
    clock.advance(days=40)
    now = customer(calling, "u-new")
    server.answers[GET] = [{**now, "follow_user": now["follow_user"] + told["follow_user"]}]
    calling.tell("add_external_contact", WelcomeCode="1")
    send(calling)
    assert said(server) == [("1", "known")]


@pytest.mark.parametrize("elsewhere", [False, True])
def test_where_one_text_is_for_everybody_nobody_is_asked_about(calling, server, elsewhere):
    with calling.brand as brand:
        brand.channels.create("spring")
        brand.channels.create("autumn")
    put(calling, "general")
    if elsewhere:
        put(calling, "members of autumn", channel="autumn", audience="member")
    calling.tell("add_external_contact", State="spring", WelcomeCode="1")
    send(calling)
    assert (said(server), server.calls(GET)) == ([("1", "general")], [])


def test_a_text_for_who_is_new_is_not_said_to_a_member(calling, server):
    person(calling, "u-zoe", member=True)
    variants(calling, "", "new")
    server.answers[GET] = [customer(calling, "u-zoe")]
    calling.tell("add_external_contact", WelcomeCode="1")
    send(calling)
    assert said(server) == [("1", "general")]


def test_who_is_known_as_a_member_is_not_asked_about(calling, server):
    variants(calling)
    with calling.brand as brand:
        found = brand.contacts.resolve((IdentityIn.of("external_userid", ZOE),), at=brand.now(), origin="test")
        brand.membership.join(found.contact_id, "gold", at=brand.now())
    calling.tell("add_external_contact", WelcomeCode="1")
    send(calling)
    assert (said(server), server.calls(GET)) == ([("1", "member")], [])


@pytest.mark.parametrize(
    "answer",
    [
        {"errcode": 45009}, {"errcode": 48002}, {"errcode": 84061}, {"errcode": 60020}, {"errcode": 99999}, b"<html>",
        lambda asked: None, {"errcode": 0}, {"errcode": 0, "external_contact": 5},
    ],
)  # fmt: skip
def test_whom_wecom_does_not_tell_of_hears_the_general_welcome(calling, server, answer, monkeypatch):
    monkeypatch.setattr("scrm_wecom.client.calls.PAUSES", (0.0, 0.0, 0.0))
    person(calling, "u-zoe", member=True)
    variants(calling)
    server.answers[GET] = [answer]
    calling.tell("add_external_contact", WelcomeCode="1")
    send(calling)
    assert said(server) == [("1", "general")]
    assert [row[0] for row in sent(calling)] == ["delivered"]


def test_a_wecom_that_does_not_answer_holds_up_one_welcome_and_none_behind_it(calling, server, clock, monkeypatch):
    monkeypatch.setattr("scrm_wecom.gateway.READ_SECONDS", 0.2)
    variants(calling)
    stuck = threading.Event()
    server.answers[GET] = [lambda asked: stuck.wait(20) and None]
    calling.tell("add_external_contact", WelcomeCode="1")
    begun = time.monotonic()
    send(calling)
    assert time.monotonic() - begun < 5
    calling.tell("add_external_contact", YAN, WelcomeCode="2")
    send(calling)
    stuck.set()
    assert dict(said(server)) == {"1": "general", "2": "general"}
    assert len(server.calls(GET)) == 1
    clock.advance(seconds=31)
    person(calling, "u-xu", member=True)
    server.answers[GET] = [customer(calling, "u-xu", external="wmXU")]
    calling.tell("add_external_contact", "wmXU", WelcomeCode="3")
    send(calling)
    assert said(server)[2:] == [("3", "member")]


@pytest.mark.parametrize(("waited", "heard"), [(13, "member"), (14, "general")])
def test_nobody_is_asked_about_whose_20_seconds_are_nearly_over(calling, server, clock, waited, heard):
    person(calling, "u-zoe", member=True)
    variants(calling)
    server.answers[GET] = [customer(calling, "u-zoe")]
    calling.tell("add_external_contact", WelcomeCode="1")
    clock.advance(seconds=waited)
    send(calling)
    assert said(server) == [("1", heard)]


class Host(Plugin):
    """Greets people of one state in its own words, and fails for others."""

    name = "host"
    version = "1"
    summary = "greets"
    requires_core = ">=0.1.0.dev0,<1"
    extensions = {"wecom.welcome": ("welcome",)}

    def welcome(self, wanted: WelcomeWanted):
        if wanted.state == "broken":
            raise RuntimeError("no")
        if wanted.state == "ours":
            return {"text": f"for {wanted.audience}"}
        return {"text": f"from {wanted.staff}"} if wanted.state == "mine" else None


def test_another_plugin_may_say_something_else_and_one_that_fails_stops_nobody(new_installation, deliver, server):
    table = SETTINGS + f'secret = "s3cret"\napi = "{server.url}"\n'
    made = Scene(new_installation(plugins=(WecomPlugin, Host), acme=table + "\n[plugins.host]\n"), "acme", deliver)
    put(made, "general")
    for code, state in (("1", "mine"), ("2", "broken"), ("3", "other")):
        made.tell("add_external_contact", f"wm{code}", State=state, WelcomeCode=code)
    send(made)
    assert dict(said(server)) == {"1": "from zhangsan", "2": "general", "3": "general"}


def test_another_plugin_hears_who_somebody_turned_out_to_be(new_installation, deliver, server):
    table = SETTINGS + f'secret = "s3cret"\napi = "{server.url}"\n'
    made = Scene(new_installation(plugins=(WecomPlugin, Host), acme=table + "\n[plugins.host]\n"), "acme", deliver)
    person(made, "u-zoe", member=True)
    server.answers[GET] = [customer(made, "u-zoe")]
    made.tell("add_external_contact", State="ours", WelcomeCode="1")
    send(made)
    assert said(server) == [("1", "for member")]


@pytest.mark.parametrize(
    "content",
    [
        {}, [], {"text": " "}, {"text": 5}, {"text": "你" * 1_334}, {"text": "x", "more": 1}, {"attachments": {}},
        {"attachments": [LINK] * 10}, {"attachments": ["link"]}, {"attachments": [{"msgtype": "voice", "voice": {}}]},
        {"attachments": [{"msgtype": "link", "link": {"title": "x"}}]},
        {"attachments": [{"msgtype": "link", "link": {"title": "你" * 43, "url": "u"}}]},
        {"attachments": [{"msgtype": "image", "image": {}}]},
        {"attachments": [{"msgtype": "image", "image": {"media_id": "m"}, "link": {}}]},
        {"attachments": [{"msgtype": "miniprogram", "miniprogram": {"title": "x" * 65, "pic_media_id": "m", "appid": "w", "page": "p"}}]},
    ],
)  # fmt: skip
def test_what_wecom_would_refuse_is_refused_before(content):
    with pytest.raises(Invalid):
        checked(content)


def test_what_wecom_takes_is_taken():
    assert checked({"text": "你" * 1_333}) == {"text": {"content": "你" * 1_333}}
    assert checked({"text": {"content": "x"}, "attachments": [LINK] * 9})["attachments"] == [LINK] * 9


def test_commands_and_routes_set_and_show_welcomes(scrm_app, tmp_path):
    from wecom_scene import CORP

    app = scrm_app(WecomPlugin, settings={"corp_id": CORP})
    with app.brand as brand:
        brand.channels.create("spring")
    (tmp_path / "w.json").write_text(json.dumps({"text": "hello", "attachments": [LINK]}), encoding="utf-8")
    app.command("wecom", "welcome", "set", "acme", str(tmp_path / "w.json"), "--as", "ann")
    app.command("wecom", "welcome", "set", "acme", str(tmp_path / "w.json"), "--channel", "spring", "--audience", "known", "--as", "ann")
    client = app.brand.client("wecom:read", "wecom:write")
    found = client.get("plugins/wecom/welcomes").json["welcomes"]
    assert [(each["channel"], each["audience"], each["content"]["text"]) for each in found] == [
        ("", "", {"content": "hello"}), ("spring", "known", {"content": "hello"}),
    ]  # fmt: skip
    assert client.put("plugins/wecom/welcomes", {"content": {"text": "hi"}}).json["content"] == {"text": {"content": "hi"}}
    assert client.put("plugins/wecom/welcomes", {"content": {"text": ""}}).status_code == 422
    assert client.put("plugins/wecom/welcomes", {"channel": "nosuch", "content": {"text": "hi"}}).status_code == 404
    assert client.delete("plugins/wecom/welcomes", channel="spring", audience="known").status_code == 200
    assert client.delete("plugins/wecom/welcomes", channel="spring", audience="known").status_code == 404
    assert "hi" in app.command("wecom", "welcome", "list", "acme")
    app.command("wecom", "welcome", "remove", "acme", "--as", "ann")
    assert client.get("plugins/wecom/welcomes").json["welcomes"] == []
