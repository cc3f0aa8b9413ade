"""Step policy: the hook's margin, what is forbidden, the material of each channel, the fit report."""

from __future__ import annotations

from dataclasses import replace

import pytest
from steps_campaign import ANNA, CARD, HOOK, MATERIAL, Walk, one_database

from scrm_core.errors import Conflict, Invalid
from scrm_package_card import PackageCard
from scrm_package_card.steps.fit import FitIn


@pytest.fixture
def walk(new_installation):
    return Walk(new_installation(plugins=(PackageCard,), acme=CARD).brand("acme")).begin().to("policy")


def set_hook(walk, **changes):
    with walk.brand:
        return walk.steps.policy.set_hook("MAY", replace(HOOK, **changes), ANNA)


def test_a_hook_within_the_allowed_margin_is_settled_and_its_arithmetic_is_shown(walk):
    check = set_hook(walk, hook_minor=1_800)
    assert (check.margin_minor, check.allowed_minor, check.fits) == (6_000, 1_800, True)
    assert check.words == (
        "in minor units of CNY: price 9,900 - cost 3,900 = margin 6,000 (60.6 % of the price); "
        "allowed for the hook: 30 % of 6,000 = 1,800; the hook costs 1,800, 0 less than is allowed"
    )
    with walk.brand:
        present = walk.steps.status("MAY").steps[1].present
    assert any("30 % of 6,000 = 1,800" in line for line in present)


def test_a_hook_that_costs_a_cent_more_than_the_allowed_margin_is_refused_with_the_arithmetic(walk):
    with pytest.raises(Invalid) as refused:
        set_hook(walk, hook_minor=1_801)
    assert (refused.value.code, refused.value.field) == ("margin", "hook_minor")
    assert "price 9,900 - cost 3,900 = margin 6,000" in refused.value.message
    assert "30 % of 6,000 = 1,800; the hook costs 1,801, 1 more than is allowed" in refused.value.message
    assert "hook product 钩子 with its margin check" in walk.missing("policy")


@one_database
@pytest.mark.parametrize(
    ("price", "cost", "share", "allowed"),
    [
        (9_999, 1, 3_333, 3_332),  # 9,998 * 0.3333 = 3,332.33
        (101, 100, 5_000, 0),  # half a cent is none
        (10_000_000_000_000, 1, 10_000, 9_999_999_999_999),  # beyond what a float of minor units keeps of products
    ],
)
def test_the_allowed_margin_is_whole_minor_units_rounded_down(walk, price, cost, share, allowed):
    more = {"price_minor": price, "cost_minor": cost, "share": share, "share_reason": "test"}
    assert set_hook(walk, hook_minor=allowed, **more).allowed_minor == allowed
    with pytest.raises(Invalid, match="1 more than is allowed"):
        set_hook(walk, hook_minor=allowed + 1, **more)


@pytest.mark.parametrize(("price", "cost"), [(3_900, 3_900), (3_000, 3_900)])
def test_a_product_without_a_margin_pays_for_no_hook(walk, price, cost):
    for hook_minor in (0, 1):
        with pytest.raises(Invalid, match="without a margin pays for no hook") as refused:
            set_hook(walk, price_minor=price, cost_minor=cost, hook_minor=hook_minor)
        assert refused.value.code == "margin"


def test_another_share_of_the_margin_needs_a_reason_which_the_history_keeps(walk):
    with pytest.raises(Invalid, match="say why 50 % of the margin may go into the hook instead of the usual 30 %") as no:
        set_hook(walk, hook_minor=3_000, share=5_000)
    assert no.value.field == "share_reason"
    assert set_hook(walk, hook_minor=3_000, share=5_000, share_reason="first campaign").allowed_minor == 3_000
    last = walk.history()[-1]
    assert (last.action, last.reason, last.what["share"]) == ("hook", "first campaign", 5_000)


def test_the_share_is_a_setting(walk):
    strict = Walk(walk.brand, hook_share=1_000)
    with strict.brand, pytest.raises(Invalid, match="10 % of 6,000 = 600"):
        strict.steps.policy.set_hook("MAY", HOOK, ANNA)


def test_a_margin_can_be_checked_without_storing_anything(walk):
    before = walk.history()
    with walk.brand:
        check = walk.steps.policy.check_hook(replace(HOOK, hook_minor=5_000))
    assert (check.fits, check.allowed_minor) == (False, 1_800)
    assert walk.history() == before


def test_the_kinds_of_hook_are_ranked_cash_physical_coupon_virtual(walk):
    ranks = {kind: set_hook(walk, kind=kind).rank for kind in ("virtual", "coupon", "physical", "cash")}
    assert sorted(ranks, key=ranks.__getitem__, reverse=True) == ["cash", "physical", "coupon", "virtual"]


