"""What the shop's system asks and tells over HTTP and the command line: tickets, payments, refunds."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner
from social_scene import GROUP, HOUR, MINUTE, group

from scrm_core.cli.session import Session
from scrm_core.web.app import create_app
from scrm_interaction_games.commands import group as commands

HERE = "/api/v1/acme/plugins/interaction-games"
PRICE = GROUP["price_minor"]
pytestmark = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)


@pytest.fixture
def shop(scene):
    """``shop(method, path, body)`` as a trusted server with the keys that it needs."""
    client = create_app(scene.brand.installation).test_client()
    key = scene.brand.keys.create("shop", ["interaction-games:read", "interaction-games:play"])[1]

    def ask(method, path, body=None):
        return client.open(HERE + path, method=method, json=body, headers={"Authorization": f"Bearer {key}"})

    return ask


def test_the_shop_asks_for_a_tickets_price_pays_it_once_and_confirms_refunds(scene, shop):
    code = group(scene, hours=1)
    ticket = scene.act(code, "lead", scene.person())["ticket"]
    asked = shop("GET", f"/tickets/{ticket}").get_json()
    assert (asked["sku"], asked["price_minor"], asked["held"], asked["thing"]) == ("WIPES", PRICE, True, "seat")
    assert asked["until"] == "2026-01-01T08:15:00+08:00"
    body = {"source": "shop", "number": "A1", "amount_minor": PRICE}
    first = shop("POST", f"/tickets/{ticket}/pay", body)
    assert (first.status_code, first.get_json()["state"]) == (200, "paid")
    assert shop("POST", f"/tickets/{ticket}/pay", body).get_json() == first.get_json()
    wrong = shop("POST", f"/tickets/{ticket}/pay", {**body, "number": "A2", "amount_minor": 1})
    assert (wrong.status_code, wrong.get_json()["field"]) == (422, "amount_minor")
    assert shop("POST", f"/tickets/{ticket}/pay", {**body, "contact": "x"}).status_code == 422
    assert shop("GET", "/tickets/nobody").status_code == 404
    scene.clock.set(scene.brand.now() + HOUR)
    scene.games.settle()
    (refund,) = shop("GET", f"/refunds?campaign={code}").get_json()["refunds"]
    assert (refund["number"], refund["amount_minor"], refund["reason"]) == ("A1", PRICE, "team_failed")
    assert shop("GET", f"/refunds?after={refund['id']}").get_json()["refunds"] == []
    assert shop("GET", "/refunds?after=x").status_code == 422
    done = shop("POST", f"/refunds/{refund['payment']}/confirm").get_json()
    assert done["state"] == "refunded"
    assert shop("GET", "/refunds").get_json()["refunds"] == []


def test_without_a_key_nothing_is_paid_and_another_brand_sees_nothing(scene, shop):
    code = group(scene)
    ticket = scene.act(code, "lead", scene.person())["ticket"]
    client = create_app(scene.brand.installation).test_client()
    body = {"source": "shop", "number": "A1", "amount_minor": PRICE}
    assert client.post(f"{HERE}/tickets/{ticket}/pay", json=body).status_code == 401
    with scene.brand.installation.brand("moonco") as other:
        key = other.keys.create("shop", ["interaction-games:read"])[1]
    there = client.get(
        f"/api/v1/moonco/plugins/interaction-games/tickets/{ticket}", headers={"Authorization": f"Bearer {key}"}
    )
    assert there.status_code == 404


def test_the_command_line_tells_the_same(scene):
    code = group(scene, seat_minutes=1)
    ticket = scene.act(code, "lead", scene.person())["ticket"]

    def run(*words):
        session = Session(scene.brand.installation.config.root, clock=scene.clock)
        session._installation = scene.brand.installation
        done = CliRunner().invoke(commands, list(words), obj=session)
        assert done.exit_code == 0, done.output
        return done.output

    assert json.loads(run("ticket", "show", "acme", ticket, "--json"))["held"] is True
    scene.clock.set(scene.brand.now() + MINUTE)
    paid = ("ticket", "pay", "acme", ticket, "--source", "shop", "--number", "A1", "--amount-minor", str(PRICE))
    assert json.loads(run(*paid, "--json"))["reason"] == "paid_late"
    listed = json.loads(run("refund", "list", "acme", "--json"))
    payment = listed[0]["payment"]
    assert "A1 is paid back" in run("refund", "confirm", "acme", payment, "--as", "ann")
