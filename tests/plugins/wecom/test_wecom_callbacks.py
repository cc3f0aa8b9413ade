"""Callbacks at the door: who is let in, what is kept of them, and that each has one effect."""

from __future__ import annotations

import tracemalloc

import pytest
from wecom_scene import AES_KEY, CORP, TOKEN, YAN, ZOE, Scene, xml

from scrm_core.db.bulk import execute
from scrm_core.errors import ConfigError
from scrm_wecom import WecomPlugin, callbacks
from scrm_wecom.crypto import Crypt

ECHO = ("012bc692d0a58dd4b10f8dfe5c4ac00ae211ebeb", "1476416373", "47744683")
ECHOSTR = "fsi1xnbH4yQh0+PJxcOdhhK6TDXkjMyhEPA7xB2TGz6b+g7xyAbEkRxN/3cNXW9qdqjnoVzEtpbhnFyq6SVHyA=="


def check(scene: Scene, signature: str, timestamp: str, nonce: str, echostr: str):
    query = {"msg_signature": signature, "timestamp": timestamp, "nonce": nonce, "echostr": echostr}
    return scene.client.get("/p/acme/wecom/callback", query_string=query)


def test_the_documented_check_of_the_address_is_answered_with_the_bare_message(scene, clock):
    clock.set(1_476_416_373_000)
    answer = check(scene, *ECHO, ECHOSTR)
    assert (answer.status_code, answer.data) == (200, b"1288432023552776189")
    assert answer.content_type == "text/plain; charset=utf-8"


def test_a_plus_that_became_a_space_on_the_way_is_understood(scene, clock):
    clock.set(1_476_416_373_000)
    assert check(scene, *ECHO, ECHOSTR.replace("+", " ")).data == b"1288432023552776189"


def test_a_check_that_is_signed_wrongly_or_late_is_refused(scene, clock):
    clock.set(1_476_416_373_000)
    assert check(scene, "0" * 40, *ECHO[1:], ECHOSTR).status_code == 403
    assert check(scene, *ECHO, ECHOSTR[:-4] + "AAAA").status_code == 403
    clock.set((1_476_416_373 + 301) * 1_000)
    assert check(scene, *ECHO, ECHOSTR).status_code == 403


def test_a_callback_is_kept_as_it_came(scene):
    plain = scene.event("add_external_contact", State="spring", WelcomeCode="CODE")
    assert scene.post(plain).data == b"success"
    with scene.brand:
        (kept,) = callbacks.page()
    assert (kept.event, kept.change, kept.external, kept.state) == (
        "change_external_contact", "add_external_contact", ZOE, "new",
    )  # fmt: skip
    assert kept.body == plain
    assert kept.at == scene.seconds() * 1_000
    assert kept.fields()["State"] == "spring"


def test_the_other_brand_hears_nothing(scenes):
    acme, moonco = scenes()
    acme.tell("add_external_contact")
    moonco.deliver()
    assert (len(acme.kept()), moonco.kept(), moonco.leads()) == (1, [], [])


def test_a_brand_without_a_token_has_nothing_at_the_address(new_installation, deliver):
    table = f'\n[plugins.wecom]\ncorp_id = "{CORP}"\n'
    made = Scene(new_installation(plugins=(WecomPlugin,), acme=table), "acme", deliver)
    assert made.post(made.event("add_external_contact")).status_code == 404


# Who is not let in --------------------------------------------------------------


@pytest.mark.parametrize(
    ("crypt", "status"),
    [
        (Crypt("another", AES_KEY, CORP), 403),
        (Crypt(TOKEN, "j" * 43, CORP), 400),
        (Crypt(TOKEN, AES_KEY, "wwanother"), 403),
    ],
)
def test_a_wrong_token_key_or_corporation_is_refused_and_leaves_nothing(scene, crypt, status):
    answer = scene.post(scene.event("add_external_contact"), crypt=crypt)
    # With a wrong key a corporation is read out of noise, so either is possible.
    assert answer.status_code == status or (status == 400 and answer.status_code == 403)
    assert scene.kept() == []


