"""A notice is queued, claimed, sent over a real connection, and told of by receipts; and all that may go wrong."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json

import pytest
from gateway_server import FakeGateway, nobody_listens

from scrm_core.api import ScrmError
from scrm_core.testing import assert_plugin_ok
from scrm_http_sms import HttpSms

SECRET = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3"
KEY = b"0123456789abcdef01234567"
NOW = 1_767_225_600  # seconds: where the clock of tests stands, 2026-01-01T00:00:00Z


@pytest.fixture
def gateway():
    server = FakeGateway()
    yield server
    server.close()


@pytest.fixture
def app(scrm_app, gateway):
    return scrm_app(HttpSms, settings={"url": gateway.url, "secret": SECRET, "timeout_s": 5})


def notify(app, text="您的包裹已发出", code="parcel-1", shop=None):
    shop = shop or app.brand
    person = shop.lead(phone="+8613800138000")
    body = {"code": code, "contact": person.uid, "text": text}
    return shop.client("http-sms:send").post("plugins/http-sms/notices", body)


def shown(app, code="parcel-1"):
    (message,) = app.brand.client("http-sms:send").get(f"plugins/http-sms/notices/{code}").json["messages"]
    return message


def state(app, code="parcel-1"):
    message = shown(app, code)
    return message["state"], message["code"]


def sign(message, seconds, body, key=KEY):
    text = f"{message}.{seconds}.".encode() + body
    return base64.b64encode(hmac.new(key, text, hashlib.sha256).digest()).decode()


def tell(shop, receipts, seconds=NOW, **headers):
    """A receipt as the gateway posts it."""
    body = json.dumps({"receipts": receipts}).encode()
    signed = {
        "webhook-id": "r1", "webhook-timestamp": str(seconds), "webhook-signature": f"v1,{sign('r1', seconds, body)}",
    }  # fmt: skip
    client = shop.app.web.test_client()
    return client.post(f"/p/{shop.id}/http-sms/receipts", data=body, headers={**signed, **headers})


def test_a_notice_goes_out_signed_and_its_receipt_says_that_it_arrived(app, gateway):
    assert notify(app).status_code == 202
    assert state(app) == ("queued", "")
    app.brand.send()
    ((headers, body),) = gateway.requests
    (told,) = json.loads(body)["messages"]
    assert (told["to"], told["text"]) == ("+8613800138000", "您的包裹已发出")
    assert headers["webhook-signature"] == f"v1,{sign(headers['webhook-id'], NOW, body)}"
    assert state(app) == ("sent", "")
    receipt = {"id": told["id"], "state": "delivered"}
    # The same receipt twice, and one that is older: what arrived stays so.
    answers = [tell(app.brand, [each]) for each in (receipt, receipt, {**receipt, "state": "sent"})]
    assert [answer.json for answer in answers] == [{"changed": 1}, {"changed": 0}, {"changed": 0}]
    assert state(app) == ("delivered", "")
    assert tell(app.second_brand, [{**receipt, "state": "failed"}]).json == {"changed": 0}


def test_one_code_is_one_message_however_often_it_is_posted(app, gateway):
    notify(app)
    app.brand.send()
    again = notify(app, text="another text")
    app.brand.send()
    assert (again.status_code, again.json["messages"][0]["state"]) == (202, "sent")
    assert len(gateway.requests) == 1


def test_many_notices_of_a_brand_stay_in_it_and_those_who_may_not_be_written_to_are_kept_back(app, gateway):
    with app.brand as brand:
        brand.outreach.suppress("sms", "+8613800138000", reason="asked", scope="all", actor="mia")
    assert notify(app).json["messages"][0] == {"id": "", "state": "blocked", "reason": "do_not_contact", "code": ""}
    app.brand.send()
    assert gateway.requests == []


def test_a_gateway_that_is_away_is_asked_again_later(app, gateway):
    app.configure({"url": nobody_listens(), "secret": SECRET})
    notify(app)
    app.brand.send()
    assert state(app) == ("queued", "no_connection")
    app.configure({"url": gateway.url, "secret": SECRET})
    app.brand.send()
    assert gateway.requests == []  # not before its pause is over
    app.clock.advance(hours=1)
    app.brand.send()
    assert state(app) == ("sent", "")
    assert len(gateway.requests) == 1


@pytest.mark.parametrize("fault", ["silent", "closing", "dripping"])
def test_a_gateway_that_does_not_answer_leaves_an_unknown_that_is_never_sent_again_by_itself(app, gateway, fault):
    app.configure({"url": gateway.url, "secret": SECRET, "timeout_s": 0.1})
    gateway.fault = fault
    notify(app)
    app.brand.send()
    assert state(app) == ("unknown", "no_answer")
    gateway.fault = ""
    app.clock.advance(hours=1)
    app.brand.send()
    assert len(gateway.requests) == 1
    # It had arrived: the receipt carries our id.
    assert tell(app.brand, [{"id": shown(app)["id"], "state": "delivered"}], NOW + 3_600).json == {"changed": 1}
    assert state(app) == ("delivered", "")


@pytest.mark.parametrize(
    ("answer", "left"),
    [
        ((503, b""), ("queued", "http_503")),
        ((500, b"oops"), ("unknown", "http_500")),
        ((302, b""), ("unknown", "http_302")),
        ((200, b"not json"), ("unknown", "http_200")),
        ((200, b'{"results": []}'), ("unknown", "http_200")),
        ((200, b"x" * 100_001), ("unknown", "no_answer")),
        ((403, b""), ("failed", "http_403")),
    ],
)
def test_what_an_answer_leaves_known_decides(app, gateway, answer, left):
    gateway.answer = answer
    notify(app)
    app.brand.send()
    assert state(app) == left


def test_a_refused_message_failed_and_a_refused_request_halts_its_run(app, gateway):
    notify(app, code="one")
    gateway.accepted = lambda body: json.dumps(
        {"results": [{"id": each["id"], "status": "refused", "code": "BLACKLIST"} for each in json.loads(body)["messages"]]}
    ).encode()
    app.brand.send()
    assert state(app, "one") == ("failed", "BLACKLIST")
    gateway.answer = (401, b"")
    notify(app, code="two")
    app.brand.send()
    with app.brand as brand:
        assert [brand.outreach.run("http-sms", code).state for code in ("one", "two")] == ["done", "paused"]


@pytest.mark.parametrize(
    ("seconds", "headers"),
    [
        (NOW, {"webhook-signature": "v1,AAAA"}),
        (NOW, {"webhook-signature": ""}),
        (NOW, {"webhook-id": "r2"}),
        (NOW, {"webhook-timestamp": "soon"}),
        (NOW - 301, {}),
        (NOW + 301, {}),
    ],
)
def test_a_receipt_that_nobody_signed_or_that_is_old_changes_nothing(app, seconds, headers):
    notify(app)
    app.brand.send()
    assert tell(app.brand, [{"id": shown(app)["id"], "state": "failed"}], seconds, **headers).status_code == 401
    assert state(app) == ("sent", "")


@pytest.mark.parametrize(
    "wrong", [{"url": "http://gateway.example/"}, {"url": "ftp://127.0.0.1/"}, {"secret": "whsec_c2hvcnQ="}, {"secret": "abc"}]
)
def test_a_message_travels_no_open_road_and_no_short_secret_signs_it(scrm_app, wrong):
    with pytest.raises(ScrmError):
        scrm_app(HttpSms, settings={"url": "https://gateway.example/", "secret": SECRET, **wrong}).brand.brand


def test_the_plugin_meets_the_checklist():
    assert_plugin_ok(HttpSms, settings={"url": "https://gateway.example/", "secret": SECRET})
