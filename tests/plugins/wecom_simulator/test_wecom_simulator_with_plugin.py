"""The plugin beside the simulator: two brands, two corps, real HTTP both ways."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from wecom_simulator_scene import ACME, KEYS, MOONCO, SECRETS, TOKENS
from werkzeug.serving import WSGIRequestHandler, make_server

from scrm_core.web import create_app
from scrm_wecom import WecomPlugin, callbacks
from scrm_wecom.client.api import Api
from scrm_wecom.client.calls import Calls
from scrm_wecom.client.codes import WecomError
from scrm_wecom.simulator import SPOILINGS, CallbackTarget

CORPS = {"acme": ACME, "moonco": MOONCO}


class Quiet(WSGIRequestHandler):
    def log(self, *args: Any) -> None:
        """Say nothing."""


@pytest.fixture
def beside(scene, new_installation, engine) -> Iterator[Any]:
    """Both brands, served, with the callbacks of both corps saved at their addresses as the console does."""
    settings = {
        brand: f'\n[plugins.wecom]\ncorp_id = "{corpid}"\nsecret = "{SECRETS[corpid]}"\napi = "{scene.url}"\n'
        f'callback_token = "{TOKENS[corpid]}"\ncallback_aes_key = "{KEYS[corpid]}"\n'
        for brand, corpid in CORPS.items()
    }
    installation = new_installation(plugins=(WecomPlugin,), **settings)
    server = make_server("127.0.0.1", 0, create_app(installation), request_handler=Quiet)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    for brand, corpid in CORPS.items():
        url = f"http://127.0.0.1:{server.server_port}/p/{brand}/wecom/callback"
        scene.simulator.set_callback(corpid, CallbackTarget(url, TOKENS[corpid], KEYS[corpid]))
    yield installation
    server.shutdown()
    server.server_close()


def kept(installation, brand: str) -> list[str]:
    with installation.brand(brand):
        return [callback.change for callback in callbacks.page(limit=200)]


def test_a_scan_becomes_a_lead_of_its_brand_alone(scene, beside, deliver):
    answer = scene.acme.post(
        "externalcontact/add_contact_way", {"type": 1, "scene": 2, "user": ["staff001"], "state": "card-a"}
    )
    outcome = scene.acme.act("scan", config_id=answer["config_id"], person="c0", half="then_full")
    assert [each["state"] for each in outcome["sent"]] == ["delivered", "delivered"]
    acme = beside.brand("acme")
    deliver(acme)
    with acme:
        assert acme.contacts.find("external_userid", outcome["external_userid"]) is not None
    assert kept(beside, "acme") == ["add_half_external_contact", "add_external_contact"]
    assert kept(beside, "moonco") == []


@pytest.mark.cases_on_sqlite
@pytest.mark.parametrize("how", SPOILINGS)
def test_a_spoilt_event_is_refused_three_times_and_nothing_is_kept(scene, beside, how):
    scene.simulator.outbox.spoil(how)
    (sent,) = scene.acme.act("add", userid="staff001", person="c0")["sent"]
    wanted = 400 if how in ("ciphertext", "xml", "entities") else 403
    assert [each["status"] for each in sent["tries"]] == [wanted] * 3
    assert kept(beside, "acme") == []


def test_held_events_that_come_twice_and_turned_round_are_kept_once_each(scene, beside):
    scene.simulator.outbox.hold()
    for person in ("c0", "c1"):
        scene.acme.act("add", userid="staff001", person=person)
    scene.simulator.outbox.release(order="reversed", copies=3)
    assert kept(beside, "acme") == ["add_external_contact"] * 2


def test_the_plugins_client_reads_acts_and_renews_its_token(scene, beside):
    acme = beside.brand("acme")
    with acme:
        api = Api(Calls(acme, acme.plugins["wecom"].settings, lambda seconds: None))
        assert api.staff() == ["staff001", "staff002", "staff003"]
        page = api.customers("staff001")
        assert len(page.customers) == 5
        scene.simulator.revoke(ACME)
        assert len(api.staff()) == 3
        tag = api.tags()[0]
        api.mark("staff001", scene.external("p3"), [tag.id], [])
        with pytest.raises(WecomError) as refused:
            api.mark("staff003", scene.external("p3"), [tag.id], [])
    assert refused.value.errcode == 84061
    assert [each["what"] for each in scene.simulator.corp(ACME).effects] == ["mark_tag"]
    assert list(scene.simulator.corp(MOONCO).effects) == []
