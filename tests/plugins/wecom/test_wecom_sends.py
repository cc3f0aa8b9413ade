"""Group sends: core policy before each person, WeCom's task behind it, and only staff make it sent."""

from __future__ import annotations

import json
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from staff_desk import statements
from test_wecom_invitations import Texts
from wecom_scene import ALWAYS, CORP, YAN, ZOE, Scene

from scrm_core.api import IdentityIn, LeadIn
from scrm_core.db.bulk import execute
from scrm_core.errors import Conflict, Invalid
from scrm_wecom import WecomPlugin

ADD, TASKS, RESULTS = (
    "externalcontact/add_msg_template", "externalcontact/get_groupmsg_task", "externalcontact/get_groupmsg_send_result",
)  # fmt: skip
OPEN = '\n[outreach]\nquiet_hours = "none"\none_to_one_per_week = "none"\n'


@pytest.fixture
def sending(scenes, server) -> Scene:
    """Acme with Zoe and Yan, who agreed to messages; WeCom makes tasks m1, m2, ..."""
    made = scenes(acme=f'secret = "s3cret"\napi = "{server.url}"\n', before=OPEN)[0]
    made.tell("add_external_contact")
    made.tell("add_external_contact", YAN)
    for external in (ZOE, YAN):
        agree(made, external)
    tasks = iter(range(1, 1_000))
    server.answers[ADD] = [lambda asked: {"errcode": 0, "msgid": f"m{next(tasks)}", "fail_list": []}]
    return made


def agree(scene: Scene, external: str) -> None:
    with scene.brand as brand:
        brand.consent.record(
            brand.contacts.find("external_userid", external).id, "marketing_wecom", granted=True, source="test"
        )


def sends(scene: Scene):
    return scene.brand.plugins["wecom"].wecom.sends


def send(scene: Scene, code: str = "may", expression: str = "orders = 0", text: str = "五月新茶") -> None:
    with scene.brand as brand:
        sends(scene).open(code, {"text": text}, expression=expression, actor="ann")
        sends(scene).start(code)
        brand.outreach.drain()


def states(scene: Scene, code: str = "may") -> dict[tuple[str, str], int]:
    with scene.brand as brand:
        return brand.outreach.counts(sends(scene).get(code).run.id)


def result(server, *rows: tuple[str, int], confirmed: bool = True) -> None:
    """One member's part of every task."""
    server.answers[TASKS] = [{"errcode": 0, "task_list": [{"userid": "zhangsan", "status": 2 if confirmed else 0}]}]
    server.answers[RESULTS] = [
        {"errcode": 0, "send_list": [{"external_userid": who, "userid": "zhangsan", "status": s} for who, s in rows]}
    ]


def work(scene: Scene) -> None:
    with scene.brand as brand:
        brand.plugins["wecom"].work()


def test_a_send_is_one_task_for_everybody_and_is_with_the_staff_then(sending, server):
    send(sending)
    (asked,) = [each for each in server.asked if each.api == ADD]
    assert sorted(asked.body.pop("external_userid")) == sorted([ZOE, YAN])
    assert asked.body == {"chat_type": "single", "text": {"content": "五月新茶"}}
    assert states(sending) == {("sent", ""): 2}


def test_nothing_goes_before_the_start(sending, server):
    with sending.brand as brand:
        outcome = sends(sending).open("may", {"text": "x"}, expression="orders = 0")
        brand.outreach.drain()
    assert (outcome.queued, server.calls(ADD)) == (2, [])


def test_only_what_staff_confirm_was_sent(sending, server, clock):
    send(sending)
    result(server, (ZOE, 0), (YAN, 0), confirmed=False)
    clock.advance(hours=1)
    work(sending)
    assert states(sending) == {("sent", ""): 2}
    result(server, (ZOE, 1), (YAN, 2))
    clock.advance(hours=1)
    work(sending)
    assert states(sending) == {("delivered", ""): 1, ("failed", "no friend any more"): 1}
    before = len(server.calls(TASKS))
    clock.advance(hours=2)
    work(sending)
    assert len(server.calls(TASKS)) == before  # everybody's message has its end


