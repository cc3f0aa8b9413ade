"""Receipts and replies as gateways tell them: twice, late, early, in any order, and hostile."""

from __future__ import annotations

import base64
import hmac
import json
from urllib.parse import quote

import pytest
from gateway_servers import ALIYUN, KANNEL, TENCENT, TWILIO

from scrm_core.api import SendResult
from scrm_core.db.bulk import execute
from scrm_core.web import create_app

PUBLIC = "https://crm.example.cn"
BODY = "【示例旗舰店】您的包裹已发出"
NUMBER = "+8613800000001"


def settings() -> str:
    def table(name, values):
        lines = "".join(f"{key} = {json.dumps(value)}\n" for key, value in values.items())
        return f"[plugins.sms.{name}]\n{lines}"

    tables = (("kannel", KANNEL), ("aliyun", ALIYUN), ("tencent", TENCENT), ("twilio", TWILIO))
    return (
        '\n[outreach]\nquiet_hours = "none"\none_to_one_per_week = "none"\n'
        '[outreach.channels.sms]\nper_7_days = "none"\nper_30_days = "none"\n'
        f'[plugins.sms]\ncallback_url = "{PUBLIC}"\n'
    ) + "".join(table(name, values) for name, values in tables)


class Desk:
    """Sends by a gateway that only says what it is told to, and calls the brand back."""

    batch = 10

    def __init__(self, installation):
        self.brand = installation.brand("acme")
        self.client = create_app(installation).test_client()
        self.sent = []
        self.answer = lambda message: SendResult.accepted("ref-1")

    def send(self, messages):
        self.sent += messages
        return [self.answer(message) for message in messages]

    def message(self, sender, *, address=NUMBER, parts=1):
        """Send one message by a sender and return its uid."""
        with self.brand as brand:
            brand.outreach._gateways[sender] = self
            code = f"run-{len(self.sent)}"
            run = brand.outreach.open_run(code, owner="sms", channel="sms", kind="notice", sender=sender)
            brand.outreach.queue_body(run.id, address, BODY, parts=parts)
            brand.outreach.release(run.id, 10_000)
            brand.outreach.start(run.id)
            brand.outreach.dispatch()
        return self.sent[-1].uid

    def state(self, uid):
        with self.brand as brand:
            view = brand.outreach.message(uid)
        return view.state, view.code

    def inbox(self):
        with self.brand:
            return execute("SELECT address, text, handled, answers FROM message_in ORDER BY id").fetchall()

    def suppressed(self, address=NUMBER):
        with self.brand as brand:
            return brand.outreach.suppressed("sms", address)

    def told(self):
        """States that plugins were told of."""
        with self.brand:
            rows = execute("SELECT data FROM event WHERE type = 'message.status' ORDER BY id").fetchall()
        return [json.loads(row[0])["status"] for row in rows]

    # Calls of the gateways -----------------------------------------------------

    def kannel(self, uid, status, reply="", token=KANNEL["callback_token"]):
        return self.client.get(f"/p/acme/sms/kannel/dlr/{token}?id={uid}&status={status}&reply={quote(reply)}")

    def kannel_reply(self, query, token=KANNEL["callback_token"]):
        return self.client.get(f"/p/acme/sms/kannel/mo/{token}?{query}")

    def post(self, path, rows, **headers):
        body = rows if isinstance(rows, bytes) else json.dumps(rows, ensure_ascii=False).encode()
        return self.client.post(f"/p/acme/sms/{path}", data=body, content_type="application/json", **headers)

    def aliyun(self, *rows):
        return self.post(f"aliyun/report/{ALIYUN['callback_token']}", list(rows))

    def tencent(self, *rows):
        return self.post(f"tencent/report/{TENCENT['callback_token']}", list(rows))

    def twilio(self, path, form, *, key="12345"):
        text = f"{PUBLIC}/p/acme/sms/{path}" + "".join(name + form[name] for name in sorted(form))
        signature = base64.b64encode(hmac.new(key.encode(), text.encode(), "sha1").digest()).decode()
        return self.client.post(f"/p/acme/sms/{path}", data=form, headers={"X-Twilio-Signature": signature})


@pytest.fixture
def desk(new_installation):
    return Desk(new_installation(acme=settings(), moonco="\n[plugins.sms]\n"))


# Kannel ----------------------------------------------------------------------

DELIVERED = "id:7 sub:001 dlvrd:001 submit date:2601010800 done date:2601010801 stat:DELIVRD err:000 text:x"


