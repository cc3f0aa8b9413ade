"""Tokens, secrets, addresses and what is refused before an endpoint is reached."""

from __future__ import annotations

from dataclasses import replace

import pytest
from wecom_simulator_scene import ACME, AGENT, MOONCO, SECOND, SECRETS, Api, corps

from scrm_wecom.simulator import AppAccount, Limits, Simulator, serve

LIST = "externalcontact/get_follow_user_list"


def test_a_token_is_the_same_within_its_life_and_another_after_it(scene):
    first = scene.acme.fetch_token()
    assert (first["errcode"], first["expires_in"], len(first["access_token"])) == (0, 7200, 512)
    scene.clock.advance(seconds=7199)
    again = scene.acme.fetch_token()
    assert (again["access_token"], again["expires_in"]) == (first["access_token"], 1)
    scene.clock.advance(seconds=1)
    assert scene.acme.fetch_token()["access_token"] != first["access_token"]


def test_a_token_that_is_over_is_told_from_one_that_never_was(scene):
    token = scene.acme.token
    assert scene.acme.get(LIST)["errcode"] == 0
    scene.clock.advance(seconds=7200)
    assert scene.acme.get(LIST)["errcode"] == 42001
    assert scene.acme.call("GET", LIST, {"access_token": token[:-1] + "x"})["errcode"] == 40014
    assert scene.acme.call("GET", LIST, {})["errcode"] == 41001


@pytest.mark.parametrize("errcode", [40014, 42001])
def test_a_token_that_is_revoked_ends_at_once_and_the_next_one_works(scene, errcode):
    scene.moonco.token
    assert scene.acme.get(LIST)["errcode"] == 0
    status, answer = scene.acme.door("POST", f"/simulator/{ACME}/revoke", {"errcode": errcode})
    assert (status, answer) == (200, {"ended": 1})
    assert scene.acme.get(LIST)["errcode"] == errcode
    assert scene.moonco.get(LIST)["errcode"] == 0
    scene.acme.forget()
    assert scene.acme.get(LIST)["errcode"] == 0


@pytest.mark.parametrize(
    ("corpid", "secret", "errcode"),
    [
        ("", SECRETS[ACME], 41002),
        (ACME, "", 41004),
        ("wwnobody", SECRETS[ACME], 40013),
        (ACME, "wrong", 40001),
        (ACME, SECRETS[MOONCO], 40091),
    ],
)
def test_each_mistake_of_gettoken_has_its_code(scene, corpid, secret, errcode):
    answer = scene.acme.call("GET", "gettoken", {"corpid": corpid, "corpsecret": secret})
    assert answer["errcode"] == errcode
    assert "access_token" not in answer


def test_an_app_that_is_disabled_gets_no_token_and_its_calls_are_refused(scene):
    scene.acme.token
    scene.acme.door("POST", f"/simulator/{ACME}/app", {"agentid": AGENT, "enabled": False})
    assert scene.acme.get(LIST)["errcode"] == 50003
    assert scene.acme.fetch_token()["errcode"] == 40001
    assert scene.moonco.get(LIST)["errcode"] == 0


def test_apps_of_one_corp_have_tokens_of_their_own(scene):
    second = Api(scene.url, ACME, "acme-second-secret")
    assert second.token != scene.acme.token
    scene.simulator.revoke(ACME, SECOND)
    assert (second.get(LIST)["errcode"], scene.acme.get(LIST)["errcode"]) == (40014, 0)


def test_wrong_secrets_ban_the_address_for_an_hour_and_with_it_every_other_app(serving):
    scene = serving(limits=Limits(wrong_secrets=3))
    wrong = Api(scene.url, ACME, "wrong")
    assert [wrong.fetch_token()["errcode"] for _ in range(4)] == [40001, 40001, 40001, 45009]
    assert scene.moonco.fetch_token()["errcode"] == 45009
    scene.clock.advance(hours=1)
    assert scene.moonco.fetch_token()["errcode"] == 0


def test_an_address_that_is_not_trusted_is_refused_and_a_new_one_works_after_a_minute(scene):
    scene.simulator.trust(ACME, ["203.0.113.0/24"])
    answer = scene.acme.get(LIST)
    assert (answer["errcode"], "from ip: 127.0.0.1" in answer["errmsg"]) == (60020, True)
    assert scene.moonco.get(LIST)["errcode"] == 0
    scene.acme.door("POST", f"/simulator/{ACME}/trust", {"addresses": ["203.0.113.0/24", "127.0.0.1"]})
    assert scene.acme.get(LIST)["errcode"] == 60020
    scene.clock.advance(seconds=60)
    assert scene.acme.get(LIST)["errcode"] == 0


def test_an_app_without_the_permission_may_see_the_directory_and_no_customer(clock):
    acme, moonco = corps()
    acme = replace(acme, apps=(AppAccount(AGENT, SECRETS[ACME], customer_contact=False),))
    with serve(Simulator([acme, moonco], now=clock.now)) as server:
        api = Api(server.url, ACME)
        assert api.get("user/get", userid="staff001")["errcode"] == 0
        assert api.get(LIST)["errcode"] == 48002
        assert Api(server.url, MOONCO).get(LIST)["errcode"] == 0


def test_an_app_sees_only_the_members_of_its_range(clock):
    acme, moonco = corps()
    acme = replace(acme, apps=(AppAccount(AGENT, SECRETS[ACME], visible=frozenset({"staff001"})),))
    with serve(Simulator([acme, moonco], now=clock.now)) as server:
        api = Api(server.url, ACME)
        assert api.get(LIST)["follow_user"] == ["staff001"]
        assert api.get("externalcontact/list", userid="staff002")["errcode"] == 60011
        assert api.get("user/get", userid="staff002")["errcode"] == 60011


def test_the_words_of_a_failure_differ_each_time(scene):
    first, second = (scene.acme.get("user/get", userid="nobody") for _ in range(2))
    assert first["errcode"] == second["errcode"] == 60111
    assert first["errmsg"] != second["errmsg"]


def test_a_body_that_the_platform_would_not_read_is_refused(scene):
    path = "externalcontact/batch/get_by_user"
    assert scene.acme.code(path, b"{") == 40058
    assert scene.acme.code(path, b"[]") == 40058
    assert scene.acme.code(path, b"\xff") == 40058
    assert scene.acme.code(path, b'{"userid_list": ["staff001"], "cursor": "\\u4e2d"}') == 40033
    assert scene.acme.code(path, b'{"userid_list": ["staff001"], "x": "\\\\u4e2d"}') == 0
    assert scene.acme.get(path)["errcode"] == 40058


def test_parameters_that_nobody_reads_are_passed_over_and_shown(scene):
    assert scene.acme.code("externalcontact/batch/get_by_user", {"userid_list": ["staff001"], "limt": 5}) == 0
    _, state = scene.acme.door("GET", "/simulator/state")
    assert state["calls"][-1]["ignored"] == ["limt"]


def test_an_address_where_no_api_is_answers_without_json(scene):
    status, body = scene.acme.raw("GET", f"/cgi-bin/externalcontact/lst?access_token={scene.acme.token}")
    assert (status, body) == (404, b"404 page not found")