def test_a_message_whose_inside_is_addressed_to_another_corporation_is_refused_and_leaves_nothing(scene):
    """What stands behind the message is this corporation; WeCom writes the same one into it."""
    other = scene.event("add_external_contact").replace(CORP, "wwanother")
    twice = other.replace("<xml>", f"<xml><ToUserName>{CORP}</ToUserName>")
    answers = [scene.post(plain) for plain in (other, twice)]
    assert [(each.status_code, b"another corporation" in each.data) for each in answers] == [(403, True)] * 2
    assert scene.kept() == []


@pytest.mark.parametrize("seconds", [-301, 301, -86_400])
def test_a_callback_from_another_time_is_a_replay_and_refused(scene, seconds):
    answer = scene.post(scene.event("add_external_contact"), timestamp=str(scene.seconds() + seconds))
    assert answer.status_code == 403
    assert scene.kept() == []


@pytest.mark.parametrize("timestamp", ["0x10", "-1", "1e9", "９９９", "9" * 30, "1 2"])
def test_a_time_that_is_none_is_refused(scene, timestamp):
    assert scene.post(scene.event("add_external_contact"), timestamp=timestamp).status_code == 403


def test_a_replay_within_the_time_is_answered_and_does_nothing(scene):
    plain = scene.event("add_external_contact")
    assert [scene.post(plain, nonce="same").status_code for _ in range(3)] == [200, 200, 200]
    scene.deliver()
    assert len(scene.kept()) == len(scene.leads()) == 1


@pytest.mark.parametrize(
    "plain",
    [
        "", "no xml", "<xml><Event>", b"\xff\xfe\x00", '<!DOCTYPE x [<!ENTITY a "b">]><xml><Event>&a;</Event></xml>',
    ],
)  # fmt: skip
def test_a_signed_message_that_is_no_plain_xml_is_refused(scene, plain):
    assert scene.post(plain).status_code == 400
    assert scene.kept() == []


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400), (b"<xml/>", 400), (b"{}", 400), (b'<!DOCTYPE x [<!ENTITY a "b">]><xml>&a;</xml>', 400),
        (b"<xml>" + b"x" * 70_000 + b"</xml>", 413), (b"<xml>" + b"x" * 2_000_000, 413),
    ],
)  # fmt: skip
def test_a_body_that_is_no_envelope_or_too_long_is_refused(scene, body, status):
    path = f"/p/acme/wecom/callback?msg_signature=x&timestamp={scene.seconds()}&nonce=n"
    assert scene.client.post(path, data=body, content_type="text/xml").status_code == status
    assert scene.kept() == []


def test_elements_deep_in_one_another_cost_whoever_receives_them_little(scene):
    body = b"<xml>" + b"<a>" * 4_600 + b"<b/>" * 8_100 + b"</a>" * 4_600 + b"</xml>"
    path = f"/p/acme/wecom/callback?msg_signature=x&timestamp={scene.seconds()}&nonce=n"
    scene.client.post(path, data=b"<xml/>", content_type="text/xml")  # whatever is loaded with the first
    tracemalloc.start()
    try:
        assert scene.client.post(path, data=body, content_type="text/xml").status_code == 400
        assert tracemalloc.get_traced_memory()[1] < 20_000_000
    finally:
        tracemalloc.stop()


# Each once ----------------------------------------------------------------------


@pytest.mark.parametrize("body", [b"", b"hello", b"<xml><ToUserName>ww1</ToUserName></xml>", b"<xml><Encrypt></Encrypt></xml>"])
def test_a_request_without_an_envelope_is_told_so_plainly(scene, body):
    answer = scene.client.post("/p/acme/wecom/callback", data=body, content_type="text/plain")
    assert (answer.status_code, answer.json["code"]) == (400, "wecom_unreadable")
    assert answer.json["detail"] and scene.kept() == []


def test_two_customers_who_add_in_one_second_are_two(scene):
    for external in (ZOE, YAN):
        assert scene.post(scene.event("add_external_contact", external)).status_code == 200
    scene.deliver()
    assert len(scene.leads()) == 2


