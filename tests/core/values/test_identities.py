"""Identities: one spelling each, damage undone or refused."""

import phonenumbers
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scrm_core.errors import Invalid
from scrm_core.values.identities import KINDS, normalise, normalise_phone


@pytest.mark.parametrize(
    "spelling",
    [
        "13800138000",
        "+8613800138000",
        "+86 138 0013 8000",
        "86-138-0013-8000",
        "008613800138000",
        "'13800138000",
        '="13800138000"',
        "13800138000.0",
        "１３８００１３８０００",
        "＋８６１３８００１３８０００",
        " 138 0013 8000\t",
        "(+86)13800138000",
        "138－0013－8000",
    ],
)
def test_every_spelling_of_a_mobile_number_is_one_identity(spelling):
    assert normalise("phone", spelling) == "+8613800138000"


@pytest.mark.parametrize(
    "value",
    [
        "1.86E+10",
        "1.8618E+10",
        "138****8000",
        "12345",
        "1380013800",
        "138001380001",
        "10000000000",
        "abc",
        "",
        " ",
        "13800138000-1234",
        "13800138000转1234",
        "+8613800138000 ext. 5",
        "+999123456789",
        "1" * 5000,
        "+86 86 13800138000",
    ],
)
def test_what_is_no_phone_number_is_refused(value):
    with pytest.raises(Invalid) as caught:
        normalise("phone", value)
    assert caught.value.field == "phone"


@pytest.mark.parametrize("value", [None, 13800138000, 1.5, b"13800138000", ["13800138000"]])
def test_a_phone_number_is_text(value):
    with pytest.raises(Invalid):
        normalise("phone", value)


def test_other_countries_and_regions():
    assert normalise_phone("+1 (212) 555-0123") == "+12125550123"
    assert normalise_phone("(212) 555-0123", region="US") == "+12125550123"
    assert normalise_phone("+852 5123 4589") == "+85251234589"
    assert normalise_phone("021-6123 4589") == "+862161234589"
    assert normalise_phone("+8613800138000", region="US") == "+8613800138000"
    with pytest.raises(Invalid):
        normalise_phone("13800138000", region="US")


def reference(text, region):
    """What the phonenumbers library alone says."""
    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return None
    if number.extension or not phonenumbers.is_valid_number(number):
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def ours(text, region):
    try:
        return normalise_phone(text, region=region)
    except Invalid:
        return None


@pytest.mark.parametrize("examples", [300, pytest.param(1500, marks=pytest.mark.soak)])
def test_the_fast_path_agrees_with_phonenumbers(examples):
    @settings(max_examples=examples)
    @given(
        prefix=st.sampled_from(["", "", "", "+86", "86", "0086", "+1", "0", "+852", "+"]),
        digits=st.from_regex(r"\A1[3-9][0-9]{8,10}\Z") | st.text("0123456789", min_size=5, max_size=13),
        region=st.sampled_from(["CN", "CN", "US", "HK"]),
    )
    def agrees(prefix, digits, region):
        assert ours(prefix + digits, region) == reference(prefix + digits, region)

    agrees()


def test_every_mobile_range_agrees_with_phonenumbers():
    numbers = [f"1{second:03d}1234567" for second in range(1000)]
    assert [ours(number, "CN") for number in numbers] == [reference(number, "CN") for number in numbers]


def test_leading_zeros_and_letters_of_platform_ids_stay():
    assert normalise("buyer", "0001") == "0001"
    assert normalise("buyer", '="0001"') == "0001"
    assert normalise("buyer", " 小明的店 ") == "小明的店"
    assert normalise("member", "12E5") == "12E5"
    assert normalise("unionid", "oWgGz1G0Pq") == "oWgGz1G0Pq"


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("buyer", "1.23E+18"),
        ("buyer", ""),
        ("buyer", "a\0b"),
        ("buyer", "\ud800"),
        ("buyer", "x" * 201),
        ("openid", "o 1"),
        ("unionid", "中文"),
        ("external_userid", "wm\n"),
        ("email", "a@b.cn"),
        ("buyer", 1),
        ("buyer", None),
    ],
)
def test_bad_identities_are_refused(kind, value):
    if value == "wm\n":
        assert normalise(kind, value) == "wm"  # surrounding white space is no part of an id
        return
    with pytest.raises(Invalid):
        normalise(kind, value)


@settings(deadline=None)
@given(st.sampled_from(KINDS), st.text(max_size=30))
def test_the_normal_form_is_its_own_normal_form(kind, value):
    try:
        once = normalise(kind, value)
    except Invalid:
        return
    assert normalise(kind, once) == once
