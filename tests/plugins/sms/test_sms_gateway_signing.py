"""Signatures equal the platforms' published examples, to the last character."""

from __future__ import annotations

import base64
import hashlib
import hmac
from urllib.parse import parse_qs

import pytest

from scrm_sms.gateways.signing import rpc_query, same, tc3_authorization, twilio_signature

ALIYUN_EXAMPLE = {
    "Action": "SendSms",
    "Format": "XML",
    "OutId": "123",
    "PhoneNumbers": "15300000001",
    "RegionId": "cn-hangzhou",
    "SignName": "阿里云短信测试专用",
    "SignatureMethod": "HMAC-SHA1",
    "SignatureNonce": "45e25e9b-0a6f-4070-8c85-2956eda1b466",
    "SignatureVersion": "1.0",
    "TemplateCode": "SMS_71390007",
    "TemplateParam": '{"customer":"test"}',
    "Timestamp": "2017-07-12T02:42:19Z",
    "Version": "2017-05-25",
    "AccessKeyId": "testId",
}


def test_aliyun_signs_like_the_published_example():
    query = rpc_query("GET", ALIYUN_EXAMPLE, "testSecret")
    assert parse_qs(query)["Signature"] == ["zJDF+Lrzhj/ThnlvIToysFRq6t4="]
    assert query.endswith("&Signature=zJDF%2BLrzhj%2FThnlvIToysFRq6t4%3D")


def test_aliyun_encodes_by_rfc_3986():
    query = rpc_query("POST", {"A": "a b*c~d/e+f"}, "s")
    assert query.startswith("A=a%20b%2Ac~d%2Fe%2Bf&Signature=")


def test_the_case_of_an_aliyun_secret_matters():
    assert parse_qs(rpc_query("GET", ALIYUN_EXAMPLE, "testsecret"))["Signature"] != ["zJDF+Lrzhj/ThnlvIToysFRq6t4="]


def test_tencent_signs_like_the_published_example():
    payload = b'{"Limit": 1, "Filters": [{"Values": ["\\u672a\\u547d\\u540d"], "Name": "instance-name"}]}'
    assert hashlib.sha256(payload).hexdigest() == "35e9c5b0e3ae67532d3c9f17ead6c90222632e5b1ff7f6e89887f1398934f064"
    header = tc3_authorization(
        secret_id="AKIDz8krbsJ5yKBZQpn74WFkmLPx3*******",
        secret_key="Gu5t9xGARNpq86cd98joQYCN3*******",
        service="cvm",
        host="cvm.tencentcloudapi.com",
        content_type="application/json; charset=utf-8",
        payload=payload,
        timestamp=1551113065,
    )
    assert header == (
        "TC3-HMAC-SHA256 Credential=AKIDz8krbsJ5yKBZQpn74WFkmLPx3*******/2019-02-25/cvm/tc3_request, "
        "SignedHeaders=content-type;host, "
        "Signature=2230eefd229f582d8b1b891af7107b91597240707d778ab3738f756258d7652c"
    )


def test_twilio_signs_like_the_published_examples():
    url = "https://mycompany.com/myapp.php?foo=1&bar=2"
    fields = {
        "CallSid": "CA1234567890ABCDE",
        "Caller": "+14158675309",
        "Digits": "1234",
        "From": "+14158675309",
        "To": "+18005551212",
    }
    assert twilio_signature("12345", url, fields.items()) == "RSOYDt4T1cUTdK1PDd93/VVr8B8="
    older = fields | {"Caller": "+12349013030", "From": "+12349013030"}
    assert twilio_signature("12345", url, older.items()) == "0/KCTR6DLpKmkAf8muzZqo1nDgQ="


def test_a_repeated_field_of_twilio_counts_once_per_value_in_order():
    text = b"https://a.example/x" + b"MediaUrl" + b"1" + b"MediaUrl" + b"2"
    by_hand = base64.b64encode(hmac.new(b"t", text, hashlib.sha1).digest()).decode()
    fields = [("MediaUrl", "2"), ("MediaUrl", "1"), ("MediaUrl", "2")]
    assert twilio_signature("t", "https://a.example/x", fields) == by_hand


@pytest.mark.parametrize(
    ("given", "expected", "equal"),
    [("a", "a", True), ("a", "b", False), ("", "a", False), ("é", "e", False), ("\ud800", "?", True)],
)
def test_secrets_are_compared_whatever_characters_come(given, expected, equal):
    assert same(given, expected) is equal