@pytest.mark.parametrize(
    "other",
    [
        {"ExternalUserID": YAN}, {"UserID": "lisi"}, {"ChangeType": "edit_external_contact"}, {"CreateTime": 1_767_225_601},
        {"State": "b"}, {"WelcomeCode": "b"}, {"UpdateDetail": "b"}, {"ChatId": "b"}, {"Id": "b"}, {"NewField": "b"},
        {"MemChangeCnt": "b"},
    ],
)  # fmt: skip
def test_callbacks_that_differ_in_any_field_are_two(scene, other):
    base = {
        "CreateTime": 1_767_225_600, "Event": "change_external_contact", "ChangeType": "add_external_contact",
        "UserID": "zhangsan", "ExternalUserID": ZOE,
    }  # fmt: skip
    for fields in (base, base | other, base):
        assert scene.post(xml(**fields)).status_code == 200
    assert len(scene.kept()) == 2


def test_a_repetition_that_is_encrypted_anew_is_the_same(scene):
    plain = scene.event("add_external_contact")
    assert scene.crypt.encrypt(plain.encode()) != scene.crypt.encrypt(plain.encode())
    for nonce in ("1", "2", "3"):
        scene.post(plain, nonce=nonce)
    assert len(scene.kept()) == 1


SOURCE = """
from scrm_wecom.schemas import NAME

def run(brand, worker):
    inbox = brand.plugins[NAME].inbox
    with open("messages.json", encoding="utf-8") as file:
        messages = json.load(file)
    order = messages if worker % 2 else messages[::-1]
    return sum(inbox.keep(message.encode()) for message in order)
"""


def test_processes_that_get_the_same_callbacks_at_one_moment_keep_each_once(scene, together, tmp_path, monkeypatch):
    import json

    messages = [scene.event("add_external_contact", f"wm{number:030}") for number in range(40)]
    monkeypatch.chdir(tmp_path)
    (tmp_path / "messages.json").write_text(json.dumps(messages), encoding="utf-8")
    root = repr(str(tmp_path / "messages.json"))
    answers = together(scene.installation, SOURCE.replace('"messages.json"', root), 3)
    assert sum(answers) == 40
    scene.deliver()
    assert len(scene.kept()) == len(scene.leads()) == len(scene.said("added")) == 40


def test_callbacks_that_come_together_are_kept_by_few_statements_each_answered_for_itself(scene, monkeypatch):
    customers = [f"wm{number:030}" for number in range(64)]
    plain = {each: scene.event("add_external_contact", each) for each in customers}
    scene.post(plain[customers[7]])
    edited = scene.event("edit_external_contact", customers[5])
    # Adds once more are WeCom's repetitions; two edits of one second are one text, and the second may say more.
    sent = [*(plain[each] for each in (*customers, customers[3], customers[7])), edited, edited]
    with scene.brand as brand:
        inbox, asked = brand.plugins["wecom"].inbox, []
        told = [inbox._read(each.encode()) for each in sent]
        database = type(brand.handle.database)
        for name in ("execute_sql", "executemany"):
            run = getattr(database, name)
            monkeypatch.setattr(database, name, lambda *a, run=run: (asked.append(a[1]), run(*a))[1])
        answers = brand.group_each(inbox.keep_many, told)
        monkeypatch.undo()
        kept = [each.external for each in callbacks.page(limit=200)]
        assert execute("SELECT kind, ref FROM wecom_task").fetchall() == [("customer", customers[5])]
    assert answers == [each != customers[7] for each in customers] + [False, False, True, False]
    assert kept == [customers[7], *customers[:7], *customers[8:], customers[5]]  # in the order in which they came
    assert len(asked) <= 12, asked
    scene.deliver()
    assert len(scene.leads()) == 64 and {row[2] for row in scene.kept()} == {"done"}