@one_database
@pytest.mark.parametrize(
    "changes",
    [
        {"kind": "cash-for-reviews"},
        {"kind": "好评返现"},
        {"name": "好评返现 5 元"},
        {"name": "五星好评送红包"},
        {"name": "晒五星，返¥3"},
        {"name": "加微信领现金，记得好评哦"},
        {"name": "Cash back for 5-star reviews"},
        {"name": "red packet for a good review"},
        {"name": "好 评 返 现".replace(" ", "")},
    ],
)
def test_cash_for_good_reviews_is_refused_with_the_reason(walk, changes):
    with pytest.raises(Invalid, match="cash for good reviews .* is forbidden: .*buys praise") as refused:
        set_hook(walk, **changes)
    assert refused.value.code == "forbidden"


@one_database
@pytest.mark.parametrize("item", ["product_title", "scan_reply", "group_invitation"])
def test_no_copy_may_promise_cash_for_good_reviews(walk, item):
    with walk.brand:
        walk.steps.policy.set_channels("MAY", ("tmall",), ANNA)
        with pytest.raises(Invalid, match="forbidden"):
            walk.steps.policy.set_material("MAY", "tmall", item, "五星好评\n截图领红包，好评后返现 3 元", ANNA)
    with walk.brand, pytest.raises(Invalid, match="forbidden"):
        walk.steps.design.set_items("MAY", {"copy_zh": "好评返现"}, ANNA)


@one_database
@pytest.mark.parametrize("text", ["加微信领红包", "感谢支持！欢迎评价。加群领现金红包", "Add us and get a red packet. We read reviews."])
def test_a_gift_for_adding_the_brand_is_allowed(walk, text):
    with walk.brand:
        walk.steps.policy.set_channels("MAY", ("tmall",), ANNA)
        assert walk.steps.policy.set_material("MAY", "tmall", "scan_reply", text, ANNA) == text


@pytest.mark.cases_on_sqlite
@pytest.mark.parametrize("lacking", ["hook", *MATERIAL])
def test_the_step_is_not_done_until_product_margin_and_each_material_of_each_channel_exist(walk, lacking):
    with walk.brand:
        walk.steps.policy.set_channels("MAY", ("douyin", "tmall"), ANNA)
        if lacking != "hook":
            walk.steps.policy.set_hook("MAY", HOOK, ANNA)
        for channel in ("douyin", "tmall"):
            for item, value in MATERIAL.items():
                if (item, channel) != (lacking, "tmall"):
                    walk.steps.policy.set_material("MAY", channel, item, value, ANNA)
    (line,) = walk.missing("policy")
    with pytest.raises(Conflict) as refused:
        walk.advance("test")
    assert f"policy: {line}" in refused.value.message
    assert ("hook product" in line) if lacking == "hook" else line.endswith(" for tmall")
    walk.fill_policy()
    walk.advance("test")


def test_a_channel_that_is_added_later_needs_its_own_material(walk):
    walk.fill_policy()
    assert walk.missing("policy") == []
    with walk.brand:
        walk.steps.policy.set_channels("MAY", ("douyin", "tmall", "store"), ANNA)
    assert len(walk.missing("policy")) == 6
    assert all(line.endswith(" for store") for line in walk.missing("policy"))


@one_database
@pytest.mark.parametrize(
    ("item", "value"),
    [
        ("banner", "javascript:alert(1)"),
        ("banner", "data:text/html;base64,PHNjcmlwdD4="),
        ("banner", "https://user@evil.example/x.png"),
        ("banner", "https://cdn.example/a b.png"),
        ("banner", "../../etc/passwd.png"),
        ("banner", "/etc/passwd"),
        ("banner", "http://[x"),
        ("banner", ""),
        ("scan_reply", "   "),
        ("scan_reply", "a\x00b"),
        ("scan_reply", "\ud800"),
        ("scan_reply", "pay \u202emoc.live"),
        ("scan_reply", "字" * 2_001),
    ],
)
def test_material_that_is_none_is_refused(walk, item, value):
    with walk.brand:
        walk.steps.policy.set_channels("MAY", ("tmall",), ANNA)
        with pytest.raises(Invalid) as refused:
            walk.steps.policy.set_material("MAY", "tmall", item, value, ANNA)
    assert refused.value.field == "value"


def test_material_is_for_a_known_item_and_a_channel_of_the_campaign(walk):
    with walk.brand:
        walk.steps.policy.set_channels("MAY", ("tmall",), ANNA)
        with pytest.raises(Invalid, match="it has tmall") as refused:
            walk.steps.policy.set_material("MAY", "douyin", "banner", "b.png", ANNA)
        assert refused.value.field == "channel"
        with pytest.raises(Invalid, match="is one of product_picture") as refused:
            walk.steps.policy.set_material("MAY", "tmall", "poster", "b.png", ANNA)
        assert refused.value.field == "item"


