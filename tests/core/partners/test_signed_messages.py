"""What comes from another installation is signed, fresh and heard once; a stranger learns nothing."""

from __future__ import annotations

import base64
import dataclasses
import ipaddress
import json

import pytest
from partner_scene import SECRET, signed

from scrm_core.partners import calling
from scrm_core.web import create_app

BODY = json.dumps({"type": "swap.offer", "data": {"quota": 100}}).encode()
PLACE = "/partner-messages/moonco/star-moonco-1"


@pytest.fixture
def two(pair, remote_moonco):
    return pair(moonco=remote_moonco)


@pytest.fixture
def client(two):
    return create_app(two.installation).test_client()


def test_a_signed_message_is_taken_and_a_replay_answers_the_same_without_a_second_effect(two, client, clock):
    headers = signed("msg_00000001", clock.now(), BODY)
    first = client.post(PLACE, data=BODY, headers=headers)
    assert (first.status_code, first.get_json()) == (200, {"status": "accepted"})
    clock.advance(ms=240_000)
    again = client.post(PLACE, data=BODY, headers=headers)
    assert (again.status_code, again.get_data()) == (200, first.get_data())
    # Its sender tries again with a new time and signature under the old id.
    later = client.post(PLACE, data=BODY, headers=signed("msg_00000001", clock.now(), BODY))
    assert later.status_code == 200
    assert two.heard(two.moonco) == [("star", "swap.offer", {"quota": 100})]
    assert two.heard(two.acme) == []


def test_one_answer_for_every_stranger_and_nothing_is_heard(two, client, clock):
    good = signed("msg_00000001", clock.now(), BODY)
    late = signed("msg_00000001", clock.now() - 301_000, BODY)
    early = signed("msg_00000001", clock.now() + 301_000, BODY)
    forged = signed("msg_00000001", clock.now(), BODY, b"another secret of thirty-two byte")
    tries = {
        "no such brand": ("/partner-messages/starco/star-moonco-1", BODY, good),
        "a brand without that partner": ("/partner-messages/acme/star-moonco-1", BODY, good),
        "no brand's id": ("/partner-messages/%00/star-moonco-1", BODY, good),
        "unknown key": ("/partner-messages/moonco/somebody-else", BODY, good),
        "altered body": (PLACE, BODY.replace(b"100", b"999"), good),
        "altered id": (PLACE, BODY, {**good, "webhook-id": "msg_00000002"}),
        "altered time": (PLACE, BODY, {**good, "webhook-timestamp": str(clock.now() // 1_000 + 1)}),
        "wrong secret": (PLACE, BODY, forged),
        "another version": (PLACE, BODY, {**good, "webhook-signature": good["webhook-signature"].replace("v1", "v2")}),
        "no signature": (PLACE, BODY, {**good, "webhook-signature": ""}),
        "no headers": (PLACE, BODY, {}),
        "late": (PLACE, BODY, late),
        "early": (PLACE, BODY, early),
        "not JSON": (PLACE, b"{", {}),
    }
    answers = {}
    for name, (place, body, headers) in tries.items():
        answer = client.post(place, data=body, headers={**headers, "X-Request-Id": "same-for-all"})
        answers[name] = (answer.status_code, answer.get_data(as_text=True), dict(answer.headers))
    assert len({repr(each) for each in answers.values()}) == 1, answers
    assert answers["late"][0] == 401
    assert two.heard(two.moonco) == []
    # The window is five minutes each way.
    edge = signed("msg_00000003", clock.now() - 300_000, BODY)
    assert client.post(PLACE, data=BODY, headers=edge).status_code == 200


def test_one_signature_of_several_is_enough_while_a_secret_is_changed(two, client, clock):
    good = signed("msg_00000001", clock.now(), BODY)
    good["webhook-signature"] = "v1,AAAA v1a,BBBB " + good["webhook-signature"]
    assert client.post(PLACE, data=BODY, headers=good).status_code == 200


@pytest.mark.cases_on_sqlite
@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"{", "json_syntax"),
        (b"[]", "message_shape"),
        (b'{"type":"swap.offer"}', "message_shape"),
        (b'{"type":"Swap!","data":{}}', "message_shape"),
        (b'{"type":"swap.offer","data":[]}', "message_shape"),
        (b'{"type":"swap.offer","data":{"a":1,"a":2}}', "json_duplicate_key"),
        (b'{"type":"swap.offer","data":' + b'{"a":' * 80 + b"1" + b"}" * 81, "json_depth"),
    ],
)
def test_a_signed_body_that_is_no_message_is_refused_with_its_reason(two, client, clock, body, code):
    answer = client.post(PLACE, data=body, headers=signed("msg_00000001", clock.now(), body))
    assert (answer.status_code, answer.get_json()["code"]) == (400, code)
    assert two.heard(two.moonco) == []