def test_kannels_reports_move_a_message_forward_and_are_answered_with_nothing(desk):
    uid = desk.message("kannel")
    for status, reply, state in (("8", "ACK/", "sent"), ("4", "", "sent"), ("1", DELIVERED, "delivered")):
        answer = desk.kannel(uid, status, reply)
        assert (answer.status_code, answer.data) == (200, b"")
        assert desk.state(uid)[0] == state
    assert desk.state(uid) == ("delivered", "DELIVRD")


CENTRE_SAYS = [
    ("2", "id:1 stat:UNDELIV err:011", "failed", "UNDELIV"),
    ("2", "id:1 stat:EXPIRED err:000", "expired", "EXPIRED"),
    ("2", "id:1 stat:MK:0001 err:", "failed", "MK:0001"),
    ("2", "id:1 stat:UNKNOWN err:000", "sent", ""),
    ("2", "", "failed", "UNDELIV"),
    ("16", "NACK/0x00000045/Submit failed", "failed", "NACK 0x00000045"),
    ("16", "", "failed", "REJECTD"),
    ("1", "", "delivered", "DELIVRD"),
]


def test_what_kannels_centre_says_gives_state_and_code(desk):
    for number, (status, reply, state, code) in enumerate(CENTRE_SAYS):
        uid = desk.message("kannel", address=f"+8613800001{number:03d}")
        assert desk.kannel(uid, status, reply).status_code == 200
        assert desk.state(uid) == (state, code), reply


def test_a_report_that_comes_twice_is_told_once(desk):
    uid = desk.message("kannel")
    for _ in range(3):
        assert desk.kannel(uid, "1", DELIVERED).status_code == 200
    assert desk.state(uid)[0] == "delivered"
    assert desk.told() == ["delivered"]


def test_a_late_report_never_moves_a_message_back(desk):
    uid = desk.message("kannel")
    for status in ("1", "8", "4", "2", "16"):
        assert desk.kannel(uid, status).status_code == 200
    assert desk.state(uid)[0] == "delivered"


def test_one_failed_part_makes_a_message_of_several_failed(desk):
    uid = desk.message("kannel", parts=2)
    desk.kannel(uid, "1", DELIVERED)
    desk.kannel(uid, "2", "stat:UNDELIV err:001")
    desk.kannel(uid, "1", DELIVERED)
    assert desk.state(uid) == ("failed", "UNDELIV")


def test_a_report_may_come_before_the_call_that_sent_the_message_returns(desk):
    def answer(message):
        assert desk.kannel(message.uid, "1", DELIVERED).status_code == 200
        return SendResult.accepted()

    desk.answer = answer
    assert desk.state(desk.message("kannel"))[0] == "delivered"


def test_a_report_decides_what_nobody_knew(desk):
    desk.answer = lambda message: SendResult.unknown("time-out")
    uid = desk.message("kannel")
    assert desk.state(uid)[0] == "unknown"
    desk.kannel(uid, "1", DELIVERED)
    assert desk.state(uid)[0] == "delivered"
    assert len(desk.sent) == 1


def test_a_wrong_token_finds_nothing_and_changes_nothing(desk):
    uid = desk.message("kannel")
    for token in ("token-of-sixteen-or-mor", "token-of-sixteen-or-moreX", "%C3%A9", ALIYUN["callback_token"]):
        assert desk.kannel(uid, "1", token=token).status_code == 404
        assert desk.kannel_reply(f"from={NUMBER[1:]}&text=TD&ts=1767225600", token=token).status_code == 404
    assert desk.post("aliyun/report/nothing-like-the-token", []).status_code == 404
    assert desk.state(uid)[0] == "sent"
    assert desk.inbox() == []


def test_a_brand_without_the_gateway_answers_as_if_nothing_were_there(desk):
    token = KANNEL["callback_token"]
    for path in (f"kannel/dlr/{token}?id=x&status=1", f"kannel/mo/{token}"):
        assert desk.client.get(f"/p/moonco/sms/{path}").status_code == 404
    for path in (f"aliyun/report/{token}", f"tencent/mo/{token}", "twilio/status"):
        assert desk.client.post(f"/p/moonco/sms/{path}", data=b"[]").status_code == 404


BAD_REPORTS = [
    "",
    "id=&status=1",
    "id=x",
    "status=1",
    "id=x&status=7",
    "id=x&status=one",
    "id=x&status=%00",
    "id=%00&status=1",
    "id=%F0%9F%98%80&status=1",
    "id=../../x&status=1",
    "id=" + "a" * 5_000 + "&status=1",
    "id=x&status=1&reply=%FF%FE" + "%00" * 500,
    "id=" + "0" * 32 + "&status=1",
    "id=x&status=2&reply=stat:" + "Z" * 3_000,
]


