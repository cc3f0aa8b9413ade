"""On a Chinese page of WeCom nothing that is refused is told in English, and every error has its words."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from staff_desk import codes_of, desks, english, refusal
from wecom_whole import AT, EVERYBODY, Whole, draft

from scrm_core.api import execute
from scrm_wecom import WecomPlugin, console
from scrm_wecom.client.codes import CODES, refused
from scrm_wecom.console_notes import CODES_ZH, in_chinese
from scrm_wecom.console_refusals import REFUSALS

CHINESE = re.compile("[\u4e00-\u9fff]")
FOR = {"channel": "spring", "title": "新客礼", "first": "2026-01-01", "last": "2026-12-31"}
LINK = {"act": "make", "code": "june", "name": "x", "staff": "staff001", **FOR}
MOMENT = {"act": "post", "code": "m4", "text": "x", "confirm": "on"}
SEND = {"act": "open", "code": "june", "text": "x", "segment": EVERYBODY, "kind": "marketing"}
PAGES = ("connection", "callbacks", "staff", "alone", "tags", "sends", "moments", "links", "archive", "progress")
OF_THE_CORE = {"changed", "invalid", "not_found", "run_exists", "run_state", "segment", "text", "text_character", "text_length"}


@pytest.fixture
def whole(staffed) -> Whole:
    whole = staffed().synced()
    with whole.brand as brand:
        brand.channels.create("spring")
        wecom = brand.plugins["wecom"].wecom
        for code in ("m1", "m2", "m3"):
            wecom.moments.post(code, {"text": "x"})
    return whole


def test_whatever_an_act_is_refused_for_is_told_in_the_language_of_the_page(whole, monkeypatch):
    desk = desks(whole.installation, monkeypatch)
    chinese, other = desk("mia", "zh"), desk("mia")
    chinese.get(f"{AT}links")
    draft(whole, other)
    other.post(f"{AT}links", **{**LINK, "code": "may"})
    whole.work()
    late = {"act": "resume", "code": "may", "seen": "live/0"}
    acts = (
        ("connection", {"act": "stop", "seen": "/0/"}, "您打开页面后状态已改变", "not as the page showed it"),
        ("connection", {"act": "sync"}, "页面已过期", "does not say what its page showed"),
        ("tags", {"act": "retry", "follow": "999", "seen": ""}, "没有找到", "do not wait any more"),
        ("moments", {**MOMENT, "confirm": ""}, "每日上限", "moments a day are made at most"),
        ("moments", {"act": "post", "code": "m4", "text": "x"}, "请勾选确认", "tick that you mean it"),
        ("moments", {**MOMENT, "code": "m1"}, "朋友圈编码已被使用", "is called"),
        ("moments", {**MOMENT, "tags": "a/b"}, "没有这个标签", "has no tag"),
        ("moments", {**MOMENT, "text": ""}, "请填写文字", "a text, attachments, or both"),
        ("sends", {**SEND, "code": "may"}, "群发编码已被使用", "is called"),
        ("sends", {**SEND, "segment": "ordres > 1"}, "人群表达式第 1 行第 1 个字符处有误", "line 1, column 1"),
        ("sends", {**SEND, "code": "x" * 61}, "请填写编码", "1 to 60 letters"),
        ("moments", {**MOMENT, "code": "x y/../z"}, "请填写编码", "1 to 60 letters"),
        ("sends", {**SEND, "kind": "x"}, "请选择类型", "one of marketing"),
        ("send?code=may", {"act": "start", "seen": "draft"}, "请勾选确认", "tick that you mean it"),
        ("send?code=may", {"act": "cancel", "seen": "draft", "reason": ""}, "请填写原因", "say why"),
        ("links", {**LINK, "code": "may"}, "链接编码已被使用", "is called"),
        ("links", {**LINK, "code": "a/b"}, "请填写编码", "1 to 60 letters"),
        ("links", {**LINK, "name": "x" * 31}, "文字太长", "at most 30 characters"),
        ("links", {**LINK, "staff": ""}, "成员的 userid", "answered by members"),
        ("links", {**LINK, "departments": "x"}, "部门编号为数字", "no number of a department"),
        ("links", {**LINK, "channel": ""}, "请选择渠道", "names the channel"),
        ("links", {**LINK, "channel": "none"}, "没有找到", "no channel"),
        ("links", {**LINK, "title": ""}, "请填写活动名称", "has a title"),
        ("links", {**LINK, "first": ""}, "请填写开始日", "2026-03-01"),
        ("links", {**LINK, "last": "x"}, "请填写结束日", "2026-03-01"),
        ("links", {**LINK, "first": "0001-01-01"}, "开始日不早于 1970 年", "does not begin before 1970"),
        ("links", {**LINK, "first": "2026-02-02", "last": "2026-02-01"}, "结束日早于开始日", "before the first"),
        ("links", {**LINK, "first": "2025-02-01", "last": "2025-02-02"}, "没有进行中或即将开始的活动", "activity is over"),
        ("links", {**late, "act": "renew"}, "链接当前状态", "is not made anew"),
        ("links", {**late, "seen": "live/1"}, "您打开页面后状态已改变", "somebody changed this link"),
        ("links", {**late, "act": "delete"}, "请勾选确认", "tick that you mean it"),
    )  # fmt: skip
    for page, form, zh, en in acts:
        told = [refusal(browser.post(AT + page, **form)) for browser in (chinese, other)]
        assert zh in told[0] and en in told[1], (form, told)
        assert english(told[0]) == [], told[0]
    typed = chinese.get(f"{AT}reach", segment="((").text
    assert "人群表达式" in typed and english(re.search("data-problem>(.*?)</span>", typed, re.S)[1]) == []


def test_every_error_of_the_plugin_and_every_field_of_its_forms_has_chinese_words():
    needed = codes_of(WecomPlugin) | OF_THE_CORE
    folder = Path(console.__file__).parent / "templates" / "wecom_console"
    tags = [tag for file in folder.glob("*.html") for tag in re.findall("<(?:input|select|textarea)[^>]*>", file.read_text("utf-8"))]
    fields = {re.search('name="([a-z_]+)"', tag)[1] for tag in tags if 'type="hidden"' not in tag}
    needed |= {f"invalid {field}" for field in fields - {"verify"}}  # a box that may be ticked or not
    assert needed - set(REFUSALS) == set()
    assert all(CHINESE.search(words) and english(words) == [] for words in REFUSALS.values())


def test_every_act_tells_refusals_in_the_language_of_the_page():
    acts = {act.method for part in WecomPlugin.console_pages.values() for act in part.acts.values()}
    assert [name for name in sorted(acts) if not hasattr(getattr(WecomPlugin, name), "__wrapped__")] == []


def test_pages_with_everything_that_can_go_wrong_have_no_english_sentence(whole, monkeypatch, clock):
    api = "externalcontact/"
    desk = desks(whole.installation, monkeypatch)
    mia = desk("mia")
    draft(whole, mia)
    mia.post(f"{AT}links", **{**LINK, "code": "may"})
    mia.post(f"{AT}links", **{**LINK, "first": "2026-01-05"})
    mia.post(f"{AT}connection", act="sync", seen=re.search('name="seen" value="([^"]*)"', mia.get(f"{AT}connection").text)[1])
    for call, code in (("customer_acquisition/create_link", 41095), ("add_moment_task", 45009), ("mark_tag", 48002)):
        whole.simulator.fault("errcode", code, api=api + call)
    whole.simulator.fault("errcode", 45009, api=f"{api}get_corp_tag_list")
    with whole.brand as brand:
        (contact,) = execute("SELECT min(contact_id) FROM wecom_follow").fetchone()
        brand.tags.add(contact, brand.tags.define("mood", "x", plan="test"), actor="mia")
    whole.deliver()
    with whole.brand as brand:
        brand.plugins["wecom"].work()
        execute("UPDATE wecom_link SET starts_at = NULL, ends_at = NULL WHERE code = 'may'")
        execute("INSERT INTO wecom_welcome (channel, audience, content, actor, at, note) VALUES ('', '', '{}', '', 1, 'x')")
        execute("UPDATE wecom_moment SET state = 'unknown', note = 'interrupted', next_at = NULL WHERE code = 'm1'")
        execute("UPDATE message SET state = 'unknown', reason = 'interrupted' WHERE state = 'queued'")
        execute("INSERT INTO wecom_archive (id, seq, lease_until, error, at) VALUES (1, 41, 0, 'no key of version 2', 1)")
        execute("INSERT INTO wecom_unread (seq, note, at) VALUES (40, 'DecryptData refused it', 1)")
        execute("INSERT INTO wecom_link_quota (id, total, balance, at) VALUES (1, 10, 0, 1)")
        now = brand.now()
        execute("INSERT INTO wecom_refusal (hour, kind, count, last_at) VALUES (?, 'signature', 3, ?)", (now // 3_600_000, now))
        warned = list(brand.plugins["wecom"].brand_warnings())
    assert len(warned) > 5
    assert [told for told in map(in_chinese, warned) if told.startswith("原文") or english(told)] == []
    chinese, shown = desk("mia", "zh"), ""
    pages = (*PAGES, "send?code=may", "member?staff=staff001", "tags?state=refused", f"reach?segment={EVERYBODY}")
    for page in pages:
        text = re.sub("原文：[^<]*", "", chinese.get(AT + page).text)
        assert english(re.sub("(?s)<(script|style).*?</\\1>", "", text)) == [], page
        shown += text
    for words in ("获客链接数量已达上限", "应用没有该接口的权限", "获客链接 may 没有活动", "剩余额度 0", "朋友圈 m1 是否已交给员工未知", "send-may 有 10 条"):
        assert words in shown, words


def test_every_code_of_wecom_has_chinese_words():
    assert set(CODES_ZH) == set(CODES)
    for code in (*CODES, 90501, 301052, 99999):
        told = in_chinese(str(refused("externalcontact/get", code)))
        assert CHINESE.search(told) and f"（{code}）" in told and english(told) == [] and "原文" not in told, told
    for kind in ("signature", "corporation", "time", "form"):
        for since, zh in (("taken since 2026-01-01T08:00:00+08:00", "2026-01-01T08:00:00+08:00"), ("ever taken", "启用")):
            said = in_chinese(f"7 tries were refused in 24 hours ({kind}), none was {since}: because")
            assert "7 次" in said and zh in said and english(said) == [], said
    for note in ("chat groups are not compared with WeCom's list: ", "the daily list of chat groups waits: ", "not made within two days. "):
        said = in_chinese(note + str(refused("externalcontact/groupchat/list", 48002)))
        assert "API 权限" in said and english(said) == [], said
    assert in_chinese("something that nobody expected here") == "原文：something that nobody expected here"
    assert in_chinese("the full sync waits: externalcontact/get: no connection to WeCom (ReadTimeout)") == (
        "全量同步等待中：无法连接企业微信（ReadTimeout）"
    )
    assert in_chinese("the full sync waits: next_cursor is the one that was asked with") == (
        "全量同步等待中：企业微信返回的翻页游标无法使用"
    )
    assert in_chinese("已结束") == "已结束"
