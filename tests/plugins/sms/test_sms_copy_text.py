"""Copies: what is refused, what is warned of, and what one person gets to read."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scrm_core.errors import Invalid
from scrm_sms.copywriting.checks import check_copy
from scrm_sms.copywriting.rules import CopyRules, CopySettings, copy_rules
from scrm_sms.copywriting.template import Copy, Renderer, Variable

OPT_OUT = "拒收请回复R"
NAME = Variable("name", 10, "会员")
SHOP = Variable("shop")
GOOD = "亲爱的{name}，您有一张30元礼券3天后到期，点击 {link} 查看，拒收请回复R"
LINK = {"link": "https://s.example.cn/aB3dE"}


def check(body, *, kind="marketing", signature="示例旗舰店", variables=(NAME, SHOP), **rules):
    return check_copy(Copy(kind, signature, body), variables, CopyRules(**rules))


def codes(findings):
    return [each.code for each in findings]


def renderer(body=GOOD, *, kind="marketing", signature="示例旗舰店", variables=(NAME, SHOP), **rules):
    return Renderer(Copy(kind, signature, body), variables, CopyRules(**rules))


def test_a_good_copy_passes_and_its_longest_text_is_counted():
    found = check(GOOD)
    assert found.ok
    assert found.warnings == ()
    # 7 for 【示例旗舰店】, 36 fixed characters of the body, 10 for the name, 40 for the link.
    fixed = len(GOOD.replace("{name}", "").replace("{link}", ""))
    assert (found.longest.units, found.longest.parts) == (7 + fixed + 10 + 40, 2)
    found.refuse()


def test_a_person_reads_signature_body_and_the_opt_out_once():
    assert renderer().render({"name": "王小明", **LINK}) == (
        "【示例旗舰店】亲爱的王小明，您有一张30元礼券3天后到期，点击 https://s.example.cn/aB3dE 查看，拒收请回复R"
    )
    assert "亲爱的会员，" in renderer().render({"name": "", **LINK})
    assert "亲爱的会员，" in renderer().render(LINK)


def test_an_opt_out_that_was_forgotten_is_refused_and_never_left_out_of_a_text():
    body = GOOD.removesuffix(OPT_OUT)
    found = check(body)
    assert codes(found.problems) == ["opt_out_missing"]
    assert OPT_OUT in found.problems[0].fix
    with pytest.raises(Invalid, match="must end with 拒收请回复R"):
        found.refuse()
    assert renderer(body).render(LINK).endswith(OPT_OUT)


@pytest.mark.parametrize("kind", ["marketing", "brand"])
def test_marketing_and_brand_need_the_opt_out(kind):
    assert codes(check("您好，新品上架", kind=kind).problems) == ["opt_out_missing"]


def test_a_notice_has_no_opt_out():
    assert check("您的订单已发货，请留意查收。", kind="notice").ok
    assert codes(check("您的订单已发货，拒收请回复R", kind="notice").problems) == ["opt_out_in_notice"]
    assert codes(check("您的订单已发货，回T退订", kind="notice").problems) == ["opt_out_in_notice"]
    assert codes(check("限时优惠进行中", kind="notice").warnings) == ["marketing_in_notice"]
    text = renderer("您的订单已发货，请留意查收。", kind="notice").render({})
    assert text == "【示例旗舰店】您的订单已发货，请留意查收。"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("", "empty"),
        ("   ", "empty"),
        (f"点击[这里] {{link}} ，{OPT_OUT}", "brackets"),
        (f"【另一家】点击 {{link}} ，{OPT_OUT}", "brackets"),
        (f"只要¥30，点击 {{link}} ，{OPT_OUT}", "refused_character"),
        (f"★新品，点击 {{link}} ，{OPT_OUT}", "refused_character"),
        (f"新品^_^，点击 {{link}} ，{OPT_OUT}", "refused_character"),
        (f"新品\x00，点击 {{link}} ，{OPT_OUT}", "character"),
        (f"新品\n点击 {{link}} ，{OPT_OUT}", "character"),
        (f"新品\u202e，点击 {{link}} ，{OPT_OUT}", "character"),
        (f"新品\ud83d，点击 {{link}} ，{OPT_OUT}", "character"),
        (f"您好{{nmae}}，点击 {{link}} ，{OPT_OUT}", "unknown_variable"),
        (f"您好{{1}}，点击 {{link}} ，{OPT_OUT}", "unknown_variable"),
        (f"您好{{}}，点击 {{link}} ，{OPT_OUT}", "unknown_variable"),
        (f"您好{{name，点击 {{link}} ，{OPT_OUT}", "braces"),
        (f"您好name}}，点击 {{link}} ，{OPT_OUT}", "braces"),
        (f"您好${{name}}，点击 {{link}} ，{OPT_OUT}", "placeholder"),
        (f"点击 {{link}} ，{OPT_OUT}，{OPT_OUT}", "opt_out_twice"),
        (f"点击 {{link}} ，{OPT_OUT}。", "opt_out_missing"),
        (f"点击 {{link}} ，回T退订，{OPT_OUT}", "opt_out_other"),
        (f"无抵押贷款，点击 {{link}} ，{OPT_OUT}", "sensitive_word"),
        ("国" * 2_001, "length"),
    ],
)
def test_what_no_platform_takes_is_refused(body, code):
    found = check(body)
    assert code in codes(found.problems)
    assert all(each.text and each.fix for each in found.problems)
    with pytest.raises(Invalid):
        found.refuse()


def test_an_unknown_variable_is_answered_with_the_nearest_one():
    (problem,) = check(f"您好{{nmae}}，点击 {{link}} ，{OPT_OUT}").problems
    assert problem.fix == "did you mean {name}?"
    (problem,) = check(f"您好{{zzz}}，点击 {{link}} ，{OPT_OUT}").problems
    assert problem.fix == "known are {link}, {name}, {shop}"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (f"{{name}}{{shop}} 点击 {{link}} ，{OPT_OUT}", "adjacent_variables"),
        (f"新品上架，{OPT_OUT}", "no_link"),
        (f"点击 {{link}} 或 {{link}} ，{OPT_OUT}", "many_links"),
        (f"点击{{link}}查看，{OPT_OUT}", "link_spacing"),
        (f"点击 t.cn/abc ，{OPT_OUT}", "short_domain"),
        (f"致电 138 0013 8000，{OPT_OUT}", "mobile_number"),
        (f"致电１３８００１３８０００，{OPT_OUT}", "mobile_number"),
        (f"新品😀，点击 {{link}} ，{OPT_OUT}", "emoji"),
        (f"加 微 信领取，{OPT_OUT}", "sensitive_word"),
        (f"红-包等你拿，{OPT_OUT}", "sensitive_word"),
        (f"下载ＡＰＰ，{OPT_OUT}", "sensitive_word"),
    ],
)
def test_what_platforms_mostly_refuse_is_warned_of(body, code):
    found = check(body)
    assert found.ok
    assert code in codes(found.warnings)


def test_a_body_of_variables_alone_is_warned_of():
    assert "all_variables" in codes(check("{name} {shop}", kind="notice").warnings)


def test_words_are_found_once_and_not_across_a_variable():
    assert codes(check(f"优惠券大放送，点击 {{link}} ，{OPT_OUT}").warnings) == ["sensitive_word"]
    assert check(f"红{{name}}包邮，点击 {{link}} ，{OPT_OUT}").warnings == ()


def test_a_brand_sets_what_a_word_does():
    settings = CopySettings().load({"sensitive_words": {"红包": "refuse", "直播": "off", "秘密配方": "warn"}})
    rules = copy_rules(settings)

    def found(words):
        return check_copy(Copy("marketing", "示例旗舰店", f"{words}，点击 {{link}} ，{OPT_OUT}"), (), rules)

    assert codes(found("红包").problems) == ["sensitive_word"]
    assert found("直播").warnings == ()
    assert codes(found("秘密配方").warnings) == ["sensitive_word"]


@pytest.mark.parametrize(
    ("signature", "code"),
    [
        ("店", "signature_length"),
        ("国" * 17, "signature_length"),
        ("【示例】", "signature_brackets"),
        ("[示例]", "signature_brackets"),
        ("示例\x00店", "signature_character"),
        (" 示例店", "signature_character"),
        ("{name}", "signature_character"),
        ("示★例", "signature_character"),
    ],
)
def test_a_signature_that_cannot_be_registered_is_refused(signature, code):
    assert code in codes(check(GOOD, signature=signature).problems)


def test_a_signature_of_two_and_of_sixteen_characters_passes():
    assert check(GOOD, signature="国国").ok
    assert check(GOOD, signature="国" * 16).ok
    older = check_copy(Copy("marketing", "国" * 13, GOOD), (NAME,), copy_rules({"signature_most": 12}))
    assert codes(older.problems) == ["signature_length"]


def test_eleven_parts_are_refused_and_the_count_is_told():
    # 4 for 【店铺】 and 6 for the opt-out: 670 units are 10 parts, one more is 11.
    for fill, problems in ((670 - 4 - 6, []), (671 - 4 - 6, ["parts"])):
        found = check("国" * fill + OPT_OUT, signature="店铺")
        assert codes(found.problems) == problems
    assert found.longest.parts == 11
    assert "takes 11 parts" in found.problems[0].text
    assert "platform_length" in codes(check("国" * 500 + OPT_OUT, signature="店铺").warnings)


def test_the_longest_values_count_not_the_usual_ones():
    body = "国" * 40 + "{name}" + OPT_OUT
    assert check(body, signature="店铺", variables=(Variable("name", 20),)).longest.parts == 1
    assert check(body, signature="店铺", variables=(Variable("name", 21),)).longest.parts == 2


def test_a_latin_text_with_a_name_is_counted_as_the_name_may_make_it():
    rules = copy_rules({"count_mode": "gsm", "signature_style": "plain", "opt_out_text": "Reply STOP to end"})
    body = "News & more today {link} Reply STOP to end"
    assert check_copy(Copy("marketing", "Moon Co", body), (), rules).longest.encoding == "gsm7"
    named = check_copy(Copy("marketing", "Moon Co", "Dear {name}, " + body), (NAME,), rules)
    assert named.ok
    assert named.longest.encoding == "ucs2"
    text = Renderer(Copy("marketing", "Moon Co", body), (), rules).render(LINK)
    assert text == "Moon Co: News & more today https://s.example.cn/aB3dE Reply STOP to end"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("王小明", "王小明"),
        ("【中国银行】", "中国银行"),
        ("[x]{link}", "xlink"),
        ("王\n小\t明", "王 小 明"),
        ("王\x00小\u202e明", "王 小 明"),
        ("一二三四五六七八九十十一", "一二三四五六七八九十"),
        ("一二三四五六七八九😀", "一二三四五六七八九"),
        ("一二三四五六七八😀", "一二三四五六七八😀"),
        ("王★小&明", "王小明"),
        ("^^_^_^", "会员"),
        (OPT_OUT, "会员"),
        ("evil.cn/x", "会员"),
        ("https://a", "会员"),
        ("St.John", "St.John"),
        ("\ud83d", "会员"),
    ],
)
def test_values_of_people_cannot_change_what_a_text_is(value, shown):
    text = renderer().render({"name": value, **LINK})
    assert text == renderer().render({"name": "某某", **LINK}).replace("某某", shown)


def test_a_gateway_that_takes_values_gets_the_same_ones():
    assert renderer().fill({"name": "【王】", **LINK}) == {"name": "王", **LINK}


@pytest.mark.parametrize("link", ["", "s.example.cn/a", "javascript:alert(1)", "https://a.cn/有", "https://a.cn/ x"])
def test_a_link_that_is_none_is_refused(link):
    with pytest.raises(Invalid) as caught:
        renderer().render({"name": "王", "link": link})
    assert caught.value.field == "link"


def test_a_link_longer_than_the_copy_was_checked_for_is_refused():
    with pytest.raises(Invalid, match="41 characters"):
        renderer().render({"link": "https://a.cn/" + "x" * 28})


def test_an_undeclared_variable_cannot_be_rendered():
    with pytest.raises(Invalid, match="{other}"):
        renderer("您好{other}，拒收请回复R")


def test_an_unknown_kind_is_refused():
    with pytest.raises(Invalid, match="notice, brand, marketing"):
        check(GOOD, kind="spam")


@given(st.text(max_size=60), st.text(max_size=60))
def test_whatever_people_are_called_the_text_keeps_its_shape(name, shop):
    text = renderer("您好{name}，{shop}上新，点击 {link} 查看，拒收请回复R").render({"name": name, "shop": shop, **LINK})
    assert text.startswith("【示例旗舰店】您好")
    assert text.endswith(OPT_OUT)
    assert text.count(OPT_OUT) == text.count("【") == text.count("】") == text.count("://") == 1
    assert "[" not in text
    assert len(text.encode("utf-16-be")) // 2 <= len("【示例旗舰店】您好，上新，点击  查看，") + 10 + 20 + 26 + 6
    assert all(unicodedata.category(character)[0] != "C" for character in text)