def test_garbage_in_a_kannel_report_has_no_effect(desk):
    uid = desk.message("kannel")
    for query in BAD_REPORTS:
        answer = desk.client.get(f"/p/acme/sms/kannel/dlr/{KANNEL['callback_token']}?{query}")
        assert answer.status_code in (200, 422), query
        assert desk.state(uid)[0] == "sent", query


# Kannel's replies --------------------------------------------------------------


def test_an_opt_out_by_reply_is_kept_with_the_message_it_answers(desk):
    uid = desk.message("kannel")
    answer = desk.kannel_reply("from=8613800000001&to=10690000&text=td&ts=1767225600&coding=0&charset=")
    assert (answer.status_code, answer.data) == (200, b"")
    assert desk.inbox() == [(NUMBER, "td", "opt_out", uid)]
    assert desk.suppressed() == ["opt_out"]


def test_the_same_reply_told_twice_counts_once_and_a_later_one_counts_again(desk):
    for ts in ("1767225600", "1767225600", "1767225601"):
        desk.kannel_reply(f"from=8613800000001&to=10690000&text=hello&ts={ts}")
    assert [row[1] for row in desk.inbox()] == ["hello", "hello"]


def test_an_opt_out_told_again_does_not_undo_what_was_asked_for_since(desk):
    desk.kannel_reply("from=8613800000001&to=1&text=TD&ts=1767225600")
    desk.kannel_reply("from=8613800000001&to=1&text=START&ts=1767225700")
    assert desk.suppressed() == []
    desk.kannel_reply("from=8613800000001&to=1&text=TD&ts=1767225600")
    assert desk.suppressed() == []
    assert [row[2] for row in desk.inbox()] == ["opt_out", "opt_in"]


def test_a_reply_in_ucs_2_is_read(desk):
    raw = quote("退订！".encode("utf-16-be"))
    desk.kannel_reply(f"from=%2B8613800000001&to=1&text={raw}&ts=1767225600&coding=2&charset=UTF-16BE")
    assert desk.inbox()[0][1:3] == ("退订！", "opt_out")


def test_a_reply_with_its_text_in_the_body_is_read(desk):
    path = f"/p/acme/sms/kannel/mo/{KANNEL['callback_token']}?from=13800000001&to=1&ts=1767225600"
    answer = desk.client.post(path, data="请问怎么退订单\r\n谢谢".encode())
    assert (answer.status_code, answer.data) == (200, b"")
    assert desk.inbox() == [(NUMBER, "请问怎么退订单 谢谢", "", "")]
    assert desk.suppressed() == []


def test_a_reply_of_nobody_is_not_kept(desk):
    for query in ("", "from=&text=TD", "from=x&text=TD&ts=1", "from=%00&text=TD", "from=1069&text=TD", "text=TD", "&&"):
        answer = desk.kannel_reply(query)
        assert (answer.status_code, answer.data) == (200, b"")
    assert desk.inbox() == []


def test_any_text_of_a_reply_can_be_kept(desk):
    texts = ("%00%01%02", "%FF%FF%FF", "a" * 9_000, "%ED%A0%80", "%F0%9F%98%80" * 50, "")
    for text in texts:
        assert desk.kannel_reply(f"from=13800000001&text={text}&ts=99999999999999").status_code == 200
    assert len(desk.inbox()) == len(texts)


def test_a_query_of_very_many_fields_is_refused(desk):
    assert desk.kannel_reply("&".join(f"a{number}=1" for number in range(80))).status_code == 422


# Aliyun ----------------------------------------------------------------------

THANKS = {"code": 0, "msg": "接收成功"}


def aliyun_row(**more):
    row = {
        "phone_number": "13800000001",
        "send_time": "2026-01-01 08:00:00",
        "report_time": "2026-01-01 08:00:05",
        "success": True,
        "err_code": "DELIVERED",
        "err_msg": "用户接收成功",
        "sms_size": "1",
        "biz_id": "ref-1",
        "out_id": "",
    }
    return {**row, **more}


def test_aliyuns_receipt_finds_its_message_by_our_id(desk):
    uid = desk.message("aliyun")
    answer = desk.aliyun(aliyun_row(out_id=uid, biz_id="other"))
    assert (answer.status_code, answer.get_json()) == (200, THANKS)
    assert desk.state(uid) == ("delivered", "DELIVERED")
    with desk.brand as brand:
        assert brand.outreach.message(uid).final_at == 1_767_225_605_000  # 08:00:05 in Beijing


