"""Operators at the command line and over HTTP: runs, whom not to write to, the emergency switch."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from scrm_core.cli.root import root
from scrm_core.cli.session import Session
from scrm_core.web import create_app

RUN = {"owner": "mailer", "channel": "sms", "kind": "marketing", "sender": "recorder"}


@pytest.fixture
def started(acme, gateway, people):
    with acme:
        people(acme).many(2)
        run = acme.outreach.open_run("spring", **RUN)
        acme.outreach.queue_segment(run.id, "lead_at >= 2000-01-01")
        acme.outreach.release(run.id, 10_000)
        acme.outreach.start(run.id)
    return acme


@pytest.fixture
def cli(sending, clock):
    def run(*arguments, code=0):
        session = Session(sending.config.root, clock)
        try:
            done = CliRunner().invoke(root, list(arguments), obj=session, prog_name="scrm")
        finally:
            session.close()
        assert done.exit_code == code, done.output
        return done.stdout

    return run


@pytest.fixture
def api(sending):
    client = create_app(sending).test_client()
    with sending.brand("acme") as brand:
        key = brand.keys.create("test", ("outreach:*",))[1]

    def call(method, path, body=None):
        return client.open(
            f"/api/v1/acme{path}",
            method=method,
            data=None if body is None else json.dumps(body),
            headers={"Authorization": f"Bearer {key}", "Content-Type": "application/json"},
        )

    return call


def test_runs_are_listed_with_what_became_of_their_messages(started, cli, api):
    # The plugin of this test is no installed one: a broken or missing plugin hides no run.
    (shown,) = json.loads(cli("outreach", "runs", "acme", "--json"))
    assert (shown["code"], shown["state"], shown["messages"]) == ("spring", "running", {"queued": 2})
    with started:
        started.outreach.drain()
    (item,) = api("GET", "/outreach/runs").json["items"]
    assert (item["code"], item["state"], item["messages"]) == ("spring", "done", {"sent": 2})


def test_the_switch_stops_sending_from_either_door(started, gateway, cli, api):
    assert "sends nothing" in cli("outreach", "stop", "acme", "--reason", "wrong price")
    with started:
        started.outreach.drain()
    assert gateway.sent == []
    assert "acme sends again" in cli("outreach", "go-on", "acme")
    assert "was not stopped" in cli("outreach", "go-on", "acme")
    assert api("POST", "/outreach:stop", {"reason": "again"}).json["stopped"].startswith("again (key:")
    with started:
        started.outreach.drain()
        assert gateway.sent == []
    assert api("POST", "/outreach:go-on").json == {"stopped": ""}
    with started:
        started.outreach.drain()
    assert len(gateway.sent) == 2


def test_an_address_is_kept_from_messages_whatever_way_it_is_written(started, gateway, cli, api):
    assert "is suppressed" in cli("outreach", "suppress", "acme", "sms", "138 0000 0000", "--reason", "complaint")
    assert api("POST", "/outreach/suppressions", {"address": "１３８００００００01", "reason": "staff"}).json == {
        "changed": 1
    }
    with started:
        started.outreach.drain()
    assert gateway.sent == []
    listed = api("GET", "/outreach/suppressions").json["items"]
    assert [(each["reason"], each["channel"]) for each in listed] == [("complaint", "sms"), ("staff", "")]
    assert "13800000000" not in json.dumps(listed) + cli("outreach", "suppressed", "acme")
    assert "lifted 1" in cli("outreach", "lift", "acme", "sms", "13800000000")
    assert api("POST", "/outreach/suppressions:lift", {"address": "13800000001"}).json == {"changed": 1}


def test_an_unknown_message_is_listed_and_decided_by_a_person(started, gateway, cli):
    def broken(message):
        raise TimeoutError

    gateway.answer = broken
    with started:
        started.outreach.drain()
    rows = json.loads(cli("outreach", "unknown", "acme", "mailer", "spring", "--json"))
    assert len(rows) == 2 and "13800000000" not in json.dumps(rows)
    cli("outreach", "settle", "acme", rows[0]["message"], "failed")
    with started:
        assert started.outreach.message(rows[0]["message"]).state == "failed"
    cli("outreach", "settle", "acme", rows[0]["message"], "delivered", code=1)


@pytest.mark.cases_on_sqlite
@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"address": "12", "reason": "x"}, "address"),
        ({"address": "13800000000"}, "reason"),
        ({"address": "13800000000", "reason": "x", "scope": "some"}, "scope"),
        ({"address": "13800000000", "reason": "x", "channel": "smoke"}, None),
        ({"address": "13800000000", "reason": "x", "brand": "moonco"}, "brand"),
    ],
)
def test_what_makes_no_sense_is_refused(api, body, field):
    answer = api("POST", "/outreach/suppressions", body)
    assert answer.status_code == 422 and (field is None or answer.json["field"] == field)