def test_callbacks_of_threads_that_come_at_one_moment_are_each_kept_once(scene):
    import threading

    messages = [scene.event("add_external_contact", f"wm{number % 24:030}").encode() for number in range(48)]
    answers, gate = [], threading.Barrier(8)

    def bring(mine: list[bytes]) -> None:
        gate.wait(30)
        for message in mine:
            with scene.brand as brand:
                answers.append(brand.plugins["wecom"].inbox.keep(message))

    threads = [threading.Thread(target=bring, args=(messages[place::8],)) for place in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [False] * 24 + [True] * 24
    scene.deliver()
    assert len(scene.kept()) == len(scene.leads()) == 24


# Unknown ones -------------------------------------------------------------------


@pytest.mark.parametrize(
    "fields",
    [
        {"Event": "change_external_contact", "ChangeType": "brand_new", "UserID": "a", "ExternalUserID": ZOE},
        {"Event": "something_of_2030", "Thing": "x"},
        {"MsgType": "text", "Content": "hello", "MsgId": "1"},
        {},
    ],
)
def test_kinds_that_nobody_knows_are_kept_and_shown(scene, fields):
    scene.post(xml(CreateTime=scene.seconds(), **fields))
    scene.deliver()
    ((_, _, state, note),) = scene.kept()
    assert (state, note) == ("kept", "nobody here knows this kind")
    with scene.brand:
        (kept,) = callbacks.page(state="kept")
    assert kept.fields().items() >= fields.items()


def test_a_callback_that_names_nobody_is_refused_and_kept(scene):
    scene.post(xml(CreateTime=scene.seconds(), Event="change_external_contact", ChangeType="add_external_contact"))
    scene.deliver()
    assert [row[2] for row in scene.kept()] == ["refused"]


def test_the_time_of_a_callback_never_lies_in_the_future(scene):
    late = {"Event": "change_external_contact", "ChangeType": "add_external_contact", "UserID": "a"}
    scene.post(xml(CreateTime=scene.seconds() + 9_999, ExternalUserID=ZOE, **late))
    scene.post(xml(CreateTime="soon", ExternalUserID=YAN, **late))
    with scene.brand:
        assert {kept.at for kept in callbacks.page()} == {scene.brand.now()}


# What is looked for -------------------------------------------------------------


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_who_a_callback_is_about_or_names_and_its_state_are_found_by_an_index(scene, monkeypatch):
    scene.tell("add_external_contact")
    asked: list[tuple[str, object]] = []
    with scene.brand as brand:
        database = type(brand.handle.database)
        run = database.execute_sql

        def noted(self, sql, params=()):
            asked.append((sql, params))
            return run(self, sql, params)

        monkeypatch.setattr(database, "execute_sql", noted)
        callbacks.about([ZOE], "id")
        callbacks.take_out([ZOE, YAN])
        callbacks.page(state="refused")
        monkeypatch.undo()
        plans = {
            sql: " ".join(row[-1] for row in execute(f"EXPLAIN QUERY PLAN {sql}", params).fetchall())
            for sql, params in asked
        }
    assert len(plans) == 6
    assert [sql for sql, plan in plans.items() if "SCAN" in plan or "USING INTEGER PRIMARY KEY (rowid>?)" in plan] == []


# Upkeep -------------------------------------------------------------------------


def test_old_callbacks_are_removed_and_waiting_ones_stay(scene, clock):
    scene.tell("add_external_contact")
    scene.post(scene.event("edit_external_contact"))  # nobody has delivered it yet
    clock.advance(days=91)
    scene.post(scene.event("edit_external_contact"))
    with scene.brand as brand:
        brand.plugins["wecom"].tidy()
        assert [kept.state for kept in callbacks.page()] == ["new", "new"]


def test_half_of_the_console_s_settings_is_a_configuration_error(new_installation):
    with pytest.raises(ConfigError, match="callback_aes_key"):
        new_installation(
            plugins=(WecomPlugin,), acme=f'\n[plugins.wecom]\ncorp_id = "{CORP}"\ncallback_token = "{TOKEN}"\n'
        ).brand("acme")


def test_secrets_and_customers_are_in_no_event(scene):
    scene.tell("add_external_contact")
    with scene.brand:
        rows = execute("SELECT data FROM event WHERE type = 'plugin.event'").fetchall()
    assert rows
    assert not any(ZOE in row[0] or AES_KEY in row[0] or TOKEN in row[0] for row in rows)