@one_database
@pytest.mark.parametrize("channels", [(), ("tmall", "tmall"), ("a\nb",), tuple(f"c{n}" for n in range(51))])
def test_channels_are_named_once_each(walk, channels):
    with walk.brand, pytest.raises(Invalid) as refused:
        walk.steps.policy.set_channels("MAY", channels, ANNA)
    assert refused.value.field == "channels"


@one_database
@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"kind": "lottery"}, "kind"),
        ({"price_minor": 0}, "price_minor"),
        ({"price_minor": 99.0}, "price_minor"),
        ({"cost_minor": -1}, "cost_minor"),
        ({"hook_minor": True}, "hook_minor"),
        ({"hook_minor": 2**53 + 1}, "hook_minor"),
        ({"share": 10_001, "share_reason": "x"}, "share"),
        ({"name": ""}, "name"),
        ({"product": "x" * 201}, "product"),
    ],
)
def test_a_hook_that_makes_no_sense_is_refused_with_the_part_at_fault(walk, changes, field):
    with pytest.raises(Invalid) as refused:
        set_hook(walk, **changes)
    assert refused.value.field == field


def factors(walk):
    with walk.brand:
        report = walk.steps.fit.report("MAY")
    return report, {factor.name: factor for factor in report.factors}


def test_the_fit_report_explains_each_factor_with_what_it_adds_and_why(walk):
    set_hook(walk, hook_minor=888)
    with walk.brand:
        walk.steps.fit.set_facts("MAY", FitIn(8_880, 4_200, 3, 2), ANNA)
    report, of = factors(walk)
    assert {name: factor.points for name, factor in of.items()} == {
        "order_value": 4,  # 10 hooks an order
        "repurchase": 4,
        "loyalty": 3,
        "brand_strength": 4,  # 6 - 2
        "margin": 4,  # 60.6 %
        "hook": 5,
    }
    assert (report.points, report.most) == (24, 30)
    assert "one order is worth 10 hooks" in of["order_value"].why
    assert all(factor.why and factor.value for factor in report.factors)


def test_a_stronger_brand_fits_less_a_weaker_one_more(walk):
    set_hook(walk)
    points = []
    for strength in range(1, 6):
        with walk.brand:
            walk.steps.fit.set_facts("MAY", FitIn(brand_strength=strength), ANNA)
        _, of = factors(walk)
        points.append(of["brand_strength"].points)
    assert points == [5, 4, 3, 2, 1]
    assert "inversely" in of["brand_strength"].why


def test_a_very_high_margin_may_allow_a_price_break(walk):
    set_hook(walk, price_minor=10_000, cost_minor=3_000)
    assert "破价" in factors(walk)[1]["margin"].why
    set_hook(walk, price_minor=10_000, cost_minor=3_001)
    assert "破价" not in factors(walk)[1]["margin"].why


def test_a_more_attractive_kind_of_hook_fits_more(walk):
    points = []
    for kind in ("cash", "physical", "coupon", "virtual"):
        set_hook(walk, kind=kind)
        points.append(factors(walk)[1]["hook"].points)
    assert points == sorted(set(points), reverse=True)


def test_what_nobody_entered_comes_from_the_orders_of_the_campaigns_source(walk, shop_of):
    set_hook(walk, hook_minor=1_000)
    _, of = factors(walk)
    assert [of[name].points for name in ("order_value", "repurchase", "loyalty", "brand_strength")] == [None] * 4
    shop = shop_of(walk.brand)
    shop.sell("A1", "b1", "2025-05-01T10:00", 4_000)
    shop.sell("A2", "b1", "2025-06-01T10:00", 8_000)
    shop.sell("A3", "b2", "2025-06-02T10:00", 6_000)
    shop.sell("B1", "b3", "2025-06-02T10:00", 99_000, source="elsewhere")
    shop.refund("A2", 3_000, "2025-06-05T10:00")
    report, of = factors(walk)
    assert of["order_value"].value == "5,000 minor units, from 3 valid orders"
    assert of["order_value"].points == 3
    assert of["repurchase"].value == "50 %, from 3 valid orders"
    assert of["repurchase"].points == 5
    assert report.most == 20  # loyalty and brand strength are unknown and count neither way


def test_without_a_hook_there_is_no_fit_report(walk):
    with walk.brand, pytest.raises(Conflict, match="no hook product yet"):
        walk.steps.fit.report("MAY")


@one_database
@pytest.mark.parametrize(
    "facts", [FitIn(loyalty=0), FitIn(brand_strength=6), FitIn(repurchase=10_001), FitIn(order_value_minor=-1)]
)
def test_facts_outside_their_scale_are_refused(walk, facts):
    with walk.brand, pytest.raises(Invalid, match="is outside"):
        walk.steps.fit.set_facts("MAY", facts, ANNA)
