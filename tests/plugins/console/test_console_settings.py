"""Settings of plugins in the console: a form of the schema, a preview, the brand's file; two at once; secrets; who may."""

from __future__ import annotations

import re
from html import unescape

import pytest
from console_scene import EVIL, ROOT

from scrm_core.services import audit

PAGE = "b/acme/settings/tea-room"
TABLE = """[plugins.tea-room]
cups = 3        # as the tray takes
kinds = ["oolong", "puer"]
key = "very-secret-word"
prices = { oolong = 900 }
"""


@pytest.fixture
def file(house):
    path = house.brand_file("acme")
    path.write_text(path.read_text("utf-8").replace("[plugins.tea-room]\n", TABLE), "utf-8")
    return path


def fields(text):
    """What the form would send as it stands."""
    form = dict(re.findall(r'<input type="hidden" name="(state|result)" value="(\w+)">', text))
    form |= {name: unescape(value) for name, value in re.findall(r'<input type="text"[^>]*name="(s\.\w+)" value="([^"]*)"', text)}
    form |= {name: unescape(value) for name, value in re.findall(r'<textarea[^>]*name="(s\.\w+)"[^>]*>([^<]*)</textarea>', text)}
    for name, options in re.findall(r'<select[^>]*name="(s\.\w+)".*?>(.*?)</select>', text):
        chosen = re.search(r'value="(\w*)" selected', options)
        form[name] = chosen[1] if chosen else ""
    return form | ({"enabled": "1"} if re.search(r'name="enabled" value="1" checked', text) else {})


def changes(text):
    return {
        key: (unescape(before), unescape(after))
        for key, before, after in re.findall(r'data-change="(\w+)".*?<del>([^<]*)</del> → <ins>([^<]*)</ins>', text)
    }


def notes(brand):
    with brand:
        return [(each.actor, each.action, each.target, each.detail) for each in audit.page()]


def test_a_change_is_previewed_written_with_the_files_comments_and_holds_at_once(browser, house, file):
    otto = browser("otto")
    form = fields(otto.get(PAGE).text)
    assert {name: form[f"s.{name}"] for name in ("cups", "kinds", "leaf", "sugar", "prices")} == {
        "cups": "3", "kinds": "oolong\npuer", "leaf": "", "sugar": "", "prices": "{oolong = 900}",
    }  # fmt: skip
    before = file.read_text("utf-8")
    typed = form | {"s.cups": "6", "s.sugar": "true", "s.leaf": "black", "s.kinds": "", "s.prices": "{oolong = 900, puer = 1200}"}
    shown = otto.post(f"{PAGE}/preview", **typed)
    assert shown.status_code == 200 and file.read_text("utf-8") == before
    assert changes(shown.text) == {
        "cups": ("3", "6"), "sugar": ("–", "true"), "leaf": ("–", '"black"'), "kinds": ('["oolong", "puer"]', "–"),
        "prices": ("{oolong = 900}", "{oolong = 900, puer = 1200}"),
    }  # fmt: skip
    done = otto.post(f"{PAGE}/write", **fields(shown.text))
    assert done.location == f"{ROOT}{PAGE}?done=written"
    now = file.read_text("utf-8")
    assert "cups = 6        # as the tray takes" in now and 'key = "very-secret-word"' in now and "kinds" not in now
    settings = house.brand("acme").plugins["tea-room"].settings
    assert (settings["cups"], settings["sugar"], settings["leaf"], settings["prices"]) == (6, True, "black", {"oolong": 900, "puer": 1200})
    ((who, action, target, detail),) = notes(house.brand("acme"))
    assert (who, action, target) == ("user:otto", "settings.write", "plugin:tea-room")
    assert detail["before"]["cups"] == "3" and detail["after"]["cups"] == "6"
    assert notes(house.brand("moonco")) == [] and house.brand("moonco").plugins["tea-room"].settings["cups"] == 4


def test_what_would_not_work_is_told_at_its_key_and_never_written(browser, file):
    otto = browser("otto")
    form, before = fields(otto.get(PAGE).text), file.read_text("utf-8")
    for typed, told in (
        ({"s.cups": "13"}, "Must be greater than or equal to 1 and less than or equal to 12"), ({"s.cups": "many"}, "must be a whole number"),
        ({"s.prices": "{oolong = "}, "not valid TOML"), ({"s.prices": "{oolong = 1.5}"}, "Not a valid integer"),
        ({"s.leaf": "black"}, "no black tea is sold without sugar"), ({"s.sign": "env:NOT_SET_ANYWHERE"}, "is not set"),
    ):  # fmt: skip
        shown = otto.post(f"{PAGE}/preview", **(form | typed))
        assert shown.status_code == 422 and told in unescape(shown.text), typed
        ((name, value),) = typed.items()
        assert fields(shown.text)[name] == value, "what was typed stays"
        assert otto.post(f"{PAGE}/write", **(form | typed), result="0" * 64).status_code == 422
    assert file.read_text("utf-8") == before


def test_a_chinese_page_tells_usual_mistakes_in_chinese_and_what_a_plugins_own_check_says_as_it_is(browser, file):
    otto = browser("otto", "zh")
    form = fields(otto.get(PAGE).text)
    for typed, told in (
        ({"s.cups": "13"}, "请填写 1 到 12 之间的数"), ({"s.cups": "many"}, "请填写整数"),
        ({"s.prices": "{oolong = 1.5}"}, "oolong: value: 请填写整数"), ({"s.leaf": "black"}, "no black tea is sold without sugar"),
    ):  # fmt: skip
        text = unescape(otto.post(f"{PAGE}/preview", **(form | typed)).text)
        assert text.count(told) == (1 if "black" in told else 2), "in the list and at its key"
        assert "Must be" not in text and "must be" not in text and "Not a valid" not in text


