"""A channel whose addresses are no phone numbers: who is reached, who is not, and how an address is shown."""

from __future__ import annotations

import threading

from scrm_core.api import IdentityIn, Plugin, Rendered, Sender, SendResult
from scrm_core.outreach.loop import Sending
from scrm_core.web import create_app
from scrm_core.worker import sender_of

ZOE, YAN, PHONE = "wmZOE000000000000001", "wmYAN000000000000002", "+8613800000003"


class Tube:
    batch = 10

    def __init__(self) -> None:
        self.sent: list[str] = []

    def send(self, messages):
        self.sent += [each.address for each in messages]
        return [SendResult.delivered() for _ in messages]


class Pneumatic(Plugin):
    """Sends by tube."""

    name = "pneumatic"
    version = "1"
    summary = "sends by tube"
    requires_core = ">=0.1.0.dev0,<1"
    senders = {"tube": Sender("wecom", "tube", "tube")}
    made: Tube

    def tube(self):
        self.made = Tube()
        return self.made

    def render_messages(self, batch):
        return [Rendered("hello") for _ in batch.recipients]


def scene(new_installation):
    made = new_installation(plugins=(Pneumatic,), acme="\n[plugins.pneumatic]\n")
    brand = made.brand("acme")
    with brand:
        for kind, value in (("external_userid", ZOE), ("external_userid", YAN), ("phone", PHONE)):
            brand.contacts.resolve((IdentityIn.of(kind, value),), at=brand.now(), origin="test")
    return made, brand


def test_a_segment_reaches_who_has_an_id_of_the_platform_and_is_not_suppressed(new_installation):
    _, brand = scene(new_installation)
    with brand:
        brand.outreach.suppress("wecom", YAN, reason="asked", scope="all")
        assert brand.outreach.preview_segment("wecom", "notice", "orders = 0").blocked == {
            "do_not_contact": 1, "no_address": 1,
        }  # fmt: skip
        run = brand.outreach.open_run("one", owner="pneumatic", channel="wecom", kind="notice", sender="tube")
        assert brand.outreach.queue_segment(run.id, "orders = 0").queued == 1
        brand.outreach.release(run.id, 10_000)
        brand.outreach.start(run.id)
        brand.outreach.drain()
        assert brand.plugins["pneumatic"].made.sent == [ZOE]


def test_commercial_messages_need_the_consent_of_the_channel(new_installation):
    _, brand = scene(new_installation)
    with brand:
        zoe = brand.contacts.find("external_userid", ZOE)
        assert brand.outreach.preview_addresses("wecom", "marketing", [(ZOE, None)]).blocked == {"no_consent": 1}
        brand.consent.record(zoe.id, "marketing_wecom", granted=True, source="test")
        assert brand.outreach.preview_addresses("wecom", "marketing", [(ZOE, None)]).queued == 1


def test_who_waits_is_answered_while_a_campaign_s_gateway_takes_its_time(new_installation):
    """A welcome has twenty seconds, and the gateway of a campaign may take forty."""
    made, brand = scene(new_installation)
    stop, at_gateway, answer, answered = threading.Event(), threading.Event(), threading.Event(), threading.Event()

    class Slow(Tube):
        def send(self, messages):
            if messages[0].body == "campaign":
                at_gateway.set()
                assert answer.wait(60)
            else:
                answered.set()
            return [SendResult.delivered() for _ in messages]

    def queue(code: str, address: str, *, standing: bool) -> None:
        with brand:
            run = brand.outreach.open_run(
                code, owner="pneumatic", channel="wecom", kind="notice", sender="tube", standing=standing
            )
            brand.outreach.queue_body(run.id, address, code)
            brand.outreach.release(run.id, 10_000)
            brand.outreach.start(run.id)

    brand.plugins["pneumatic"].tube = Slow
    loops = [Sending(made, stop, sender_of(answering)) for answering in ("", "sms", "wecom")]
    queue("campaign", ZOE, standing=False)
    for each in loops:
        each.start()
    try:
        assert at_gateway.wait(20)
        queue("welcome", YAN, standing=True)
        assert answered.wait(20)
    finally:
        answer.set()
        stop.set()
        for each in loops:
            each.join()


def test_an_id_is_suppressed_as_it_is_and_shown_masked(new_installation):
    made, brand = scene(new_installation)
    with brand:
        _, key = brand.keys.create("test", ("outreach:read", "outreach:write"))
    client, head = create_app(made).test_client(), {"Authorization": f"Bearer {key}"}
    body = {"channel": "wecom", "address": ZOE, "reason": "complaint"}
    assert client.post("/api/v1/acme/outreach/suppressions", json=body, headers=head).json == {"changed": 1}
    (shown,) = client.get("/api/v1/acme/outreach/suppressions", headers=head).json["items"]
    assert (shown["channel"], shown["address"]) == ("wecom", "wmZO...0001")
    refused = client.post("/api/v1/acme/outreach/suppressions", json={**body, "address": "两 个"}, headers=head)
    assert (refused.status_code, refused.json["field"]) == (422, "address")
