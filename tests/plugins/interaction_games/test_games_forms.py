"""Games begun in the console: a form of each kind, odds and cost before it is made, refusals at their fields, drafts rewritten."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from typing import Any

import pytest
from games_scene import SETTINGS, Prizes, Scene
from marshmallow import Schema, fields
from staff_desk import desks

from scrm_console import Console
from scrm_core.api import Conflict, Invalid, Plugin, execute
from scrm_core.installation import Installation
from scrm_interaction_games import InteractionGames
from scrm_interaction_games.games.wheel import Wheel

AT = "b/acme/x/interaction-games/"
END = "2099-05-01T00:00"
TYPED = {
    "code": "spring", "title": "春日大转盘", "surface": "app", "ends_at": END, "rules": "每人每天一次。", "organiser": "Acme",
    "organiser_contact": "400", "prizes-0-code": "tea", "prizes-0-title": "白茶", "prizes-0-kind": "coupon",
    "prizes-0-item": "tea", "prizes-0-value_minor": "20", "prizes-0-weight": "1", "prizes-0-stock": "50",
    "prizes-0-release": "even", "prizes-2-code": "none", "prizes-2-title": "谢谢参与", "prizes-2-kind": "none",
    "prizes-2-weight": "3", "chances-daily": "1", "expected_draws": "100",
}  # fmt: skip
CUP = {"prizes-0-code": "cup", "prizes-0-title": "杯", "prizes-0-kind": "coupon", "prizes-0-item": "cup", "prizes-0-stock": "9"}
BASE = {"title": "活动", "surface": "app", "ends_at": END, **CUP}
KINDS: dict[str, tuple[dict[str, str], dict[str, Any]]] = {
    "egg": ({**TYPED, "settings-eggs": "5"}, {"eggs": 5}),
    "grab": (
        {**BASE, "settings-drops-0-at": "10:00", "settings-drops-0-prize": "cup", "settings-drops-0-stock": "5",
         "settings-drops-2-at": "20:00", "settings-drops-2-prize": "cup", "settings-drops-2-stock": "6", "settings-drops-2-minutes": "30"},
        {"drops": [{"at": "10:00", "prize": "cup", "stock": 5, "minutes": 60}, {"at": "20:00", "prize": "cup", "stock": 6, "minutes": 30}]},
    ),
    "checkin": (
        {**BASE, "settings-mode": "rolling", "settings-cycle_days": "7", "settings-daily": "-\ncup\n-", "settings-milestones-0-days": "7",
         "settings-milestones-0-prize": "cup", "settings-make_up-per_month": "1", "settings-make_up-cost": "ticket"},
        {"mode": "rolling", "daily": ["", "cup", ""], "milestones": [{"days": 7, "prize": "cup"}],
         "make_up": {"per_month": 1, "days_back": 7, "cost": "ticket"}},
    ),
    "nurture": (
        {**BASE, "settings-prize": "cup", "settings-stages": "10\n20\n40", "settings-sources-0-code": "day", "settings-sources-0-kind": "daily",
         "settings-sources-0-title": "每日", "settings-sources-0-amount": "5", "settings-sources-1-code": "quiz",
         "settings-sources-1-kind": "answer", "settings-sources-1-title": "答题", "settings-sources-1-amount": "9",
         "settings-sources-1-question": "1+1?", "settings-sources-1-choices": "2\n3", "settings-sources-1-right": "1",
         "settings-idle-per_hour": "2", "settings-idle-cap": "10"},
        {"stages": [10, 20, 40], "idle": {"per_hour": 2, "cap": 10}, "decay": None},
    ),
    "bargain": (
        {**BASE, "settings-sku": "SKU-1", "settings-goods": "杯", "settings-list_minor": "100", "settings-floor_minor": "9.90",
         "settings-helpers": "5", "settings-helps_per_day": ""},
        {"list_minor": 10_000, "floor_minor": 990, "helpers": 5, "helps_per_day": None, "hours": 24},
    ),
    "groupbuy": (
        {**BASE, "settings-sku": "SKU-1", "settings-goods": "杯", "settings-price_minor": "50", "settings-new_only": "on",
         "settings-otherwise": "refund"},
        {"price_minor": 5_000, "new_only": True, "otherwise": "refund", "size": 3, "single_minor": None},
    ),
    "joingift": ({**BASE, "settings-prize": "cup"}, {"prize": "cup", "automatic": False}),
    "invite": (
        {**BASE, "settings-gates-member": "on", "settings-gates-claimed_pack": "on", "settings-pack-plugin": "coupons",
         "settings-pack-value": "NEW", "settings-rungs-0-invites": "5", "settings-rungs-0-prize": "cup", "settings-mode": "highest"},
        {"gates": ["claimed_pack", "member"], "rungs": [{"invites": 5, "prize": "cup"}], "mode": "highest",
         "pack": {"plugin": "coupons", "event": "claimed", "field": "batch", "value": "NEW"}},
    ),
}  # fmt: skip
"""What is typed for each kind of game besides the wheel, and what its settings are then."""


class OddSettings(Schema):
    """Settings of a game of somebody else, one of which is no plain field."""

    table = fields.Dict(required=True, metadata={"description": "the table"})


class Odd(Wheel):
    kind = "odd"
    title = {"zh": "怪转盘", "en": "Odd wheel"}
    Settings = OddSettings


class Others(Plugin):
    """A plugin that offers a game of its own."""

    name = "others"
    version = "1"
    summary = "Offers a game"
    requires_core = ">=0.1.0.dev0"
    extensions = {"interaction-games.games": (Odd,)}


@pytest.fixture
def house(new_installation: Callable[..., Installation]) -> Installation:
    tables = f"[plugins.console]\n[plugins.others]\n{SETTINGS}"
    return new_installation(plugins=(Console, InteractionGames, Prizes, Others), acme=tables, moonco=tables)


@pytest.fixture
def desk(house: Installation, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    return desks(house, monkeypatch)


@pytest.fixture
def scene(house: Installation) -> Scene:
    return Scene(house.brand("acme"))


def told(text: str, mark: str) -> str:
    found = re.search(rf"data-{mark}>(.*?)<", text)
    return found[1] if found else ""


def wrong(answer: Any) -> dict[str, str]:
    """What is told beside each field that was refused."""
    assert answer.status_code == 422, answer.status_code
    return dict(re.findall(r'data-wrong="([^"]+)">(.*?)</span>', answer.text, re.S))


def shown(text: str) -> dict[str, str]:
    """What a browser would send of the form as it stands."""
    (form,) = (each for each in re.findall(r"<form.*?</form>", text, re.S) if 'value="preview"' in each)
    found = dict(re.findall(r'<input type="(?:text|datetime-local)" name="([^"]+)" value="([^"]*)"', form))
    found |= dict.fromkeys(re.findall(r'type="checkbox" name="([^"]+)" checked', form), "on")
    found |= dict(re.findall(r'<textarea name="([^"]+)"[^>]*>\n(.*?)</textarea>', form, re.S))
    for name, options in re.findall(r'<select name="([^"]+)"[^>]*>(.*?)</select>', form, re.S):
        chosen = re.search(r'value="([^"]*)" selected', options) or re.search(r'value="([^"]*)"', options)
        found[name] = chosen[1] if chosen else ""
    return {name: html.unescape(text) for name, text in found.items()}


def campaigns(brand: Any) -> list[Any]:
    with brand:
        return execute("SELECT code, game, state FROM interaction_games_campaign ORDER BY id").fetchall()


def test_a_wheel_is_tried_made_once_published_and_played_and_the_audit_log_names_who_made_it(scene, desk):
    mia, new = desk("mia"), f"{AT}new?game=wheel"
    assert 'href="new"' in mia.get(f"{AT}campaigns").text and 'href="new?game=wheel"' in mia.get(f"{AT}new").text
    answer = mia.press(new, "preview", **TYPED)
    assert answer.status_code == 200 and campaigns(scene.brand) == []
    # A quarter of the draws wins 20.00: 5.00 each, 500.00 for a hundred; fifty teas cost 1,000.00.
    row = re.search(r'data-prize="tea">(.*?)</tr>', answer.text, re.S)[1]
    assert re.findall(r"<td[^>]*>(.*?)</td>", row)[:4] == ["25 %", "25 %", "¥20.00", "50"]
    assert (told(answer.text, "each"), told(answer.text, "expected"), told(answer.text, "worst")) == ("¥5.00", "¥500.00", "¥1,000.00")
    assert 'name="prizes-2-code" value="none"' in answer.text and 'name="prizes-4-code"' not in answer.text
    assert 'name="prizes-4-code"' in mia.press(new, "row", **TYPED).text
    for _ in range(2):
        made = mia.press(new, "create", **TYPED)
        assert made.status_code == 303 and made.location.endswith("campaign?code=spring&done=made")
    assert campaigns(scene.brand) == [("spring", "wheel", "draft")]
    with scene.brand:
        campaign = scene.games.campaigns.get("spring")
        assert (campaign.total_weight, campaign.chances.daily, campaign.expected_draws) == (4, 1, 100)
        assert [(each.code, each.weight, each.stock_total, each.release) for each in campaign.prizes] == [("tea", 1, 50, "even"), ("none", 3, None, "all")]
        (entry,) = scene.brand.audit.page(target="game_campaign:spring")
        assert (entry.actor, entry.action) == ("user:mia", "game_campaign.created")
    assert mia.press(f"{AT}campaign?code=spring", "publish").status_code == 303
    with scene.brand:
        assert scene.act("spring", "play", scene.person())


@pytest.mark.parametrize("game", KINDS)
def test_each_kind_of_game_is_made_by_its_form_and_sent_back_unchanged(scene, desk, game):
    typed, expected = KINDS[game]
    mia = desk("mia", "zh")
    made = mia.press(f"{AT}new?game={game}", "create", **{**typed, "code": "it"})
    assert made.status_code == 303, wrong(made)
    page = f"{AT}change?code=it"
    with scene.brand:
        before = scene.games.campaigns.get("it")
        assert {name: before.settings[name] for name in expected} == expected
    form = shown(mia.get(page).text)
    assert mia.press(page, "preview", **form).status_code == 200
    assert mia.press(page, "change", **form).status_code == 303
    with scene.brand:
        assert scene.games.campaigns.get("it").settings == before.settings
        assert len(scene.brand.audit.page(target="game_campaign:it")) == 1


@pytest.mark.parametrize("game", ["wheel", *KINDS])
def test_a_form_speaks_of_amounts_as_they_are_typed_and_in_chinese_says_everything_in_chinese(scene, desk, game):
    english, chinese = (desk("mia", language).get(f"{AT}new?game={game}").text for language in ("en", "zh"))
    assert "minor units" not in english and "none is" not in english
    labels = re.findall(r'<label class="(?:field|check)">(.*?)(?:<input|<select|<textarea)', chinese) + re.findall(r"<span>(.*?)</span></label>", chinese)
    assert len(labels) > 30
    assert [each for each in labels if each and not re.search("[\u4e00-\u9fff]|SKU", each)] == []


def test_a_game_of_another_plugin_has_a_form_and_what_is_no_plain_field_is_json(scene, desk):
    mia, new = desk("mia"), f"{AT}new?game=odd"
    assert wrong(mia.press(new, "create", **TYPED, **{"settings-table": "{"})).keys() == {"settings-table"}
    assert mia.press(new, "create", **TYPED, **{"settings-table": '{"a": [1]}'}).status_code == 303
    with scene.brand:
        assert scene.games.campaigns.get("spring").settings == {"table": {"a": [1]}}
    assert desk("mia").get(f"{AT}new?game=nothing").status_code == 404


def test_what_is_refused_is_told_beside_its_field_in_the_pages_language_and_kept(scene, desk):
    cases = (
        ("wheel", {"code": "A b"}, "code", "lower-case letters", "小写字母"),
        ("wheel", {"title": ""}, "title", "a text is expected", "1 到 200 个字"),
        ("wheel", {"ends_at": ""}, "ends_at", "expected", "结束须晚于开始"),
        ("wheel", {"starts_at": "2099-06-01T00:00"}, "ends_at", "after the start", "结束须晚于开始"),
        ("wheel", {"total_weight": "5"}, "total_weight", "add up to 4", "权重之和"),
        ("wheel", {"budget_minor": "x"}, "budget_minor", "x", "金额，如 30.00"),
        ("wheel", {"prizes-2-code": "tea"}, "prizes-2-code", "two prizes", "不重复"),
        ("wheel", {"prizes-0-item": "gold"}, "prizes-0-item", "there is no coupon", "没有这个奖品对象"),
        ("wheel", {"prizes-0-value_minor": "60000"}, "prizes-0-value_minor", "at most ¥50,000.00", "法定上限"),
        ("wheel", {"prizes-0-stock": "-1"}, "prizes-0-stock", "greater", "整数，不小于 0"),
        ("wheel", {"prizes-2-stock": "5"}, "prizes-2-kind", "kind none", "未中奖不能填写"),
        ("wheel", {"chances-daily": "101"}, "chances-daily", "100", "不大于 100"),
        ("wheel", {"chances-buy_cost": "5"}, "chances-buy_cost", "go together", "整数"),
        ("wheel", {"guarantee-draws": "5"}, "guarantee-grade", "a text is expected", "请检查"),
        ("egg", {"settings-eggs": "10"}, "settings-eggs", "9", "不大于 9"),
        ("grab", {**KINDS["grab"][0], "settings-drops-2-at": "25:00"}, "settings-drops-2-at", "25:00", "请检查"),
        ("grab", {**KINDS["grab"][0], "settings-drops-2-at": "10:30"}, "settings-drops-0-at", "open together", "请检查"),
        ("nurture", {**KINDS["nurture"][0], "settings-stages": "9\nx"}, "settings-stages", "whole numbers", "每行一个整数"),
        ("nurture", {**KINDS["nurture"][0], "settings-sources-1-right": ""}, "settings-sources-1-right", "needs it", "整数"),
        ("invite", {**KINDS["invite"][0], "settings-pack-plugin": "", "settings-pack-value": ""}, "settings-pack-plugin", "go together", "请检查"),
        ("bargain", {**KINDS["bargain"][0], "surface": "h5"}, "surface", "an external link must not", "外部链接不得"),
    )
    browsers = (desk("mia"), desk("mia", "zh"))
    for game, typed, field, *words in cases:
        for browser, said in zip(browsers, words, strict=True):
            answer = browser.press(f"{AT}new?game={game}", "create", **{**TYPED, **typed})
            assert wrong(answer).keys() == {field} and said in html.unescape(wrong(answer)[field]), (game, typed, wrong(answer))
            assert f'aria-describedby="wrong-{field}"' in answer.text and f'name="ends_at" value="{typed.get("ends_at", END)}"' in answer.text
    assert campaigns(scene.brand) == []


def test_a_draft_is_rewritten_and_the_second_of_two_people_is_told(scene, desk):
    mia, otto, page = desk("mia"), desk("otto"), f"{AT}change?code=spring"
    mia.press(f"{AT}new?game=wheel", "create", **TYPED)
    seen, form = mia.hidden(page, "change")["seen"], shown(mia.get(page).text)
    assert form["prizes-0-value_minor"] == "20.00" and form["ends_at"] == END and "code" not in form
    changed = {**form, "budget_minor": "300", "rules": "", "prizes-0-weight": "2", "total_weight": ""}
    tried = mia.press(page, "preview", **changed)
    assert told(tried.text, "worst") == "¥300.00" and "is there already" not in tried.text
    # The rules went: a draw without them is no draw that may be published.
    assert 'data-note="problem"' in tried.text and "a draw is published with its rules" in tried.text
    assert mia.press(page, "change", **changed).status_code == 303
    otto.get(page)
    late = otto.post(page, act="change", seen=seen, **{**form, "title": "typed by otto"})
    assert late.status_code == 409 and 'value="typed by otto"' in late.text
    with scene.brand:
        found = scene.games.campaigns.get("spring")
        assert (found.title, found.rules, found.budget_minor, found.total_weight) == ("春日大转盘", "", 30_000, 5)
        assert scene.brand.audit.page(target="game_campaign:spring")[0].action == "game_campaign.changed"
    assert "is there already" in mia.press(f"{AT}new?game=wheel", "preview", **TYPED).text
    assert wrong(mia.press(f"{AT}new?game=wheel", "create", **TYPED)).keys() == {"code"}
    assert mia.press(page, "change", **form).status_code == 303
    mia.press(f"{AT}campaign?code=spring", "publish", confirm="on")
    assert mia.get(page).status_code == 409 and 'href="change' not in mia.get(f"{AT}campaign?code=spring").text
    with scene.brand:
        with pytest.raises(Conflict):
            scene.games.campaigns.rewrite("spring", {**scene.definition(), "code": "spring"}, actor="mia")
        scene.games.create(scene.definition("wheel", [scene.prize("tea", item="tea", weight=1)], code="other"), actor="mia")
        with pytest.raises(Invalid):
            scene.games.campaigns.rewrite("other", scene.definition("wheel", [scene.prize("tea", item="tea", weight=1)]), actor="mia")


def test_only_roles_that_may_write_see_the_form_and_the_other_brand_gets_no_campaign(scene, house, desk):
    new = f"{AT}new?game=wheel"
    for name in ("cleo", "ana"):
        browser = desk(name)
        assert browser.get(new).status_code == 403
        browser.get("b/acme/")
        assert browser.post(new, act="create", **TYPED).status_code in (403, 404)
    mia = desk("mia")
    mia.get(new)
    mia.csrf = "nonsense"
    assert mia.post(new, act="create", **TYPED).status_code in (400, 403)
    luna = desk("luna")
    assert luna.post(new, act="create", **TYPED).status_code in (403, 404)
    assert luna.press("b/moonco/x/interaction-games/new?game=wheel", "create", **TYPED).status_code == 303
    assert campaigns(scene.brand) == [] and campaigns(house.brand("moonco")) == [("spring", "wheel", "draft")]