def test_aliyuns_receipt_of_a_batch_finds_its_message_by_biz_id_and_number(desk):
    uids = [desk.message("aliyun", address=f"+861380000000{digit}") for digit in (1, 2)]
    desk.aliyun(aliyun_row(phone_number="13800000002", success=False, err_code="MK:0001", err_msg="空号"))
    assert [desk.state(uid) for uid in uids] == [("sent", ""), ("failed", "MK:0001")]


def test_a_receipt_of_aliyun_that_comes_too_early_is_asked_for_again(desk):
    answers = []

    def answer(message):
        answers.append(desk.aliyun(aliyun_row()))
        return SendResult.accepted("ref-1")

    desk.answer = answer
    uid = desk.message("aliyun")
    assert answers[0].status_code == 503
    assert desk.state(uid)[0] == "sent"
    assert desk.aliyun(aliyun_row()).get_json() == THANKS
    assert desk.state(uid)[0] == "delivered"


def test_a_receipt_tells_what_became_of_a_batch_that_had_no_answer(desk):
    desk.answer = lambda message: SendResult.unknown("time-out")
    uid = desk.message("aliyun")
    desk.aliyun(aliyun_row(biz_id="never seen", send_time="2026-01-01 11:00:00"))
    assert desk.state(uid)[0] == "unknown"  # sent at another time: not this one
    desk.aliyun(aliyun_row(biz_id="never seen"))
    assert desk.state(uid)[0] == "delivered"


def test_of_two_messages_that_fit_a_receipt_neither_is_taken(desk):
    desk.answer = lambda message: SendResult.unknown("time-out")
    uids = [desk.message("aliyun"), desk.message("aliyun")]
    desk.aliyun(aliyun_row(biz_id="never seen"))
    assert [desk.state(uid)[0] for uid in uids] == ["unknown", "unknown"]


def test_a_receipt_of_another_application_of_the_account_is_thanked_for(desk):
    assert desk.aliyun(aliyun_row(phone_number="13911112222", biz_id="x", out_id="y")).get_json() == THANKS


def test_aliyuns_replies_count_once(desk):
    row = {
        "phone_number": "13800000001",
        "send_time": "2026-01-01 08:00:00",
        "content": "R",
        "sign_name": "示例",
        "dest_code": "1234",
        "sequence_id": 1234567890,
    }
    for _ in range(2):
        answer = desk.post(f"aliyun/mo/{ALIYUN['callback_token']}", [row])
        assert (answer.status_code, answer.get_json()) == (200, THANKS)
    assert desk.inbox() == [(NUMBER, "R", "opt_out", "")]
    assert desk.suppressed() == ["opt_out"]


# Tencent ---------------------------------------------------------------------


def tencent_row(**more):
    row = {
        "user_receive_time": "2026-01-01 08:00:05",
        "nationcode": "86",
        "mobile": "13800000001",
        "report_status": "SUCCESS",
        "errmsg": "DELIVRD",
        "description": "用户短信送达成功",
        "sid": "ref-1",
        "ext": "",
    }
    return {**row, **more}


def test_tencents_receipts_find_their_message_by_sid_or_by_our_id(desk):
    first = desk.message("tencent")
    answer = desk.tencent(tencent_row())
    assert (answer.status_code, answer.get_json()) == (200, {"result": 0, "errmsg": "OK"})
    second = desk.message("tencent")
    desk.tencent(tencent_row(sid="other", ext=second, report_status="FAIL", errmsg="MK:0012", description="停机"))
    assert [desk.state(first), desk.state(second)] == [("delivered", "DELIVRD"), ("failed", "MK:0012")]


def test_tencents_replies_are_taken(desk):
    row = {"extend": "12", "mobile": "13800000001", "nationcode": "86", "sign": "示例", "text": "TD", "time": 1767225600}
    for _ in range(2):
        assert desk.post(f"tencent/mo/{TENCENT['callback_token']}", row).get_json() == {"result": 0, "errmsg": "OK"}
    assert desk.inbox() == [(NUMBER, "TD", "opt_out", "")]