@pytest.mark.parametrize("errcode", [60011, 60111, pytest.param(48002, marks=pytest.mark.wide)])
def test_a_member_of_whom_wecom_tells_nothing_keeps_back_neither_other_members_nor_other_sends(sending, server, clock, errcode):
    send(sending, "may")
    send(sending, "june")
    server.answers[TASKS] = [
        {"errcode": 0, "task_list": [{"userid": who, "status": 2} for who in ("gone", "zhangsan")]}
    ]

    def results(asked):
        if asked.body["userid"] == "gone":
            return {"errcode": errcode}
        rows = [{"external_userid": who, "userid": "zhangsan", "status": 1} for who in (ZOE, YAN)]
        return {"errcode": 0, "send_list": rows}

    server.answers[RESULTS] = [results]
    clock.advance(hours=1)
    work(sending)
    told = {("sent", ""): 2} if errcode == 48002 else {("delivered", ""): 2}  # the API itself: nothing is known
    assert (states(sending), states(sending, "june")) == (told, told)


def test_whom_wecom_cannot_reach_failed_and_whose_quota_is_used_up_too(sending, server, clock):
    server.answers[ADD] = [{"errcode": 0, "msgid": "m1", "fail_list": [YAN]}]
    send(sending)
    result(server, (ZOE, 3))
    clock.advance(hours=1)
    work(sending)
    assert states(sending) == {
        ("failed", "WeCom cannot reach this customer"): 1,
        ("failed", "WeCom's quota for the customer is used up"): 1,
    }


def test_the_core_s_policy_is_asked_before_each_person(scenes, server, clock):
    made = scenes(acme=f'secret = "s3cret"\napi = "{server.url}"\n')[0]
    server.answers[ADD] = [{"errcode": 0, "msgid": "m1", "fail_list": []}]
    made.tell("add_external_contact")
    made.tell("add_external_contact", YAN)
    agree(made, ZOE)
    clock.set(1_767_236_400_000)  # 11:00 in Shanghai
    with made.brand:
        assert sends(made).preview("orders = 0", "marketing").blocked == {"no_consent": 1}
    for code in ("a", "b", "c"):
        send(made, code)
    assert [states(made, code) for code in ("a", "b", "c")] == [
        {("blocked", "no_consent"): 1, ("sent", ""): 1},
        {("blocked", "no_consent"): 1, ("sent", ""): 1},
        {("blocked", "no_consent"): 1, ("blocked", "cap_week"): 1},
    ]


@pytest.mark.parametrize(("quota", "most"), [("4-a-month", 4), ("1-a-day", 1), ("7-a-week", 7), ("month-days", 31)])
def test_wecom_s_own_quota_is_kept_whatever_the_core_allows(scenes, server, clock, quota, most):
    made = scenes(acme=f'secret = "s3cret"\napi = "{server.url}"\ngroup_quota = "{quota}"\n', before=OPEN)[0]
    server.answers[ADD] = [{"errcode": 0, "msgid": "m", "fail_list": []}]
    made.tell("add_external_contact")
    agree(made, ZOE)
    for number in range(most + 1):
        send(made, f"s{number}")
    assert states(made, f"s{most - 1}") == {("sent", ""): 1}
    assert states(made, f"s{most}") == {("blocked", "veto: wecom_quota"): 1}
    clock.set(1_769_875_200_000)  # 2026-02-01, a Sunday
    clock.advance(days=1)
    send(made, "later")
    assert states(made, "later") == {("sent", ""): 1}


def test_a_welcome_is_no_group_send(sending, server, clock):
    with sending.brand as brand:
        brand.plugins["wecom"].wecom.greetings.put({"text": "hello"})
    for code in ("1", "2"):
        sending.tell("add_external_contact", staff=f"s{code}", WelcomeCode=code)
    with sending.brand as brand:
        brand.outreach.drain()
    assert len(server.calls("externalcontact/send_welcome_msg")) == 2


