"""Every way a call can end: what was certainly not sent is tried again, what nobody knows never is."""

from __future__ import annotations

import logging
import time

import pytest
from gateway_servers import ALIYUN, CLOSE, DRIP, HANG, KANNEL, MIDWAY, TENCENT, TWILIO, LocalServer, message
from ports import free_port

from scrm_sms.copywriting.carriers import CarrierTable
from scrm_sms.gateways import calls
from scrm_sms.gateways.aliyun import Aliyun
from scrm_sms.gateways.console import Console
from scrm_sms.gateways.kannel import Kannel
from scrm_sms.gateways.outcomes import suppression_of
from scrm_sms.gateways.schemas import AliyunTable, KannelTable, TencentTable, TwilioTable
from scrm_sms.gateways.tencent import Tencent
from scrm_sms.gateways.twilio import Twilio

QUICK = {"read_timeout": 1, "connect_timeout": 1}
KINDS = ("kannel", "aliyun", "tencent", "twilio")


def gateway(kind, url, **more):
    more = QUICK | more
    if kind == "kannel":
        table = KannelTable().load({**KANNEL, "url": f"{url}/cgi-bin/sendsms", **more})
        return Kannel(table, callbacks="http://127.0.0.1/p/acme/sms", gsm=False)
    if kind == "aliyun":
        return Aliyun(AliyunTable().load({**ALIYUN, "url": f"{url}/", **more}), now=lambda: 1_767_225_600_000)
    if kind == "tencent":
        return Tencent(TencentTable().load({**TENCENT, "url": f"{url}/", **more}), now=lambda: 1_767_225_600_000)
    table = TwilioTable().load({**TWILIO, "url": url, **more})
    return Twilio(table, callbacks="http://127.0.0.1/p/acme/sms")


@pytest.fixture
def server():
    local = LocalServer()
    yield local
    local.close()


def sent(kind, server, answer, **headers):
    server.answers(answer, **headers)
    (result,) = gateway(kind, server.url).send([message()])
    return result


# Failures of the network ------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_a_refused_connection_is_tried_again(kind):
    (result,) = gateway(kind, f"http://127.0.0.1:{free_port()}").send([message()])
    assert (result.outcome, result.code) == ("retry", "no_connection")
    assert result.after_s >= 5


@pytest.mark.parametrize("kind", KINDS)
def test_an_unknown_host_is_tried_again(kind):
    (result,) = gateway(kind, "http://nobody.invalid").send([message()])
    assert (result.outcome, result.code) == ("retry", "no_connection")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("answer", "code"), [(HANG, "timeout"), (CLOSE, "broken_answer"), (MIDWAY, "broken_answer")])
def test_an_answer_that_does_not_come_or_breaks_off_is_unknown(kind, server, answer, code):
    result = sent(kind, server, answer)
    assert (result.outcome, result.code) == ("unknown", code)
    assert len(server.requests) == 1  # and it was not asked a second time


def test_a_server_that_drips_is_given_up_in_time(server, monkeypatch):
    monkeypatch.setattr(calls, "END_SECONDS", 1.0)
    begun = time.monotonic()
    result = sent("kannel", server, DRIP)
    assert time.monotonic() - begun < 3
    assert (result.outcome, result.code) == ("unknown", "timeout")
    # What was abandoned does not stand in the way of what comes after.
    assert sent("kannel", server, (202, "0: Accepted for delivery")).outcome == "accepted"


def test_calls_that_found_no_time_are_certainly_not_sent(server, monkeypatch):
    monkeypatch.setattr(calls, "BEGIN_SECONDS", 0.5)
    server.answers(HANG)
    slow = gateway("kannel", server.url, at_once=2)
    results = slow.send([message(number) for number in range(4)])
    assert [result.outcome for result in results] == ["unknown", "unknown", "retry", "retry"]
    assert len(server.requests) == 2


def test_an_endless_answer_is_not_read_to_its_end(server):
    result = sent("aliyun", server, (200, b"x" * (calls.ANSWER_BYTES + 1)))
    assert result.outcome == "unknown"
    assert "longer than" in result.detail


@pytest.mark.parametrize("kind", KINDS)
def test_a_redirect_is_not_followed(kind, server):
    other = LocalServer()
    try:
        result = sent(kind, server, (307, ""), Location=f"{other.url}/elsewhere")
        assert (result.outcome, result.code, result.halt) == ("refused", "http_307", True)
        assert other.requests == []
    finally:
        other.close()


