"""Asking platforms: what became of messages that nobody knows about, and what waits in their queues."""

from __future__ import annotations

import json

import pytest
from gateway_servers import ALIYUN, TENCENT, LocalServer
from test_sms_gateway_requests import assert_signed_for_aliyun, assert_signed_for_tencent

from scrm_core.api import SendResult
from scrm_core.db.bulk import execute
from scrm_sms.gateways.reconciling import reconcile

BODY = "【示例旗舰店】您的包裹已发出"


@pytest.fixture
def server():
    local = LocalServer()
    yield local
    local.close()


class Lost:
    """A gateway whose calls never have an answer."""

    batch = 1

    def __init__(self):
        self.uids = []

    def send(self, messages):
        self.uids += [message.uid for message in messages]
        return [SendResult.unknown("time-out")] * len(messages)


@pytest.fixture
def brand(new_installation, server):
    aliyun = "".join(f'{key} = "{value}"\n' for key, value in ALIYUN.items())
    tencent = "".join(f'{key} = "{value}"\n' for key, value in TENCENT.items())
    return new_installation(
        acme=f'\n[plugins.sms]\n[plugins.sms.aliyun]\nurl = "{server.url}/"\n{aliyun}'
        f'[plugins.sms.tencent]\nurl = "{server.url}/"\npull = true\n{tencent}'
    ).brand("acme")


def lose(brand, sender, number="+8613800000001"):
    """Send a message whose call has no answer; returns its uid."""
    gateway = brand.outreach._gateways.setdefault(sender, Lost())
    run = brand.outreach.open_run(f"r{len(gateway.uids)}", owner="sms", channel="sms", kind="notice", sender=sender)
    brand.outreach.queue_body(run.id, number, BODY)
    brand.outreach.release(run.id, 10_000)
    brand.outreach.start(run.id)
    brand.outreach.dispatch()
    uid = gateway.uids[-1]
    assert brand.outreach.message(uid).state == "unknown"
    return uid


def details(*rows):
    return {"Code": "OK", "Message": "OK", "TotalCount": str(len(rows)), "SmsSendDetailDTOs": {"SmsSendDetailDTO": rows}}


def detail(**more):
    row = {
        "PhoneNum": "13800000001",
        "SendStatus": 3,
        "ErrCode": "DELIVERED",
        "TemplateCode": "SMS_1",
        "Content": BODY,
        "SendDate": "2026-01-01 08:00:01",
        "ReceiveDate": "2026-01-01 08:00:05",
        "OutId": "",
    }
    return {**row, **more}


NOTHING_PULLED = {"Response": {"PullSmsSendStatusSet": [], "PullSmsReplyStatusSet": [], "RequestId": "R"}}


def by_action(answers):
    """Answer each action with its value; Tencent's queues are empty unless named."""

    def answer(request):
        action = request.headers.get("x-tc-action") or request.form["Action"]
        value = answers.get(action, NOTHING_PULLED)
        if isinstance(value, list):
            value = value.pop(0) if value else NOTHING_PULLED
        return 200, json.dumps(value)

    return answer


def asked(server, action):
    return [r for r in server.requests if r.headers.get("x-tc-action") == action or f"Action={action}" in r.body.decode()]


def test_aliyun_is_asked_for_what_nobody_knows_once_it_must_have_ended(brand, server, clock):
    with brand:
        uid = lose(brand, "aliyun")
        server.answers(by_action({"QuerySendDetails": details(detail(OutId=uid), detail(OutId="another"))}))
        plugin = brand.plugins["sms"]
        assert reconcile(plugin) == 0
        assert asked(server, "QuerySendDetails") == []  # its receipt may still come by itself
        clock.advance(seconds=600)
        assert reconcile(plugin) == 1
        assert (brand.outreach.message(uid).state, brand.outreach.message(uid).code) == ("delivered", "DELIVERED")
    form = assert_signed_for_aliyun(asked(server, "QuerySendDetails")[0], "QuerySendDetails", at="2026-01-01T00:10:00Z")
    assert form == {"PhoneNumber": "13800000001", "SendDate": "20260101", "PageSize": "50", "CurrentPage": "1"}


@pytest.mark.parametrize(
    ("rows", "state"),
    [
        ([detail()], "delivered"),
        ([detail(SendStatus=2, ErrCode="MK:0001")], "failed"),
        ([detail(SendStatus=1, ErrCode="")], "sent"),
        ([detail(), detail()], "unknown"),
        ([detail(Content="another text")], "unknown"),
        ([detail(SendDate="2026-01-01 09:00:00")], "unknown"),
        ([detail(OutId="of another message")], "unknown"),
        ([detail(SendStatus=9)], "unknown"),
        ([], "unknown"),
    ],
)
def test_a_message_of_a_batch_is_known_by_its_text_number_and_time(brand, server, clock, rows, state):
    with brand:
        uid = lose(brand, "aliyun")
        server.answers(by_action({"QuerySendDetails": details(*rows)}))
        clock.advance(hours=1)
        reconcile(brand.plugins["sms"])
        assert brand.outreach.message(uid).state == state


@pytest.mark.cases_on_sqlite
@pytest.mark.parametrize("answer", [(500, ""), (200, "x"), (200, '{"Code":"isv.X"}'), (200, '{"Code":"OK"}')])
def test_an_answer_that_cannot_be_read_settles_nothing(brand, server, clock, answer):
    with brand:
        uid = lose(brand, "aliyun")
        server.answers(answer)
        clock.advance(hours=1)
        assert reconcile(brand.plugins["sms"]) == 0
        assert brand.outreach.message(uid).state == "unknown"


def test_tencents_queues_are_read_until_they_are_empty(brand, server):
    with brand:
        uids = [lose(brand, "tencent", f"+861380000000{digit}") for digit in (1, 2)]
        pages = [
            {"Response": {"PullSmsSendStatusSet": [row], "RequestId": "R"}}
            for row in (
                {"PhoneNumber": "+8613800000001", "ReportStatus": "SUCCESS", "Description": "DELIVRD",
                 "SessionContext": uids[0], "SerialNo": "s1", "UserReceiveTime": 1767225605},
                {"PhoneNumber": "+8613800000002", "ReportStatus": "FAIL", "Description": "MK:0001",
                 "SessionContext": uids[1], "SerialNo": "s2", "UserReceiveTime": 1767225605},
            )
        ]  # fmt: skip
        reply = {
            "ExtendCode": "12", "CountryCode": "86", "PhoneNumber": "+8613800000001", "SignName": "示例",
            "ReplyContent": "TD", "ReplyTime": 1767225700, "SubscriberNumber": "13800000001",
        }  # fmt: skip
        replies = [{"Response": {"PullSmsReplyStatusSet": [reply], "RequestId": "R"}}]
        server.answers(by_action({"PullSmsSendStatus": pages, "PullSmsReplyStatus": replies}))
        assert reconcile(brand.plugins["sms"]) == 3
        states = [brand.outreach.message(uid).state for uid in uids]
        kept = execute("SELECT address, text, handled FROM message_in").fetchall()
        suppressed = brand.outreach.suppressed("sms", "+8613800000001")
        assert reconcile(brand.plugins["sms"]) == 0
    assert states == ["delivered", "failed"]
    assert kept == [("+8613800000001", "TD", "opt_out")]
    assert suppressed == ["opt_out"]
    for action in ("PullSmsSendStatus", "PullSmsReplyStatus"):
        request = asked(server, action)[0]
        assert request.json == {"SmsSdkAppId": "1400006666", "Limit": 100}
        assert_signed_for_tencent(request, action)
