"""The act door, the status page, the command, and the page of the documentation."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from wecom_simulator_scene import ACME, MOONCO

from scrm_core.api import Invalid
from scrm_wecom.simulator import ACTS, KINDS, ORDERS, SPOILINGS, AppAccount, CallbackTarget, CorpAccount, Simulator
from scrm_wecom.simulator.api import ENDPOINTS

PAGE = Path(__file__).resolve().parents[3] / "docs" / "wecom-simulator.md"


def test_the_page_names_every_endpoint_act_fault_and_spoiling():
    text = PAGE.read_text("utf-8")
    named = [*ENDPOINTS, *ACTS, *KINDS, *ORDERS, *SPOILINGS, "gettoken"]
    assert [name for name in named if f"`{name}`" not in text] == []


@pytest.mark.parametrize(
    ("name", "body", "status", "field"),
    [
        ("fly", {}, 404, None),
        ("scan", {"config_id": "x"}, 422, "person"),
        ("scan", {"config_id": "x", "person": 5}, 422, "person"),
        ("scan", {"config_id": "x", "person": "p1", "who": "me"}, 422, "who"),
        ("add", {"userid": "staff001", "person": "no/body"}, 422, "person"),
        ("add", {"userid": "staff001", "person": "c0", "half": "quite"}, 422, "half"),
        ("add", {"userid": "nobody", "person": "c0"}, 404, None),
        ("edit", {"userid": "staff001", "person": "p3", "mobiles": "1"}, 422, "mobiles"),
        ("edit", {"userid": "staff001", "person": "p3", "mobiles": ["1"]}, 200, None),
        ("chat", {"userid": "staff001", "person": "c0"}, 404, None),
        ("chat", {"userid": "staff001", "person": "p3", "by": "nobody"}, 422, "by"),
    ],
)
def test_an_act_that_cannot_be_done_says_why(scene, name, body, status, field):
    found, told = scene.acme.door("POST", f"/simulator/{ACME}/acts/{name}", body)
    assert (found, told.get("field")) == (status, field)


def test_an_unknown_corp_and_a_body_that_is_no_object_are_refused(scene):
    assert scene.acme.door("POST", "/simulator/wwnobody/acts/add", {})[0] == 404
    assert scene.acme.door("POST", f"/simulator/{ACME}/acts/add", [1])[0] == 422
    assert scene.acme.door("POST", "/simulator/clock", {"second": 1})[0] == 422
    assert scene.acme.door("POST", "/simulator/clock", {"advance_seconds": -1})[0] == 422
    assert scene.acme.door("POST", f"/simulator/{ACME}/revoke", {"errcode": 1})[0] == 422


def test_the_clock_goes_forward_on_command(scene):
    scene.acme.token
    before = scene.simulator.now()
    assert scene.acme.door("POST", "/simulator/clock", {"advance_seconds": 7200}) == (200, {"now": before + 7_200_000})
    assert scene.acme.get("user/get", userid="staff001")["errcode"] == 42001


@pytest.mark.parametrize("target", ["/", "/simulator/state", f"/simulator/{ACME}/acts/add"])
def test_the_door_answers_to_its_own_name_and_to_no_page_of_another_site(scene, target):
    method = "POST" if "acts" in target else "GET"
    assert scene.acme.raw(method, target, b"{}", Host="evil.example")[0] == 403
    assert scene.acme.raw(method, target, b"{}", Origin="https://evil.example")[0] == 403
    assert scene.acme.raw(method, target, b"{}", Origin="null")[0] == 403


def test_the_status_page_shows_names_as_text_and_what_was_done(scene):
    scene.acme.post("externalcontact/add_corp_tag", {"group_name": "<b>g", "tag": [{"name": "<script>"}]})
    status, body = scene.acme.raw("GET", "/")
    text = body.decode()
    assert status == 200
    assert "&lt;script&gt;" in text and "<script>" not in text
    assert ACME in text and MOONCO in text
    assert "add_corp_tag" in text


def test_the_state_of_one_corp_does_not_name_the_other(scene):
    scene.acme.act("add", userid="staff001", person="c0")
    _, state = scene.acme.door("GET", f"/simulator/{MOONCO}/state")
    assert ACME not in str(state)
    assert (state["pairs_in_memory"], state["name"]) == (0, "Moonco")


@pytest.mark.parametrize(
    "make",
    [
        lambda: CallbackTarget("ftp://x", "token", "a" * 43),
        lambda: CallbackTarget("http://x", "to ken", "a" * 43),
        lambda: CallbackTarget("http://x", "token", "a" * 42),
        lambda: AppAccount(1, "s", trusted_ips=("no address",)),
        lambda: CorpAccount("ww", (AppAccount(1, "a"), AppAccount(1, "b"))),
        lambda: CorpAccount("ww", (), staff=0, customers=1),
        lambda: Simulator([CorpAccount("ww", ()), CorpAccount("ww", ())]),
    ],
)
def test_an_account_that_cannot_be_is_refused(make):
    with pytest.raises(Invalid):
        make()


SCRM = [sys.executable, "-u", "-c", "import sys; from scrm_core.cli import main; sys.argv[0] = 'scrm'; main()"]


def test_the_command_prints_what_a_brand_needs_and_ends_when_it_is_told(tmp_path):
    command = [*SCRM, "wecom", "simulate", "--port", "0", "--corps", "2", "--callback", "http://127.0.0.1:9/p/shop"]
    process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    lines = [process.stdout.readline() for _ in range(4)]
    process.terminate()
    assert process.wait(timeout=20) == 0
    process.stdout.close()
    assert "http://127.0.0.1:" in lines[0]
    assert lines[1] == "corp_id wwdemo000000000001  agent_id 1000002  secret demo-secret-0001\n"
    assert "callback_token demoToken0001" in lines[2]
    assert lines[3] == "corp_id wwdemo000000000002  agent_id 1000002  secret demo-secret-0002\n"


def test_a_port_that_is_taken_is_told_with_its_number(scene, tmp_path):
    port = scene.url.rpartition(":")[2]
    command = [*SCRM, "wecom", "simulate", "--port", port]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert f"cannot listen at 127.0.0.1:{port}" in done.stderr
