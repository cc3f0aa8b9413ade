"""What messages cost, what replies want and what receipts mean."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from marshmallow import ValidationError

from scrm_core.errors import Invalid
from scrm_sms.copywriting.carriers import CARRIER_CODES, CLASSES, CarrierSettings, CarrierTable
from scrm_sms.copywriting.cost import Estimate, estimate, price_of
from scrm_sms.copywriting.replies import ReplySettings, intent_of, normalise_reply, reply_words
from scrm_sms.copywriting.rules import CopySettings

WORDS = reply_words({})


def test_the_worked_example():
    numbers = 100_000
    unique = numbers - numbers * 12 // 100
    valid = unique - unique * 3 // 100
    sent = valid - valid * 20 // 100
    assert (unique, valid, sent) == (88_000, 85_360, 68_288)
    cost = estimate({2: sent}, price_of("0.045", 2))
    assert (cost.messages, cost.parts, cost.minor) == (68_288, 136_576, 614_592)


def test_prices_below_a_minor_unit_stay_exact_until_they_are_shown():
    assert price_of("0.045", 2) == 4_500
    assert price_of("0.0079", 2) == 790
    assert price_of("3", 0) == 3_000
    assert estimate({1: 1}, 4_500).minor == 5
    assert estimate({1: 3}, 4_500).minor == 14
    total = estimate({1: 1}, 4_500) + estimate({1: 1}, 4_500)
    assert (total, total.minor) == (Estimate(2, 2, 9_000), 9)
    assert estimate({}, 4_500) == Estimate(0, 0, 0)


@pytest.mark.parametrize("price", ["", "-1", "0.0000001", "1e3", "0,045", "nan", "０.1x", "1.", "0.000001"])
def test_a_price_that_is_none_is_refused(price):
    with pytest.raises(Invalid):
        price_of(price, 2)


def test_a_negative_price_or_count_is_refused():
    for messages, price in (({1: 1}, -1), ({1: -1}, 1), ({0: 1}, 1)):
        with pytest.raises(Invalid):
            estimate(messages, price)


@pytest.mark.parametrize(
    "text",
    [
        *"R T TD N 0000 00000 退订 拒收 取消 STOP UNSUBSCRIBE CANCEL END QUIT STOPALL REVOKE OPTOUT".split(),
        *("r", " td ", "Ｒ", "ｔｄ", "T。", "“退订”", "退订！", "退订谢谢", "拒收请回复R", "TD退订", "td退订", "回T退订"),
        *("stop.", "Stop!", "opt-out", "0 0 0 0", "[R]", "【TD】", "R\n"),
    ],
)
def test_replies_that_refuse(text):
    assert intent_of(text, WORDS) == "opt_out"


@pytest.mark.parametrize(
    "text",
    [
        *("TODAY", "请问怎么退订单", "退订单", "我要退款", "RT", "TT", "NO", "NONE", "000", "000000", "END OF SALE"),
        *("STOP BY TOMORROW", "怎么取消订单", "取消订单", "好的", "1", "", "   ", "。。。", "😀", "R2D2", "不要拒收"),
    ],
)
def test_replies_that_do_not(text):
    assert intent_of(text, WORDS) is None


@pytest.mark.parametrize("text", ["START", "start", "unstop", "恢复订阅", "Ｓtart!"])
def test_replies_that_ask_for_messages_again(text):
    assert intent_of(text, WORDS) == "resubscribe"


def test_a_brand_adds_words():
    added = {"opt_out_words": ["别发了"], "opt_out_prefixes": ["滚"], "resubscribe_words": ["想你"]}
    own = reply_words(ReplySettings().load(added))
    assert [intent_of(text, own) for text in ("别发了！", "滚远点", "想你", "别发了啊", "退订")] == [
        "opt_out",
        "opt_out",
        "resubscribe",
        None,
        "opt_out",
    ]
    assert intent_of("别发了", WORDS) is None


@given(st.text(max_size=200))
def test_no_reply_breaks_the_reading_and_reading_again_changes_nothing(text):
    normal = normalise_reply(text)
    assert normalise_reply(normal) == normal
    assert intent_of(text, WORDS) == intent_of(f"  {text}！", WORDS)


@given(st.sampled_from("退订 拒收 TD".split()), st.text(st.characters(categories=["Lo"]), max_size=20))
def test_the_three_beginnings_refuse_whatever_follows(beginning, rest):
    if not (beginning + normalise_reply(rest)).startswith(("退订单", "退订金", "退订货")):
        assert intent_of(beginning + rest, WORDS) == "opt_out"


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("DELIVRD", "delivered"),
        ("delivered", "delivered"),
        ("SUCCESS", "delivered"),
        ("EXPIRED", "soft"),
        ("UNDELIV", "soft"),
        ("REJECTD", "stop"),
        ("ACCEPTD", "wait"),
        ("ENROUTE", "wait"),
        ("UNKNOWN", "wait"),
        ("DELETED", "soft"),
        ("MK:0001", "hard"),
        ("MK:0000", "hard"),
        ("MK:0012", "soft"),
        ("MI:0029", "soft"),
        ("MB:1078", "blacklist"),
        ("DB:0141", "blacklist"),
        ("DB:0144", "content"),
        ("CB:0001", "hard"),
        (" 黑名单 ", "blacklist"),
        ("关键词", "content"),
        ("FailedOperation.PhoneNumberInBlacklist", "blacklist"),
        ("30006", "hard"),
        ("XX:9999", "unknown"),
        ("", "unknown"),
    ],
)
def test_codes_have_the_class_of_the_table(code, kind):
    assert CarrierTable().kind_of(code) == kind


def test_a_brand_knows_its_gateways_codes_better():
    table = CarrierTable({"MK:*": "soft", "MK:00*": "hard", "mk:0012": "hard", "XX:9999": "content"})
    assert [table.kind_of(code) for code in ("MK:9999", "MK:0077", "MK:0012", "MK:0013", "XX:9999")] == [
        "soft",
        "hard",
        "hard",
        "soft",
        "content",
    ]
    assert CarrierTable().kind_of("XX:9999") == "unknown"


def test_the_table_is_whole():
    codes = [each.code.upper() for each in CARRIER_CODES]
    assert len(codes) == len(set(codes))
    assert {each.kind for each in CARRIER_CODES} <= set(CLASSES)
    assert all(each.sense for each in CARRIER_CODES)


@pytest.mark.parametrize(
    ("schema", "settings"),
    [
        (CopySettings, {"count_mode": "utf8"}),
        (CopySettings, {"opt_out_text": "[R]"}),
        (CopySettings, {"opt_out_text": "  "}),
        (CopySettings, {"most_parts": 0}),
        (CopySettings, {"sensitive_words": {"红包": "maybe"}}),
        (CopySettings, {"signature_style": "none"}),
        (ReplySettings, {"opt_out_words": [""]}),
        (ReplySettings, {"opt_out_prefixes": "退"}),
        (CarrierSettings, {"receipt_codes": {"MK:0001": "good"}}),
        (CarrierSettings, {"receipt_codes": {"": "hard"}}),
    ],
)
def test_settings_that_mean_nothing_are_refused(schema, settings):
    with pytest.raises(ValidationError):
        schema().load(settings)


def test_a_word_of_signs_alone_is_no_opt_out():
    words = reply_words(ReplySettings().load({"opt_out_words": ["!!"], "opt_out_prefixes": ["。"]}))
    assert intent_of("好的", words) is None