def test_a_body_over_the_limit_is_refused_before_anything_is_looked_at(client):
    answers = [client.post(f"/partner-messages/{b}/star-moonco-1", data=b"a" * 1_000_001) for b in ("moonco", "starco")]
    assert [answer.status_code for answer in answers] == [413, 413]


def test_a_known_id_with_another_body_is_refused(two, client, clock):
    assert client.post(PLACE, data=BODY, headers=signed("msg_00000001", clock.now(), BODY)).status_code == 200
    other = BODY.replace(b"100", b"999")
    answer = client.post(PLACE, data=other, headers=signed("msg_00000001", clock.now(), other))
    assert (answer.status_code, answer.get_json()["code"]) == (409, "message_id_used")
    assert two.heard(two.moonco) == [("star", "swap.offer", {"quota": 100})]


def test_what_this_brand_sent_does_not_come_back_as_the_partners(two, client, clock):
    with two.moonco:
        uid = two.moonco.partners.send("star", "swap.offer", {"quota": 100}, key="k")
    answer = client.post(PLACE, data=BODY, headers=signed(uid, clock.now(), BODY))
    assert answer.status_code == 401
    assert two.heard(two.moonco) == []


def test_a_partner_that_does_not_answer_is_tried_again_later(two, clock):
    path = two.installation.config.brands_dir / "moonco.toml"
    # Nobody listens at port 1.
    path.write_text(path.read_text("utf-8").replace("https://star.example", "http://127.0.0.1:1"), "utf-8")
    here = (ipaddress.ip_network("127.0.0.0/8"),)
    two.installation.config = dataclasses.replace(two.installation.config, partner_networks=here)
    moonco = two.installation.brand("moonco")
    with moonco:
        moonco.partners.send("star", "swap.offer", {"quota": 100}, key="k")
        assert moonco.partners.post() is True
        (view,) = moonco.partners.undelivered()
    assert (view.state, view.next_at - clock.now(), view.error) == ("waiting", 10_000, "no answer: ConnectionRefusedError")


def test_a_secret_that_is_changed_on_one_side_first_loses_no_message(pair, remote_moonco, clock, monkeypatch):
    """Moonco changes first, star some minutes later; what is refused in between is sent again and heard once."""
    two = pair(moonco=remote_moonco, acme="")
    acme = two.installation.config.brands_dir / "acme.toml"
    acme.write_text(
        acme.read_text("utf-8").replace("[plugins", f"{remote_moonco.replace('star]', 'moonco]')}[plugins", 1), "utf-8"
    )
    client = create_app(two.installation).test_client()

    def call(url, brand, key, headers, body, **more):
        answer = client.post(f"/partner-messages/{brand}/{key}", data=body, headers=headers)
        return calling.Outcome("" if answer.status_code == 200 else f"the partner answered {answer.status_code}")

    monkeypatch.setattr(calling, "call", call)
    sender = two.installation.brand("acme")
    with sender:
        assert sender.config.partners["moonco"].secret == SECRET
        sender.partners.send("moonco", "swap.offer", {"n": 1}, key="n-1")
    changed = base64.b64encode(b"another secret of thirty-two byte").decode()
    moonco = two.installation.brand("moonco")
    renew(moonco, changed)
    with sender:
        sender.partners.send("moonco", "swap.offer", {"n": 2}, key="n-2")
        assert sender.partners.post() is True
        assert [view.error for view in sender.partners.undelivered()] == ["the partner answered 401", ""]
    assert two.heard(moonco) == []
    renew(sender, changed)
    clock.advance(ms=10_000)
    with sender:
        while sender.partners.post():
            clock.advance(ms=1)
        assert sender.partners.undelivered() == []
    assert [body["n"] for _, _, body in two.heard(moonco)] == [1, 2]


def renew(brand, secret: str) -> None:
    """As a restart with another secret in the environment."""
    partners = {
        name: dataclasses.replace(each, secret=base64.b64decode(secret)) for name, each in brand.config.partners.items()
    }
    brand.config = dataclasses.replace(brand.config, partners=partners)
