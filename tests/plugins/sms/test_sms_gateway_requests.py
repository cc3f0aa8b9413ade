"""Each gateway's request has the documented shape: method, path, every field, the signature recomputed by hand."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
from urllib.parse import quote, unquote

import pytest
from gateway_servers import ALIYUN, KANNEL, TENCENT, TWILIO, LocalServer, message

from scrm_sms.gateways.aliyun import Aliyun
from scrm_sms.gateways.kannel import Kannel
from scrm_sms.gateways.schemas import AliyunTable, KannelTable, TencentTable, TwilioTable
from scrm_sms.gateways.tencent import Tencent
from scrm_sms.gateways.twilio import Twilio

NOW = 1_767_225_600_000  # 2026-01-01T00:00:00Z
BASE = "https://crm.example.cn/p/acme/sms"


@pytest.fixture
def server():
    local = LocalServer()
    yield local
    local.close()


def kannel(server, *, gsm=False, **more):
    table = KannelTable().load({**KANNEL, "url": f"{server.url}/cgi-bin/sendsms", **more})
    return Kannel(table, callbacks=BASE, gsm=gsm)


def aliyun(server, **more):
    return Aliyun(AliyunTable().load({**ALIYUN, "url": f"{server.url}/", **more}), now=lambda: NOW)


def tencent(server, **more):
    return Tencent(TencentTable().load({**TENCENT, "url": f"{server.url}/", **more}), now=lambda: NOW)


def twilio(server, **more):
    return Twilio(TwilioTable().load({**TWILIO, "url": server.url, **more}), callbacks=BASE)


# Kannel ----------------------------------------------------------------------


def test_kannel_is_asked_as_its_user_guide_says(server):
    server.answers((202, "0: Accepted for delivery"))
    (result,) = kannel(server, from_number="10690000", smsc="FAKE", validity_minutes=60).send([message(7)])
    assert (result.outcome, result.ref) == ("accepted", "")
    (request,) = server.requests
    assert (request.method, request.path, request.body) == ("GET", "/cgi-bin/sendsms", b"")
    assert request.query == {
        "username": "scrm",
        "password": "se cret&1",
        "to": "+8613800000007",
        "text": message().body,
        "coding": "2",
        "charset": "UTF-8",
        "dlr-mask": "31",
        "dlr-url": f"{BASE}/kannel/dlr/token-of-sixteen-or-more?id={7:032x}&status=%d&reply=%A",
        "from": "10690000",
        "smsc": "FAKE",
        "validity": "60",
    }
    # The plus of the number and the whole of dlr-url are percent-encoded, a space is no plus.
    assert "to=%2B8613800000007&" in request.target
    assert "%3Fid%3D" in request.target and "status%3D%25d%26reply%3D%25A" in request.target
    assert "+" not in request.target


def test_kannel_gets_seven_bits_only_where_they_are_counted_so(server):
    server.answers((202, "0: Accepted for delivery"))
    plain = message(body="Acme: your code. Reply STOP")
    kannel(server).send([plain])
    kannel(server, gsm=True).send([plain])
    kannel(server, gsm=True).send([message(body="Acme: it’s here")])
    assert [request.query["coding"] for request in server.requests] == ["2", "0", "2"]


def test_queued_for_later_is_accepted_too(server):
    server.answers((202, "3: Queued for later delivery"))
    assert kannel(server).send([message()])[0].outcome == "accepted"


# Aliyun ----------------------------------------------------------------------


def rpc_signature(request, secret):
    """The signature by the description: the sent form without it, in the order of its names, joined and signed."""
    parts = [part for part in request.body.decode().split("&") if not part.startswith("Signature=")]
    names = [unquote(part.split("=", 1)[0]) for part in parts]
    assert names == sorted(names) and len(set(names)) == len(names)
    text = request.method + "&%2F&" + quote("&".join(parts), safe="")
    return base64.b64encode(hmac.new((secret + "&").encode(), text.encode(), "sha1").digest()).decode()


def assert_signed_for_aliyun(request, action, at="2026-01-01T00:00:00Z"):
    assert (request.method, request.path) == ("POST", "/")
    assert request.headers["content-type"] == "application/x-www-form-urlencoded"
    form = request.form
    assert form.pop("Signature") == rpc_signature(request, "testSecret")
    assert re.fullmatch("[0-9a-f]{32}", form.pop("SignatureNonce"))
    fixed = {
        "Action": action,
        "Version": "2017-05-25",
        "RegionId": "cn-hangzhou",
        "Format": "JSON",
        "AccessKeyId": "testId",
        "SignatureMethod": "HMAC-SHA1",
        "SignatureVersion": "1.0",
        "Timestamp": at,
    }
    assert {name: form.pop(name) for name in fixed} == fixed
    return form


def test_one_message_goes_by_aliyun_send_sms_with_our_id(server):
    server.answers_json({"Message": "OK", "RequestId": "R", "Code": "OK", "BizId": "9006197469364984^0"})
    (result,) = aliyun(server).send([message(7)])
    assert (result.outcome, result.ref) == ("accepted", "9006197469364984^0")
    form = assert_signed_for_aliyun(server.requests[0], "SendSms")
    assert json.loads(form.pop("TemplateParam")) == {"name": "会员", "link": "aB3dE"}
    assert form == {
        "PhoneNumbers": "13800000007",
        "SignName": "示例旗舰店",
        "TemplateCode": "SMS_71390007",
        "OutId": f"{7:032x}",
    }


def test_a_hundred_messages_are_one_call_of_aliyun_send_batch_sms(server):
    server.answers_json({"Message": "OK", "RequestId": "R", "Code": "OK", "BizId": "B^0"})
    batch = [message(number, params={"link": f"x{number}"}) for number in range(100)]
    gateway = aliyun(server, sign_name="另一个签名")
    assert gateway.batch == 100
    assert [result.ref for result in gateway.send(batch)] == ["B^0"] * 100
    (request,) = server.requests
    form = assert_signed_for_aliyun(request, "SendBatchSms")
    assert json.loads(form.pop("PhoneNumberJson")) == [f"138{number:08d}" for number in range(100)]
    assert json.loads(form.pop("SignNameJson")) == ["另一个签名"] * 100
    assert json.loads(form.pop("TemplateParamJson")) == [{"link": f"x{number}"} for number in range(100)]
    assert form == {"TemplateCode": "SMS_71390007"}


def test_messages_of_two_templates_are_two_calls_of_aliyun(server):
    server.answers(
        lambda request: (200, json.dumps({"Code": "OK", "BizId": f"biz of {request.form['TemplateCode']}"}))
    )
    batch = [message(number, template=f"SMS_{number % 2}") for number in range(4)]
    refs = [result.ref for result in aliyun(server).send(batch)]
    assert refs == ["biz of SMS_0", "biz of SMS_1", "biz of SMS_0", "biz of SMS_1"]
    assert len(server.requests) == 2


def test_a_batch_that_aliyun_refuses_for_one_number_goes_one_by_one(server):
    def answer(request):
        form = request.form
        bad = form["Action"] == "SendBatchSms" or form["PhoneNumbers"] == "13800000001"
        code = "isv.MOBILE_NUMBER_ILLEGAL" if bad else "OK"
        return 200, json.dumps({"Code": code, "Message": code, "BizId": f"biz of {form.get('PhoneNumbers')}"})

    server.answers(answer)
    results = aliyun(server).send([message(number) for number in range(3)])
    assert [result.outcome for result in results] == ["accepted", "refused", "accepted"]
    assert [result.ref for result in results] == ["biz of 13800000000", "", "biz of 13800000002"]
    assert results[1].code == "isv.MOBILE_NUMBER_ILLEGAL" and not results[1].halt
    assert [request.form["Action"] for request in server.requests] == ["SendBatchSms", *["SendSms"] * 3]


def test_a_number_abroad_has_no_plus_for_aliyun(server):
    server.answers_json({"Code": "OK", "BizId": "B"})
    aliyun(server).send([message(address="+85251234567")])
    assert server.requests[0].form["PhoneNumbers"] == "85251234567"


# Tencent ---------------------------------------------------------------------


def assert_signed_for_tencent(request, action):
    """Recompute TC3 from the request as it came, step by step as the description has it."""
    assert (request.method, request.target) == ("POST", "/")
    headers = request.headers
    assert headers["content-type"] == "application/json; charset=utf-8"
    wanted = {"x-tc-action": action, "x-tc-version": "2021-01-11", "x-tc-timestamp": "1767225600"}
    assert {name: headers[name] for name in wanted} == wanted
    assert headers["x-tc-region"] == "ap-guangzhou"
    canonical = "\n".join(
        [
            "POST",
            "/",
            "",
            "content-type:" + headers["content-type"],
            "host:" + headers["host"],
            "",
            "content-type;host",
            hashlib.sha256(request.body).hexdigest(),
        ]
    )
    scope = "2026-01-01/sms/tc3_request"
    text = "\n".join(["TC3-HMAC-SHA256", "1767225600", scope, hashlib.sha256(canonical.encode()).hexdigest()])
    one = hmac.digest(b"TC3" + TENCENT["secret_key"].encode(), b"2026-01-01", "sha256")
    two = hmac.digest(one, b"sms", "sha256")
    three = hmac.digest(two, b"tc3_request", "sha256")
    signature = hmac.digest(three, text.encode(), "sha256").hex()
    assert headers["authorization"] == (
        f"TC3-HMAC-SHA256 Credential=AKIDexample/{scope}, SignedHeaders=content-type;host, Signature={signature}"
    )


def status_set(request, code="Ok"):
    rows = [
        {"SerialNo": f"5000:{number}", "PhoneNumber": number, "Fee": 1, "SessionContext": "", "Code": code,
         "Message": "send success", "IsoCode": "CN"}
        for number in request.json["PhoneNumberSet"]
    ]  # fmt: skip
    return 200, json.dumps({"Response": {"SendStatusSet": rows, "RequestId": "R"}})


def test_one_message_goes_by_tencent_send_sms_with_our_id(server):
    server.answers(status_set)
    (result,) = tencent(server).send([message(7, template="1110", params={"1": "a", "2": "b", "10": "c"})])
    assert (result.outcome, result.ref) == ("accepted", "5000:+8613800000007")
    assert_signed_for_tencent(server.requests[0], "SendSms")
    assert server.requests[0].json == {
        "PhoneNumberSet": ["+8613800000007"],
        "SmsSdkAppId": "1400006666",
        "SignName": "示例旗舰店",
        "TemplateId": "1110",
        "TemplateParamSet": ["a", "b", "c"],
        "SessionContext": f"{7:032x}",
    }


def test_named_values_keep_the_order_of_the_copy(server):
    server.answers(status_set)
    tencent(server).send([message(params={"name": "张", "link": "aB3dE"})])
    assert server.requests[0].json["TemplateParamSet"] == ["张", "aB3dE"]


def test_two_hundred_messages_of_equal_values_are_one_call_of_tencent(server):
    server.answers(status_set)
    gateway = tencent(server, at_once=200)
    assert gateway.batch == 200
    results = gateway.send([message(number) for number in range(200)])
    assert [result.ref for result in results] == [f"5000:+86138{number:08d}" for number in range(200)]
    (request,) = server.requests
    assert len(request.json["PhoneNumberSet"]) == 200
    assert request.json["SessionContext"] == ""


def test_home_and_abroad_and_different_values_never_share_a_call_of_tencent(server):
    server.answers(status_set)
    batch = [
        message(1),
        message(2, address="+85251234567"),
        message(3, params={"name": "x", "link": "y"}),
        message(4, body="【另】x"),
    ]
    assert [result.outcome for result in tencent(server).send(batch)] == ["accepted"] * 4
    assert len(server.requests) == 4


def test_each_number_of_tencent_has_its_own_code(server):
    codes = {
        "+8613800000000": "Ok",
        "+8613800000001": "FailedOperation.PhoneNumberInBlacklist",
        "+8613800000002": "LimitExceeded.PhoneNumberDailyLimit",
        "+8613800000003": "FailedOperation.InsufficientBalanceInSmsPackage",
    }
    rows = [{"SerialNo": "s", "PhoneNumber": number, "Code": code, "Message": "m"} for number, code in codes.items()]
    server.answers_json({"Response": {"SendStatusSet": rows, "RequestId": "R"}})
    results = tencent(server).send([message(number) for number in (3, 2, 1, 0, 4)])
    assert [(result.outcome, result.code, result.halt) for result in results] == [
        ("refused", "FailedOperation.InsufficientBalanceInSmsPackage", True),
        ("refused", "LimitExceeded.PhoneNumberDailyLimit", False),
        ("refused", "FailedOperation.PhoneNumberInBlacklist", False),
        ("accepted", "", False),
        ("unknown", "no_status", False),
    ]


@pytest.mark.parametrize("gateway", [aliyun, tencent])
@pytest.mark.parametrize(
    ("more", "code"), [({"template": ""}, "no_template"), ({"body": "no signature"}, "no_signature")]
)
def test_a_message_without_template_or_signature_halts_and_calls_nobody(server, gateway, more, code):
    (result,) = gateway(server).send([message(**more)])
    assert (result.outcome, result.code, result.halt) == ("refused", code, True)
    assert server.requests == []


# Twilio ----------------------------------------------------------------------

CREATED = {"sid": "SM" + "a" * 32, "status": "queued", "num_segments": "1", "error_code": None, "price": None}


def test_twilio_is_asked_as_its_reference_says(server):
    server.answers_json(CREATED, 201)
    (result,) = twilio(server, validity_seconds=600).send([message(7, address="+14155550100", body="Hi & 你好")])
    assert (result.outcome, result.ref) == ("accepted", "SM" + "a" * 32)
    (request,) = server.requests
    assert (request.method, request.target) == ("POST", f"/2010-04-01/Accounts/{TWILIO['account_sid']}/Messages.json")
    assert request.headers["content-type"] == "application/x-www-form-urlencoded"
    kind, credentials = request.headers["authorization"].split(" ")
    assert (kind, base64.b64decode(credentials).decode()) == ("Basic", f"{TWILIO['account_sid']}:12345")
    assert request.form == {
        "To": "+14155550100",
        "From": "+15005550006",
        "Body": "Hi & 你好",
        "StatusCallback": f"{BASE}/twilio/status?id={7:032x}",
        "ValidityPeriod": "600",
    }


def test_twilio_takes_a_messaging_service_instead_of_a_number(server):
    server.answers_json(CREATED, 201)
    twilio(server, from_number="", messaging_service_sid="MG1").send([message()])
    form = server.requests[0].form
    assert form["MessagingServiceSid"] == "MG1" and "From" not in form