BAD_PUSHES = [
    b"",
    b"null",
    b"7",
    b'"x"',
    b"{}",
    b"[]",
    b"[null, 1, [], {}]",
    b"not json",
    b"\xff\xfe",
    b"[" * 200_000,
    b'[{"phone_number": {"a": 1}, "success": 1, "biz_id": [], "sequence_id": {}}]',
    b'[{"phone_number": "\\u0000", "success": true}]',
    b'[{"phone_number":"13800000001","success":true,"biz_id":"\\ud800","out_id":"\\u0000","err_code":"\\u0000"}]',
    b'[{"phone_number":"13800000001","success":"yes","content":7,"sequence_id":null}]',
    b'[{"nationcode":"86","mobile":"13800000001","report_status":"SUCCESS","sid":"\\u0000","errmsg":{}}]',
    b'[{"nationcode":86,"mobile":13800000001,"report_status":true}]',
    b'[{"phone_number":"13800000001","success":true,"report_time":"9999-99-99","biz_id":"b"}]',
    b"[" + b'{"phone_number":"1"},' * 40_000 + b"{}]",
    b'["' + b"x" * 2_000_000 + b'"]',
]


def test_garbage_in_a_push_has_no_effect_and_is_no_failure_of_ours(desk):
    uid = desk.message("aliyun")
    for path in ("aliyun/report", "aliyun/mo", "tencent/report", "tencent/mo"):
        token = ALIYUN["callback_token"] if path.startswith("aliyun") else TENCENT["callback_token"]
        for body in BAD_PUSHES:
            assert desk.post(f"{path}/{token}", body).status_code in (200, 400, 413), (path, body[:80])
    assert desk.state(uid)[0] == "sent"
    assert desk.inbox() == []


# Twilio ----------------------------------------------------------------------


def test_twilios_callbacks_may_come_out_of_order(desk):
    uid = desk.message("twilio")
    for status in ("queued", "delivered", "sent", "undelivered"):
        form = {"MessageSid": "SM1", "MessageStatus": status, "To": NUMBER, "AccountSid": TWILIO["account_sid"]}
        answer = desk.twilio(f"twilio/status?id={uid}", form)
        assert (answer.status_code, answer.data) == (200, b"")
    assert desk.state(uid)[0] == "delivered"


def test_twilios_error_code_is_kept(desk):
    uid = desk.message("twilio")
    desk.twilio(f"twilio/status?id={uid}", {"MessageSid": "SM1", "MessageStatus": "undelivered", "ErrorCode": "30006"})
    assert desk.state(uid) == ("failed", "30006")


def test_a_callback_that_twilio_did_not_sign_is_refused(desk):
    uid, other = desk.message("twilio"), desk.message("twilio")
    form = {"MessageSid": "SM1", "MessageStatus": "failed"}
    assert desk.twilio(f"twilio/status?id={uid}", form, key="wrong").status_code == 403
    assert desk.client.post(f"/p/acme/sms/twilio/status?id={uid}", data=form).status_code == 403
    # The signature of one message's callback does not fit another's.
    text = f"{PUBLIC}/p/acme/sms/twilio/status?id={uid}MessageSidSM1MessageStatusfailed"
    signature = base64.b64encode(hmac.new(b"12345", text.encode(), "sha1").digest()).decode()
    headers = {"X-Twilio-Signature": signature}
    assert desk.client.post(f"/p/acme/sms/twilio/status?id={other}", data=form, headers=headers).status_code == 403
    assert [desk.state(uid)[0], desk.state(other)[0]] == ["sent", "sent"]


def test_twilio_says_itself_what_it_took_a_message_for(desk):
    said = [("Please stop", "STOP", "opt_out"), ("yes", "START", "opt_in"), ("help", "HELP", ""), ("STOP", "", "opt_out")]
    for number, (text, kind, _) in enumerate(said):
        form = {"MessageSid": f"SM{number}", "From": "+14155550123", "To": "+15005550006", "Body": text}
        for _ in range(2):
            answer = desk.twilio("twilio/mo", form | ({"OptOutType": kind} if kind else {}))
            assert answer.status_code == 200
            assert answer.data.endswith(b"<Response></Response>")
    assert desk.inbox() == [("+14155550123", text, handled, "") for text, _, handled in said]
    assert desk.suppressed("+14155550123") == ["opt_out"]


BAD_FORMS = [
    {"MessageStatus": "delivered"},
    {"MessageStatus": "exploded", "MessageSid": "SM1"},
    {"MessageStatus": "\x00", "MessageSid": "\x00"},
    {"From": "nobody", "Body": "STOP"},
    {"a" * 3_000: "b"},
]


def test_garbage_that_twilio_signed_has_no_effect(desk):
    uid = desk.message("twilio")
    for form in BAD_FORMS:
        for path in ("twilio/status", "twilio/status?id=%00", f"twilio/status?id={'0' * 32}", "twilio/mo"):
            assert desk.twilio(path, form).status_code == 200
    assert desk.state(uid)[0] == "sent"
    assert desk.inbox() == []