def test_the_second_of_two_operators_is_told_and_what_they_typed_is_kept(browser, house, file):
    otto, mia = browser("otto"), browser("mia")
    form = fields(otto.get(PAGE).text)
    second = fields(mia.post(f"{PAGE}/preview", **(fields(mia.get(PAGE).text) | {"s.cups": "9"})).text)
    otto.post(f"{PAGE}/write", **fields(otto.post(f"{PAGE}/preview", **(form | {"s.cups": "6"})).text))
    refused = mia.post(f"{PAGE}/write", **second)
    assert refused.status_code == 409
    assert "Somebody changed this" in refused.text and "user:otto" in refused.text
    assert changes(refused.text) == {"cups": ("6", "9")} and fields(refused.text)["s.cups"] == "9"
    assert house.brand("acme").plugins["tea-room"].settings["cups"] == 6
    assert mia.post(f"{PAGE}/write", **fields(refused.text)).status_code == 303
    assert house.brand("acme").plugins["tea-room"].settings["cups"] == 9


def test_what_was_not_previewed_is_previewed_before_it_is_written(browser, file):
    otto = browser("otto")
    shown = fields(otto.post(f"{PAGE}/preview", **(fields(otto.get(PAGE).text) | {"s.cups": "6"})).text)
    again = otto.post(f"{PAGE}/write", **(shown | {"s.cups": "7"}))
    assert again.status_code == 200 and changes(again.text) == {"cups": ("3", "7")}
    assert "cups = 3" in file.read_text("utf-8")


def test_no_secret_is_shown_and_an_empty_field_keeps_it(browser, house, file):
    file.write_text(file.read_text("utf-8") + '[plugins.tea-room.gateways.main]\ntoken = "another-secret"\n', "utf-8")
    otto = browser("otto")
    text = otto.get(PAGE).text
    assert "very-secret-word" not in text and "another-secret" not in text and "It holds secrets" in text
    kept = otto.post(f"{PAGE}/preview", **(fields(text) | {"s.cups": "5", "s.key": ""}))
    assert list(changes(kept.text)) == ["cups"]
    other = otto.post(f"{PAGE}/preview", **(fields(text) | {"s.key": "brand-new-secret"}))
    assert changes(other.text) == {"key": ("(secret)", "(secret)")} and "brand-new-secret" not in other.text
    gone = otto.post(f"{PAGE}/preview", **(fields(text) | {"unset.key": "1"}))
    assert changes(gone.text) == {"key": ("(secret)", "–")}
    otto.post(f"{PAGE}/write", **(fields(gone.text) | {"unset.key": "1"}))
    assert "very-secret-word" not in file.read_text("utf-8") and "another-secret" in file.read_text("utf-8")
    assert "secret-word" not in str(notes(house.brand("acme")))


def test_a_plugin_is_switched_off_and_on_and_keeps_its_settings_and_the_console_stays(browser, house, file):
    otto = browser("otto")
    form = fields(otto.get(PAGE).text)
    form.pop("enabled")
    otto.post(f"{PAGE}/write", **{name: value for name, value in fields(otto.post(f"{PAGE}/preview", **form).text).items() if name != "enabled"})
    assert "tea-room" not in house.brand("acme").plugins and "enabled = false" in file.read_text("utf-8")
    back = otto.post(f"{PAGE}/preview", **(fields(otto.get(PAGE).text) | {"enabled": "1"}))
    assert changes(back.text) == {"enabled": ("false", "–")}
    otto.post(f"{PAGE}/write", **fields(back.text))
    assert house.brand("acme").plugins["tea-room"].settings["cups"] == 3
    assert 'name="enabled"' not in otto.get("b/acme/settings/console").text
    assert "has nothing to set" in otto.get("b/acme/settings/console").text
    assert otto.get("b/acme/settings/none").status_code == otto.get("b/acme/settings/..%2f..").status_code == 404


def test_a_plugin_that_is_off_says_what_it_is_and_its_form_begins_with_what_it_needs(browser, file):
    otto = browser("otto")
    (row,) = re.findall(r'data-plugin="wecom">(.*?)</tr>', otto.get("b/acme/plugins").text, re.S)
    form = otto.get("b/acme/settings/wecom").text
    for shown in (row, form):
        assert "WeCom 企业微信:" in shown
    first, second, *_ = re.findall(r'<div class="setting" id="f-(\w+)"', form)
    assert (first, second) == ("corp_id", "archive"), "what is required, then the others in the schema's order"


def test_settings_are_for_those_whose_role_includes_them_and_shown_as_text(browser, file):
    for name in ("cleo", "ana"):
        visitor = browser(name)
        assert visitor.get(PAGE).status_code == visitor.post(f"{PAGE}/write").status_code == 403
    otto = browser("otto")
    text = otto.post(f"{PAGE}/preview", **(fields(otto.get(PAGE).text) | {"s.sign": EVIL})).text
    assert "<script>alert" not in text
    assert browser("luna").get(PAGE).status_code == 404
    assert f'href="{ROOT}{PAGE}"' in otto.get("b/acme/plugins").text
    assert "/settings/" not in browser("ana").get("b/acme/plugins").text


def test_the_page_asks_few_queries(browser, file, asked):
    otto = browser("otto")
    asked.clear()
    assert otto.get(PAGE).status_code == 200
    assert 1 <= len(asked) <= 12
