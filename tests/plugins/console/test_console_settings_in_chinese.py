"""Settings and summaries of plugins in Chinese: all bundled ones have them, a plugin without is shown in English."""

from __future__ import annotations

import re
from html import unescape
from importlib.metadata import entry_points

import pytest
from console_scene import EVIL, ROLES, WORD, Browser

from scrm_core.web import create_app

BUNDLED = {each.name: each.load() for each in entry_points(group="scrm.plugins")}
CHINESE = re.compile(r"[\u4e00-\u9fff]")
SETTINGS = [
    (name, key, field.metadata["description"])
    for name, cls in BUNDLED.items()
    if cls.Settings is not None
    for key, field in cls.Settings().fields.items()
]


@pytest.fixture
def everything(new_installation, monkeypatch):
    """A house with all bundled plugins, of which acme has only the console on."""
    installation = new_installation(plugins=tuple(BUNDLED.values()), acme="\n[plugins.console]\n")
    monkeypatch.setattr("scrm_core.users.passwords._METHOD", "scrypt:1024:8:1")
    installation.users.create("otto", WORD)
    installation.users.set_role("otto", "acme", ROLES["otto"]["acme"])
    return create_app(installation)


def meanings(text: str) -> dict[str, str]:
    return {key: unescape(words) for key, words in re.findall(r'<span id="m-(\w+)">([^<]*)', text)}


def test_the_bundled_plugins_are_looked_at():
    assert {"sms", "wecom", "koc", "points", "live-code"} < BUNDLED.keys() and len(SETTINGS) > 150


def test_every_setting_of_a_bundled_plugin_says_in_chinese_what_it_says_in_english():
    units = {"basis points": "基点", "minor unit": "最小货币单位", "minutes": "分钟", "seconds": "秒"}
    for name, key, english in SETTINGS:
        chinese, place = BUNDLED[name].settings_zh[key], f"{name}.{key}"
        assert CHINESE.search(chinese), place
        # Limits, examples and the words that stand in the file are the same in both.
        named = set(re.findall(r"\d[\d,./]*", english)) | set(re.findall(r"`[^`]+`|\[[\w.-]+\]|env:\w+", english))
        assert {each for each in named if each.rstrip(",.") not in chinese} == set(), place
        for unit, words in units.items():
            assert unit not in english or words in chinese, (place, unit)
        assert not key.endswith("_minor") or "最小货币单位" in chinese, place
        assert not key.endswith("_bp") or "基点" in chinese, place


def test_the_chinese_settings_pages_of_bundled_plugins_show_no_english_description(everything):
    otto = Browser(everything, "otto", "zh")
    listed = unescape(otto.get("b/acme/plugins").text)
    for name, cls in BUNDLED.items():
        text = unescape(otto.get(f"b/acme/settings/{name}").text)
        shown = meanings(text)
        for key in (key for of, key, _ in SETTINGS if of == name):
            assert CHINESE.search(shown[key]), (name, key)
        for english in (english for of, _, english in SETTINGS if of == name):
            if " " in english:  # a table's name such as [plugins.sms.kannel] is the same in both
                assert english not in text
        assert CHINESE.search(cls.summary_zh) and cls.summary_zh in text and cls.summary_zh in listed
        assert cls.summary not in listed
    assert BUNDLED["sms"].summary in Browser(everything, "otto", "en").get("b/acme/plugins").text


def test_a_setting_without_chinese_is_described_in_english_and_what_there_is_is_escaped(browser):
    chinese = browser("otto", "zh").get("b/acme/settings/tea-room").text
    english = browser("otto").get("b/acme/settings/tea-room").text
    shown = meanings(chinese)
    assert shown["cups"].startswith(f"托盘上的杯数 {EVIL}") and shown["sign"].startswith(EVIL)
    assert meanings(english)["cups"].startswith("cups on a tray")
    assert f"茶室 {EVIL}" in unescape(chinese) and "茶室" not in english and EVIL not in chinese