@pytest.mark.parametrize(
    ("answer", "state", "run"),
    [
        ({"errcode": -1}, "unknown", "done"), (b"<html>", "unknown", "done"), ({"errcode": 41048}, "failed", "done"),
        ({"errcode": 48002}, "failed", "paused"), ({"errcode": 45009}, "queued", "running"), ({"errcode": 45033}, "queued", "running"),
    ],
)  # fmt: skip
def test_a_task_that_nobody_knows_of_is_never_made_again(sending, server, monkeypatch, answer, state, run):
    monkeypatch.setattr("scrm_wecom.client.calls.PAUSES", (0.0, 0.0, 0.0))
    server.answers[ADD] = [answer]
    send(sending)
    assert {key[0] for key in states(sending)} == {state}
    with sending.brand as brand:
        assert sends(sending).get("may").run.state == run
        asked = len(server.calls(ADD))
        brand.outreach.drain()
    assert len(server.calls(ADD)) == asked


def test_people_wait_while_wecom_gives_no_token_and_get_it_when_the_limit_is_over(sending, server, clock):
    server.answers["gettoken"] = [{"errcode": 45009}]
    send(sending)
    clock.advance(seconds=30)
    with sending.brand as brand:
        brand.outreach.drain()
    assert (states(sending), server.calls()) == ({("queued", ""): 2}, ["gettoken"])
    del server.answers["gettoken"]
    clock.advance(seconds=31)
    with sending.brand as brand:
        brand.outreach.drain()
    assert states(sending) == {("sent", ""): 2}


def test_a_code_is_used_once_and_bad_content_is_refused(sending):
    with sending.brand:
        sends(sending).open("may", {"text": "x"}, expression="orders = 0")
        with pytest.raises(Conflict, match="may"):
            sends(sending).open("may", {"text": "x"}, expression="orders = 0")
        with pytest.raises(Invalid):
            sends(sending).open("june", {"text": ""}, expression="orders = 0")
        with pytest.raises(Invalid):
            sends(sending).open("june", {"text": "x"}, expression="nonsense ((")
        assert [each.code for each in sends(sending).all()] == ["may"]


def test_routes_and_commands_make_and_start_sends(scrm_app, server, tmp_path):
    app = scrm_app(
        WecomPlugin, settings={"corp_id": CORP, "secret": "s", "api": server.url}, brand_toml='[outreach]\nopt_in = []\n'
    )
    server.answers[ADD] = [{"errcode": 0, "msgid": "m1", "fail_list": []}]
    app.brand.lead()
    client = app.brand.client("wecom:send", "wecom:read")
    body = {"code": "a", "content": {"text": "hi"}, "expression": "orders = 0"}
    made = client.post("plugins/wecom/sends", body)
    assert (made.status_code, made.json) == (201, {"queued": 0, "blocked": {"no_address": 1}})
    assert client.post("plugins/wecom/sends", body).status_code == 409
    assert client.post("plugins/wecom/sends/start", {"code": "a"}).json["state"] == "running"
    assert client.post("plugins/wecom/sends/start", {"code": "nosuch"}).status_code == 404
    (tmp_path / "m.json").write_text(json.dumps({"text": "hello"}), encoding="utf-8")
    assert "no_address" in app.command("wecom", "send", "preview", "acme", "orders = 0")
    app.command("wecom", "send", "open", "acme", "b", str(tmp_path / "m.json"), "--segment", "orders = 0", "--as", "ann")
    app.command("wecom", "send", "start", "acme", "b", "--as", "ann")
    assert [each["code"] for each in client.get("plugins/wecom/sends").json["sends"]] == ["b", "a"]
    assert "running" in app.command("wecom", "send", "list", "acme")


