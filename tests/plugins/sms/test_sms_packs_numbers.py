"""Which cells become numbers, and the reason that each of the others is given."""

import random

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scrm_core.errors import Invalid
from scrm_sms.packs.numbers import NumberRules, read_number, shown
from scrm_sms.packs.reasons import REASONS
from scrm_sms.packs.rows import find_columns, later

CN, US = NumberRules("CN"), NumberRules("US")


@pytest.mark.parametrize(
    "cell",
    [
        *("13800138000", "+8613800138000", "008613800138000", "8613800138000", " 138 0013 8000 ", "138-0013-8000"),
        *("１３８００１３８０００", "+86 138 0013 8000", '="13800138000"', "'13800138000", "13800138000.0"),
        *("(+86)13800138000", "＋８６－１３８－００１３－８０００", "\t13800138000", "138\u00a00013\u00a08000"),
    ],
)
def test_every_spelling_of_a_number_is_one_number(cell):
    assert read_number(cell, CN) == ("+8613800138000", "")


@pytest.mark.parametrize(
    ("cell", "reason"),
    [
        ("", "empty"),
        ("   ", "empty"),
        ('=""', "empty"),
        ("138****8000", "masked"),
        ("138＊＊＊＊8000", "masked"),
        ("138xxxx8000", "masked"),
        ("1.38E+10", "lost_digits"),
        ("13800138000/13900139000", "several"),
        ("13800138000，13900139000", "several"),
        ("13800138000-1234", "virtual"),
        ("13800138000转1234", "virtual"),
        ("13800138000,1234", "virtual"),
        ("13800138000[1234]", "virtual"),
        ("138-0013-8000-1234", "virtual"),
        ("021-61234567", "landline"),
        ("(021)61234567", "landline"),
        ("+86 10 62345678", "landline"),
        ("021-61234567-8001", "landline"),
        ("400-820-8820", "not_mobile"),
        ("10690000123456", "not_mobile"),
        ("95588", "not_mobile"),
        ("+852 5123 4567", "foreign"),
        ("0085251234567", "foreign"),
        ("+1 212 555 2368", "foreign"),
        ("12800138000", "invalid"),
        ("1380013800", "invalid"),
        ("138001380000", "invalid"),
        ("abc", "invalid"),
        ("王小明", "invalid"),
        ("13800138000" * 20, "invalid"),
        ("\x00", "invalid"),
        ("=cmd|' /C calc'!A0", "invalid"),
    ],
)
def test_other_cells_are_dropped_with_their_reason(cell, reason):
    address, why = read_number(cell, CN)
    assert why == reason
    assert reason in REASONS
    assert set(shown(cell, address)) <= set("0123456789* ")
    assert "13800138000" not in shown(cell, address)


def test_foreign_mobiles_pass_where_they_are_allowed_and_landlines_do_not():
    open_rules = NumberRules("CN", foreign_allowed=True)
    assert read_number("+852 5123 4567", open_rules) == ("+85251234567", "")
    assert read_number("+886 912 345 678", open_rules) == ("+886912345678", "")
    assert read_number("+49 30 123456", open_rules)[1] == "landline"
    assert read_number("13800138000", open_rules) == ("+8613800138000", "")


def test_home_is_the_brands_country():
    assert read_number("(212) 736-5000", US) == ("+12127365000", "")
    assert read_number("+1 212 736 5000", US) == ("+12127365000", "")
    assert read_number("13800138000", US)[1] == "invalid"
    assert read_number("+8613800138000", US)[1] == "foreign"
    assert read_number("+1 416 555 0134", US)[1] in ("foreign", "invalid")
    assert read_number("+1 416 967 1111", US)[1] == "foreign"
    assert read_number("800 555 0199", US)[1] in ("not_mobile", "invalid")
    assert read_number("(212) 736-5000 x12", US)[1] == "virtual"


def test_numbers_that_a_platform_lends_out_are_dropped():
    rules = NumberRules("CN", virtual=("+86184",))
    assert read_number("18400001234", rules) == ("+8618400001234", "virtual")
    assert read_number("18500001234", rules)[1] == ""


def test_mainland_mobiles_are_what_the_library_calls_mobile():
    chance = random.Random(4)
    for _ in range(3_000):
        digits = f"1{chance.randrange(10**10):010d}"
        number = phonenumbers.parse(digits, "CN")
        kind = phonenumbers.number_type(number)
        mobile = phonenumbers.is_valid_number(number) and kind == phonenumbers.PhoneNumberType.MOBILE
        assert (read_number(digits, CN)[1] == "") == mobile, digits


@given(st.text(max_size=80))
def test_no_cell_breaks_the_reading(cell):
    address, reason = read_number(cell, CN)
    assert reason in REASONS or (reason == "" and address.startswith("+861"))
    assert set(shown(cell, address)) <= set("0123456789* ")


@pytest.mark.parametrize(
    ("header", "columns", "places"),
    [
        (["手机号"], {}, {"phone": 0}),
        (["订单编号", "收货人", "收货人手机", "订单创建时间"], {}, {"phone": 2, "name": 1, "ordered_at": 3, "order_number": 0}),
        (["联系电话", "收货人手机"], {}, {"phone": 1}),
        (["a", "b"], {"phone": "B"}, {"phone": 1}),
        (["手机号", "备用"], {"phone": "备用（必填）"}, {"phone": 1}),
        (["name", "phone"], {"name": "phone", "phone": "name"}, {"phone": 0, "name": 1}),
    ],
)
def test_columns_are_found_or_named(header, columns, places):
    assert find_columns(header, columns) == places


@pytest.mark.parametrize(
    ("header", "columns", "words"),
    [
        (["a", "b"], {}, "no column of phone numbers"),
        (["a", "b"], {"phone": "c"}, "no column 'c'; it has a, b"),
        (["a"], {"colour": "a"}, "unknown field 'colour'"),
        (["13800138000"], {}, "header line such as 手机号"),
    ],
)
def test_columns_that_are_not_there_are_named_in_the_error(header, columns, words):
    with pytest.raises(Invalid, match=words):
        find_columns(header, columns)


@pytest.mark.parametrize(
    ("one", "than", "answer"), [(2, 1, True), (1, 2, False), (1, 1, False), (1, None, True), (None, 1, False), (None, None, False)]
)
def test_a_later_order_takes_the_place_of_an_earlier_one(one, than, answer):
    assert later(one, than) is answer