# Answers without meaning -------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("answer", "outcome", "halt"),
    [
        ((500, "oops"), "unknown", False),
        ((502, "<html>Bad Gateway</html>"), "unknown", False),
        ((503, "upstream"), "unknown", False),
        ((504, ""), "unknown", False),
        ((408, ""), "unknown", False),
        ((200, ""), "unknown", False),
        ((200, "<html>maintenance</html>"), "unknown", False),
        ((200, "[1, 2"), "unknown", False),
        ((200, "[" * 100_000), "unknown", False),
        ((200, b"\xff\xfe\x00"), "unknown", False),
        ((200, '{"Code": 7, "Response": [], "sid": {}}'), None, False),
        ((200, "{}"), "unknown", False),
        ((400, "bad"), "refused", False),
        ((401, ""), "refused", True),
        ((403, ""), "refused", True),
        ((404, ""), "refused", True),
        ((429, ""), "retry", False),
    ],
)
def test_an_answer_that_cannot_be_read_is_judged_by_its_status(kind, server, answer, outcome, halt):
    result = sent(kind, server, answer)
    if outcome is None:
        assert result.outcome in ("unknown", "refused")  # an Aliyun code that no table knows is a refusal
        return
    assert (result.outcome, result.halt) == (outcome, halt)
    assert result.outcome != "refused" or result.code == f"http_{answer[0]}"


def test_a_server_says_itself_how_long_to_wait(server):
    assert sent("twilio", server, (429, ""), Retry_After="17").after_s == 17
    assert sent("twilio", server, (429, ""), Retry_After="Wed, 21 Oct 2026 07:28:00 GMT").after_s == 5
    assert sent("twilio", server, (429, ""), Retry_After="99999").after_s == 3_600


# Answers with a meaning ---------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "outcome", "code", "halt"),
    [
        ((202, "0: Accepted for delivery"), "accepted", "", False),
        ((202, "3: Queued for later delivery"), "accepted", "", False),
        ((202, "4: something else"), "unknown", "http_202", False),
        ((200, "0: Accepted for delivery"), "unknown", "http_200", False),
        ((503, "Temporal failure, try again later."), "retry", "http_503", False),
        ((403, "Authorization failed for sendsms"), "refused", "http_403", True),
        ((400, "Missing receiver number, rejected"), "refused", "http_400", False),
    ],
)
def test_what_smsbox_says(server, answer, outcome, code, halt):
    result = sent("kannel", server, answer)
    assert (result.outcome, result.code, result.halt) == (outcome, code, halt)


@pytest.mark.parametrize(
    ("code", "outcome", "halt"),
    [
        ("isv.BUSINESS_LIMIT_CONTROL", "refused", False),
        ("isv.MOBILE_NUMBER_ILLEGAL", "refused", False),
        ("isv.DAY_LIMIT_CONTROL", "refused", False),
        ("isv.SMS_SIGNATURE_ILLEGAL", "refused", True),
        ("isv.SMS_TEMPLATE_ILLEGAL", "refused", True),
        ("isv.TEMPLATE_MISSING_PARAMETERS", "refused", True),
        ("isv.AMOUNT_NOT_ENOUGH", "refused", True),
        ("isv.OUT_OF_SERVICE", "refused", True),
        ("isv.BLACK_KEY_CONTROL_LIMIT", "refused", True),
        ("SignatureDoesNotMatch", "refused", True),
        ("InvalidTimeStamp.Expired", "refused", True),
        ("InvalidAccessKeyId.NotFound", "refused", True),
        ("isp.SYSTEM_ERROR", "retry", False),
        ("Throttling.User", "retry", False),
        ("SignatureNonceUsed", "retry", False),
        ("InternalError", "unknown", False),
        ("isv.SOMETHING_NEW", "refused", False),
    ],
)
@pytest.mark.parametrize("status", [200, 400, 503])
def test_what_aliyun_says(server, code, outcome, halt, status):
    result = sent("aliyun", server, (status, '{"Code":"%s","Message":"说明","RequestId":"R"}' % code))
    assert (result.outcome, result.code, result.halt) == (outcome, code, halt)
    assert result.detail == "说明"


