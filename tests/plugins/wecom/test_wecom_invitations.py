"""Invitations: an SMS with an acquisition link of each person's own, under the core's policy and WeCom's limits."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime

import pytest
from wecom_scene import ALWAYS, CORP
from wecom_whole import SECRET, Whole

from scrm_core.api import Gateway, IdentityIn, LeadIn, OutMessage, Plugin, Sender, SendResult
from scrm_core.db.bulk import execute
from scrm_core.errors import Conflict, Invalid
from scrm_wecom import WecomPlugin
from scrm_wecom.simulator import AppAccount, CorpAccount, Simulator, serve

OPEN = '\n[outreach]\nquiet_hours = "none"\n'
ANN, BEN = "+8613800000001", "+8613800000002"
SENT: list[OutMessage] = []


class Pile:
    batch = 10

    def send(self, messages: Sequence[OutMessage]) -> list[SendResult]:
        SENT.extend(messages)
        return [SendResult.delivered() for _ in messages]


class Texts(Plugin):
    name = "texts"
    version = "1.0"
    summary = "SMS for tests"
    requires_core = ">=0.1.0.dev0,<1"
    senders = {"pile": Sender("sms", "A pile", "pile")}

    def pile(self) -> Gateway:
        return Pile()


@pytest.fixture
def inviting(new_installation, deliver, clock) -> Iterator[Whole]:
    """Acme, with Ann and Ben who agreed to SMS, a channel and a link that is made."""
    SENT.clear()
    corps = [CorpAccount(CORP, (AppAccount(1_000_002, SECRET),), staff=2, customers=2)]
    simulator = Simulator(corps, now=clock.now)
    with serve(simulator) as api:
        table = (
            f'{OPEN}\n[plugins.texts]\n\n[plugins.wecom]\ncorp_id = "{CORP}"\nsecret = "{SECRET}"\n'
            f'api = "{api.url}"\ninvite_over = "pile"\n'
        )
        installation = new_installation(plugins=(WecomPlugin, Texts), acme=table, moonco=table)
        made = Whole(installation, "acme", deliver)
        made.simulator, made.simulator_url = simulator, api.url
        with made.brand as brand:
            brand.channels.create("sms-may")
            for phone in (ANN, BEN):
                person(brand, phone)
            brand.plugins["wecom"].wecom.links.create(
                "may", name="May", channel="sms-may", staff=["staff001"], actor="ann", **ALWAYS
            )
            brand.plugins["wecom"].work()
        yield made


def person(brand, phone: str, *, agreed: bool = True) -> int:
    came = LeadIn(source="form", reference=phone, identities=(IdentityIn.of("phone", phone),), at=brand.now())
    found = brand.contacts.capture_lead(came).contact_id
    if agreed:
        brand.consent.record(found, "marketing_sms", granted=True, source="test")
    return found


def invite(scene: Whole, code: str = "may") -> None:
    with scene.brand as brand:
        invitations = brand.plugins["wecom"].wecom.invitations
        invitations.open(
            code, link="may", text="加顾问领礼 {link} 拒收请回复R", channel="sms-may", expression="orders = 0", actor="ann"
        )
        invitations.start(code)
        brand.outreach.drain()


def states(scene: Whole, code: str = "may") -> dict[tuple[str, str], int]:
    with scene.brand as brand:
        return brand.outreach.counts(brand.plugins["wecom"].wecom.invitations.get(code).run.id)


def test_each_person_gets_a_link_of_their_own_and_the_add_behind_it_is_that_link_s(inviting: Whole):
    invite(inviting)
    codes = [re.search(r"/l/(\w+)", each.body)[1] for each in SENT]
    assert ({each.address for each in SENT}, len(set(codes))) == ({ANN, BEN}, 2)
    opened = inviting.client.get(f"/l/{codes[0]}")
    door = inviting.client.get(opened.location.removeprefix("http://localhost:8000").removeprefix("http://127.0.0.1:8000"))
    (link,) = inviting.simulator.corp(CORP).links.values()
    assert door.location == f"{inviting.simulator_url}/ca/{link.link_id}?customer_channel={codes[0]}"
    inviting.simulator.act(CORP, "click", {"link_id": link.link_id, "person": "p700", "channel": codes[0]})
    with inviting.brand as brand:  # nobody calls back here: the day's read of the link finds who came
        wecom = brand.plugins["wecom"].wecom
        wecom.api.link_customers(link.link_id)
        place = wecom.labels.place()
        wecom.people.take(wecom.api.customer(inviting.external("p700")), place)
    assert inviting.contact("p700").lead_channel == "sms-may"
    assert states(inviting) == {("delivered", ""): 2}


def test_without_consent_or_beyond_the_cap_nothing_is_sent(inviting: Whole):
    with inviting.brand as brand:
        person(brand, "+8613800000003", agreed=False)
    invite(inviting)
    invite(inviting, "again")
    assert len(SENT) == 2
    assert states(inviting)["blocked", "no_consent"] == 1
    assert states(inviting, "again")["blocked", "cap_7_days"] == 2


def test_who_is_a_friend_in_wecom_gets_no_invitation(inviting: Whole):
    with inviting.brand as brand:
        ben = brand.contacts.find("phone", BEN)
        brand.contacts.resolve(
            (IdentityIn.of("phone", BEN), IdentityIn.of("external_userid", "wmBEN")), at=brand.now(), origin="test"
        )
        brand.plugins["wecom"].wecom.follows.added("wmBEN", "staff001", brand.now())
        assert brand.contacts.find("external_userid", "wmBEN").id == ben.id
    invite(inviting)
    assert [each.address for each in SENT] == [ANN]


def pause(scene: Whole, paused: bool) -> None:
    with scene.brand as brand:
        brand.plugins["wecom"].wecom.links.pause("may", paused=paused)


def use_up(scene: Whole, used: bool) -> None:
    scene.simulator.corp(CORP).quota_left = 0 if used else 5
    with scene.brand as brand:
        execute("UPDATE wecom_link_quota SET at = 0")
        brand.plugins["wecom"].work()


@pytest.mark.parametrize("closing", [pause, use_up])
def test_while_the_link_may_bring_nobody_messages_wait_and_go_when_it_may(inviting: Whole, clock, closing):
    with inviting.brand as brand:
        invitations = brand.plugins["wecom"].wecom.invitations
        invitations.open("may", link="may", text="x {link}", channel="sms-may", expression="orders = 0")
        invitations.start("may")
    closing(inviting, True)
    with inviting.brand as brand:
        brand.outreach.drain()
    assert (SENT, states(inviting)) == ([], {("queued", ""): 2})
    closing(inviting, False)
    clock.advance(seconds=601)
    with inviting.brand as brand:
        brand.outreach.drain()
    assert len(SENT) == 2


def test_the_emergency_switch_holds_for_invitations(inviting: Whole):
    with inviting.brand as brand:
        brand.outreach.stop("wrong price", actor="ann")
    invite(inviting)
    assert SENT == []


@pytest.mark.parametrize("text", ["no link", "{link} {link}", "{link}" + "x" * 500])
def test_a_text_without_one_link_is_refused(inviting: Whole, text):
    with inviting.brand as brand, pytest.raises(Invalid):
        brand.plugins["wecom"].wecom.invitations.open("a", link="may", text=text, channel="sms-may", expression="tag = a")


def test_a_link_that_is_not_in_use_invites_nobody(inviting: Whole):
    pause(inviting, True)
    with pytest.raises(Conflict, match="not in use"):
        invite(inviting)


def test_while_no_activity_of_the_link_runs_nothing_is_opened_started_or_sent(inviting: Whole, clock):
    def until(day: int) -> None:
        with inviting.brand as brand:
            brand.plugins["wecom"].wecom.links.set_activity(
                "may", title="x", first_day=date(2026, 1, 1), last_day=date(2026, 1, day), actor="ann"
            )

    def open_draft(code: str) -> None:
        with inviting.brand as brand:
            brand.plugins["wecom"].wecom.invitations.open(
                code, link="may", text="x {link}", channel="sms-may", expression="orders = 0"
            )

    until(1)
    clock.set(datetime(2026, 1, 1, 15, 59, tzinfo=UTC))
    open_draft("late")
    open_draft("goes")
    with inviting.brand as brand:
        brand.plugins["wecom"].wecom.invitations.start("goes")
    clock.set(datetime(2026, 1, 1, 16, 0, tzinfo=UTC))  # the second day begins at the brand, and no job has come by
    with inviting.brand as brand:
        brand.outreach.drain()
        with pytest.raises(Conflict) as told:
            brand.plugins["wecom"].wecom.invitations.start("late")
        assert told.value.code == "no_activity"
        brand.plugins["wecom"].work()
    with pytest.raises(Conflict) as told:
        open_draft("next")
    assert told.value.code == "no_activity"
    assert (SENT, states(inviting, "goes")) == ([], {("queued", ""): 2})
    until(5)
    clock.advance(seconds=601)
    with inviting.brand as brand:
        brand.outreach.drain()
    assert len(SENT) == 2


def test_the_link_of_another_plugin_invites_nobody(inviting: Whole):
    with inviting.brand as brand:
        brand.plugins["wecom"].acquisition_links().make("door", ["staff001"], "x")
        with pytest.raises(Conflict, match="another plugin's pages"):
            brand.plugins["wecom"].wecom.invitations.open(
                "a", link="state/door", text="{link}", channel="sms-may", expression="tag = a"
            )


def test_without_an_sms_sender_inviting_is_refused(scenes):
    scene = scenes()[0]
    with scene.brand as brand, pytest.raises(Conflict, match="invite_over"):
        brand.plugins["wecom"].wecom.invitations.open("a", link="b", text="{link}", channel="c", expression="tag = a")


def test_routes_ask_for_scopes_and_tell_what_is_missing(scrm_app):
    app = scrm_app(WecomPlugin, Texts, settings={"wecom": {"corp_id": CORP, "invite_over": "pile"}})
    client = app.brand.client("wecom:send", "wecom:read")
    body = {"code": "a", "link": "may", "text": "x {link}", "channel": "c", "expression": "orders = 0"}
    assert client.post("plugins/wecom/invitations", body).status_code == 404  # no such link here
    assert client.get("plugins/wecom/invitations").json == {"invitations": []}
    assert client.post("plugins/wecom/invitations/start", {"code": "a"}).status_code == 404
    assert app.brand.client("wecom:read").post("plugins/wecom/invitations", body).status_code == 403


def test_routes_and_commands_open_start_and_show(inviting: Whole):
    body = {"code": "a", "link": "may", "text": "x {link}", "channel": "sms-may", "expression": "orders = 0"}
    with inviting.brand as brand:
        _, key = brand.keys.create("k", ["wecom:send", "wecom:read"])
    ask = {"headers": {"Authorization": f"Bearer {key}"}}
    path = "/api/v1/acme/plugins/wecom/invitations"
    assert inviting.client.post(path, json=body, **ask).json == {"queued": 2, "blocked": {}}
    assert inviting.client.post(path, json=body, **ask).json["code"] == "invite_exists"
    assert inviting.client.post(f"{path}/start", json={"code": "a"}, **ask).json["state"] == "running"
    with inviting.brand as brand:
        brand.outreach.drain()
    (shown,) = inviting.client.get(path, **ask).json["invitations"]
    assert (shown["messages"], shown["link"]) == ({"delivered": 2}, "may")
