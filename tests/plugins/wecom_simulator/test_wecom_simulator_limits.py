"""Rates, calls at once, and faults on command."""

from __future__ import annotations

import threading

import pytest
from wecom_simulator_scene import ACME, MOONCO

from scrm_wecom.simulator import KINDS, Limits

LIST = "externalcontact/get_follow_user_list"
SMALL = Limits(corp_api_minute=3, corp_api_hour=5, ip_api_minute=100, ip_api_hour=100)


def codes(api, count, path=LIST):
    return [api.get(path)["errcode"] for _ in range(count)]


def test_one_call_too_many_in_a_minute_blocks_that_api_of_that_corp_for_a_minute(serving):
    scene = serving(limits=SMALL)
    assert codes(scene.acme, 4) == [0, 0, 0, 45009]
    assert codes(scene.acme, 1, "department/list") == [0]
    assert codes(scene.moonco, 1) == [0]
    scene.clock.advance(seconds=59)
    assert codes(scene.acme, 1) == [45009]
    scene.clock.advance(seconds=1)
    assert codes(scene.acme, 1) == [0]


def test_one_call_too_many_in_an_hour_blocks_for_an_hour(serving):
    scene = serving(limits=SMALL)
    assert codes(scene.acme, 3) == [0, 0, 0]
    scene.clock.advance(seconds=60)
    assert codes(scene.acme, 3) == [0, 0, 45009]
    scene.clock.advance(seconds=3599)
    assert codes(scene.acme, 1) == [45009]
    scene.clock.advance(seconds=1)
    assert codes(scene.acme, 1) == [0]


def test_an_address_is_counted_over_all_corps(serving):
    scene = serving(limits=Limits(ip_api_minute=3))
    assert codes(scene.acme, 2) + codes(scene.moonco, 2) == [0, 0, 0, 45009]


def test_debug_has_a_small_limit_of_its_own(scene):
    found = [scene.acme.get(LIST, debug=1)["errcode"] for _ in range(6)]
    assert found == [0, 0, 0, 0, 0, 45009]
    assert codes(scene.acme, 1) == [0]


def test_gettoken_is_counted_too(serving):
    scene = serving(limits=SMALL)
    assert [scene.acme.fetch_token()["errcode"] for _ in range(4)] == [0, 0, 0, 45009]


def test_too_many_calls_at_once_are_45033(serving):
    scene = serving(limits=Limits(concurrent=1))
    scene.acme.token
    scene.moonco.token
    scene.simulator.fault("slow", 30, api=LIST, corpid=ACME, times=1)
    first = threading.Thread(target=scene.acme.get, args=(LIST,))
    first.start()
    for _ in range(1000):
        if scene.simulator.rates.running(LIST, ACME):
            break
        threading.Event().wait(0.005)
    assert codes(scene.acme, 1) == [45033]
    assert codes(scene.moonco, 1) == [0]
    scene.simulator.close()
    first.join()
    assert codes(scene.acme, 1) == [0]


@pytest.mark.parametrize("errcode", [-1, 45009, 60020])
def test_a_fault_holds_for_its_seconds_and_its_corp(scene, errcode):
    scene.acme.token
    scene.moonco.token
    body = {"kind": "errcode", "value": errcode, "corpid": ACME, "seconds": 60}
    assert scene.acme.door("POST", "/simulator/faults", body)[0] == 200
    assert codes(scene.acme, 2) == [errcode, errcode]
    assert codes(scene.moonco, 1) == [0]
    scene.clock.advance(seconds=60)
    assert codes(scene.acme, 1) == [0]


def test_a_fault_of_one_api_and_of_a_number_of_calls_ends_after_them(scene):
    scene.simulator.fault("errcode", 41063, api="department/list", times=2)
    assert codes(scene.acme, 1) == [0]
    assert codes(scene.acme, 3, "department/list") == [41063, 41063, 0]


def test_answers_can_be_a_proxys_page_empty_or_broken(scene):
    target = f"/cgi-bin/{LIST}?access_token={scene.acme.token}"
    scene.simulator.fault("http", 502, times=1)
    assert scene.acme.raw("GET", target) == (502, b"<html><body>upstream failed</body></html>")
    scene.simulator.fault("empty", times=1)
    assert scene.acme.raw("GET", target) == (200, b"")
    scene.simulator.fault("broken", times=1)
    status, body = scene.acme.raw("GET", target)
    assert (status, body[:12], body[-1:] == b"}") == (200, b'{"errcode": ', False)


def test_with_after_the_call_is_carried_out_and_its_answer_lost(scene):
    scene.acme.token
    scene.simulator.fault("http", 504, api="externalcontact/add_corp_tag", times=1, after=True)
    body = b'{"group_name": "g", "tag": [{"name": "a"}]}'
    status, _ = scene.acme.raw("POST", f"/cgi-bin/externalcontact/add_corp_tag?access_token={scene.acme.token}", body)
    assert status == 504
    assert "g" in {group["group_name"] for group in scene.acme.post("externalcontact/get_corp_tag_list")["tag_group"]}
    assert scene.acme.code("externalcontact/add_corp_tag", {"group_name": "g", "tag": [{"name": "a"}]}) == 40071


def test_without_after_the_call_is_not_carried_out(scene):
    scene.acme.token
    scene.simulator.fault("http", 502, api="externalcontact/add_corp_tag", times=1)
    target = f"/cgi-bin/externalcontact/add_corp_tag?access_token={scene.acme.token}"
    assert scene.acme.raw("POST", target, b'{"group_name": "g", "tag": [{"name": "a"}]}')[0] == 502
    assert scene.acme.code("externalcontact/add_corp_tag", {"group_name": "g", "tag": [{"name": "a"}]}) == 0


def test_deleting_the_faults_ends_blocks_too(serving):
    scene = serving(limits=SMALL)
    assert codes(scene.acme, 4)[-1] == 45009
    scene.simulator.fault("errcode", -1, corpid=MOONCO)
    scene.acme.door("DELETE", "/simulator/faults")
    assert codes(scene.acme, 1) + codes(scene.moonco, 1) == [0, 0]


def test_an_unknown_fault_is_refused_with_the_known_ones(scene):
    status, told = scene.acme.door("POST", "/simulator/faults", {"kind": "odd"})
    assert (status, told["field"]) == (422, "kind")
    assert all(kind in told["detail"] for kind in KINDS)
