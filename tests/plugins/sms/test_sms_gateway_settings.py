"""Settings of gateways: what is missing or wrong is named, secrets are not shown."""

from __future__ import annotations

import pytest
from gateway_servers import KANNEL, TWILIO

from scrm_core.config import PluginEntry, plugin_settings
from scrm_core.errors import ConfigError
from scrm_sms.gateways.numbers import e164, without_plus
from scrm_sms.schemas import Settings


def checked(**table):
    return plugin_settings(None, PluginEntry("sms", True, None, table), Settings, {"KANNEL_PASSWORD": "from outside"})


def problem(**table):
    with pytest.raises(ConfigError) as caught:
        checked(**table)
    return str(caught.value)


def test_without_a_word_a_brand_sends_to_the_console_only():
    settings = checked()
    assert settings["sender"] == "console"
    assert [settings[name] for name in ("kannel", "aliyun", "tencent", "twilio")] == [None] * 4


def test_a_secret_may_come_from_the_environment():
    settings = checked(sender="kannel", kannel={**KANNEL, "password": "env:KANNEL_PASSWORD"})
    assert settings["kannel"]["password"] == "from outside"
    assert settings["kannel"]["url"] == "http://127.0.0.1:13013/cgi-bin/sendsms"
    assert settings["kannel"]["at_once"] == 1


def test_a_sender_without_its_table_is_named():
    assert "[plugins.sms] sender" in problem(sender="twilio")
    assert "[plugins.sms.twilio] is missing" in problem(sender="twilio")


@pytest.mark.parametrize(
    ("table", "key"),
    [
        ({"url": "ftp://x/"}, "url"),
        ({"url": "http://user:pw@host/"}, "url"),
        ({"url": "http://host/?a=b"}, "url"),
        ({"url": "http://host:99999/"}, "url"),
        ({"url": "http:///x"}, "url"),
        ({"username": "a b"}, "username"),
        ({"username": ""}, "username"),
        ({"callback_token": "short"}, "callback_token"),
        ({"callback_token": "a/b" * 10}, "callback_token"),
        ({"at_once": 0}, "at_once"),
        ({"at_once": 51}, "at_once"),
        ({"read_timeout": 1.5}, "read_timeout"),
        ({"read_timeout": 60}, "read_timeout"),
        ({"validity_minutes": -1}, "validity_minutes"),
        ({"pasword": "x"}, "pasword"),
    ],
)
def test_a_wrong_key_is_named_with_its_table(table, key):
    assert f"[plugins.sms.kannel] {key}" in problem(kannel={**KANNEL, **table})


def test_a_wrong_secret_is_not_shown():
    words = problem(kannel={**KANNEL, "callback_token": "geheim!"})
    assert "geheim" not in words and "(secret)" in words


def test_twilio_has_one_sender():
    assert "from_number" in problem(twilio={**TWILIO, "messaging_service_sid": "MG1"})
    assert "from_number" in problem(twilio={**TWILIO, "from_number": ""})


@pytest.mark.parametrize(
    ("text", "region", "number"),
    [
        ("13800000001", "CN", "+8613800000001"),
        ("8613800000001", "CN", "+8613800000001"),
        ("+8613800000001", "CN", "+8613800000001"),
        ("85251234567", "CN", "+85251234567"),
        ("8613800000001", "US", "+8613800000001"),
        ("4155550123", "US", "+14155550123"),
        ("10690000", "CN", None),
        ("", "CN", None),
        ("x", "CN", None),
    ],
)
def test_numbers_of_gateways_become_e164(text, region, number):
    assert e164(text, region) == number


def test_numbers_for_aliyun_have_no_plus():
    assert [without_plus(number) for number in ("+8613800000001", "+85251234567")] == ["13800000001", "85251234567"]