def test_lists_ask_as_many_queries_for_many_rows_as_for_one(scrm_app, monkeypatch):
    app = scrm_app(WecomPlugin, settings={"corp_id": CORP, "moments_per_day": 100, "invite_over": "sms"})
    client = app.brand.client("wecom:read")
    with app.brand as brand:
        asked = statements(brand, monkeypatch)
        wecom = brand.plugins["wecom"].wecom
        monkeypatch.setattr(brand.outreach, "sender", lambda name, channel: None)
        brand.channels.create("spring")
        execute(
            "INSERT INTO wecom_link (code, name, staff, departments, skip_verify, state_told, state, paused, note, link_id, "
            "url, actor, at, asked_at, cursor) VALUES ('l', 'l', '[]', '[]', 1, 'l', 'live', 0, '', 'l', 'https://x.cn', '', 1, 1, '')"
        )

    def cost(begin: int, end: int) -> list[int]:
        for number in range(begin, end):
            with app.brand as brand:
                wecom.sends.open(f"s{number}", {"text": "x"}, expression="orders = 0")
                wecom.moments.post(f"m{number}", {"text": "x"})
                wecom.invitations.open(f"i{number}", link="l", text="hi {link}", channel="spring", expression="orders = 0")
                wecom.follows.added(f"wmcustomer{number:022d}", "lisi", brand.now())
        found = []
        for path, name in (("sends", "sends"), ("moments", "moments"), ("invitations", "invitations"), ("follows", "follows")):
            asked.clear()
            assert len(client.get(f"plugins/wecom/{path}").json[name]) == end
            found.append(len(asked))
        return found

    assert cost(0, 1) == cost(1, 12)


@pytest.mark.parametrize(
    ("hour", "people", "said"),
    [
        (23, 2, "started: 2 messages, held until 2026-03-02T09:00:00+08:00 by quiet hours\n"),
        (11, 1, "started: 1 message\n"), (23, 0, "started: nobody to send to\n"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("what", ["send", "invite"])
def test_a_start_says_how_many_go_and_until_when_quiet_hours_hold_them(scrm_app, server, what, hour, people, said):
    app = scrm_app(
        WecomPlugin, Texts,
        settings={"wecom": {"corp_id": CORP, "secret": "s", "api": server.url, "invite_over": "pile"}},
        brand_toml='[outreach]\nquiet_hours = "21:00-09:00"\n',
    )  # fmt: skip
    app.clock.set(datetime(2026, 3, 1, hour, tzinfo=ZoneInfo("Asia/Shanghai")))
    with app.brand as brand:
        wecom = brand.plugins["wecom"].wecom
        for number in range(people):
            kind, value = ("external_userid", f"wmcustomer{number:022d}") if what == "send" else ("phone", f"+861380000000{number}")
            came = LeadIn(source="form", reference=value, identities=(IdentityIn.of(kind, value),), at=brand.now())
            found = brand.contacts.capture_lead(came).contact_id
            purpose = "marketing_wecom" if what == "send" else "marketing_sms"
            brand.consent.record(found, purpose, granted=True, source="test")
        brand.channels.create("tea")
        wecom.links.create("may", name="May", channel="tea", staff=["x"], **ALWAYS)
        execute("UPDATE wecom_link SET state = 'live', url = 'https://x.cn/1'")
        if what == "send":
            wecom.sends.open("a", {"text": "x"}, expression="orders = 0")
        else:
            wecom.invitations.open("a", link="may", text="{link}", channel="tea", expression="orders = 0")
    assert app.command("wecom", what, "start", "acme", "a", "--as", "ann") == said


@pytest.mark.parametrize("code", ["x y/../z", "", "a/b", "茶", "-a", "a" * 61])
def test_a_code_is_letters_digits_dashes_and_underscores(scrm_app, code):
    app = scrm_app(WecomPlugin, Texts, settings={"wecom": {"corp_id": CORP, "invite_over": "pile"}})
    client = app.brand.client("wecom:send", "wecom:read")
    with app.brand as brand:
        brand.channels.create("tea")
        brand.plugins["wecom"].wecom.links.create("may", name="May", channel="tea", staff=["x"], **ALWAYS)
        execute("UPDATE wecom_link SET state = 'live', url = 'https://x.cn/1'")
    bodies = {
        "sends": {"content": {"text": "x"}, "expression": "orders = 0"},
        "moments": {"content": {"text": "x"}},
        "invitations": {"link": "may", "text": "{link}", "channel": "tea", "expression": "orders = 0"},
    }
    for path, body in bodies.items():
        answer = client.post(f"plugins/wecom/{path}", {"code": code, **body})
        assert answer.status_code == 422 and "code" in str(answer.json), (path, answer.json)
        assert client.get(f"plugins/wecom/{path}").json[path] == []
        assert client.post(f"plugins/wecom/{path}", {"code": "a" * 60, **body}).status_code == 201
