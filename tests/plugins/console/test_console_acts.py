"""What forms on plugins' pages do: as the user, wholly or not at all, in one brand, refused with what was typed."""

from __future__ import annotations

import re

import pytest
from console_scene import EVIL

KETTLE = "b/acme/x/tea-room/kettle"


def kept(browser, brand: str = "acme") -> str:
    return re.search(r"data-cups>(.*?)<", browser.get(f"b/{brand}/x/tea-room/kettle").text)[1]


def test_a_form_on_a_plugins_page_acts_as_the_user_and_leads_on(browser, brands):
    otto = browser("otto")
    assert "1970-01-01 08:00 ¥12.50 – 0001-01-01 12,345 – -¥12,345.67" in otto.get(KETTLE).text
    answer = otto.post(f"{KETTLE}?cup=one", act="brew", name="regulars")
    assert (answer.status_code, answer.location) == (303, f"/staff/console/{KETTLE}?cup=one&done=brewed")
    assert kept(otto) == "regulars"
    with brands[0] as brand:
        (entry,) = brand.audit.page(action="segment.save", limit=5)
        assert entry.actor == "user:otto"
    assert kept(browser("mia"), "moonco") == ""


def test_an_act_that_is_refused_did_nothing_and_shows_the_page_with_what_was_typed(browser):
    otto = browser("otto")
    otto.get(KETTLE)
    answer = otto.post(KETTLE, act="brew", name="")
    assert answer.status_code == 422
    assert "a cup has a name" in re.search(r"data-refused>(.*?)</p>", answer.text)[1] and "<script>alert" not in answer.text
    assert kept(otto) == ""
    long = otto.post(KETTLE, act="brew", name="x" * 500)
    assert long.status_code == 422 and f'value="{"x" * 500}"' in long.text
    typed = otto.post(KETTLE, act="brew", name=f'"{EVIL}' + "x" * 500)
    assert typed.status_code == 422 and "<script>alert" not in typed.text


@pytest.mark.parametrize("form", [{"act": "brew", "name": "boom"}, {"act": "spill"}])
def test_an_act_that_fails_did_nothing_and_costs_its_page_alone(browser, caplog, form):
    otto = browser("otto")
    otto.get(KETTLE)
    answer = otto.post(KETTLE, **form)
    assert answer.status_code == 500 and "The plugin tea-room failed" in answer.text and "boils over" not in answer.text
    assert "plugin tea-room failed" in caplog.text
    assert kept(otto) == ""


def test_an_act_needs_its_own_permission_its_brand_its_name_and_a_genuine_form(browser):
    ana = browser("ana")
    assert "brew" not in ana.get(KETTLE).text
    assert ana.post(KETTLE, act="brew", name="x").status_code == 403
    otto = browser("otto")
    otto.get(KETTLE)
    assert otto.post("b/moonco/x/tea-room/kettle", act="brew", name="x").status_code == 404
    assert otto.post(KETTLE, act="boil", name="x").status_code == 404
    assert otto.post("b/acme/x/tea-room/cups", act="brew", name="x").status_code == 404
    assert otto.post(KETTLE, act="brew", name="x", csrf="0" * 64).status_code == 403
    assert kept(otto) == ""


def test_a_page_about_one_thing_is_in_no_menu_and_says_when_there_is_none(browser):
    otto = browser("otto")
    assert "Kettle" not in otto.get("b/acme/").text
    assert otto.get(f"{KETTLE}?cup=two").status_code == 404
    inside = otto.get(f"{KETTLE}?inside=1").text.strip()
    assert inside.startswith("<form") and "<html" not in inside


def test_a_file_of_a_plugin_can_do_nothing_in_the_browser(browser):
    picture = browser("otto").get(f"{KETTLE}?picture=1")
    assert picture.mimetype == "image/svg+xml" and picture.headers["X-Content-Type-Options"] == "nosniff"
    assert picture.headers["Content-Disposition"] == 'inline; filename="kettle.svg"'
    assert "sandbox" in picture.headers["Content-Security-Policy"]


def test_a_session_that_is_over_keeps_what_was_typed_into_a_plugins_form(browser):
    otto = browser("otto")
    otto.get(KETTLE)
    otto.client.delete_cookie("scrm_staff", path="/staff/")
    answer = otto.post(f"{KETTLE}?cup=one", act="brew", name="evening tea")
    assert answer.status_code == 401 and "evening tea" in answer.text
