"""Referral campaigns begun in the console: the form, what it costs at worst before it is made, refusals at their fields, drafts changed."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from referral_scene import TABLES, Scene, rung
from staff_desk import desks

from scrm_console import Console
from scrm_core.api import execute
from scrm_core.errors import Conflict, Invalid
from scrm_core.installation import Installation
from scrm_coupon_threshold import CouponThreshold
from scrm_referral import Referral

AT = "b/acme/x/referral/"
NEW = f"{AT}new"
TYPED = {
    "code": "spring", "title": "老带新", "template": "customer", "surface": "mini_program", "mode": "cumulative",
    "ends_at": "2099-05-01T00:00", "quota": "100", "staff": "li\nwang", "gate-member": "on", "gate-first_order": "on",
    "order_min": "10", "rung-0-invites": "5", "rung-0-kind": "product-voucher", "rung-0-item": "soap", "rung-0-value": "30",
    "rung-2-invites": "10", "rung-2-kind": "product-voucher", "rung-2-item": "robe", "rung-2-value": "99.00",
    "rung-2-stock": "20", "rung-2-title": "浴袍", "weight-hasty": "15", "observation_days": "15",
}  # fmt: skip


@pytest.fixture
def house(new_installation: Callable[..., Installation]) -> Installation:
    tables = f"[plugins.console]\n{TABLES}"
    return new_installation(plugins=(Console, CouponThreshold, Referral), acme=tables, moonco=tables)


@pytest.fixture
def desk(house: Installation, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    return desks(house, monkeypatch)


@pytest.fixture
def scene(house: Installation, deliver: Callable[..., None]) -> Scene:
    return Scene(house.brand("acme"), deliver)


def told(text: str, mark: str) -> str:
    found = re.search(rf"data-{mark}>(.*?)<", text)
    return found[1] if found else ""


def wrong(answer: Any) -> dict[str, str]:
    """What is told beside each field that was refused."""
    assert answer.status_code == 422, answer.status_code
    return dict(re.findall(r'data-wrong="([^"]+)">(.*?)</span>', answer.text))


def campaigns(brand: Any) -> list[Any]:
    with brand:
        return execute("SELECT code, state, quota, budget_minor FROM referral_campaign ORDER BY id").fetchall()


def test_a_campaign_is_tried_made_once_published_and_signed_up_for_and_the_audit_log_names_who_made_it(scene, desk):
    mia = desk("mia")
    assert 'href="new"' in mia.get(f"{AT}campaigns").text
    with scene.brand:
        scene.vouchers("soap", "robe")
    shown = mia.press(NEW, "preview", **TYPED)
    # 100 people at 30.00 and 20 robes of 99.00: 3,000.00 and 1,980.00.
    assert shown.status_code == 200 and campaigns(scene.brand) == []
    assert (told(shown.text, "most"), told(shown.text, "worst")) == ("¥4,980.00", "¥4,980.00")
    # The first rung costs 30.00, both 129.00: 12.90 for each of ten friends.
    assert re.search(r'data-rung="10">¥129.00 · each ¥12.90 · two approve<', shown.text)
    assert 'name="rung-2-item" value="robe"' in shown.text and 'name="rung-3-invites"' not in shown.text
    for _ in range(2):
        made = mia.press(NEW, "create", **TYPED)
        assert made.status_code == 303 and made.location.endswith("campaign?code=spring&done=made")
    assert campaigns(scene.brand) == [("spring", "draft", 100, None)]
    with scene.brand:
        made = scene.referrals.campaigns.get("spring").definition
        assert [(each.invites, each.item, each.value_minor, each.stock, each.title) for each in made.ladder] == [
            (5, "soap", 3_000, None, ""), (10, "robe", 9_900, 20, "浴袍"),
        ]  # fmt: skip
        assert [(gate.name, gate.min_minor) for gate in made.gates] == [("member", 1), ("first_order", 1_000)]
        assert (made.staff, made.weights["hasty"], made.weights["refunded"], made.attribution_days) == (("li", "wang"), 15, 20, 30)
        (entry,) = scene.brand.audit.page(target="referral_campaign:spring")
        assert (entry.actor, entry.action) == ("user:mia", "referral_campaign.create")
    assert mia.press(f"{AT}campaign?code=spring", "publish").status_code == 303
    with scene.brand:
        assert scene.inviter("spring")[1]


def test_a_budget_is_the_worst_and_what_is_without_limit_is_told(scene, desk):
    mia = desk("mia", "zh")
    with scene.brand:
        scene.vouchers("soap", "robe")
    capped = mia.press(NEW, "preview", **TYPED, budget="1000").text
    assert (told(capped, "most"), told(capped, "worst")) == ("¥4,980.00", "¥1,000.00") and "先到先得" in capped
    endless = mia.press(NEW, "preview", **{**TYPED, "quota": ""}).text
    assert told(endless, "worst") == "没有上限" and "未设预算" in endless
    # In the mode "highest" the twenty robes go first, eighty of the hundred get soap: 1,980.00 and 2,400.00.
    assert told(mia.press(NEW, "preview", **{**TYPED, "mode": "highest"}).text, "worst") == "¥4,380.00"
    unknown = mia.press(NEW, "preview", **{**TYPED, "rung-0-item": "gold"}).text
    assert 'data-note="problem"' in unknown and "5 人档的奖励无法发放" in unknown


def test_what_is_refused_is_told_beside_its_field_in_the_pages_language_and_kept(scene, desk):
    cases = (
        ({"code": "A b"}, "code", "lower-case letters", "小写字母"),
        ({"title": ""}, "title", "1 to 200 characters", "1 到 200 个字"),
        ({"surface": "h5"}, "surface", "an external link must not", "外部链接不得"),
        ({"ends_at": ""}, "ends_at", "the end lies after", "结束须晚于开始"),
        ({"starts_at": "2099-06-01T00:00"}, "ends_at", "the end lies after", "结束须晚于开始"),
        ({"quota": "0"}, "quota", "above 0; empty: no limit", "留空表示不限"),
        ({"budget": "x"}, "budget", "an amount such as 30.00", "金额，如 30.00"),
        ({"rung-2-invites": "5"}, "rung-2-invites", "more than the rung before", "多于上一档"),
        ({"rung-2-value": ""}, "rung-2-value", "an amount such as 30.00", "金额，如 30.00"),
        ({"rung-0-stock": "-1"}, "rung-0-stock", "above 0; empty: no limit", "留空表示不限"),
        ({"gate-pack": "on", "plugin": "coupon-threshold"}, "event", "only with the pack", "仅用于新人礼包"),
        ({"gate-pack": "on", "plugin": "a", "event": "b", "match": "x"}, "match", "NAME=VALUE", "NAME=VALUE"),
        ({"segment": "orders > 1"}, "segment", "only with the target segment", "仅用于目标人群"),
        ({"gate-target": "on", "segment": "orders >"}, "segment", "a condition such as", "如 orders"),
        ({"template": "group", "surface": "offline_code"}, "gate-member", "joined the group", "入群"),
        ({"weight-hasty": "1001"}, "weight-hasty", "0 to 1,000", "0 到 1,000"),
        ({"hva_days": "0"}, "hva_days", "1 to 3,650", "1 到 3,650"),
        ({"target_url": "javascript:alert(1)"}, "target_url", "https://", "https://"),
    )
    browsers = (desk("mia"), desk("mia", "zh"))
    for typed, field, *words in cases:
        for browser, said in zip(browsers, words, strict=True):
            answer = browser.press(NEW, "create", **{**TYPED, **typed})
            assert wrong(answer).keys() == {field} and said in wrong(answer)[field], (typed, wrong(answer))
            assert f'aria-describedby="wrong-{field}"' in answer.text and 'name="rung-2-title" value="浴袍"' in answer.text
    assert campaigns(scene.brand) == []


def test_another_rung_is_typed_into_and_a_code_of_another_campaign_told_at_the_code(scene, desk):
    mia = desk("mia")
    with scene.brand:
        scene.campaign("spring")
    assert 'name="rung-3-invites"' in mia.press(NEW, "row", **TYPED).text
    assert "exists with another definition" in mia.press(NEW, "preview", **TYPED).text
    assert wrong(mia.press(NEW, "create", **TYPED)).keys() == {"code"}
    assert [row[:2] for row in campaigns(scene.brand)] == [("spring", "open")]


def test_a_draft_is_changed_and_the_second_of_two_people_is_told(scene, desk):
    mia, otto = desk("mia"), desk("otto")
    page = f"{AT}change?code=spring"
    mia.press(NEW, "create", **{**TYPED, "gate-pack": "on", "plugin": "coupon-threshold", "event": "claimed", "match": 'batch="77"\nn=3'})
    with scene.brand:
        body = scene.referrals.campaigns.body(scene.referrals.campaigns.get("spring"))
    assert next(each for each in body["gates"] if each["gate"] == "pack")["match"] == {"batch": "77", "n": 3}
    text = mia.get(page).text
    for name, value in (("rung-0-value", "30.00"), ("rung-1-stock", "20"), ("order_min", "10.00"), ("ends_at", "2099-05-01T00:00")):
        assert f'name="{name}" value="{value}"' in text
    # A form that is sent as it was found changes nothing, and is no act.
    shown = dict(re.findall(r'<input type="(?:text|datetime-local)" name="([^"]+)" value="([^"]*)"', text))
    shown |= dict.fromkeys(re.findall(r'type="checkbox" name="([^"]+)" checked', text), "on")
    shown |= {"staff": "li\nwang", "match": 'batch="77"\nn=3', "surface": "mini_program", "template": "customer", "mode": "cumulative"}
    assert mia.press(page, "change", **shown).status_code == 303
    with scene.brand:
        assert scene.referrals.campaigns.body(scene.referrals.campaigns.get("spring")) == body
        assert len(scene.brand.audit.page(target="referral_campaign:spring")) == 1
    seen = mia.hidden(page, "change")["seen"]
    changed = {**shown, "quota": "7", "budget": "500", "rung-1-stock": "", "rung-0-item": "", "rung-0-invites": "", "rung-0-value": ""}
    shown_first = mia.press(page, "preview", **changed)
    assert told(shown_first.text, "worst") == "¥500.00" and "exists with another" not in shown_first.text
    assert mia.press(page, "change", **changed).status_code == 303
    otto.get(page)
    late = otto.post(page, act="change", seen=seen, **{**shown, "title": "typed by otto"})
    assert late.status_code == 409 and 'value="typed by otto"' in late.text
    assert campaigns(scene.brand) == [("spring", "draft", 7, 50_000)]
    with scene.brand:
        found = scene.referrals.campaigns.get("spring")
        assert [each.invites for each in found.definition.ladder] == [10] and scene.referrals.campaigns.stocks(found) == {}
        entry = scene.brand.audit.page(target="referral_campaign:spring")[0]
        assert (entry.action, entry.detail) == ("referral_campaign.change", {"changed": ["budget_minor", "ladder", "quota"]})
        scene.vouchers("robe")
        scene.referrals.campaigns.publish("spring", actor="mia", confirm=True)
    assert mia.get(page).status_code == 409 and 'href="change' not in mia.get(f"{AT}campaign?code=spring").text
    assert mia.post(page, act="change", seen=seen, **shown).status_code == 409


def test_what_was_raised_of_a_draft_stays_when_another_member_is_changed(scene):
    with scene.brand:
        here = scene.referrals.campaigns
        here.create(scene.definition(quota=3, budget_minor=1_000, ladder=[rung(1, "soap", 100, stock=2)]), actor="li")
        here.enlarge("spring", 5, actor="li"), here.fund("spring", 2_000, actor="li"), here.restock("spring", 1, 4, actor="li")
        found = here.change("spring", {"title": "新"}, actor="wang")
        assert (found.quota, found.budget_minor, here.stocks(found), found.definition.title) == (5, 2_000, {1: (4, 0)}, "新")
        for body, field in (({"code": "other"}, "code"), ({"quotas": 1}, "quotas"), ({"ladder": []}, "ladder")):
            with pytest.raises(Invalid) as refused:
                here.change("spring", body, actor="wang")
            assert refused.value.field == field
        scene.vouchers("soap")
        here.publish("spring", actor="li")
        with pytest.raises(Conflict):
            here.change("spring", {"title": "late"}, actor="wang")
        assert here.get("spring").definition.title == "新"


def test_only_roles_that_may_write_see_the_form_and_the_other_brand_gets_no_campaign(scene, house, desk):
    for name in ("cleo", "ana"):
        browser = desk(name)
        assert browser.get(NEW).status_code == 403
        browser.get("b/acme/")
        assert browser.post(NEW, act="create", **TYPED).status_code in (403, 404)
    mia = desk("mia")
    mia.get(NEW)
    mia.csrf = "nonsense"
    assert mia.post(NEW, act="create", **TYPED).status_code in (400, 403)
    luna = desk("luna")
    assert luna.post(NEW, act="create", **TYPED).status_code in (403, 404)
    assert luna.press("b/moonco/x/referral/new", "create", **TYPED).status_code == 303
    assert campaigns(scene.brand) == [] and [row[0] for row in campaigns(house.brand("moonco"))] == ["spring"]
    assert luna.get(f"{AT}change?code=spring").status_code in (403, 404)