@pytest.mark.parametrize(
    ("code", "outcome", "halt"),
    [
        ("AuthFailure.SignatureFailure", "refused", True),
        ("UnauthorizedOperation.ServiceSuspendDueToArrears", "refused", True),
        ("FailedOperation.ContainSensitiveWord", "refused", True),
        ("FailedOperation.TemplateUnapprovedOrNotExist", "refused", True),
        ("FailedOperation.SignatureIncorrectOrUnapproved", "refused", True),
        ("FailedOperation.InsufficientBalanceInSmsPackage", "refused", True),
        ("FailedOperation.MarketingSendTimeConstraint", "refused", True),
        ("FailedOperation.PhoneNumberInBlacklist", "refused", False),
        ("InvalidParameterValue.IncorrectPhoneNumber", "refused", False),
        ("InvalidParameterValue.TemplateParameterFormatError", "refused", True),
        ("LimitExceeded.PhoneNumberThirtySecondLimit", "refused", False),
        ("LimitExceeded.PhoneNumberCountLimit", "refused", True),
        ("LimitExceeded.AppDailyLimit", "refused", True),
        ("RequestLimitExceeded", "retry", False),
        ("InternalError.Timeout", "unknown", False),
        ("InternalError.SigVerificationFail", "refused", True),
        ("Something.New", "refused", False),
    ],
)
def test_what_tencent_says_of_a_number_and_of_a_request(server, code, outcome, halt):
    whole = '{"Response":{"Error":{"Code":"%s","Message":"m"},"RequestId":"R"}}' % code
    row = '{"SerialNo":"","PhoneNumber":"+8613800000000","Fee":0,"Code":"%s","Message":"m"}' % code
    for body in (whole, '{"Response":{"SendStatusSet":[%s],"RequestId":"R"}}' % row):
        result = sent("tencent", server, (200, body))
        assert (result.outcome, result.code, result.halt) == (outcome, code, halt)


@pytest.mark.parametrize(
    ("status", "code", "outcome", "halt"),
    [
        (400, 21211, "refused", False),
        (400, 21408, "refused", False),
        (400, 21610, "refused", False),
        (400, 21614, "refused", False),
        (401, 20003, "refused", True),
        (429, 20429, "retry", False),
        (429, 21611, "retry", False),
        (429, 99999, "retry", False),
        (400, 21606, "refused", True),
        (400, 88888, "refused", False),
        (500, 20500, "unknown", False),
    ],
)
def test_what_twilio_says(server, status, code, outcome, halt):
    body = '{"code":%d,"message":"m","more_info":"https://x","status":%d}' % (code, status)
    result = sent("twilio", server, (status, body))
    assert (result.outcome, result.halt) == (outcome, halt)
    assert result.code in (str(code), f"http_{status}")


@pytest.mark.parametrize(
    ("code", "suppression"),
    [
        ("FailedOperation.PhoneNumberInBlacklist", "blacklist"),
        ("21610", "blacklist"),
        ("MB:1078", "blacklist"),
        ("黑名单", "blacklist"),
        ("21614", "hard"),
        ("MK:0001", "hard"),
        ("UNDELIV", None),
        ("DELIVRD", None),
        ("", None),
        ("whatever", None),
    ],
)
def test_a_platforms_blacklist_is_copied_into_our_own(code, suppression):
    assert suppression_of(code, CarrierTable()) == suppression


def test_a_code_of_the_brand_speaks_too():
    assert suppression_of("XY:7", CarrierTable({"XY:*": "blacklist"})) == "blacklist"


# What is written where -----------------------------------------------------------


def test_the_console_writes_one_line_and_masks_the_number(caplog):
    log = logging.getLogger("scrm.plugin.sms")
    with caplog.at_level(logging.INFO, "scrm.plugin.sms"):
        results = Console(log).send([message(7, body="一\n二\x00三"), message(8)])
    assert [result.outcome for result in results] == ["delivered", "delivered"]
    assert caplog.messages[0] == "SMS to +86138****0007: 一 二 三"
    assert "13800000008" not in caplog.text


@pytest.mark.parametrize("kind", KINDS)
def test_no_secret_and_no_number_reaches_the_log(kind, server, caplog):
    caplog.set_level(logging.INFO)
    for answer in ((200, "x"), CLOSE, (403, "no")):
        sent(kind, server, answer)
    assert server.requests
    for word in ("se%20cret", "testSecret", "Gu5t9xGARNpq86cd98joQYCN3", "12345", "13800000000", "token-of"):
        assert word not in caplog.text
