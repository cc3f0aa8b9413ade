"""Group sends in the console: how many got one, and in words why the others did not."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from staff_desk import desks
from wecom_whole import AT, Whole, draft, held

from scrm_core.api import execute
from scrm_wecom.views import moment_view, send_views


def started(whole: Whole, browser: Any, *codes: str) -> None:
    for code in codes:
        draft(whole, browser, code)
        at = f"{AT}send?code={code}"
        browser.get(at)
        assert browser.post(at, act="start", confirm="on", seen="draft").status_code == 303
        whole.work()


@pytest.mark.parametrize(
    ("acme", "outreach", "english", "chinese"),
    [
        ('group_quota = "1-a-day"\n', 'one_to_one_per_week = "none"', "above WeCom", "超出企业微信限额"),
        ("", "one_to_one_per_week = 1", "had this week", "本周次数已满"),
    ],
)
def test_who_is_kept_back_by_a_limit_is_counted_as_that_and_told_in_words(
    staffed, monkeypatch, acme, outreach, english, chinese
):
    whole = staffed(acme, outreach).synced()
    desk = desks(whole.installation, monkeypatch)
    mia = desk("mia")
    started(whole, mia, "one", "two")
    text = mia.get(f"{AT}sends").text
    first = text[text.index('data-send="two"') : text.index('data-send="one"')]
    assert [held(first, name) for name in ("all", "staff", "sent", "limited", "failed")] == ["10", "0", "0", "10", "0"]
    for language, words, nobody in (("en", english, "reached nobody"), ("zh", chinese, "未触达任何人")):
        browser = desk("otto", language)
        text = browser.get(f"{AT}send?code=two").text
        told = re.sub(r"<[^>]+>", " ", text)
        assert words in told and "veto" not in told and "cap_" not in told and "_quota" not in told
        # A send that nobody got is no success.
        assert nobody in told and f'badge warn">{nobody}' in text
        assert nobody in browser.get(f"{AT}sends").text
    one = mia.get(f"{AT}send?code=one").text
    assert "all handed to the staff" in one and "reached nobody" not in one


def test_a_send_of_which_some_were_kept_back_does_not_say_that_all_were_handed_over(staffed, monkeypatch):
    whole = staffed().synced()
    mia = desks(whole.installation, monkeypatch)("mia")
    draft(whole, mia)
    with whole.brand as brand:
        (someone, *_) = brand.outreach.messages(brand.plugins["wecom"].wecom.sends.get("may").run.id)
        brand.consent.record(someone.contact_id, "marketing_wecom", granted=False, source="test")
    at = f"{AT}send?code=may"
    mia.get(at)
    mia.post(at, act="start", confirm="on", seen="draft")
    whole.work()
    text = mia.get(at).text
    assert "some kept back" in text and "never agreed" in text
    assert [held(text, f'figure="{name}"') for name in ("all", "staff", "limited", "failed")] == ["10", "9", "0", "1"]


def test_who_is_over_wecoms_own_quota_is_counted_as_that_and_who_is_no_friend_is_not(staffed, monkeypatch):
    whole = staffed().synced()
    mia = desks(whole.installation, monkeypatch)("mia")
    draft(whole, mia)
    with whole.brand:
        execute("UPDATE message SET state = 'failed', code = 'status_3' WHERE id = (SELECT min(id) FROM message)")
        execute("UPDATE message SET state = 'failed', code = 'status_2' WHERE id = (SELECT max(id) FROM message)")
    text = mia.get(f"{AT}sends").text
    assert [held(text, name) for name in ("all", "waits", "limited", "failed")] == ["10", "8", "1", "1"]


def test_a_send_that_quiet_hours_hold_says_until_when_in_the_brand_s_zone(staffed, monkeypatch, clock):
    whole = staffed(quiet="21:00-09:00").synced()
    clock.set(datetime(2026, 3, 1, 23, tzinfo=ZoneInfo("Asia/Shanghai")))
    desk = desks(whole.installation, monkeypatch)
    mia, otto = desk("mia"), desk("otto", "zh")
    started(whole, mia, "may")
    for page in (f"{AT}sends", f"{AT}send?code=may"):
        assert "quiet hours: waits until 2026-03-02 09:00" in mia.get(page).text
        assert "免打扰时段，等待至 2026-03-02 09:00" in otto.get(page).text
    with whole.brand as brand:
        (view,) = send_views(brand.plugins["wecom"].wecom.sends.all(), brand)
    assert view["held_until"] == "2026-03-02T09:00:00+08:00"
    for _ in range(10):  # a worker is awake all night
        clock.advance(hours=1)
        whole.work()
    assert len(whole.noted("add_msg_template")) == 1
    assert "data-held" not in mia.get(f"{AT}sends").text + mia.get(f"{AT}send?code=may").text


@pytest.mark.parametrize("some", [False, True])
def test_a_send_of_which_nobody_knows_says_so_until_each_message_is_settled(staffed, monkeypatch, clock, some):
    whole = staffed().synced()
    desk = desks(whole.installation, monkeypatch)
    mia, chinese = desk("mia"), desk("otto", "zh")
    whole.simulator.fault("empty", None, api="externalcontact/add_msg_template", times=1, after=True)
    started(whole, mia, "may")
    with whole.brand as brand:
        plugin = brand.plugins["wecom"]
        run = plugin.wecom.sends.get("may").run
        everybody = [each.uid for each in brand.outreach.messages(run.id, state="unknown")]
        for uid in everybody[:4] if some else []:
            brand.outreach.settle_unknown(uid, "delivered", actor="ann")
    left = 6 if some else 10
    for page in ("sends", "send?code=may"):
        text = mia.get(AT + page).text
        assert "all handed to the staff" not in text
        assert ("of some nobody knows" if some else "nobody knows whether it was handed over") in text
        assert [held(text, name if page == "sends" else f'figure="{name}"') for name in ("staff", "unknown")] == ["0", str(left)]
        assert ("部分结果未知" if some else "是否已提交员工，结果未知") in chinese.get(AT + page).text
    assert "scrm outreach unknown acme wecom send-may" in mia.get(f"{AT}send?code=may").text
    with whole.brand as brand:
        (view,) = send_views(plugin.wecom.sends.all(), brand)
        assert view["reason"] == f"nobody knows whether {left} were handed over"
        (warned,) = [each for each in plugin.brand_warnings() if "send-may" in each]
        assert f"{left} messages" in warned and "scrm outreach settle" in warned
    with whole.installation.brand("moonco") as other:
        assert [each for each in other.plugins["wecom"].brand_warnings() if "nobody knows" in each] == []
    with whole.brand as brand:
        for uid in everybody[4 if some else 0 :]:
            brand.outreach.settle_unknown(uid, "delivered", actor="ann")
        assert [each for each in plugin.brand_warnings() if "send-may" in each] == []
        assert send_views(plugin.wecom.sends.all(), brand)[0]["reason"] == ""
    assert "nobody knows" not in mia.get(f"{AT}send?code=may").text


def test_what_staff_did_not_confirm_for_days_is_with_the_staff_and_warns_of_nothing(staffed, monkeypatch, clock):
    whole = staffed().synced()
    desk = desks(whole.installation, monkeypatch)
    started(whole, desk("mia"), "may")
    clock.advance(hours=73)
    with whole.brand as brand:
        assert brand.outreach.give_up_silent() == 10
        assert [each for each in brand.plugins["wecom"].brand_warnings() if "nobody knows" in each] == []
    text = desk("mia").get(f"{AT}send?code=may").text
    assert held(text, 'figure="staff"') == "10" and "all handed to the staff" in text


def test_a_moment_of_which_nobody_knows_says_so_and_is_warned_of_for_a_week(staffed, monkeypatch, clock):
    whole = staffed().synced()
    mia = desks(whole.installation, monkeypatch)("mia")
    whole.simulator.fault("empty", None, api="externalcontact/add_moment_task", times=1, after=True)
    with whole.brand as brand:
        plugin = brand.plugins["wecom"]
        plugin.wecom.moments.post("may", {"text": "x"})
        plugin.work()
        assert moment_view(plugin.wecom.moments.get("may"), None, brand)["note"].startswith("nobody knows whether staff have it: ")
        assert [each for each in plugin.brand_warnings() if "moment 'may'" in each] != []
    assert "nobody knows" in mia.get(f"{AT}moments").text
    clock.advance(days=8)
    with whole.brand as brand:
        assert [each for each in plugin.brand_warnings() if "moment 'may'" in each] == []
